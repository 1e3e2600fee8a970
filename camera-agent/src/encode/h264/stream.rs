//! One H.264 stream: pictures of one size in, access units out.

use std::ffi::c_void;
use std::ptr::from_mut;

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, ColorPrimaries, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, MatrixCoefficients, QpRange,
    RateControlMode, TransferCharacteristics, UsageType, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_GET_STATISTICS, ENCODER_OPTION_MAX_BITRATE,
    ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo, SEncoderStatistics, SPATIAL_LAYER_0, WELS_LOG_QUIET,
};

use super::rate::Rate;
use crate::encode::Error;
use crate::picture::{Planes, Size};

/// The finest quantiser that the library takes: finer ones cost bits and show nothing.
const FINEST: u8 = 14;

/// The coarsest.
const COARSEST: u8 = 51;

/// The shorter side of the smallest picture that the library takes.
const SMALLEST: usize = 16;

/// What is wanted of a stream from now on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    /// Bits per second.
    pub(super) bitrate: u32,
    /// Pictures per second.
    pub(super) pictures: f32,
}

/// An encoder and the size of its pictures.
pub(super) struct Stream {
    encoder: Encoder,
    size: Size,
    target: Target,
    begun: bool,
    /// A picture with even sides, where the given ones have odd ones or are too small.
    even: Option<Planes>,
}

impl Stream {
    /// For pictures of this size.
    pub(super) fn new(size: Size, rate: Rate, target: Target) -> Result<Self, Error> {
        // The library's own limit, either way up.
        let (longer, shorter) = (size.width().max(size.height()), size.width().min(size.height()));
        if longer > 3840 || shorter > 2160 {
            return Err(Error::TooLarge(size));
        }
        let quantisers = match rate {
            Rate::Bitrate(_) => QpRange::new(FINEST, COARSEST),
            Rate::Quantiser(fixed) => QpRange::new(fixed, fixed),
        };
        // What the pictures of this program are: full range, matrix of BT.601, and for the rest what JPEG's are taken for.
        let colours = VuiConfig::new()
            .color_primaries(ColorPrimaries::Bt709)
            .transfer_characteristics(TransferCharacteristics::Srgb)
            .matrix_coefficients(MatrixCoefficients::Smpte170M)
            .full_range(true);
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(target.bitrate))
            .max_frame_rate(FrameRate::from_hz(target.pictures))
            .qp(quantisers)
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .skip_frames(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .scene_change_detect(false)
            .num_threads(1)
            .vui(colours);
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(refused)?;
        let mut stream = Self { encoder, size, target, begun: false, even: even(size) };
        // Else it complains on standard error that nothing is skipped, before the wrapper's own setting is in force.
        let mut quiet = WELS_LOG_QUIET;
        stream.set(ENCODER_OPTION_TRACE_LEVEL, &mut quiet)?;
        Ok(stream)
    }

    /// Of its pictures.
    pub(super) const fn size(&self) -> Size {
        self.size
    }

