//! What a stream's sequence parameter set says of its pictures, and whether they can be decoded.

use h264_reader::nal::sps::{ChromaFormat, FrameMbsFlags, PicOrderCntType, Profile, SeqParameterSet};
use h264_reader::rbsp::{BitReader, decode_nal};

use crate::capture::colours::{Colours, Matrix};

/// The largest picture that the decoder takes, in macroblocks: level 5.2.
const MAX_MACROBLOCKS: u64 = 36_864;

/// No parameter set is shorter, in bytes: its kind, profile, constraints and level alone take four.
const LEAST: usize = 5;

/// From this height on pictures that say nothing of their colours have those of HD, as browsers take it.
const HD: u32 = 720;

/// What is known of the pictures before the first one is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameters {
    /// How their samples are to be read.
    pub colours: Colours,
    /// Whether pictures may come in another order than they are shown in: then the decoder holds one or two back.
    pub reordered: bool,
}

/// Pictures that the decoder does not take: what they are, and what to set at the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecodable {
    pub format: &'static str,
    pub instead: &'static str,
}

const INTERLACED: Undecodable = Undecodable {
    format: "H.264 with interlaced fields",
    instead: "set the camera's scan mode to progressive (a resolution with “p”, as 1080p, instead of “i”), or switch its de-interlacing on",
};

const CHROMA: Undecodable = Undecodable {
    format: "H.264 in a profile with other samples than 8 bit in 4:2:0",
    instead: "set the profile of this stream to High, Main or Baseline in the camera's video settings",
};

const TOO_LARGE: Undecodable = Undecodable {
    format: "H.264 larger than 4096×2304",
    instead: "set this stream's resolution to 3840×2160 or less in the camera's video settings",
};

impl Parameters {
    /// Reads a sequence parameter set (one NAL unit). Where it cannot be read, nothing is known, and the decoder will tell.
    pub(super) fn read(sps: &[u8], height: u32) -> Result<Self, Undecodable> {
        let unknown = Self { colours: Colours { limited: true, matrix: usual(height) }, reordered: true };
        // The library expects a whole one.
        if sps.len() < LEAST {
            return Ok(unknown);
        }
        let Ok(payload) = decode_nal(sps) else { return Ok(unknown) };
        let Ok(sps) = SeqParameterSet::from_bits(BitReader::new(&*payload)) else { return Ok(unknown) };
        if sps.frame_mbs_flags != FrameMbsFlags::Frames {
            return Err(INTERLACED);
        }
        let chroma = &sps.chroma_info;
        if chroma.chroma_format != ChromaFormat::YUV420 || (chroma.bit_depth_luma_minus8, chroma.bit_depth_chroma_minus8) != (0, 0) {
            return Err(CHROMA);
        }
        if u64::from(sps.pic_width_in_mbs()) * u64::from(sps.pic_height_in_map_units()) > MAX_MACROBLOCKS {
            return Err(TOO_LARGE);
        }
        let signal = sps.vui_parameters.as_ref().and_then(|vui| vui.video_signal_type.as_ref());
        let matrix = signal.and_then(|signal| signal.colour_description.as_ref()).map(|colours| colours.matrix_coefficients);
        Ok(Self {
            colours: Colours {
                limited: !signal.is_some_and(|signal| signal.video_full_range_flag),
                matrix: matrix.and_then(Matrix::from_number).unwrap_or_else(|| usual(height)),
            },
            reordered: reordered(&sps),
        })
    }
}

fn usual(height: u32) -> Matrix {
    if height >= HD { Matrix::Bt709 } else { Matrix::Bt601 }
}

fn reordered(sps: &SeqParameterSet) -> bool {
    let in_order = matches!(sps.profile(), Profile::Baseline) || matches!(sps.pic_order_cnt, PicOrderCntType::TypeTwo);
    let restrictions = sps.vui_parameters.as_ref().and_then(|vui| vui.bitstream_restrictions.as_ref());
    !in_order && restrictions.is_none_or(|restrictions| restrictions.max_num_reorder_frames > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use data_encoding::HEXLOWER;

    use super::*;

    /// Parameter sets as x264 writes them.
    const BASELINE_601: &str = "6742c015da05066c05a8303032000003000200000300291e2c5d40";
    const HIGH_WITH_B: &str = "67640014acd941419b016a0c0c0c80000003008000000a478a14cb";
    const HIGH_IN_ORDER: &str = "67640014acb60a0cd80b50101014000003000400000300523c50ab80";
    const FULL_601: &str = "6742c015da05066c05b8101032000003000200000300291e2c5d40";
    const HD_709: &str = "6742c01fda014016ec05a808080a000003000200000300291e306540";
    const FIELDS: &str = "674d4015f40a19b016a0c0c0d4a000000300200000030293e28554";
    const IN_4_2_2: &str = "677a000dbcb40a0cd80b50606064000003000400000300523c50aa80";
    const WITH_10_BIT: &str = "676e000da6cb40a0cd80b5060606a5000003000100000300148f142aa0";
    const OF_8K: &str = "6742c03cda00780021db016a02020280000003008000000a47840215";

    fn read(sps: &str, height: u32) -> Result<Parameters, Undecodable> {
        Parameters::read(&HEXLOWER.decode(sps.as_bytes()).unwrap(), height)
    }

    #[test]
    fn colours_are_what_the_stream_says_and_otherwise_the_usual_ones() {
        let colours = |sps, height| read(sps, height).map(|parameters| parameters.colours).unwrap();
        assert_eq!(colours(BASELINE_601, 192), Colours { limited: true, matrix: Matrix::Bt601 });
        assert_eq!(colours(FULL_601, 192), Colours { limited: false, matrix: Matrix::Bt601 });
        assert_eq!(colours(HD_709, 720), Colours { limited: true, matrix: Matrix::Bt709 });
        // Nothing that can be read: limited, and the matrix by the size.
        assert_eq!(colours("67", 480), Colours { limited: true, matrix: Matrix::Bt601 });
        assert_eq!(colours("", 1080), Colours { limited: true, matrix: Matrix::Bt709 });
    }

    #[test]
    fn pictures_are_held_back_only_where_they_may_come_in_another_order() {
        let reordered = |sps| read(sps, 192).unwrap().reordered;
        assert!(reordered(HIGH_WITH_B));
        assert!(!reordered(BASELINE_601));
        assert!(!reordered(HIGH_IN_ORDER));
    }

    #[test]
    fn what_cannot_be_decoded_is_known_before_it_comes() {
        for (sps, undecodable) in [(FIELDS, INTERLACED), (IN_4_2_2, CHROMA), (WITH_10_BIT, CHROMA), (OF_8K, TOO_LARGE)] {
            assert_eq!(read(sps, 192), Err(undecodable));
        }
    }
}
