//! Sends the datagrams of a DTLS handshake again until the other end is seen to have what it needs. Pure.
//!
//! The stack stops its own timer as soon as anything of the other end's flight comes (rtc-dtls 0.21.1): a flight of ours that
//! is lost then stays lost, where RFC 6347 section 4.2.4 has it sent again. One lost datagram in five cost one call in five.
//! Here each flight is kept as it left and leaves again, at a pace that suits a call, and the receiver's window drops what
//! came already (RFC 6347 section 4.1.2.6). By way of a relay the datagrams lie in those of TURN (RFC 8656).

use super::relayed::payload;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Until a flight leaves again for the first time; by half more each time,
const PAUSE: Duration = Duration::from_millis(100);
/// but no more than this.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// As often as that: some eight seconds, after which the call is given up anyway.
const REPEATS_MAX: u32 = 18;
/// Datagrams of a flight: a chain of certificates.
const DATAGRAMS_MAX: usize = 16;
/// Datagrams that leave within this time are one flight.
const BURST: Duration = Duration::from_millis(30);

/// What a datagram is to a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// A part of it.
    Handshake,
    /// Only who is done with it sends this.
    Sealed,
    Other,
}

/// The flight that is on its way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    left: Option<Instant>,
    /// Something of the other end's came since.
    answered: bool,
    due: Option<Instant>,
    repeats: u32,
    over: bool,
}

impl Flight {
    /// Whether the handshake is over.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// A datagram left. Whether it is one that will leave again.
    pub(super) fn sent(&mut self, now: Instant, to: SocketAddr, datagram: &[u8]) -> bool {
        if self.over || content(datagram) != Content::Handshake {
            return false;
        }
        let recent = self.left.is_some_and(|left| now.saturating_duration_since(left) < BURST);
        if self.answered || !recent {
            // The next flight, or the same once more by the stack itself.
            self.datagrams.clear();
            (self.answered, self.repeats) = (false, 0);
        }
        self.left = Some(now);
        self.due = Some(now + PAUSE);
        if self.datagrams.len() < DATAGRAMS_MAX {
            self.datagrams.push((to, datagram.to_vec()));
        }
        true
    }

    /// A datagram came.
    pub(super) fn received(&mut self, datagram: &[u8]) {
        match content(datagram) {
            Content::Handshake => self.answered = true,
            Content::Sealed => *self = Self { over: true, ..Self::default() },
            Content::Other => {}
        }
    }

    /// When something leaves again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What leaves again now.
    pub(super) fn again(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.repeats += 1;
        let pause = (PAUSE * 3_u32.pow(self.repeats.min(6)) / 2_u32.pow(self.repeats.min(6))).min(PAUSE_MAX);
        self.due = (self.repeats < REPEATS_MAX).then_some(now + pause);
        self.datagrams.clone()
    }
}

/// What the datagram is, or the one that it carries to or from a relay (RFC 7983 section 7).
fn content(datagram: &[u8]) -> Content {
    match payload(datagram).first() {
        Some(20..=22) => Content::Handshake,
        Some(23 | 128..=191) => Content::Sealed,
        _ => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use castle_connectivity::stun::{Class, DATA as DATA_METHOD, DATA_ATTRIBUTE, Message, XOR_PEER_ADDRESS};
    use rand::{Rng as _, RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    const HELLO: &[u8] = &[22, 254, 253, 1];
    const FINISHED: &[u8] = &[22, 254, 253, 0, 1];
    const DATA: &[u8] = &[23, 254, 253];
    const SOUND: &[u8] = &[0x80, 111];

    fn peer() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 7000))
    }

    /// When the flight leaves again, ms after `start`.
    fn times(flight: &mut Flight, start: Instant) -> Vec<u128> {
        let mut times = Vec::new();
        while let Some(due) = flight.due() {
            assert!(!flight.again(due).is_empty());
            times.push((due - start).as_millis());
        }
        times
    }

    #[test]
    fn a_flight_leaves_again_at_a_growing_pace_but_not_for_ever() {
        let (start, mut flight) = (Instant::now(), Flight::default());
        assert!(flight.sent(start, peer(), HELLO));
        let times = times(&mut flight, start);
        assert_eq!(times[..5], [100, 250, 475, 812, 1312]);
        assert_eq!(times.len(), REPEATS_MAX as usize);
        assert!((6000..10_000).contains(times.last().expect("some")), "{times:?}");
    }

    #[test]
    fn the_next_flight_takes_the_place_of_one_that_was_answered() {
        let (start, mut flight) = (Instant::now(), Flight::default());
        flight.sent(start, peer(), HELLO);
        flight.received(HELLO);
        flight.sent(start, peer(), FINISHED);
        flight.sent(start, peer(), &[20, 254, 253]);
        let again: Vec<_> = flight.again(start + PAUSE).into_iter().map(|(_, datagram)| datagram).collect();
        assert_eq!(again, [FINISHED, &[20, 254, 253]], "all of it, and nothing older");
        // The other end repeats its own: ours was lost.
        flight.received(HELLO);
        assert_eq!(flight.again(start + PAUSE * 3).len(), 2);
    }

    #[test]
    fn it_is_over_once_the_other_end_sends_what_needs_the_keys() {
        for sealed in [DATA, SOUND] {
            let (start, mut flight) = (Instant::now(), Flight::default());
            flight.sent(start, peer(), HELLO);
            flight.received(sealed);
            assert!(flight.is_over() && flight.due().is_none());
            assert!(!flight.sent(start, peer(), HELLO), "what is sealed by now is not kept");
        }
        let mut flight = Flight::default();
        assert!(!flight.sent(Instant::now(), peer(), SOUND));
    }

    #[test]
    fn what_goes_by_a_relay_is_seen_in_it() {
        let channel = |payload: &[u8]| [&[0x40, 0, 0, payload.len() as u8], payload].concat();
        let indication = |payload: &[u8]| {
            let message = Message::new(DATA_METHOD, Class::Indication).with_address(XOR_PEER_ADDRESS, peer());
            message.with(DATA_ATTRIBUTE, payload).encode(None)
        };
        for (payload, expected) in [
            (HELLO, Content::Handshake),
            (DATA, Content::Sealed),
            (SOUND, Content::Sealed),
            (&[0, 1], Content::Other),
        ] {
            assert_eq!(content(&channel(payload)), expected);
            assert_eq!(content(&indication(payload)), expected);
        }
        assert_eq!(content(&Message::new(1, Class::Request).encode(None)), Content::Other);
    }

    #[test]
    fn rubbish_of_any_length_is_no_handshake_or_is_kept_within_bounds() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (start, mut flight) = (Instant::now(), Flight::default());
        for _ in 0..20_000 {
            let mut bytes = vec![0; rng.random_range(0..60)];
            rng.fill_bytes(&mut bytes);
            if let Some(first) = bytes.first_mut() {
                *first = [0, 1, 20, 22, 64, 79][rng.random_range(0..6)];
            }
            flight.received(&bytes);
            flight.sent(start, peer(), &bytes);
            assert!(flight.datagrams.len() <= DATAGRAMS_MAX);
        }
    }
}
