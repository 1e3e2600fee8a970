//! Sealing and opening: who can see what the masks hide.
//!
//! The agent seals with this crate and a viewer opens with it. The relay is built without it: no content key, group secret, unwrapped
//! viewer key or password ever reaches the machine in the middle. Like `wire`, this crate opens no socket and no file, reads no clock
//! and logs nothing; it asks the operating system for randomness, and for nothing else.
//!
//! In reading order: how a secret is held ([`secret`]) and the whole hierarchy of keys on one page ([`keys`]); what happens to every frame
//! ([`nonce`], [`layer`]); how a content key reaches a viewer ([`grant`], [`identity`], [`public`]); and how a viewer's keys are kept under
//! a password ([`password`], [`recovery`], [`wrap`], [`mod@file`]). `KEYS.md` beside this crate draws the bytes.
//!
//! Nothing here authenticates a layer: that is the camera's signature, which `wire` verifies first. Verify, then open.
//!
//! ```
//! use seal::{grant, identity::Identity, keys::ContentKey, layer::{Draft, GroupOpener, GroupSealer}, nonce::Nonces};
//! # use wire::{id::{CameraId, SessionId}, label::Label};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scope = grant::Scope {
//! #     camera: CameraId([1; 32]), session: SessionId { number: 1, nonce: [2; 16] }, epoch: 0, label: Label::FACE, name: "face".parse()?,
//! # };
//! let guard = Identity::generate()?;
//!
//! // The agent: a key per epoch and label, wrapped for whoever may see; a sealer per group; a nonce per layer.
//! let key = ContentKey::random()?;
//! let given = grant::wrap(&key, &scope, &guard.public())?;
//! let mut nonces = Nonces::new();
//! let mut sealer = GroupSealer::new(&key.group(0));
//! let mut draft = Draft::with_capacity(64);
//! draft.put(b"a face");
//! let mut frame = nonces.frame(17)?;
//! let sealed = sealer.seal(frame.layer(1)?, draft)?;
//!
//! // The viewer: the grant gives the key back, the group's first layer shows that it is the right one.
//! let key = grant::open(&guard, &given, &scope)?;
//! let opener = GroupOpener::start(&key.group(0), 17, 1, &sealed)?;
//! let mut picture = Vec::new();
//! opener.open(17, 1, &sealed, &mut picture)?;
//! assert_eq!(picture, b"a face");
//! # Ok(())
//! # }
//! ```

#![deny(clippy::indexing_slicing)]

pub mod secret;

pub mod keys;

pub mod nonce;

pub mod layer;

pub mod grant;
pub mod identity;
pub mod public;

pub mod password;
pub mod recovery;

pub mod wrap;

pub mod file;

#[cfg(test)]
mod vectors;
