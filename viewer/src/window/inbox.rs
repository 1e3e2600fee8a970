//! What waits for the window: the newest frame and the newest standing. Whoever draws more slowly than frames come skips to the newest.

use std::sync::{Mutex, PoisonError};

use super::view::{Frame, Standing};

/// What the window has not taken yet.
#[derive(Debug, Default)]
pub struct News {
    /// The newest frame.
    pub frame: Option<Frame>,
    /// How the stream stands, where that changed.
    pub standing: Option<Standing>,
}

/// Where news wait; whoever puts some in wakes the window.
pub struct Inbox {
    news: Mutex<News>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

impl Inbox {
    /// Empty; `wake` is called when it no longer is.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { news: Mutex::default(), wake: Box::new(wake) }
    }

    /// A frame came. One that was not taken is gone.
    pub fn frame(&self, frame: Frame) {
        self.put(|news| news.frame = Some(frame));
    }

    /// The stream stands so.
    pub fn standing(&self, standing: Standing) {
        self.put(|news| news.standing = Some(standing));
    }

    /// Takes what is there.
    #[must_use]
    pub fn take(&self) -> News {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, change: impl FnOnce(&mut News)) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = news.frame.is_some() || news.standing.is_some();
        change(&mut news);
        drop(news);
        if !woken {
            (self.wake)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use wire::id::Micros;

    use super::*;
    use crate::picture::Picture;

    #[test]
    fn the_newest_frame_wins_and_the_window_is_woken_once() {
        let woken = Arc::new(AtomicU32::new(0));
        let inbox = Inbox::new({
            let woken = Arc::clone(&woken);
            move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }
        });
        let frame = |sequence| Frame {
            picture: Picture::new(2, 2),
            lifted: Vec::new(),
            in_use: Vec::new(),
            place: (1, sequence),
            captured_at: Micros(sequence),
            fail_closed: None,
        };
        (0..3).for_each(|sequence| inbox.frame(frame(sequence)));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(inbox.take().frame.map(|frame| frame.place), Some((1, 2)));
        assert!(inbox.take().frame.is_none());
        inbox.frame(frame(3));
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }
}
