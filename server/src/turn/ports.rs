//! Sockets for relayed addresses: bound before they are asked for, so that no packet waits for the system.
//!
//! Owns the stock of them and the range of ports they come from. An allocation takes from the stock under the machine's
//! lock; a task of its own fills it up, so that neither the lock nor a reader of packets waits for the system. Only where a
//! burst has taken all of it are a few ports tried for at once: a refusal would cost a call.

use super::machine::Sockets;
use super::wire::Family;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Ports tried for one filling.
const PORT_TRIES: usize = 1024;
/// Where no port was free, none is looked for until one of the relay's own is given back, or for this long: another
/// program may have let one go.
const BARREN: Duration = Duration::from_secs(1);
/// After looking in vain, nothing is looked for this long, whatever is given back: a full range costs at most
/// [`PORT_TRIES`] system calls in this time.
const PAUSE: Duration = Duration::from_millis(100);
/// Ports tried where the stock is empty: system calls under the machine's lock.
const TRIES_AT_ONCE: usize = 8;
/// In stock, of odd ports and of even ones each: what guests ask for while the stock is filled up.
const SPARE: usize = 16;

/// The socket of one relayed address.
pub(super) struct RelaySocket {
    pub(super) socket: UdpSocket,
    pub(super) family: Family,
    pub(super) port: u16,
    pub(super) closed: CancellationToken,
    given_back: Arc<AtomicU64>,
}

impl Drop for RelaySocket {
    fn drop(&mut self) {
        self.given_back.fetch_add(1, Ordering::Relaxed);
    }
}

/// The stock. Copies are the same one.
#[derive(Clone)]
pub(super) struct Ports(Arc<Stock>);

struct Stock {
    /// `None`: any.
    range: Option<RangeInclusive<u16>>,
    /// One was taken, or was not there.
    wanted: Notify,
    /// Cancelled when the relay stops, and with it each socket.
    stopped: CancellationToken,
    given_back: Arc<AtomicU64>,
    places: BTreeMap<IpAddr, Place>,
}

/// What is bound to one address.
#[derive(Default)]
struct Place {
    shelf: Mutex<Shelf>,
    /// When looking for more was in vain, and how many had been given back by then. Held while one fills up; who takes does
    /// not wait for it.
    barren: Mutex<Option<(Instant, u64)>>,
}

/// Sockets at odd ports, which are taken first, and at even ones.
#[derive(Default)]
struct Shelf {
    odd: Vec<RelaySocket>,
    even: Vec<RelaySocket>,
}

impl Shelf {
    fn of_parity(&mut self, port: u16) -> &mut Vec<RelaySocket> {
        if port.is_multiple_of(2) { &mut self.even } else { &mut self.odd }
    }

    fn is_full(&self) -> bool {
        self.odd.len() >= SPARE && self.even.len() >= SPARE
    }
}

impl Ports {
    /// Sockets at these addresses; ports of `range`, where there is one.
    pub(super) fn new(
        ips: impl IntoIterator<Item = IpAddr>,
        range: Option<RangeInclusive<u16>>,
        stopped: CancellationToken,
    ) -> Self {
        let places = ips.into_iter().map(|ip| (ip, Place::default())).collect();
        Self(Arc::new(Stock { range, wanted: Notify::new(), stopped, given_back: Arc::default(), places }))
    }

