//! Which certificates are taken, and what becomes of a change.

use super::*;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

fn pair(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct Files {
    _dir: TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn with(cert: &str, key: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let (cert_path, key_path) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert_path, cert).unwrap();
        std::fs::write(&key_path, key).unwrap();
        Self { _dir: dir, cert: cert_path, key: key_path }
    }

    fn open(&self) -> Result<Tls, TlsError> {
        let source = TlsSource::Files { cert: self.cert.clone(), key: self.key.clone() };
        Tls::open(&source, Path::new("nowhere"), "castle.example")
    }
}

#[test]
fn a_self_signed_certificate_is_made_once_for_its_owner_only() {
    let dir = TempDir::new().unwrap();
    let open = |host| Tls::open(&TlsSource::SelfSigned, dir.path(), host).unwrap();
    let first = open("castle.example");
    for name in SELF_SIGNED {
        let mode = dir.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert_eq!(open("[::1]").fingerprint(), first.fingerprint());
    assert!(first.fingerprint().strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64));
    let left = first.ends().duration_since(SystemTime::now()).unwrap();
    assert!(left + Duration::from_hours(1) > SELF_SIGNED_LIFE, "{left:?}");
}

#[test]
fn what_is_no_certificate_is_refused_in_words() {
    let (cert, key) = pair("castle.example");
    let (_, other_key) = pair("castle.example");
    for (cert, key, words) in [
        ("", key.as_str(), "holds no certificate"),
        (key.as_str(), key.as_str(), "holds no certificate"),
        (cert.as_str(), "", "holds no private key"),
        (cert.as_str(), cert.as_str(), "holds no private key"),
        (cert.as_str(), other_key.as_str(), "do not go together"),
    ] {
        let error = Files::with(cert, key).open().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let files = Files::with(&cert, &key);
    std::fs::remove_file(&files.key).unwrap();
    assert!(matches!(files.open(), Err(TlsError::File { .. })));
}

#[test]
fn a_change_is_taken_and_a_bad_one_leaves_the_old() {
    let (cert, key) = pair("castle.example");
    let files = Files::with(&cert, &key);
    let tls = files.open().unwrap();
    let first = tls.fingerprint();
    assert!(matches!(tls.reload(), Reload::Unchanged));

    let (next_cert, next_key) = pair("castle.example");
    std::fs::write(&files.cert, &next_cert).unwrap();
    assert!(matches!(tls.reload(), Reload::Refused(TlsError::Pair { .. })), "the key is still the old one");
    assert!(matches!(tls.reload(), Reload::Unchanged), "told once");
    assert_eq!(tls.fingerprint(), first);

    std::fs::write(&files.key, &next_key).unwrap();
    assert!(matches!(tls.reload(), Reload::Taken));
    let second = tls.fingerprint();
    assert_ne!(second, first);

    std::fs::write(&files.cert, "rubbish").unwrap();
    assert!(matches!(tls.reload(), Reload::Refused(TlsError::Content { .. })));
    std::fs::remove_file(&files.cert).unwrap();
    assert!(matches!(tls.reload(), Reload::Refused(TlsError::File { .. })));
    assert_eq!(tls.fingerprint(), second);
}
