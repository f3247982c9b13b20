//! The test vectors of RFC 5769, and frames out of a stream.

use super::*;

const REQUEST: &str = "
    00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 10 53 54 55 4e 20 74 65 73
    74 20 63 6c 69 65 6e 74 00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36 00 06 00 09
    65 76 74 6a 3a 68 36 76 59 20 20 20 00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49
    c1 b5 71 a2 80 28 00 04 e5 7a 3b cf";
const RESPONSE_V4: &str = "
    01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 65 63
    74 6f 72 20 00 20 00 08 00 01 a1 47 e1 12 a6 43 00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9
    2a f9 ba 53 f0 6b e7 d7 80 28 00 04 c0 7d 4c 96";
const RESPONSE_V6: &str = "
    01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 65 63
    74 6f 72 20 00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9 00 08 00 14
    a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41 80 28 00 04 c8 fb 0b 4c";
const LONG_TERM: &str = "
    00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e 00 06 00 12 e3 83 9e e3 83 88 e3 83
    aa e3 83 83 e3 82 af e3 82 b9 00 00 00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34
    6f 4c 39 46 53 54 76 79 36 34 73 41 00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00 00 08 00 14
    f6 70 24 65 6d d6 4a 3e 02 b8 e0 71 2e 85 c9 a2 8c a8 96 66";

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn rfc_5769_request() {
    let mut vector = bytes(REQUEST);
    let request = Request::read(&vector).unwrap();
    assert_eq!(request.method, Method::Binding);
    assert_eq!(request.username().as_deref(), Some("evtj:h6vY"));
    assert!(request.is_signed());
    assert_eq!(request.unknown(), [0x24], "PRIORITY is of ICE and not of a relay");
    let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
    assert!(request.is_signed_with(&key));
    assert!(!request.is_signed_with(&Key::short_term("VOkJxbRl1RmTxUk/WvJxBu")));
    *vector.last_mut().unwrap() ^= 1;
    assert!(Request::read(&vector).is_none(), "FINGERPRINT is checked");
}

#[test]
fn rfc_5769_responses() {
    let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
    for (vector, mapped) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let mut vector = bytes(vector);
        let response = Response::read(&vector, Some(&key)).unwrap();
        assert_eq!((response.code, response.mapped), (0, Some(mapped.parse().unwrap())));
        vector[24] ^= 1;
        assert!(Response::read(&vector, Some(&key)).is_none());
    }
}

#[test]
fn rfc_5769_long_term_credential() {
    let vector = bytes(LONG_TERM);
    let request = Request::read(&vector).unwrap();
    let username = request.username().unwrap();
    assert_eq!(username, "マトリックス");
    assert_eq!(request.realm_is("example.org"), Some(true));
    assert_eq!(request.nonce(<[u8]>::to_vec).unwrap(), b"f//499k954d6OL34oL9FSTvy64sA");
    assert!(request.is_signed_with(&Key::new(&username, "example.org", "TheMatrIX")));
    assert!(!request.is_signed_with(&Key::new(&username, "example.org", "TheMatrix")));
}

#[test]
fn what_is_written_is_read() {
    let key = Key::new("1:x", "castle", "secret");
    let writer = Writer::request(Method::ChannelBind, [5; 12]).channel(0x4123);
    let peers = ["192.0.2.1:9", "[2001:db8::1]:65535"].map(|text| text.parse().unwrap());
    let message =
        peers.iter().fold(writer, |writer, peer| writer.peer(*peer)).username("1:x").finish(Some(&key));
    let Some(Packet::Request(request)) = Packet::read(&message) else { panic!("not a request") };
    assert_eq!((request.method, request.transaction), (Method::ChannelBind, [5; 12]));
    assert_eq!(request.channel(), Ok(Some(0x4123)));
    assert_eq!(request.peers(), Ok(peers.to_vec()));
    assert!(request.is_signed_with(&key) && request.unknown().is_empty());
    let answer = Writer::error(&request, 438).challenge("castle", b"nonce").finish(Some(&key));
    let answer = Response::read(&answer, Some(&key)).unwrap();
    assert_eq!((answer.code, answer.nonce.as_deref()), (438, Some(&b"nonce"[..])));
}

#[test]
fn an_answer_ends_in_a_fingerprint_where_its_request_does() {
    let asked = || Writer::request(Method::Binding, [5; 12]);
    for (message, bytes) in [(asked().without_fingerprint(), 20), (asked(), 28)] {
        let message = message.finish(None);
        assert_eq!(message.len(), bytes);
        let Some(Packet::Request(request)) = Packet::read(&message) else { panic!("not a request") };
        assert_eq!(Writer::success(&request).finish(None).len(), bytes);
    }
}

#[test]
fn ipv4_in_ipv6_is_ipv4() {
    let mapped = "[::ffff:127.0.0.1]:80".parse().unwrap();
    let mut message = Vec::new();
    write_data_indication(&mut message, [1; 12], mapped, b"x");
    message[1] = 0x16;
    let Some(Packet::Send { peer, .. }) = Packet::read(&message) else { panic!("not read") };
    assert_eq!(peer, "127.0.0.1:80".parse().unwrap());
}

#[test]
fn a_stream_falls_into_frames() {
    let mut channel_data = Vec::new();
    write_channel_data(&mut channel_data, 0x4000, b"12345", true);
    assert_eq!(channel_data.len(), 12);
    let binding = Writer::request(Method::Binding, [1; 12]).finish(None);
    let stream = [channel_data.clone(), binding.clone()].concat();
    for known in 0..4 {
        assert_eq!(frame_bytes(&stream[..known]), Ok(None));
    }
    assert_eq!(frame_bytes(&stream), Ok(Some(12)));
    let Some(Packet::ChannelData { data, .. }) = Packet::read(&stream[..12]) else { panic!("not read") };
    assert_eq!(data, b"12345");
    assert_eq!(frame_bytes(&stream[12..]), Ok(Some(binding.len())));
    for wrong in [&[0x16, 3, 1, 0, 0xa5, 1, 0, 0][..], &[0, 1, 0, 3], &[0xc0, 0, 0, 0]] {
        assert_eq!(frame_bytes(wrong), Err(NotTurn), "{wrong:?}");
    }
}
