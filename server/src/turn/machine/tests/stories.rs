//! What the RFC asks for, one story each.

use super::*;

pub(super) const PEER: &str = "1.2.3.33:7000";

fn media(bytes: Vec<u8>) -> Sent {
    Sent::Client(Kind::Media, bytes)
}

fn data_indication(sent: &[Sent]) -> (SocketAddr, Vec<u8>) {
    let [Sent::Client(Kind::Media, bytes)] = sent else { panic!("{sent:?}") };
    let mut bytes = bytes.clone();
    assert_eq!(bytes[..2], [0, 0x17], "a Data indication");
    bytes[1] = 0x16;
    let Some(Packet::Send { peer, data }) = Packet::read(&bytes) else { panic!("{bytes:?}") };
    (peer, data.to_vec())
}

#[test]
fn a_client_learns_where_it_comes_from() {
    let mut bench = Bench::new(|_| {});
    for from in ["198.51.100.7:20001", "[2001:db8::77]:9"] {
        let client = Client { from: address(from), ..client(1) };
        let answer = bench.answer(client, &Writer::request(Method::Binding, [1; 12]).finish(None));
        assert_eq!((answer.code, answer.mapped), (0, Some(address(from))));
    }
}

#[test]
fn an_allocation_begins_with_a_challenge_and_ends_with_a_farewell() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let bare = Writer::request(Method::Allocate, [1; 12]).transport(UDP).finish(None);
    let challenge = bench.answer(ada.client, &bare);
    assert_eq!((challenge.code, challenge.realm.as_deref()), (401, Some("castle")));
    ada.nonce = challenge.nonce.unwrap();
    let answer = ada.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP));
    assert_eq!((answer.code, answer.lifetime, answer.mapped), (0, Some(600), Some(ada.client.from)));
    assert_eq!(answer.relayed[0].ip(), IpAddr::from([203, 0, 113, 9]), "as seen from outside");
    assert_eq!(bench.counters.allocations(), 1);

    let farewell = ada.signed(Method::Refresh, |writer| writer.lifetime(0));
    let port = answer.relayed[0].port();
    let sent = bench.client_sent(ada.client, &farewell);
    assert!(sent.contains(&Sent::Close(port)), "{sent:?}");
    assert_eq!(bench.counters.allocations(), 0);
    assert_eq!(bench.answer(ada.client, &farewell).code, 0, "said again, answered alike");
    bench.wait(41);
    assert_eq!(bench.answer(ada.client, &farewell).code, 437, "long forgotten");
}

#[test]
fn answers_are_signed_and_repeated_requests_answered_alike() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.ask(&mut bench, Method::Refresh, |writer| writer);
    let allocate = ada.signed(Method::Allocate, |writer| writer.transport(UDP));
    let first = bench.client_sent(ada.client, &allocate);
    let [Sent::Open(_), Sent::Client(Kind::Answer, answer)] = &first[..] else { panic!("{first:?}") };
    assert!(Response::read(answer, Some(&ada.key)).is_some(), "signed with the key of the request");
    bench.wait(2);
    let again = bench.client_sent(ada.client, &allocate);
    assert_eq!(again, [Sent::Client(Kind::Answer, answer.clone())]);
    assert_eq!(bench.machine.allocations(), 1);
    assert_eq!(ada.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP)).code, 437);
}

