//! Makes good what the stack's TURN client (webrtc 0.21.1) does not do, in the requests that go by. Pure.
//!
//! - It knows no REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.9), without which a server means IPv4. Where the server
//!   answers that it has no such address (440), the request goes out once more with IPv6 in it.
//! - It takes a new nonce (438) but does not ask again. A Refresh that met one would come half a lifetime later, when the
//!   allocation ends, and a channel would be bound under another number, which the server refuses: a call would break when
//!   its nonce runs out, after an hour or less. The request goes out once more with the new nonce, as do all after it.
//!
//! The stack does not hear of such a refusal, and what goes out is sealed anew. A second refusal it hears.

use castle_connectivity::stun::{self, Class, Message};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Requests that wait for an answer: one for each peer's permission and channel, and the allocation's own.
const WAITING_MAX: usize = 64;

/// What the stack asks over one connection.
#[derive(Default)]
pub(super) struct Requests {
    username: String,
    password: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    v6: bool,
    /// Newer than the stack's.
    nonce: Option<Vec<u8>>,
    waiting: VecDeque<Waiting>,
}

/// A request as the stack made it.
struct Waiting {
    request: Message,
    again: bool,
}

impl Requests {
    /// To a server that takes this credential.
    pub(super) fn new(username: String, password: String) -> Self {
        Self { username, password, state: Mutex::default() }
    }

    /// What the stack says, as it goes to the server.
    pub(super) fn ask(&self, datagram: Vec<u8>) -> Vec<u8> {
        // Media is not parsed for it: ChannelData and indications begin otherwise.
        let Some(request) = is_request(&datagram).then(|| Message::decode(&datagram)).flatten() else {
            return datagram;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.changed(&request, &state);
        if !state.waiting.iter().any(|waiting| waiting.request.transaction == request.transaction) {
            if state.waiting.len() >= WAITING_MAX {
                state.waiting.pop_front();
            }
            state.waiting.push_back(Waiting { request, again: false });
        }
        changed.unwrap_or(datagram)
    }

    /// What the stack asked and the server did not answer; nothing waits for an answer any more.
    pub(super) fn unanswered(&self) -> Vec<Message> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.drain(..).map(|waiting| waiting.request).collect()
    }

    /// The request to send once more instead of handing this answer to the stack; once for each request.
    pub(super) fn ask_otherwise(&self, answer: &[u8]) -> Option<Vec<u8>> {
        if !is_answer(answer) {
            return None;
        }
        let answer = Message::decode(answer)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let place =
            state.waiting.iter().position(|waiting| waiting.request.transaction == answer.transaction)?;
        let Waiting { request, again } = state.waiting.remove(place)?;
        match (answer.error_code(), answer.attribute(stun::NONCE)) {
            _ if again || answer.class != Class::Error => return None,
            (Some(stun::FAMILY_NOT_SUPPORTED), _) if request.method == stun::ALLOCATE && !state.v6 => {
                state.v6 = true;
            }
            (Some(stun::STALE_NONCE), Some(nonce)) if request.has_seal() => {
                state.nonce = Some(nonce.to_vec());
            }
            _ => return None,
        }
        let changed = self.changed(&request, &state);
        state.waiting.push_back(Waiting { request, again: true });
        changed
    }

    /// The stack's request with what it does not know; `None` where there is nothing.
    fn changed(&self, request: &Message, state: &State) -> Option<Vec<u8>> {
        let sealed = request.has_seal();
        let v6 = state.v6 && request.method == stun::ALLOCATE;
        let nonce = state.nonce.as_ref().filter(|_| sealed);
        if !v6 && nonce.is_none() {
            return None;
        }
        let realm = String::from_utf8(request.attribute(stun::REALM).unwrap_or_default().to_vec()).ok()?;
        let mut changed = request.clone().unsealed();
        if let Some(nonce) = nonce {
            changed = changed.without(stun::NONCE).with(stun::NONCE, nonce.clone());
        }
        if v6 {
            changed = changed.with(stun::REQUESTED_ADDRESS_FAMILY, stun::FAMILY_V6);
        }
        let key = sealed.then(|| stun::long_term_key(&self.username, &realm, &self.password));
        Some(changed.encode(key.as_deref()))
    }
}

