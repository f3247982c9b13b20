//! TLS to the server: the certificate is vouched for by an authority that this system trusts, or is the very one
//! that was pinned.
//!
//! Owns what is said when it is neither. The one place of the client that names rustls.

use super::address::ServerAddress;
use super::pin::Pin;
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io;
use std::pin::Pin as Pinned;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Uri;

/// From the connection to the end of the handshake: as long as the connection itself may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a server's certificate is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// No authority that this system trusts vouches for it.
    Unknown,
    /// It is not the one that was pinned.
    Changed,
    /// Its time is over, or has not begun.
    Expired,
    /// It belongs to another name.
    OtherName,
}

/// A certificate that was not accepted.
#[derive(Debug, Clone, thiserror::Error)]
#[error("certificate {fingerprint} is not accepted: {why:?}")]
pub struct CertificateRefused {
    /// Why.
    pub why: Distrust,
    /// Of the certificate that the server showed.
    pub fingerprint: Pin,
}

/// The other end does not speak TLS as we do.
#[derive(Debug, thiserror::Error)]
#[error("no TLS: {0}")]
pub struct NoTls(io::Error);

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A connection to the server, sealed or not.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to `address`, whatever `uri` the transport asks for: it is made from the same.
pub(super) async fn connect(address: ServerAddress, uri: Uri) -> Result<TokioIo<Socket>, Fault> {
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or_default());
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await?;
    tcp.set_nodelay(true)?;
    if !address.is_tls() {
        return Ok(TokioIo::new(Socket::Plain(tcp)));
    }
    let name = ServerName::try_from(bare.to_owned())?;
    let seen = Arc::new(Seen::default());
    let connector = TlsConnector::from(Arc::new(config(address.pin(), Arc::clone(&seen))?));
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, connector.connect(name, tcp)).await;
    match handshake {
        Ok(Ok(stream)) => Ok(TokioIo::new(Socket::Tls(Box::new(stream)))),
        Ok(Err(error)) => match seen.take() {
            Some(refused) => Err(refused.into()),
            // A plaintext server answers with what is no TLS; one that is gone does not answer.
            None if error.kind() == io::ErrorKind::InvalidData => Err(NoTls(error).into()),
            None => Err(error.into()),
        },
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

fn config(pin: Option<Pin>, seen: Arc<Seen>) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(ring::default_provider());
    let authorities = match pin {
        Some(_) => None,
        None => Some(WebPkiServerVerifier::builder_with_provider(roots(), Arc::clone(&provider)).build()),
    };
    // A system without any authority: every certificate is unknown.
    let authorities = authorities.and_then(Result::ok);
    let verifier = Verifier { pin, authorities, seen, provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The authorities of this system, read once; SSL_CERT_FILE and SSL_CERT_DIR name others.
fn roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let read = || {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!("authorities of this system: {error}");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(read))
}

/// The certificate that was refused in this handshake: the handshake's own error does not carry it.
#[derive(Debug, Default)]
struct Seen(Mutex<Option<CertificateRefused>>);

impl Seen {
    fn take(&self) -> Option<CertificateRefused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn refuse(&self, why: Distrust, fingerprint: Pin) -> rustls::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(CertificateRefused { why, fingerprint });
        rustls::Error::InvalidCertificate(match why {
            Distrust::Expired => CertificateError::Expired,
            Distrust::OtherName => CertificateError::NotValidForName,
            Distrust::Unknown => CertificateError::UnknownIssuer,
            Distrust::Changed => CertificateError::ApplicationVerificationFailure,
        })
    }
}

#[derive(Debug)]
struct Verifier {
    pin: Option<Pin>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    seen: Arc<Seen>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fingerprint = Pin::of(end_entity);
        if let Some(pin) = self.pin {
            let same = pin == fingerprint;
            return if same {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(self.seen.refuse(Distrust::Changed, fingerprint))
            };
        }
        let Some(authorities) = &self.authorities else {
            return Err(self.seen.refuse(Distrust::Unknown, fingerprint));
        };
        let verified =
            authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| self.seen.refuse(distrust(&error), fingerprint))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn distrust(error: &rustls::Error) -> Distrust {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => Distrust::Expired,
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            Distrust::OtherName
        }
        _ => Distrust::Unknown,
    }
}

impl Socket {
    fn io(&mut self) -> Pinned<&mut (dyn Duplex + 'static)> {
        match self {
            Self::Plain(tcp) => Pinned::new(tcp),
            Self::Tls(tls) => Pinned::new(tls.as_mut()),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pinned<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(context, into)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pinned<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pinned<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pinned<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(context)
    }
}