    /// Binds what is missing whenever one is taken, until the relay stops.
    pub(super) async fn keep_filled(self) {
        while self.0.stopped.run_until_cancelled(self.0.wanted.notified()).await.is_some() {
            let filling = self.clone();
            let filled = tokio::task::spawn_blocking(move || filling.fill()).await;
            if !filled.unwrap_or(false) {
                self.0.stopped.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }

    /// Binds what is missing; whether nothing is any more. Not under the machine's lock.
    pub(super) fn fill(&self) -> bool {
        self.0.places.iter().fold(true, |full, (ip, place)| self.0.fill(*ip, place) && full)
    }
}

impl Stock {
    fn fill(&self, ip: IpAddr, place: &Place) -> bool {
        if lock(&place.shelf).is_full() {
            return true;
        }
        let mut barren = lock(&place.barren);
        let given_back = self.given_back.load(Ordering::Relaxed);
        if barren.is_some_and(|(at, before)| before == given_back && at.elapsed() < BARREN) {
            return false;
        }
        for port in self.candidates() {
            if port != 0 && lock(&place.shelf).of_parity(port).len() >= SPARE {
                continue;
            }
            match self.bind(ip, port) {
                Ok(socket) => {
                    let mut shelf = lock(&place.shelf);
                    let there = shelf.of_parity(socket.port);
                    if there.len() < SPARE {
                        there.push(socket);
                    }
                    if shelf.is_full() {
                        *barren = None;
                        return true;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    tracing::warn!(%ip, %error, "the relay gets no socket");
                    break;
                }
            }
        }
        *barren = Some((Instant::now(), given_back));
        false
    }

    /// Of a few ports, the first that is free and, where that is asked for, even.
    fn bind_at_once(&self, ip: IpAddr, even: bool) -> Option<RelaySocket> {
        let fits = |port: u16| !even || port.is_multiple_of(2);
        let tried = self.candidates().filter(|&port| fits(port)).take(TRIES_AT_ONCE);
        tried.filter_map(|port| self.bind(ip, port).ok()).find(|socket| fits(socket.port))
    }

    fn candidates(&self) -> Box<dyn Iterator<Item = u16>> {
        let Some(range) = self.range.clone() else {
            return Box::new(std::iter::repeat_n(0, PORT_TRIES));
        };
        let (first, count) = (*range.start(), usize::from(*range.end() - *range.start()) + 1);
        let begin = rand::random_range(0..count);
        Box::new((0..count.min(PORT_TRIES)).map(move |step| first + ((begin + step) % count) as u16))
    }

    fn bind(&self, ip: IpAddr, port: u16) -> std::io::Result<RelaySocket> {
        let socket = std::net::UdpSocket::bind((ip, port))?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let port = socket.local_addr()?.port();
        let (closed, given_back) = (self.stopped.child_token(), Arc::clone(&self.given_back));
        Ok(RelaySocket { socket, family: Family::of(ip), port, closed, given_back })
    }
}

impl Sockets for Ports {
    type Socket = Arc<RelaySocket>;

    fn open(&mut self, ip: IpAddr, even: bool) -> Option<(Arc<RelaySocket>, u16)> {
        self.0.wanted.notify_one();
        let mut shelf = lock(&self.0.places.get(&ip)?.shelf);
        let odd = if even { None } else { shelf.odd.pop() };
        let stocked = odd.or_else(|| shelf.even.pop());
        drop(shelf);
        let socket = stocked.or_else(|| self.0.bind_at_once(ip, even))?;
        let port = socket.port;
        Some((Arc::new(socket), port))
    }
}

/// What is kept is whole between any two steps, whatever panicked elsewhere.
fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn ports(range: Option<RangeInclusive<u16>>) -> Ports {
        Ports::new([IP], range, CancellationToken::new())
    }

    #[tokio::test]
    async fn an_allocation_takes_what_was_bound_before() {
        let mut ports = ports(None);
        ports.fill();
        let stock = |ports: &Ports| {
            let shelf = lock(&ports.0.places[&IP].shelf);
            (shelf.odd.len(), shelf.even.len())
        };
        assert_eq!(stock(&ports), (SPARE, SPARE));
        let taken: Vec<_> = (0..SPARE).filter_map(|_| ports.open(IP, true)).collect();
        assert!(taken.len() == SPARE && taken.iter().all(|(_, port)| port.is_multiple_of(2)));
        assert_eq!(stock(&ports), (SPARE, 0));
        ports.fill();
        assert_eq!(stock(&ports), (SPARE, SPARE), "filled up again");
    }

    #[tokio::test]
    async fn a_burst_that_takes_more_than_the_stock_is_served_all_the_same() {
        let mut ports = ports(None);
        ports.fill();
        let taken: Vec<_> = (0..4 * SPARE).filter_map(|_| ports.open(IP, false)).collect();
        assert_eq!(taken.len(), 4 * SPARE);
    }

    #[tokio::test]
    async fn a_range_that_is_used_up_serves_again_once_a_port_is_given_back() {
        let free = std::net::UdpSocket::bind((IP, 0)).unwrap().local_addr().unwrap().port();
        let mut ports = ports(Some(free..=free));
        ports.fill();
        let (socket, port) = ports.open(IP, false).unwrap();
        assert_eq!(port, free);
        ports.fill();
        assert!(ports.open(IP, false).is_none());
        drop(socket);
        ports.fill();
        assert!(ports.open(IP, false).is_some());
    }
}
