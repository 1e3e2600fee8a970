//! Where composed pictures go: a folder of PNGs, or Y4M for other programs.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use link::file;
use wire::id::Micros;
use y4m::{Colorspace, Encoder, Frame, Ratio, VendorExtensionString};

use crate::picture::{self, Picture};

/// Why a picture was not put out.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A PNG could not be written.
    #[error(transparent)]
    Picture(#[from] picture::Error),
    /// The stream could not be written.
    #[error("the stream cannot be written: {0}")]
    Write(#[from] io::Error),
    /// Y4M has one size for all its frames.
    #[error("the camera changed its picture from {from:?} to {to:?}, and Y4M has one size for all frames: start again, or use --out")]
    SizeChanged {
        /// Width and height before.
        from: (u16, u16),
        /// Width and height now.
        to: (u16, u16),
    },
    /// Y4M could not be encoded.
    #[error("Y4M cannot be written: {0}")]
    Y4m(String),
}

impl From<y4m::Error> for OutputError {
    fn from(error: y4m::Error) -> Self {
        match error {
            y4m::Error::IoError(error) => Self::Write(error),
            other => Self::Y4m(other.to_string()),
        }
    }
}

/// Takes pictures in the camera's order.
pub enum Output {
    /// Counts them, and shows none.
    Nothing,
    /// `session-sequence.png` in a folder, with these permissions.
    Folder(PathBuf, u32),
    /// Y4M (4:2:0, JPEG siting).
    Y4m(Y4m),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Folder(..) => "Folder",
            Self::Y4m(_) => "Y4m",
        })
    }
}

impl Output {
    /// PNGs in this folder, which is made if it is missing; `private` for the owner's eyes alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(path: &Path, private: bool) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self::Folder(path.to_owned(), mode(private)))
    }

    /// Y4M into this file, or to standard output for `-`; `private` for the owner's eyes alone. Not buffered: every frame is a few large pieces, and no error may hide in a buffer.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn y4m(path: &Path, private: bool) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = if path == Path::new("-") { Box::new(io::stdout()) } else { Box::new(create(path, private)?) };
        Ok(Self::Y4m(Y4m { out: Some(out), first: None, encoder: None, size: (0, 0) }))
    }

    /// Puts a picture out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&mut self, place: (u64, u64), captured_at: Micros, picture: Picture) -> Result<(), OutputError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Folder(folder, mode) => {
                let (session, sequence) = place;
                Ok(picture.write_png(&folder.join(format!("{session:06}-{sequence:09}.png")), *mode)?)
            }
            Self::Y4m(y4m) => y4m.put(captured_at, picture),
        }
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), OutputError> {
        match self {
            Self::Nothing | Self::Folder(..) => Ok(()),
            Self::Y4m(y4m) => y4m.finish(),
        }
    }
}

/// What was unlocked is for whoever unlocked it; what everybody may watch, everybody may read.
#[must_use]
pub const fn mode(private: bool) -> u32 {
    if private { file::PRIVATE } else { file::READABLE }
}

fn create(path: &Path, private: bool) -> io::Result<File> {
    let out = File::options().write(true).create(true).truncate(true).mode(mode(private)).open(path)?;
    // One that was there keeps its permissions otherwise; a pipe or a device has its own.
    if private && out.metadata()?.is_file() {
        out.set_permissions(Permissions::from_mode(mode(private)))?;
    }
    Ok(out)
}

/// A Y4M stream. Its header carries a frame rate, so it is written when the second picture tells one.
pub struct Y4m {
    out: Option<Box<dyn Write + Send>>,
    first: Option<(Micros, Picture)>,
    encoder: Option<Encoder<Box<dyn Write + Send>>>,
    size: (u16, u16),
}

impl Y4m {
    fn put(&mut self, captured_at: Micros, picture: Picture) -> Result<(), OutputError> {
        let size = (picture.width, picture.height);
        let Some((before, first)) = self.first.take() else {
            if self.encoder.is_none() {
                self.size = size;
                self.first = Some((captured_at, picture));
                return Ok(());
            }
            return self.write(&picture);
        };
        self.begin(rate(before, captured_at))?;
        self.write(&first)?;
        self.write(&picture)
    }

