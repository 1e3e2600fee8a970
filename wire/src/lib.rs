//! The format: what a frame, an epoch record and a message are, byte for byte, and how they are verified.
//!
//! This crate cannot touch the world. It opens no socket and no file, reads no clock, spawns nothing and logs nothing; whoever calls it
//! hands in the bytes and the time. It also holds no key that opens a sealed layer: that is the crate `seal`, which the relay is built without.
//!
//! In reading order: the small words ([`id`], [`label`], [`region`]), what is signed ([`epoch`], [`context`], [`frame`]), how it is
//! signed and verified ([`sign`], [`verify`]), what a viewer may conclude ([`verdict`], [`assess`]), and what peers say to each
//! other ([`message`]). `FORMAT.md` beside this crate draws the bytes.

#![deny(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod bytes;
pub mod id;
pub mod label;
pub mod region;

pub mod context;
pub mod epoch;
pub mod frame;
pub mod grants;

pub mod sign;
pub mod verify;

pub mod merkle;
pub mod receipt;

pub mod assess;
pub mod verdict;

pub mod message;
