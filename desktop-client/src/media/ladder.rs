//! Which size and rate of picture a bitrate can carry. Pure.
//!
//! Four steps, from the bitrates at which others change theirs (see the constants): down at once, up only after the
//! rate has been clearly enough for a while, so that a wavering estimate does not make the picture jump. A machine that
//! takes too long to encode gets smaller pictures as well: fluent before sharp. Pictures that cost less than they may are
//! larger than their bitrate alone says (`cost`).

mod cost;

use cost::Cost;
use std::time::{Duration, Instant};

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Most pixels down.
    pub height: usize,
    /// Most frames per second.
    pub fps: u32,
    /// Bitrate from which the step is worth taking, bit/s.
    pub from_bps: u32,
}

/// Best first. VP8 at its real-time speeds needs about these rates for a picture that is not blocky.
pub const RUNGS: [Rung; 4] = [
    Rung { height: 720, fps: 30, from_bps: 1_200_000 },
    Rung { height: 540, fps: 30, from_bps: 700_000 },
    Rung { height: 360, fps: 30, from_bps: 350_000 },
    Rung { height: 360, fps: 15, from_bps: 0 },
];
/// The widest picture that is sent: what decoders of ours take.
const WIDTH_MAX: usize = 1920;
/// Steps of a screen, best first: fewer pictures before smaller ones, whether bits or time are short. Text stays as large
/// as it is for as long as some pictures a second can be had.
const SCREEN_RUNGS: [Rung; 5] = [
    Rung { height: 1080, fps: 15, from_bps: 1_500_000 },
    Rung { height: 1080, fps: 10, from_bps: 700_000 },
    Rung { height: 1080, fps: 5, from_bps: 300_000 },
    Rung { height: 720, fps: 5, from_bps: 150_000 },
    Rung { height: 540, fps: 3, from_bps: 0 },
];
/// A step up is taken at this many percent of its bitrate ...
const UP_PERCENT: u64 = 115;
/// ... held for this long,
const UP_AFTER: Duration = Duration::from_secs(3);
/// or for this long where it leads back to a step that the path carried well: pictures of a smaller one prove no rate.
const BACK_AFTER: Duration = Duration::from_millis(700);
/// A step was carried well that was kept for so long ...
const KEPT: Duration = Duration::from_secs(4);
/// ... and is remembered for so long.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Encoding may take this share of a frame's time: beyond it pictures come late, and then not at all.
const BUSY: f64 = 0.7;
/// Below this share a larger picture would fit.
const EASY: f64 = 0.3;
/// Share of a new reading in the mean.
const BUSY_READING: f64 = 1.0 / 16.0;
/// A machine that is busy for this long gets smaller pictures.
const BUSY_AFTER: Duration = Duration::from_secs(1);
/// One that is at ease for this long gets larger ones; longer each time that they were too large at once.
const EASY_AFTER: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(120));

/// The last step with all frames: a busy machine is asked for less of each picture, not for fewer of them.
const FLUENT: usize = 2;

/// The current step, and since when a better one has been affordable.
#[derive(Clone, Debug)]
pub struct Ladder {
    rungs: &'static [Rung],
    /// The last step that a busy machine is taken to.
    eased_to: usize,
    /// Whether a better step is taken as soon as the rate carries it: nothing moves smoothly on a screen.
    jumps: bool,
    step: usize,
    /// Since when the step is taken.
    since: Option<Instant>,
    /// The best step that the path carried well, and when it was left.
    carried: Option<(usize, Instant)>,
    affordable_since: Option<Instant>,
    cost: Cost,
    pressure: Pressure,
}

/// What the machine can encode in time.
#[derive(Clone, Debug)]
struct Pressure {
    /// The best step that it can, as far as was seen.
    best: usize,
    /// Share of a frame's time that encoding takes, averaged.
    busy: f64,
    busy_since: Option<Instant>,
    easy_since: Option<Instant>,
    eased_at: Option<Instant>,
    easy_after: Duration,
}

impl Pressure {
    fn new() -> Self {
        let (busy_since, easy_since, eased_at) = (None, None, None);
        Self { best: 0, busy: 0.0, busy_since, easy_since, eased_at, easy_after: EASY_AFTER.0 }
    }

    /// Encoding took this share of the time that a picture has at `step`; the machine is eased to the step `last` at most.
    fn note(&mut self, now: Instant, share: f64, step: usize, last: usize) {
        self.busy += (share - self.busy) * BUSY_READING;
        if self.busy > BUSY {
            self.easy_since = None;
            let since = *self.busy_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= BUSY_AFTER && step < last {
                let soon = |eased: Instant| now.saturating_duration_since(eased) < self.easy_after;
                if self.eased_at.is_some_and(soon) {
                    self.easy_after = (self.easy_after * 2).min(EASY_AFTER.1);
                }
                (self.best, self.busy, self.busy_since) = (step + 1, BUSY / 2.0, None);
            }
            return;
        }
        self.busy_since = None;
        if self.busy >= EASY || self.best == 0 {
            self.easy_since = None;
            return;
        }
        let since = *self.easy_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.easy_after {
            self.best -= 1;
            (self.easy_since, self.eased_at) = (None, Some(now));
        }
    }
}

