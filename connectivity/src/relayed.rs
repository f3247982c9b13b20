//! An allocation at a TURN server, as the doctor makes one: over any way, with the long-term credential.

use crate::address::ServerUri;
use crate::dial::{self, DialError, Link, Opened, PATIENCE, Stream};
use crate::framing::{self, Deframer, NotFramed};
use crate::stun::{self, Class, Message};
use crate::trust::Trust;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

/// Between two requests of one transaction over UDP.
const RETRANSMIT: Duration = Duration::from_millis(500);
/// Payloads from peers that may wait to be taken; then the oldest goes, as a network would have it.
const WAITING_MAX: usize = 1024;
const DATAGRAM_MAX: usize = 65_536;

/// What a TURN server is asked with.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credential {
    /// User name.
    pub username: String,
    /// Password; never printed.
    pub password: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why there is no allocation, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The server was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The way broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// It sends what is no STUN.
    #[error(transparent)]
    NotFramed(#[from] NotFramed),
    /// No answer.
    #[error("it does not answer")]
    Silent,
    /// An answer that is none.
    #[error("it answered what no TURN server would")]
    Nonsense,
    /// It said no.
    #[error("it refused with {0}")]
    Refused(u16),
}

/// One way to a server, message by message.
struct Wire {
    link: Link,
    deframer: Deframer,
    buffer: Vec<u8>,
}

impl Wire {
    async fn send(&mut self, message: &[u8]) -> Result<(), RelayError> {
        match &mut self.link {
            Link::Udp(socket) => {
                socket.send(message).await?;
            }
            Link::Stream(stream) => {
                let framed = framing::to_stream(message).ok_or(NotFramed)?;
                stream.write_all(&framed).await?;
                stream.flush().await?;
            }
        }
        Ok(())
    }

    /// The next message. May be dropped while it waits and called again.
    async fn receive(&mut self) -> Result<Vec<u8>, RelayError> {
        match &mut self.link {
            Link::Udp(socket) => receive_datagram(socket, &mut self.buffer).await,
            Link::Stream(stream) => receive_framed(stream, &mut self.deframer, &mut self.buffer).await,
        }
    }
}

async fn receive_datagram(socket: &UdpSocket, buffer: &mut [u8]) -> Result<Vec<u8>, RelayError> {
    let length = socket.recv(buffer).await?;
    Ok(buffer[..length].to_vec())
}

async fn receive_framed(
    stream: &mut Box<dyn Stream>,
    deframer: &mut Deframer,
    buffer: &mut [u8],
) -> Result<Vec<u8>, RelayError> {
    loop {
        if let Some(message) = deframer.message()? {
            return Ok(message.to_vec());
        }
        match stream.read(buffer).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            length => deframer.feed(&buffer[..length]),
        }
    }
}

