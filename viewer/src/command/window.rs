//! `viewer watch --window`: the window on the main thread, the network on the runtime's.

use std::sync::Arc;

use link::exit::{Code, Error, OrExit as _};
use link::shutdown::Shutdown;
use tokio::runtime::Runtime;
use tokio::sync::watch::channel;
use wire::id::Micros;
use wire::message::Span;

use super::span::span;
use super::target::{Ask, close, introduction, judge, subscribe};
use super::watch::{Command, Line};
use crate::home::Home;
use crate::unlock::Unlock;
use crate::window::app::Setup;
use crate::window::display::{Display, Wake};
use crate::window::feed::{Feed, Parts};
use crate::window::inbox::Inbox;
use crate::window::masks::Masks;
use crate::window::wish::Wish;

/// Shows a camera in a window, until somebody closes it.
pub(super) fn run(command: Command, home: Home, runtime: &Runtime) -> Result<(), Error> {
    let (span, pace) = (span(command.from, command.to)?, command.pace()?);
    // First of all: whoever has no screen need not type a password.
    let display = Display::open()?;
    let (pass, unlock) = runtime.block_on(command.unlocking.at(&home, &command.camera.relay, &command.accept))?;
    let (live, has_key) = (span == Span::Live, unlock.is_some());
    let recipient = unlock.as_ref().map(Unlock::fingerprint);

    let command = Arc::new(command);
    let ask = Ask { camera: &command.camera, span, pace, key_frames_only: false };
    let (watch, notes) = runtime.block_on(subscribe(&home, &ask, &pass, recipient, &command.accept, None))?;
    let mut line = Line::new(command.json);
    line.introduce(&introduction(&command.camera, watch.camera(), unlock.as_ref(), &notes));

    let waker = display.waker();
    let inbox = Arc::new(Inbox::new({
        let waker = waker.clone();
        move || waker.wake(Wake::News)
    }));
    let (wishes, wished) = channel(Wish::All);
    let stop = Shutdown::new();
    let masks = Masks::new(unlock, command.unlocking.asked()).or_exit(Code::Internal)?;
    let from = match span {
        Span::Live => Micros(0),
        Span::Range { from, .. } => from,
    };
    let feed = Feed::new(Parts {
        watch,
        masks,
        inbox: Arc::clone(&inbox),
        wishes: wished,
        stop: stop.clone(),
        live,
        from,
        frames: command.frames,
    });
    let reopen = {
        let (command, home) = (Arc::clone(&command), home.clone());
        move |newest| {
            let (command, home, pass) = (Arc::clone(&command), home.clone(), pass.clone());
            async move {
                let ask = Ask { camera: &command.camera, span, pace, key_frames_only: false };
                Ok(subscribe(&home, &ask, &pass, recipient, &command.accept, newest).await?.0)
            }
        }
    };
    let feeding = runtime.spawn({
        let (stop, waker) = (stop.clone(), waker.clone());
        async move {
            // Ctrl-C closes the window.
            let signals = stop.on_signals().or_exit(Code::Internal);
            let end = feed.run(reopen, |status, report| line.show(status, report)).await;
            waker.wake(Wake::Quit);
            signals.map(|()| (end, line))
        }
    });

    let shown = display.run(Setup {
        camera: command.camera.to_string(),
        files: command.camera.name.to_string(),
        inbox,
        wishes,
        has_key,
        live,
        waker,
        say: if command.json { |said| eprintln!("{said}") } else { |said| println!("{said}") },
    });
    stop.drain();
    let (end, line) = runtime.block_on(feeding).or_exit(Code::Internal)??;
    line.finish(&end.status, &end.report);
    runtime.block_on(close(end.watch, live, &home))?;
    shown?;
    end.result?;
    judge(&end.report)
}
