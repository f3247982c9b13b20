//! Opens connections: names with several addresses, IPv6 beside IPv4 (RFC 8305, its small half), TCP, TLS, UDP.

use crate::address::{ServerUri, Transport};
use crate::stun::{self, Class, Message};
use crate::trust::{self, Shown, Trust};
use rustls::pki_types::{CertificateDer, ServerName};
use socket2::SockRef;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// From one address to the next of the same name (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// A server that does not answer by then is not there.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// What the system may hold of a stream that its other end reads slowly, bytes: half a second at 2 Mb/s. By itself it would
/// hold megabytes, and media that waited there is too old to be shown.
const SEND_BUFFER_BYTES: usize = 128 << 10;
/// ALPN of TURN in TLS (RFC 7443): lets it share a port with others.
const TURN_ALPN: &[u8] = b"stun.turn";

/// Why a server is not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name {0} is not known")]
    UnknownName(String),
    /// Nothing answers.
    #[error("it does not answer")]
    Silent,
    /// The system or the other end said no.
    #[error("{0}")]
    Refused(#[from] io::Error),
}

/// A stream of bytes, plain or in TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A way to a server.
pub enum Link {
    /// Datagrams; the socket is connected.
    Udp(UdpSocket),
    /// A stream, plain or in TLS.
    Stream(Box<dyn Stream>),
}

/// The way that was opened.
pub struct Opened {
    /// The way.
    pub link: Link,
    /// The address that answered.
    pub peer: SocketAddr,
    /// What the server showed over TLS, its own certificate first.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// Opens a way to a STUN or TURN server, by the first of its addresses that answers.
pub async fn open(uri: &ServerUri, trust: Trust) -> Result<Opened, DialError> {
    let addresses = resolve(&uri.host, uri.port).await?;
    let opened = match uri.transport {
        Transport::Udp => {
            let (socket, peer) = open_udp(addresses).await?;
            Opened { link: Link::Udp(socket), peer, certificates: Vec::new() }
        }
        Transport::Tcp => {
            let (stream, peer) = open_tcp(addresses).await?;
            Opened { link: Link::Stream(Box::new(stream)), peer, certificates: Vec::new() }
        }
        Transport::Tls => open_tls(&uri.host, addresses, trust, TURN_ALPN, Shown::default()).await?,
    };
    Ok(opened)
}

/// Opens a stream to any server, in TLS with this ALPN where one is named; what it showed goes to `shown` even where
/// it is not believed.
pub(crate) async fn open_stream(
    host: &str,
    port: u16,
    tls: Option<(Trust, &[u8], Shown)>,
) -> Result<Opened, DialError> {
    let addresses = resolve(host, port).await?;
    if let Some((trust, alpn, shown)) = tls {
        return open_tls(host, addresses, trust, alpn, shown).await;
    }
    let (stream, peer) = open_tcp(addresses).await?;
    Ok(Opened { link: Link::Stream(Box::new(stream)), peer, certificates: Vec::new() })
}

/// The addresses of a name, families taking turns, the resolver's first choice first.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let unknown = || DialError::UnknownName(host.to_owned());
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port)));
    let found: Vec<SocketAddr> = found.await.map_err(|_| unknown())?.map_err(|_| unknown())?.collect();
    let ordered = in_turns(found);
    if ordered.is_empty() { Err(unknown()) } else { Ok(ordered) }
}

/// Families taking turns, as RFC 8305 section 4 has it.
fn in_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut ordered = Vec::new();
    one.reverse();
    other.reverse();
    while let Some(address) = one.pop().or_else(|| other.pop()) {
        ordered.push(address);
        ordered.extend(other.pop());
    }
    ordered.dedup();
    ordered.truncate(ADDRESSES_MAX);
    ordered
}

