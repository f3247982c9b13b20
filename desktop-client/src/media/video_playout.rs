//! When a picture is shown: as late as it takes for nearly all pictures to be on time, and no later. Pure.
//!
//! A packet that is sent again costs its picture, and those behind it, a round trip. Shown as they become ready they would
//! stall and hurry; shown a round trip later they move evenly. What it takes is seen in the pictures themselves: by how
//! much more than the quickest of late each was ready after its capture. Where all are ready in time nothing is added.

use std::collections::VecDeque;

/// Pictures that the delay is made of: five seconds at 30 per second.
const PICTURES: usize = 150;
/// Fewer say nothing.
const PICTURES_MIN: usize = 15;
/// Share of pictures that shall be on time.
const COVERED: f64 = 0.95;
/// For how long the quickest picture is what others are compared with, µs.
const BASE_US: i64 = 10_000_000;
/// Unevenness that nobody sees, µs: half the time of a picture.
const UNSEEN_US: i64 = 16_000;
/// The least delay where one is needed, and the most: beyond it people notice the delay more than the stalls, µs.
const DELAY_US: (i64, i64) = (20_000, 300_000);
/// Beyond what was seen: the grain of our own scheduling, µs.
const MARGIN_US: i64 = 5_000;
/// What a picture takes from a delay that is not needed any more, µs: a sixtieth of the speed.
const SHRINK_US: i64 = 500;
/// A picture out of line by more than this begins a new stream, µs.
const JUMP_US: i64 = 10_000_000;

/// The delay of one stream.
#[derive(Debug, Default)]
pub struct VideoPlayout {
    /// The RTP timestamp of the last picture, and what that is on an endless line, µs.
    last: Option<(u32, i64)>,
    /// When each of the quickest pictures of late was ready and its transit, rising, µs.
    least: VecDeque<(i64, i64)>,
    /// How much slower the last pictures were than the quickest, µs.
    slower: VecDeque<i64>,
    delay_us: i64,
}

impl VideoPlayout {
    /// When to show a picture with this RTP timestamp that is ready at `ready_us` of our clock.
    pub fn due_us(&mut self, rtp_timestamp: u32, ready_us: u64) -> u64 {
        let ready = ready_us as i64;
        let capture_us = self.capture_us(rtp_timestamp);
        let transit_us = ready - capture_us;
        if self.least.back().is_some_and(|(_, transit)| (transit_us - transit).abs() > JUMP_US) {
            *self = Self { last: self.last, ..Self::default() };
        }
        while self.least.back().is_some_and(|(_, transit)| *transit >= transit_us) {
            self.least.pop_back();
        }
        self.least.push_back((ready, transit_us));
        while self.least.front().is_some_and(|(at, _)| ready - at > BASE_US) {
            self.least.pop_front();
        }
        let base_us = self.least.front().map_or(transit_us, |(_, transit)| *transit);
        if self.slower.len() == PICTURES {
            self.slower.pop_front();
        }
        self.slower.push_back(transit_us - base_us);
        self.follow();
        (capture_us + base_us + self.delay_us).clamp(ready, ready + DELAY_US.1) as u64
    }

    fn capture_us(&mut self, rtp_timestamp: u32) -> i64 {
        let capture_us = self.last.map_or(0, |(last, last_us)| {
            last_us + i64::from(rtp_timestamp.wrapping_sub(last) as i32) * 100 / 9
        });
        self.last = Some((rtp_timestamp, capture_us));
        capture_us
    }

    fn follow(&mut self) {
        let mut sorted = [0; PICTURES];
        let sorted = &mut sorted[..self.slower.len()];
        for (place, slower) in sorted.iter_mut().zip(&self.slower) {
            *place = *slower;
        }
        let place = ((sorted.len() - 1) as f64 * COVERED) as usize;
        let covering_us = *sorted.select_nth_unstable(place).1;
        let wanted_us = if covering_us < UNSEEN_US || sorted.len() < PICTURES_MIN {
            0
        } else {
            (covering_us + MARGIN_US).clamp(DELAY_US.0, DELAY_US.1)
        };
        self.delay_us = wanted_us.max(self.delay_us - SHRINK_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE_US: u64 = 33_333;

    /// Shows pictures of which each is ready `slower(number)` µs later than the quickest; the gaps between them, µs.
    fn show(
        playout: &mut VideoPlayout,
        numbers: std::ops::Range<u64>,
        slower: impl Fn(u64) -> u64,
    ) -> Vec<u64> {
        let (mut shown, mut ready) = (Vec::new(), 0);
        for number in numbers {
            // The timestamp comes round in between.
            let timestamp = (number as u32).wrapping_mul(3000).wrapping_sub(900_000);
            ready = ready.max(number * PICTURE_US + 50_000 + slower(number));
            shown.push(playout.due_us(timestamp, ready));
            assert!(*shown.last().expect("just pushed") >= ready, "{number}: shown before it was there");
        }
        shown.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    /// One picture in ten waits for a packet that is sent again.
    fn stalls(number: u64) -> u64 {
        if number.is_multiple_of(10) { 120_000 } else { 0 }
    }

    #[test]
    fn pictures_that_are_ready_in_time_are_shown_at_once() {
        let mut playout = VideoPlayout::default();
        let gaps = show(&mut playout, 0..3000, |number| number % 7 * 2_000);
        assert_eq!(playout.delay_us, 0);
        assert!(gaps.iter().all(|gap| *gap < 60_000), "{gaps:?}");
    }

    #[test]
    fn stalls_become_a_delay_within_a_second_and_pictures_move_evenly() {
        let mut playout = VideoPlayout::default();
        let gaps = show(&mut playout, 0..600, stalls);
        assert!(gaps[60..].iter().all(|gap| (30_000..37_000).contains(gap)), "{:?}", &gaps[60..]);
        assert!((120_000..140_000).contains(&playout.delay_us), "{} µs", playout.delay_us);
    }

    #[test]
    fn the_delay_goes_when_the_path_is_good_again_without_a_jump() {
        let mut playout = VideoPlayout::default();
        show(&mut playout, 0..300, stalls);
        let gaps = show(&mut playout, 300..900, |_| 0);
        assert_eq!(playout.delay_us, 0);
        assert!(gaps.iter().all(|gap| *gap > 30_000), "{gaps:?}");
    }

    #[test]
    fn nothing_a_peer_says_holds_a_picture_for_longer_than_the_most() {
        let mut playout = VideoPlayout::default();
        for number in 0..3000_u64 {
            let timestamp = (number as u32).wrapping_mul(number as u32).wrapping_mul(2_654_435_761);
            let ready = number * PICTURE_US;
            let due = playout.due_us(timestamp, ready);
            assert!((ready..=ready + DELAY_US.1 as u64).contains(&due), "{number}: {due}");
        }
        assert!(playout.slower.len() <= PICTURES && playout.least.len() <= 3000);
    }
}
