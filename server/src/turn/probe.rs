//! Whether a TURN server works: a Binding, and an allocation made and given back with our own credentials.
//!
//! Owns the few messages of a client that this takes. Relays nothing.

use super::wire::{Family, Key, Method, Response, Transaction, Writer, frame_bytes};
use crate::config::relay::{TurnTransport, TurnUrl};
use crate::ice::{CredentialOwner, TurnSecret};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};

/// For one answer. A datagram is repeated within it.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// A datagram is repeated after this.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
/// How long the probe's credential is good, seconds: for this probe alone.
const CREDENTIAL_S: u64 = 60;
const ANSWER_BYTES_MAX: usize = 2048;
const UDP: u8 = 17;
/// ERROR-CODE of a server that has no IPv4 to relay by: guests then ask for IPv6.
const FAMILY_NOT_SUPPORTED: u16 = 440;

/// Why a TURN server is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Its name leads nowhere.
    #[error("{0} has no address")]
    NoAddress(String),
    /// The network.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Silence.
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent,
    /// It answers something else than TURN.
    #[error("it does not speak TURN")]
    NotTurn,
    /// It refuses.
    #[error("it refuses {what} with {code}")]
    Refused {
        /// What.
        what: &'static str,
        /// ERROR-CODE.
        code: u16,
    },
}

/// Makes an allocation at `url` and gives it back. Of a `turns:` URL only its TCP is tried: whose certificate is
/// to be trusted there, guests know and we do not.
pub async fn allocate(url: &TurnUrl, secret: &TurnSecret) -> Result<(), ProbeError> {
    let mut last = ProbeError::NoAddress(url.host.clone());
    for address in lookup_host((url.host.as_str(), url.port)).await? {
        match at(address, url.transport, secret).await {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn at(address: SocketAddr, transport: TurnTransport, secret: &TurnSecret) -> Result<(), ProbeError> {
    let mut way = Way::open(address, transport).await?;
    if transport == TurnTransport::Tls {
        return Ok(());
    }
    let plain = |method| move |transaction| Writer::request(method, transaction).finish(None);
    refused("a Binding", &way.ask(plain(Method::Binding), None).await?, &[0])?;
    let unsigned = |transaction| Writer::request(Method::Allocate, transaction).transport(UDP).finish(None);
    let challenge = way.ask(unsigned, None).await?;
    refused("an Allocate without credentials", &challenge, &[401])?;
    let (Some(realm), Some(nonce)) = (challenge.realm, challenge.nonce) else {
        return Err(ProbeError::NotTurn);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let username = secret.username(now + CREDENTIAL_S, CredentialOwner::NOBODY, rand::random());
    let key = Key::new(&username, &realm, &secret.password_for(&username));
    let signed = |writer: Writer| writer.username(&username).challenge(&realm, &nonce).finish(Some(&key));
    let allocate = |transaction| Writer::request(Method::Allocate, transaction).transport(UDP);
    let mut answer = way.ask(|transaction| signed(allocate(transaction)), None).await?;
    if answer.code == FAMILY_NOT_SUPPORTED {
        let v6 = |transaction| signed(allocate(transaction).family(Family::V6));
        answer = way.ask(v6, None).await?;
    }
    refused("our credentials", &answer, &[0])?;
    let farewell = |transaction| signed(Writer::request(Method::Refresh, transaction).lifetime(0));
    refused("a Refresh", &way.ask(farewell, Some(&key)).await?, &[0])
}

fn refused(what: &'static str, answer: &Response, expected: &[u16]) -> Result<(), ProbeError> {
    if expected.contains(&answer.code) {
        Ok(())
    } else {
        Err(ProbeError::Refused { what, code: answer.code })
    }
}

enum Way {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

impl Way {
    async fn open(address: SocketAddr, transport: TurnTransport) -> Result<Self, ProbeError> {
        if transport == TurnTransport::Udp {
            let any: SocketAddr =
                if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            return Ok(Self::Datagrams(socket));
        }
        let stream = tokio::time::timeout(ANSWER_WITHIN, TcpStream::connect(address)).await;
        Ok(Self::Stream(stream.map_err(|_| ProbeError::Silent)??))
    }

    /// Sends a request; waits for its answer, signed with `key` where one is given.
    async fn ask(
        &mut self,
        request: impl Fn(Transaction) -> Vec<u8>,
        key: Option<&Key>,
    ) -> Result<Response, ProbeError> {
        let transaction: Transaction = rand::random();
        let request = request(transaction);
        let asking = async {
            match self {
                Self::Datagrams(socket) => loop {
                    socket.send(&request).await?;
                    let heard = tokio::time::timeout(REPEAT_AFTER, heard(socket, transaction, key)).await;
                    if let Ok(answer) = heard {
                        return answer;
                    }
                },
                Self::Stream(stream) => {
                    stream.write_all(&request).await?;
                    let answer = frame(stream).await?;
                    Response::read(&answer, key).ok_or(ProbeError::NotTurn)
                }
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, asking).await.map_err(|_| ProbeError::Silent)?
    }
}

async fn heard(
    socket: &UdpSocket,
    transaction: Transaction,
    key: Option<&Key>,
) -> Result<Response, ProbeError> {
    let mut packet = [0; ANSWER_BYTES_MAX];
    loop {
        let length = socket.recv(&mut packet).await?;
        let answer = Response::read(&packet[..length], key);
        if let Some(answer) = answer.filter(|answer| answer.transaction == transaction) {
            return Ok(answer);
        }
    }
}

async fn frame(stream: &mut TcpStream) -> Result<Vec<u8>, ProbeError> {
    let mut bytes = Vec::new();
    loop {
        match frame_bytes(&bytes).map_err(|_| ProbeError::NotTurn)? {
            Some(length) if length > ANSWER_BYTES_MAX => return Err(ProbeError::NotTurn),
            Some(length) if bytes.len() >= length => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            _ => {}
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ProbeError::NotTurn);
        }
    }
}
