//! The viewer: watches a camera, verifies every frame, and lifts the masks for whoever holds the key.
//!
//! Who watches is somebody ([`account`], [`session`]) or nobody. In the way of a frame: reach the relay ([`relay`]), subscribe ([`watch`]) or read a file ([`recording`]), open what is ours ([`unlock`]), decode ([`decode`]),
//! paste inside the signed regions ([`compose`]), show ([`show`], or [`window`]). What people type is in [`command`].

pub mod account;
pub mod home;
pub mod relay;
pub mod session;

pub mod recording;
pub mod watch;

pub mod unlock;

pub mod decode;
pub mod picture;

pub mod compose;

pub mod show;
pub mod window;

pub mod command;
