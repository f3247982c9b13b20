//! Where the relay of a server listens, by its settings.

use super::LOOPBACK;
use castle_server::config::PublicUrl;
use castle_server::config::relay::RelaySettings;
use castle_server::transport::TrustedProxies;
use castle_server::turn::machine::RelayIp;
use castle_server::turn::service::{RelayService, TurnOverTls};
use castle_server::turn::wire::{Method, Response, Writer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// Under which address the relay sees who asks it here over UDP, and over TCP.
async fn seen_from(at: SocketAddr) -> [IpAddr; 2] {
    let question = Writer::request(Method::Binding, rand::random()).finish(None);
    let mut answers = [[0; 256]; 2];
    let datagrams = UdpSocket::bind((at.ip(), 0)).await.unwrap();
    datagrams.connect(at).await.unwrap();
    datagrams.send(&question).await.unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let lengths =
        [datagrams.recv(&mut answers[0]).await.unwrap(), stream.read(&mut answers[1]).await.unwrap()];
    [0, 1].map(|way| Response::read(&answers[way][..lengths[way]], None).unwrap().mapped.unwrap().ip())
}

/// A port that is free at all addresses, for datagrams and streams; below those that the system gives to whoever asks
/// for any, so that it stays free.
async fn free_port() -> u16 {
    for port in 20_000..30_000 {
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        if UdpSocket::bind(at).await.is_ok() && TcpListener::bind(at).await.is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

#[tokio::test]
async fn all_addresses_of_both_families_may_be_listened_at_by_one_port() {
    let loopback_v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((loopback_v6, 0)).await.is_err() {
        eprintln!("not run: this machine has no IPv6");
        return;
    }
    let port = free_port().await;
    let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    for order in [all, [all[1], all[0]]] {
        let mut settings = RelaySettings::on((LOOPBACK, 0).into());
        settings.ips = [LOOPBACK, loopback_v6].map(|ip| RelayIp { bound: ip, shown: ip }).to_vec();
        settings.listen = order.map(|ip| SocketAddr::new(ip, port)).to_vec();
        let url = PublicUrl::parse("http://127.0.0.1:1").unwrap();
        let (tls, proxies) = (TurnOverTls::default(), TrustedProxies::default());
        let service = RelayService::start(&settings, &url, false, tls, proxies).await.unwrap();
        for ip in [LOOPBACK, loopback_v6] {
            assert_eq!(seen_from(SocketAddr::new(ip, port)).await, [ip; 2], "{order:?}");
        }
        service.relay.expect("the embedded one").close().await;
    }
}

#[tokio::test]
async fn all_addresses_of_ipv6_alone_are_those_of_ipv4_too() {
    let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    if UdpSocket::bind(all).await.is_err() {
        eprintln!("not run: this machine has no IPv6");
        return;
    }
    let mut settings = RelaySettings::on((LOOPBACK, 0).into());
    settings.listen = vec![all];
    let url = PublicUrl::parse("http://127.0.0.1:1").unwrap();
    let (tls, proxies) = (TurnOverTls::default(), TrustedProxies::default());
    let service = RelayService::start(&settings, &url, false, tls, proxies).await.unwrap();
    let at = SocketAddr::new(LOOPBACK, service.listening[0].port());
    assert_eq!(seen_from(at).await, [LOOPBACK; 2]);
}
