//! One connection to a TURN server, and what the stack says over it.

use super::refusals::{NOT_REACHED, refusal, refused};
use super::requests::Requests;
use super::ways::{Turn, Ways};
use super::{Carried, DATAGRAM_MAX};
use castle_connectivity::address::ServerUri;
use castle_connectivity::dial::{self, DialError, Link, Stream};
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
use tokio::time::Instant;

/// From one look at whether it is this transport's turn to the next.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// By then a server has said a word, or the stack is turned away: it gives its first request up after 7.8 s without noticing
/// (webrtc 0.21.1; see `refusals.rs`).
const HEARD_WITHIN: Duration = Duration::from_secs(7);
/// After the network said that a datagram did not arrive, the next one is waited for: what it says may repeat.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Upstream {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) from: SocketAddr,
    pub(super) uri: ServerUri,
    pub(super) trust: Trust,
    pub(super) ways: Ways,
    pub(super) carried: Carried,
    pub(super) requests: Requests,
}

impl Upstream {
    /// Runs until the connection ends. A request of the stack then opens the next.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Vec<u8>>) {
        let asked = Instant::now();
        loop {
            match self.ways.turn(self.uri.transport, asked.elapsed()) {
                Turn::Waits => tokio::time::sleep(LOOK_EVERY).await,
                Turn::Came => break,
                Turn::IsOver => return self.turn_away(&mut waiting).await,
            }
        }
        let dialled = tokio::time::timeout_at(asked + HEARD_WITHIN, dial::open(&self.uri, self.trust));
        let ended = match dialled.await.unwrap_or(Err(DialError::Silent)) {
            Ok(opened) => {
                let heard_by = (asked + HEARD_WITHIN).min(Instant::now() + dial::PATIENCE);
                tokio::select! {
                    ended = self.carry(opened.link, &mut waiting) => ended,
                    () = self.unheard(heard_by) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
            Err(error) => {
                tracing::info!(server = %self.uri, %error, "a relay was not reached");
                return self.turn_away(&mut waiting).await;
            }
        };
        tracing::info!(server = %self.uri, error = ?ended.err(), "the connection to a relay ended");
        match self.carried.end() {
            Some(relayed) => self.ways.forget(relayed),
            None => self.turn_away(&mut waiting).await,
        }
    }

    /// Answers what waits, here and at the server, so that the stack does not wait in vain.
    async fn turn_away(&self, waiting: &mut mpsc::Receiver<Vec<u8>>) {
        self.carried.end();
        for request in self.requests.unanswered() {
            self.socket.send_to(&refused(&request, NOT_REACHED), self.from).await.ok();
        }
        waiting.close();
        while let Some(datagram) = waiting.recv().await {
            if let Some(refusal) = refusal(&datagram, NOT_REACHED) {
                self.socket.send_to(&refusal, self.from).await.ok();
            }
        }
    }

    /// Ends when the server has said nothing by then: it is not there.
    async fn unheard(&self, by: Instant) {
        tokio::time::sleep_until(by).await;
        if self.carried.is_heard() {
            std::future::pending::<()>().await;
        }
    }

    async fn carry(&self, link: Link, waiting: &mut mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
        match link {
            Link::Udp(server) => self.carry_datagrams(server, waiting).await,
            Link::Stream(stream) => self.carry_stream(stream, waiting).await,
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
                    Some(datagram) => match server.send(&self.requests.ask(datagram)).await {
                        Err(error) if self.is_refused(&error) => return Err(error),
                        // Refused by the system, such as while no network is there: lost like any other.
                        Ok(_) | Err(_) => {}
                    },
                    None => return Ok(()),
                },
                received = server.recv(&mut buffer) => match received {
                    Ok(length) => match self.requests.ask_otherwise(&buffer[..length]) {
                        Some(request) => drop(server.send(&request).await),
                        None => self.hand_back(&buffer[..length]).await?,
                    },
                    Err(error) if self.carried.get().is_none() => return Err(error),
                    // Word of a datagram that did not arrive. The relayed address belongs to this socket: another one
                    // would lose it, while this may pass.
                    Err(error) => {
                        tracing::debug!(server = %self.uri, %error, "a datagram to a relay was lost");
                        tokio::time::sleep(ERROR_PAUSE).await;
                    }
                },
            }
        }
    }

    /// The port is closed at the other end, and nothing is relayed that could be lost.
    fn is_refused(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ConnectionRefused && self.carried.get().is_none()
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
        if self.carried.hear().is_none() {
            self.ways.answered(self.uri.transport);
        }
        if message.first() == Some(&1)
            && let Some(answer) = Message::decode(message)
            && (answer.method, answer.class) == (stun::ALLOCATE, Class::Success)
            && let Some(relayed) = answer.address(stun::XOR_RELAYED_ADDRESS)
        {
            self.carried.set(relayed);
            self.ways.relays(relayed, self.uri.transport);
            tracing::debug!(server = %self.uri, "relays for us");
        }
        match self.socket.send_to(message, self.from).await {
            // The stack closed its socket; it may open another.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            sent => sent.map(drop),
        }
    }
}
