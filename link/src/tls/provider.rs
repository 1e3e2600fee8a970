//! Which cryptography TLS may use here.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use webpki::aws_lc_rs::{ECDSA_P256_SHA256, ED25519};

/// What a signature in a certificate or a handshake may be: ECDSA P-256 with SHA-256 (authorities and servers), Ed25519 (cameras).
pub(crate) const SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[ECDSA_P256_SHA256, ED25519],
    mapping: &[(SignatureScheme::ECDSA_NISTP256_SHA256, &[ECDSA_P256_SHA256]), (SignatureScheme::ED25519, &[ED25519])],
};

/// The provider of every TLS configuration here: aws-lc-rs, AES-128-GCM first (it was the fastest by a third), the hybrid
/// X25519MLKEM768 preferred, so that what is recorded today stays closed to a quantum computer later.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        signature_verification_algorithms: SIGNATURES,
        ..aws_lc_rs::default_provider()
    })
}