    /// From the next picture on.
    pub(super) fn aim(&mut self, target: Target) -> Result<(), Error> {
        if !self.begun || target == self.target {
            return Ok(());
        }
        let bits = |bits: u32| SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: i32::try_from(bits).unwrap_or(i32::MAX) };
        // The most may never be below what is aimed at, not even in between.
        self.set(ENCODER_OPTION_MAX_BITRATE, &mut bits(target.bitrate.max(self.target.bitrate)))?;
        self.set(ENCODER_OPTION_BITRATE, &mut bits(target.bitrate))?;
        self.set(ENCODER_OPTION_MAX_BITRATE, &mut bits(target.bitrate))?;
        let mut pictures = target.pictures;
        self.set(ENCODER_OPTION_FRAME_RATE, &mut pictures)?;
        self.target = target;
        Ok(())
    }

    /// The mean quantiser of the latest picture.
    pub(super) fn quantiser(&mut self) -> Option<f64> {
        let mut statistics = SEncoderStatistics::default();
        self.get(ENCODER_OPTION_GET_STATISTICS, &mut statistics).ok()?;
        (statistics.uiAverageFrameQP > 0).then_some(f64::from(statistics.uiAverageFrameQP))
    }

    /// Appends the picture's access unit.
    pub(super) fn encode(&mut self, planes: &Planes, key: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        if planes.size() != self.size {
            return Err(Error::Codec("a picture of another size came into its stream".to_owned()));
        }
        if key && self.begun {
            self.encoder.force_intra_frame();
        }
        let coded = match &mut self.even {
            Some(even) => {
                widen(planes, even);
                &*even
            }
            None => planes,
        };
        let unit = self.encoder.encode(&Source(coded)).map_err(refused)?;
        self.begun = true;
        match (unit.frame_type(), key) {
            (FrameType::IDR, _) | (FrameType::I | FrameType::P, false) => {}
            (kind, _) => return Err(Error::Codec(format!("the library gave a picture of the kind {kind:?}"))),
        }
        unit.write_vec(out);
        Ok(())
    }

    #[allow(unsafe_code, reason = "the wrapper has no safe way to these options; each is given the type that the library's header says")]
    fn set<T>(&mut self, option: ENCODER_OPTION, value: &mut T) -> Result<(), Error> {
        // SAFETY: the encoder exists, the option takes a pointer to a T, and the library copies from it before it returns.
        let code = unsafe { self.encoder.raw_api().set_option(option, from_mut(value).cast::<c_void>()) };
        if code == 0 { Ok(()) } else { Err(Error::Codec(format!("the library refuses option {option} ({code})"))) }
    }

    #[allow(unsafe_code, reason = "the wrapper has no safe way to these options; each is given the type that the library's header says")]
    fn get<T>(&mut self, option: ENCODER_OPTION, value: &mut T) -> Result<(), Error> {
        // SAFETY: the encoder exists, the option takes a pointer to a T, and the library writes no more than that.
        let code = unsafe { self.encoder.raw_api().get_option(option, from_mut(value).cast::<c_void>()) };
        if code == 0 { Ok(()) } else { Err(Error::Codec(format!("the library does not tell option {option} ({code})"))) }
    }
}

/// Planes as the library reads them.
struct Source<'a>(&'a Planes);

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.0.size().width().into(), self.0.size().height().into())
    }

    fn strides(&self) -> (usize, usize, usize) {
        let [y, u, v] = self.0.planes();
        (y.width, u.width, v.width)
    }

    fn y(&self) -> &[u8] {
        self.0.planes()[0].samples
    }

    fn u(&self) -> &[u8] {
        self.0.planes()[1].samples
    }

    fn v(&self) -> &[u8] {
        self.0.planes()[2].samples
    }
}

/// A picture for the coded size, where that is another: even sides, none below the smallest.
fn even(size: Size) -> Option<Planes> {
    let side = |side: u16| usize::from(side).next_multiple_of(2).max(SMALLEST);
    let coded = Size::new(side(size.width()), side(size.height())).ok()?;
    (coded != size).then(|| Planes::new(coded))
}

/// Copies a picture, and repeats its last column and row as far as needed.
fn widen(planes: &Planes, into: &mut Planes) {
    let chroma = into.size().chroma().0;
    let widths = [usize::from(into.size().width()), chroma, chroma];
    for ((source, target), width) in planes.planes().into_iter().zip(into.planes_mut()).zip(widths) {
        let last = source.samples.len() / source.width.max(1);
        let rows = source.rows().chain(source.rows().skip(last.saturating_sub(1)).cycle());
        for (row, target) in rows.zip(target.chunks_exact_mut(width)) {
            let (inside, beyond) = target.split_at_mut(row.len().min(width));
            inside.copy_from_slice(row);
            beyond.fill(row.last().copied().unwrap_or(0));
        }
    }
}

fn refused(error: openh264::Error) -> Error {
    Error::Codec(error.to_string())
}
