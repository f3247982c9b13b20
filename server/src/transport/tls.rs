//! The server's certificate: read from files and read again when they change, or made by the server itself.
//!
//! Owns the files of the self-signed one in the data folder. A certificate that cannot be used never takes the
//! place of one that can.

use crate::metrics::TransportMetrics;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// The files of a self-signed certificate in the data folder.
pub const SELF_SIGNED: [&str; 2] = ["tls-cert.pem", "tls-key.pem"];
/// A self-signed certificate is good for so long: who replaces it must hand out every link again.
const SELF_SIGNED_LIFE: Duration = Duration::from_hours(24 * 365 * 10);
/// It begins this long ago, for guests whose clocks are slow.
const SELF_SIGNED_SINCE: Duration = Duration::from_hours(24);
/// How often the files are looked at: two small reads.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The log warns so long before a certificate ends: renewals are due at 30 days, so that one has failed twice.
const ENDS_SOON: Duration = Duration::from_hours(24 * 14);
/// Larger files hold no certificate, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSource {
    /// Two PEM files.
    Files {
        /// The certificate, then those that lead to its authority.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made once and kept in the data folder.
    SelfSigned,
}

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file without what it should hold.
    #[error("{}: {what}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is missing or wrong.
        what: String,
    },
    /// The key is not that of the certificate, or of a kind that is not spoken.
    #[error("{} and {} do not go together: {source}", cert.display(), key.display())]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// None could be made.
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// The certificate as it is now; clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Certificate>);

#[derive(Debug)]
struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Loaded>,
    /// The bytes that were read last, whether they could be used or not: each change is tried and told once.
    read: Mutex<[Vec<u8>; 2]>,
}

#[derive(Debug, Clone)]
struct Loaded {
    key: Arc<CertifiedKey>,
    fingerprint: String,
    ends: SystemTime,
}

/// What became of a look at the files.
#[derive(Debug)]
pub enum Reload {
    /// They are as they were.
    Unchanged,
    /// They are in use from now on.
    Taken,
    /// They changed and cannot be used: the old ones stay.
    Refused(TlsError),
}

impl Tls {
    /// Reads the certificate, or makes it. `host`: for the names in one that is made.
    pub fn open(source: &TlsSource, data_dir: &Path, host: &str) -> Result<Self, TlsError> {
        let (cert, key) = match source {
            TlsSource::Files { cert, key } => (cert.clone(), key.clone()),
            TlsSource::SelfSigned => self_signed(data_dir, host)?,
        };
        let read = read_both(&cert, &key)?;
        let current = RwLock::new(load(&cert, &key, &read)?);
        let tls = Self(Arc::new(Certificate { cert, key, current, read: Mutex::new(read) }));
        tls.warn_of_the_end(SystemTime::now());
        Ok(tls)
    }

    /// `sha256:` and 64 hex digits of the certificate in use.
    pub fn fingerprint(&self) -> String {
        self.current().fingerprint
    }

    /// When the certificate in use ends.
    pub fn ends(&self) -> SystemTime {
        self.current().ends
    }

