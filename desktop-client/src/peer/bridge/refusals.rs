//! How the stack is told that a server is of no use to it. Pure.
//!
//! Its first Allocate carries no credential, and of what it hears on that only a challenge counts: any other refusal it files
//! under a transaction that it does not know, as it does where it waited in vain (webrtc 0.21.1), and then it waits for good, so
//! that its candidates never come to an end (RFC 8838 section 8.2). It is challenged therefore, with a nonce that says the
//! code, and the sealed Allocate that comes with this nonce is refused with that.

use castle_connectivity::stun::{self, Class, Message};

/// "Allocation quota reached": no second allocation for a second interface of this machine, they all go this way.
pub(super) const QUOTA_REACHED: u16 = 486;
/// "Server Error": the stack gives this server up at once, rather than after its last retransmission.
pub(super) const NOT_REACHED: u16 = 500;
/// "Unauthorized": say it again with a credential.
const CHALLENGE: u16 = 401;
/// Of our challenges; no server's.
const REALM: &str = "castle-bridge";

/// The answer that ends a request with this code, at once or by way of a challenge; nothing for what is no request.
pub(super) fn refusal(datagram: &[u8], code: u16) -> Option<Vec<u8>> {
    let request = Message::decode(datagram).filter(|message| message.class == Class::Request)?;
    Some(refused(&request, code))
}

/// The same for a request that was read already.
pub(super) fn refused(request: &Message, code: u16) -> Vec<u8> {
    let answer = if request.method == stun::ALLOCATE && !request.has_seal() {
        Message::refusal(request, CHALLENGE).with(stun::REALM, REALM).with(stun::NONCE, code.to_string())
    } else {
        Message::refusal(request, code)
    };
    answer.encode(None)
}

/// With which code the answer to a challenge of ours is refused; nothing for all else.
pub(super) fn decided(datagram: &[u8]) -> Option<u16> {
    // Media is not parsed for it.
    let allocate = matches!(datagram, [0, low, ..] if u16::from(*low) == stun::ALLOCATE);
    let request = Message::decode(datagram).filter(|_| allocate)?;
    let ours = request.has_seal() && request.attribute(stun::REALM) == Some(REALM.as_bytes());
    let nonce = request.attribute(stun::NONCE).filter(|_| ours)?;
    std::str::from_utf8(nonce).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocate() -> Message {
        Message::new(stun::ALLOCATE, Class::Request)
    }

    fn sealed(realm: &[u8], nonce: &[u8]) -> Vec<u8> {
        allocate().with(stun::REALM, realm).with(stun::NONCE, nonce).encode(Some(b"key"))
    }

    #[test]
    fn an_allocate_without_a_credential_is_challenged_and_the_one_that_answers_meets_the_code() {
        for code in [QUOTA_REACHED, NOT_REACHED] {
            let request = allocate();
            let challenge = Message::decode(&refusal(&request.encode(None), code).unwrap()).unwrap();
            assert_eq!((challenge.error_code(), challenge.transaction), (Some(401), request.transaction));
            let [realm, nonce] = [stun::REALM, stun::NONCE].map(|kind| challenge.attribute(kind).unwrap());
            let again = sealed(realm, nonce);
            assert_eq!(decided(&again), Some(code));
            let answer = Message::decode(&refusal(&again, code).unwrap()).unwrap();
            assert_eq!((answer.class, answer.error_code()), (Class::Error, Some(code)));
        }
    }

    #[test]
    fn nothing_is_decided_about_what_a_server_challenged_nor_about_media() {
        assert_eq!(decided(&sealed(b"castle", b"500")), None);
        assert_eq!(decided(&sealed(REALM.as_bytes(), b"never")), None);
        assert_eq!(decided(&allocate().encode(None)), None);
        let ours =
            Message::new(stun::REFRESH, Class::Request).with(stun::REALM, REALM).with(stun::NONCE, "500");
        assert_eq!(decided(&ours.encode(Some(b"key"))), None);
        for media in [&[0x40, 0, 0, 1, 7][..], &[0, 3], &[]] {
            assert_eq!(decided(media), None);
            assert_eq!(refusal(media, NOT_REACHED), None);
        }
        let indication = Message::new(stun::SEND, Class::Indication).encode(None);
        assert_eq!(refusal(&indication, NOT_REACHED), None);
    }
}