#[test]
fn credentials_that_are_wrong_expired_or_incomplete_are_refused() {
    let mut bench = Bench::new(|_| {});
    let secret = TurnSecret::new(SECRET);
    let good = format!("{}:test", BEGIN + 60);
    let expired = format!("{}:test", BEGIN - 1);
    let now = format!("{BEGIN}:test");
    let code = |bench: &mut Bench, username: &str, password: &str| {
        let mut caller = Caller::with(1, username, password);
        caller.ask(bench, Method::Allocate, |writer| writer.transport(UDP)).code
    };
    assert_eq!(code(&mut bench, &good, "wrong"), 401);
    for name in [&expired, &now, "alice"] {
        assert_eq!(code(&mut bench, name, &secret.password_for(name)), 401, "{name}");
    }
    let mut ada = Caller::with(1, &good, &secret.password_for(&good));
    ada.ask(&mut bench, Method::Allocate, |writer| writer);
    let writer = Writer::request(Method::Allocate, [9; 12]).transport(UDP);
    let no_nonce = writer.username(&good).finish(Some(&ada.key));
    assert_eq!(bench.answer(ada.client, &no_nonce).code, 400);
    let other_realm = Writer::request(Method::Allocate, [9; 12]).transport(UDP).username(&good);
    let other_realm = other_realm.challenge("north.gov", &ada.nonce).finish(Some(&ada.key));
    assert_eq!(bench.answer(ada.client, &other_realm).code, 401);
    assert_eq!(bench.machine.allocations(), 0);
    assert_eq!(code(&mut bench, &good, &secret.password_for(&good)), 0);
    assert!(bench.counters.refused().any(|(code, count)| code == "401" && count >= 5));
}

#[test]
fn a_live_allocation_keeps_its_credential_for_two_days_and_an_old_nonce_is_renewed() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    assert_eq!(ada.bind(&mut bench, 0x4000, address(PEER)), 0);
    let mut renewed = 0;
    for _ in 0..2 * 24 * 60 / 5 {
        bench.wait(300);
        let nonce = ada.nonce.clone();
        let answer = ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(600));
        assert_eq!((answer.code, answer.lifetime), (0, Some(600)));
        assert_eq!(ada.bind(&mut bench, 0x4000, address(PEER)), 0);
        assert_eq!(ada.permit(&mut bench, address(PEER)), 0);
        renewed += usize::from(nonce != ada.nonce);
    }
    assert_eq!(renewed, 48, "once an hour");
    assert_eq!(bench.client_sent(ada.client, &channel_data(0x4000, b"still")).len(), 1);
    let password = TurnSecret::new(SECRET).password_for(&ada.username);
    let mut late = Caller::with(2, &ada.username, &password);
    let refused = late.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP)).code;
    assert_eq!(refused, 401, "the same credential makes no new allocation");
    Caller::new(&bench, 2, guest(1)).allocate(&mut bench);
}

#[test]
fn an_allocation_that_is_not_refreshed_ends() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let relayed = ada.allocate(&mut bench);
    ada.permit(&mut bench, address(PEER));
    assert_eq!(bench.wait(599), []);
    assert_eq!(bench.wait(1), [Sent::Close(relayed.port())]);
    assert_eq!(bench.machine.allocations(), 0);
    assert_eq!(bench.client_sent(ada.client, &send_indication(address(PEER), b"late")), []);
    assert_eq!(ada.ask(&mut bench, Method::Refresh, |writer| writer).code, 437);
}

#[test]
fn lifetimes_are_held_within_bounds() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    for (asked, given) in [(1, 600), (777, 777), (u32::MAX, 3600)] {
        let answer = ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(asked));
        assert_eq!(answer.lifetime, Some(given));
    }
}

#[test]
fn nobody_uses_an_allocation_of_another() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    let mut eve = Caller::new(&bench, 1, guest(2));
    assert_eq!(eve.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(0)).code, 441);
    assert_eq!(eve.permit(&mut bench, address(PEER)), 441);
    assert_eq!(eve.bind(&mut bench, 0x4000, address(PEER)), 441);
    assert_eq!(eve.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP)).code, 437);
    assert_eq!(bench.machine.allocations(), 1);
    let mut elsewhere = Caller::new(&bench, 2, guest(1));
    assert_eq!(elsewhere.permit(&mut bench, address(PEER)), 437, "no allocation at that address");
}

