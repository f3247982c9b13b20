//! The runtime under the stack: tokio's, with timers that are short while a connection is set up, and with sockets that send
//! the flights of a handshake again (`flight.rs`) and hold back what would turn the other end's role round (`roles.rs`).
//!
//! What the stack prepares while it looks at an event, such as the first flight of DTLS, leaves when its next timer runs out
//! (webrtc 0.21.1): with nothing else due that is a tenth of a second of a call that stands already.

use super::flight::Flight;
use super::roles::refuses_check;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

/// How long a socket without a handshake is held before one looks whether it is still wanted.
const IDLE: Duration = Duration::from_secs(1);
/// Longest sleep of the stack while it is in haste.
const SLEEP_MAX: Duration = Duration::from_millis(2);

/// Whether the stack is in haste. Copies are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Haste(Arc<AtomicBool>);

impl Haste {
    /// From its next sleep on.
    pub(super) fn set(&self, hurries: bool) {
        self.0.store(hurries, Ordering::Relaxed);
    }

    /// The runtime that heeds it.
    pub(super) fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(HastyRuntime { tokio: TokioRuntime, haste: self.clone() })
    }

    fn bound(&self, sleep: Duration) -> Duration {
        if self.0.load(Ordering::Relaxed) { sleep.min(SLEEP_MAX) } else { sleep }
    }
}

#[derive(Debug)]
struct HastyRuntime {
    tokio: TokioRuntime,
    haste: Haste,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for HastyRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        self.tokio.spawn(future)
    }

    fn spawn_reactor(&self, threads: usize, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        self.tokio.spawn_reactor(threads, future)
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let socket = Arc::new(Socket {
            inner: self.tokio.wrap_udp_socket(socket)?,
            flight: Mutex::default(),
            over: AtomicBool::new(false),
            left: Notify::new(),
        });
        let task = keep_sending(Arc::downgrade(&socket));
        self.tokio.spawn(Box::pin(task)).detach();
        Ok(socket)
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.tokio.wrap_tcp_listener(listener)
    }

    fn connect_tcp(&self, remote: SocketAddr) -> Boxed<'_, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.tokio.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        self.tokio.resolve_host(host)
    }

    fn now(&self) -> Instant {
        self.tokio.now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        self.tokio.sleep(self.haste.bound(duration))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.tokio.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        self.tokio.yield_now()
    }

    fn name(&self) -> &'static str {
        self.tokio.name()
    }
}

/// A socket that watches the handshake which goes by it.
#[derive(Debug)]
struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    flight: Mutex<Flight>,
    /// Whether it is over: then nothing more is looked at.
    over: AtomicBool,
    /// A part of it left.
    left: Notify,
}

impl Socket {
    fn watch<R>(&self, look: impl FnOnce(&mut Flight) -> R) -> Option<R> {
        if self.over.load(Ordering::Relaxed) {
            return None;
        }
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        let result = look(&mut flight);
        self.over.store(flight.is_over(), Ordering::Relaxed);
        Some(result)
    }
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        if transmit.segment_size.is_none() && refuses_check(transmit.contents) {
            return Poll::Ready(Ok(transmit.contents.len()));
        }
        let sent = self.inner.poll_send(cx, transmit);
        if let Poll::Ready(Ok(_)) = sent {
            let kept =
                self.watch(|flight| flight.sent(Instant::now(), transmit.destination, transmit.contents));
            if kept == Some(true) {
                self.left.notify_one();
            }
        }
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = received {
            for (buf, meta) in bufs.iter().zip(meta.iter()).take(count) {
                let datagrams = buf[..meta.len].chunks(meta.stride.max(1));
                self.watch(|flight| datagrams.for_each(|datagram| flight.received(datagram)));
            }
        }
        received
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

/// Sends again what is due, for as long as the socket is there and the handshake is not over.
async fn keep_sending(socket: Weak<Socket>) {
    loop {
        let Some(alive) = socket.upgrade() else { return };
        let Some(due) = alive.watch(|flight| flight.due()) else { return };
        let Some(due) = due else {
            // Held by this task alone it would wait for nothing: now and then it looks whether the socket is still wanted.
            let left = tokio::time::timeout(IDLE, alive.left.notified()).await;
            drop(left);
            continue;
        };
        drop(alive);
        tokio::time::sleep_until(due.into()).await;
        let Some(alive) = socket.upgrade() else { return };
        let again = alive.watch(|flight| flight.again(Instant::now())).unwrap_or_default();
        for (to, datagram) in again {
            // A network that is gone is noticed elsewhere.
            alive.inner.send_to(&datagram, to).await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_are_short_in_haste_alone() {
        let haste = Haste::default();
        let day = Duration::from_hours(24);
        assert_eq!(haste.bound(day), day);
        haste.set(true);
        assert_eq!(haste.bound(day), SLEEP_MAX);
        assert_eq!(haste.bound(Duration::ZERO), Duration::ZERO);
    }
}
