//! The relay: checks every frame, keeps it, and fans it out. It holds no key that opens a sealed layer.
//!
//! ```text
//! accept → verify → ┬→ hub → every live viewer (newest wins)
//!                   └→ archive → replay
//! ```
//!
//! In reading order, which is the way of a frame and then of what surrounds it: a stranger becomes a peer ([`accept`], [`control`]); what
//! an agent sends is verified ([`verify`]), goes to everyone who watches now ([`hub`]) and is kept ([`archive`]); whoever may see it
//! ([`access`]) is sent it ([`serve`]), by who has an account ([`accounts`]), and on the record ([`audit`]). What all of that may cost is
//! bounded ([`limits`]) and counted ([`counters`]), and whoever watches over the relay reads that ([`metrics`], [`watchdog`]). Then who belongs to
//! the relay ([`roster`]) and who vouches for whom ([`pki`]); what is configured ([`config`]); what is asked over HTTPS ([`web`]) and by
//! the operator ([`admin`], [`command`]); and how all of it starts and stops ([`run`]).

#![deny(clippy::indexing_slicing)]

pub mod accept;

pub mod control;

pub mod verify;

pub mod hub;

pub mod archive;

pub mod accounts;

pub mod audit;

pub mod access;
pub mod serve;

pub mod counters;
pub mod limits;
pub mod metrics;
pub mod parts;
pub mod watchdog;

pub mod roster;

pub mod pki;

pub mod config;
pub mod folder;
pub mod init;

pub mod clock;
pub mod gate;
pub mod moment;

pub mod answer;
pub mod web;

pub mod admin;

pub mod run;

pub mod check;
pub mod command;

#[cfg(test)]
#[path = "../tests/streaming/fakes/camera.rs"]
#[allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
mod fake;
