//! What Celosia costs: figures of the agent, the relay and the way between them, measured on the machine that runs this.
//!
//! Everything happens on loopback and below one folder, is bounded in number and time, and ends by itself. Where an aim is a ratio, both
//! of its sides are measured in the same run.
//!
//! In reading order: what is measured ([`agent`], [`video`], [`verification`], [`fanout`], [`live`], [`archive`]), what it is measured with
//! ([`camera`], [`publisher`], [`site`], [`relay`], [`child`], [`clock`], [`samples`]), and how it is told ([`figure`], [`machine`],
//! [`report`], [`command`]).

use std::path::PathBuf;

pub mod agent;
pub mod verification;
pub mod video;

pub mod fanout;

pub mod live;

pub mod archive;

pub mod camera;
pub mod publisher;

pub mod site;

pub mod relay;

pub mod child;

pub mod clock;
pub mod samples;

pub mod figure;
pub mod machine;
pub mod report;

pub mod command;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As much as the figures need to mean something: some minutes.
    Full,
    /// As little as shows that everything works: some seconds. The figures mean nothing.
    Tiny,
}

/// Where measuring takes place.
#[derive(Debug, Clone)]
pub struct Place {
    /// This program, which starts itself again as a sender.
    pub program: PathBuf,
    /// Where files go, in folders that are removed again.
    pub dir: PathBuf,
    /// Whether to say on standard error what is being measured.
    pub talk: bool,
}

impl Place {
    /// Says what is being measured.
    #[allow(clippy::print_stderr)]
    pub fn say(&self, what: &str) {
        if self.talk {
            eprintln!("measuring {what} …");
        }
    }
}
