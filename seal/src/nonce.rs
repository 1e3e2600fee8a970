//! Where a key stream begins: a type that cannot go back, because a key stream that is used twice gives both pictures away.
//!
//! ```text
//! ┌──────────────┬─────────────────┬───────────────────┐
//! │ sequence u64 │ layer index u32 │ block counter u32 │   the AES-CTR block, big-endian (NIST SP 800-38A)
//! └──────────────┴─────────────────┴───────────────────┘
//! ```

/// A sequence or layer index that is not above the ones before it. The sealer's fault: nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// A frame's sequence was drawn before, or a later one was.
    #[error("sequence {sequence} was used up, {next} is the lowest that is left: start a new session")]
    Sequence {
        /// What was asked for.
        sequence: u64,
        /// What is left.
        next: u64,
    },
    /// A layer's index was drawn before in this frame, or a later one was.
    #[error("layer {index} of frame {sequence} was sealed already, or a later one was: seal a frame's layers in order, each once")]
    Index {
        /// The frame.
        sequence: u64,
        /// What was asked for.
        index: u32,
    },
    /// The last sequence, or the last index of a frame, is gone.
    #[error("no sequence (or no layer index of this frame) is left: start a new session")]
    All,
}

/// The nonces of one session. A session's content keys are fresh, so make exactly one of these for each session and keep it as long
/// as the keys.
#[derive(Debug)]
pub struct Nonces {
    /// The lowest sequence that is left, `None` after the last.
    next: Option<u64>,
}

/// The nonces of one frame's layers.
#[derive(Debug)]
pub struct FrameNonces {
    sequence: u64,
    next: Option<u32>,
}

/// Where one layer's key stream begins. Sealing consumes it, and it cannot be copied: the second line of this does not compile.
///
/// ```compile_fail,E0382
/// # fn twice(mut sealer: seal::layer::GroupSealer, nonce: seal::nonce::Nonce) {
/// let one = sealer.seal(nonce, b"one picture".as_slice().into());
/// let other = sealer.seal(nonce, b"another picture".as_slice().into());
/// # }
/// ```
#[derive(Debug)]
pub struct Nonce {
    sequence: u64,
    index: u32,
}

impl Nonces {
    /// For a session that has sealed nothing yet.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a second one for the same keys is dangerous, so making one is spelled out")]
    pub const fn new() -> Self {
        Self { next: Some(0) }
    }

    /// The nonces of the frame with this sequence, which must be above every one before.
    ///
    /// # Errors
    /// When it is not, also after the last sequence has been used.
    pub fn frame(&mut self, sequence: u64) -> Result<FrameNonces, Spent> {
        let next = self.next.ok_or(Spent::All)?;
        if sequence < next {
            return Err(Spent::Sequence { sequence, next });
        }
        self.next = sequence.checked_add(1);
        Ok(FrameNonces { sequence, next: Some(0) })
    }
}

impl FrameNonces {
    /// The nonce of the layer with this index, which must be above every one before.
    ///
    /// # Errors
    /// When it is not, also after the last index has been used.
    pub fn layer(&mut self, index: u32) -> Result<Nonce, Spent> {
        let next = self.next.ok_or(Spent::All)?;
        if index < next {
            return Err(Spent::Index { sequence: self.sequence, index });
        }
        self.next = index.checked_add(1);
        Ok(Nonce { sequence: self.sequence, index })
    }
}

impl Nonce {
    /// The first CTR block of the layer.
    pub(crate) fn into_block(self) -> [u8; 16] {
        block(self.sequence, self.index)
    }
}

/// The first CTR block of a layer. Opening may ask for any, as often as it likes: only sealing gives a key stream away.
pub(crate) fn block(sequence: u64, index: u32) -> [u8; 16] {
    ((u128::from(sequence) << 64) | (u128::from(index) << 32)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_block_is_sequence_index_and_zero() {
        let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0];
        assert_eq!(block(0x0102_0304_0506_0708, 0x090a_0b0c), expected);
        assert_eq!(Nonces::new().frame(7).unwrap().layer(2).unwrap().into_block(), block(7, 2));
    }

    #[test]
    fn a_sequence_is_never_given_out_twice() {
        let mut nonces = Nonces::new();
        assert!(nonces.frame(0).is_ok());
        assert!(nonces.frame(5).is_ok(), "gaps are fine");
        for used in [5, 4, 0] {
            assert_eq!(nonces.frame(used).unwrap_err(), Spent::Sequence { sequence: used, next: 6 });
        }
        assert!(nonces.frame(6).is_ok(), "a refusal uses nothing up");
    }

    #[test]
    fn an_index_is_never_given_out_twice() {
        let mut frame = Nonces::new().frame(9).unwrap();
        assert!(frame.layer(1).is_ok());
        assert_eq!(frame.layer(1).unwrap_err(), Spent::Index { sequence: 9, index: 1 });
        assert_eq!(frame.layer(0).unwrap_err(), Spent::Index { sequence: 9, index: 0 });
        assert!(frame.layer(2).is_ok());
    }

    #[test]
    fn the_end_is_the_end() {
        let mut nonces = Nonces::new();
        let mut frame = nonces.frame(u64::MAX).unwrap();
        for sequence in [0, 1, u64::MAX] {
            assert_eq!(nonces.frame(sequence).unwrap_err(), Spent::All);
        }
        assert!(frame.layer(u32::MAX).is_ok());
        for index in [0, u32::MAX] {
            assert_eq!(frame.layer(index).unwrap_err(), Spent::All);
        }
    }
}
