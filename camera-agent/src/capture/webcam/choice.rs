//! Which of the formats that a camera offers is taken, and why.

use std::fmt;

use nokhwa::utils::FrameFormat;
use serde::{Serialize, Serializer};

use crate::picture::Size;

/// What is converted, the cheapest first. A camera that delivers nothing but grey (GREY) or another format is refused.
pub(super) const FORMATS: [FrameFormat; 5] =
    [FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::MJPEG, FrameFormat::RAWRGB, FrameFormat::RAWBGR];

/// A format that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second.
    pub rate: u32,
    #[serde(serialize_with = "as_text")]
    pub(super) format: FrameFormat,
}

fn as_text<S: Serializer>(format: &FrameFormat, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(format)
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{} {} at {} pictures a second", self.width, self.height, self.format, self.rate)
    }
}

impl Offer {
    /// Of so many pixels and pictures a second.
    pub(crate) const fn new((width, height): (u32, u32), format: FrameFormat, rate: u32) -> Self {
        Self { width, height, rate, format }
    }

    fn same_size(&self, other: &Self) -> bool {
        (self.width, self.height) == (other.width, other.height)
    }

    /// Its place among the formats that are converted.
    fn cost(&self) -> Option<usize> {
        FORMATS.iter().position(|format| *format == self.format)
    }
}

/// Offers in a few words, one size and format after the other with its rates: `640×480 YUYV at 30 and 15`.
#[must_use]
pub fn told(offers: &[Offer]) -> String {
    let mut kinds: Vec<(Offer, Vec<u32>)> = Vec::new();
    for offer in offers {
        match kinds.iter_mut().find(|(kind, _)| kind.same_size(offer) && kind.format == offer.format) {
            Some((_, rates)) if rates.contains(&offer.rate) => {}
            Some((_, rates)) => rates.push(offer.rate),
            None => kinds.push((*offer, vec![offer.rate])),
        }
    }
    kinds.sort_by_key(|(kind, _)| (std::cmp::Reverse((kind.width, kind.height)), kind.cost().unwrap_or(FORMATS.len())));
    let kind = |(kind, mut rates): (Offer, Vec<u32>)| {
        rates.sort_unstable_by(|a, b| b.cmp(a));
        let rates: Vec<String> = rates.iter().map(u32::to_string).collect();
        let rates = match rates.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        };
        let usable = if kind.cost().is_some() { "" } else { " (not converted)" };
        format!("{}×{} {} at {rates}{usable}", kind.width, kind.height, kind.format)
    };
    kinds.into_iter().map(kind).collect::<Vec<_>>().join("; ")
}

/// What is wanted of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The size.
    pub size: Size,
    /// Pictures a second.
    pub rate: u32,
}

impl Wish {
    /// The offers that can be used, the best first: nearest size, then fast enough, then cheap to convert.
    #[must_use]
    pub fn choose(&self, offers: &[Offer]) -> Vec<Offer> {
        let possible = |offer: &Offer| offer.rate > 0 && Size::new(offer.width as usize, offer.height as usize).is_ok();
        let mut usable: Vec<_> = offers.iter().copied().filter(|offer| offer.cost().is_some() && possible(offer)).collect();
        usable.sort_by_key(|offer| {
            let distance = offer.width.abs_diff(self.size.width().into()) + offer.height.abs_diff(self.size.height().into());
            (distance, self.rate.saturating_sub(offer.rate), offer.cost(), offer.rate)
        });
        usable.dedup();
        usable
    }

