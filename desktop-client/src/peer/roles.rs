//! Holds back what the stack says of the roles in ICE (RFC 8445 section 7.3.1.1). Pure.
//!
//! A browser that restarts ICE takes the controlling role (RFC 5245 section 9.1.1.1; RFC 8445 section 9 would have it keep its
//! own), and where we called it both ends are controlling until the tie-breakers have decided. The end with the smaller one
//! is to give way, the other to answer a check with 487. The stack (rtc-ice 0.21.1) answers every such check with 487,
//! whoever is to give way, and with success besides. Each 487 turns the browser round, again and again: of 38 restarts by
//! Chromium 156, 3 left it sending to the sockets of the old way for five seconds.
//!
//! Without any 487 each end decides alone, by the tie-breaker in the other's checks, and both come to the same.

use super::relayed::payload;

const BINDING_ERROR: [u8; 2] = [0x01, 0x11];
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Whether a datagram of the stack refuses a check, be it by way of a relay: it does so for a conflict of roles alone.
pub(super) fn refuses_check(datagram: &[u8]) -> bool {
    let payload = payload(datagram);
    payload.starts_with(&BINDING_ERROR) && payload.get(4..8) == Some(&COOKIE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use castle_connectivity::stun::{
        ALLOCATE, BINDING, Class, DATA_ATTRIBUTE, Message, SEND, XOR_PEER_ADDRESS,
    };
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use std::net::SocketAddr;

    fn carriers(message: &Message) -> [Vec<u8>; 3] {
        let bare = message.encode(None);
        let channel = [&[0x40, 1, 0, bare.len() as u8], &bare[..]].concat();
        let peer = SocketAddr::from(([192, 0, 2, 1], 7000));
        let indication = Message::new(SEND, Class::Indication).with_address(XOR_PEER_ADDRESS, peer);
        let indication = indication.with(DATA_ATTRIBUTE, bare.clone()).encode(None);
        [bare, channel, indication]
    }

    #[test]
    fn a_refused_check_is_told_from_all_else_on_every_way() {
        let check = Message::new(BINDING, Class::Request);
        for datagram in carriers(&Message::refusal(&check, 487)) {
            assert!(refuses_check(&datagram));
        }
        let mut answer = check.clone();
        answer.class = Class::Success;
        let allocate = Message::refusal(&Message::new(ALLOCATE, Class::Request), 437);
        for datagram in [check, answer, allocate].iter().flat_map(carriers) {
            assert!(!refuses_check(&datagram));
        }
        assert!(!refuses_check(&[0x01, 0x11, 0, 0, 0, 0, 0, 0]), "without the cookie it is no STUN");
    }

    #[test]
    fn no_datagram_however_short_or_odd_is_too_much() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for kind in [&[0x00, 0x16][..], &[0x00, 0x17], &[0x01, 0x11], &[0x40], &[]] {
            for length in 0..64 {
                let rest: Vec<u8> = (0..length).map(|_| rng.random_range(0..4)).collect();
                refuses_check(&[kind, &rest].concat());
            }
        }
    }
}
