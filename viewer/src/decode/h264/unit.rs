//! What is looked at in an access unit before the codec's library sees it: of which kinds its parts are, and that the parameter sets
//! describe a picture of exactly the size that was announced. A few bytes may claim a picture of any size, and the library makes room for
//! it before it says how large it is.

use h264_reader::nal::sps::{FrameMbsFlags, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal, UnitType};

use super::super::Error;

/// Reference pictures that a stream may keep. Ours keep one.
const MAX_REFERENCES: u32 = 4;

/// Parts that an access unit may have: parameter sets, and a few slices.
const MAX_PARTS: usize = 64;

/// Checks an access unit: parameter sets and an IDR picture where it is a group's first, and otherwise neither.
pub(super) fn check(unit: &[u8], first: bool, size: (u16, u16)) -> Result<(), Error> {
    let (mut sets, mut slices) = (0, 0);
    for (count, part) in openh264::nal_units(unit).enumerate() {
        if count >= MAX_PARTS {
            return Err(Error::Mismatch("more parts than a picture has"));
        }
        // Behind the start code, of which the splitter leaves three bytes.
        let Some(header) = part.get(3) else { continue };
        match (UnitType::for_id(header & 0x1f), first) {
            (Ok(UnitType::SeqParameterSet), true) => {
                sets += 1;
                parameters(part.get(3..).unwrap_or_default(), size)?;
            }
            (Ok(UnitType::PicParameterSet), true) => {}
            (Ok(UnitType::SliceLayerWithoutPartitioningIdr), true) | (Ok(UnitType::SliceLayerWithoutPartitioningNonIdr), false) => {
                slices += 1
            }
            _ => return Err(Error::Mismatch("parts that do not belong there")),
        }
    }
    match (sets, slices) {
        (1, 1..) if first => Ok(()),
        (0, 1..) if !first => Ok(()),
        _ => Err(Error::Mismatch("no picture")),
    }
}

fn parameters(part: &[u8], (width, height): (u16, u16)) -> Result<(), Error> {
    let set = SeqParameterSet::from_bits(RefNal::new(part, &[], true).rbsp_bits());
    let set = set.map_err(|_| Error::Mismatch("parameters that cannot be read"))?;
    if set.pixel_dimensions().ok() != Some((width.into(), height.into())) {
        return Err(Error::Mismatch("another size"));
    }
    if !matches!(set.frame_mbs_flags, FrameMbsFlags::Frames) {
        return Err(Error::Mismatch("interlaced video"));
    }
    // With cropping a small picture could be a part of a huge one.
    let coded = u64::from(set.pic_width_in_mbs()) * u64::from(set.pic_height_in_map_units());
    let blocks = u64::from(width).div_ceil(16) * u64::from(height).div_ceil(16);
    if coded > blocks || set.max_num_ref_frames > MAX_REFERENCES {
        return Err(Error::Mismatch("more memory than its picture needs"));
    }
    Ok(())
}