#[test]
fn what_cannot_be_given_is_refused_with_its_own_code() {
    let mut bench = Bench::new(|settings| settings.ips.truncate(1));
    let mut ada = Caller::new(&bench, 1, guest(1));
    let mut code =
        |bench: &mut Bench, fill: &dyn Fn(Writer) -> Writer| ada.ask(bench, Method::Allocate, fill).code;
    assert_eq!(code(&mut bench, &|writer| writer), 400, "no transport");
    assert_eq!(code(&mut bench, &|writer| writer.transport(6)), 442, "TCP to peers");
    assert_eq!(code(&mut bench, &|writer| writer.transport(UDP).family(Family::V6)), 440);
    assert_eq!(code(&mut bench, &|writer| writer.transport(UDP).dont_fragment()), 420);
    assert_eq!(code(&mut bench, &|writer| writer.transport(UDP).reservation([1; 8])), 508);
    assert_eq!(code(&mut bench, &|writer| writer.transport(UDP).reservation([1; 8]).even_port(false)), 400);
    assert_eq!(code(&mut bench, &|writer| writer.transport(UDP).even_port(true)), 508);
    let both = |writer: Writer| writer.transport(UDP).family(Family::V4).additional_family();
    assert_eq!(code(&mut bench, &both), 400);
    assert_eq!(bench.machine.allocations(), 0);
    let even = ada.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP).even_port(false));
    assert!(even.code == 0 && even.relayed[0].port().is_multiple_of(2));
}

#[test]
fn a_client_may_have_ipv4_ipv6_or_both() {
    let mut bench = Bench::new(|_| {});
    let mut six = Caller::new(&bench, 1, guest(1));
    let answer = six.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP).family(Family::V6));
    assert!(answer.code == 0 && answer.relayed[0].is_ipv6());
    assert_eq!(six.permit(&mut bench, address(PEER)), 443, "a peer of the other family");
    assert_eq!(six.permit(&mut bench, address("[2606:4700::1111]:80")), 0);

    let mut both = Caller::new(&bench, 2, guest(1));
    let answer = both.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP).additional_family());
    assert_eq!(answer.relayed.iter().map(SocketAddr::is_ipv6).collect::<Vec<_>>(), [false, true]);
    for peer in [PEER, "[2606:4700::1111]:80"] {
        assert_eq!(both.permit(&mut bench, address(peer)), 0);
        assert_eq!(bench.client_sent(both.client, &send_indication(address(peer), b"x")).len(), 1);
    }
    let one = both.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(0).family(Family::V4));
    assert_eq!(one.code, 0);
    assert_eq!(both.permit(&mut bench, address(PEER)), 443, "IPv4 was given back");
    assert_eq!(both.permit(&mut bench, address("[2606:4700::1111]:80")), 0, "IPv6 was not");
    let again = both.signed(Method::Refresh, |writer| writer.lifetime(0).family(Family::V6));
    assert_eq!(bench.answer(both.client, &again).code, 0);
    assert_eq!(bench.answer(both.client, &again).code, 0, "the last one, said twice");
    both.allocate(&mut bench);
    assert_eq!(bench.answer(both.client, &again).code, 0, "and late, when there is another allocation");
    assert_eq!(bench.machine.allocations(), 2, "hers and that of another");
}

#[test]
fn one_family_given_back_twice_by_the_same_request_is_answered_alike() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP).additional_family());
    let farewell = ada.signed(Method::Refresh, |writer| writer.lifetime(0).family(Family::V4));
    let [first, again] = [0, 1].map(|_| bench.answer(ada.client, &farewell));
    assert_eq!(first.code, 0);
    assert_eq!(again, first, "its answer was lost on the way");
    let another = ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(0).family(Family::V4));
    assert_eq!(another.code, 443, "another request is about what is there now");
}

