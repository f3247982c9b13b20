//! How much one guest and all together may have and relay, and who pays for it.

use super::stories::PEER;
use super::*;
use crate::turn::machine::limits::Rate;

/// Ten packets of [`PACKET`] bytes a second.
const TEN_A_SECOND: Rate = Rate { per_second: 10_000, burst: 10_000 };
const PACKET: usize = 1000;

/// How many of twenty packets that this client sends to `peer` get through.
fn through(bench: &mut Bench, client: Client, peer: SocketAddr) -> usize {
    let packet = send_indication(peer, &[0; PACKET]);
    (0..20).filter(|_| !bench.client_sent(client, &packet).is_empty()).count()
}

#[test]
fn a_guest_has_so_many_allocations_and_the_relay_so_many_in_all() {
    let mut bench = Bench::new(|settings| {
        settings.limits.allocations_per_guest = 2;
        settings.limits.allocations = 4;
    });
    let mut callers: Vec<_> =
        (0..4).map(|number| Caller::new(&bench, number, guest(u64::from(number) / 3))).collect();
    let codes: Vec<_> = callers
        .iter_mut()
        .map(|caller| caller.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP)).code)
        .collect();
    assert_eq!(codes, [0, 0, 486, 0], "the third is the same guest's");
    let mut another = Caller::new(&bench, 5, guest(5));
    another.allocate(&mut bench);
    let mut last = Caller::new(&bench, 6, guest(6));
    assert_eq!(last.ask(&mut bench, Method::Allocate, |writer| writer.transport(UDP)).code, 508);
    callers[0].ask(&mut bench, Method::Refresh, |writer| writer.lifetime(0));
    last.allocate(&mut bench);
}

#[test]
fn permissions_and_channels_are_bounded() {
    let mut bench = Bench::new(|settings| (settings.limits.permissions, settings.limits.channels) = (3, 2));
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    let peer = |last: u8| SocketAddr::from(([1, 2, 3, last], 9));
    assert_eq!([1, 2, 3].map(|last| ada.permit(&mut bench, peer(last))), [0, 0, 0]);
    assert_eq!(ada.permit(&mut bench, peer(4)), 508);
    assert_eq!(ada.permit(&mut bench, peer(3)), 0, "one that is there is refreshed");
    assert_eq!([1, 2].map(|at| ada.bind(&mut bench, 0x4000 + at, peer(at as u8))), [0, 0]);
    assert_eq!(ada.bind(&mut bench, 0x4003, peer(3)), 508);
    bench.wait(301);
    assert_eq!(ada.permit(&mut bench, peer(4)), 0, "what has run out makes room");
}

#[test]
fn a_guest_over_their_bandwidth_slows_nobody_else() {
    let mut bench = Bench::new(|settings| settings.limits.guest_bandwidth = TEN_A_SECOND);
    let (mut ada, mut ben) = (Caller::new(&bench, 1, guest(1)), Caller::new(&bench, 2, guest(2)));
    let mut second = Caller::new(&bench, 3, guest(1));
    for caller in [&mut ada, &mut ben, &mut second] {
        caller.allocate(&mut bench);
        caller.permit(&mut bench, address(PEER));
    }
    assert_eq!(through(&mut bench, ada.client, address(PEER)), 10);
    assert_eq!(through(&mut bench, second.client, address(PEER)), 0, "all allocations of a guest together");
    assert_eq!(through(&mut bench, ben.client, address(PEER)), 10);
    bench.seconds += 1;
    assert_eq!(through(&mut bench, ada.client, address(PEER)), 10);
}

