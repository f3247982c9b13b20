//! How bytes reach the server: TCP, TLS, HTTP; before anybody is known by name.
//!
//! `accept` takes connections within the bounds of `caps`, `tls` seals them, `connection` is what the protocols
//! then speak over; ALPN says which protocol. `client_addr` tells whom a request is from where proxies stand
//! between, `web` lets browsers in, `probes` answers over plain HTTP. The one place that names rustls. Never reads
//! a message.

pub mod accept;
pub mod caps;
pub mod client_addr;
pub mod connection;
pub mod probes;
pub mod tls;
pub mod web;

pub use accept::{Acceptor, Protocols};
pub use caps::{Caps, Keepalive, Limits};
pub use client_addr::{ClientAddr, ForwardedLayer, ProxyHeader, TrustedProxies};
pub use connection::{Connection, Peer};
pub use probes::Readiness;
pub use tls::{Tls, TlsError, TlsSource};