#[test]
fn attributes_that_are_not_known_are_told_to_who_may_ask_and_under_the_seal() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let unsigned = Writer::request(Method::Allocate, [1; 12]).transport(UDP).dont_fragment().finish(None);
    assert_eq!(bench.answer(ada.client, &unsigned).code, 401, "who asks is looked at first");
    ada.ask(&mut bench, Method::Refresh, |writer| writer);
    let asked = ada.signed(Method::Allocate, |writer| writer.transport(UDP).dont_fragment());
    let sent = bench.client_sent(ada.client, &asked);
    let [Sent::Client(Kind::Answer, answer)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(Response::read(answer, Some(&ada.key)).expect("signed").code, 420);
    let binding = Writer::request(Method::Binding, [2; 12]).dont_fragment().finish(None);
    assert_eq!(bench.answer(ada.client, &binding).code, 420, "nobody signs these");
}

#[test]
fn peers_are_heard_by_permission_and_by_channel() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let relayed = ada.allocate(&mut bench);
    let peer = address(PEER);
    assert_eq!(bench.client_sent(ada.client, &send_indication(peer, b"hi")), [], "no permission yet");
    assert_eq!(bench.peer_sent(relayed.port(), peer, b"ho"), []);
    assert_eq!(ada.permit(&mut bench, peer), 0);
    let sent = bench.client_sent(ada.client, &send_indication(peer, b"hi"));
    assert_eq!(sent, [Sent::Peer(relayed.port(), peer, b"hi".to_vec())]);
    assert_eq!(data_indication(&bench.peer_sent(relayed.port(), peer, b"ho")), (peer, b"ho".to_vec()));
    let other_port = address("1.2.3.33:7001");
    assert_eq!(data_indication(&bench.peer_sent(relayed.port(), other_port, b"x")).0, other_port);

    assert_eq!(ada.bind(&mut bench, 0x4001, peer), 0);
    let sent = bench.client_sent(ada.client, &channel_data(0x4001, b"hi"));
    assert_eq!(sent, [Sent::Peer(relayed.port(), peer, b"hi".to_vec())]);
    assert_eq!(bench.peer_sent(relayed.port(), peer, b"ho"), [media(channel_data(0x4001, b"ho"))]);
    assert_eq!(bench.client_sent(ada.client, &channel_data(0x4002, b"hi")), [], "no such channel");

    for _ in 0..2 {
        bench.wait(290);
        ada.ask(&mut bench, Method::Refresh, |writer| writer);
    }
    assert_eq!(bench.peer_sent(relayed.port(), peer, b"ho"), [], "the permission has run out");
    assert_eq!(bench.client_sent(ada.client, &channel_data(0x4001, b"hi")).len(), 1, "the channel has not");
    bench.wait(20);
    assert_eq!(bench.client_sent(ada.client, &channel_data(0x4001, b"hi")), []);
}

#[test]
fn a_channel_has_one_peer_and_a_peer_one_channel() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    let (one, two) = (address(PEER), address("1.2.3.34:7000"));
    assert_eq!(ada.bind(&mut bench, 0x4000, one), 0);
    assert_eq!(ada.bind(&mut bench, 0x4000, one), 0, "refreshed");
    assert_eq!(ada.bind(&mut bench, 0x4000, two), 400);
    assert_eq!(ada.bind(&mut bench, 0x4001, one), 400);
    for outside in [0x0000, 0x3fff, 0x8000, 0xffff] {
        assert_eq!(ada.bind(&mut bench, outside, two), 400, "{outside:#x}");
    }
    assert_eq!(ada.ask(&mut bench, Method::ChannelBind, |writer| writer.channel(0x4001)).code, 400);
    assert_eq!(ada.ask(&mut bench, Method::ChannelBind, |writer| writer.peer(two)).code, 400);
    assert_eq!(ada.ask(&mut bench, Method::CreatePermission, |writer| writer).code, 400);
}