#[test]
fn who_gives_all_back_and_begins_anew_owes_as_much_as_before() {
    let mut bench = Bench::new(|settings| settings.limits.guest_bandwidth = TEN_A_SECOND);
    let mut ada = Caller::new(&bench, 1, guest(1));
    for allowed in [10, 0, 0] {
        ada.allocate(&mut bench);
        ada.permit(&mut bench, address(PEER));
        assert_eq!(through(&mut bench, ada.client, address(PEER)), allowed);
        assert_eq!(ada.ask(&mut bench, Method::Refresh, |writer| writer.lifetime(0)).code, 0);
        bench.input(Input::Tick);
    }
    bench.wait(1);
    assert!(bench.machine.owners.is_empty(), "what is paid for is not kept");
    ada.allocate(&mut bench);
    ada.permit(&mut bench, address(PEER));
    assert_eq!(through(&mut bench, ada.client, address(PEER)), 10);
}

#[test]
fn what_a_guest_is_sent_inside_the_relay_is_paid_by_who_sends_it() {
    let mut bench = Bench::new(|settings| settings.limits.guest_bandwidth = TEN_A_SECOND);
    let (mut ada, mut eve) = (Caller::new(&bench, 1, guest(1)), Caller::new(&bench, 2, guest(2)));
    let (of_ada, of_eve) = (ada.allocate(&mut bench), eve.allocate(&mut bench));
    // By its address alone: a guest of the relay whom Ada talks to shares it with all others.
    ada.permit(&mut bench, of_eve);
    eve.permit(&mut bench, of_ada);
    assert_eq!(through(&mut bench, eve.client, of_ada), 10, "as much as is Eve's");
    ada.permit(&mut bench, address(PEER));
    assert_eq!(through(&mut bench, ada.client, address(PEER)), 10, "and all of Ada's is left");
    bench.seconds += 1;
    let relayed = of_ada.port();
    let heard = (0..20).filter(|_| !bench.peer_sent(relayed, address(PEER), &[0; PACKET]).is_empty());
    assert_eq!(heard.count(), 10, "what comes from outside is hers to pay");
}

#[test]
fn an_allocation_of_both_families_counts_twice() {
    let both = |writer: Writer| writer.transport(UDP).additional_family();
    let one = |writer: Writer| writer.transport(UDP);
    let limited = |of_guest, of_all| {
        Bench::new(move |settings| {
            settings.limits.allocations_per_guest = of_guest;
            settings.limits.allocations = of_all;
        })
    };
    for (mut bench, refused) in [(limited(3, 100), 486), (limited(100, 3), 508)] {
        let mut callers: Vec<_> = (0..4).map(|number| Caller::new(&bench, number, guest(1))).collect();
        let answer = callers[0].ask(&mut bench, Method::Allocate, both);
        assert_eq!((answer.code, answer.relayed.len()), (0, 2));
        let answer = callers[1].ask(&mut bench, Method::Allocate, both);
        assert_eq!((answer.code, answer.relayed.len()), (0, 1), "there is room for one more alone");
        assert_eq!(callers[2].ask(&mut bench, Method::Allocate, one).code, refused);
        let farewell = |writer: Writer| writer.lifetime(0).family(Family::V6);
        assert_eq!(callers[0].ask(&mut bench, Method::Refresh, farewell).code, 0);
        assert_eq!(callers[2].ask(&mut bench, Method::Allocate, one).code, 0, "one was given back");
        assert_eq!(callers[3].ask(&mut bench, Method::Allocate, one).code, refused);
    }
}

#[test]
fn a_permission_is_for_an_address_however_many_of_its_ports_are_named() {
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    ada.allocate(&mut bench);
    let named = |peers: &[SocketAddr]| {
        let peers = peers.to_vec();
        move |writer: Writer| peers.iter().fold(writer, |writer, peer| writer.peer(*peer))
    };
    let ports: Vec<_> = (0..100).map(|port| SocketAddr::from(([1, 2, 3, 4], 7000 + port))).collect();
    assert_eq!(ada.ask(&mut bench, Method::CreatePermission, named(&ports)).code, 0);
    let addresses: Vec<_> = (0..65).map(|last| SocketAddr::from(([1, 2, 4, last], 7000))).collect();
    assert_eq!(ada.ask(&mut bench, Method::CreatePermission, named(&addresses)).code, 508);
    assert_eq!(ada.ask(&mut bench, Method::CreatePermission, named(&addresses[..63])).code, 0);
}