/// A way to a STUN or TURN server.
pub struct Client {
    wire: Wire,
    reliable: bool,
    /// What the server showed over TLS.
    pub certificates: Vec<rustls::pki_types::CertificateDer<'static>>,
    /// The address that answered.
    pub server: SocketAddr,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Client {
    /// Reaches the server, and asks for nothing yet.
    pub async fn open(uri: &ServerUri, trust: Trust) -> Result<Self, RelayError> {
        let Opened { link, peer, certificates } = dial::open(uri, trust).await?;
        let reliable = matches!(link, Link::Stream(_));
        let wire = Wire { link, deframer: Deframer::default(), buffer: vec![0; DATAGRAM_MAX] };
        Ok(Self { wire, reliable, certificates, server: peer, waiting: VecDeque::new() })
    }

    /// The own address as the server sees it.
    pub async fn binding(&mut self) -> Result<SocketAddr, RelayError> {
        let answer = accepted(self.transact(&Message::new(stun::BINDING, Class::Request), None).await?)?;
        answer.address(stun::XOR_MAPPED_ADDRESS).ok_or(RelayError::Nonsense)
    }

    /// Asks for a relayed address: of IPv4, or of IPv6 where the relay has nothing else.
    pub async fn allocate(mut self, credential: &Credential) -> Result<Allocation, RelayError> {
        let ask =
            || Message::new(stun::ALLOCATE, Class::Request).with(stun::REQUESTED_TRANSPORT, [17, 0, 0, 0]);
        let ask_v6 = || ask().with(stun::REQUESTED_ADDRESS_FAMILY, stun::FAMILY_V6);
        let challenge = self.transact(&ask(), None).await?;
        if challenge.error_code() != Some(401) {
            accepted(challenge)?;
            return Err(RelayError::Nonsense);
        }
        let mut seal = Seal::answering(&challenge, credential).ok_or(RelayError::Nonsense)?;
        let answer = match self.transact_sealed(&mut seal, ask).await {
            Err(RelayError::Refused(stun::FAMILY_NOT_SUPPORTED)) => {
                self.transact_sealed(&mut seal, ask_v6).await?
            }
            answer => answer?,
        };
        let relayed = answer.address(stun::XOR_RELAYED_ADDRESS).ok_or(RelayError::Nonsense)?;
        let mapped = answer.address(stun::XOR_MAPPED_ADDRESS).ok_or(RelayError::Nonsense)?;
        Ok(Allocation { client: self, seal, relayed, mapped })
    }

    /// Sends a request as often as the way needs it, and waits for its answer; payloads that come meanwhile are kept.
    async fn transact(&mut self, request: &Message, key: Option<&[u8]>) -> Result<Message, RelayError> {
        let bytes = request.encode(key);
        let pause = if self.reliable { PATIENCE } else { RETRANSMIT };
        let answered = async {
            loop {
                self.wire.send(&bytes).await?;
                let answer = async {
                    loop {
                        let received = self.wire.receive().await?;
                        match Message::decode(&received) {
                            Some(message) if message.transaction == request.transaction => {
                                return Ok(message);
                            }
                            Some(message) => self.keep(&message),
                            None => {}
                        }
                    }
                };
                if let Ok(answer) = tokio::time::timeout(pause, answer).await {
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap_or(Err(RelayError::Silent))
    }

    /// The same under a credential; a nonce that went stale is taken anew, once.
    async fn transact_sealed(
        &mut self,
        seal: &mut Seal,
        ask: impl Fn() -> Message,
    ) -> Result<Message, RelayError> {
        let answer = self.transact(&seal.close(ask()), Some(&seal.key)).await?;
        if answer.error_code() != Some(stun::STALE_NONCE) {
            return accepted(answer);
        }
        seal.nonce = answer.attribute(stun::NONCE).ok_or(RelayError::Nonsense)?.to_vec();
        accepted(self.transact(&seal.close(ask()), Some(&seal.key)).await?)
    }

    fn keep(&mut self, message: &Message) {
        let from = message.address(stun::XOR_PEER_ADDRESS);
        if let (stun::DATA, Some(from), Some(data)) =
            (message.method, from, message.attribute(stun::DATA_ATTRIBUTE))
        {
            self.waiting.push_back((from, data.to_vec()));
            if self.waiting.len() > WAITING_MAX {
                self.waiting.pop_front();
            }
        }
    }
}

fn accepted(answer: Message) -> Result<Message, RelayError> {
    match answer.class {
        Class::Success => Ok(answer),
        _ => Err(answer.error_code().map_or(RelayError::Nonsense, RelayError::Refused)),
    }
}

/// What closes each request of an allocation.
struct Seal {
    username: String,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: Vec<u8>,
}

impl Seal {
    fn answering(challenge: &Message, credential: &Credential) -> Option<Self> {
        let realm = challenge.attribute(stun::REALM)?.to_vec();
        let nonce = challenge.attribute(stun::NONCE)?.to_vec();
        let username = credential.username.clone();
        let key = stun::long_term_key(&username, std::str::from_utf8(&realm).ok()?, &credential.password);
        Some(Self { username, realm, nonce, key })
    }

    fn close(&self, request: Message) -> Message {
        request
            .with(stun::USERNAME, self.username.as_bytes())
            .with(stun::REALM, &self.realm[..])
            .with(stun::NONCE, &self.nonce[..])
    }
}

/// A relayed address of ours. The server lets it go some minutes after the last word, or when [`Self::release`]d.
pub struct Allocation {
    client: Client,
    seal: Seal,
    /// Others reach us under it.
    pub relayed: SocketAddr,
    /// The own address as the server sees it.
    pub mapped: SocketAddr,
}

impl Allocation {
    /// Lets a peer's address send to the relayed one.
    pub async fn permit(&mut self, peer: SocketAddr) -> Result<(), RelayError> {
        let ask = || {
            Message::new(stun::CREATE_PERMISSION, Class::Request).with_address(stun::XOR_PEER_ADDRESS, peer)
        };
        self.client.transact_sealed(&mut self.seal, ask).await.map(drop)
    }

    /// Sends to a peer, from the relayed address. Whether it arrives is not known.
    pub async fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Result<(), RelayError> {
        let indication = Message::new(stun::SEND, Class::Indication)
            .with_address(stun::XOR_PEER_ADDRESS, peer)
            .with(stun::DATA_ATTRIBUTE, data);
        self.client.wire.send(&indication.encode(None)).await
    }

    /// The next payload from a peer. May be dropped while it waits and called again.
    pub async fn receive(&mut self) -> Result<(SocketAddr, Vec<u8>), RelayError> {
        loop {
            if let Some(payload) = self.client.waiting.pop_front() {
                return Ok(payload);
            }
            let received = self.client.wire.receive().await?;
            if let Some(message) = Message::decode(&received) {
                self.client.keep(&message);
            }
        }
    }

    /// Gives the relayed address back.
    pub async fn release(mut self) -> Result<(), RelayError> {
        let ask = || Message::new(stun::REFRESH, Class::Request).with(stun::LIFETIME, 0_u32.to_be_bytes());
        self.client.transact_sealed(&mut self.seal, ask).await.map(drop)
    }
}
