//! Whom to believe to be the server, over TLS: the system's authorities, one certificate by its fingerprint, or either.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Whom to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whom the authorities that this system trusts vouch for.
    #[default]
    System,
    /// Whoever shows the certificate with this SHA-256 of its DER form.
    Pinned([u8; 32]),
    /// Either.
    SystemOrPinned([u8; 32]),
    /// Whoever answers: to see whether a server works, with nothing to lose to another.
    Anyone,
}

/// The certificate that one host is known by. Other hosts need not have it: a relay of somebody else's is believed as any
/// server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// A name or an address, without brackets.
    pub host: String,
    /// SHA-256 of its DER form.
    pub digest: [u8; 32],
}

impl Trust {
    /// Whom to believe to be `host`, where this pin is known. Under another name the pinned server may be met, too.
    pub fn at(host: &str, pin: Option<&Pin>) -> Self {
        match pin {
            Some(pin) if pin.host.eq_ignore_ascii_case(host) => Self::Pinned(pin.digest),
            Some(pin) => Self::SystemOrPinned(pin.digest),
            None => Self::System,
        }
    }
}

/// SHA-256 of a certificate, as it is pinned.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// What the server showed, noted whether or not it was believed.
pub(crate) type Shown = Arc<Mutex<Option<Vec<CertificateDer<'static>>>>>;

/// Settings of a TLS client that believes as told; what the server shows is noted in `shown`.
pub(crate) fn client_config(trust: Trust, alpn: &[&[u8]], shown: Shown) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier { trust, shown, authorities: system(), provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    shown: Shown,
    /// None where the system has none that can be read.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

/// The verifier over this system's authorities; `None` where it has none that can be read.
fn system() -> Option<Arc<WebPkiServerVerifier>> {
    static SYSTEM: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    SYSTEM
        .get_or_init(|| {
            let mut roots = RootCertStore::empty();
            let loaded = rustls_native_certs::load_native_certs();
            for error in &loaded.errors {
                tracing::debug!(%error, "an authority of this system cannot be read");
            }
            roots.add_parsable_certificates(loaded.certs);
            let provider = Arc::new(ring::default_provider());
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()
        })
        .clone()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(chain.map(|certificate| certificate.clone().into_owned()).collect());
        match self.trust {
            Trust::Pinned(pin) | Trust::SystemOrPinned(pin) if fingerprint(end_entity) == pin => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Anyone => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Trust::System | Trust::SystemOrPinned(_) => match &self.authorities {
                Some(verifier) => verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now),
                None => Err(CertificateError::UnknownIssuer.into()),
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_binds_its_host_and_no_other() {
        let pin = Pin { host: "castle.example".to_owned(), digest: [7; 32] };
        assert_eq!(Trust::at("Castle.example", Some(&pin)), Trust::Pinned([7; 32]));
        assert_eq!(Trust::at("turn.example", Some(&pin)), Trust::SystemOrPinned([7; 32]));
        assert_eq!(Trust::at("castle.example", None), Trust::System);
    }

    /// A certificate for `turn.example`, and who vouches for it.
    fn vouched_for() -> (CertificateDer<'static>, Arc<WebPkiServerVerifier>) {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let (key, own) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let root = authority.self_signed(&key).unwrap().der().clone();
        let leaf = rcgen::CertificateParams::new(vec!["turn.example".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&own, &rcgen::Issuer::new(authority, key)).unwrap().der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        let provider = Arc::new(ring::default_provider());
        (leaf, WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
    }

    #[test]
    fn where_the_castle_is_pinned_a_relay_that_an_authority_vouches_for_is_believed() {
        let (leaf, authorities) = vouched_for();
        let believed = |name: &'static str, trust| {
            let (shown, provider) = (Shown::default(), Arc::new(ring::default_provider()));
            let verifier = Verifier { trust, shown, authorities: Some(Arc::clone(&authorities)), provider };
            let name = ServerName::try_from(name).unwrap();
            verifier.verify_server_cert(&leaf, &[], &name, &[], UnixTime::now()).is_ok()
        };
        let castle = Pin { host: "castle.example".to_owned(), digest: [7; 32] };
        assert!(believed("turn.example", Trust::at("turn.example", Some(&castle))));
        assert!(
            !believed("other.example", Trust::at("other.example", Some(&castle))),
            "it is for another name"
        );
        let itself = Pin { host: "turn.example".to_owned(), digest: [7; 32] };
        assert!(
            !believed("turn.example", Trust::at("turn.example", Some(&itself))),
            "it is known by another"
        );
        let met = Pin { host: "castle.example".to_owned(), digest: fingerprint(&leaf) };
        assert!(
            believed("other.example", Trust::at("other.example", Some(&met))),
            "the castle by another name"
        );
    }
}
