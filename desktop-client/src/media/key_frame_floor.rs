//! When to ask the sender for a key frame, and when to make one that is asked for. Pure.
//!
//! Who needs one asks at once, then again while none has come: requests get lost like anything else, and are small. Key
//! frames are large, and on a path that is full a second one keeps the first from arriving: how often they are made is for
//! the sender to say, who knows what the path takes.

use std::time::{Duration, Instant};

/// Least time between two requests: a key frame needs about this long to be made, sent and received.
pub const FLOOR: Duration = Duration::from_millis(300);
/// The same while those that come are refused for their size: one of another size may be among what was lost.
const REFUSED_FLOOR: Duration = Duration::from_secs(10);
/// Least time between two key frames that are made because the other end asks, on the best of paths.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Who asks again does so within this time after the pause.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// However thin the path.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// What a key frame of the smallest step takes, bits, and how slowly it leaves at most, bit/s.
const KEY_FRAME_BITS: f64 = 80_000.0;
const LEAVES_BPS: f64 = 250_000.0;

/// How long after a key frame a request is one for another: those before it crossed it on the way, which takes the time
/// in which it leaves at `bps` and a round trip.
pub fn pause(bps: u32, round_trip: Duration) -> Duration {
    let carried = Duration::from_secs_f64(KEY_FRAME_BITS / f64::from(bps).max(LEAVES_BPS));
    (carried + round_trip).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// The same where it is known how long the last one `leaves`, as those of a screen do for longer than any of a camera. Some of
/// that time goes to other streams, and to what is repeated.
pub fn pause_after(leaves: Duration, round_trip: Duration) -> Duration {
    (leaves * 5 / 4 + round_trip).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// When key frames are made that the other end asks for.
///
/// One that is asked for too soon after another is owed, since the other may be lost and some ask but once. Nearly all ask
/// again while they lack one, and most of these requests only crossed the key frame on its way: what is owed is made when
/// nobody asked again, on a thin path a second one at once would keep the first from arriving.
#[derive(Debug, Default)]
pub struct KeyFramePace {
    made: Option<Instant>,
    owed: Option<Instant>,
}

impl KeyFramePace {
    /// The last one was made at `at`, asked for or not: later than it was asked for where a picture had to come first.
    pub fn made(&mut self, at: Instant) {
        if self.made.is_none_or(|made| made < at) {
            (self.made, self.owed) = (Some(at), None);
        }
    }

    /// When to make the one that is asked for at `now`, where `pause` is due after another; `None` where one is owed already.
    /// One that is made earlier is made for all who asked.
    pub fn asked(&mut self, now: Instant, pause: Duration) -> Option<Instant> {
        let owed = self.owed.filter(|at| *at > now);
        self.made = self.owed.filter(|_| owed.is_none()).or(self.made);
        let Some(next) = self.made.map(|made| made + pause).filter(|next| now < *next) else {
            (self.made, self.owed) = (Some(now), None);
            return Some(now);
        };
        self.owed = owed.or(Some(next + ASKED_AGAIN));
        self.owed.filter(|_| owed.is_none())
    }
}

/// The requests of one stream.
#[derive(Debug, Default)]
pub struct KeyFrameFloor {
    wanted: bool,
    /// The last one was of a size that is not shown.
    refused: bool,
    asked: Option<Instant>,
}

impl KeyFrameFloor {
    /// Nothing wanted, nothing asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// A key frame is needed from now on.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A key frame came.
    pub fn satisfied(&mut self) {
        (self.wanted, self.refused) = (false, false);
    }

    /// One came that is refused for its size, as the next one would be.
    pub fn refuse(&mut self) {
        (self.wanted, self.refused) = (false, true);
    }

    /// Whether to ask now; counts as asked if so.
    pub fn ask(&mut self, now: Instant) -> bool {
        let due = self.wanted && self.floor_ends().is_none_or(|at| at <= now);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// When [`ask`](Self::ask) is due, if the floor puts it off.
    pub fn next_ask(&self) -> Option<Instant> {
        self.floor_ends().filter(|_| self.wanted)
    }

    fn floor_ends(&self) -> Option<Instant> {
        let floor = if self.refused { REFUSED_FLOOR } else { FLOOR };
        self.asked.map(|asked| asked + floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_goes_at_once_and_the_next_after_the_floor() {
        let start = Instant::now();
        let mut floor = KeyFrameFloor::new();
        assert!(!floor.ask(start), "nothing is wanted yet");
        floor.want();
        assert!(floor.ask(start));
        assert!(!floor.ask(start + FLOOR / 2));
        assert!(floor.ask(start + FLOOR), "no key frame came: ask again");
        floor.satisfied();
        assert!(!floor.ask(start + FLOOR * 9));
        assert_eq!(floor.next_ask(), None);
    }

    #[test]
    fn requests_go_on_until_one_is_answered() {
        let start = Instant::now();
        let mut floor = KeyFrameFloor::new();
        floor.want();
        let asked = (0..1500).filter(|ms| floor.ask(start + Duration::from_millis(*ms)));
        assert_eq!(asked.collect::<Vec<_>>(), [0, 300, 600, 900, 1200]);
        floor.satisfied();
        floor.want();
        assert_eq!(floor.next_ask(), Some(start + Duration::from_millis(1200) + FLOOR));
    }

    /// When key frames are made for requests at these times, with a pause of 400 ms, ms.
    fn made(asked: &[u64]) -> Vec<Option<u128>> {
        let (mut pace, start) = (KeyFramePace::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let made = asked.iter().map(|ms| pace.asked(at(*ms), Duration::from_millis(400)));
        made.map(|made| made.map(|made| made.duration_since(start).as_millis())).collect()
    }

    #[test]
    fn a_key_frame_that_is_asked_for_too_soon_is_owed_and_made_at_once_for_who_asks_again() {
        assert_eq!(made(&[0, 100]), [Some(0), Some(1400)], "the first may be lost, and nobody ask again");
        assert_eq!(made(&[0, 100, 200]), [Some(0), Some(1400), None], "the same one");
        assert_eq!(made(&[0, 100, 400]), [Some(0), Some(1400), Some(400)], "whoever lacks one asks again");
        assert_eq!(
            made(&[0, 100, 1500]),
            [Some(0), Some(1400), Some(2800)],
            "what was owed was made meanwhile"
        );
        assert_eq!(made(&[0, 100, 400, 500]), [Some(0), Some(1400), Some(400), Some(1800)]);
        assert_eq!(made(&[0, 3000]), [Some(0), Some(3000)]);
    }

    #[test]
    fn who_asks_while_a_key_frame_of_a_screen_leaves_gets_no_second_one() {
        let (mut pace, start) = (KeyFramePace::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        // It takes 600 ms of the rate, once the next picture is there.
        let pause = pause_after(Duration::from_millis(600), Duration::from_millis(40));
        let mut made = Vec::new();
        for asked in [0, 300, 600, 900] {
            if asked > 150 {
                pace.made(at(150));
            }
            let due = pace.asked(at(asked), pause);
            made.extend(due.filter(|due| *due <= at(1000)).map(|_| asked));
        }
        assert_eq!(made, [0], "it is seen at 150 + 600 + 20 ms, and nobody asks any more");
        assert_eq!(pace.asked(at(1200), pause), Some(at(1200)), "who asks still has lost it");
    }

    #[test]
    fn the_thinner_and_longer_the_path_the_rarer_are_key_frames() {
        let round_trip = Duration::from_millis(40);
        let pauses = [2_000_000, 300_000, 1000, 0].map(|bps| pause(bps, round_trip).as_millis());
        assert_eq!(pauses, [250, 306, 360, 360]);
        assert_eq!(pause(2_000_000, Duration::from_millis(400)).as_millis(), 440);
    }

    #[test]
    fn where_key_frames_are_refused_for_their_size_another_is_asked_for_rarely_and_only_after_a_loss() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut floor = KeyFrameFloor::new();
        floor.want();
        assert!(floor.ask(start));
        floor.refuse();
        assert_eq!(floor.next_ask(), None, "the next one would be of the same size");
        floor.want();
        let asked = (0..25_000).filter(|ms| floor.ask(at(*ms)));
        assert_eq!(asked.collect::<Vec<_>>(), [10_000, 20_000]);
        floor.satisfied();
        floor.want();
        assert!(floor.ask(at(25_000)), "one of another size came: all is as it was");
    }

    #[test]
    fn a_new_need_right_after_a_request_waits_for_the_floor() {
        let start = Instant::now();
        let mut floor = KeyFrameFloor::new();
        floor.want();
        assert!(floor.ask(start));
        floor.satisfied();
        floor.want();
        assert!(!floor.ask(start + FLOOR / 3));
        assert_eq!(floor.next_ask(), Some(start + FLOOR));
    }
}
