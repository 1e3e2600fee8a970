//! Everything that the window shows at one moment, in words and numbers.

use std::time::Duration;

use super::view::{Frame, Standing};

/// Whether pictures come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// None has come yet.
    Waiting,
    /// They do.
    Coming,
    /// None has come for so long.
    Lost(Duration),
}

/// One moment.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The camera's name.
    pub camera: &'a str,
    /// The newest frame, and a number that no other picture has.
    pub frame: Option<(u64, &'a Frame)>,
    /// How the stream stands.
    pub standing: &'a Standing,
    /// Whether pictures come.
    pub signal: Signal,
    /// From capture to here, of live pictures.
    pub latency: Option<Duration>,
    /// Pictures shown per second.
    pub rate: f64,
    /// Whether there is a key that may lift masks.
    pub has_key: bool,
    /// Whether the help is open.
    pub help: bool,
    /// Something to be read once.
    pub note: Option<&'a str>,
}

/// A duration as people say it: `7 s`, `3 min 05 s`, `2 h 03 min`.
#[must_use]
pub fn spoken(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_say_them() {
        for (seconds, said) in [(0, "0 s"), (59, "59 s"), (185, "3 min 05 s"), (7395, "2 h 03 min")] {
            assert_eq!(spoken(Duration::from_secs(seconds)), said);
        }
    }
}
