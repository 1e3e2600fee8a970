//! A sealed layer: the original pixels of one label, padded and encrypted.
//!
//! ```text
//!                        ┌────────────────┬────────────┬───────┬───────┐
//! plaintext              │ length L (u32) │ L bytes    │ zeros │       n = 4 + L, padded(n) bytes in all
//!                        └────────────────┴────────────┴───────┘
//! ┌─────────────────┬──────────────────────────────────────────┐
//! │ commitment (32) │ AES-256-CTR of the plaintext             │      a label's first sealed layer in a group
//! └─────────────────┴──────────────────────────────────────────┘
//!                   ┌──────────────────────────────────────────┐
//!                   │ AES-256-CTR of the plaintext             │      its later ones
//!                   └──────────────────────────────────────────┘
//! ```
//!
//! `padded(n)` is the next multiple of 2^max(4, ⌊log₂ n⌋ − 4) from n on: a step is at most 1/16 of the size, so the padding costs at most
//! that, and the length that a stranger sees says how much is hidden only to such a step.

use std::io;

use aes::Aes256Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCore, StreamCipherCoreWrapper};
use bytes::{Buf, Bytes, BytesMut};
use ctr::{CtrCore, flavors::Ctr32BE};

use crate::keys::{Commitment, GroupSecret};
use crate::nonce::{Nonce, block};

/// No sealed layer is longer than this, in bytes: a longer one would fit into no frame.
pub const MAX_LAYER: usize = wire::frame::MAX_FRAME;

/// The length in front of the bytes.
const LENGTH: usize = 4;

/// What a draft keeps free in front of the bytes.
const HEADROOM: usize = Commitment::LENGTH + LENGTH;

// The block counter has 32 bits, so a key stream is at most 2^32 blocks of 16 bytes long.
const _: () = assert!(MAX_LAYER as u64 <= 16 << 32);

type KeyStream<'a> = CtrCore<&'a Aes256Enc, Ctr32BE>;

/// Why a layer was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Sealing more than [`MAX_LAYER`] bytes.
    #[error("a layer of {0} bytes is longer than a frame may be ({MAX_LAYER}): lower the picture's size or quality")]
    TooLong(usize),
    /// The group commits to another key.
    #[error("this key does not open this group: the camera sealed it under another one, so the grant is for something else")]
    WrongKey,
    /// The bytes cannot be a sealed layer at all.
    #[error("{0} bytes are no sealed layer: it was cut off, or is not the layer that it was taken for")]
    Truncated(usize),
    /// The bytes decrypt to nonsense.
    #[error("the layer decrypts to nonsense: it was not sealed at this place (frame, layer, group), or not by these rules")]
    Nonsense,
}

/// The plain bytes of a layer while they are written, with room in front for what sealing adds: nothing is moved afterwards.
pub struct Draft {
    /// [`HEADROOM`] zeros, then the bytes.
    bytes: BytesMut,
}

impl Draft {
    /// An empty one that can take `expected` bytes, and their padding, without growing.
    #[must_use]
    pub fn with_capacity(expected: usize) -> Self {
        let capacity = Commitment::LENGTH + padded(expected.saturating_add(LENGTH)).unwrap_or(LENGTH);
        let mut bytes = BytesMut::with_capacity(capacity.min(MAX_LAYER));
        bytes.resize(HEADROOM, 0);
        Self { bytes }
    }

    /// Appends.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - HEADROOM
    }

    /// Whether none were. A label without regions in this frame has an empty layer all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&[u8]> for Draft {
    fn from(bytes: &[u8]) -> Self {
        let mut draft = Self::with_capacity(bytes.len());
        draft.put(bytes);
        draft
    }
}

impl io::Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} bytes)", self.len())
    }
}

/// Seals one label's layers in one group.
pub struct GroupSealer {
    cipher: Aes256Enc,
    /// Until the label's first layer has been sealed.
    commitment: Option<Commitment>,
}

impl GroupSealer {
    /// For a group that has no sealed layer of this label yet.
    #[must_use]
    pub fn new(secret: &GroupSecret) -> Self {
        Self { cipher: cipher(secret), commitment: Some(secret.commitment()) }
    }

