//! Which size and rate of picture a bitrate can carry. Pure.
//!
//! Four steps, from the bitrates at which others change theirs (see the constants): down at once, up only after the
//! rate has been clearly enough for a while, so that a wavering estimate does not make the picture jump. A machine that
//! takes too long to encode gets smaller pictures as well: fluent before sharp.

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
        let (step, pressure) = (carried_by(rungs, target_bps), Pressure::new());
        Self { rungs, eased_to, jumps: false, step, since, carried, affordable_since, pressure }
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
        if carried > self.step {
            if kept >= KEPT {
                self.carried = Some((self.step, now));
            }
            self.take(now, carried);
        } else if comfortable < self.step {
            let since = *self.affordable_since.get_or_insert(now);
            let back = self.carried.filter(|(step, left)| {
                *step < self.step && now.saturating_duration_since(*left) < REMEMBERED
            });
            let after = if back.is_some() { BACK_AFTER } else { UP_AFTER };
            if now.saturating_duration_since(since) >= after {
                self.take(now, back.map_or(comfortable, |(step, _)| comfortable.max(step)));
            }
        } else {
            self.affordable_since = None;
        }
        self.rungs[self.current()]
    }

    fn take(&mut self, now: Instant, step: usize) {
        (self.step, self.since, self.affordable_since) = (step, Some(now), None);
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
mod tests {
    use super::*;

    /// The step of a screen that this rate carries.
    fn screen_rung(bps: u32) -> Rung {
        Ladder::of_screen(1_000_000).rung(Instant::now(), bps)
    }

    #[test]
    fn a_screen_gives_up_pictures_before_it_gives_up_letters() {
        let steps = [3_000_000, 1_000_000, 400_000, 200_000, 50_000].map(|bps| {
            let rung = screen_rung(bps);
            (rung.fit(1920, 1080), rung.fps)
        });
        let full = (1920, 1080);
        assert_eq!(steps, [(full, 15), (full, 10), (full, 5), ((1280, 720), 5), ((960, 540), 3)]);
        assert_eq!(screen_rung(3_000_000).fit(3440, 1440), (1918, 802), "wide ones keep their shape");
        assert_eq!(screen_rung(3_000_000).fit(5000, 1), (1920, 2), "and strips are no reason to fail");
    }

    #[test]
    fn the_camera_steps_back_beside_a_screen() {
        assert_eq!(split(2_500_000), (300_000, 2_200_000));
        assert_eq!(split(400_000), (100_000, 300_000));
    }

    #[test]
    fn each_bitrate_has_its_step() {
        let at = |bps| {
            (
                Ladder::new(bps).rung(Instant::now(), bps).height,
                Ladder::new(bps).rung(Instant::now(), bps).fps,
            )
        };
        assert_eq!(at(2_500_000), (720, 30));
        assert_eq!(at(1_000_000), (540, 30));
        assert_eq!(at(400_000), (360, 30));
        assert_eq!(at(100_000), (360, 15));
    }

    #[test]
    fn a_drop_is_followed_at_once_and_a_rise_only_when_it_lasts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut ladder = Ladder::new(2_000_000);
        assert_eq!(ladder.rung(at(0), 300_000).fps, 15);
        assert_eq!(ladder.rung(at(100), 2_000_000).fps, 15);
        assert_eq!(ladder.rung(at(2_900), 300_000).fps, 15, "the rise did not last");
        assert_eq!(ladder.rung(at(3_000), 2_000_000).fps, 15);
        assert_eq!(ladder.rung(at(6_000), 2_000_000).height, 720);
    }

    #[test]
    fn a_rate_wavering_around_a_border_stays_on_the_lower_step() {
        let start = Instant::now();
        let mut ladder = Ladder::new(690_000);
        for ms in (0..20_000).step_by(100) {
            let bps = if ms % 200 == 0 { 690_000 } else { 740_000 };
            assert_eq!(ladder.rung(start + Duration::from_millis(ms), bps).height, 360);
        }
    }

    /// Encodes for some seconds what the ladder says, on a machine that takes `ms` for 720p; the heights in between.
    fn encode(ladder: &mut Ladder, at: &mut Instant, seconds: u32, ms: f64) -> Vec<usize> {
        let until = *at + Duration::from_secs(seconds.into());
        let mut heights = vec![ladder.rung(*at, 2_500_000).height];
        while *at < until {
            let rung = ladder.rung(*at, 2_500_000);
            let took = ms * (rung.height as f64 / 720.0).powi(2) / 1e3;
            *at += Duration::from_secs_f64(took.max(1.0 / f64::from(rung.fps)));
            ladder.encoded(*at, Duration::from_secs_f64(took));
            if heights.last() != Some(&rung.height) {
                heights.push(rung.height);
            }
        }
        heights
    }

    #[test]
    fn a_machine_that_is_too_slow_gets_pictures_that_it_can_encode() {
        let mut at = Instant::now();
        let mut ladder = Ladder::new(2_500_000);
        assert_eq!(encode(&mut ladder, &mut at, 30, 9.0), [720], "fast enough");
        assert_eq!(encode(&mut ladder, &mut at, 30, 40.0), [720, 540], "22 ms of 33");
        assert_eq!(encode(&mut ladder, &mut at, 30, 80.0), [540, 360]);
        assert_eq!(encode(&mut ladder, &mut at, 60, 9.0), [360, 540, 720], "it has time again");
    }

    #[test]
    fn a_machine_that_is_too_slow_for_a_screen_gives_up_pictures_before_letters() {
        for (ms, steps) in [
            (30.0, vec![(1080, 15)]),
            (60.0, vec![(1080, 15), (1080, 10)]),
            (100.0, vec![(1080, 15), (1080, 10), (1080, 5)]),
            (250.0, vec![(1080, 15), (1080, 10), (1080, 5), (720, 5)]),
        ] {
            let (mut at, mut ladder, mut taken) = (Instant::now(), Ladder::of_screen(3_000_000), Vec::new());
            let until = at + Duration::from_secs(60);
            while at < until {
                let rung = ladder.rung(at, 3_000_000);
                if taken.last() != Some(&(rung.height, rung.fps)) {
                    taken.push((rung.height, rung.fps));
                }
                let took = ms * (rung.height as f64 / 1080.0).powi(2) / 1e3;
                at += Duration::from_secs_f64(took.max(1.0 / f64::from(rung.fps)));
                ladder.encoded(at, Duration::from_secs_f64(took));
            }
            assert_eq!(taken, steps, "{ms} ms a picture");
        }
    }

    #[test]
    fn a_machine_that_is_too_slow_again_and_again_is_asked_less_and_less_often() {
        let start = Instant::now();
        let (mut at, mut tries, mut before) = (start, 0, 720);
        let mut ladder = Ladder::new(2_500_000);
        while at < start + Duration::from_secs(600) {
            // At ease with 540p, too slow for 720p.
            let height = ladder.rung(at, 2_500_000).height;
            at += Duration::from_millis(33);
            ladder.encoded(at, Duration::from_millis(if height == 720 { 30 } else { 8 }));
            tries += u32::from(height > before);
            before = height;
        }
        assert!((2..=8).contains(&tries), "{tries} in ten minutes");
    }

    #[test]
    fn the_way_back_up_is_short_where_the_path_was_well_before_and_long_where_it_was_not() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        for (kept_ms, back_ms) in [(10_000, 700), (2_000, 3_000)] {
            let mut ladder = Ladder::new(2_000_000);
            assert_eq!(ladder.rung(at(0), 2_000_000).height, 720);
            assert_eq!(ladder.rung(at(kept_ms), 200_000), RUNGS[3]);
            let up = kept_ms + 5000;
            assert_eq!(ladder.rung(at(up), 2_000_000), RUNGS[3]);
            assert_eq!(ladder.rung(at(up + back_ms - 1), 2_000_000), RUNGS[3], "kept for {kept_ms} ms");
            assert_eq!(ladder.rung(at(up + back_ms), 2_000_000), RUNGS[0], "kept for {kept_ms} ms");
        }
    }

    #[test]
    fn pictures_keep_their_shape_and_never_grow() {
        let rung = RUNGS[2];
        assert_eq!(rung.fit(1280, 720), (640, 360));
        assert_eq!(rung.fit(640, 480), (480, 360));
        assert_eq!(rung.fit(320, 180), (320, 180));
        assert_eq!(rung.fit(641, 361), (638, 360));
    }
}
