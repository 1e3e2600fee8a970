//! The codec `h264`: one stream of what everybody may see, and one per label in use of what is sealed.
//!
//! The public stream is made of the masked picture and of nothing else. A label's stream is made of its regions' originals on a
//! [`canvas`], with the masked picture around them: it holds no original pixel of another label. A label whose regions are
//! gone is not encoded until they come back, or until the next group begins without it.
//!
//! A key frame opens a group in all streams at once: when the group's time is up by the capture clock, when one is asked for, when the
//! picture's size changes, when a label comes that the group does not have, and when regions find no place on their canvas. How many bits
//! each stream may take is said in [`rate`].

mod blocks;
mod canvas;
mod rate;
mod stream;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::context::Codec;
use wire::label::Label;
use wire::region::Region;

use super::{Clear, Encoded, Encoder, Error};
use crate::mask::Masked;
use crate::picture::Size;
use blocks::Blocks;
use canvas::Canvas;
pub use rate::Rate;
use rate::{AIM, Budget, Tempo, Weight};
use stream::{Stream, Target};

/// The least part of the bitrate that a stream aims at, and the most that all sealed ones do together.
const LEAST: f64 = 0.03;
const MOST: f64 = 0.9;

/// Encodes with a rate and a length of groups.
pub(super) struct H264 {
    rate: Rate,
    group: Duration,
    budget: Budget,
    tempo: Tempo,
    /// The next picture is a key frame.
    forced: bool,
    /// When the running group began.
    began: Option<Instant>,
    public: Option<Stream>,
    sealed: BTreeMap<Label, Sealed>,
}

/// One label's stream.
struct Sealed {
    canvas: Canvas,
    stream: Stream,
    weight: Weight,
}

impl H264 {
    pub(super) fn new(rate: Rate, group: Duration) -> Result<Self, Error> {
        if let Rate::Quantiser(quantiser) = rate
            && !(12..=51).contains(&quantiser)
        {
            return Err(Error::Quantiser(quantiser));
        }
        Ok(Self {
            rate,
            group,
            budget: Budget::new(rate),
            tempo: Tempo::new(),
            forced: true,
            began: None,
            public: None,
            sealed: BTreeMap::new(),
        })
    }

    /// Whether a picture opens a group, as far as that can be said without looking for places on the canvases.
    fn is_due(&self, masked: &Masked) -> bool {
        let same_size = self.public.as_ref().is_some_and(|stream| stream.size() == masked.planes().size());
        // Half an interval early is nearer than half an interval late.
        let over = self.began.is_none_or(|began| masked.at() + self.tempo.interval() / 2 >= began + self.group);
        self.forced || !same_size || over || masked.plan().regions().iter().any(|region| !self.sealed.contains_key(&region.label))
    }

    /// Finds every region a place on its label's canvas, within the group.
    fn follows(&mut self, masked: &Masked) -> bool {
        let size = masked.planes().size();
        self.sealed.iter_mut().all(|(label, sealed)| sealed.canvas.follow(&of(masked, *label), size))
    }

    /// Begins a group: which labels it has, on which canvases, and how many bits each stream may take.
    fn open(&mut self, masked: &Masked) -> Result<(), Error> {
        let size = masked.planes().size();
        let mut before = std::mem::take(&mut self.sealed);
        let public = self.public.as_mut().and_then(Stream::quantiser);
        let mut labels: Vec<Label> = masked.plan().regions().iter().map(|region| region.label).collect();
        labels.sort();
        labels.dedup();
        let mut parts = BTreeMap::new();
        for label in &labels {
            let regions = of(masked, *label);
            let (canvas, stream, weight) = match before.remove(label) {
                Some(Sealed { canvas, mut stream, weight }) => {
                    let weight = weight.after(stream.quantiser(), public);
                    (Some(canvas), Some(stream), weight)
                }
                None => (None, None, Weight::START),
            };
            let canvas = Canvas::new(&regions, size, canvas);
            let canvas = canvas.ok_or_else(|| Error::Codec("its regions find no place on a canvas".to_owned()))?;
            parts.insert(*label, (canvas, stream, weight, weight.part(shown(&regions, size), Blocks::whole(size).area())));
        }
        let wanted: f64 = parts.values().map(|(.., part)| part.max(LEAST)).sum();
        let fits = (MOST / wanted.max(MOST)).min(1.0);
        for (label, (canvas, stream, weight, part)) in parts {
            let target = self.target(part.max(LEAST) * fits);
            let stream = continued(stream, canvas.planes().size(), self.rate, target)?;
            self.sealed.insert(label, Sealed { canvas, stream, weight });
        }
        let target = self.target(1.0 - wanted * fits);
        let stream = continued(self.public.take(), size, self.rate, target)?;
        self.public = Some(stream);
        self.began = Some(masked.at());
        Ok(())
    }

