//! From H.264 to pictures.

use openh264::OpenH264API;
use openh264::decoder::{Decoder as OpenH264, DecoderConfig, Flush};
use openh264::formats::YUVSource as _;

use super::parameters::Parameters;
use super::session::Unit;
use crate::capture::convert::{self, Chroma};
use crate::capture::{Error, colours};
use crate::picture::{Planes, Pool, Size};

/// Decodes one access unit after the other, each stretch from a picture on that needs no other.
#[derive(Default)]
pub(super) struct Decoder {
    /// What is known of the pictures that come.
    parameters: Option<Parameters>,
    /// `None` while a picture is waited for that needs no other: in the beginning, and whenever something was lost.
    running: Option<OpenH264>,
    rgb: Vec<u8>,
}

impl Decoder {
    /// The next picture, if this unit brings one. While the decoder reorders pictures it may be an earlier unit's.
    ///
    /// # Errors
    /// When the unit cannot be decoded. Nothing comes then until the next picture that needs no other.
    pub(super) fn decode(&mut self, unit: &Unit, pool: &Pool) -> Result<Option<Planes>, Error> {
        if let Some(parameters) = unit.parameters {
            // Another size, other colours: nothing of what was before is shown again.
            self.parameters = Some(parameters);
            self.running = None;
        }
        if unit.loss {
            self.running = None;
        }
        let Some(parameters) = self.parameters else { return Ok(None) };
        if self.running.is_none() {
            if !unit.key {
                return Ok(None);
            }
            self.running = Some(start(parameters)?);
        }
        let picture = self.picture(unit, parameters, pool);
        if picture.is_err() {
            self.running = None;
        }
        picture
    }

    fn picture(&mut self, unit: &Unit, parameters: Parameters, pool: &Pool) -> Result<Option<Planes>, Error> {
        let Some(decoder) = &mut self.running else { return Ok(None) };
        let Some(picture) = decoder.decode(&unit.data).map_err(garbage)? else { return Ok(None) };
        let (width, height) = picture.dimensions();
        let (luma, blue, red) = picture.strides();
        let mut planes = pool.planes(Size::new(width, height)?);
        convert::planar([(picture.y(), luma), (picture.u(), blue), (picture.v(), red)], Chroma::Yuv420, &mut planes)?;
        colours::settle(&mut planes, parameters.colours, &mut self.rgb)?;
        Ok(Some(planes))
    }
}

fn start(parameters: Parameters) -> Result<OpenH264, Error> {
    // Flushing after each unit saves the delay of a picture, and would show pictures in the wrong order where they are reordered.
    let flush = if parameters.reordered { Flush::NoFlush } else { Flush::Flush };
    OpenH264::with_api_config(OpenH264API::from_source(), DecoderConfig::new().flush_after_decode(flush)).map_err(garbage)
}

fn garbage(error: openh264::Error) -> Error {
    Error::Garbage(format!("H.264 that cannot be decoded ({error})"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use openh264::encoder::{BitRate, Encoder, EncoderConfig};
    use openh264::formats::YUVSlices;

    use super::*;
    use crate::capture::colours::{Colours, Matrix};

    const PARAMETERS: Parameters = Parameters { colours: Colours { limited: true, matrix: Matrix::Bt601 }, reordered: false };

    /// A camera that shows one grey a picture.
    struct Camera {
        encoder: Encoder,
        size: (usize, usize),
        parameters: Option<Parameters>,
    }

    impl Camera {
        fn new(width: usize, height: usize) -> Self {
            let config = EncoderConfig::new().bitrate(BitRate::from_bps(1_000_000)).skip_frames(false);
            let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).unwrap();
            Self { encoder, size: (width, height), parameters: Some(PARAMETERS) }
        }

        fn unit(&mut self, luma: u8, key: bool) -> Unit {
            let (width, height) = self.size;
            if key {
                self.encoder.force_intra_frame();
            }
            let (y, uv) = (vec![luma; width * height], vec![128; width * height / 4]);
            let source = YUVSlices::new((&y, &uv, &uv), self.size, (width, width / 2, width / 2));
            let data = self.encoder.encode(&source).unwrap().to_vec();
            Unit { data, key, loss: false, parameters: self.parameters.take() }
        }
    }

    /// What a unit shows: the size and the middle luma.
    fn shown(decoder: &mut Decoder, unit: &Unit) -> Option<(String, u8)> {
        let planes = decoder.decode(unit, &Pool::new(1)).unwrap()?;
        let samples = planes.planes()[0].samples;
        Some((planes.size().to_string(), samples[samples.len() / 2]))
    }

    fn near(shown: Option<(String, u8)>, size: &str, luma: u8) {
        let (found, sample) = shown.unwrap();
        assert!(found == size && sample.abs_diff(luma) <= 2, "{found}, {sample}; {size}, {luma} was expected");
    }

    #[test]
    fn nothing_is_shown_before_a_picture_that_needs_no_other() {
        let (mut decoder, mut camera) = (Decoder::default(), Camera::new(64, 48));
        let mut before = Camera::new(64, 48);
        let units = [before.unit(100, true), before.unit(120, false), before.unit(140, false)];
        for unit in units.into_iter().skip(1) {
            assert_eq!(shown(&mut decoder, &Unit { parameters: Some(PARAMETERS), ..unit }), None);
        }
        // Limited range comes out as full range.
        near(shown(&mut decoder, &camera.unit(16, true)), "64×48", 0);
        near(shown(&mut decoder, &camera.unit(235, false)), "64×48", 255);
    }

    #[test]
    fn after_a_loss_nothing_is_shown_until_a_picture_needs_no_other() {
        let (mut decoder, mut camera) = (Decoder::default(), Camera::new(64, 48));
        near(shown(&mut decoder, &camera.unit(16, true)), "64×48", 0);
        let after = Unit { loss: true, ..camera.unit(60, false) };
        assert_eq!(shown(&mut decoder, &after), None);
        assert_eq!(shown(&mut decoder, &camera.unit(100, false)), None);
        near(shown(&mut decoder, &camera.unit(235, true)), "64×48", 255);
    }

    #[test]
    fn another_size_begins_anew_and_shows_nothing_of_the_one_before() {
        let mut decoder = Decoder::default();
        for (width, height, name) in [(64, 48, "64×48"), (128, 96, "128×96"), (50, 34, "50×34"), (64, 48, "64×48")] {
            let mut camera = Camera::new(width, height);
            near(shown(&mut decoder, &camera.unit(235, true)), name, 255);
            near(shown(&mut decoder, &camera.unit(16, false)), name, 0);
        }
    }

    #[test]
    fn garbage_is_an_error_and_what_follows_waits_for_a_whole_picture() {
        let (mut decoder, mut camera) = (Decoder::default(), Camera::new(64, 48));
        near(shown(&mut decoder, &camera.unit(16, true)), "64×48", 0);
        let mut torn = camera.unit(235, false);
        torn.data = vec![0, 0, 0, 1, 0x65, 0xff, 0xff, 0xff, 0xff, 0x12];
        assert!(matches!(decoder.decode(&torn, &Pool::new(1)), Err(Error::Garbage(_)) | Ok(None)));
        near(shown(&mut decoder, &camera.unit(235, true)), "64×48", 255);
    }
}
