//! How good a call is at a glance, and whether its picture stands still. Pure.

use crate::view::{CallStats, FROZEN_AFTER, Frozen, Quality, STATS_HISTORY_MAX, StatsHistory};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From here on something is lost or late: people begin to talk into each other (G.114), and pictures break.
const FAIR: (f64, f64) = (0.02, 250.0);
/// From here on it is hard to talk.
const POOR: (f64, f64) = (0.08, 500.0);
/// Fewer pictures a second are no motion any more.
const POOR_FPS: f64 = 5.0;
/// Seconds in a row that must be worse before the call counts as worse: one burst is none.
const WORSE_AFTER: u32 = 2;
/// Seconds in a row that must be better before it counts as better: a lamp that flickers says nothing.
const BETTER_AFTER: u32 = 5;

/// Judges a call second by second.
#[derive(Debug, Default)]
pub(super) struct Judge {
    shown: Quality,
    leaning: Quality,
    seconds: u32,
    history: StatsHistory,
    path_lost: bool,
}

impl Judge {
    /// The figures of one more second; `pictures`: the other end's camera is on.
    pub(super) fn second(&mut self, stats: CallStats, pictures: bool) {
        let history = Arc::make_mut(&mut self.history);
        history.push(stats);
        if history.len() > STATS_HISTORY_MAX {
            history.remove(0);
        }
        let now = if self.path_lost { Quality::Poor } else { of_second(&stats, pictures) };
        if now == Quality::Unknown || now == self.shown {
            self.seconds = 0;
            return;
        }
        let same_side = rank(now) > rank(self.shown) && rank(self.leaning) > rank(self.shown)
            || rank(now) < rank(self.shown) && rank(self.leaning) < rank(self.shown);
        // Not so bad all the time: only as bad as it was each second. And not so good.
        let milder = |one: Quality, other: Quality| {
            if rank(one).abs_diff(rank(self.shown)) <= rank(other).abs_diff(rank(self.shown)) {
                one
            } else {
                other
            }
        };
        self.leaning = if same_side && self.seconds > 0 { milder(now, self.leaning) } else { now };
        self.seconds = if same_side { self.seconds + 1 } else { 1 };
        let needed = match (self.shown, rank(now) > rank(self.shown)) {
            (Quality::Unknown, _) => 1,
            (_, true) => WORSE_AFTER,
            (_, false) => BETTER_AFTER,
        };
        if self.seconds >= needed {
            (self.shown, self.seconds) = (self.leaning, 0);
        }
    }

    /// Nothing comes or goes any more, or does again: that is known at once, and no figure tells it.
    pub(super) fn path(&mut self, lost: bool) {
        self.path_lost = lost;
        if lost {
            (self.shown, self.seconds) = (Quality::Poor, 0);
        }
    }

    /// Whether nothing comes or goes.
    pub(super) fn path_lost(&self) -> bool {
        self.path_lost
    }

    /// How good it is.
    pub(super) fn quality(&self) -> Quality {
        self.shown
    }

    /// The last two minutes.
    pub(super) fn history(&self) -> StatsHistory {
        self.history.clone()
    }
}

fn rank(quality: Quality) -> u32 {
    match quality {
        Quality::Unknown => 0,
        Quality::Good => 1,
        Quality::Fair => 2,
        Quality::Poor => 3,
    }
}

fn of_second(stats: &CallStats, pictures: bool) -> Quality {
    let (loss, rtt) = (stats.loss, stats.rtt_ms);
    if loss.is_none() && rtt.is_none() {
        return Quality::Unknown;
    }
    let beyond =
        |limit: (f64, f64)| loss.is_some_and(|loss| loss >= limit.0) || rtt.is_some_and(|rtt| rtt >= limit.1);
    let standing = pictures && stats.fps.is_some_and(|fps| fps < POOR_FPS);
    if beyond(POOR) || standing {
        Quality::Poor
    } else if beyond(FAIR) {
        Quality::Fair
    } else {
        Quality::Good
    }
}

/// Sees a picture stand still.
#[derive(Debug, Default)]
pub(super) struct FreezeWatch {
    pictures: u64,
    moved_at: Option<Instant>,
}