/// Tries the addresses one after the other, each a moment after the last, and takes the first that works all the way:
/// where TLS is spoken, one that only accepts connections does not hold up the next.
async fn race<T, F, A>(addresses: Vec<SocketAddr>, attempt: A) -> Result<(T, SocketAddr), DialError>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    A: Fn(SocketAddr) -> F,
{
    let mut attempts = JoinSet::new();
    for (place, address) in addresses.into_iter().enumerate() {
        let attempt = attempt(address);
        attempts.spawn(async move {
            tokio::time::sleep(STAGGER * place as u32).await;
            attempt.await.map(|opened| (opened, address))
        });
    }
    let first = async {
        let mut failed = DialError::Silent;
        while let Some(done) = attempts.join_next().await {
            match done.expect("an attempt neither panics nor is cancelled") {
                Ok(opened) => return Ok(opened),
                Err(error) => failed = error.into(),
            }
        }
        Err(failed)
    };
    tokio::time::timeout(PATIENCE, first).await.unwrap_or(Err(DialError::Silent))
}

/// Makes a connection fit for media: no packet waits for the next, and few wait for one that is lost.
pub fn carries_media(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_send_buffer_size(SEND_BUFFER_BYTES)
}

async fn open_tcp(addresses: Vec<SocketAddr>) -> Result<(TcpStream, SocketAddr), DialError> {
    let (stream, peer) = race(addresses, TcpStream::connect).await?;
    carries_media(&stream)?;
    Ok((stream, peer))
}

async fn open_tls(
    host: &str,
    addresses: Vec<SocketAddr>,
    trust: Trust,
    alpn: &[u8],
    shown: Shown,
) -> Result<Opened, DialError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| DialError::UnknownName(host.to_owned()))?;
    let alpn = alpn.to_vec();
    let opened = race(addresses, |address| {
        let (name, alpn, shown) = (name.clone(), alpn.clone(), Arc::clone(&shown));
        async move {
            // What each address shows is noted apart: of those that are tried at once only one is taken.
            let here = Shown::default();
            let config = trust::client_config(trust, &[&alpn], Arc::clone(&here));
            let stream = TcpStream::connect(address).await?;
            carries_media(&stream)?;
            let sealed = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
            let certificates = here.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            if sealed.is_err() && !certificates.is_empty() {
                *shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificates.clone());
            }
            Ok((sealed?, certificates))
        }
    });
    let ((stream, certificates), peer) = opened.await?;
    Ok(Opened { link: Link::Stream(Box::new(stream)), peer, certificates })
}

/// A single address is taken as it is; of several, the first that answers a STUN request.
async fn open_udp(addresses: Vec<SocketAddr>) -> Result<(UdpSocket, SocketAddr), DialError> {
    if let [address] = addresses[..] {
        return Ok((connected(address).await?, address));
    }
    race(addresses, |address| async move {
        let socket = connected(address).await?;
        let request = Message::new(stun::BINDING, Class::Request);
        let (bytes, mut answer) = (request.encode(None), [0; 1500]);
        loop {
            socket.send(&bytes).await?;
            let received = tokio::time::timeout(STAGGER, socket.recv(&mut answer)).await;
            if let Ok(length) = received
                && Message::decode(&answer[..length?]).is_some_and(|m| m.transaction == request.transaction)
            {
                return Ok(socket);
            }
        }
    })
    .await
}

async fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_addresses_the_one_that_answers_is_taken() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let dead = {
            let closed = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
            closed.local_addr().unwrap()
        };
        let (_, peer) = open_tcp(vec![dead, alive]).await.unwrap();
        assert_eq!(peer, alive);
        assert!(matches!(open_tcp(vec![dead]).await, Err(DialError::Refused(_))));
    }

    fn tls_acceptor() -> (tokio_rustls::TlsAcceptor, [u8; 32]) {
        let made = rcgen::generate_simple_self_signed(vec!["castle.example".to_owned()]).unwrap();
        let pin = trust::fingerprint(made.cert.der());
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
        (tokio_rustls::TlsAcceptor::from(Arc::new(config)), pin)
    }

    #[tokio::test]
    async fn of_two_addresses_the_one_that_speaks_tls_is_taken() {
        let (acceptor, pin) = tls_acceptor();
        let alive = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Accepts connections, and no word is ever said there.
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = vec![mute.local_addr().unwrap(), alive.local_addr().unwrap()];
        let expected = addresses[1];
        tokio::spawn(async move {
            let (stream, _) = alive.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            std::future::pending::<()>().await;
            drop(stream);
        });
        let trust = Trust::Pinned(pin);
        let opened = open_tls("castle.example", addresses, trust, TURN_ALPN, Shown::default()).await.unwrap();
        assert_eq!(opened.peer, expected);
        assert_eq!(opened.certificates.len(), 1);
    }

    #[tokio::test]
    async fn of_two_addresses_the_one_that_answers_stun_is_taken() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (alive, mute) = (server.local_addr().unwrap(), silent.local_addr().unwrap());
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            let (length, from) = server.recv_from(&mut buffer).await.unwrap();
            let mut answer = Message::decode(&buffer[..length]).unwrap();
            answer.class = Class::Success;
            server.send_to(&answer.encode(None), from).await.unwrap();
        });
        let (_, peer) = open_udp(vec![mute, alive]).await.unwrap();
        assert_eq!(peer, alive);
    }

    #[test]
    fn the_addresses_of_a_name_take_turns_by_family_and_are_so_many_at_most() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [one, two, three] = ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"].map(address);
        let [six, seven] = ["[2001:db8::6]:1", "[2001:db8::7]:1"].map(address);
        let ordered = in_turns(vec![six, seven, one, two, three]);
        assert_eq!(ordered, [six, one, seven, two, three], "the resolver's first choice first");
        assert_eq!(in_turns(vec![one, two, three, six]), [one, six, two, three]);
        let many = (0..100).map(|last| SocketAddr::from(([192, 0, 2, last], 1)));
        assert_eq!(in_turns(many.collect()).len(), ADDRESSES_MAX);
        assert!(in_turns(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn a_name_is_dialled_at_whichever_of_its_addresses_answers() {
        let found = resolve("localhost", 1).await.unwrap();
        for ip in found.iter().map(SocketAddr::ip) {
            let listener = tokio::net::TcpListener::bind((ip, 0)).await.unwrap();
            let alive = listener.local_addr().unwrap();
            let uri = format!("turn:localhost:{}?transport=tcp", alive.port()).parse().unwrap();
            assert_eq!(open(&uri, Trust::System).await.unwrap().peer, alive, "of {found:?}");
        }
    }

    /// What a stream takes before it has to wait for the other end, who reads nothing.
    async fn taken_by(mut stream: Box<dyn Stream>) -> usize {
        let (packet, mut taken) = ([7; 1200], 0);
        // A machine so busy that it is late here says less, and never more, than is true.
        while let Ok(sent) =
            tokio::time::timeout(STAGGER, tokio::io::AsyncWriteExt::write(&mut stream, &packet)).await
        {
            taken += sent.unwrap();
        }
        taken
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_holds_little() {
        const HELD_MAX: usize = 1 << 20;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        SockRef::from(&listener).set_recv_buffer_size(1 << 16).unwrap();
        let address = listener.local_addr().unwrap();
        let plain = open_tcp(vec![address]).await.unwrap().0;
        let (_unread, _) = listener.accept().await.unwrap();
        let held = taken_by(Box::new(plain)).await;
        assert!(held < HELD_MAX, "{held} bytes");

        let (acceptor, pin) = tls_acceptor();
        let accepting = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.unwrap()
        });
        let trust = Trust::Pinned(pin);
        let opened = open_tls("castle.example", vec![address], trust, TURN_ALPN, Shown::default()).await;
        let _unread = accepting.await.unwrap();
        let Link::Stream(sealed) = opened.unwrap().link else { panic!("a stream") };
        let held = taken_by(sealed).await;
        assert!(held < HELD_MAX, "{held} bytes in TLS");
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_says_so() {
        assert!(matches!(resolve("nowhere.invalid", 1).await, Err(DialError::UnknownName(_))));
        assert_eq!(resolve("::1", 7).await.unwrap(), ["[::1]:7".parse().unwrap()]);
    }
}
