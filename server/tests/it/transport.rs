//! How bytes reach the server: TLS, browsers, proxies, silent and too many connections, probes.

use crate::signaling::{Signal, in_call, two};
use crate::support::{PASSWORD, TestServer, logging_in, reason};
use castle::v1;
use castle::v1::signal_response::Frame as Response;
use castle_server::config::Config;
use castle_server::transport::tls::fingerprint_of;
use castle_server::transport::{Limits, TlsSource};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;

const ORIGIN: &str = "https://app.example";
/// `grpc.health.v1.HealthCheckRequest` for the whole server, in gRPC's framing.
const EMPTY_MESSAGE: &[u8] = &[0, 0, 0, 0, 0];
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Sends `request` and reads until the other end closes, or until `enough` is in it.
async fn exchange(to: SocketAddr, request: &[u8], enough: &str) -> String {
    let mut tcp = TcpStream::connect(to).await.unwrap();
    tcp.write_all(request).await.unwrap();
    let mut said = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = tcp.read(&mut some).await.unwrap_or_default();
        said.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&said);
        if count == 0 || (!enough.is_empty() && text.contains(enough)) {
            return text.into_owned();
        }
    }
}

pub(crate) async fn get(to: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: castle\r\nconnection: close\r\n\r\n");
    exchange(to, request.as_bytes(), "").await
}

