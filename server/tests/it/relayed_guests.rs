//! The relay as guests of a running server meet it: with the credentials that they are given, and when those are void.

use crate::signaling::{Signal, in_call};
use crate::support::{PASSWORD, TestGuest, TestServer, logging_in};
use castle::v1::host_service_client::HostServiceClient;
use castle::v1::signal_response::Frame as Response;
use castle::v1::{self, account_ref};
use castle_connectivity::address::{ServerUri, Service, Transport};
use castle_connectivity::relayed::{Allocation, Client, Credential, RelayError};
use castle_connectivity::trust::Trust;
use castle_server::admin::reach;
use castle_server::ice::{CREDENTIAL_TTL, username_expiry_unix};
use castle_server::transport::TlsSource;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

/// The relays over these transports among what is given, and the credential for each.
fn over(transports: &[Transport], given: v1::IceServers) -> Vec<(ServerUri, Credential)> {
    let of_server = |server: v1::IceServer| {
        let credential = Credential { username: server.username, password: server.credential };
        let uris = server.urls.into_iter().filter_map(|url| url.parse::<ServerUri>().ok());
        let wanted = uris.filter(|uri| uri.service == Service::Turn && transports.contains(&uri.transport));
        wanted.map(|uri| (uri, credential.clone())).collect::<Vec<_>>()
    };
    given.servers.into_iter().flat_map(of_server).collect()
}

/// The relays of this server over these transports, as its host is given them.
pub(crate) async fn given_over(
    server: &TestServer,
    transports: &[Transport],
) -> Vec<(ServerUri, Credential)> {
    let channel = castle_server::admin::running(server.data_dir()).await.unwrap();
    let status = HostServiceClient::new(channel).get_status(v1::GetStatusRequest {}).await.unwrap();
    over(transports, status.into_inner().ice_servers.unwrap())
}

async fn given_to(guest: &mut TestGuest) -> (ServerUri, Credential) {
    let asked = guest.asks(v1::GetIceServersRequest {});
    let given = guest.client.get_ice_servers(asked).await.unwrap().into_inner().ice_servers.unwrap();
    over(&[Transport::Udp], given).remove(0)
}

async fn allocate(uri: &ServerUri, credential: &Credential) -> Result<Allocation, RelayError> {
    Client::open(uri, Trust::System).await?.allocate(credential).await
}

#[tokio::test]
async fn a_ban_ends_what_is_relayed_and_no_restart_gives_it_back() {
    let server = TestServer::start().await;
    let (mut ann, mut bob) = (server.guest("ann").await, server.guest("bob").await);
    let [(uri, of_ann), (_, of_bob)] = [given_to(&mut ann).await, given_to(&mut bob).await];
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let mut anns = allocate(&uri, &of_ann).await.unwrap();
    let mut bobs = allocate(&uri, &of_bob).await.unwrap();
    bobs.permit(peer).await.unwrap();

    let account = Some(v1::AccountRef { account: Some(account_ref::Account::Name("bob".to_owned())) });
    let ban = v1::BanGuestRequest { account, ..Default::default() };
    reach(server.data_dir(), None).await.unwrap().ban_guest(ban).await.unwrap();
    let ended = bobs.permit(peer).await;
    assert!(matches!(ended, Err(RelayError::Refused(437))), "his allocation is gone: {ended:?}");
    let refused = allocate(&uri, &of_bob).await.map(drop);
    assert!(matches!(refused, Err(RelayError::Refused(401))), "and he gets no other: {refused:?}");
    anns.permit(peer).await.expect("nobody else notices");

    let server = server.stop().await.start().await;
    let uri = ServerUri { port: server.listening.turn[0].port(), ..uri };
    let refused = allocate(&uri, &of_bob).await.map(drop);
    assert!(matches!(refused, Err(RelayError::Refused(401))), "after a restart: {refused:?}");
    let mut ann = ann.clone_with(server.client().await);
    let (uri, of_ann) = given_to(&mut ann).await;
    allocate(&uri, &of_ann).await.expect("who comes back is given new ones");
}

#[tokio::test]
async fn a_relay_that_other_machines_reach_by_tls_alone_has_no_peers_on_loopback() {
    for (listen, expected) in [(Ipv4Addr::LOCALHOST, None), (Ipv4Addr::UNSPECIFIED, Some(403))] {
        let server = TestServer::start_with(|config| {
            config.listen = (listen, 0).into();
            config.tls = Some(TlsSource::SelfSigned);
        })
        .await;
        let (uri, credential) = given_over(&server, &[Transport::Udp]).await.remove(0);
        let mut allocation = allocate(&uri, &credential).await.unwrap();
        let permitted = allocation.permit(SocketAddr::from(([127, 0, 0, 2], 9))).await;
        let refused = permitted.err().map(|error| match error {
            RelayError::Refused(code) => code,
            other => panic!("{other}"),
        });
        assert_eq!(refused, expected, "gRPC and TURN over TLS at {listen}");
    }
}

/// Seconds of the calendar.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Until when what was given after `before` and by now is good: as it says itself, and as each of its credentials does.
fn good_until(before: u64, given: Option<v1::IceServers>) -> u64 {
    let given = given.expect("ICE servers");
    let until = u64::try_from(given.expires_at.expect("an end").seconds).unwrap();
    let ttl = CREDENTIAL_TTL.as_secs();
    assert!((before + ttl..=unix_now() + ttl).contains(&until), "{until} is not an hour from {before}");
    let names: Vec<_> =
        given.servers.iter().map(|server| &server.username).filter(|n| !n.is_empty()).collect();
    assert!(
        !names.is_empty() && names.iter().all(|name| username_expiry_unix(name) == Some(until)),
        "{names:?}"
    );
    until
}

#[tokio::test]
async fn whatever_gives_a_credential_says_when_it_ends() {
    let server = TestServer::start_with(|config| {
        assert_eq!(config.hub.ice_refresh, CREDENTIAL_TTL / 2);
        // Half a life of a credential is too long to live through.
        config.hub.ice_refresh = Duration::from_millis(500);
    })
    .await;
    let begun = unix_now();
    let (mut ann, mut bob) = (server.guest("ann").await, server.guest("bob").await);
    let login = ann.client.login(logging_in("ann", PASSWORD)).await.unwrap().into_inner();
    good_until(begun, login.ice_servers);
    let asked = ann.asks(v1::GetIceServersRequest {});
    good_until(begun, ann.client.get_ice_servers(asked).await.unwrap().into_inner().ice_servers);

    let (mut ann, mut bob_signal) = (Signal::open(&mut ann).await, Signal::open(&mut bob).await);
    good_until(begun, ann.welcome.ice_servers.clone());
    for call in in_call(&mut ann, (&bob, &mut bob_signal)).await {
        good_until(begun, call.ice_servers);
    }

    let mut pushed = async || {
        ann.until(|frame| match &frame.frame {
            Some(Response::IceServers(given)) => Some(given.clone()),
            _ => None,
        })
        .await
    };
    let first = good_until(begun, Some(pushed().await));
    let mut last = first;
    while last == first {
        last = good_until(begun, Some(pushed().await));
    }
    assert!(last > first, "each is good for an hour from its own beginning");
}
