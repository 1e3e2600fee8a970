//! Opening what is ours: from a verified frame, the grants under its record and our private key to the plain bytes of its sealed layers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use seal::grant::{self, Scope};
use seal::identity::Identity;
use seal::keys::ContentKey;
use seal::layer::{self, GroupOpener};
use wire::frame::{LayerKind, SignedFrame};
use wire::grants::Grant;
use wire::id::{Digest, Fingerprint};
use wire::label::Label;
use wire::verify::{Record, Verified};
use zeroize::Zeroizing;

/// How many epochs' content keys are kept: backfill and replay cross from one into the next.
const MAX_EPOCHS: usize = 4;

/// Why a layer stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no grant for that label.
    #[error("no grant for this label: the camera's owner has not named this key for it")]
    NoGrant,
    /// The grant does not open.
    #[error(transparent)]
    Grant(#[from] grant::Error),
    /// The layer does not open.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The layer was not sent.
    #[error("the relay did not send the layer")]
    NotSent,
    /// The group's first frame was missed, which carries the commitment.
    #[error("the group began before this frame: it opens with the next group")]
    MidGroup,
}

/// What came of one frame.
#[derive(Debug, Default)]
pub struct Opened {
    /// The plain bytes of every layer that opened, in the frame's order.
    pub layers: Vec<(Label, Zeroizing<Vec<u8>>)>,
    /// Why the others that were asked for stay closed.
    pub closed: Vec<(Label, Error)>,
}

struct Epoch {
    record: Digest,
    keys: BTreeMap<Label, Result<ContentKey, grant::Error>>,
}

/// Opens one camera's stream with one viewer's private key.
pub struct Unlock {
    identity: Identity,
    /// Only these labels' names, or all.
    wanted: Option<BTreeSet<String>>,
    epochs: VecDeque<Epoch>,
    group: Option<(Digest, u64)>,
    openers: BTreeMap<Label, GroupOpener>,
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unlock(..)")
    }
}

impl Unlock {
    /// With this identity; only these labels, or every one that it holds a grant for.
    #[must_use]
    pub const fn new(identity: Identity, wanted: Option<BTreeSet<String>>) -> Self {
        Self { identity, wanted, epochs: VecDeque::new(), group: None, openers: BTreeMap::new() }
    }

