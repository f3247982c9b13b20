//! Which packets of pictures are still worth sending again. Pure.
//!
//! Who asked for a key frame gave up what was lost before it, and whoever lost nearly all will do so; requests for it are on
//! their way all the same, and answers to them would take the path from the key frame.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A key frame that was sent not longer ago is what a request is about, or crossed it: its packets are worth it.
const KEY_FRAME_COMES: Duration = Duration::from_millis(1500);

/// What was sent of each stream.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<u32, Sent>);

#[derive(Debug, Clone, Copy)]
struct Sent {
    last: u16,
    /// When the last key frame began to leave.
    key_frame: Option<Instant>,
    /// The first packet that is worth it, once one is.
    first: Option<u16>,
}

impl Sent {
    /// Nobody waits for any of it any more.
    fn give_up(&mut self, now: Instant) {
        if self.key_frame.is_none_or(|at| now.saturating_duration_since(at) > KEY_FRAME_COMES) {
            self.first = Some(self.last.wrapping_add(1));
        }
    }
}

impl Repeats {
    /// A packet left for the first time.
    pub(super) fn sent(&mut self, now: Instant, ssrc: u32, number: u16, begins_key_frame: bool) {
        let sent = self.0.entry(ssrc).or_insert(Sent { last: number, key_frame: None, first: None });
        sent.last = number;
        if begins_key_frame {
            (sent.key_frame, sent.first) = (Some(now), Some(number));
        } else if sent.first.is_some_and(|first| number.wrapping_sub(first) > u16::MAX / 4) {
            // Numbers come round: what is so old nobody asks for.
            sent.first = None;
        }
    }

    /// The other end asks for a key frame.
    pub(super) fn key_frame_asked(&mut self, now: Instant, ssrc: u32) {
        if let Some(sent) = self.0.get_mut(&ssrc) {
            sent.give_up(now);
        }
    }

    /// Nearly all was lost.
    pub(super) fn outage(&mut self, now: Instant) {
        self.0.values_mut().for_each(|sent| sent.give_up(now));
    }

    /// Whether a packet is to be sent again.
    pub(super) fn is_worth(&self, ssrc: u32, number: u16) -> bool {
        let first = self.0.get(&ssrc).and_then(|sent| sent.first);
        first.is_none_or(|first| number.wrapping_sub(first) <= u16::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: u32 = 2;

    fn after(packets: std::ops::Range<u16>, now: Instant) -> Repeats {
        let mut repeats = Repeats::default();
        packets.for_each(|number| repeats.sent(now, VIDEO, number, false));
        repeats
    }

    #[test]
    fn a_key_frame_makes_good_what_was_before_it() {
        let now = Instant::now();
        let mut repeats = after(65_530..65_535, now);
        assert!(repeats.is_worth(VIDEO, 65_530));
        repeats.sent(now, VIDEO, 65_535, true);
        repeats.sent(now, VIDEO, 0, false);
        assert_eq!([65_534, 65_535, 0].map(|number| repeats.is_worth(VIDEO, number)), [false, true, true]);
    }

    #[test]
    fn who_asks_for_a_key_frame_or_lost_all_waits_for_nothing_older() {
        let now = Instant::now();
        for outage in [false, true] {
            let mut repeats = after(0..10, now);
            if outage {
                repeats.outage(now);
            } else {
                repeats.key_frame_asked(now, VIDEO);
            }
            repeats.sent(now, VIDEO, 10, false);
            assert_eq!([9, 10].map(|number| repeats.is_worth(VIDEO, number)), [false, true]);
        }
    }

    #[test]
    fn a_request_that_crossed_a_key_frame_does_not_give_it_up() {
        let now = Instant::now();
        let mut repeats = after(0..10, now);
        repeats.sent(now, VIDEO, 10, true);
        repeats.sent(now, VIDEO, 11, false);
        repeats.key_frame_asked(now + KEY_FRAME_COMES, VIDEO);
        assert!(repeats.is_worth(VIDEO, 10));
        repeats.key_frame_asked(now + KEY_FRAME_COMES * 2, VIDEO);
        assert!(!repeats.is_worth(VIDEO, 11));
    }

    #[test]
    fn numbers_that_come_round_are_worth_it_again() {
        let now = Instant::now();
        let mut repeats = Repeats::default();
        repeats.sent(now, VIDEO, 0, true);
        for number in 1..60_000_u16 {
            repeats.sent(now, VIDEO, number, false);
            assert!(repeats.is_worth(VIDEO, number), "{number}");
        }
    }
}
