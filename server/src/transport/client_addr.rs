//! Whom a request is from where proxies stand between: their word is taken, nobody else's.
//!
//! Owns the reading of `X-Forwarded-For` or `Forwarded` (RFC 7239): of the one that the proxies write, for they pass the
//! other on as a client made it up. Read from the right: each proxy adds whom it saw, so that the last address that is
//! not a proxy of ours is the one that nobody could make up.

use super::connection::Peer;
use clap::ValueEnum;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::codegen::http::{HeaderMap, Request};
use tower::{Layer, Service};

/// Addresses that are read of one request; more were made up by somebody.
const HOPS_MAX: usize = 32;

/// The address of the client that sent a request: in every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// Of a request. In-process transports have none and count as loopback.
    pub fn of<T>(request: &tonic::Request<T>) -> IpAddr {
        request.extensions().get().map_or(Ipv4Addr::LOCALHOST.into(), |Self(address)| *address)
    }
}

/// Where a proxy says whom it forwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, as nginx, Caddy, HAProxy and Envoy write it.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

/// The networks whose word is taken for whom they forward.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Their addresses.
    pub networks: Vec<IpNet>,
    /// The header that each of them writes.
    pub header: ProxyHeader,
}

impl TrustedProxies {
    /// Whether this is a proxy of ours.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request that came from `peer` with these headers.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = match self.header {
            ProxyHeader::XForwardedFor => x_forwarded(headers),
            ProxyHeader::Forwarded => forwarded(headers),
        };
        for hop in hops.into_iter().rev().take(HOPS_MAX) {
            if !self.contains(client) {
                break;
            }
            // One who hides whom it saw: its own address is all that is known.
            let Some(seen) = hop else { break };
            client = seen;
        }
        client
    }
}

/// Each hop of `X-Forwarded-For`, the one next to us last; none where it is no address.
fn x_forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    values(headers, "x-forwarded-for").map(address).collect()
}

/// Each hop of `Forwarded`.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let of_hop = |hop: &str| {
        hop.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| address(value))?
        })
    };
    values(headers, "forwarded").map(of_hop).collect()
}

/// The parts between commas of all headers of this name. One that is not text stands for a hop that says nothing.
fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or_default().split(','))
}

/// An address, perhaps in quotes, in brackets and with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Puts [`ClientAddr`] into every request.
#[derive(Debug, Clone)]
pub struct ForwardedLayer(pub Arc<TrustedProxies>);

impl<S> Layer<S> for ForwardedLayer {
    type Service = Forwarded<S>;

    fn layer(&self, inner: S) -> Forwarded<S> {
        Forwarded { inner, proxies: Arc::clone(&self.0) }
    }
}

/// See [`ForwardedLayer`].
#[derive(Debug, Clone)]
pub struct Forwarded<S> {
    inner: S,
    proxies: Arc<TrustedProxies>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Forwarded<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(peer) = request.extensions().get::<Peer>() {
            let client = self.proxies.client(peer.address.ip(), request.headers());
            request.extensions_mut().insert(ClientAddr(client));
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        client_by(ProxyHeader::XForwardedFor, peer, headers)
    }

    fn client_by(header: ProxyHeader, peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let proxies = TrustedProxies { networks: networks.to_vec(), header };
        proxies.client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed() {
        let lie = [("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client("198.51.100.7", &lie), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &lie), "192.0.2.1");
        assert_eq!(client("::ffff:10.0.0.1", &lie), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_client_made_up_stands_left_of_what_the_proxy_saw() {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "127.0.0.1, 192.0.2.9")]), "192.0.2.9");
        let two = [("x-forwarded-for", "127.0.0.1, 192.0.2.9"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(client("10.0.0.1", &two), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")]), "10.0.0.3");
    }

    #[test]
    fn a_header_that_the_proxy_does_not_write_is_the_clients_own_and_not_believed() {
        let both = [("x-forwarded-for", "192.0.2.9"), ("forwarded", "for=127.0.0.1")];
        assert_eq!(client_by(ProxyHeader::XForwardedFor, "10.0.0.1", &both), "192.0.2.9");
        assert_eq!(client_by(ProxyHeader::XForwardedFor, "10.0.0.1", &both[1..]), "10.0.0.1");
        let other = [("forwarded", "for=192.0.2.9"), ("x-forwarded-for", "127.0.0.1")];
        assert_eq!(client_by(ProxyHeader::Forwarded, "10.0.0.1", &other), "192.0.2.9");
        assert_eq!(client_by(ProxyHeader::Forwarded, "10.0.0.1", &other[1..]), "10.0.0.1");
    }

    #[test]
    fn each_form_of_an_address_is_read() {
        for (header, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("proto=https;For=\"[2001:db9::17]:4711\"", "2001:db9::17"),
            ("for=192.0.2.43, for=\"198.51.100.17:90\"", "198.51.100.17"),
            ("for=\"[2001:db9::1]\"", "2001:db9::1"),
        ] {
            let read = client_by(ProxyHeader::Forwarded, "2001:db8::1", &[("forwarded", header)]);
            assert_eq!(read, expected, "{header}");
        }
    }

    #[test]
    fn a_proxy_that_hides_whom_it_saw_is_the_client_itself() {
        for header in ["for=unknown", "for=_hidden", "by=1", "", "for=192.0.2.1, for=unknown"] {
            let read = client_by(ProxyHeader::Forwarded, "10.0.0.1", &[("forwarded", header)]);
            assert_eq!(read, "10.0.0.1", "{header}");
        }
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "a, b")]), "10.0.0.1");
    }
}
