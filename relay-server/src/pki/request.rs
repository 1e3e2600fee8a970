//! Certificate requests (PKCS #10, RFC 2986) whose sender has proved to hold the private key.
//!
//! Nothing but the public key is taken from a request: name, purpose and validity are the issuing CA's word.

use ed25519_dalek::Signature;
use wire::id::CameraId;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::AlgorithmIdentifier;

/// The longest request that is parsed, in bytes of DER. One with an Ed25519 key and an empty subject takes about 150.
pub const MAX_REQUEST: usize = 2048;

/// A request that was verified: whoever sent it holds the private key of this camera id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    camera: CameraId,
}

/// Why a request is refused. Always the sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a PKCS #10 request, or too long, or something follows it.
    #[error("this is not a certificate request (PKCS #10, DER, at most {MAX_REQUEST} bytes)")]
    Malformed,
    /// The key, or the signature, is not Ed25519.
    #[error("a camera's key must be Ed25519")]
    NotEd25519,
    /// The public key is not canonical, or of small order: it could have many signatures, or several names.
    #[error("the public key is not a usable Ed25519 key (not canonical, or of small order)")]
    WeakKey,
    /// The request is not signed by the key in it.
    #[error("the request is not signed by the key that it asks a certificate for")]
    NotHeld,
}

impl Request {
    /// Parses a request and checks the proof of possession, strictly (no small-order or non-canonical A or R).
    ///
    /// # Errors
    /// When it is not a request for an Ed25519 key that its sender holds.
    pub fn verify(der: &[u8]) -> Result<Self, Refused> {
        if der.len() > MAX_REQUEST {
            return Err(Refused::Malformed);
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| Refused::Malformed)?;
        if !rest.is_empty() {
            return Err(Refused::Malformed);
        }
        let subject = &request.certification_request_info.subject_pki;
        if !is_ed25519(&subject.algorithm) || !is_ed25519(&request.signature_algorithm) {
            return Err(Refused::NotEd25519);
        }
        let key = bits::<32>(&subject.subject_public_key).ok_or(Refused::Malformed)?;
        let signature = bits::<64>(&request.signature_value).ok_or(Refused::Malformed)?;
        let verifier = wire::verify::public_key(&key).map_err(|_| Refused::WeakKey)?;
        verifier.verify_strict(request.certification_request_info.raw, &Signature::from_bytes(&signature)).map_err(|_| Refused::NotHeld)?;
        Ok(Self { camera: CameraId(key) })
    }

    /// Whose key it is.
    #[must_use]
    pub const fn camera(&self) -> CameraId {
        self.camera
    }
}

/// RFC 8410: the parameters are absent.
fn is_ed25519(algorithm: &AlgorithmIdentifier<'_>) -> bool {
    algorithm.algorithm == OID_SIG_ED25519 && algorithm.parameters.is_none()
}

fn bits<const N: usize>(bits: &x509_parser::der_parser::asn1_rs::BitString<'_>) -> Option<[u8; N]> {
    if bits.unused_bits == 0 { bits.data.as_ref().try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use ed25519_dalek::{Signer as _, SigningKey};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SignatureAlgorithm};

    use super::*;

    /// Signs with one key and claims another: what a forger would do.
    struct Claim {
        claimed: [u8; 32],
        signer: SigningKey,
    }

    impl PublicKeyData for Claim {
        fn der_bytes(&self) -> &[u8] {
            &self.claimed
        }
        fn algorithm(&self) -> &'static SignatureAlgorithm {
            &PKCS_ED25519
        }
    }

    impl rcgen::SigningKey for Claim {
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(self.signer.sign(message).to_bytes().to_vec())
        }
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn request(claimed: [u8; 32], signer: u8) -> Vec<u8> {
        CertificateParams::default().serialize_request(&Claim { claimed, signer: key(signer) }).unwrap().der().to_vec()
    }

    #[test]
    fn an_honest_request_gives_its_camera_id() {
        let id = key(7).verifying_key().to_bytes();
        assert_eq!(Request::verify(&request(id, 7)).map(|request| request.camera()), Ok(CameraId(id)));
    }

    #[test]
    fn forged_by_another_key() {
        let victim = key(7).verifying_key().to_bytes();
        assert_eq!(Request::verify(&request(victim, 8)), Err(Refused::NotHeld));
    }

    #[test]
    fn no_flipped_bit_changes_the_key() {
        let honest = request(key(7).verifying_key().to_bytes(), 7);
        let believed = Request::verify(&honest).unwrap();
        for bit in 0..honest.len() * 8 {
            let mut flipped = honest.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Framing outside the signed part may be read leniently; the key may not.
            assert!(Request::verify(&flipped).is_err() || Request::verify(&flipped) == Ok(believed), "bit {bit}");
        }
    }

    #[test]
    fn truncated_extended_and_oversized() {
        let honest = request(key(7).verifying_key().to_bytes(), 7);
        for length in 0..honest.len() {
            assert!(Request::verify(&honest[..length]).is_err(), "{length}");
        }
        assert_eq!(Request::verify(&[honest.as_slice(), &[0]].concat()), Err(Refused::Malformed));
        assert_eq!(Request::verify(&[0x30; MAX_REQUEST + 1]), Err(Refused::Malformed));
    }

    #[test]
    fn another_algorithm() {
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let request = CertificateParams::default().serialize_request(&p256).unwrap();
        assert_eq!(Request::verify(request.der()), Err(Refused::NotEd25519));
    }

    /// With the identity as public key, R = S·B is a signature of every message under lax rules: no private key is needed.
    /// The control shows that the lax check of the same library does accept it.
    #[test]
    fn small_order_key_needs_no_private_key() {
        struct Identity;
        impl PublicKeyData for Identity {
            fn der_bytes(&self) -> &[u8] {
                &IDENTITY
            }
            fn algorithm(&self) -> &'static SignatureAlgorithm {
                &PKCS_ED25519
            }
        }
        impl rcgen::SigningKey for Identity {
            fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
                Ok(forged().to_vec())
            }
        }
        /// R is the identity and S is 0.
        fn forged() -> [u8; 64] {
            let mut signature = [0; 64];
            signature[0] = 1;
            signature
        }
        const IDENTITY: [u8; 32] = {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        };
        let lax = ed25519_dalek::VerifyingKey::from_bytes(&IDENTITY).unwrap();
        assert!(ed25519_dalek::Verifier::verify(&lax, b"anything", &Signature::from_bytes(&forged())).is_ok());

        let request = CertificateParams::default().serialize_request(&Identity).unwrap();
        assert_eq!(Request::verify(request.der()), Err(Refused::WeakKey));
    }

    /// Every encoding of y from p to 2²⁵⁵ − 1 that decodes to a point stands for a key that already has a canonical name.
    /// The control: the library's own constructor takes them, so that only our check refuses.
    #[test]
    fn non_canonical_keys() {
        let mut decodable = 0;
        for low in 0xed..=0xff_u8 {
            for sign in [0x7f, 0xff] {
                let mut claimed = [0xff; 32];
                claimed[0] = low;
                claimed[31] = sign;
                decodable += usize::from(ed25519_dalek::VerifyingKey::from_bytes(&claimed).is_ok());
                assert!(matches!(Request::verify(&request(claimed, 7)), Err(Refused::WeakKey)), "{low:x} {sign:x}");
            }
        }
        assert!(decodable > 10, "the control must decode some of them: {decodable}");
    }
}