/// The low byte of the types of Allocate, Refresh, CreatePermission and ChannelBind.
const ASKED: [u8; 4] = [0x03, 0x04, 0x08, 0x09];

/// Whether it asks for, or about, an allocation.
pub(super) fn is_request(datagram: &[u8]) -> bool {
    matches!(datagram, [0, low, ..] if ASKED.contains(low))
}

fn is_answer(datagram: &[u8]) -> bool {
    matches!(datagram, [1, low, ..] if ASKED.contains(&(low & !0x10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: u16) -> Message {
        Message::new(method, Class::Request)
            .with(stun::USERNAME, "1:x")
            .with(stun::REALM, "castle")
            .with(stun::NONCE, "n")
    }

    fn requests() -> (Requests, Vec<u8>) {
        (Requests::new("1:x".into(), "north".into()), stun::long_term_key("1:x", "castle", "north"))
    }

    #[test]
    fn a_server_without_ipv4_is_asked_for_ipv6_with_a_seal_that_holds() {
        let (requests, key) = requests();
        let request = request(stun::ALLOCATE);
        let sent = request.encode(Some(&key));
        assert_eq!(requests.ask(sent.clone()), sent, "as it came");
        let refusal = Message::refusal(&request, 440).encode(None);
        let again = requests.ask_otherwise(&refusal).expect("once more");
        let read = Message::decode(&again).unwrap();
        assert_eq!(read.transaction, request.transaction);
        assert_eq!(read.attribute(stun::REQUESTED_ADDRESS_FAMILY), Some(&stun::FAMILY_V6[..]));
        assert!(stun::is_sealed(&again, &key));
        assert_eq!(requests.ask(sent), again, "repeated by the stack");
        assert_eq!(requests.ask_otherwise(&refusal), None, "the stack hears of the second");
    }

    #[test]
    fn a_new_nonce_is_taken_for_the_request_that_met_it_and_for_all_after_it() {
        let (requests, key) = requests();
        let nonce_of = |bytes: &[u8]| {
            assert!(stun::is_sealed(bytes, &key));
            Message::decode(bytes).unwrap().attribute(stun::NONCE).unwrap().to_vec()
        };
        let refresh = request(stun::REFRESH);
        requests.ask(refresh.encode(Some(&key)));
        let stale = |request: &Message, nonce: &str| {
            Message::refusal(request, 438).with(stun::NONCE, nonce).encode(None)
        };
        let again = requests.ask_otherwise(&stale(&refresh, "m")).expect("once more");
        assert_eq!(nonce_of(&again), b"m");
        assert_eq!(requests.ask_otherwise(&stale(&refresh, "o")), None, "the stack hears of the second");
        for method in [stun::CREATE_PERMISSION, stun::CHANNEL_BIND, stun::REFRESH] {
            assert_eq!(nonce_of(&requests.ask(request(method).encode(Some(&key)))), b"m");
        }
        let unsigned = Message::new(stun::ALLOCATE, Class::Request).encode(None);
        assert_eq!(requests.ask(unsigned.clone()), unsigned, "has none");
    }

    #[test]
    fn other_answers_and_media_go_through() {
        let (requests, _) = requests();
        let allocate = request(stun::ALLOCATE);
        requests.ask(allocate.encode(None));
        assert_eq!(requests.ask_otherwise(&Message::refusal(&allocate, 486).encode(None)), None);
        let other = request(stun::ALLOCATE);
        assert_eq!(requests.ask_otherwise(&Message::refusal(&other, 440).encode(None)), None, "to another");
        for media in [vec![0x40, 0, 0, 1, 7], vec![0, 0x16, 0, 0], Vec::new(), vec![1]] {
            assert_eq!(requests.ask_otherwise(&media), None);
            assert_eq!(requests.ask(media.clone()), media);
        }
    }

    #[test]
    fn requests_that_nobody_answers_are_bounded() {
        let (requests, _) = requests();
        for _ in 0..1000 {
            requests.ask(request(stun::REFRESH).encode(None));
        }
        assert_eq!(requests.state.lock().unwrap().waiting.len(), WAITING_MAX);
    }
}
