//! Y4M: uncompressed pictures in a file, or from stdin, so that any program can be a source.
//!
//! `ffmpeg -i rtsp://… -pix_fmt yuv420p -f yuv4mpegpipe - | camera-agent run` is a camera. 8-bit 4:2:0, 4:2:2, 4:4:4 and mono are taken;
//! chroma siting is not told apart. A stream that says `XCOLORRANGE=LIMITED` is converted to full range; one that says nothing is taken as
//! it is. Where another header comes instead of a picture, the stream goes on as that says, in another size perhaps; the pace stays.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wire::epoch::SourceKind;
use y4m::{Colorspace, Decoder, Limits, Ratio};

use super::convert::{self, Chroma};
use super::{About, Error, Source, rate_text};
use crate::picture::{MAX_AREA, Planes, Pool, Size};

/// The longest header that is looked at, as in the library.
const MAX_HEADER: usize = 1024;

/// Where the stream comes from and how fast it runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// A file; `None` is stdin.
    pub path: Option<PathBuf>,
    /// Keep to the stream's frame rate; otherwise a file is worked through, every picture of it, as fast as they are taken.
    pub pace: bool,
    /// Begin again at the end of a file.
    pub repeat: bool,
}

/// The bytes of a stream, of which the decoder of one header reads as many as belong to it.
type Input = Rc<RefCell<BufReader<Box<dyn Read>>>>;

/// An open stream.
pub struct Stream {
    config: Config,
    input: Input,
    decoder: Decoder<Box<dyn Read>>,
    told: Told,
    size: Size,
    chroma: Chroma,
    limited: bool,
    interval: Duration,
    picture: u64,
}

impl Stream {
    /// Opens it and reads its header.
    ///
    /// # Errors
    /// When there is no such file, or what is in it cannot be used.
    pub fn open(config: Config) -> Result<Self, Error> {
        let reader: Box<dyn Read> = match &config.path {
            Some(path) => Box::new(File::open(path).map_err(|why| Error::Unreadable { path: path.clone(), why })?),
            None => Box::new(std::io::stdin()),
        };
        Self::read(config, reader)
    }

    /// Reads the header from any reader.
    fn read(config: Config, reader: Box<dyn Read>) -> Result<Self, Error> {
        Self::begin(config, Rc::new(RefCell::new(BufReader::with_capacity(1 << 16, reader))))
    }

    /// Reads the header that comes next.
    fn begin(config: Config, input: Input) -> Result<Self, Error> {
        let name = config.path.as_ref().map_or("stdin".to_owned(), |path| path.display().to_string());
        let told = Told { name, ..Told::default() };
        let listening: Box<dyn Read> = Box::new(Listening { input: Rc::clone(&input), told: told.clone() });
        // The largest picture in 4:4:4 with 16 bits: what is larger is refused before its buffer exists.
        let decoder = Decoder::new_with_limits(listening, Limits { bytes: 6 * MAX_AREA }).map_err(|error| told.header_error(&error))?;
        let size = Size::new(decoder.get_width(), decoder.get_height())?;
        let chroma = match decoder.get_colorspace() {
            Colorspace::C420 | Colorspace::C420jpeg | Colorspace::C420paldv | Colorspace::C420mpeg2 => Chroma::Yuv420,
            Colorspace::C422 => Chroma::Yuv422,
            Colorspace::C444 => Chroma::Yuv444,
            Colorspace::Cmono => Chroma::Mono,
            _ => return Err(told.unsupported()),
        };
        let limited = decoder.get_raw_params().split(|byte| *byte == b' ').any(|param| param == b"XCOLORRANGE=LIMITED");
        let interval = told.interval(decoder.get_framerate())?;
        Ok(Self { config, input, decoder, told, size, chroma, limited, interval, picture: 0 })
    }

    /// Whether a header comes next: pictures begin with another letter.
    fn at_header(&self) -> bool {
        self.input.borrow_mut().fill_buf().is_ok_and(|next| next.first() == Some(&b'Y'))
    }

