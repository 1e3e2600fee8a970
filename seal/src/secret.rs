//! 32 secret bytes: how every key of this crate is held.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes, so no key can be made; nothing was sealed")]
pub struct NoRandomness;

/// 32 secret bytes. They are erased when dropped, cannot be cloned, print as `(..)` and compare in constant time.
///
/// They live in a box: moving a `Secret` moves a pointer and leaves no copy behind on the stack.
///
/// ```compile_fail,E0308
/// # fn copy(secret: &seal::secret::Secret) -> seal::secret::Secret {
/// secret.clone()
/// # }
/// ```
pub struct Secret(Box<[u8; 32]>);

impl Secret {
    /// Fresh from the operating system.
    ///
    /// # Errors
    /// When it has no randomness to give.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut secret = Self(Box::new([0; 32]));
        fill_random(secret.0.as_mut())?;
        Ok(secret)
    }

    /// A copy of these bytes; erasing the original is the caller's business.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self::filled(|own| own.copy_from_slice(bytes))
    }

    /// Whatever `fill` writes over the zeros, in place.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut secret = Self(Box::new([0; 32]));
        fill(&mut secret.0);
        secret
    }

    /// The bytes themselves. Whoever copies them erases the copy.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Overwrites `bytes` with randomness of the operating system.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl zeroize::ZeroizeOnDrop for Secret {}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn two_random_secrets_differ_and_neither_prints() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one, Secret::from_bytes(one.expose()));
        assert_eq!(format!("{one:?} {one:#?}"), "Secret(..) Secret(..)");
    }

    #[test]
    fn one_differing_bit_is_another_secret() {
        for bit in 0..256 {
            let mut bytes = [7; 32];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Secret::from_bytes(&[7; 32]), Secret::from_bytes(&bytes));
        }
    }
}