    fn target(&self, part: f64) -> Target {
        let bitrate = match self.rate {
            Rate::Bitrate(bits) => f64::from(bits) * AIM * part,
            // As good as no limit: the quantiser is fixed.
            Rate::Quantiser(_) => 50_000_000.0,
        };
        Target { bitrate: bitrate.max(8000.0) as u32, pictures: self.tempo.pictures() }
    }

    fn streams(&mut self, masked: &Masked) -> Result<Encoded, Error> {
        let key = self.is_due(masked) || !self.follows(masked);
        // Until everything has worked, the streams are not what the next picture could continue.
        self.forced = true;
        if key {
            self.open(masked)?;
        }
        let mut public = Vec::new();
        let stream = self.public.as_mut().ok_or_else(|| Error::Codec("no group has begun".to_owned()))?;
        stream.encode(masked.planes(), key, &mut public)?;
        let mut sealed = Vec::with_capacity(self.sealed.len());
        for (label, layer) in &mut self.sealed {
            sealed.push(Clear { label: *label, plaintext: layer.encode(masked, *label, key)? });
        }
        self.forced = false;
        self.budget.take(public.len() + sealed.iter().map(|layer| layer.plaintext.len()).sum::<usize>(), key);
        Ok(Encoded {
            number: masked.number(),
            captured_at: masked.captured_at(),
            at: masked.at(),
            codec: Codec::H264,
            key,
            plan: masked.plan().clone(),
            public: public.into(),
            sealed,
        })
    }
}

impl Sealed {
    fn encode(&mut self, masked: &Masked, label: Label, key: bool) -> Result<Vec<u8>, Error> {
        let originals = masked.originals().iter().map(|patch| &patch.planes);
        let own = masked.plan().regions().iter().zip(originals).filter(|(region, _)| region.label == label);
        let count = u8::try_from(own.clone().count()).map_err(|_| Error::Codec("there are more than 255 regions".to_owned()))?;
        let mut plaintext = vec![count];
        if count == 0 {
            return Ok(plaintext);
        }
        let byte = |blocks: u16| u8::try_from(blocks).map_err(|_| Error::Codec("its canvas is too large".to_owned()));
        let (columns, rows) = self.canvas.blocks();
        plaintext.extend([byte(columns)?, byte(rows)?]);
        let nowhere = || Error::Codec("a region has no place on its canvas".to_owned());
        for (number, (region, _)) in own.clone().enumerate() {
            let (column, row) = self.canvas.position(number, region).ok_or_else(nowhere)?;
            plaintext.extend([byte(column)?, byte(row)?]);
        }
        self.canvas.paint(masked.planes(), own).ok_or_else(nowhere)?;
        self.stream.encode(self.canvas.planes(), key, &mut plaintext)?;
        Ok(plaintext)
    }
}

impl Encoder for H264 {
    fn codec(&self) -> Codec {
        Codec::H264
    }

    fn force_key(&mut self) {
        self.forced = true;
    }

    fn has_room(&mut self, masked: &Masked) -> bool {
        self.tempo.tick(masked.at());
        self.budget.allows(masked.at(), self.is_due(masked))
    }

    fn encode(&mut self, masked: &Masked) -> Result<Encoded, Error> {
        self.streams(masked)
    }
}

/// The stream that was there, aiming at something else, or a new one where the size is another.
fn continued(stream: Option<Stream>, size: Size, rate: Rate, target: Target) -> Result<Stream, Error> {
    match stream.filter(|stream| stream.size() == size) {
        Some(mut stream) => {
            stream.aim(target)?;
            Ok(stream)
        }
        None => Stream::new(size, rate, target),
    }
}

/// The regions of a label.
fn of(masked: &Masked, label: Label) -> Vec<Region> {
    masked.plan().regions().iter().filter(|region| region.label == label).copied().collect()
}

/// How many blocks a canvas shows of the picture: the regions and their margins, roughly.
fn shown(regions: &[Region], size: Size) -> u32 {
    let whole = Blocks::whole(size);
    regions.iter().map(|region| Blocks::of(region).grown(whole).area()).sum::<u32>().min(whole.area())
}

#[cfg(test)]
mod tests;
