//! The runtime under the stack: tokio's, with timers that are short while a connection is set up.
//!
//! What the stack prepares while it looks at an event, such as the first flight of DTLS, leaves when its next timer runs out
//! (webrtc 0.21.1): with nothing else due that is a tenth of a second of a call that stands already.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

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
        self.tokio.wrap_udp_socket(socket)
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