#[test]
fn private_peers_and_this_host_are_forbidden() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let relayed = ada.allocate(&mut bench);
    for peer in ["192.168.1.1:80", "127.0.0.1:22", "169.254.169.254:80", "224.0.0.1:9", "10.0.0.6:1"] {
        assert_eq!(ada.permit(&mut bench, address(peer)), 403, "{peer}");
        assert_eq!(ada.bind(&mut bench, 0x4000, address(peer)), 403, "{peer}");
    }
    let both = |writer: Writer| writer.peer(address(PEER)).peer(address("192.168.1.1:80"));
    assert_eq!(ada.ask(&mut bench, Method::CreatePermission, both).code, 403);
    assert_eq!(bench.client_sent(ada.client, &send_indication(address(PEER), b"x")), [], "all or none");
    // The relay's own address may be permitted, for its live ports; all other ports of it lead nowhere.
    for own in ["10.0.0.5:22", "203.0.113.9:22"] {
        assert_eq!(ada.permit(&mut bench, address(own)), 0);
        assert_eq!(bench.client_sent(ada.client, &send_indication(address(own), b"x")), []);
        assert_eq!(bench.peer_sent(relayed.port(), address(own), b"x"), []);
    }
    assert_eq!(bench.counters.dropped().find(|(why, _)| *why == "forbidden_peer").unwrap().1, 4);
}

#[test]
fn two_guests_of_the_relay_meet_inside_it_by_either_address() {
    let mut bench = Bench::new(|_| {});
    let (mut ada, mut ben) = (Caller::new(&bench, 1, guest(1)), Caller::new(&bench, 2, guest(2)));
    let (of_ada, of_ben) = (ada.allocate(&mut bench), ben.allocate(&mut bench));
    assert_eq!(ada.permit(&mut bench, of_ben), 0);
    assert_eq!(bench.client_sent(ada.client, &send_indication(of_ben, b"hi")), [], "Ben permits nobody yet");
    let bound = SocketAddr::new(IpAddr::from([10, 0, 0, 5]), of_ada.port());
    assert_eq!(ben.permit(&mut bench, bound), 0);
    let sent = bench.client_sent(ada.client, &send_indication(of_ben, b"hi"));
    assert_eq!(data_indication(&sent), (of_ada, b"hi".to_vec()), "shown as from outside");
    assert_eq!(ben.bind(&mut bench, 0x4abc, of_ada), 0);
    let sent = bench.client_sent(ada.client, &send_indication(of_ben, b"hi"));
    assert_eq!(sent, [media(channel_data(0x4abc, b"hi"))]);
    let sent = bench.client_sent(ben.client, &channel_data(0x4abc, b"ho"));
    assert_eq!(data_indication(&sent), (of_ben, b"ho".to_vec()));
    // A packet from the network that says it came from a relayed address lies.
    assert_eq!(bench.peer_sent(of_ben.port(), of_ada, b"lie"), []);
}

#[test]
fn a_ban_ends_a_guests_allocations_and_their_credentials() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let mut ben = Caller::new(&bench, 2, guest(2));
    let relayed = ada.allocate(&mut bench);
    ben.allocate(&mut bench);
    assert_eq!(bench.input(Input::End(Whose::Guest(1))), [Sent::Close(relayed.port())]);
    assert_eq!(ada.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP)).code, 401);
    assert_eq!(ben.ask(&mut bench, Method::Refresh, |writer| writer).code, 0);
    bench.wait(1);
    Caller::new(&bench, 1, guest(1)).allocate(&mut bench);
    let sent = bench.input(Input::End(Whose::Login(102)));
    assert!(matches!(sent[..], [Sent::Close(_)]), "Ben's login alone: {sent:?}");
}

#[test]
fn a_closed_stream_takes_its_allocation_along() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.client.stream = true;
    let relayed = ada.allocate(&mut bench);
    ada.bind(&mut bench, 0x4000, address(PEER));
    let sent = bench.peer_sent(relayed.port(), address(PEER), b"12345");
    let [Sent::Client(Kind::Media, frame)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(frame.len(), 12, "padded to four bytes in a stream");
    assert_eq!(bench.input(Input::Gone(ada.client)), [Sent::Close(relayed.port())]);
}
