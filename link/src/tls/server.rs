//! The side that is connected to: shows a chain by ALPN, asks for a client certificate, and takes new ones while it runs.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};

use super::identity::{BadIdentity, Identity};
use super::provider::provider;
use super::{API, H2, H3, HTTP_1_1, PEER};

/// Certificates that a relay cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chain or key to be shown.
    #[error("the relay's certificate cannot be used: {0}")]
    Identity(#[from] BadIdentity),
    /// The operator's root.
    #[error("the operator's root certificate cannot be used: {0}")]
    Root(rustls::Error),
    /// The revocation lists.
    #[error("the certificate revocation lists cannot be used: {0}")]
    Revocation(#[from] VerifierBuilderError),
    /// What is left: TLS itself does not accept the configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// A relay's side of TLS. Clones share everything, and so do the configurations that it gave out: what is replaced here holds from the
/// next handshake on.
#[derive(Debug, Clone)]
pub struct Server {
    shown: Arc<Shown>,
    clients: Arc<Clients>,
}

impl Server {
    /// Shows this identity (server ‖ issuing CA ‖ root); asks for client certificates under this root, except the revoked ones.
    ///
    /// # Errors
    /// A chain and key that do not fit, a root or revocation list that cannot be read.
    pub fn new(
        operator: &Identity,
        root: CertificateDer<'static>,
        crls: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(root).map_err(Error::Root)?;
        let roots = Arc::new(roots);
        let verifier = client_verifier(&roots, crls)?;
        let hints = verifier.root_hint_subjects().to_vec();
        Ok(Self {
            shown: Arc::new(Shown {
                operator: RwLock::new(operator.certified()?),
                browser: RwLock::new(None),
                web_transport: RwLock::new(None),
            }),
            clients: Arc::new(Clients { current: RwLock::new(verifier), roots, hints }),
        })
    }

    /// Shows another operator's chain (a renewed server certificate) from the next handshake on.
    ///
    /// # Errors
    /// A chain and key that do not fit; the old ones stay.
    pub fn replace_operator(&self, operator: &Identity) -> Result<(), Error> {
        put(&self.shown.operator, operator.certified()?);
        Ok(())
    }

    /// Shows browsers a chain of their own (one from a public authority) from the next handshake on; with `None` they get the operator's.
    ///
    /// # Errors
    /// A chain and key that do not fit; the old ones stay.
    pub fn replace_browser(&self, browser: Option<&Identity>) -> Result<(), Error> {
        put(&self.shown.browser, browser.map(Identity::certified).transpose()?);
        Ok(())
    }

    /// Shows browsers another chain over WebTransport ([`H3`]) from the next handshake on: a short-lived one, which they know by its hash.
    ///
    /// # Errors
    /// A chain and key that do not fit; the old ones stay.
    pub fn replace_web_transport(&self, identity: &Identity) -> Result<(), Error> {
        put(&self.shown.web_transport, Some(identity.certified()?));
        Ok(())
    }

    /// Refuses the clients on these lists from the next handshake on. Connections that are open stay: closing them is the caller's.
    ///
    /// # Errors
    /// A list that cannot be read; the old ones stay.
    pub fn replace_crls(&self, crls: Vec<CertificateRevocationListDer<'static>>) -> Result<(), Error> {
        put(&self.clients.current, client_verifier(&self.clients.roots, crls)?);
        Ok(())
    }

    /// The configuration for HTTPS on TCP: our own programs ([`API`]) and browsers.
    ///
    /// # Errors
    /// TLS does not accept it; nothing in our hands leads there.
    pub fn tcp(&self) -> Result<Arc<ServerConfig>, Error> {
        self.config(&[API, H2, HTTP_1_1]).map(Arc::new)
    }

    /// The configuration for QUIC: agents and viewers ([`PEER`]) and browsers ([`H3`]).
    ///
    /// # Errors
    /// TLS does not accept it; nothing in our hands leads there.
    pub fn quic(&self) -> Result<Arc<quinn::crypto::rustls::QuicServerConfig>, Error> {
        let config = self.config(&[PEER, H3])?;
        quinn::crypto::rustls::QuicServerConfig::try_from(config)
            .map(Arc::new)
            .map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))
    }

    pub(super) fn config(&self, alpn: &[&[u8]]) -> Result<ServerConfig, Error> {
        let clients: Arc<dyn ClientCertVerifier> = Arc::clone(&self.clients) as _;
        let shown: Arc<dyn ResolvesServerCert> = Arc::clone(&self.shown) as _;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(Error::Tls)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(shown);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        // A resumed session would skip the certificates, and a revocation with them.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

fn put<T>(place: &RwLock<T>, value: T) {
    *place.write().unwrap_or_else(PoisonError::into_inner) = value;
}

fn get<T: Clone>(place: &RwLock<T>) -> T {
    place.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The chains to show.
#[derive(Debug)]
struct Shown {
    operator: RwLock<Arc<CertifiedKey>>,
    browser: RwLock<Option<Arc<CertifiedKey>>>,
    web_transport: RwLock<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offers = |wanted: &dyn Fn(&[u8]) -> bool| hello.alpn().is_some_and(|mut offered| offered.any(wanted));
        let browser = if offers(&|name| name == PEER || name == API) {
            None
        } else if offers(&|name| name == H3) {
            get(&self.web_transport).or_else(|| get(&self.browser))
        } else {
            get(&self.browser)
        };
        Some(browser.unwrap_or_else(|| get(&self.operator)))
    }
}

/// Who may show a client certificate: anybody under the root who is not revoked. Who shows none goes on without one.
#[derive(Debug)]
struct Clients {
    current: RwLock<Arc<dyn ClientCertVerifier>>,
    roots: Arc<RootCertStore>,
    hints: Vec<DistinguishedName>,
}

fn client_verifier(
    roots: &Arc<RootCertStore>,
    crls: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider())
        .with_crls(crls)
        // The root's list may lie with the root, offline. An entry still counts when its list is old.
        .allow_unknown_revocation_status()
        .allow_unauthenticated()
        .build()
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        get(&self.current).verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        get(&self.current).verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        get(&self.current).verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        get(&self.current).supported_verify_schemes()
    }
}
