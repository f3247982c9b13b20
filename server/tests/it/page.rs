//! A page's own connection to the server: HTTP/1.1, and gRPC-web in it. Never decides what is right, and panics at
//! nothing that a broken connection may do.

use crate::signaling::PATIENCE;
use castle::v1;
use castle::v1::signal_response::Frame as Response;
use prost::Message;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Status;

/// The page's origin.
pub(crate) const ORIGIN: &str = "https://app.example";

/// One request and its answer. All that waits may be dropped and begun again.
pub(crate) struct Page {
    tcp: TcpStream,
    /// What came and was not read yet: first bytes on the wire, then those of the body.
    wire: Vec<u8>,
    body: Vec<u8>,
}

fn broken(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

impl Page {
    /// Asks on a connection of its own and waits for the head of the answer.
    pub(crate) async fn asks(
        server: SocketAddr,
        token: &str,
        method: &str,
        message: &impl Message,
    ) -> Result<Self, Status> {
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).map_err(broken)?;
        let head = format!(
            "POST /castle.v1.CastleService/{method} HTTP/1.1\r\nhost: castle\r\norigin: {ORIGIN}\r\n\
             content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            5 + message.len()
        );
        let mut tcp = TcpStream::connect(server).await.map_err(broken)?;
        tcp.set_nodelay(true).map_err(broken)?;
        let request = [head.as_bytes(), &[0], &length.to_be_bytes(), &message].concat();
        tcp.write_all(&request).await.map_err(broken)?;
        let mut page = Self { tcp, wire: Vec::new(), body: Vec::new() };
        let head = loop {
            if let Some(head) = page.taken_to(b"\r\n\r\n") {
                break head;
            }
            page.more().await?;
        };
        let head = String::from_utf8_lossy(&head).to_lowercase();
        // A refusal may come in the head alone.
        let refused = !head.starts_with("http/1.1 200") || head.contains("\ngrpc-status:");
        if refused { Err(Status::unknown(head)) } else { Ok(page) }
    }

    async fn more(&mut self) -> Result<(), Status> {
        let mut some = [0; 4096];
        match self.tcp.read(&mut some).await.map_err(broken)? {
            0 => Err(broken("the connection is closed")),
            count => {
                self.wire.extend_from_slice(&some[..count]);
                Ok(())
            }
        }
    }

    /// All up to and with `end`, once it is there.
    fn taken_to(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let at = self.wire.windows(end.len()).position(|window| window == end)?;
        Some(self.wire.drain(..at + end.len()).collect())
    }

    /// Moves one chunk of the body (RFC 9112, section 7.1) that is there whole.
    fn has_chunk(&mut self) -> Result<bool, Status> {
        let Some(at) = self.wire.windows(2).position(|window| window == b"\r\n") else { return Ok(false) };
        let size = std::str::from_utf8(&self.wire[..at]).map_err(broken)?;
        let size = usize::from_str_radix(size, 16).map_err(broken)?;
        if self.wire.len() < at + 2 + size + 2 {
            return Ok(false);
        }
        self.body.extend(self.wire.drain(..at + 2 + size + 2).skip(at + 2).take(size));
        if size == 0 { Err(broken("the answer has ended")) } else { Ok(true) }
    }

    /// The next message of the answer; trailers are an error that says them.
    pub(crate) async fn message<M: Message + Default>(&mut self) -> Result<M, Status> {
        loop {
            if let Some((&[kind, a, b, c, d], rest)) = self.body.split_first_chunk::<5>() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if rest.len() >= length {
                    let frame: Vec<u8> = self.body.drain(..5 + length).skip(5).collect();
                    return match kind {
                        0 => M::decode(&frame[..]).map_err(broken),
                        _ => Err(Status::unknown(String::from_utf8_lossy(&frame))),
                    };
                }
            }
            if !self.has_chunk()? {
                self.more().await?;
            }
        }
    }

    /// The next frame of a Subscribe that `wanted` takes.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(Response) -> Option<T>) -> T {
        loop {
            let said = tokio::time::timeout(PATIENCE, self.message()).await.expect("something comes");
            let said: v1::SubscribeResponse = said.expect("the answer goes on");
            if let Some(found) = said.frame.and_then(|frame| frame.frame).and_then(&mut wanted) {
                return found;
            }
        }
    }
}
