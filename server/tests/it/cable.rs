//! A cable that is pulled: nothing arrives any more, and nobody says so.

use crate::signaling::{Signal, in_call};
use crate::support::TestServer;
use castle::limits::HEARTBEAT_TIMEOUT;
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle_server::transport::Keepalive;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

/// The way to a server, as long as nobody pulls it.
struct Cable {
    address: SocketAddr,
    pulled: watch::Sender<bool>,
    _carries: AbortOnDropHandle<()>,
}

impl Cable {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pulled, pull) = watch::channel(false);
        let carries = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, pull.clone()));
            }
        });
        Self { address, pulled, _carries: AbortOnDropHandle::new(carries) }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    fn pull(&self) {
        self.pulled.send_replace(true);
    }
}

/// Both ends stay open, whatever becomes of the cable.
async fn carry(mut client: TcpStream, server: SocketAddr, mut pull: watch::Receiver<bool>) {
    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
    let over = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut upstream) => true,
        _ = pull.wait_for(|&pulled| pulled) => false,
    };
    if !over {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_pulled_cable_is_noticed_by_the_settings_of_the_host_and_the_session_waits() {
    let server = TestServer::start_with(|config| {
        config.keepalive =
            Keepalive { interval: Duration::from_millis(300), timeout: Duration::from_secs(2) };
    })
    .await;
    let cable = Cable::to(server.listening.grpc).await;
    let mut alice = server.guest("alice").await;
    let mut hers = Signal::open(&mut alice).await;
    let mut bob = server.guest("bob").await;
    bob.client = CastleServiceClient::new(cable.channel().await);
    let mut his = Signal::open(&mut bob).await;
    in_call(&mut hers, (&bob, &mut his)).await;
    let pulled_at = Instant::now();
    cable.pull();
    let noticed = hers.call().await;
    assert_eq!(noticed.peer_presence(), v1::PeerPresence::Reconnecting, "{noticed:?}");
    let took = pulled_at.elapsed();
    assert!(
        took < HEARTBEAT_TIMEOUT / 2,
        "by the connection and not by the session's own heartbeat: {took:?}"
    );
    let his = his.resume(&server, &mut bob).await.expect("the session waited");
    assert!(his.welcome.resumed);
    assert_eq!(hers.call().await.peer_presence(), v1::PeerPresence::Present);
}
