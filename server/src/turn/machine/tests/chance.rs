//! Seeded schedules and rubbish: whatever comes in whatever order, nothing panics, leaks or outgrows its bounds.

use super::*;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

impl Bench {
    /// What must hold after every input.
    fn check(&self, open: &BTreeSet<u16>) {
        let machine = &self.machine;
        let of_allocations: usize = machine.allocations.values().map(|one| one.relayed.len()).sum();
        assert_eq!(machine.ports.len(), of_allocations, "each relayed address is found by its port");
        assert_eq!(open.len(), of_allocations, "a socket is open exactly as long as its allocation lives");
        for (client, allocation) in &machine.allocations {
            for relayed in allocation.relayed.values() {
                let at = (Family::of(relayed.shown.ip()), relayed.shown.port());
                assert_eq!(machine.ports.get(&at), Some(client));
            }
        }
        let counted: usize = machine.owners.values().map(|account| account.addresses).sum();
        assert_eq!(counted, of_allocations, "quotas count what is there");
        let most = machine.owners.values().map(|account| account.addresses).max().unwrap_or(0);
        assert!(most <= machine.limits.allocations_per_guest && counted <= machine.limits.allocations);
        assert_eq!(self.counters.allocations(), machine.allocations.len() as u64);
    }
}

fn any_peer(random: &mut ChaCha8Rng, relayed: &[SocketAddr]) -> SocketAddr {
    let fixed = ["1.2.3.4:7000", "1.2.3.5:7000", "192.168.0.1:80", "[2606:4700::1111]:80", "10.0.0.5:22"];
    let at = random.random_range(0..fixed.len() + relayed.len());
    fixed.get(at).map_or_else(|| relayed[at - fixed.len()], |text| address(text))
}

fn any_packet(random: &mut ChaCha8Rng, caller: &mut Caller, relayed: &[SocketAddr]) -> Vec<u8> {
    let peer = any_peer(random, relayed);
    let number = 0x4000 + random.random_range(0..4);
    match random.random_range(0..12) {
        0 | 1 => caller.signed(Method::Allocate, |writer| writer.transport(UDP)),
        2 => caller.signed(Method::Allocate, |writer| writer.transport(UDP).additional_family()),
        3 => caller.signed(Method::Refresh, |writer| writer.lifetime(600)),
        4 => caller.signed(Method::Refresh, |writer| writer.lifetime(0)),
        5 => caller.signed(Method::CreatePermission, |writer| writer.peer(peer)),
        6 => caller.signed(Method::ChannelBind, |writer| writer.channel(number).peer(peer)),
        7 | 8 => channel_data(number, &[7; 100]),
        9 | 10 => send_indication(peer, &[8; 100]),
        _ => Writer::request(Method::Binding, caller.transaction()).finish(None),
    }
}

/// One thing that happens, and to whom.
fn happens(
    random: &mut ChaCha8Rng,
    bench: &mut Bench,
    caller: &mut Caller,
    relayed: &[SocketAddr],
) -> Vec<Sent> {
    match random.random_range(0..100) {
        0..5 => bench.wait(random.random_range(1..200)),
        5..9 => bench.input(Input::Gone(caller.client)),
        9 => bench.input(Input::End(Whose::Guest(random.random_range(0..4)))),
        10..20 => {
            let peer = any_peer(random, relayed);
            bench.peer_sent(40_000 + random.random_range(0..60), peer, &[9; 50])
        }
        _ => {
            let packet = any_packet(random, caller, relayed);
            bench.client_sent(caller.client, &packet)
        }
    }
}

#[test]
fn whatever_happens_sockets_quotas_and_ports_agree() {
    for seed in 0..40 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::new(|settings| {
            settings.limits.allocations_per_guest = 3;
            settings.limits.allocations = 7;
        });
        bench.machine.sockets.left = 60;
        let mut callers: Vec<_> =
            (0..12).map(|number| Caller::new(&bench, number, guest(u64::from(number) % 4))).collect();
        let (mut open, mut relayed) = (BTreeSet::new(), Vec::new());
        for _ in 0..1500 {
            let who = random.random_range(0..callers.len());
            for sent in happens(&mut random, &mut bench, &mut callers[who], &relayed) {
                match sent {
                    Sent::Open(port) => assert!(open.insert(port), "a socket is opened once"),
                    Sent::Close(port) => assert!(open.remove(&port), "and closed once"),
                    Sent::Peer(port, to, _) => {
                        assert!(open.contains(&port), "from a socket that is open");
                        assert!(crate::turn::peers::is_public(to.ip()), "never to {to}");
                    }
                    Sent::Client(_, bytes) => {
                        let Some(answer) = Response::read(&bytes, None) else { continue };
                        relayed.extend(answer.relayed);
                        relayed.truncate(20);
                        callers[who].nonce = answer.nonce.unwrap_or(callers[who].nonce.clone());
                    }
                }
            }
            bench.check(&open);
        }
        assert!(bench.counters.allocations_made() > 5, "seed {seed} did something");
        bench.wait(3601);
        assert_eq!(bench.machine.allocations(), 0, "all ends by itself");
        assert!(bench.machine.owners.is_empty(), "and nothing is kept of anybody");
    }
}

#[test]
fn rubbish_and_mutations_of_valid_packets_do_no_harm() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut bench = Bench::new(|_| {});
    let mut ada = Caller::new(&bench, 1, guest(1));
    let relayed = ada.allocate(&mut bench);
    ada.bind(&mut bench, 0x4000, address("1.2.3.4:7000"));
    for round in 0..50_000 {
        let mut packet = if round % 4 == 0 {
            let mut rubbish = vec![0; random.random_range(0..600)];
            random.fill_bytes(&mut rubbish);
            rubbish
        } else {
            any_packet(&mut random, &mut ada, &[relayed])
        };
        for _ in 0..random.random_range(1..5) {
            let at = random.random_range(0..packet.len().max(1));
            match random.random_range(0..4) {
                0 => packet.truncate(at),
                1 => packet.extend_from_slice(&[0xff; 5]),
                _ => {
                    if let Some(byte) = packet.get_mut(at) {
                        *byte = random.random();
                    }
                }
            }
        }
        bench.client_sent(ada.client, &packet);
        crate::turn::wire::frame_bytes(&packet).ok();
        Response::read(&packet, Some(&ada.key));
        if round % 100 == 0 {
            bench.seconds += 1;
        }
    }
    assert!(bench.machine.allocations() <= 1 && bench.machine.unproven.len() <= 1);
}