    fn picture(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        if self.at_header() {
            let begun = Self::begin(self.config.clone(), Rc::clone(&self.input))?;
            *self = Self { picture: self.picture, interval: self.interval, ..begun };
        }
        let before = self.told.bytes.load(Ordering::Relaxed);
        let frame = match self.decoder.read_frame() {
            Ok(frame) => frame,
            Err(y4m::Error::EOF) if self.told.bytes.load(Ordering::Relaxed) == before => return Ok(None),
            Err(y4m::Error::EOF) => return Err(Error::Truncated { name: self.told.name.clone(), picture: self.picture }),
            Err(y4m::Error::IoError(why)) => {
                let path = self.config.path.clone().unwrap_or_else(|| "stdin".into());
                return Err(Error::Unreadable { path, why });
            }
            Err(error) => return Err(self.told.not_y4m(format!("picture {} has a bad header ({error})", self.picture))),
        };
        let (width, half) = (usize::from(self.size.width()), self.size.chroma().0);
        let row = if self.chroma == Chroma::Yuv444 { width } else { half };
        let mut planes = pool.planes(self.size);
        let source = [(frame.get_y_plane(), width), (frame.get_u_plane(), row), (frame.get_v_plane(), row)];
        convert::planar(source, self.chroma, &mut planes)?;
        if self.limited {
            convert::expand(&mut planes);
        }
        self.picture += 1;
        Ok(Some(planes))
    }
}

impl Source for Stream {
    fn about(&self) -> About {
        let rate = if self.config.pace { rate_text(self.interval) } else { "as fast as it goes".to_owned() };
        About {
            kind: SourceKind::Y4m,
            text: format!("y4m {} {}, {rate}", self.told.name, self.size),
            size: Some(self.size),
            interval: self.config.pace.then_some(self.interval),
            live: self.config.pace || self.config.path.is_none(),
            reopen: self.config.path.is_some(),
            shortfall: None,
        }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        if let Some(planes) = self.picture(pool)? {
            return Ok(Some(planes));
        }
        // A file without a single picture is not begun again for ever.
        if !self.config.repeat || self.config.path.is_none() || self.picture == 0 {
            return Ok(None);
        }
        *self = Self::open(self.config.clone())?;
        self.picture(pool)
    }
}

/// What was read so far, so that errors can be exact where the library's are not.
#[derive(Clone, Default)]
struct Told {
    name: String,
    bytes: Arc<AtomicU64>,
    header: Arc<Mutex<Vec<u8>>>,
}

impl Told {
    fn not_y4m(&self, why: String) -> Error {
        Error::NotY4m { name: self.name.clone(), why }
    }

    fn header_error(&self, error: &y4m::Error) -> Error {
        match error {
            y4m::Error::EOF if self.bytes.load(Ordering::Relaxed) == 0 => self.not_y4m("it is empty".into()),
            y4m::Error::EOF => self.not_y4m("it ends inside its header".into()),
            y4m::Error::UnknownColorspace => self.unsupported(),
            y4m::Error::OutOfMemory => self.not_y4m("its pictures are larger than 7680 × 4320".into()),
            y4m::Error::ParseError(_) if !self.header().starts_with("YUV4MPEG2 ") => {
                self.not_y4m("it does not begin with YUV4MPEG2".into())
            }
            y4m::Error::IoError(why) => self.not_y4m(why.to_string()),
            y4m::Error::ParseError(_) | y4m::Error::BadInput => self.not_y4m("its header is malformed".into()),
        }
    }

    fn unsupported(&self) -> Error {
        let header = self.header();
        let format = header.split([' ', '\n']).find_map(|param| param.strip_prefix('C')).unwrap_or("unknown").to_owned();
        let instead = "8-bit 4:2:0, 4:2:2, 4:4:4 and mono can: add `-pix_fmt yuv420p` to the ffmpeg command that makes it";
        Error::Unsupported { what: format!("the Y4M stream {}", self.name), format, instead }
    }