    /// Pads and encrypts the draft where it lies. The first layer carries the commitment, so it must be published before the others: if
    /// its frame is lost, so is the group.
    ///
    /// # Errors
    /// When the draft is too long; the nonce is gone then, the commitment still to come.
    pub fn seal(&mut self, nonce: Nonce, draft: Draft) -> Result<Bytes, Error> {
        let mut bytes = draft.bytes;
        let plain = bytes.len() - Commitment::LENGTH;
        let too_long = Error::TooLong(plain);
        let size = padded(plain).and_then(|size| size.checked_add(Commitment::LENGTH)).filter(|size| *size <= MAX_LAYER).ok_or(too_long)?;
        bytes.resize(size, 0);

        let (front, plaintext) = bytes.split_at_mut_checked(Commitment::LENGTH).ok_or(too_long)?;
        let (length, _) = plaintext.split_first_chunk_mut::<LENGTH>().ok_or(too_long)?;
        *length = u32::try_from(plain - LENGTH).map_err(|_| too_long)?.to_be_bytes();
        KeyStream::inner_iv_init(&self.cipher, &nonce.into_block().into())
            .try_apply_keystream_partial(plaintext.into())
            .map_err(|_| too_long)?;

        match self.commitment.take() {
            Some(commitment) => front.copy_from_slice(commitment.as_bytes()),
            None => bytes.advance(Commitment::LENGTH),
        }
        Ok(bytes.freeze())
    }
}

impl std::fmt::Debug for GroupSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GroupSealer(..)")
    }
}

/// Opens one label's layers in one group. That it exists means that the group commits to its key.
pub struct GroupOpener {
    cipher: Aes256Enc,
    commitment: Commitment,
    /// Sequence and index of the layer that carries the commitment.
    first: (u64, u32),
}

impl GroupOpener {
    /// Checks the key against the label's first sealed layer in the group (in constant time) and decrypts nothing yet.
    ///
    /// `sequence` and `index` say where that layer stands; [`Self::open`] it as any other.
    ///
    /// # Errors
    /// When the layer is cut off, or commits to another key.
    pub fn start(secret: &GroupSecret, sequence: u64, index: u32, layer: &[u8]) -> Result<Self, Error> {
        let opener = Self { cipher: cipher(secret), commitment: secret.commitment(), first: (sequence, index) };
        opener.committed(layer)?;
        Ok(opener)
    }

    /// The bytes of the layer at this place, into `out`, which is emptied first; on an error it stays empty.
    ///
    /// # Errors
    /// When the layer does not commit to the key (the first), is cut off, or decrypts to nonsense.
    pub fn open(&self, sequence: u64, index: u32, layer: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        out.clear();
        let ciphertext = if (sequence, index) == self.first { self.committed(layer)? } else { layer };
        decrypt(&self.cipher, sequence, index, ciphertext, out)
    }

    /// What stands behind the commitment of the first layer, if it is ours.
    fn committed<'a>(&self, layer: &'a [u8]) -> Result<&'a [u8], Error> {
        let (commitment, ciphertext) = layer.split_at_checked(Commitment::LENGTH).ok_or(Error::Truncated(layer.len()))?;
        if self.commitment.is(commitment) { Ok(ciphertext) } else { Err(Error::WrongKey) }
    }
}

impl std::fmt::Debug for GroupOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GroupOpener(..)")
    }
}

fn cipher(secret: &GroupSecret) -> Aes256Enc {
    Aes256Enc::new(secret.layer_key().expose().into())
}

/// How long `n` bytes are with their padding: the next multiple of 2^max(4, ⌊log₂ n⌋ − 4).
fn padded(n: usize) -> Option<usize> {
    let step = 1_usize << n.checked_ilog2()?.saturating_sub(4).max(4);
    n.checked_next_multiple_of(step)
}

/// Appends to an empty `out`, or leaves it empty.
fn decrypt(cipher: &Aes256Enc, sequence: u64, index: u32, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let truncated = Error::Truncated(ciphertext.len());
    let (length, rest) = ciphertext.split_first_chunk::<LENGTH>().filter(|_| ciphertext.len().is_multiple_of(16)).ok_or(truncated)?;
    let mut stream = StreamCipherCoreWrapper::from_core(KeyStream::inner_iv_init(cipher, &block(sequence, index).into()));

    // The length first: most nonsense ends here, before anything is copied.
    let mut length = *length;
    stream.try_apply_keystream(&mut length).map_err(|_| truncated)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| Error::Nonsense)?;
    if length.checked_add(LENGTH).and_then(padded) != Some(ciphertext.len()) {
        return Err(Error::Nonsense);
    }

    out.extend_from_slice(rest);
    let applied = stream.try_apply_keystream(out).is_ok();
    let zeros = out.get(length..).is_some_and(|padding| padding.iter().all(|byte| *byte == 0));
    if applied && zeros {
        out.truncate(length);
        Ok(())
    } else {
        out.clear();
        Err(Error::Nonsense)
    }
}

#[cfg(test)]
mod tests;
