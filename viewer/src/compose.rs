//! The picture that is shown: the public layer, and what was opened pasted inside the signed regions and nowhere else.

use wire::frame::SignedFrame;
use wire::label::Label;
use wire::region::Region;
use wire::verify::Verified;

use crate::decode::{self, Decoder};
use crate::picture::Picture;
use crate::unlock::Opened;

/// A frame as it can be shown.
#[derive(Debug)]
pub struct Composed {
    /// The picture.
    pub picture: Picture,
    /// The regions whose masks are lifted in it.
    pub lifted: Vec<Region>,
    /// Layers that opened and yet are no picture.
    pub broken: Vec<(Label, decode::Error)>,
}

/// Composes a verified frame with what was opened of it.
///
/// # Errors
/// When the public layer is missing or no picture. A sealed layer that is no picture stays masked, and is named.
pub fn compose(decoder: &mut Decoder, frame: &Verified<SignedFrame>, opened: &Opened) -> Result<Composed, decode::Error> {
    let mut picture = decoder.public(frame)?;
    let mut lifted = Vec::new();
    let mut broken = Vec::new();
    for (label, plain) in &opened.layers {
        match decoder.patches(frame, *label, plain) {
            Ok(patches) => {
                let regions = frame.header().regions.iter().filter(|region| region.label == *label);
                for (region, patch) in regions.zip(&patches) {
                    picture.paste(region, patch);
                    lifted.push(*region);
                }
            }
            Err(error) => broken.push((*label, error)),
        }
    }
    Ok(Composed { picture, lifted, broken })
}