    /// The header as far as it was read, for people: nothing but printable ASCII.
    fn header(&self) -> String {
        let header = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        header
            .iter()
            .take_while(|byte| **byte != b'\n')
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' })
            .collect()
    }

    fn interval(&self, rate: Ratio) -> Result<Duration, Error> {
        let rate_in_range = rate.num > 0 && rate.den > 0 && rate.num / rate.den <= 1000 && rate.den / rate.num <= 3600;
        if !rate_in_range {
            return Err(self.not_y4m(format!("its frame rate {rate} is impossible")));
        }
        Ok(Duration::from_secs_f64(rate.den as f64 / rate.num as f64))
    }
}

/// A reader that notes how much was read, and the beginning.
struct Listening {
    input: Input,
    told: Told,
}

impl Read for Listening {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.borrow_mut().read(buffer)?;
        let before = self.told.bytes.fetch_add(count as u64, Ordering::Relaxed);
        if before < MAX_HEADER as u64 {
            let mut header = self.told.header.lock().unwrap_or_else(PoisonError::into_inner);
            header.extend(buffer.iter().take(count.min(MAX_HEADER)));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stream(bytes: &[u8]) -> Result<Stream, Error> {
        Stream::read(Config { path: None, pace: false, repeat: false }, Box::new(std::io::Cursor::new(bytes.to_vec())))
    }

    fn text(result: Result<Stream, Error>) -> String {
        result.err().unwrap().to_string()
    }

    #[test]
    fn odd_sizes_of_every_colour_space_come_out() {
        let pool = Pool::new(1);
        for (colour, chroma) in [("", 4), (" C420mpeg2", 4), (" C420jpeg", 4), (" C422", 6), (" C444", 9), (" Cmono", 0)] {
            let mut bytes = format!("YUV4MPEG2 W3 H3 F25:1 Ip{colour}\n").into_bytes();
            for sample in [10, 20] {
                bytes.extend(b"FRAME\n");
                bytes.extend([sample; 9]);
                bytes.extend(vec![sample + 1; chroma]);
                bytes.extend(vec![sample + 2; chroma]);
            }
            let mut stream = stream(&bytes).unwrap();
            assert_eq!(stream.interval, Duration::from_millis(40));
            for sample in [10, 20] {
                let planes = stream.next(&pool).unwrap().unwrap();
                let expected = if chroma == 0 { [sample, 128, 128] } else { [sample, sample + 1, sample + 2] };
                for (plane, sample) in planes.planes().iter().zip(expected) {
                    assert!(plane.samples.iter().all(|s| *s == sample), "{colour}");
                }
            }
            assert!(stream.next(&pool).unwrap().is_none());
        }
    }

    #[test]
    fn limited_range_is_expanded_only_where_it_is_said() {
        let pool = Pool::new(1);
        for (said, white) in [(" XCOLORRANGE=LIMITED", 255), (" XCOLORRANGE=FULL", 235), ("", 235)] {
            let mut bytes = format!("YUV4MPEG2 W1 H1 F1:1{said}\nFRAME\n").into_bytes();
            bytes.extend([235, 128, 128]);
            let planes = stream(&bytes).unwrap().next(&pool).unwrap().unwrap();
            assert_eq!(planes.planes()[0].samples, [white], "{said}");
        }
    }

    #[test]
    fn bad_streams_are_named() {
        for (bytes, says) in [
            (&b""[..], "it is empty"),
            (b"RIFF....AVI LIST\n", "does not begin with YUV4MPEG2"),
            (b"YUV4MPEG2 W640", "ends inside its header"),
            (b"YUV4MPEG2 Wabc H1 F1:1\n", "header is malformed"),
            (b"YUV4MPEG2 W0 H1 F1:1\n", "header is malformed"),
            (b"YUV4MPEG2 W64 H64 F0:1\n", "frame rate 0:1 is impossible"),
            (b"YUV4MPEG2 W64 H64 F1:0\n", "frame rate 1:0 is impossible"),
            (b"YUV4MPEG2 W100000 H100000 F1:1\n", "larger than 7680"),
            (b"YUV4MPEG2 W9000 H1 F1:1\n", "9000 × 1"),
            (b"YUV4MPEG2 W4294967296 H4294967296 F1:1\n", "larger than 7680"),
            (b"YUV4MPEG2 W18446744073709551615 H3 F1:1\n", "larger than 7680"),
            (b"YUV4MPEG2 W4 H4 F1:1 C420p10\n", "420p10"),
            (b"YUV4MPEG2 W4 H4 F1:1 C411\n", "411"),
        ] {
            let said = text(stream(bytes));
            assert!(said.contains(says), "{said}");
        }
        assert!(text(stream(&[b'x'; 5000])).contains("does not begin"), "a header without an end");
    }

    #[test]
    fn a_stream_that_breaks_off_says_where() {
        let pool = Pool::new(1);
        let mut bytes = b"YUV4MPEG2 W2 H2 F1:1\nFRAME\n123456FRAME\n123".to_vec();
        let mut cut = stream(&bytes).unwrap();
        assert!(cut.next(&pool).unwrap().is_some());
        assert!(matches!(cut.next(&pool), Err(Error::Truncated { picture: 1, .. })));
        bytes.truncate(bytes.len() - 7);
        let mut cut = stream(&bytes).unwrap();
        assert!(cut.next(&pool).unwrap().is_some());
        assert!(matches!(cut.next(&pool), Err(Error::Truncated { picture: 1, .. })), "cut in the picture's header");
        let mut bad = stream(b"YUV4MPEG2 W2 H2 F1:1\nFRAMING\n123456").unwrap();
        assert!(bad.next(&pool).unwrap_err().to_string().contains("picture 0 has a bad header"));
    }

    #[test]
    fn another_header_changes_size_and_format_in_mid_stream() {
        let pool = Pool::new(1);
        let bytes = b"YUV4MPEG2 W2 H2 F1:1\nFRAME\n111111YUV4MPEG2 W4 H2 F9:1 Cmono XCOLORRANGE=LIMITED\nFRAME\n\xeb\xeb\xeb\xeb\xeb\xeb\xeb\xebYUV4MPEG2 W3 H1 F1:1 C444\nFRAME\nYYYUUUVVV";
        let mut changing = stream(bytes).unwrap();
        for (size, luma) in [("2×2", b'1'), ("4×2", 255), ("3×1", b'Y')] {
            let planes = changing.next(&pool).unwrap().unwrap();
            assert_eq!(planes.size().to_string(), size);
            assert!(planes.planes()[0].samples.iter().all(|sample| *sample == luma), "{size}");
        }
        assert!(changing.next(&pool).unwrap().is_none());
        // A header that cannot be used ends the stream with its own reason, whatever was before it.
        let mut bad = stream(b"YUV4MPEG2 W2 H2 F1:1\nFRAME\n111111YUV4MPEG2 W9000 H1 F1:1\n").unwrap();
        bad.next(&pool).unwrap();
        assert!(bad.next(&pool).unwrap_err().to_string().contains("9000 × 1"));
    }

    #[test]
    fn a_file_repeats_and_a_missing_one_is_named() {
        let pool = Pool::new(1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.y4m");
        std::fs::write(&path, b"YUV4MPEG2 W2 H2 F1:1\nFRAME\n111111FRAME\n222222").unwrap();
        let mut stream = Stream::open(Config { path: Some(path.clone()), pace: true, repeat: true }).unwrap();
        for expected in [b'1', b'2', b'1', b'2', b'1'] {
            assert_eq!(stream.next(&pool).unwrap().unwrap().planes()[0].samples[0], expected);
        }
        std::fs::write(&path, b"YUV4MPEG2 W2 H2 F1:1\n").unwrap();
        let mut empty = Stream::open(Config { path: Some(path.clone()), pace: true, repeat: true }).unwrap();
        assert!(empty.next(&pool).unwrap().is_none());
        let missing = Stream::open(Config { path: Some(folder.path().join("none.y4m")), pace: true, repeat: false });
        assert!(text(missing).contains("none.y4m"));
    }
}
