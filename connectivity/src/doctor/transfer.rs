//! What a relay carries: a port of its own from outside, and three seconds of packets from one relayed address to
//! another.

use super::{Finding, is_private};
use crate::address::Transport;
use crate::relayed::{Allocation, RelayError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior};

/// How long packets are sent.
const TIME: Duration = Duration::from_secs(3);
/// What is on its way when the last was sent is waited for.
const LATE: Duration = Duration::from_millis(500);
/// Bytes of a packet: media's, with room for the relay's own.
const PACKET: usize = 1000;
/// Between two packets: 1 Mb/s, a call's picture.
const PAUSE: Duration = Duration::from_millis(8);
/// More is seen in the picture.
const LOSS_MAX: f64 = 0.02;
/// Mb/s. A way that carries less of the 1 Mb/s makes the picture smaller; a stream loses nothing, it only takes longer.
const RATE_MIN: f64 = 0.8;
/// A packet from outside to the relayed address is sent this often, then it is taken for lost.
const KNOCKS: u32 = 10;
const KNOCK_PAUSE: Duration = Duration::from_millis(100);

/// What came of it.
pub(super) struct Carried {
    sent: u32,
    received: u32,
    took: Duration,
}

impl Carried {
    pub(super) fn finding(&self, check: String, over: Transport) -> Finding {
        let loss = 1.0 - f64::from(self.received) / f64::from(self.sent.max(1));
        let rate = f64::from(self.received) * PACKET as f64 * 8.0 / self.took.as_secs_f64() / 1e6;
        let detail = format!("{rate:.2} Mb/s for {} s, {:.1} % lost", TIME.as_secs(), loss * 100.0);
        if loss <= LOSS_MAX && rate >= RATE_MIN {
            return Finding::pass(check, detail);
        }
        let advice = match over {
            Transport::Udp => {
                "The way to the relay is too narrow or too busy for video: use a wire, close what else uses the network, \
                 or raise the relay's bandwidth quotas (--turn-guest-kbps, --turn-kbps)."
            }
            Transport::Tcp | Transport::Tls => {
                "By a stream the relay carries too little for video, because what is lost on the way holds up all that \
                 comes after it: let UDP to the relay through, use a wire, or raise the relay's bandwidth quotas \
                 (--turn-guest-kbps, --turn-kbps)."
            }
        };
        Finding::fail(check, detail, advice)
    }
}

/// Sends packets from one relayed address to the other for [`TIME`].
pub(super) async fn run(from: &mut Allocation, to: &mut Allocation) -> Result<Carried, RelayError> {
    let (source, target) = (from.relayed, to.relayed);
    to.permit(source).await?;
    from.permit(target).await?;
    let begun = Instant::now();
    let mut pause = tokio::time::interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sent, mut received) = (0_u32, 0_u32);
    let mut last = begun;
    let end = begun + TIME;
    loop {
        tokio::select! {
            _ = pause.tick(), if Instant::now() < end => {
                let mut packet = vec![0; PACKET];
                packet[..4].copy_from_slice(&sent.to_be_bytes());
                // A stream that takes no more holds it up; what did not leave in time is not sent.
                let Ok(done) = tokio::time::timeout_at(end, from.send(target, &packet)).await else { continue };
                done?;
                sent += 1;
            }
            payload = to.receive() => {
                let (peer, data) = payload?;
                if peer == source && data.len() == PACKET {
                    received += 1;
                    last = Instant::now();
                }
            }
            () = tokio::time::sleep_until(end + LATE) => break,
        }
        if received == sent && Instant::now() >= end {
            break;
        }
    }
    Ok(Carried { sent, received, took: (last - begun).max(TIME) })
}

/// Whether the relayed address is reached from outside: what the port range of the relay is opened for.
pub(super) async fn port(allocation: &mut Allocation) -> Finding {
    let check = format!("Relay port {}", allocation.relayed.port());
    let elsewhere = "only a guest elsewhere can tell whether the relay's ports are open (\"Check my connection\" in the app)";
    match knock(allocation).await {
        Ok(true) => Finding::pass(check, "packets from outside reach it"),
        // Of a relay, no packet from its own machine comes from outside.
        Ok(false) | Err(RelayError::Refused(403)) if allocation.mapped.ip() == allocation.relayed.ip() => {
            Finding::skipped(check, format!("the relay is on this machine, or seen as it is: {elsewhere}"))
        }
        Ok(false) => Finding::fail(
            check,
            format!("no packet from outside reaches {}", allocation.relayed),
            "Open the relay's range of UDP ports in the firewall of its machine, and name the outside address with \
             --turn-external-ip where it stands behind a NAT.",
        ),
        Err(RelayError::Refused(403)) => {
            let whose =
                if is_private(allocation.mapped) { "is private" } else { "is one of the relay's own" };
            Finding::skipped(
                check,
                format!("this machine's address {whose}, which the relay does not send to: {elsewhere}"),
            )
        }
        Err(error) => Finding::skipped(check, error.to_string()),
    }
}

