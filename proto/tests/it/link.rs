//! Two links over transports that break: every frame once and in order, whatever is lost on the way.

use castle::link::{Arrival, Link, LinkError, Overflow};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

type Frame = (u64, u32);

fn send(link: &mut Link<Frame>, value: u32) -> Result<Frame, Overflow> {
    link.send(|seq| ((seq, value), 8)).copied()
}

#[test]
fn a_frame_is_delivered_once_however_often_it_comes() {
    let mut link = Link::<Frame>::default();
    assert_eq!(link.receive(1), Ok(Arrival::Deliver));
    assert_eq!(link.receive(1), Ok(Arrival::Duplicate));
    assert_eq!(link.receive(3), Err(LinkError::Gap { expected: 2, got: 3 }));
    assert_eq!(link.untold(), 1);
    assert_eq!((link.ack(), link.untold()), (1, 0));
}

#[test]
fn what_is_not_acknowledged_is_replayed_in_order() {
    let mut link = Link::default();
    for value in 0..4 {
        send(&mut link, value).expect("well below the bound");
    }
    link.acknowledge(1).expect("it was sent");
    let replay: Vec<Frame> = link.resume(2).expect("same session").copied().collect();
    assert_eq!(replay, [(3, 2), (4, 3)]);
}

#[test]
fn the_bound_refuses_and_keeps_what_it_has() {
    let mut link = Link::with_bounds(2, 1000);
    send(&mut link, 1).expect("first");
    send(&mut link, 2).expect("second");
    assert_eq!(send(&mut link, 3), Err(Overflow { frames: 2, bytes: 16 }));
    link.acknowledge(1).expect("it was sent");
    assert_eq!(send(&mut link, 3), Ok((3, 3)), "the refused frame used no number");

    let mut link = Link::with_bounds(100, 20);
    send(&mut link, 1).expect("first");
    send(&mut link, 2).expect("second");
    assert_eq!(send(&mut link, 3), Err(Overflow { frames: 2, bytes: 16 }), "bytes are bounded too");
}

#[test]
fn a_peer_of_another_session_is_found_out() {
    let mut link = Link::default();
    send(&mut link, 1).expect("first");
    send(&mut link, 2).expect("second");
    assert_eq!(link.acknowledge(3), Err(LinkError::AckedUnsent { acked: 3, sent: 2 }));
    link.acknowledge(2).expect("it was sent");
    assert_eq!(link.resume(1).err(), Some(LinkError::ReplayLost { received: 1, acked: 2 }));
}

/// Two ends, and a transport that loses everything in flight whenever it breaks.
struct Pair {
    ends: [Link<Frame>; 2],
    flight: [VecDeque<(Option<Frame>, u64)>; 2],
    sent: [u32; 2],
    got: [u32; 2],
}

impl Pair {
    fn new() -> Self {
        Self {
            ends: [Link::default(), Link::default()],
            flight: Default::default(),
            sent: [0; 2],
            got: [0; 2],
        }
    }

    fn say(&mut self, from: usize) {
        let end = &mut self.ends[from];
        if let Ok(frame) = send(end, self.sent[from]) {
            self.sent[from] += 1;
            let ack = end.ack();
            self.flight[from].push_back((Some(frame), ack));
        }
    }

    fn hear(&mut self, at: usize) {
        if let Some((frame, ack)) = self.flight[1 - at].pop_front() {
            self.ends[at].acknowledge(ack).expect("an honest peer");
            if let Some((seq, value)) = frame
                && self.ends[at].receive(seq).expect("no gap within a transport") == Arrival::Deliver
            {
                assert_eq!(value, self.got[at], "in order, none lost, none twice");
                self.got[at] += 1;
            }
        }
    }

    fn reconnect(&mut self) {
        self.flight.iter_mut().for_each(VecDeque::clear);
        for from in 0..2 {
            let received = self.ends[1 - from].received();
            let replay: Vec<Frame> =
                self.ends[from].resume(received).expect("same session").copied().collect();
            let ack = self.ends[from].ack();
            self.flight[from].extend(replay.into_iter().map(|frame| (Some(frame), ack)));
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_over_transports_that_break() {
    for seed in 0..2_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::new();
        for _ in 0..300 {
            let end = rng.random_range(0..2usize);
            match rng.random_range(0..100) {
                0..45 => pair.say(end),
                45..90 => pair.hear(end),
                90..96 => {
                    let ack = pair.ends[end].ack();
                    pair.flight[end].push_back((None, ack));
                }
                _ => pair.reconnect(),
            }
        }
        pair.reconnect();
        while pair.flight.iter().any(|flight| !flight.is_empty()) {
            pair.hear(0);
            pair.hear(1);
        }
        assert_eq!(pair.got, [pair.sent[1], pair.sent[0]], "seed {seed}");
    }
}
