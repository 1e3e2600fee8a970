//! Verification: frames through everything that the relay does to one between its socket and its viewers, on one core, against the bare
//! cryptography on the same bytes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use cpu_time::ThreadTime;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use relay_server::counters::Counters;
use relay_server::hub::Hub;
use relay_server::roster;
use relay_server::verify::camera::Way;
use relay_server::verify::{Cameras, Epoch, Full, Store};
use sha2::{Digest as _, Sha256};
use wire::frame::{Frame, SignedFrame};
use wire::id::{CameraId, Digest};
use wire::message::{self, Message};
use wire::verify::{Group, Verified};

use crate::camera::{Camera, Shape};
use crate::figure::{Aim, Figure, text};
use crate::samples::Samples;
use crate::{Place, Scale, clock, site};

/// Frames as they come from a socket, and what the bare cryptography takes of each.
struct Stream {
    camera: roster::Camera,
    record: wire::sign::SignedRecord,
    messages: Vec<Bytes>,
    frames: Vec<SignedFrame>,
    signed: Vec<Vec<u8>>,
    key: VerifyingKey,
}

/// Measures frames of 12, 40 and 156 kB.
///
/// # Errors
/// When a frame does not verify.
pub fn run(place: &Place, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (bytes, rounds) = match scale {
        Scale::Full => (40_000_000, 11),
        Scale::Tiny => (500_000, 1),
    };
    let mut figures = Vec::new();
    for size in [12_000, 40_000, 156_000] {
        place.say(&format!("verification of frames of {} kB", size / 1000));
        figures.extend(measure(size, bytes / size, rounds)?);
    }
    Ok(figures)
}

fn measure(size: usize, frames: usize, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    // Every picture a key frame, as with JPEG, and a sixteenth of it sealed: the dearest frames that there are.
    let stream = Stream::sign(Shape { bytes: size, sealed: size / 16, group: 1 }, frames)?;
    let (mut relay, mut bare) = (Samples::default(), Samples::default());
    for round in 0..=rounds {
        let (through, alone) = (stream.through_relay()?, stream.cryptography()?);
        // The first one warms up.
        if round > 0 {
            relay.push(frames as f64 / through.as_secs_f64());
            bare.push(frames as f64 / alone.as_secs_f64());
        }
    }
    let (relay, bare) = (relay.median(), bare.median());
    let name = format!("frames of {} kB verified per second and core", size / 1000);
    let (figure, ratio) = (Figure::new(name, relay, "frames/s"), 100.0 * relay / bare);
    let share = Figure::new(format!("frames of {} kB against the bare cryptography", size / 1000), ratio, "%");
    let note = format!("bare: {}", text(bare, "frames/s"));
    Ok(match size {
        12_000 => vec![figure.aim(Aim::AtLeast(15_000.0)), share.note(note)],
        _ => vec![figure, share.aim(Aim::AtLeast(85.0)).note(note)],
    })
}

impl Stream {
    fn sign(shape: Shape, count: usize) -> anyhow::Result<Self> {
        let key = SigningKey::from_bytes(&[3; 32]);
        let verifying = key.verifying_key();
        let mut camera = Camera::new(key, shape)?;
        let (mut messages, mut frames, mut signed) = (Vec::new(), Vec::new(), Vec::new());
        let mut previous = Digest::ZERO;
        for _ in 0..count {
            let frame = camera.frame(clock::now())?;
            let message = Message::Frame { subscription: 1, session: 1, frame: frame.bytes().clone() }.encode();
            let bytes = Frame::decode(frame.bytes().clone())?.signed_bytes(frame.context(), frame.layer_digests(), previous);
            previous = frame.digest();
            signed.push(bytes);
            messages.push(message);
            frames.push(frame);
        }
        let roster = roster::Camera { name: site::CAMERA.parse()?, id: camera.id(), chain: Vec::new(), since: clock::now() };
        Ok(Self { camera: roster, record: camera.record().clone(), messages, frames, signed, key: verifying })
    }

    /// What the relay does to a group's frames once its reader has read a message.
    fn through_relay(&self) -> anyhow::Result<Duration> {
        let counters = Arc::new(Counters::default());
        let cameras = Cameras::new(Arc::new(Hub::new()), Arc::new(Forgetful), Arc::clone(&counters));
        let camera = cameras.open(&self.camera);
        camera.record(self.record.clone(), Vec::new())?;
        let epoch = camera.epochs().get(self.record.digest()).context("the record is not known")?;
        let mut group: Option<Group> = None;
        let begun = ThreadTime::now();
        for message in &self.messages {
            let Message::Frame { frame, .. } = Message::decode(message.clone())? else { bail!("not a frame") };
            let frame = Frame::decode(frame)?;
            let (verified, previous) = match &frame.context {
                Some(context) => {
                    let previous = context.previous;
                    let (opened, verified) = Group::open(epoch.record(), frame)?;
                    group = Some(opened);
                    (verified, previous)
                }
                None => {
                    let group = group.as_mut().context("a session begins with a key frame")?;
                    let (_, previous) = group.last();
                    (group.next(frame)?, previous)
                }
            };
            camera.frame(verified, previous, &epoch, Way::Live)?;
        }
        let took = begun.elapsed();
        let live = counters.frames_live.get();
        if live != self.messages.len() as u64 {
            bail!("of {} frames only {live} reached the hub", self.messages.len());
        }
        Ok(took)
    }

    /// The signature, strictly, and SHA-256 of every byte of the frame: what no implementation can do without.
    fn cryptography(&self) -> anyhow::Result<Duration> {
        let signatures: Vec<Signature> = self
            .frames
            .iter()
            .map(|frame| {
                let bytes = frame.bytes();
                let tail = bytes.len().checked_sub(64).and_then(|at| bytes.get(at..));
                Signature::from_slice(tail.unwrap_or_default()).context("a frame without a signature")
            })
            .collect::<anyhow::Result<_>>()?;
        let mut all = 0;
        let begun = ThreadTime::now();
        for ((frame, signed), signature) in self.frames.iter().zip(&self.signed).zip(&signatures) {
            self.key.verify_strict(signed, signature)?;
            all ^= Sha256::digest(frame.bytes()).first().copied().unwrap_or_default();
        }
        let took = begun.elapsed();
        std::hint::black_box(all);
        Ok(took)
    }
}

/// An archive that keeps nothing: its own cost is measured apart.
struct Forgetful;

impl Store for Forgetful {
    fn camera(&self, _: CameraId, _: message::Camera) {}

    fn epoch(&self, _: &Epoch) {}

    fn frame(&self, _: &Arc<Verified<SignedFrame>>) -> Result<(), Full> {
        Ok(())
    }
}
