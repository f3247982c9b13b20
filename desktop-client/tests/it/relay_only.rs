//! A relay-only connection over the real relay: all that either end would send to the other is read for addresses.

use crate::support::{PASSWORD, PATIENCE, TestServer, config};
use castle::ids::CallId;
use castle::v1::RegisterRequest;
use castle::v1::castle_service_client::CastleServiceClient;
use castle_connectivity::trust::Trust;
use castle_desktop::peer::{IceServer, PathRoute, Peer, PeerCommand, PeerConfig, PeerEvent};
use castle_server::config::MatchRoute;
use std::sync::Arc;
use tokio::sync::mpsc;

async fn ice_servers(server: &TestServer) -> Vec<IceServer> {
    let mut client = CastleServiceClient::connect(server.url()).await.expect("a server");
    let request = RegisterRequest {
        invitation_code: server.invitation.clone(),
        name: "ada".into(),
        password: PASSWORD.into(),
        ..RegisterRequest::default()
    };
    let response = client.register(request).await.expect("a guest").into_inner();
    let servers = response.ice_servers.expect("credentials").servers.into_iter();
    servers.map(|s| IceServer { urls: s.urls, username: s.username, credential: s.credential }).collect()
}

/// Fails on a candidate that is not the relay's, or that names what is behind it.
fn scan(candidate: &str) {
    assert!(candidate.contains(" typ relay raddr 0.0.0.0 rport 0"), "{candidate}");
}

fn scan_description(sdp: &str) {
    let (candidates, rest): (Vec<_>, Vec<_>) = sdp.lines().partition(|line| line.starts_with("a=candidate:"));
    candidates.into_iter().for_each(scan);
    assert!(rest.iter().all(|line| !line.contains("127.0.0.1")), "{sdp}");
}

#[test]
fn nothing_that_leaves_a_relay_only_end_names_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ice_servers = ice_servers(&server).await;
        let (sender, mut events) = mpsc::channel(256);
        let open = |end: u128| {
            let (call, ice_servers) = (CallId::from_bits(end), ice_servers.clone());
            let config = PeerConfig {
                call,
                offers: end == 0,
                ice_servers,
                relay_only: true,
                loopback: true,
                trust: Trust::System,
            };
            Peer::open(config, sender.clone(), Arc::new(|_, _| {}))
        };
        let ends = [open(0), open(1)];
        let (mut candidates, mut routes) = (0, Vec::new());
        while routes.len() < 2 {
            let (call, event) = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
            let other = &ends[1 - call.to_bits() as usize];
            match event {
                PeerEvent::LocalOffer(sdp) => {
                    scan_description(&sdp);
                    assert!(other.send(PeerCommand::RemoteOffer(sdp)));
                }
                PeerEvent::LocalAnswer(sdp) => {
                    scan_description(&sdp);
                    assert!(other.send(PeerCommand::RemoteAnswer(sdp)));
                }
                PeerEvent::LocalCandidate(candidate) => {
                    scan(&candidate.candidate);
                    candidates += 1;
                    assert!(other.send(PeerCommand::RemoteCandidate(candidate)));
                }
                PeerEvent::Connected { route } => routes.push(route),
                PeerEvent::Failed(fault) => panic!("{fault}"),
                _ => {}
            }
        }
        assert!(candidates >= 2, "both ends trickled");
        assert_eq!(routes, [Some(PathRoute::Relay); 2]);
    });
}
