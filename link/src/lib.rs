//! Being a peer: what the agent, the relay and the viewer all need to find each other, trust each other, talk, and stop.
//!
//! This crate knows sockets, certificates, files of settings and signals. It knows nothing of frames: a message is opaque
//! [`bytes::Bytes`] here, whose meaning is the crate `wire`'s, and it holds no key that opens a sealed layer.
//!
//! In reading order: how a peer is named ([`address`]) and trusted ([`tls`], [`camera_certificate`], [`pins`]); how it is reached
//! ([`endpoint`], [`stream`], [`recording`], [`api`]); what happens under pressure, loss and at the end ([`queue`], [`retry`], [`shutdown`]); and
//! what every program does at its edges ([`settings`], [`mod@file`], [`telemetry`], [`exit`]).

#![deny(clippy::indexing_slicing)]

pub mod address;

pub mod tls;

pub mod camera_certificate;

pub mod pins;

pub mod endpoint;
pub mod recording;
pub mod stream;

pub mod api;

pub mod queue;
pub mod retry;
pub mod shutdown;

pub mod settings;

pub mod file;

pub mod telemetry;

pub mod exit;
