//! One accepted connection, plain or sealed, as the protocols read and write it.
//!
//! Counts itself in the caps until it is dropped, and fails a reader whose peer says nothing at first. Never looks
//! at what passes.

use super::caps::{Caps, Full, Network};
use crate::metrics::Held;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// Who is at the other end of a connection. A request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether TLS seals it.
    pub tls: bool,
}

/// A place among the connections; given back when it is dropped.
pub(super) struct Place {
    caps: Arc<Mutex<Caps>>,
    network: Option<Network>,
    opening: bool,
}

impl Place {
    pub(super) fn take(caps: &Arc<Mutex<Caps>>, network: Option<Network>) -> Result<Self, Full> {
        lock(caps).open(network)?;
        Ok(Self { caps: Arc::clone(caps), network, opening: true })
    }

    fn opened(&mut self) {
        if std::mem::take(&mut self.opening) {
            lock(&self.caps).opened(self.network);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.caps).closed(self.network, self.opening);
    }
}

/// The counts are whole between any two steps, whatever panicked elsewhere.
fn lock(caps: &Mutex<Caps>) -> MutexGuard<'_, Caps> {
    caps.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An accepted connection.
pub struct Connection {
    io: Io,
    peer: Peer,
    place: Place,
    /// Bytes that are still missing of the first, and when they must have come.
    first: Option<(usize, Pin<Box<Sleep>>)>,
    _counted: Held,
}

impl Connection {
    pub(super) fn new(
        io: Io,
        address: SocketAddr,
        place: Place,
        first: (usize, Duration),
        counted: Held,
    ) -> Self {
        let peer = Peer { address, tls: matches!(io, Io::Tls(_)) };
        let (bytes, within) = first;
        Self {
            io,
            peer,
            place,
            first: Some((bytes, Box::pin(tokio::time::sleep(within)))),
            _counted: counted,
        }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Our end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    /// What it is carried by, to be tuned; whoever reads or writes it breaks what is sealed.
    pub fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(tcp) => tcp,
            Io::Tls(tls) => tls.get_ref().0,
        }
    }

    fn io(&mut self) -> Pin<&mut (dyn Duplex + 'static)> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp),
            Io::Tls(tls) => Pin::new(tls.as_mut()),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = self.io().poll_read(context, into);
        let Some((missing, deadline)) = &mut self.first else { return read };
        *missing = missing.saturating_sub(into.filled().len() - before);
        if *missing == 0 {
            self.first = None;
            self.place.opened();
        } else if read.is_pending() && deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing was said at first")));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(tcp) => tcp.is_write_vectored(),
            Io::Tls(tls) => tls.is_write_vectored(),
        }
    }
}
