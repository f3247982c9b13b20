//! From two ends that know their servers to media that can flow, by each way there is: direct, and by our own relay
//! over UDP, TCP and TLS.

use super::Fault;
use crate::row::{Better, Row};
use castle::ids::CallId;
use castle_connectivity::trust::Pin;
use castle_desktop::media::codec::VideoCodec;
use castle_desktop::peer::{IceServer, Peer, PeerCommand, PeerConfig, PeerEvent};
use castle_desktop::signaling::{Account, Credentials, DeviceTokens, Event, ServerAddress, Session, log_in};
use castle_desktop::view::Secret;
use castle_server::config::Config;
use castle_server::moderation::{Asking, Inviting};
use castle_server::server::Server;
use castle_server::store::Role;
use castle_server::transport::tls::TlsSource;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Connections by each way; the median is shown.
const CONNECTIONS: usize = 10;
/// A way that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(20);

/// One row a way.
pub(super) fn rows() -> Result<Vec<Row>, Fault> {
    let runtime = tokio::runtime::Runtime::new()?;
    let dir = tempfile::tempdir()?;
    runtime.block_on(async {
        let server =
            Server::bind(Config { tls: Some(TlsSource::SelfSigned), ..Config::for_test(dir.path()) }).await?;
        let inviting = Inviting {
            uses: 1,
            good_for: Duration::from_hours(1),
            note: "bench".to_owned(),
            role: Role::Guest,
        };
        let (_, code) = server.moderation().invite(&Asking::of_host("CreateInvitation"), inviting).await?;
        let address: ServerAddress =
            server.listening().url.invitation_link(&code).parse().map_err(|kind| format!("{kind:?}"))?;
        let pin = address.host_pin().ok_or("the link carries the pin")?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.run(stop.clone(), stop.clone()));
        let ice = ice_servers(address, code).await?;
        let mut rows = Vec::new();
        for (way, wanted) in [
            ("direct", None),
            ("relayed by UDP", Some(("turn:", "transport=udp"))),
            ("relayed by TCP", Some(("turn:", "transport=tcp"))),
            ("relayed by TLS", Some(("turns:", ""))),
        ] {
            let servers = match wanted {
                None => Vec::new(),
                Some((scheme, transport)) => only(&ice, scheme, transport)?,
            };
            let mut runs = Vec::new();
            for _ in 0..CONNECTIONS {
                let set_up = connect(&servers, wanted.is_some(), &pin);
                runs.push(tokio::time::timeout(PATIENCE, set_up).await??.as_secs_f64() * 1e3);
            }
            rows.push(Row::median(format!("call set-up: {way}"), "ms", Better::Lower, &mut runs));
        }
        stop.cancel();
        serving.await??;
        Ok(rows)
    })
}

/// What a guest of that server is given.
async fn ice_servers(address: ServerAddress, invitation: String) -> Result<Vec<IceServer>, Fault> {
    let password = Secret("a long enough password".to_owned());
    let credentials = Credentials::Register { invitation, name: "setup".to_owned(), password };
    let account: Account =
        log_in(address, credentials, &DeviceTokens::default()).await.map_err(|error| format!("{error:?}"))?;
    let (sender, mut events) = mpsc::channel(16);
    let _session = Session::start(account, sender);
    while let Some(event) = events.recv().await {
        if let Event::Online { ice, .. } = event {
            return Ok(ice);
        }
    }
    Err("the session never came online".into())
}

/// The servers of one kind alone.
fn only(servers: &[IceServer], scheme: &str, transport: &str) -> Result<Vec<IceServer>, Fault> {
    let of_kind = |server: &IceServer| {
        let urls = server.urls.iter().filter(|url| url.starts_with(scheme) && url.contains(transport));
        let urls: Vec<String> = urls.cloned().collect();
        (!urls.is_empty()).then(|| IceServer { urls, ..server.clone() })
    };
    let found: Vec<_> = servers.iter().filter_map(of_kind).collect();
    if found.is_empty() {
        Err(format!("no {scheme} {transport} among {servers:?}").into())
    } else {
        Ok(found)
    }
}

/// The time until the data channels of both ends are open: media can flow then.
async fn connect(servers: &[IceServer], relay_only: bool, pin: &Pin) -> Result<Duration, Fault> {
    let (sender, mut events) = mpsc::channel(256);
    let began = Instant::now();
    let ends = [0, 1].map(|end| {
        let config = PeerConfig {
            call: CallId::from_bits(end),
            offers: end == 0,
            ice_servers: servers.to_vec(),
            relay_only,
            loopback: true,
            pin: Some(pin.clone()),
            codecs: VideoCodec::ALL,
        };
        Peer::open(config, sender.clone(), Arc::new(|_, _| {}))
    });
    for end in &ends {
        end.send(PeerCommand::Reach);
    }
    let mut open = 0;
    while open < 2 {
        let (call, event) = events.recv().await.ok_or("both ends live")?;
        let command = match event {
            PeerEvent::LocalOffer(sdp) => PeerCommand::RemoteOffer(sdp),
            PeerEvent::LocalAnswer(sdp) => PeerCommand::RemoteAnswer(sdp),
            PeerEvent::LocalCandidate(candidate) => PeerCommand::RemoteCandidate(candidate),
            PeerEvent::ChannelOpen { .. } => {
                open += 1;
                continue;
            }
            PeerEvent::Failed(fault) => return Err(fault.into()),
            _ => continue,
        };
        let other = usize::from(call.to_bits() == 0);
        ends[other].send(command);
    }
    Ok(began.elapsed())
}
