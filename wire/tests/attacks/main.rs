//! Attacks on a stream, by subject, each with its negative control: without the manipulation the same stream is authentic, and without
//! the field or check that protects, the manipulated one would pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod camera;
mod control;
mod stream;

mod bytes;
mod forks;
mod honest;
mod layers;
mod live;
mod memory;
mod order;
mod sessions;
mod splice;
mod waiting;
mod withheld;
