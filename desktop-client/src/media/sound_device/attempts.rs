//! Which device is opened after one that gave no sound, and how long each is given. Pure.
//!
//! A device that a person chose is stood in for by the system's own as soon as it gives nothing, and stays open meanwhile:
//! wireless ones take seconds to wake, and are used if they do so within ten. If the system's own gives nothing either, both
//! are tried in turn, each time for longer: a system that is merely slow is not opened again and again for nothing. One that
//! is not there is no reason for patience.

use std::time::{Duration, Instant};

use super::watchdog::Waking;

/// How long a device that was chosen may take to wake while the system's own stands in.
const LATE: Duration = Duration::from_secs(10);

/// How a device was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) enum Chosen {
    /// Nobody chose it: the system's own, or none at all.
    No,
    /// By its place in a list, which may be another's by now: who knows the names says so soon.
    ByNumber,
    /// By its name.
    ByName,
}

/// A device that can be seen to have begun.
pub(in crate::media) trait Begins {
    /// Whether it gave or took sound, so that it will again.
    fn has_begun(&self) -> bool;
}

/// The attempts of one thread to have a device.
pub(in crate::media) struct Attempts<D> {
    stands_in: bool,
    waking: Waking,
    /// The one that was chosen, and until when it may wake.
    late: Option<(D, Instant)>,
}

impl<D: Begins> Attempts<D> {
    /// None has been made.
    pub(in crate::media) fn new() -> Self {
        Self { stands_in: false, waking: Waking::FIRST, late: None }
    }

    /// Whether the system's own is to be used in place of the one that was chosen.
    pub(in crate::media) fn stands_in(&self) -> bool {
        self.stands_in
    }

    /// What the next one is given.
    pub(in crate::media) fn waking(&self) -> Waking {
        self.waking
    }

    /// One that was open failed at `now`; if a person chose one, the system's own can stand in for it.
    pub(in crate::media) fn failed(&mut self, device: D, chosen: Chosen, now: Instant) {
        if device.has_begun() {
            *self = Self::new();
            return;
        }
        let was_chosen = chosen != Chosen::No && !self.stands_in;
        self.refused(chosen);
        self.late = was_chosen.then(|| (device, now + LATE));
    }

    /// One did not open.
    pub(in crate::media) fn refused(&mut self, chosen: Chosen) {
        if chosen == Chosen::No || self.stands_in {
            self.waking = self.waking.longer();
            // It is opened anew.
            self.late = None;
        }
        self.stands_in = chosen != Chosen::No && !self.stands_in;
    }

    /// There is none. Whether the system's own is to be opened at once.
    pub(in crate::media) fn missing(&mut self, chosen: Chosen) -> bool {
        if self.stands_in && self.late.take().is_some() {
            // The one that was chosen is there: it is opened anew.
            self.waking = self.waking.longer();
        }
        self.stands_in = !self.stands_in && chosen == Chosen::ByName;
        self.stands_in
    }

    /// The one that was chosen, if it has woken by `now`.
    pub(in crate::media) fn woken(&mut self, now: Instant) -> Option<D> {
        let woken = self.late.take_if(|(device, until)| device.has_begun() || now >= *until)?.0;
        if !woken.has_begun() {
            return None;
        }
        *self = Self::new();
        Some(woken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    /// A device that begins when the test says so.
    #[derive(Clone, Default)]
    struct Told(Rc<Cell<bool>>);

    impl Begins for Told {
        fn has_begun(&self) -> bool {
            self.0.get()
        }
    }

    #[test]
    fn the_systems_own_stands_in_at_once_and_both_are_tried_in_turn_for_longer_each_time() {
        let (mut attempts, now, mut tried) = (Attempts::new(), Instant::now(), Vec::new());
        for _ in 0..8 {
            tried.push((attempts.stands_in(), attempts.waking().first.as_secs()));
            attempts.failed(Told::default(), Chosen::ByNumber, now);
        }
        let turns =
            [(1, false), (1, true), (2, false), (2, true), (4, false), (4, true), (5, false), (5, true)];
        assert_eq!(tried, turns.map(|(seconds, stands_in)| (stands_in, seconds)));
    }

    #[test]
    fn the_systems_own_alone_is_given_twice_as_long_each_time_and_begins_anew_once_it_gave_sound() {
        let (mut attempts, now, mut tried) = (Attempts::new(), Instant::now(), Vec::new());
        for _ in 0..5 {
            tried.push(attempts.waking().first.as_secs());
            attempts.failed(Told::default(), Chosen::No, now);
            assert!(!attempts.stands_in() && attempts.woken(now).is_none());
        }
        assert_eq!(tried, [1, 2, 4, 5, 5]);
        attempts.failed(Told(Rc::new(Cell::new(true))), Chosen::No, now);
        assert_eq!(attempts.waking(), Waking::FIRST);
    }

    #[test]
    fn one_that_was_chosen_and_wakes_late_is_used_from_then_on() {
        let (mut attempts, now, chosen) = (Attempts::new(), Instant::now(), Told::default());
        attempts.failed(chosen.clone(), Chosen::ByName, now);
        assert!(attempts.stands_in() && attempts.woken(now + Duration::from_secs(3)).is_none());
        chosen.0.set(true);
        assert!(attempts.woken(now + Duration::from_secs(4)).is_some());
        assert!(!attempts.stands_in(), "it is in use");
    }

    #[test]
    fn one_that_is_unplugged_is_stood_in_for_at_once_where_it_was_chosen_by_its_name() {
        let (mut attempts, now, unplugged) = (Attempts::new(), Instant::now(), Told::default());
        unplugged.0.set(true);
        attempts.failed(unplugged, Chosen::ByName, now);
        assert!(!attempts.stands_in(), "it may only have failed");
        assert!(attempts.missing(Chosen::ByName) && attempts.stands_in());
        assert_eq!(attempts.waking(), Waking::FIRST);
        assert!(!attempts.missing(Chosen::ByName), "there is none at all: who opens them waits a moment");
        assert!(!attempts.stands_in(), "and looks for the one that was chosen first");
        assert!(attempts.missing(Chosen::ByName));
        let mut attempts = Attempts::new();
        attempts.failed(Told::default(), Chosen::ByName, now);
        assert!(
            !attempts.missing(Chosen::ByName) && attempts.waking() == Waking::FIRST.longer(),
            "it is slow"
        );
        for chosen in [Chosen::No, Chosen::ByNumber] {
            let mut attempts = Attempts::<Told>::new();
            assert!(!attempts.missing(chosen) && !attempts.stands_in(), "{chosen:?}");
        }
    }

    #[test]
    fn one_that_was_chosen_and_never_wakes_is_closed_and_stood_in_for() {
        let (mut attempts, now, chosen) = (Attempts::new(), Instant::now(), Told::default());
        attempts.failed(chosen.clone(), Chosen::ByName, now);
        assert!(attempts.woken(now + LATE).is_none());
        assert_eq!(Rc::strong_count(&chosen.0), 1, "nobody holds it any more");
        assert!(attempts.stands_in());
    }
}
