#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;

use axum::http::Method;

use super::reach::{self, Reach};
use super::*;
use crate::folder::Folder;
use crate::init::{self, Wish};
use crate::pki::host::Host;
use crate::roster::token::Token;
use crate::run::{self, Sockets};

struct Operator {
    _dir: tempfile::TempDir,
    config: Config,
}

impl Operator {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name: Host = "127.0.0.1".parse().unwrap();
        let wish = Wish { name: name.clone(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
        let made = init::init(&wish, Clock::system().now()).unwrap();
        Self { _dir: dir, config: Config::new(&name, made.folder.path()) }
    }

    async fn start(&self) -> (run::Relay, link::shutdown::Shutdown) {
        let stop = link::shutdown::Shutdown::new();
        let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        (run::Relay::start(self.config.clone(), sockets, Clock::system(), stop.clone()).await.unwrap(), stop)
    }

    async fn reach(&self) -> Reach {
        Reach::find(self.config.clone(), Clock::system()).await.unwrap()
    }

    async fn invite(&self, name: &str, replace: bool, valid_seconds: u64) -> Result<Invited, reach::Error> {
        let invite = Invite { name: name.to_owned(), replace, valid_seconds };
        self.reach().await.call(Method::POST, "/v1/camera/invite", Some(&invite)).await
    }

    async fn list(&self) -> Vec<Listed> {
        self.reach().await.call(Method::GET, "/v1/camera/list", None::<&()>).await.unwrap()
    }
}

fn code(refused: Result<Invited, reach::Error>) -> String {
    match refused {
        Err(reach::Error::Refused(written)) => written.code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn commands_work_without_the_relay() {
    let operator = Operator::new();
    assert!(matches!(operator.reach().await, Reach::Here(_)));
    let invited = operator.invite("front-door", false, 3600).await.unwrap();
    assert_eq!(invited.relay, "127.0.0.1:7443");
    assert!(invited.token.parse::<Token>().is_ok());
    let wanted = format!("camera-agent enroll --relay 127.0.0.1:7443 --ca {} --token {}", invited.root, invited.token);
    assert_eq!(invited.command, wanted);
    assert!(operator.list().await.is_empty());
}

#[tokio::test]
async fn commands_work_while_the_relay_runs() {
    let operator = Operator::new();
    let (relay, stop) = operator.start().await;
    let socket = Folder::at(&operator.config.dir).admin_socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(operator.reach().await, Reach::Running(_)));
    let invited = operator.invite("front-door", false, 3600).await.unwrap();
    assert_eq!(invited.relay, relay.address().to_string());
    // What a command did is there at once for the relay.
    let now = relay.base.clock.now();
    relay.base.roster.admits(&invited.token.parse::<Token>().unwrap().hash(), now).unwrap();
    stop.drain();
    relay.ended().await.unwrap();
    assert!(!socket.exists());
    // And afterwards for the next one.
    assert!(matches!(operator.reach().await, Reach::Here(_)));
}

#[tokio::test]
async fn refusals_are_the_same_either_way() {
    let operator = Operator::new();
    let mut stop = None;
    for running in [false, true] {
        if running {
            stop = Some(operator.start().await);
        }
        assert_eq!(code(operator.invite("X", false, 3600).await), "name", "{running}");
        assert_eq!(code(operator.invite("front-door", false, 1).await), "validity", "{running}");
        assert_eq!(code(operator.invite("front-door", false, u64::MAX).await), "validity", "{running}");
        let unknown: Result<Invited, _> = operator.reach().await.call(Method::GET, "/v1/nothing", None::<&()>).await;
        assert_eq!(code(unknown), "not-found");
    }
    drop(stop);
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced() {
    let operator = Operator::new();
    let socket = Folder::at(&operator.config.dir).admin_socket();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    assert!(matches!(operator.reach().await, Reach::Here(_)));
    let (_relay, _stop) = operator.start().await;
    assert!(matches!(operator.reach().await, Reach::Running(_)));
}

#[tokio::test]
async fn a_roster_that_somebody_else_has_is_busy() {
    let operator = Operator::new();
    let _held = Roster::open(&Folder::at(&operator.config.dir).roster()).unwrap();
    let error = Reach::find(operator.config.clone(), Clock::system()).await.err().unwrap();
    assert!(matches!(error, reach::Error::Roster(Error::Busy(_))), "{error}");
}
