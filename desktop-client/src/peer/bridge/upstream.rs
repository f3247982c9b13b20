//! One connection to a TURN server, and what the stack says over it.

use super::requests::Requests;
use super::{Carried, DATAGRAM_MAX, Ways, refusal};
use castle_connectivity::address::ServerUri;
use castle_connectivity::dial::{self, Link, Stream};
use castle_connectivity::framing::{self, Deframer};
use castle_connectivity::stun::{self, Class, Message};
use castle_connectivity::trust::Trust;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// "Server Error": the stack gives this server up at once, rather than after its last retransmission.
const NOT_REACHED: u16 = 500;

pub(super) struct Upstream {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) from: SocketAddr,
    pub(super) uri: ServerUri,
    pub(super) trust: Trust,
    pub(super) ways: Ways,
    pub(super) delay: Duration,
    pub(super) carried: Carried,
    pub(super) requests: Requests,
}

impl Upstream {
    /// Runs until the connection ends. A request of the stack then opens the next.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Vec<u8>>) {
        tokio::time::sleep(self.delay).await;
        if self.ways.has_better_than(self.uri.transport) {
            return self.turn_away(&mut waiting).await;
        }
        let ended = match dial::open(&self.uri, self.trust).await {
            Ok(opened) => match opened.link {
                Link::Udp(server) => self.carry_datagrams(server, &mut waiting).await,
                Link::Stream(stream) => self.carry_stream(stream, &mut waiting).await,
            },
            Err(error) => {
                tracing::info!(server = %self.uri, %error, "a relay was not reached");
                return self.turn_away(&mut waiting).await;
            }
        };
        tracing::info!(server = %self.uri, error = ?ended.err(), "the connection to a relay ended");
        if let Some(relayed) = self.carried.get() {
            self.carried.set(None);
            self.ways.with(|ways| ways.remove(&relayed));
        }
    }

    /// Answers what waits, so that the stack does not wait in vain.
    async fn turn_away(&self, waiting: &mut mpsc::Receiver<Vec<u8>>) {
        waiting.close();
        while let Some(datagram) = waiting.recv().await {
            if let Some(refusal) = refusal(&datagram, NOT_REACHED) {
                self.socket.send_to(&refusal, self.from).await.ok();
            }
        }
    }

    async fn carry_datagrams(
        &self,
        server: UdpSocket,
        waiting: &mut mpsc::Receiver<Vec<u8>>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            tokio::select! {
                datagram = waiting.recv() => match datagram {
                    // Refused by the system, such as while no network is there: lost like any other.
                    Some(datagram) => drop(server.send(&self.requests.ask(datagram)).await),
                    None => return Ok(()),
                },
                received = server.recv(&mut buffer) => match received {
                    Ok(length) => match self.requests.ask_otherwise(&buffer[..length]) {
                        Some(request) => drop(server.send(&request).await),
                        None => self.hand_back(&buffer[..length]).await?,
                    },
                    // The port is closed at the other end.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        self.turn_away(waiting).await;
                        return Err(error);
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }

    async fn carry_stream(
        &self,
        stream: Box<dyn Stream>,
        waiting: &mut mpsc::Receiver<Vec<u8>>,
    ) -> io::Result<()> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (again, mut once_more) = mpsc::channel(1);
        let writing = async {
            loop {
                let datagram = tokio::select! {
                    datagram = waiting.recv() => datagram.map(|datagram| self.requests.ask(datagram)),
                    Some(request) = once_more.recv() => Some(request),
                };
                let Some(datagram) = datagram else { return Ok(()) };
                if let Some(framed) = framing::to_stream(&datagram) {
                    writer.write_all(&framed).await?;
                    writer.flush().await?;
                }
            }
        };
        let reading = async {
            let (mut deframer, mut buffer) = (Deframer::default(), vec![0; DATAGRAM_MAX]);
            loop {
                let length = reader.read(&mut buffer).await?;
                if length == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                deframer.feed(&buffer[..length]);
                while let Some(message) = deframer.message().map_err(io::Error::other)? {
                    match self.requests.ask_otherwise(message) {
                        // Full: a request is under way already.
                        Some(request) => drop(again.try_send(request)),
                        None => self.hand_back(message).await?,
                    }
                }
            }
        };
        tokio::select! {
            ended = writing => ended,
            ended = reading => ended,
        }
    }

    /// A message of the server, for the stack; notes the relayed address that it may grant.
    async fn hand_back(&self, message: &[u8]) -> io::Result<()> {
        if message.first() == Some(&1)
            && let Some(answer) = Message::decode(message)
            && (answer.method, answer.class) == (stun::ALLOCATE, Class::Success)
            && let Some(relayed) = answer.address(stun::XOR_RELAYED_ADDRESS)
        {
            self.carried.set(Some(relayed));
            self.ways.with(|ways| ways.insert(relayed, self.uri.transport));
            tracing::debug!(server = %self.uri, "relays for us");
        }
        match self.socket.send_to(message, self.from).await {
            // The stack closed its socket; it may open another.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            sent => sent.map(drop),
        }
    }
}
