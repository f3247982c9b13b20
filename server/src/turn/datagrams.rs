//! A listener for datagrams that answers from the address that it was asked at.
//!
//! Owns what the system tells of a datagram's way. A socket that is bound to one address always answers from it; one
//! that is bound to all of them would from whichever the route back begins at, and clients take no answer from elsewhere.

use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
};
use socket2::SockRef;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Where a datagram came from, and to which address of this host where the listener has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) from: SocketAddr,
    at: Option<IpAddr>,
}

/// The listener.
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// Bound to all addresses of this host.
    anywhere: bool,
}

impl Datagrams {
    /// Takes a bound socket.
    pub(super) fn new(socket: UdpSocket) -> Result<Self> {
        let ip = socket.local_addr()?.ip();
        match ip {
            IpAddr::V4(v4) if v4.is_unspecified() => setsockopt(&socket, Ipv4PacketInfo, &true)?,
            IpAddr::V6(v6) if v6.is_unspecified() => setsockopt(&socket, Ipv6RecvPacketInfo, &true)?,
            _ => {}
        }
        Ok(Self { socket, anywhere: ip.is_unspecified() })
    }

    /// Has the kernel hold so many bytes while this process is not run.
    pub(super) fn set_recv_buffer_size(&self, bytes: usize) -> Result<()> {
        SockRef::from(&self.socket).set_recv_buffer_size(bytes)
    }

    /// The next datagram: its length, or that of `packet` where it is longer. May be dropped while it waits.
    pub(super) async fn receive(&self, packet: &mut [u8]) -> Result<(usize, Way)> {
        if !self.anywhere {
            let (length, from) = self.socket.recv_from(packet).await?;
            return Ok((length, Way { from, at: None }));
        }
        self.socket.async_io(Interest::READABLE, || receive_with_way(&self.socket, packet)).await
    }

    /// Sends now or never: a packet that the kernel has no room for is lost, as on any full path.
    pub(super) fn send(&self, packet: &[u8], way: Way) {
        let sent = match way.at {
            None => SockRef::from(&self.socket).send_to(packet, &way.from.into()).map(drop),
            Some(at) => send_from(&self.socket, packet, at, way.from),
        };
        if let Err(error) = sent {
            tracing::trace!(to = %way.from, "not sent: {error}");
        }
    }
}

fn receive_with_way(socket: &UdpSocket, packet: &mut [u8]) -> Result<(usize, Way)> {
    let mut told = nix::cmsg_space!(in6_pktinfo);
    let mut into = [IoSliceMut::new(packet)];
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut into, Some(&mut told), MsgFlags::MSG_DONTWAIT)?;
    let at = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(IpAddr::from(Ipv4Addr::from_bits(u32::from_be(info.ipi_spec_dst.s_addr))))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into()),
        _ => None,
    });
    let from = received.address.as_ref().and_then(|address| {
        let v4 = || address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
        v4().or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
    });
    let from = from.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
    Ok((received.bytes, Way { from, at }))
}

fn send_from(socket: &UdpSocket, packet: &[u8], at: IpAddr, to: SocketAddr) -> Result<()> {
    let (v4, v6);
    let from = match at {
        IpAddr::V4(at) => {
            let address = in_addr { s_addr: at.to_bits().to_be() };
            v4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: in_addr { s_addr: 0 } };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        IpAddr::V6(at) => {
            v6 = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: at.octets() }, ipi6_ifindex: 0 };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    let to = SockaddrStorage::from(to);
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(packet)], &[from], MsgFlags::MSG_DONTWAIT, Some(&to))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_on_all_addresses_answers_from_the_one_it_was_asked_at() {
        for (listen, asked, from) in [
            ("0.0.0.0:0", "127.0.0.2", "127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.1", "127.0.0.3"),
            ("[::]:0", "127.0.0.2", "127.0.0.1"),
            ("[::]:0", "::1", "::1"),
        ] {
            let Ok(socket) = UdpSocket::bind(listen).await else {
                println!("not run: this machine has no {listen}");
                continue;
            };
            let listener = Datagrams::new(socket).unwrap();
            let port = listener.socket.local_addr().unwrap().port();
            let client = UdpSocket::bind((from.parse::<IpAddr>().unwrap(), 0)).await.unwrap();
            // A connected socket takes answers from nowhere else.
            client.connect((asked.parse::<IpAddr>().unwrap(), port)).await.unwrap();
            client.send(b"question").await.unwrap();
            let mut packet = [0; 64];
            let (length, way) = listener.receive(&mut packet).await.unwrap();
            assert_eq!(&packet[..length], b"question");
            assert_eq!(way.from.ip().to_canonical(), client.local_addr().unwrap().ip());
            listener.send(b"answer", way);
            let heard = tokio::time::timeout(std::time::Duration::from_secs(10), client.recv(&mut packet));
            let length =
                heard.await.unwrap_or_else(|_| panic!("no answer from {asked} at {listen}")).unwrap();
            assert_eq!(&packet[..length], b"answer");
        }
    }
}
