//! `camera-agent enroll`.

use clap::Args;
use link::address::Relay;
use link::exit::{Code, Error, OrExit as _};
use link::tls::RootFingerprint;

use super::{Place, say};
use crate::capture::Clock;
use crate::enroll::{Wish, enroll};

/// What `relay-server camera invite` printed.
#[derive(Debug, Args)]
pub(super) struct Enroll {
    /// The relay, HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    relay: Relay,
    /// The fingerprint of the relay's root certificate; spaces and colons may stay.
    #[arg(long, value_name = "FINGERPRINT")]
    ca: RootFingerprint,
    /// The one-time token.
    #[arg(long)]
    token: Token,
}

/// A token, which no log shows.
#[derive(Clone)]
struct Token(String);

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Enroll {
    /// Enrols, and says what is next.
    pub(super) async fn carry_out(self, place: &Place) -> Result<(), Error> {
        let dir = place.config()?.camera.dir;
        let now = Clock::system().now().or_exit(Code::Usage)?;
        let wish = Wish { relay: self.relay, root: self.ca, token: self.token.0, dir };
        let enrolment = enroll(&wish, now.captured_at).await?;
        say(&format!("enrolled as {} at {}", enrolment.name, enrolment.relay))?;
        say(&format!("  camera id  {}", enrolment.id()))?;
        say(&format!("  folder     {} (keep camera.key: it is this camera)", wish.dir.display()))?;
        let dir = wish.dir.display();
        say("next, with the account of a person who owns the camera (`viewer register` makes one):")?;
        say(&format!(
            "  camera-agent viewers add NAME --owner --dir {dir}\n  camera-agent check --dir {dir}\n  camera-agent run --dir {dir}"
        ))
    }
}
