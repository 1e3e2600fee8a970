//! Searching for a planted picture: in other pictures by template matching, in files by decoding every picture that they hold and by the
//! raw bytes of its rows.

use std::fs;
use std::path::{Path, PathBuf};

use openh264::formats::YUVSource as _;

use crate::picture::{Luma, Rect};

/// From which correlation on a place in a picture counts as the planted one. A part of another picture stays below 0.5.
const FOUND: f64 = 0.7;

/// How a planted picture was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Trace {
    /// In a picture that begins at this byte.
    Picture {
        /// Where the picture begins.
        offset: usize,
        /// How alike.
        score: f64,
    },
    /// As raw samples, at this byte.
    Raw {
        /// Where.
        offset: usize,
    },
}

/// What is searched for.
#[derive(Debug)]
pub struct Planted {
    /// Half size, which is enough and four times as fast in both directions.
    template: Luma,
    rows: Vec<Vec<u8>>,
}

impl Planted {
    /// A part of a texture. It should be at least 32 pixels wide and high.
    #[must_use]
    pub fn new(texture: &Luma) -> Self {
        // The middle, so that a margin that belongs to something else does not count.
        let inner = Rect { x: texture.width / 8, y: texture.height / 8, w: texture.width * 3 / 4, h: texture.height * 3 / 4 };
        let inner = texture.part(inner);
        let rows = inner.samples.chunks_exact(inner.width).step_by((inner.height / 6).max(1)).map(|row| row[..row.len().min(32)].to_vec());
        Self { rows: rows.collect(), template: inner.halved() }
    }

    /// The best place in a picture, as the correlation there.
    #[must_use]
    pub fn score(&self, picture: &Luma) -> f64 {
        let picture = picture.halved();
        let template = &self.template;
        if picture.width < template.width || picture.height < template.height {
            return 0.0;
        }
        let count = template.samples.len() as f64;
        let mean = template.samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / count;
        let spread = template.samples.iter().map(|sample| (f64::from(*sample) - mean).powi(2)).sum::<f64>();
        let mut best = 0.0_f64;
        for y in 0..=picture.height - template.height {
            for x in 0..=picture.width - template.width {
                let (mut sum, mut squares, mut product) = (0_u32, 0_u32, 0_u32);
                for (line, row) in template.samples.chunks_exact(template.width).enumerate() {
                    let at = (y + line) * picture.width + x;
                    for (a, b) in row.iter().zip(&picture.samples[at..at + template.width]) {
                        let (a, b) = (u32::from(*a), u32::from(*b));
                        sum += b;
                        squares += b * b;
                        product += a * b;
                    }
                }
                let (sum, squares, product) = (f64::from(sum), f64::from(squares), f64::from(product));
                let spread_here = squares - sum * sum / count;
                // A flat place looks like nothing.
                if spread_here > count {
                    best = best.max((product - mean * sum) / (spread * spread_here).sqrt());
                }
            }
        }
        best
    }

    /// Whether a picture shows it.
    #[must_use]
    pub fn is_in(&self, picture: &Luma) -> bool {
        self.score(picture) > FOUND
    }

    /// Everything that bytes show of it.
    #[must_use]
    pub fn traces(&self, bytes: &[u8]) -> Vec<Trace> {
        let raw = self.rows.iter().filter_map(|row| position(bytes, row)).map(|offset| Trace::Raw { offset });
        let shown = pictures(bytes).into_iter().filter_map(|(offset, picture)| {
            let score = self.score(&picture);
            (score > FOUND).then_some(Trace::Picture { offset, score })
        });
        raw.chain(shown).collect()
    }

    /// The files below these folders that show something of it.
    #[must_use]
    pub fn leaks(&self, folders: &[&Path]) -> Vec<(PathBuf, Vec<Trace>)> {
        let files = folders.iter().flat_map(|folder| files(folder));
        let traced = files.map(|file| {
            let traces = self.traces(&fs::read(&file).unwrap_or_default());
            (file, traces)
        });
        traced.filter(|(_, traces)| !traces.is_empty()).collect()
    }
}

/// Every picture that begins somewhere in these bytes: JPEG, PNG and the pictures of Y4M by their first bytes, and those of H.264
/// wherever its parts begin.
#[must_use]
pub fn pictures(bytes: &[u8]) -> Vec<(usize, Luma)> {
    const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const Y4M: &[u8] = b"YUV4MPEG2 ";
    let mut found = video(bytes);
    for offset in 0..bytes.len() {
        let rest = &bytes[offset..];
        if rest.starts_with(Y4M) {
            found.extend(frames(rest).into_iter().map(|picture| (offset, picture)));
        }
        let picture = if rest.starts_with(JPEG) {
            Luma::from_jpeg(rest)
        } else if rest.starts_with(PNG) {
            Luma::from_png(rest)
        } else {
            None
        };
        found.extend(picture.map(|picture| (offset, picture)));
    }
    found
}