    /// What accepts connections with the certificate that is in use at each. `alpn`: what is spoken.
    pub fn acceptor(&self, alpn: Vec<Vec<u8>>) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks the versions of TLS that rustls wants")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = alpn;
        TlsAcceptor::from(Arc::new(config))
    }

    /// Looks at the files, and takes them if they changed and can be used.
    pub fn reload(&self) -> Reload {
        let Certificate { cert, key, .. } = &*self.0;
        let bytes = match read_both(cert, key) {
            Ok(bytes) => bytes,
            Err(error) => return Reload::Refused(error),
        };
        let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == bytes {
            return Reload::Unchanged;
        }
        let loaded = load(cert, key, &bytes);
        *read = bytes;
        match loaded {
            Ok(loaded) => {
                *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                self.warn_of_the_end(SystemTime::now());
                Reload::Taken
            }
            Err(error) => Reload::Refused(error),
        }
    }

    /// Looks at the files again and again, until `stop`.
    pub async fn watch(self, metrics: &TransportMetrics, stop: CancellationToken) {
        let mut missing = false;
        loop {
            metrics.certificate_expires.set(unix_seconds(self.ends()));
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return;
            }
            let tls = self.clone();
            let looked = tokio::task::spawn_blocking(move || tls.reload());
            match looked.await.expect("reading a certificate does not panic") {
                Reload::Unchanged => missing = false,
                Reload::Taken => {
                    missing = false;
                    metrics.certificate_reloads.add("taken");
                    tracing::info!("the certificate changed; now in use: {}", self.fingerprint());
                }
                // A renewal may take a file away for a moment: told once.
                Reload::Refused(TlsError::File { .. }) if missing => {}
                Reload::Refused(error) => {
                    missing = matches!(error, TlsError::File { .. });
                    metrics.certificate_reloads.add("refused");
                    tracing::error!("the certificate changed and cannot be used; the old one stays: {error}");
                }
            }
        }
    }

    fn current(&self) -> Loaded {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn warn_of_the_end(&self, now: SystemTime) {
        match self.ends().duration_since(now) {
            Err(_) => tracing::error!("{} has expired: guests will refuse it", self.0.cert.display()),
            Ok(left) if left < ENDS_SOON => {
                tracing::warn!("{} ends in {} days", self.0.cert.display(), left.as_secs() / 86_400);
            }
            Ok(_) => {}
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

/// `sha256:` and 64 hex digits of a certificate in DER.
pub fn fingerprint_of(der: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(der) {
        write!(text, "{byte:02x}").expect("a String takes all");
    }
    text
}

fn unix_seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn read_both(cert: &Path, key: &Path) -> Result<[Vec<u8>; 2], TlsError> {
    Ok([read(cert)?, read(key)?])
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let file = |source| TlsError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(file)?.len() > FILE_BYTES_MAX {
        return Err(TlsError::Content { path: path.to_owned(), what: "is too large".to_owned() });
    }
    std::fs::read(path).map_err(file)
}

fn load(cert: &Path, key: &Path, [cert_pem, key_pem]: &[Vec<u8>; 2]) -> Result<Loaded, TlsError> {
    let content = |path: &Path, what: String| TlsError::Content { path: path.to_owned(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(cert_pem)
        .collect::<Result<_, _>>()
        .map_err(|error| content(cert, format!("is not PEM: {error}")))?;
    let leaf = chain.first().ok_or_else(|| content(cert, "holds no certificate".to_owned()))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|error| content(cert, format!("holds no certificate of the web: {error}")))?;
    let not_after = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
    let fingerprint = fingerprint_of(leaf);
    let private = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|error| content(key, format!("holds no private key: {error}")))?;
    let certified = CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map_err(|source| TlsError::Pair { cert: cert.to_owned(), key: key.to_owned(), source })?;
    Ok(Loaded { key: Arc::new(certified), fingerprint, ends: UNIX_EPOCH + Duration::from_secs(not_after) })
}

/// The files of the self-signed certificate, made if they are not there.
fn self_signed(data_dir: &Path, host: &str) -> Result<(PathBuf, PathBuf), TlsError> {
    let [cert, key] = SELF_SIGNED.map(|name| data_dir.join(name));
    if !(cert.exists() && key.exists()) {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned(), "localhost".to_owned()])?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "castle-server");
        params.not_before = (SystemTime::now() - SELF_SIGNED_SINCE).into();
        params.not_after = (SystemTime::now() + SELF_SIGNED_LIFE).into();
        let pair = rcgen::KeyPair::generate()?;
        let made = params.self_signed(&pair)?;
        write_private(&key, &pair.serialize_pem())?;
        write_private(&cert, &made.pem())?;
    }
    Ok((cert, key))
}

/// The certificate that a server made itself in this data folder, if it did.
pub fn self_signed_in(data_dir: &Path) -> Option<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(&std::fs::read(data_dir.join(SELF_SIGNED[0])).ok()?).ok()
}

/// Written whole beside it and put in its place, for its owner only.
fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
