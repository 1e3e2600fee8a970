//! Reading the spool again: the groups that the relay has not acknowledged and that are not on their way, the oldest first.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use wire::message::{self, Message};
use wire::sign::SignedRecord;

use super::books::{Look, Take};
use super::entry::Entries;
use super::volume::{self, Group, Scan};
use super::{Run, Spool};

/// A group to be sent again, with everything that must be said before.
#[derive(Debug)]
pub struct Again {
    /// Its frames.
    pub run: Run,
    /// The record that it is sealed under.
    pub record: SignedRecord,
    /// Its grants.
    pub grants: message::Grants,
    /// The frames' bytes, key frame first.
    pub frames: Vec<Bytes>,
}

/// What is next.
#[derive(Debug)]
pub enum Next {
    /// This group.
    Group(Box<Again>),
    /// Nothing, until something is acknowledged or written.
    Nothing,
}

/// Where somebody who sends again stands. Blocks on the disk: use it on a thread for that.
pub struct Cursor {
    spool: Spool,
    /// The volume that is being gone through, and the next of its groups.
    volume: Option<(Look, Scan, usize)>,
    /// Volumes up to this one were gone through.
    done: u64,
}

impl Cursor {
    pub(super) const fn new(spool: Spool) -> Self {
        Self { spool, volume: None, done: 0 }
    }

    /// The next group. It counts as being sent until [`Spool::landed`] says otherwise.
    #[must_use]
    pub fn advance(&mut self) -> Next {
        loop {
            if self.volume.is_none() && !self.look() {
                return Next::Nothing;
            }
            let Some((look, scan, at)) = &mut self.volume else { continue };
            let Some(group) = scan.groups.get(*at).copied() else {
                self.done = look.number;
                self.volume = None;
                continue;
            };
            let take = self.spool.books().take(look.number, scan.session, &group);
            let run = match take {
                Take::Wait => return Next::Nothing,
                Take::Skip => {
                    *at += 1;
                    continue;
                }
                Take::Send(run) => run,
            };
            *at += 1;
            match read(&look.path, run, &group) {
                Some(again) => return Next::Group(Box::new(again)),
                None => {
                    // It was whole a moment ago: it went with its volume, or the disk fails.
                    self.spool.landed(run, false);
                    self.done = look.number;
                    self.volume = None;
                }
            }
        }
    }

    /// Looks into the next volume in which something waits. Says whether there is one.
    fn look(&mut self) -> bool {
        let next = {
            let mut books = self.spool.books();
            books.expire(Instant::now());
            books.next(self.done, Instant::now())
        };
        let Some(look) = next else {
            self.done = 0;
            return false;
        };
        match volume::scan(&look.path, look.bytes) {
            Ok(scan) => {
                if scan.torn > 0 {
                    tracing::warn!(path = %look.path.display(), bytes = scan.torn, "a file of the spool is torn: what is behind that is lost");
                }
                if self.spool.books().learn(look.number, &scan) {
                    self.volume = Some((look, scan, 0));
                } else {
                    self.done = look.number;
                }
            }
            Err(error) => {
                tracing::warn!(path = %look.path.display(), %error, "a file of the spool cannot be read");
                self.done = look.number;
            }
        }
        true
    }
}

fn read(path: &Path, run: Run, group: &Group) -> Option<Again> {
    let mut head = Entries::open(path, group.record, group.from).ok()?;
    let Message::Record { record, .. } = Message::decode(head.next().ok()??).ok()? else { return None };
    let Message::Grants(grants) = Message::decode(head.next().ok()??).ok()? else { return None };
    let mut entries = Entries::open(path, group.from, group.to).ok()?;
    let mut frames = Vec::new();
    while let Some(body) = entries.next().ok()? {
        let Message::Frame { frame, .. } = Message::decode(body).ok()? else { return None };
        frames.push(frame);
    }
    let whole = u64::try_from(frames.len()).is_ok_and(|count| count == group.frames);
    whole.then_some(Again { run, record, grants, frames })
}