/// The pictures of H.264 (Annex B), whatever stands between its parts and behind them.
fn video(bytes: &[u8]) -> Vec<(usize, Luma)> {
    let mut found = Vec::new();
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    let mut offset = 0;
    while let Some(at) = position(&bytes[offset..], &[0, 0, 1]) {
        let begin = offset + at;
        // Two zeros and at most 3 do not occur within a part, but for 3 before at most 3 (H.264, 7.4.1): they stand behind it.
        let behind = |next: &[u8]| next[..2] == [0, 0] && (next[2] < 3 || next[2] == 3 && next[3] > 3);
        let end = bytes[begin + 3..].windows(4).position(behind).map_or(bytes.len(), |next| begin + 3 + next);
        offset = begin + 3;
        // Parameter sets and slices, as encoders begin them. Each stream begins anew, so that nothing else that these bytes were spoils it.
        let header = bytes.get(begin + 3).copied().unwrap_or_default();
        if ![0x67, 0x68, 0x65, 0x61, 0x41, 0x01].contains(&header) {
            continue;
        }
        if header == 0x67 {
            decoder = openh264::decoder::Decoder::new().unwrap();
        }
        let Ok(Some(picture)) = decoder.decode(&bytes[begin..end]) else { continue };
        let ((width, height), stride) = (picture.dimensions(), picture.strides().0);
        let samples = picture.y().chunks(stride).take(height).flat_map(|row| &row[..width]).copied().collect();
        found.push((begin, Luma { width, height, samples }));
    }
    found
}

/// The pictures of a Y4M stream.
fn frames(bytes: &[u8]) -> Vec<Luma> {
    let mut found = Vec::new();
    let Ok(mut decoder) = y4m::decode(bytes) else { return found };
    let (width, height) = (decoder.get_width(), decoder.get_height());
    while let Ok(frame) = decoder.read_frame() {
        found.push(Luma { width, height, samples: frame.get_y_plane().to_vec() });
    }
    found
}

/// Where a needle first stands.
#[must_use]
pub fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Every file below a folder, links not followed.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A program may have removed it meanwhile.
        Err(_) => return found,
    };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_picture_is_found_wherever_it_hides() {
        let texture = Luma::texture(96, 96, 5);
        let planted = Planted::new(&texture);
        let mut picture = Luma::texture(320, 192, 6);
        assert!(!planted.is_in(&picture), "control: {}", planted.score(&picture));
        assert!(!planted.is_in(&Luma::flat(320, 192, 90)));
        picture.paste(101, 47, &texture);
        assert!(planted.is_in(&picture), "{}", planted.score(&picture));

        let inside = |bytes: &[u8]| [&[1, 2, 3], bytes, &[4, 5]].concat();
        assert!(matches!(planted.traces(&inside(&picture.to_jpeg()))[..], [Trace::Picture { offset: 3, .. }]));
        assert!(matches!(planted.traces(&inside(&picture.to_i420()))[..], [Trace::Raw { .. }, ..]));
        assert!(planted.traces(&inside(&Luma::texture(320, 192, 6).to_jpeg())).is_empty());
    }

    #[test]
    fn a_planted_picture_is_found_in_video_between_other_bytes() {
        let planted = Planted::new(&Luma::texture(96, 96, 5));
        let mut encoder = openh264::encoder::Encoder::new().unwrap();
        let mut bytes = b"something else".to_vec();
        for seed in 0..6 {
            let mut picture = Luma::texture(320, 192, 100 + seed);
            if seed == 4 {
                picture.paste(112, 48, &Luma::texture(96, 96, 5));
            }
            let i420 = openh264::formats::YUVBuffer::from_vec(picture.to_i420(), 320, 192);
            bytes.extend(encoder.encode(&i420).unwrap().to_vec());
            bytes.extend(Luma::texture(8, 8, seed).samples);
            bytes.extend([0, 0, 0, 2, 0, 0, 3, 9]);
        }
        let found = pictures(&bytes);
        assert_eq!(found.len(), 6);
        assert_eq!(found.iter().filter(|(_, picture)| planted.is_in(picture)).count(), 1);
    }
}