    fn begin(&mut self, rate: Ratio) -> Result<(), OutputError> {
        if let Some(out) = self.out.take() {
            let (width, height) = self.size;
            // Said aloud, since players take an untagged stream for limited range.
            let range = VendorExtensionString::new(b"COLORRANGE=FULL".to_vec())?;
            let builder =
                y4m::encode(width.into(), height.into(), rate).with_colorspace(Colorspace::C420jpeg).append_vendor_extension(range);
            self.encoder = Some(builder.write_header(out)?);
        }
        Ok(())
    }

    fn write(&mut self, picture: &Picture) -> Result<(), OutputError> {
        let size = (picture.width, picture.height);
        if size != self.size {
            return Err(OutputError::SizeChanged { from: self.size, to: size });
        }
        let planes = picture.planes().map(|(plane, _)| plane);
        if let Some(encoder) = &mut self.encoder {
            encoder.write_frame(&Frame::new(planes, None))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), OutputError> {
        if let Some((_, only)) = self.first.take() {
            self.begin(Ratio::new(1, 1))?;
            self.write(&only)?;
        }
        Ok(())
    }
}

/// Frames per second from two capture times: whole, from 1 to 240.
fn rate(first: Micros, second: Micros) -> Ratio {
    let micros = second.0.saturating_sub(first.0).max(1);
    let rate = ((1_000_000 + micros / 2) / micros).clamp(1, 240);
    Ratio::new(usize::try_from(rate).unwrap_or(25), 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn y4m_carries_every_picture_at_the_cameras_rate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.y4m");
        let mut output = Output::y4m(&path, false).unwrap();
        for n in 0..3u8 {
            let mut picture = Picture::new(6, 5);
            picture.samples.fill(n);
            output.put((1, n.into()), Micros(1_000_000 + u64::from(n) * 40_000), picture).unwrap();
        }
        output.finish().unwrap();
        let mut decoder = y4m::decode(File::open(&path).unwrap()).unwrap();
        let rate = decoder.get_framerate();
        assert!(decoder.get_raw_params().windows(17).any(|window| window == b" XCOLORRANGE=FULL"));
        assert_eq!((decoder.get_width(), decoder.get_height(), rate.num, rate.den), (6, 5, 25, 1));
        for n in 0..3u8 {
            assert!(decoder.read_frame().unwrap().get_v_plane().iter().all(|sample| *sample == n));
        }
        assert!(decoder.read_frame().is_err());
    }

    #[test]
    fn a_new_size_ends_a_y4m_stream_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::y4m(&folder.path().join("out.y4m"), false).unwrap();
        for width in [6, 6] {
            output.put((1, 0), Micros(0), Picture::new(width, 4)).unwrap();
        }
        let error = output.put((1, 2), Micros(9), Picture::new(8, 4)).unwrap_err();
        assert!(error.to_string().contains("changed its picture from (6, 4) to (8, 4)"), "{error}");
    }

    #[test]
    fn a_folder_holds_one_png_a_frame() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::folder(&folder.path().join("new"), false).unwrap();
        output.put((2, 7), Micros(0), Picture::new(6, 5)).unwrap();
        let read = image::open(folder.path().join("new/000002-000000007.png")).unwrap();
        assert_eq!((read.width(), read.height()), (6, 5));
    }

    #[test]
    fn what_is_unlocked_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (private, readable) in [(true, false), (false, true)] {
            let mut output = Output::folder(folder.path(), private).unwrap();
            output.put((2, 7), Micros(0), Picture::new(6, 5)).unwrap();
            assert_eq!(of(&folder.path().join("000002-000000007.png")) & 0o077 != 0, readable);
        }
        // Also where a file that all may read was there before.
        let path = folder.path().join("out.y4m");
        std::fs::write(&path, "before").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        Output::y4m(&path, true).unwrap();
        assert_eq!(of(&path), 0o600);
    }
}
