//! A camera being watched for a command: connected, pinned, subscribed, unlocked, decoded.

use std::collections::BTreeSet;

use link::address::{Camera, Relay as Address};
use link::exit::{Code, Error, OrExit as _};
use link::pins::{Check, Pins};
use link::tls::{Root, Trust};
use seal::public::spoken;
use wire::id::{CameraId, Fingerprint, Micros};
use wire::label::Label;
use wire::message::{Hello, Span};
use wire::verdict::{Report, Verdict};
use wire::verify::Record;

use super::pass::Pass;
use super::{Accept, Unlocking};
use crate::compose::compose;
use crate::decode::Decoder;
use crate::home::Home;
use crate::picture::Picture;
use crate::relay::Relay;
use crate::show::Status;
use crate::unlock::{self, Unlock};
use crate::watch::{self, Event, Options, Watch, wall_clock};

/// What is asked for.
pub(super) struct Ask<'a> {
    pub(super) camera: &'a Camera,
    pub(super) span: Span,
    pub(super) pace: u16,
    pub(super) key_frames_only: bool,
}

/// A picture to show.
pub(super) struct Shown {
    pub(super) place: (u64, u64),
    pub(super) captured_at: Micros,
    pub(super) picture: Picture,
}

/// A camera being watched.
pub(super) struct Target {
    watch: Watch,
    unlock: Option<Unlock>,
    decoder: Decoder,
    live: bool,
    /// Nothing captured before that is shown.
    from: Micros,
    introduction: String,
}

impl Target {
    pub(super) async fn open(home: &Home, ask: &Ask<'_>, unlocking: &Unlocking, accept: &Accept) -> Result<Self, Error> {
        let (pass, unlock) = unlocking.at(home, &ask.camera.relay, accept).await?;
        let (watch, notes) = subscribe(home, ask, &pass, unlock.as_ref().map(Unlock::fingerprint), accept, None).await?;
        let introduction = introduction(ask.camera, watch.camera(), unlock.as_ref(), &notes);
        let decoder = Decoder::new().or_exit(Code::Internal)?;
        let from = match ask.span {
            Span::Live => Micros(0),
            Span::Range { from, .. } => from,
        };
        Ok(Self { watch, unlock, decoder, live: ask.span == Span::Live, from, introduction })
    }

    /// Who the camera is, for people.
    pub(super) fn introduction(&self) -> &str {
        &self.introduction
    }

    pub(super) const fn camera_id(&self) -> CameraId {
        self.watch.camera().id
    }

    pub(super) fn report(&self) -> Report {
        self.watch.report()
    }

    /// The next picture; none at the end of a range. May be dropped while it waits.
    pub(super) async fn next(&mut self, status: &mut Status) -> Result<Option<Shown>, Error> {
        loop {
            let (frame, record, grants) = match self.watch.next().await? {
                None => return Ok(None),
                Some(Event::Frame { frame, record, grants }) => (frame, record, grants),
                Some(Event::Gap(_)) => {
                    status.gap();
                    continue;
                }
                Some(Event::Skipped { frames }) => {
                    status.skipped(frames);
                    continue;
                }
                Some(Event::SessionEnd) => continue,
            };
            let opened = self.unlock.as_mut().map(|unlock| unlock.open(&frame, &record, &grants)).unwrap_or_default();
            if let Some((label, error)) = opened.closed.first() {
                status.trouble(closed(&record, *label, error));
            }
            match compose(&mut self.decoder, &frame, &opened) {
                Ok(composed) => {
                    if let Some((label, error)) = composed.broken.first() {
                        status.trouble(format!("“{}” opened and stays masked: {error}", name(&record, *label)));
                    }
                    // Video is sent from the beginning of a group on, which may be before what was asked for.
                    if frame.header().captured_at < self.from {
                        continue;
                    }
                    status.frame(&frame, &record, &composed.lifted, wall_clock());
                    let place = (frame.context().session.number, frame.header().sequence);
                    return Ok(Some(Shown { place, captured_at: frame.header().captured_at, picture: composed.picture }));
                }
                Err(error) => status.trouble(format!("frame {} is not shown: {error}", frame.header().sequence)),
            }
        }
    }

    /// Ends the subscription and remembers how far it was seen live.
    pub(super) async fn close(self, home: &Home) -> Result<(), Error> {
        close(self.watch, self.live, home).await
    }
}

