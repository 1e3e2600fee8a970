//! The side that connects: trusts a pinned root, or the first one that it meets.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};

use super::chain::{self, Fault, Usage};
use super::identity::{BadIdentity, Identity, MAX_CHAIN};
use super::provider::{SIGNATURES, provider};
use super::root::{Root, RootFingerprint};

/// Whom to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Only a chain under the root with this fingerprint.
    Pinned(RootFingerprint),
    /// Whatever root the relay shows, to be pinned now ([`Outcome::root`]). Somebody in the middle of this one connection could show
    /// their own: a fingerprint that came another way is better.
    FirstUse,
}

/// Why a relay was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The relay shows another root than the pinned one.
    #[error(
        "the relay's root certificate changed: pinned is {pinned}, the relay shows {seen}. \
         Either its operator made a new one, or somebody stands between you and the relay: ask the operator for the fingerprint"
    )]
    RootChanged {
        /// The fingerprint that was expected.
        pinned: RootFingerprint,
        /// The fingerprint of the root that was shown.
        seen: RootFingerprint,
    },
    /// There is no root in the chain that was shown.
    #[error("what answers there shows no operator's root certificate: it is not a Celosia relay, or something in between answers for it")]
    NoRoot,
    /// The root is the right one, but the rest of the chain does not hold.
    #[error("the relay cannot be trusted: {0}")]
    Chain(#[from] Fault),
}

/// What the verifier saw in the last handshake, readable beside the connection's own error: QUIC reduces that one to an alert number.
///
/// Clones share it. Concurrent connections with one [`Client`] overwrite each other here; make a client for each.
#[derive(Debug, Clone, Default)]
pub struct Outcome(Arc<Mutex<Option<Result<Root, TrustError>>>>);

impl Outcome {
    /// The root under which the last handshake's chain was verified.
    #[must_use]
    pub fn root(&self) -> Option<Root> {
        self.last().and_then(Result::ok)
    }

    /// Why the last handshake's chain was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<TrustError> {
        self.last().and_then(Result::err)
    }

    /// Forgets the last handshake, before the next.
    pub fn clear(&self) {
        self.put(None);
    }

    fn last(&self) -> Option<Result<Root, TrustError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, value: Option<Result<Root, TrustError>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// A client's side of TLS.
#[derive(Debug, Clone)]
pub struct Client {
    trust: Trust,
    config: Arc<ClientConfig>,
    outcome: Outcome,
}

impl Client {
    /// A client that trusts so, shows this identity if the relay asks, and speaks this one protocol ([`super::PEER`] or [`super::API`]).
    ///
    /// # Errors
    /// An identity whose chain and key do not fit.
    pub fn new(trust: Trust, identity: Option<&Identity>, alpn: &[u8]) -> Result<Self, BadIdentity> {
        let outcome = Outcome::default();
        let verifier = Verifier { trust, outcome: outcome.clone() };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(BadIdentity::Mismatch)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                identity.certified()?;
                builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key()).map_err(BadIdentity::Mismatch)?
            }
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { trust, config: Arc::new(config), outcome })
    }

    /// The same client with an [`Outcome`] of its own, for one more connection at the same time.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let outcome = Outcome::default();
        let mut config = ClientConfig::clone(&self.config);
        config.dangerous().set_certificate_verifier(Arc::new(Verifier { trust: self.trust, outcome: outcome.clone() }));
        Self { trust: self.trust, config: Arc::new(config), outcome }
    }

    /// The configuration for rustls, tokio-rustls and (through [`crate::endpoint`]) quinn.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// What the handshake showed.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

/// Verifies a relay's chain under one root, and keeps what it found.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) trust: Trust,
    pub(crate) outcome: Outcome,
}

impl Verifier {
    pub(crate) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Root, TrustError> {
        if intermediates.len() > MAX_CHAIN {
            return Err(Fault::TooLong.into());
        }
        let root = match self.trust {
            Trust::FirstUse => chain::last_self_signed(intermediates).ok_or(TrustError::NoRoot)?,
            Trust::Pinned(pinned) => {
                intermediates.iter().find(|certificate| RootFingerprint::of(certificate) == pinned).ok_or_else(|| {
                    match chain::last_self_signed(intermediates) {
                        Some(other) => TrustError::RootChanged { pinned, seen: RootFingerprint::of(other) },
                        None => TrustError::NoRoot,
                    }
                })?
            }
        };
        chain::verify(end_entity, intermediates, root, Usage::Server(name), now)?;
        Ok(Root::new(root.clone().into_owned()))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.check(end_entity, intermediates, server_name, now);
        self.outcome.put(Some(result.clone()));
        match result {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(CertificateError::Other(OtherError(Arc::new(error))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &SIGNATURES)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &SIGNATURES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SIGNATURES.supported_schemes()
    }
}