impl Ladder {
    /// For a camera, at the step that `target_bps` can carry.
    pub fn new(target_bps: u32) -> Self {
        Self::of(&RUNGS, FLUENT, target_bps)
    }

    /// For a screen, at the step that `target_bps` can carry.
    pub fn of_screen(target_bps: u32) -> Self {
        Self { jumps: true, ..Self::of(&SCREEN_RUNGS, SCREEN_RUNGS.len() - 1, target_bps) }
    }

    fn of(rungs: &'static [Rung], eased_to: usize, target_bps: u32) -> Self {
        let (since, carried, affordable_since) = (None, None, None);
        let (step, cost, pressure) = (carried_by(rungs, target_bps), Cost::new(), Pressure::new());
        Self { rungs, eased_to, jumps: false, step, since, carried, affordable_since, cost, pressure }
    }

    /// The step for a target bitrate of `target_bps` at `now`.
    pub fn rung(&mut self, now: Instant, target_bps: u32) -> Rung {
        let carried = carried_by(self.rungs, target_bps);
        if self.jumps {
            self.step = carried;
            return self.rungs[self.current()];
        }
        let comfortable = carried_by(self.rungs, (u64::from(target_bps) * 100 / UP_PERCENT) as u32);
        let kept = now.saturating_duration_since(*self.since.get_or_insert(now));
        let cheap = self.cheap(now, target_bps);
        if carried > self.step && !self.cost.is_easy(self.rungs[self.step].fps, target_bps) {
            if kept >= KEPT {
                self.carried = Some((self.step, now));
            }
            self.take(now, carried, target_bps);
        } else if let Some(better) = Some(comfortable).filter(|step| *step < self.step).or(cheap) {
            let since = *self.affordable_since.get_or_insert(now);
            let back = self.carried.filter(|(step, left)| {
                *step < self.step && now.saturating_duration_since(*left) < REMEMBERED
            });
            let after = if back.is_some() { BACK_AFTER } else { UP_AFTER };
            if now.saturating_duration_since(since) >= after {
                self.take(now, back.map_or(better, |(step, _)| better.max(step)), target_bps);
            }
        } else {
            self.affordable_since = None;
        }
        self.rungs[self.current()]
    }

    /// The next larger step where it would cost little, whatever its bitrate.
    fn cheap(&self, now: Instant, target_bps: u32) -> Option<usize> {
        let better = self.step.checked_sub(1).filter(|_| self.step == self.current())?;
        let [from, to] = [self.step, better].map(|step| {
            let rung = self.rungs[step];
            (rung.height * rung.height) as f64 * f64::from(rung.fps)
        });
        self.cost.fits(now, self.rungs[self.step].fps, target_bps, to / from).then_some(better)
    }

    fn take(&mut self, now: Instant, step: usize, target_bps: u32) {
        let tried = (step < carried_by(self.rungs, target_bps)).then_some(target_bps);
        self.cost.stepped(now, tried, step > self.step);
        (self.step, self.since, self.affordable_since) = (step, Some(now), None);
    }

    /// A picture that is no key frame took so many bytes.
    pub fn spent(&mut self, bytes: usize) {
        self.cost.note(bytes as f64 * 8.0);
    }

    /// It took `took` to make a picture ready to be sent, ended at `now`.
    pub fn encoded(&mut self, now: Instant, took: Duration) {
        let step = self.current();
        let share = took.as_secs_f64() * f64::from(self.rungs[step].fps);
        self.pressure.note(now, share, step, self.eased_to);
    }

    fn current(&self) -> usize {
        self.step.max(self.pressure.best)
    }
}

fn carried_by(rungs: &[Rung], bps: u32) -> usize {
    rungs.iter().position(|rung| bps >= rung.from_bps).expect("the last step is carried by any rate")
}

/// How the rate is split while a screen is shared, bit/s: what the camera gets, small as it is shown then, and the screen.
pub fn split(total_bps: u32) -> (u32, u32) {
    let camera = (total_bps / 4).min(CAMERA_BESIDE_SCREEN_BPS);
    (camera, total_bps - camera)
}

/// What a camera gets beside a screen at most: a small picture, and fluent.
const CAMERA_BESIDE_SCREEN_BPS: u32 = 300_000;

impl Rung {
    /// The size to send of a source of `width` x `height`: never larger, sides even, same shape.
    pub fn fit(&self, width: usize, height: usize) -> (usize, usize) {
        let limit = height.min(self.height).min((WIDTH_MAX * height / width).max(2));
        let even = |side: usize| (side / 2 * 2).max(2);
        let across = ((width * limit + height / 2) / height).min(WIDTH_MAX);
        (even(across), even(limit))
    }
}

#[cfg(test)]
mod tests;