/// Connects and subscribes; remembers a relay and a camera that are new, and gives the sentences that say so. `newest` is the newest frame
/// that was seen before on another connection.
pub(super) async fn subscribe(
    home: &Home,
    ask: &Ask<'_>,
    pass: &Pass,
    recipient: Option<Fingerprint>,
    accept: &Accept,
    newest: Option<(u64, u64)>,
) -> Result<(Watch, Vec<String>), Error> {
    let (address, pins) = (&ask.camera.relay, home.pins());
    let hello = Hello { ticket: pass.ticket().await?, ..Hello::new(recipient) };
    let relay = Relay::connect(address, trust(&pins, address, accept)?, hello).await?;
    let mut notes: Vec<String> = pin_relay(&pins, address, &relay.root, accept)?.into_iter().collect();
    let options =
        Options { camera: ask.camera.name.clone(), span: ask.span, recipient, pace: ask.pace, key_frames_only: ask.key_frames_only };
    let watch = Watch::open(relay, &options, |camera| {
        notes.extend(pin_camera(&pins, ask.camera, camera, accept)?);
        Ok(home.highest(camera.id).max(newest))
    })
    .await?;
    Ok((watch, notes))
}

/// Ends a subscription and remembers how far it was seen live.
pub(super) async fn close(watch: Watch, live: bool, home: &Home) -> Result<(), Error> {
    let (id, seen, report) = (watch.camera().id, watch.before_newest_group(), watch.report());
    watch.close().await;
    match seen {
        Some(seen) if live && report.verdict > Verdict::NotLive => home.remember(id, seen),
        _ => Ok(()),
    }
}

impl Unlocking {
    /// Only these labels, if they were named.
    pub(super) fn asked(&self) -> Option<BTreeSet<String>> {
        self.labels.as_ref().map(|labels| labels.iter().map(ToString::to_string).collect())
    }
}

/// Whom to believe at that address: what the person says, else what is remembered, else whoever answers first.
pub(super) fn trust(pins: &Pins, relay: &Address, accept: &Accept) -> Result<Trust, Error> {
    let known = pins.root_of(relay).or_exit(Code::Data)?;
    Ok(accept.ca.or(known).map_or(Trust::FirstUse, Trust::Pinned))
}

/// Remembers a relay that is new, or whose change the person accepts; gives the sentence that says so.
pub(super) fn pin_relay(pins: &Pins, relay: &Address, root: &Root, accept: &Accept) -> Result<Option<String>, Error> {
    let seen = root.fingerprint;
    match pins.check_relay(relay, seen).or_exit(Code::Data)? {
        Check::Known => return Ok(None),
        Check::Changed(changed) if accept.ca != Some(seen) => return Err(Error::new(Code::NotAllowed, changed)),
        Check::New | Check::Changed(_) => {}
    }
    pins.remember_relay(relay, seen, wall_clock()).or_exit(Code::CannotCreate)?;
    let advice = if accept.ca.is_some() { "" } else { "\n  compare it with what the operator tells you; from now on a change is refused" };
    Ok(Some(format!("Now known: relay {relay}, root certificate\n  {seen}{advice}")))
}

/// Remembers a camera that is new, or whose change the person accepts; gives the sentence that says so.
fn pin_camera(pins: &Pins, camera: &Camera, seen: &watch::Camera, accept: &Accept) -> Result<Option<String>, Error> {
    if accept.camera_id.is_some_and(|id| id != seen.id) {
        return Err(Error::new(Code::NotAllowed, format!("{camera} is another camera than the one named: its id is {}", seen.id)));
    }
    match pins.check_camera(camera, seen.id).or_exit(Code::Data)? {
        Check::Known => return Ok(None),
        Check::Changed(changed) if accept.camera_id.is_none() => {
            return Err(Error::new(Code::NotAllowed, format!("unknown camera: {changed}, or accept it with --camera-id {}", seen.id)));
        }
        Check::New | Check::Changed(_) => {}
    }
    pins.remember_camera(camera, seen.id, wall_clock()).or_exit(Code::CannotCreate)?;
    Ok(Some(format!("Now known: camera {camera}, id\n  {}", seen.id)))
}

/// Who the camera is, for people.
pub(super) fn introduction(camera: &Camera, seen: &watch::Camera, unlock: Option<&Unlock>, notes: &[String]) -> String {
    let mut lines = notes.to_vec();
    lines.push(format!("{camera}, camera id {}", seen.id.short()));
    if let Some(unlock) = unlock {
        lines.push(format!("unlocking with key {}", spoken(unlock.fingerprint())));
    }
    lines.join("\n")
}

pub(super) fn name(record: &Record, label: Label) -> &str {
    record.record().labels.name(label).unwrap_or("?")
}

/// Why a label stays masked, and what to do.
pub(super) fn closed(record: &Record, label: Label, error: &unlock::Error) -> String {
    format!("“{}” stays masked: {error}", name(record, label))
}

/// What a script is told at the end: data that fails verification is an error.
pub(super) fn judge(report: &Report) -> Result<(), Error> {
    match report.verdict {
        Verdict::Tampered | Verdict::Revoked | Verdict::UnknownCamera => {
            let reasons: Vec<String> = report.findings.iter().map(|finding| finding.reason.to_string()).collect();
            Err(Error::new(Code::Data, format!("{}: {}", report.verdict, reasons.join("; "))))
        }
        Verdict::NotLive | Verdict::Withheld | Verdict::WithGaps | Verdict::NotEnoughYet | Verdict::Authentic => Ok(()),
    }
}
