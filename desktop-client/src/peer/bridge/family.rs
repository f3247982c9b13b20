//! Asks a relay that has no IPv4 address for an IPv6 one: the stack's TURN client knows no REQUESTED-ADDRESS-FAMILY
//! (RFC 8656 section 18.9; webrtc 0.21.1), without which a server means IPv4.
//!
//! Its Allocate goes on as it is. Where the server answers that it has no such address (440), the stack does not hear of it:
//! the same request goes out once more, with the family in it, and sealed anew.

use castle_connectivity::stun::{self, Class, Message};
use std::sync::{Mutex, PoisonError};

/// Which family of addresses one connection asks for.
#[derive(Default)]
pub(super) struct Family {
    username: String,
    password: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    v6: bool,
    /// The stack's last Allocate, as it came.
    allocate: Vec<u8>,
}

impl Family {
    /// For a server that takes this credential.
    pub(super) fn new(username: String, password: String) -> Self {
        Self { username, password, state: Mutex::default() }
    }

    /// What the stack says, as it goes to the server.
    pub(super) fn ask(&self, datagram: Vec<u8>) -> Vec<u8> {
        if !is(&datagram, stun::ALLOCATE, Class::Request) {
            return datagram;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = if state.v6 { self.for_v6(&datagram) } else { None };
        state.allocate.clone_from(&datagram);
        asked.unwrap_or(datagram)
    }

    /// The request to send once more instead of handing this answer to the stack; once for each connection.
    pub(super) fn ask_otherwise(&self, answer: &[u8]) -> Option<Vec<u8>> {
        if !is(answer, stun::ALLOCATE, Class::Error) {
            return None;
        }
        let answer = Message::decode(answer)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Message::decode(&state.allocate)?;
        let unsupported = answer.error_code() == Some(stun::FAMILY_NOT_SUPPORTED);
        if state.v6 || !unsupported || asked.transaction != answer.transaction {
            return None;
        }
        state.v6 = true;
        self.for_v6(&state.allocate)
    }

    fn for_v6(&self, allocate: &[u8]) -> Option<Vec<u8>> {
        let request = Message::decode(allocate)?;
        let sealed = request.has_seal();
        let realm = String::from_utf8(request.attribute(stun::REALM).unwrap_or_default().to_vec()).ok()?;
        let request = request.unsealed().with(stun::REQUESTED_ADDRESS_FAMILY, stun::FAMILY_V6);
        let key = sealed.then(|| stun::long_term_key(&self.username, &realm, &self.password));
        Some(request.encode(key.as_deref()))
    }
}

/// Media is not parsed for it: ChannelData and indications begin otherwise.
fn is(message: &[u8], method: u16, class: Class) -> bool {
    message.first() == Some(&u8::from(class != Class::Request))
        && Message::decode(message).is_some_and(|m| (m.method, m.class) == (method, class))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocate() -> Message {
        Message::new(stun::ALLOCATE, Class::Request)
            .with(stun::USERNAME, "1:x")
            .with(stun::REALM, "castle")
            .with(stun::NONCE, "n")
    }

    #[test]
    fn a_server_without_ipv4_is_asked_for_ipv6_with_a_seal_that_holds() {
        let family = Family::new("1:x".into(), "north".into());
        let key = stun::long_term_key("1:x", "castle", "north");
        let request = allocate();
        let sent = request.encode(Some(&key));
        assert_eq!(family.ask(sent.clone()), sent, "as it came");
        let refusal = Message::refusal(&request, 440).encode(None);
        let again = family.ask_otherwise(&refusal).expect("once more");
        let read = Message::decode(&again).unwrap();
        assert_eq!(read.transaction, request.transaction);
        assert_eq!(read.attribute(stun::REQUESTED_ADDRESS_FAMILY), Some(&stun::FAMILY_V6[..]));
        assert!(stun::is_sealed(&again, &key));
        assert_eq!(family.ask_otherwise(&refusal), None, "the stack hears of the second");
        assert_eq!(family.ask(sent), again, "repeated by the stack");
    }

    #[test]
    fn other_answers_and_media_go_through() {
        let family = Family::new("1:x".into(), "north".into());
        let request = allocate();
        family.ask(request.encode(None));
        assert_eq!(family.ask_otherwise(&Message::refusal(&request, 486).encode(None)), None);
        assert_eq!(
            family.ask_otherwise(&Message::refusal(&allocate(), 440).encode(None)),
            None,
            "to another"
        );
        for media in [vec![0x40, 0, 0, 1, 7], Vec::new(), vec![1]] {
            assert_eq!(family.ask_otherwise(&media), None);
            assert_eq!(family.ask(media.clone()), media);
        }
    }
}