async fn knock(allocation: &mut Allocation) -> Result<bool, RelayError> {
    allocation.permit(allocation.mapped).await?;
    let any = if allocation.relayed.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    for _ in 0..KNOCKS {
        socket.send_to(b"castle", allocation.relayed).await?;
        let heard = tokio::time::timeout(KNOCK_PAUSE, allocation.receive()).await;
        if let Ok(heard) = heard
            && heard?.1 == b"castle"
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use crate::relayed::{Client, Credential};
    use crate::stun::{self, Class, Message};
    use crate::trust::Trust;
    use std::net::SocketAddr;
    use std::sync::Arc;

    #[test]
    fn a_way_is_judged_by_what_it_loses_and_by_what_it_carries() {
        let found = |sent, received, over| {
            Carried { sent, received, took: TIME }.finding("Relayed transfer".to_owned(), over)
        };
        assert_eq!(found(375, 375, Transport::Udp).outcome, Outcome::Pass);
        assert_eq!(found(375, 350, Transport::Udp).outcome, Outcome::Fail, "7 % lost");
        let narrow = found(60, 60, Transport::Tcp);
        assert_eq!(narrow.outcome, Outcome::Fail, "nothing lost, 0.16 Mb/s");
        assert!(narrow.advice.unwrap().contains("let UDP to the relay through"));
        assert_eq!(found(0, 0, Transport::Tls).outcome, Outcome::Fail);
    }

    /// A relay as one in somebody's network may be: where its relayed address is, under which it sees who asks, and
    /// whether it relays there. What comes to the relayed address it passes on if that is a socket of its own.
    struct FakeRelay {
        relayed: SocketAddr,
        mapped: SocketAddr,
        permits: bool,
        passes_on: Option<Arc<UdpSocket>>,
    }

    impl FakeRelay {
        async fn serve(self, socket: UdpSocket) {
            let (mut buffer, mut knock) = ([0; 1500], [0; 1500]);
            let mut guest = None;
            loop {
                let knocked = async {
                    match &self.passes_on {
                        Some(relayed) => relayed.recv_from(&mut knock).await.unwrap(),
                        None => std::future::pending().await,
                    }
                };
                let said = tokio::select! {
                    asked = socket.recv_from(&mut buffer) => {
                        let (length, from) = asked.unwrap();
                        guest = Some(from);
                        self.answer(&Message::decode(&buffer[..length]).unwrap())
                    }
                    (length, from) = knocked => Message::new(stun::DATA, Class::Indication)
                        .with_address(stun::XOR_PEER_ADDRESS, from)
                        .with(stun::DATA_ATTRIBUTE, &knock[..length]),
                };
                socket.send_to(&said.encode(None), guest.unwrap()).await.unwrap();
            }
        }

        fn answer(&self, asked: &Message) -> Message {
            if !asked.has_seal() {
                let challenge = Message::refusal(asked, 401);
                return challenge.with(stun::REALM, "castle").with(stun::NONCE, "nonce");
            }
            if asked.method == stun::CREATE_PERMISSION && !self.permits {
                return Message::refusal(asked, 403);
            }
            let mut answer = asked.clone().unsealed();
            answer.class = Class::Success;
            let answer = answer.with_address(stun::XOR_RELAYED_ADDRESS, self.relayed);
            answer.with_address(stun::XOR_MAPPED_ADDRESS, self.mapped)
        }

        async fn found(self) -> Finding {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("turn:{}", socket.local_addr().unwrap()).parse().unwrap();
            let serving = tokio::spawn(self.serve(socket));
            let client = Client::open(&uri, Trust::System).await.unwrap();
            let found = port(&mut client.allocate(&Credential::default()).await.unwrap()).await;
            serving.abort();
            found
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_relay_whose_ports_are_closed_is_told_to_open_them_and_one_whose_are_open_passes() {
        for open in [true, false] {
            let there = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            let found = FakeRelay {
                relayed: there.local_addr().unwrap(),
                mapped: address("127.0.0.2:9"),
                permits: true,
                // As behind a firewall the packets are not there for the relay to be read.
                passes_on: open.then(|| Arc::clone(&there)),
            }
            .found()
            .await;
            assert_eq!(found.check, format!("Relay port {}", there.local_addr().unwrap().port()));
            if open {
                assert_eq!(found.outcome, Outcome::Pass, "{found:?}");
                continue;
            }
            assert_eq!(found.outcome, Outcome::Fail, "{found:?}");
            assert!(found.detail.starts_with("no packet from outside reaches 127.0.0.1:"), "{found:?}");
            let advice = found.advice.as_deref().unwrap();
            assert!(
                advice.contains("range of UDP ports") && advice.contains("--turn-external-ip"),
                "{advice}"
            );
        }
    }

    #[tokio::test]
    async fn where_a_relay_may_not_send_to_this_machine_its_ports_are_left_open_with_the_reason() {
        for (mapped, relayed, why) in [
            ("10.1.0.2:9", "203.0.113.1:50000", "is private"),
            ("198.51.100.7:9", "203.0.113.1:50000", "is one of the relay's own"),
            ("203.0.113.1:9", "203.0.113.1:50000", "the relay is on this machine"),
        ] {
            let (relayed, mapped) = (address(relayed), address(mapped));
            let found = FakeRelay { relayed, mapped, permits: false, passes_on: None }.found().await;
            assert_eq!(found.outcome, Outcome::Skipped, "{found:?}");
            assert!(found.detail.contains(why) && found.detail.contains("guest elsewhere"), "{found:?}");
        }
    }
}
