//! A folder of pictures, shown one after the other.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::ImageFormat;
use wire::epoch::SourceKind;

use super::jpeg::{Decoder, limits};
use super::{About, Error, Source, convert, rate_text};
use crate::picture::{Planes, Pool, Size};

/// The largest file that is read, in bytes: a PNG of the largest picture with 16 bits a channel.
const MAX_FILE: u64 = 288 << 20;

/// How many files a folder may have.
const MAX_FILES: usize = 100_000;

/// Which pictures, and how fast.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder. Its files ending in `.png`, `.jpg` and `.jpeg` are shown in the order of their names.
    pub path: PathBuf,
    /// From one picture to the next.
    pub interval: Duration,
    /// Begin again at the end.
    pub repeat: bool,
}

/// An open folder. Its list of files is read once; pictures may differ in size.
pub struct Folder {
    config: Config,
    files: Vec<PathBuf>,
    next: usize,
    /// How many files in a row could not be decoded.
    failed: usize,
    jpeg: Decoder,
}

impl Folder {
    /// Lists the folder.
    ///
    /// # Errors
    /// When it cannot be read, or has no pictures.
    pub fn open(config: Config) -> Result<Self, Error> {
        let unreadable = |why| Error::Unreadable { path: config.path.clone(), why };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&config.path).map_err(unreadable)?.take(MAX_FILES) {
            let path = entry.map_err(unreadable)?.path();
            if format(&path).is_some() {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(Error::NoPictures(config.path));
        }
        Ok(Self { config, files, next: 0, failed: 0, jpeg: Decoder::new()? })
    }

    fn decode(&mut self, path: &Path, pool: &Pool) -> Result<Planes, Error> {
        let unreadable = |why: std::io::Error| Error::Garbage(format!("{}: {why}", path.display()));
        let mut file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_FILE).read_to_end(&mut bytes).map_err(unreadable)?;
        let planes = match format(path) {
            Some(ImageFormat::Jpeg) => self.jpeg.decode(&bytes, pool),
            _ => png(&bytes, pool),
        };
        planes.map_err(|error| Error::Garbage(format!("{}: {error}", path.display())))
    }
}

impl Source for Folder {
    fn about(&self) -> About {
        let text = format!("{} pictures in {}, {}", self.files.len(), self.config.path.display(), rate_text(self.config.interval));
        About {
            kind: SourceKind::Pictures,
            text,
            size: None,
            interval: Some(self.config.interval),
            live: true,
            reopen: true,
            shortfall: None,
        }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        if self.next >= self.files.len() {
            if !self.config.repeat {
                return Ok(None);
            }
            self.next = 0;
        }
        if self.failed >= self.files.len() {
            return Err(Error::NoPictures(self.config.path.clone()));
        }
        let Some(path) = self.files.get(self.next).cloned() else { return Ok(None) };
        self.next += 1;
        let planes = self.decode(&path, pool);
        self.failed = if planes.is_ok() { 0 } else { self.failed + 1 };
        planes.map(Some)
    }
}

fn format(path: &Path) -> Option<ImageFormat> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "png" => Some(ImageFormat::Png),
        "jpg" | "jpeg" => Some(ImageFormat::Jpeg),
        _ => None,
    }
}

fn png(bytes: &[u8], pool: &Pool) -> Result<Planes, Error> {
    let mut reader = image::ImageReader::with_format(BufReader::new(std::io::Cursor::new(bytes)), ImageFormat::Png);
    reader.limits(limits());
    let image = reader.decode().map_err(|error| Error::Garbage(error.to_string()))?.into_rgb8();
    let mut planes = pool.planes(Size::new(image.width() as usize, image.height() as usize)?);
    convert::rgb(image.as_raw(), &mut planes)?;
    Ok(planes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn open(path: &Path, repeat: bool) -> Result<Folder, Error> {
        Folder::open(Config { path: path.to_owned(), interval: Duration::from_millis(500), repeat })
    }

    fn grey(path: &Path, side: u32, value: u8) {
        image::RgbImage::from_pixel(side, side, image::Rgb([value; 3])).save(path).unwrap();
    }

    #[test]
    fn pictures_come_by_name_and_may_differ_in_size() {
        let folder = tempfile::tempdir().unwrap();
        grey(&folder.path().join("b.jpg"), 5, 200);
        grey(&folder.path().join("a.png"), 3, 100);
        grey(&folder.path().join("c.PNG"), 4, 50);
        std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
        let pool = Pool::new(1);
        let mut source = open(folder.path(), true).unwrap();
        assert!(source.about().text.contains("2 pictures a second"), "{}", source.about().text);
        for (side, value) in [(3, 100), (5, 200), (4, 50), (3, 100)] {
            let planes = source.next(&pool).unwrap().unwrap();
            assert_eq!((planes.size().width(), planes.size().height()), (side, side));
            assert!(planes.planes()[0].samples.iter().all(|sample| sample.abs_diff(value) <= 1));
        }
        let mut once = open(folder.path(), false).unwrap();
        assert_eq!((0..5).map_while(|_| once.next(&pool).unwrap()).count(), 3);
    }

    #[test]
    fn bad_files_are_skipped_and_only_bad_files_are_an_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.png"), "nothing").unwrap();
        std::fs::write(folder.path().join("b.jpg"), "nothing").unwrap();
        let pool = Pool::new(1);
        let mut source = open(folder.path(), true).unwrap();
        for name in ["a.png", "b.jpg"] {
            let error = source.next(&pool).unwrap_err();
            assert!(matches!(error, Error::Garbage(_)) && error.to_string().contains(name));
        }
        assert!(matches!(source.next(&pool), Err(Error::NoPictures(_))));
    }

    #[test]
    fn no_folder_and_no_pictures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(folder.path(), true), Err(Error::NoPictures(_))));
        assert!(matches!(open(&folder.path().join("none"), true), Err(Error::Unreadable { .. })));
    }
}