    /// Why this one of them.
    #[must_use]
    pub fn reason(&self, chosen: &Offer, offers: &[Offer]) -> String {
        let mut reasons = Vec::new();
        if self.has_size(chosen) {
            reasons.push("the size that is asked for".to_owned());
        } else {
            reasons.push(format!("the size nearest to {}", self.size));
        }
        let there = || offers.iter().filter(|offer| offer.same_size(chosen) && offer.cost().is_some());
        if chosen.rate < self.rate {
            reasons.push(format!("no format reaches {} pictures a second there", self.rate));
        } else if let Some(slower) = there().filter(|offer| offer.cost() < chosen.cost()).max_by_key(|offer| offer.rate) {
            reasons.push(format!("{} reaches only {} there", slower.format, slower.rate));
        } else if there().any(|offer| offer.cost() > chosen.cost() && offer.rate >= self.rate) {
            reasons.push("cheaper to convert than the others that are fast enough".to_owned());
        }
        reasons.join(", ")
    }

    /// What of the wish this one does not fulfil.
    #[must_use]
    pub fn shortfall(&self, chosen: &Offer) -> Option<String> {
        let slow = format!("the camera delivers {} pictures a second and {} are asked for", chosen.rate, self.rate);
        let other = format!("the camera delivers {}×{} and {} is asked for", chosen.width, chosen.height, self.size);
        let size = if self.has_size(chosen) { "at this size it offers no more; a smaller one may be faster" } else { other.as_str() };
        (chosen.rate < self.rate).then(|| format!("{slow}: {size}"))
    }

    fn has_size(&self, offer: &Offer) -> bool {
        (offer.width, offer.height) == (self.size.width().into(), self.size.height().into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const WISH: (usize, usize, u32) = (1280, 720, 30);

    fn wish() -> Wish {
        Wish { size: Size::new(WISH.0, WISH.1).unwrap(), rate: WISH.2 }
    }

    #[test]
    fn the_nearest_size_then_speed_then_cost_decide() {
        let hd = (1280, 720);
        let yuyv_slow = Offer::new(hd, FrameFormat::YUYV, 10);
        let yuyv = Offer::new(hd, FrameFormat::YUYV, 30);
        let mjpeg = Offer::new(hd, FrameFormat::MJPEG, 30);
        let faster = Offer::new(hd, FrameFormat::MJPEG, 60);
        let small = Offer::new((640, 480), FrameFormat::YUYV, 30);
        let grey = Offer::new(hd, FrameFormat::GRAY, 30);
        let best = |offers: &[Offer]| {
            let chosen = wish().choose(offers).first().copied()?;
            Some((chosen, wish().reason(&chosen, offers), wish().shortfall(&chosen)))
        };
        let is = |offers: &[Offer], expected: Offer, why: &str, short: bool| {
            let (chosen, reason, shortfall) = best(offers).unwrap();
            assert_eq!((chosen, shortfall.is_some()), (expected, short));
            assert!(reason.contains(why), "{reason}");
        };
        is(&[small, yuyv_slow, mjpeg, faster], mjpeg, "the size that is asked for, YUYV reaches only 10 there", false);
        is(&[mjpeg, yuyv], yuyv, "cheaper to convert", false);
        is(&[small, yuyv_slow], yuyv_slow, "no format reaches 30 pictures a second there", true);
        is(&[small], small, "the size nearest to 1280×720", false);
        assert_eq!(best(&[grey]), None, "grey is refused");
        assert!(wish().shortfall(&yuyv_slow).unwrap().contains("delivers 10 pictures a second and 30 are asked for"));
    }

    #[test]
    fn offers_are_told_in_one_line() {
        let offers = [
            Offer::new((640, 480), FrameFormat::YUYV, 15),
            Offer::new((640, 480), FrameFormat::YUYV, 30),
            Offer::new((1280, 720), FrameFormat::MJPEG, 30),
            Offer::new((640, 480), FrameFormat::YUYV, 30),
            Offer::new((640, 480), FrameFormat::GRAY, 30),
        ];
        let format = |format: FrameFormat| format.to_string();
        let (yuyv, mjpeg, grey) = (format(FrameFormat::YUYV), format(FrameFormat::MJPEG), format(FrameFormat::GRAY));
        assert_eq!(told(&offers), format!("1280×720 {mjpeg} at 30; 640×480 {yuyv} at 30 and 15; 640×480 {grey} at 30 (not converted)"));
    }
}