impl FreezeWatch {
    /// So many pictures came in all. Nothing is frozen before the first, and while there is no camera.
    pub(super) fn look(&mut self, now: Instant, pictures: u64, camera_on: bool) -> Option<Frozen> {
        if pictures != self.pictures || !camera_on {
            self.pictures = pictures;
            self.moved_at = Some(now);
            return None;
        }
        let since = self.moved_at.filter(|_| pictures > 0)?;
        (now.saturating_duration_since(since) >= FROZEN_AFTER).then_some(Frozen { since })
    }
}

/// Between two looks at levels and pictures.
pub(super) const GLANCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(loss: f64, rtt_ms: f64) -> CallStats {
        CallStats { loss: Some(loss), rtt_ms: Some(rtt_ms), fps: Some(30.0), ..CallStats::default() }
    }

    fn after(judge: &mut Judge, seconds: u32, stats: CallStats) -> Quality {
        (0..seconds).for_each(|_| judge.second(stats, true));
        judge.quality()
    }

    #[test]
    fn one_bad_second_is_none_and_a_good_one_mends_nothing() {
        let (good, fair, poor) = (stats(0.0, 40.0), stats(0.03, 40.0), stats(0.0, 900.0));
        let mut judge = Judge::default();
        assert_eq!(after(&mut judge, 1, CallStats::default()), Quality::Unknown);
        assert_eq!(after(&mut judge, 1, good), Quality::Good);
        assert_eq!(after(&mut judge, 1, poor), Quality::Good);
        assert_eq!(after(&mut judge, 1, good), Quality::Good);
        assert_eq!(after(&mut judge, 2, poor), Quality::Poor);
        assert_eq!(after(&mut judge, 4, good), Quality::Poor);
        assert_eq!(after(&mut judge, 1, fair), Quality::Fair, "better for five seconds, and fair in each");
        assert_eq!(after(&mut judge, 5, good), Quality::Good);
        assert_eq!(after(&mut judge, 1, fair), Quality::Good);
        assert_eq!(after(&mut judge, 1, poor), Quality::Fair, "as bad as it was in both");
    }

    #[test]
    fn a_path_that_is_lost_is_poor_at_once_whatever_the_last_figures_say_and_good_again_only_after_a_while() {
        let (still, good) = (CallStats { loss: None, ..stats(0.0, 40.0) }, stats(0.0, 40.0));
        let mut judge = Judge::default();
        assert_eq!(after(&mut judge, 3, good), Quality::Good);
        judge.path(true);
        assert!(judge.path_lost());
        assert_eq!(judge.quality(), Quality::Poor);
        assert_eq!(after(&mut judge, 20, still), Quality::Poor, "the round trip is that of before");
        judge.path(false);
        assert_eq!(after(&mut judge, 4, good), Quality::Poor);
        assert_eq!((after(&mut judge, 1, good), judge.path_lost()), (Quality::Good, false));
    }

    #[test]
    fn few_pictures_are_poor_only_where_there_should_be_some() {
        let slow = CallStats { fps: Some(2.0), ..stats(0.0, 10.0) };
        assert_eq!((of_second(&slow, true), of_second(&slow, false)), (Quality::Poor, Quality::Good));
    }

    #[test]
    fn two_minutes_are_kept() {
        let mut judge = Judge::default();
        for n in 0..500 {
            judge.second(stats(0.0, f64::from(n)), true);
        }
        let history = judge.history();
        assert_eq!((history.len(), history[0].rtt_ms), (STATS_HISTORY_MAX, Some(380.0)));
    }

    #[test]
    fn a_picture_freezes_after_a_second_and_thaws_with_the_next() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut watch = FreezeWatch::default();
        assert_eq!(watch.look(at(0), 0, true), None);
        assert_eq!(watch.look(at(5000), 0, true), None, "none came yet");
        assert_eq!(watch.look(at(5200), 1, true), None);
        assert_eq!(watch.look(at(6100), 1, true), None);
        assert_eq!(watch.look(at(6200), 1, true), Some(Frozen { since: at(5200) }));
        assert_eq!(watch.look(at(6400), 2, true), None);
        assert_eq!(watch.look(at(9000), 2, false), None, "the camera is off");
        assert_eq!(watch.look(at(9500), 2, true), None);
    }
}
