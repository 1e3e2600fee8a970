//! The agent beside a camera: capture → detect → mask → encode → seal → sign → publish (with a spool on disk).
//!
//! The modules stand in the order in which a picture passes through them, and a type per stage carries the rules: a
//! [`picture::Picture`] shows everything, [`mask::Masked`] is the only thing that the public encoder takes, what it gives
//! ([`encode::Encoded`]) is the only thing that is sealed, and only what is sealed ([`sealing::Sealed`]) is signed and published.
//!
//! [`pipeline`] alone knows that order. Around it stand what an agent remembers ([`enroll`], [`session`], [`viewers`], [`person`]), what it is
//! told ([`config`]), and what people do with it ([`agent`], [`snapshot`], [`check`], [`evaluate`], [`command`]).

pub mod picture;

pub mod capture;

pub mod detect;

pub mod mask;

pub mod encode;

pub mod sealing;
pub mod sign;

pub mod spool;

pub mod publish;
pub mod recording;

pub mod pipeline;
pub mod timing;

pub mod enroll;
pub mod person;
pub mod session;
pub mod viewers;

pub mod config;

pub mod agent;
pub mod check;
pub mod evaluate;
pub mod snapshot;

pub mod command;

#[cfg(test)]
mod testing;
