//! Fakes for the end-to-end tests, which are one binary: `cargo test -p celosia-tests --test e2e`.
//!
//! In reading order: how long a test waits ([`patience`]); pictures, how alike they are, and how one is searched for in bytes ([`picture`],
//! [`search`]), and secrets too ([`secrets`]); who can be somebody ([`operator`], [`person`]); who can misbehave ([`camera`], [`tape`], [`evil_relay`], [`evil_agent`]);
//! what an honest agent sees ([`source`], [`detector`]); who looks
//! ([`audience`]); all of them together ([`world`]); and the real programs ([`program`],
//! [`site`]), on disks that may be full ([`disk`]) and screens without glass ([`display`]), with clocks that may step ([`clock`]) and a way between
//! them that may be cut ([`path`]).
//!
//! A fake that cannot do its work fails the test, so everything here panics where a program would return an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod patience;

pub mod picture;
pub mod search;
pub mod secrets;

pub mod operator;
pub mod person;

pub mod camera;
pub mod tape;

pub mod evil_agent;
pub mod evil_relay;

pub mod detector;
pub mod source;

pub mod audience;
pub mod world;

pub mod clock;
pub mod disk;
pub mod display;
pub mod path;
pub mod program;
pub mod site;
