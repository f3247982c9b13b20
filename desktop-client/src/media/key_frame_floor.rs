//! When to ask the sender for a key frame: at once, then again while none has come, but never too often. Pure.
//!
//! Key frames are large; a sender flooded with requests makes the congestion worse that lost the last one.

use std::time::{Duration, Instant};

/// Least time between the first two requests: a key frame needs about this long to be made, sent and received.
pub const FLOOR: Duration = Duration::from_millis(300);
/// Each request that brings none doubles the time, as often as this: on a path that is full, more key frames fill it for good.
const DOUBLINGS: u32 = 2;

/// The requests of one stream.
#[derive(Debug, Default)]
pub struct KeyFrameFloor {
    wanted: bool,
    asked: Option<Instant>,
    /// Requests since the last key frame.
    unanswered: u32,
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
        self.wanted = false;
        self.unanswered = 0;
    }

    /// Whether to ask now; counts as asked if so.
    pub fn ask(&mut self, now: Instant) -> bool {
        let due = self.wanted && self.floor_ends().is_none_or(|at| at <= now);
        if due {
            self.asked = Some(now);
            self.unanswered += 1;
        }
        due
    }

    /// When [`ask`](Self::ask) is due, if the floor puts it off.
    pub fn next_ask(&self) -> Option<Instant> {
        self.floor_ends().filter(|_| self.wanted)
    }

    fn floor_ends(&self) -> Option<Instant> {
        let doublings = self.unanswered.saturating_sub(1).min(DOUBLINGS);
        self.asked.map(|asked| asked + FLOOR * (1 << doublings))
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
    fn requests_that_bring_nothing_become_rarer_until_one_does() {
        let start = Instant::now();
        let mut floor = KeyFrameFloor::new();
        floor.want();
        let mut asked = Vec::new();
        for ms in 0..5000 {
            if floor.ask(start + Duration::from_millis(ms)) {
                asked.push(ms);
            }
        }
        assert_eq!(asked, [0, 300, 900, 2100, 3300, 4500]);
        floor.satisfied();
        floor.want();
        assert_eq!(floor.next_ask(), Some(start + Duration::from_millis(4500) + FLOOR));
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
