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
}
