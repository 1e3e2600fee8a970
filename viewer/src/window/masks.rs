//! Lifting and lowering the masks: the running group is kept as it came, sealed, so that its newest picture can be composed anew from the
//! public layer and from what shall be open now. What was decrypted before goes with the decoder that held it.

use std::collections::BTreeSet;
use std::sync::Arc;

use wire::frame::{LayerKind, SignedFrame};
use wire::grants::Grant;
use wire::region::Region;
use wire::verify::{Record, Verified};

use super::view::{Frame, InUse, State};
use super::wish::Wish;
use crate::compose::compose;
use crate::decode::{self, Decoder};
use crate::unlock::{Opened, Unlock};

/// A group that is longer on the wire is not kept: what is lifted then changes with the next group.
const MAX_GROUP: usize = 64 << 20;

/// A verified frame with what opens it.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The frame.
    pub frame: Box<Verified<SignedFrame>>,
    /// The record that it is sealed under.
    pub record: Arc<Verified<Record>>,
    /// Our own grants under it.
    pub grants: Vec<Grant>,
}

/// Composes frames with the masks lifted that are wished to be, and only those.
#[derive(Debug)]
pub struct Masks {
    unlock: Option<Unlock>,
    /// What was asked for when the program started.
    asked: Option<BTreeSet<String>>,
    wish: Wish,
    decoder: Decoder,
    group: Vec<Arrived>,
    bytes: usize,
    /// Every label that has been in use, in the order in which they came: a label keeps its key.
    labels: Vec<String>,
}

impl Masks {
    /// Masks that this key lifts, of these labels or of all.
    ///
    /// # Errors
    /// When there is no decoder.
    pub fn new(unlock: Option<Unlock>, asked: Option<BTreeSet<String>>) -> Result<Self, decode::Error> {
        let decoder = Decoder::new()?;
        Ok(Self { unlock, asked, wish: Wish::All, decoder, group: Vec::new(), bytes: 0, labels: Vec::new() })
    }

    /// The next frame as it is to be shown.
    ///
    /// # Errors
    /// When it is no picture.
    pub fn take(&mut self, arrived: Arrived) -> Result<Frame, decode::Error> {
        if arrived.frame.header().flags.key {
            self.group.clear();
            self.bytes = 0;
        }
        self.name(&arrived);
        let frame = self.compose(&arrived);
        self.bytes = self.bytes.saturating_add(arrived.frame.bytes().len());
        if self.bytes <= MAX_GROUP {
            self.group.push(arrived);
        } else {
            self.group.clear();
        }
        frame
    }

    /// Lifts and lowers, and gives the newest frame composed anew; none if there is none, or it is no picture.
    ///
    /// # Errors
    /// When there is no decoder.
    pub fn change(&mut self, wish: Wish) -> Result<Option<Frame>, decode::Error> {
        self.wish = wish;
        if let Some(unlock) = &mut self.unlock {
            unlock.want(self.wish.within(self.asked.as_ref()));
        }
        // Whatever the old one decrypted goes with it. The new one sees the group from its beginning, as codecs need it.
        self.decoder = Decoder::new()?;
        let group = std::mem::take(&mut self.group);
        let newest = group.iter().map(|arrived| self.compose(arrived)).last();
        self.group = group;
        newest.transpose()
    }

    fn compose(&mut self, arrived: &Arrived) -> Result<Frame, decode::Error> {
        let Arrived { frame, record, grants } = arrived;
        // Masks that are lowered are not opened and then hidden: nothing is decrypted.
        let opened = match &mut self.unlock {
            Some(unlock) if !self.wish.is_none() => unlock.open(frame, record, grants),
            _ => Opened::default(),
        };
        let composed = compose(&mut self.decoder, frame, &opened)?;
        let labels = &record.record().labels;
        let name = |region: &Region| labels.name(region.label).unwrap_or("?").to_owned();
        let in_use = frame.layers().iter().filter_map(|layer| match layer.kind {
            LayerKind::Sealed(label) => Some(label),
            LayerKind::Public => None,
        });
        let in_use = in_use.map(|label| {
            let name = labels.name(label).unwrap_or("?").to_owned();
            let state = if let Some((_, error)) = composed.broken.iter().find(|(broken, _)| *broken == label) {
                State::Closed(error.to_string())
            } else if opened.layers.iter().any(|(open, _)| *open == label) {
                State::Lifted
            } else if let Some((_, error)) = opened.closed.iter().find(|(closed, _)| *closed == label) {
                State::Closed(error.to_string())
            } else {
                State::Lowered
            };
            let regions = frame.header().regions.iter().filter(|region| region.label == label).count();
            InUse { key: self.labels.iter().position(|known| *known == name).unwrap_or(usize::MAX), name, state, regions }
        });
        Ok(Frame {
            in_use: in_use.collect(),
            lifted: composed.lifted.iter().map(|region| (*region, name(region))).collect(),
            picture: composed.picture,
            place: (frame.context().session.number, frame.header().sequence),
            captured_at: frame.header().captured_at,
            fail_closed: frame.header().flags.fail_closed.then_some(frame.header().flags.detector),
        })
    }

    /// Gives new labels their keys.
    fn name(&mut self, arrived: &Arrived) {
        let names = &arrived.record.record().labels;
        for layer in arrived.frame.layers() {
            if let LayerKind::Sealed(label) = layer.kind
                && let Some(name) = names.name(label)
                && !self.labels.iter().any(|known| known == name)
            {
                self.labels.push(name.to_owned());
            }
        }
    }
}