    /// Whose key opens.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.public().fingerprint()
    }

    /// Opens only these labels from now on, or every one; what is open of the running group is closed.
    pub fn want(&mut self, labels: Option<BTreeSet<String>>) {
        self.wanted = labels;
        self.openers.clear();
        self.group = None;
    }

    /// Opens what is ours of a verified frame.
    pub fn open(&mut self, frame: &Verified<SignedFrame>, record: &Verified<Record>, grants: &[Grant]) -> Opened {
        let group = (record.digest(), frame.header().group);
        if frame.header().flags.key || self.group != Some(group) {
            self.openers.clear();
            self.group = Some(group);
        }
        let mut opened = Opened::default();
        for (index, layer) in (0u32..).zip(frame.layers()) {
            let LayerKind::Sealed(label) = layer.kind else { continue };
            let name = record.record().labels.name(label).unwrap_or_default();
            if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(name)) {
                continue;
            }
            let result = match layer.present() {
                None if grants.iter().any(|grant| grant.label == label) => Err(Error::NotSent),
                None => Err(Error::NoGrant),
                Some(bytes) => self.open_layer(frame, record, grants, label, index, bytes),
            };
            match result {
                Ok(plain) => opened.layers.push((label, plain)),
                Err(error) => opened.closed.push((label, error)),
            }
        }
        opened
    }

    fn open_layer(
        &mut self,
        frame: &Verified<SignedFrame>,
        record: &Verified<Record>,
        grants: &[Grant],
        label: Label,
        index: u32,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let sequence = frame.header().sequence;
        if !self.openers.contains_key(&label) {
            // First of all the grant: who holds none is told so in the middle of a group too.
            let secret = self.content_key(record, grants, label)?.group(frame.header().group);
            // Only a key frame's layer carries the commitment.
            if !frame.header().flags.key {
                return Err(Error::MidGroup);
            }
            let opener = GroupOpener::start(&secret, sequence, index, bytes)?;
            self.openers.insert(label, opener);
        }
        let opener = self.openers.get(&label).ok_or(Error::MidGroup)?;
        let mut plain = Zeroizing::new(Vec::new());
        opener.open(sequence, index, bytes, &mut plain)?;
        Ok(plain)
    }

    fn content_key(&mut self, record: &Verified<Record>, grants: &[Grant], label: Label) -> Result<&ContentKey, Error> {
        let digest = record.digest();
        if !self.epochs.iter().any(|epoch| epoch.record == digest) {
            if self.epochs.len() >= MAX_EPOCHS {
                self.epochs.pop_front();
            }
            self.epochs.push_back(Epoch { record: digest, keys: BTreeMap::new() });
        }
        let epoch = self.epochs.iter_mut().find(|epoch| epoch.record == digest).ok_or(Error::NoGrant)?;
        let key = match epoch.keys.entry(label) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let grant = grants.iter().find(|grant| grant.label == label).ok_or(Error::NoGrant)?;
                let scope = Scope::of(record.record(), label).ok_or(Error::NoGrant)?;
                entry.insert(grant::open(&self.identity, grant, &scope))
            }
        };
        key.as_ref().map_err(|error| (*error).into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use bytes::Bytes;
    use seal::layer::{Draft, GroupSealer};
    use seal::nonce::Nonces;
    use wire::context::Codec;
    use wire::epoch::{EpochRecord, Link, SourceKind};
    use wire::frame::{DetectorState, Frame};
    use wire::grants::GrantList;
    use wire::id::{CameraId, Micros, SessionId};
    use wire::label::Labels;
    use wire::sign::{self, SessionSigner, SignedRecord, Start};
    use wire::verify::{self, Group};

    use super::*;

    /// A camera that seals `face` and `till` for one viewer, who holds a grant for `face` alone.
    struct Camera {
        record: Arc<Verified<Record>>,
        frame: Verified<SignedFrame>,
        grants: Vec<Grant>,
    }

    fn camera(viewer: &Identity) -> Camera {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let session = SessionId { number: 1, nonce: [3; 16] };
        let labels = Labels::new(vec!["till".parse().unwrap()]).unwrap();
        let till = labels.find("till").unwrap();
        let mut record = EpochRecord {
            camera: CameraId(key.verifying_key().to_bytes()),
            session,
            link: Link::First,
            epoch: 0,
            source: SourceKind::Sample,
            labels,
            detector: String::new(),
            owners: Vec::new(),
            viewers_version: 1,
            viewers_digest: Digest::ZERO,
            grants: Digest::ZERO,
        };
        let keys = [till, Label::FACE].map(|label| (label, ContentKey::random().unwrap()));
        let scope = Scope::of(&record, Label::FACE).unwrap();
        let grants = vec![grant::wrap(&keys[1].1, &scope, &viewer.public()).unwrap()];
        record.grants = GrantList::of(&grants).unwrap().digest();
        let signed = SignedRecord::sign(&record, &key).unwrap();
        let verified = Arc::new(verify::record(signed.clone(), record.camera).unwrap());
        let mut nonces = Nonces::new();
        let mut nonces = nonces.frame(0).unwrap();
        let sealed = (1u32..).zip(&keys).map(|(index, (label, key))| {
            let mut draft = Draft::with_capacity(16);
            draft.put(format!("originals of {}", label.number()).as_bytes());
            (*label, GroupSealer::new(&key.group(0)).seal(nonces.layer(index).unwrap(), draft).unwrap())
        });
        let draft = sign::Draft {
            start: Some(Start { codec: Codec::Jpeg, width: 64, height: 48, record: signed.digest() }),
            sequence: 0,
            captured_at: Micros(1),
            fail_closed: false,
            detector: DetectorState::Off,
            regions: Vec::new(),
            public: Bytes::from_static(b"public"),
            sealed: sealed.collect(),
        };
        let bytes = SessionSigner::new(key, session).sign(draft).unwrap().bytes().clone();
        let (_, frame) = Group::open(&verified, Frame::decode(bytes).unwrap()).unwrap();
        Camera { record: verified, frame, grants }
    }

    #[test]
    fn the_holder_of_one_label_opens_that_label_and_no_other() {
        let ana = Identity::generate().unwrap();
        let camera = camera(&ana);
        let mut unlock = Unlock::new(ana, None);
        let opened = unlock.open(&camera.frame, &camera.record, &camera.grants);
        assert_eq!(opened.layers.len(), 1);
        assert_eq!((opened.layers[0].0, opened.layers[0].1.as_slice()), (Label::FACE, &b"originals of 9"[..]));
        assert_eq!(opened.closed, [(camera.record.record().labels.find("till").unwrap(), Error::NoGrant)]);
    }

    #[test]
    fn a_stranger_opens_nothing_with_somebody_elses_grant() {
        let camera = camera(&Identity::generate().unwrap());
        let mut unlock = Unlock::new(Identity::generate().unwrap(), None);
        let opened = unlock.open(&camera.frame, &camera.record, &camera.grants);
        assert!(opened.layers.is_empty());
        assert!(matches!(opened.closed[1], (Label::FACE, Error::Grant(grant::Error::NotForYou(_)))));
    }

    #[test]
    fn labels_that_are_not_wanted_stay_masked_without_complaint() {
        let ana = Identity::generate().unwrap();
        let camera = camera(&ana);
        let mut unlock = Unlock::new(ana, Some(BTreeSet::from(["till".to_owned()])));
        let opened = unlock.open(&camera.frame, &camera.record, &camera.grants);
        assert!(opened.layers.is_empty());
        assert_eq!(opened.closed.len(), 1);
    }
}
