//! From where a request comes: what the throttle of logins counts by.

use std::net::{IpAddr, Ipv4Addr};
use tonic::Request;

/// The client's address where a trusted proxy forwarded it. Whoever knows the proxy puts it into the extensions of
/// the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The client's address: as forwarded, else that of the peer. In-process transports have none and count as
/// loopback.
pub fn client_ip<T>(request: &Request<T>) -> IpAddr {
    let forwarded = request.extensions().get::<ClientAddress>().map(|address| address.0);
    let peer = || request.remote_addr().map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
    forwarded.unwrap_or_else(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_comes_before_that_of_the_peer() {
        let mut request = Request::new(());
        assert_eq!(client_ip(&request), Ipv4Addr::LOCALHOST);
        let forwarded = IpAddr::from([192, 0, 2, 7]);
        request.extensions_mut().insert(ClientAddress(forwarded));
        assert_eq!(client_ip(&request), forwarded);
    }
}
