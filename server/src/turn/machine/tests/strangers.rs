//! Peers that nobody asked for, and ones that this host's addresses turn into strangers.

use super::stories::PEER;
use super::*;

fn dropped(bench: &Bench, reason: &str) -> u64 {
    bench.counters.dropped().find(|(why, _)| *why == reason).unwrap().1
}

#[test]
fn a_request_that_names_more_peers_than_are_permitted_is_refused_before_any_is_looked_at() {
    let mut bench = Bench::new(|settings| settings.limits.permissions = 3);
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    let naming = |count: u8| {
        move |writer: Writer| {
            let peers = (1..=count).map(|last| SocketAddr::from(([192, 168, 1, last], 9)));
            peers.fold(writer, Writer::peer)
        }
    };
    let code = |answer: Response| answer.code;
    assert_eq!(code(ada.ask(&mut bench, Method::CreatePermission, naming(3))), 403, "each is private");
    assert_eq!(code(ada.ask(&mut bench, Method::CreatePermission, naming(4))), 508);
}

#[test]
fn a_stranger_is_told_from_the_port_and_the_permissions_before_the_rules_are_asked() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let relayed = ada.allocate(&mut bench);
    for peer in ["192.168.1.1:80", PEER] {
        bench.peer_sent(relayed.port() + 1, address(peer), b"x");
        bench.peer_sent(relayed.port(), address(peer), b"x");
    }
    let counts = ["stray", "no_permission", "forbidden_peer"].map(|reason| dropped(&bench, reason));
    assert_eq!(counts, [2, 2, 0]);
}

#[test]
fn an_address_that_comes_to_this_host_is_no_peer_any_more_whatever_was_permitted() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let (relayed, peer) = (ada.allocate(&mut bench), address(PEER));
    assert_eq!(ada.bind(&mut bench, 0x4000, peer), 0);
    let mut both_ways = |bench: &mut Bench| {
        let there = bench.client_sent(ada.client, &channel_data(0x4000, b"x")).len();
        (there, bench.peer_sent(relayed.port(), peer, b"x").len(), ada.permit(bench, peer))
    };
    assert_eq!(both_ways(&mut bench), (1, 1, 0));
    bench.input(Input::Host(HostAddresses::new([Network::new(peer.ip(), 32)])));
    assert_eq!(both_ways(&mut bench), (0, 0, 403));
    assert_eq!(dropped(&bench, "forbidden_peer"), 2);
    bench.input(Input::Host(HostAddresses::default()));
    assert_eq!(both_ways(&mut bench), (1, 1, 0), "it went elsewhere");
}

#[test]
fn an_answer_to_a_stranger_is_at_most_four_times_the_question() {
    let mut bench = Bench::new(|_| {});
    for from in ["198.51.100.7:9", "[2001:db8:7::7]:9"] {
        let stranger = Client { from: address(from), ..client(0) };
        for method in [Method::Binding, Method::Allocate, Method::Refresh, Method::ChannelBind] {
            for asked in [
                Writer::request(method, [1; 12]).without_fingerprint(),
                Writer::request(method, [1; 12]),
                Writer::request(method, [1; 12]).dont_fragment().without_fingerprint(),
            ] {
                let question = asked.finish(None);
                let sent = bench.client_sent(stranger, &question);
                let [Sent::Client(Kind::Answer, answer)] = &sent[..] else { panic!("{sent:?}") };
                let (asked, answered) = (question.len(), answer.len());
                assert!(answered <= 4 * asked, "{answered} bytes for {asked} of {method:?}");
            }
        }
    }
}
