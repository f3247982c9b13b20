//! Guests who reach a server by TLS: with the pin of an invitation, with an authority, and not at all.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

use crate::machine;
use crate::programs::{BotProcess, ServerProcess};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a bot that only answers has to say of its login: whether it went well, and the errors that it met.
fn visit(server: &str, name: &str, room: &Path, more: &[&str], authority: Option<&Path>) -> (bool, String) {
    let more = [&["--answer"], more].concat();
    let bot = BotProcess::start_at(server, room, name, 1, &more, |command| {
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        command.envs(authority.map(|file| ("SSL_CERT_FILE", file)));
    });
    let (well, report) = bot.finish();
    (well, report["errors"].to_string())
}

#[test]
fn a_server_that_vouches_for_itself_is_reached_by_the_pin_of_its_invitation() {
    let _machine = machine::shared();
    let room = TempDir::new().unwrap();
    let server = ServerProcess::start_with("127.0.0.1:0", &room.path().join("data"), &["--tls-self-signed"]);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let invitation = server.invitation(3);
    let text = |name: &str| invitation[name].as_str().expect("text").to_owned();
    let (link, code) = (text("link"), text("code"));
    let pin = link.split_once("&pin=").expect("the link carries the pin").1.to_owned();
    let invited = ["--invite", code.as_str()];

    let (well, errors) = visit(&link, "ada", room.path(), &invited, None);
    assert!(well, "by the link: {errors}");
    let (well, errors) =
        visit(&server.url, "bea", room.path(), &[&invited[..], &["--pin", &pin]].concat(), None);
    assert!(well, "by --pin: {errors}");

    let (well, errors) = visit(&server.url, "cleo", room.path(), &invited, None);
    assert!(!well && errors.contains("Nobody whom this computer trusts"), "{errors}");
    assert!(errors.contains(&pin), "the fingerprint is shown, so that a host can confirm it: {errors}");
    let other = format!("sha256:{}", "0".repeat(64));
    let (well, errors) =
        visit(&server.url, "cleo", room.path(), &[&invited[..], &["--pin", &other]].concat(), None);
    assert!(!well && errors.contains("another certificate than the one you trust"), "{errors}");
}

/// An authority, and files of the certificates that it signs.
struct Authority {
    room: TempDir,
    file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let room = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = room.path().join("authority.pem");
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { room, file, issuer: Issuer::new(params, key) }
    }

    /// A server with a certificate for `host` that ends in `year`.
    fn server(&self, host: &str, year: i32) -> ServerProcess {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let [cert_file, key_file] =
            ["cert", "key"].map(|kind| self.room.path().join(format!("{host}-{year}-{kind}.pem")));
        std::fs::write(&cert_file, made.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        let data = self.room.path().join(format!("{host}-{year}"));
        let more: [OsString; 4] =
            ["--tls-cert".into(), cert_file.into(), "--tls-key".into(), key_file.into()];
        ServerProcess::start_with("127.0.0.1:0", &data, &more)
    }

    fn visit(&self, server: &ServerProcess, trusted: bool) -> (bool, String) {
        let code = server.invite(1);
        let authority = trusted.then_some(self.file.as_path());
        visit(&server.url, "ada", self.room.path(), &["--invite", &code], authority)
    }
}

#[test]
fn a_server_is_reached_where_an_authority_vouches_for_it() {
    let _machine = machine::shared();
    let authority = Authority::new();
    let server = authority.server("127.0.0.1", 2999);
    let link: Value = server.invitation(1)["link"].clone();
    assert!(
        !link.as_str().expect("text").contains("pin="),
        "the authority vouches, also for its next one: {link}"
    );
    let (well, errors) = authority.visit(&server, true);
    assert!(well, "{errors}");
    let (well, errors) = authority.visit(&server, false);
    assert!(!well && errors.contains("Nobody whom this computer trusts"), "{errors}");
}

#[test]
fn a_certificate_that_is_over_or_of_another_name_is_refused_in_words() {
    let _machine = machine::shared();
    let authority = Authority::new();
    let (well, errors) = authority.visit(&authority.server("127.0.0.1", 2020), true);
    assert!(!well && errors.contains("expired"), "{errors}");
    let (well, errors) = authority.visit(&authority.server("castle.example", 2999), true);
    assert!(!well && errors.contains("belongs to another name"), "{errors}");
}