fn grpc_web(path: &str, origin: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: castle\r\norigin: {origin}\r\ncontent-type: application/grpc-web+proto\r\n\
         x-grpc-web: 1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn preflight(origin: &str) -> String {
    format!(
        "OPTIONS {HEALTH} HTTP/1.1\r\nhost: castle\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: content-type,x-grpc-web,authorization\r\nconnection: close\r\n\r\n"
    )
}

fn for_browsers(config: &mut Config) {
    config.web_origins = vec![ORIGIN.to_owned()];
}

#[tokio::test]
async fn a_browser_calls_by_http_1_where_its_origin_is_allowed() {
    let server = TestServer::start_with(for_browsers).await;
    let asked = grpc_web(HEALTH, ORIGIN, EMPTY_MESSAGE);
    let said = exchange(server.listening.grpc, &asked, "grpc-status").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(said.contains("access-control-allow-origin: https://app.example"), "{said}");
    assert!(said.contains("grpc-status:0"), "{said}");
    let elsewhere = grpc_web(HEALTH, "https://evil.example", EMPTY_MESSAGE);
    let said = exchange(server.listening.grpc, &elsewhere, "--web-origin").await;
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    let login = [0, 0, 0, 0, 3, 10, 1, b'x'];
    let asked = grpc_web("/castle.v1.CastleService/Login", ORIGIN, &login);
    let said = exchange(server.listening.grpc, &asked, "\r\n\r\n").await;
    assert!(said.contains("grpc-status-details-bin"), "a browser reads the reason too: {said}");
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_alone() {
    let server = TestServer::start_with(for_browsers).await;
    let said = exchange(server.listening.grpc, preflight(ORIGIN).as_bytes(), "").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    for header in ["access-control-allow-origin: https://app.example", "access-control-allow-methods: POST"] {
        assert!(said.contains(header), "{said}");
    }
    assert!(said.contains("x-grpc-web") && said.contains("authorization"), "{said}");
    let said = exchange(server.listening.grpc, preflight("https://evil.example").as_bytes(), "").await;
    assert!(!said.contains("access-control-allow-origin"), "{said}");
}

#[tokio::test]
async fn no_browser_is_let_in_unless_the_host_says_so() {
    let server = TestServer::start().await;
    let asked = grpc_web(HEALTH, ORIGIN, EMPTY_MESSAGE);
    let said = exchange(server.listening.grpc, &asked, "").await;
    assert!(!said.contains("HTTP/1.1 200") && !said.contains("grpc-status"), "{said}");
}

#[tokio::test]
async fn who_opens_the_address_in_a_browser_is_told_what_it_is() {
    let server = TestServer::start_with(for_browsers).await;
    let said = get(server.listening.grpc, "/").await;
    assert!(said.starts_with("HTTP/1.1 415") && said.contains("Castle app"), "{said}");
}

#[tokio::test]
async fn what_is_no_call_of_ours_is_refused_as_what_it_is() {
    let server = TestServer::start().await;
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<castle::v1::LoginRequest, castle::v1::LoginResponse>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/castle.v1.CastleService/Dance");
    let unknown = grpc.unary(tonic::Request::new(logging_in("x", PASSWORD)), path, codec).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    let mut request = tonic::Request::new(logging_in("nobody", PASSWORD));
    request.metadata_mut().insert("x-much", "x".repeat(40 * 1024).parse().unwrap());
    let too_large = server.client().await.login(request).await.unwrap_err();
    assert!(too_large.message().contains("431"), "{too_large}");
    // The server is none the worse.
    let refused = server.client().await.login(logging_in("nobody", PASSWORD)).await.unwrap_err();
    assert_eq!(reason(&refused), "BAD_CREDENTIALS");
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_word_is_closed() {
    let server = TestServer::start_with(|config| config.opening_timeout = Duration::from_millis(200)).await;
    for first in [&b""[..], b"PRI * HTTP/2.0"] {
        let said = exchange(server.listening.grpc, first, "").await;
        assert!(!said.contains("HTTP/1.1 200"), "{said}");
    }
    let mut tls = TcpStream::connect(server.listening.grpc).await.unwrap();
    tls.write_all(b"\x16\x03\x01").await.unwrap();
    assert_eq!(tls.read(&mut [0; 256]).await.map_or(0, |_| 0), 0, "closed");
    assert!(server.client().await.login(logging_in("nobody", PASSWORD)).await.is_err(), "others are served");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let per_address = 50;
    let server = TestServer::start_with(|config| {
        config.connections = Limits { per_address, opening_per_address: per_address, ..Limits::default() };
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..10_000 {
        let tcp = TcpStream::connect(server.listening.grpc).await.unwrap();
        // Those over the limit are closed at once; keeping them would only spend the files of this test.
        if open.len() < per_address {
            open.push(tcp);
        }
    }
    let mut over = TcpStream::connect(server.listening.grpc).await.unwrap();
    assert_eq!(over.read(&mut [0; 16]).await.map_or(0, |count| count), 0, "closed at once");
    let metrics = get(server.listening.http.unwrap(), "/metrics").await;
    let refused: f64 = figure(&metrics, "castle_connections_refused_total{why=\"address\"}");
    assert!(refused >= 9_950.0, "{refused}");
    assert!((figure(&metrics, "castle_connections{protocol=\"http\"}") - 50.0).abs() < 0.5, "{metrics}");
    drop(open);
}

pub(crate) fn figure(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).trim().parse().unwrap()
}

#[tokio::test]
async fn probes_answer_and_metrics_count() {
    let server = TestServer::start().await;
    let http = server.listening.http.unwrap();
    assert!(get(http, "/livez").await.ends_with("alive\n"));
    assert!(get(http, "/readyz").await.ends_with("ready\n"));
    let missing = get(http, "/").await;
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
    let refused = server.client().await.login(logging_in("nobody", PASSWORD)).await.unwrap_err();
    assert_eq!(reason(&refused), "BAD_CREDENTIALS");
    let metrics = get(http, "/metrics").await;
    assert!(metrics.contains("application/openmetrics-text"), "{metrics}");
    assert!((figure(&metrics, "castle_refusals_total{reason=\"BAD_CREDENTIALS\"}") - 1.0).abs() < 0.5);
    assert!((figure(&metrics, "castle_logins_total{result=\"failed\"}") - 1.0).abs() < 0.5);
    assert!((figure(&metrics, "castle_password_hashes_done") - 1.0).abs() < 0.5);
    assert!((figure(&metrics, "castle_sessions")).abs() < 0.5);
    assert!(!metrics.contains("nobody"), "no label carries a name");
}

#[tokio::test]
async fn nobody_is_sent_to_a_server_that_drains() {
    let server = TestServer::start().await;
    let http = server.listening.http.unwrap();
    let mut alice = server.guest("alice").await;
    let mut signal = Signal::open(&mut alice).await;
    server.begin_drain();
    signal.until(|frame| matches!(frame.frame, Some(Response::GoAway(_))).then_some(())).await;
    let ready = get(http, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("draining\n"), "{ready}");
    assert!(get(http, "/livez").await.ends_with("alive\n"), "it is not to be killed for that");
    drop(signal);
    server.stop().await;
}

#[tokio::test]
async fn what_goes_on_is_counted() {
    let server = TestServer::start().await;
    let http = server.listening.http.unwrap();
    let [(_, mut alice), (bob, mut bob_signal)] = two(&server).await;
    let [call, _] = in_call(&mut alice, (&bob, &mut bob_signal)).await;
    let text = get(http, "/metrics").await;
    for (name, at_least) in [
        ("castle_sessions", 2.0),
        ("castle_streams", 2.0),
        ("castle_calls{state=\"connecting\"}", 1.0),
        ("castle_frames_total{direction=\"in\"}", 2.0),
        ("castle_frames_total{direction=\"out\"}", 4.0),
        ("castle_store_commit_seconds_count", 1.0),
        ("castle_password_hashes_waiting", 0.0),
    ] {
        assert!(figure(&text, name) >= at_least, "{name}\n{text}");
    }
    alice.hangs_up(&call).await;
    assert_eq!(bob_signal.ended().await, v1::CallEndReason::HungUp);
    let text = get(http, "/metrics").await;
    assert!(figure(&text, "castle_calls_ended_total{reason=\"hung_up\"}") >= 1.0, "{text}");
    assert!(figure(&text, "castle_calls{state=\"connecting\"}") < 0.5, "{text}");
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_whom_it_forwards() {
    for trusted in [true, false] {
        let server = TestServer::start_with(|config| {
            if trusted {
                config.trusted_proxies.networks = vec!["127.0.0.0/8".parse().unwrap()];
            }
        })
        .await;
        let mut client = server.client().await;
        let mut last = String::new();
        // Eight are allowed for one name from one address, more for one name from everywhere.
        for n in 0..=8 {
            let mut request = tonic::Request::new(logging_in("nobody", PASSWORD));
            let from = format!("198.51.100.{n}").parse().unwrap();
            request.metadata_mut().insert("x-forwarded-for", from);
            // The proxy passes on what a client makes up in the header that it does not write.
            request.metadata_mut().insert("forwarded", "for=203.0.113.1".parse().unwrap());
            last = reason(&client.login(request).await.unwrap_err());
        }
        let expected = if trusted { "BAD_CREDENTIALS" } else { "RATE_LIMITED" };
        assert_eq!(last, expected, "trusted: {trusted}");
    }
}

/// A client that trusts what `roots` vouch for.
async fn sealed(
    to: SocketAddr,
    roots: RootCertStore,
    alpn: &[&str],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let tcp = TcpStream::connect(to).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// A certificate for `localhost`, and its key, in files.
fn certificate(dir: &TempDir) -> (TlsSource, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (cert_path, key_path) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert_path, made.pem()).unwrap();
    std::fs::write(&key_path, key.serialize_pem()).unwrap();
    (TlsSource::Files { cert: cert_path, key: key_path }, made.der().clone())
}

fn trusting(certificate: &CertificateDer<'static>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    roots
}

#[tokio::test]
async fn grpc_is_spoken_over_tls_and_nothing_else_is_agreed_upon() {
    let dir = TempDir::new().unwrap();
    let (source, der) = certificate(&dir);
    let server = TestServer::start_with(|config| config.tls = Some(source)).await;
    assert_eq!(server.listening.fingerprint, Some(fingerprint_of(&der)));
    assert!(server.listening.url.to_string().starts_with("https://"));
    let stream = sealed(server.listening.grpc, trusting(&der), &["h2"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, der);
    let refused = sealed(server.listening.grpc, trusting(&der), &["http/1.1"]).await;
    assert!(refused.unwrap_err().to_string().contains("NoApplicationProtocol"));
    // Plaintext where TLS is spoken gets no answer that could be taken for one.
    let said = get(server.listening.grpc, "/").await;
    assert!(!said.starts_with("HTTP/"), "{said}");
}

#[tokio::test]
async fn a_changed_certificate_is_shown_to_the_next_connection() {
    let dir = TempDir::new().unwrap();
    let (source, first) = certificate(&dir);
    let server = TestServer::start_with(|config| config.tls = Some(source)).await;
    assert!(sealed(server.listening.grpc, trusting(&first), &["h2"]).await.is_ok());
    let (_, second) = certificate(&dir);
    let roots = || trusting(&second);
    // The server looks every two seconds.
    let taken = async { while sealed(server.listening.grpc, roots(), &["h2"]).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), taken).await.expect("the new one is shown");
    assert!(sealed(server.listening.grpc, trusting(&first), &["h2"]).await.is_err());
}
