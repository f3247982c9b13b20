//! TURN over TCP and TLS (RFC 8656 section 3.1): frames out of a stream, and a way back that is bounded.
//!
//! Owns framing, the queue of a client that reads slowly, and how long one may stay without an allocation. No rule of TURN.

use super::driver::{Core, Link, Out, canonical};
use super::gate::Place;
use super::machine::{Client, Input, Kind};
use super::wire::{asks_for_allocation, frame_bytes};
use castle_connectivity::dial::carries_media;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest frame, bytes: a relayed packet and what TURN puts around it.
const FRAME_BYTES_MAX: usize = 8192;
/// Media waiting for a slow reader, bytes: 250 ms at 2 Mb/s. What comes on top is dropped.
const MEDIA_BYTES_MAX: usize = 64 << 10;
/// Answers may wait beyond that; a client that does not even read those is cut off.
const QUEUE_BYTES_MAX: usize = MEDIA_BYTES_MAX + (16 << 10);
/// After accepting failed: file descriptors may come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What waits to be written to a stream.
#[derive(Default)]
pub(super) struct Outgoing {
    queue: Mutex<Vec<u8>>,
    news: Notify,
    /// An answer found no room: the client reads nothing.
    stuck: CancellationToken,
}

impl Outgoing {
    /// Puts `frame` in line; false where there is no room.
    pub(super) fn push(&self, kind: Kind, frame: &[u8]) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let room = match kind {
            Kind::Media => MEDIA_BYTES_MAX,
            Kind::Answer => QUEUE_BYTES_MAX,
        };
        let fits = queue.len() + frame.len() <= room;
        if fits {
            queue.extend_from_slice(frame);
        } else if kind == Kind::Answer {
            self.stuck.cancel();
        }
        drop(queue);
        self.news.notify_one();
        fits
    }

    /// Swaps what waits into `spare`, which is empty.
    fn take(&self, spare: &mut Vec<u8>) {
        std::mem::swap(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner), spare);
    }

    /// `by_frame`: each frame in a write, and so in a TLS record, of its own. Clients there are that take a record for a
    /// message (coturn's `turnutils_uclient`), and lose what follows the first in it.
    async fn write_to(&self, mut writer: impl AsyncWrite + Unpin, by_frame: bool) -> std::io::Result<()> {
        let mut batch = Vec::new();
        loop {
            self.news.notified().await;
            self.take(&mut batch);
            let mut rest = &batch[..];
            while !rest.is_empty() {
                let first = if by_frame { frame_bytes(rest).ok().flatten() } else { None };
                let (frame, later) = rest.split_at(first.unwrap_or(rest.len()).clamp(1, rest.len()));
                writer.write_all(frame).await?;
                rest = later;
            }
            writer.flush().await?;
            batch.clear();
        }
    }
}

impl Core {
    /// Accepts connections.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener, number: u8) {
        while let Some(accepted) = self.stopped.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, from)) => {
                    if let Err(error) = carries_media(&stream) {
                        tracing::debug!("a connection was gone at once: {error}");
                        continue;
                    }
                    let core = Arc::clone(&self);
                    self.tasks.spawn(async move { core.serve(stream, from, number, false).await });
                }
                Err(error) => {
                    tracing::debug!("the relay accepts nobody: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves one client until its stream ends. `sealed`: it is one of TLS.
    pub(super) async fn serve(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite,
        from: SocketAddr,
        listener: u8,
        sealed: bool,
    ) {
        let network = Some(canonical(from).ip()).filter(|ip| !self.proxies.contains(*ip));
        let Some(place) = self.gate.enter(&self.limits, network) else { return };
        let client = Client { from: canonical(from), listener, stream: true };
        let outgoing = Arc::new(Outgoing::default());
        let (reader, writer) = tokio::io::split(stream);
        tokio::pin!(reader, writer);
        let link = Link::Stream(Arc::clone(&outgoing));
        tokio::select! {
            () = self.stopped.cancelled() => {}
            () = place.cut.cancelled() => {}
            () = outgoing.stuck.cancelled() => {}
            () = self.read_stream(reader, client, &link, &place) => {}
            _ = outgoing.write_to(writer, sealed) => {}
        }
        self.handle(Input::Gone(client), &mut Out::default());
    }

    async fn read_stream(
        self: &Arc<Self>,
        mut reader: impl AsyncRead + Unpin,
        client: Client,
        link: &Link,
        place: &Place<'_>,
    ) {
        let (mut buffer, mut filled, mut out) = (vec![0; 2 * FRAME_BYTES_MAX], 0, Out::default());
        let patience = self.limits.stream_unallocated;
        let mut look_at = Instant::now() + patience;
        loop {
            let read = tokio::time::timeout_at(look_at, reader.read(&mut buffer[filled..])).await;
            // Also where there is always something to read, so that time never runs out.
            if look_at <= Instant::now() {
                look_at = Instant::now() + patience;
                let allocated = self.has_allocation(client);
                place.has_allocation(allocated);
                if !allocated {
                    return;
                }
            }
            match read {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(length)) => filled += length,
                Err(_) => continue,
            }
            let mut begin = 0;
            loop {
                match frame_bytes(&buffer[begin..filled]) {
                    Ok(Some(length)) if length > FRAME_BYTES_MAX => return,
                    Ok(Some(length)) if begin + length <= filled => {
                        let packet = &buffer[begin..begin + length];
                        self.handle(Input::Client { client, link, packet }, &mut out);
                        if asks_for_allocation(packet) {
                            place.has_allocation(self.has_allocation(client));
                        }
                        begin += length;
                    }
                    Ok(_) => break,
                    Err(_) => return,
                }
            }
            buffer.copy_within(begin..filled, 0);
            filled -= begin;
        }
    }

    fn has_allocation(&self, client: Client) -> bool {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner).has_allocation(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_loses_media_and_keeps_answers() {
        let outgoing = Outgoing::default();
        let packet = [0; 1000];
        let taken = (0..1000).filter(|_| outgoing.push(Kind::Media, &packet)).count();
        assert_eq!(taken, MEDIA_BYTES_MAX / packet.len());
        assert!(outgoing.push(Kind::Answer, &packet));
        let mut batch = Vec::new();
        outgoing.take(&mut batch);
        assert_eq!(batch.len(), (taken + 1) * packet.len());
        assert!(outgoing.push(Kind::Media, &packet), "room again");
    }
}
