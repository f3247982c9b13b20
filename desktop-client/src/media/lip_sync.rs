//! Lips and words together: one reference and one target for both tracks. Pure, but for the lock around it.
//!
//! The reference is a clock of the peer by which both tracks are stamped; what it is ahead of ours cancels out. Ends of
//! Castle say where their sound stands on the clock that their pictures count by. Of others the sender reports tell where
//! each track stands on their wall clock (RFC 3550 section 6.4.1). The target is when sound of that moment is heard:
//! pictures that are ready earlier are held until then (a bit less: people forgive a picture that leads, not one that
//! lags), and where pictures take longer, the buffer of sound is asked for more delay.

use std::sync::{Arc, Mutex, MutexGuard};

/// Pictures lead their sound by this much, µs: half of what must not be exceeded.
const LEAD_US: i64 = 15_000;
/// No picture is held for longer, µs.
const HOLD_MAX_US: i64 = 250_000;
/// Share of a new reading in the mean, one in.
const SHARE: i64 = 16;
/// Pictures later than their sound by less than this ask for nothing, µs, and by more than the second ask sound to wait.
const LATE_US: (i64, i64) = (0, 20_000);
/// What one frame of sound adds to or takes from the delay that is asked for, µs: 50 ms in a second.
const FLOOR_STEP_US: u64 = 1_000;
/// Most that sound is asked to wait, µs.
const FLOOR_MAX_US: u64 = 180_000;
/// The timestamp of pictures comes round after this, µs: 32 bits at 90 kHz.
const ROUND_US: i64 = (1 << 32) * 100 / 9;
/// Reports by which the tracks are further apart are of two clocks, or made up, µs: nothing comes of them.
const PLAUSIBLE_US: i64 = 5_000_000;

/// By which clock of the peer times of capture are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The one that the timestamps of an end of Castle's pictures count.
    #[default]
    Media,
    /// The one of its sender reports.
    Wall,
}

/// How the tracks are kept in step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SyncFigures {
    /// By which clock.
    pub reference: Reference,
    /// How long pictures wait for their sound, ms.
    pub held_ms: f64,
}

/// What is known of both tracks.
#[derive(Clone, Debug, Default)]
pub struct LipSync {
    reference: Reference,
    /// From capture there to hearing here, by two clocks, µs.
    sound: Option<i64>,
    /// From capture there to a picture ready to be shown here, µs.
    picture: Option<i64>,
    /// How long pictures waited, µs.
    held: Option<i64>,
    floor_us: u64,
    /// When the last sound was captured, by the peer's clock.
    last_capture_us: i64,
    /// A timestamp of pictures, and where it stands on the peer's wall clock, µs.
    reported: Option<(u32, u64)>,
}

impl LipSync {
    /// Sound that was captured at `capture_us` of the peer's clock of this kind is heard at `heard_us` of ours.
    pub fn heard(&mut self, reference: Reference, capture_us: u64, heard_us: u64) {
        if self.reference != reference {
            (self.sound, self.picture, self.held) = (None, None, None);
            self.reference = reference;
        }
        self.last_capture_us = capture_us as i64;
        follow(&mut self.sound, heard_us as i64 - capture_us as i64);
        let Some((sound_us, picture_us)) = self.sound.zip(self.picture) else { return };
        let late_us = picture_us - sound_us;
        if late_us > LATE_US.1 {
            self.floor_us = (self.floor_us + FLOOR_STEP_US).min(FLOOR_MAX_US);
        } else if late_us < LATE_US.0 {
            self.floor_us = self.floor_us.saturating_sub(FLOOR_STEP_US);
        }
    }

    /// A sender report says that pictures with this timestamp are of `wall_us` of the peer's wall clock.
    pub fn pictures_reported(&mut self, rtp_timestamp: u32, wall_us: u64) {
        self.reported = Some((rtp_timestamp, wall_us));
    }

    /// What sound should wait at least for the sake of pictures, µs.
    pub fn sound_floor_us(&self) -> u64 {
        self.floor_us
    }

    /// When to show a picture with this RTP timestamp that is ready at `ready_us`, µs of our clock: now, or soon.
    pub fn due_us(&mut self, rtp_timestamp: u32, ready_us: u64) -> u64 {
        let Some((sound_us, capture_us)) = self.sound.zip(self.captured_us(rtp_timestamp)) else {
            return ready_us;
        };
        let ready = ready_us as i64;
        let wait_us = capture_us + sound_us - ready;
        if self.reference == Reference::Wall && wait_us.abs() > PLAUSIBLE_US {
            return ready_us;
        }
        follow(&mut self.picture, ready - capture_us);
        let held_us = (wait_us - LEAD_US).clamp(0, HOLD_MAX_US);
        follow(&mut self.held, held_us);
        (ready + held_us) as u64
    }

    /// How the tracks are kept in step; `None` while they are not.
    pub fn figures(&self) -> Option<SyncFigures> {
        self.held.map(|us| SyncFigures { reference: self.reference, held_ms: us as f64 / 1e3 })
    }

    /// When a picture was captured, by the clock that sound is told by.
    fn captured_us(&self, rtp_timestamp: u32) -> Option<i64> {
        match self.reference {
            Reference::Media => Some(near(rtp_timestamp, self.last_capture_us)),
            Reference::Wall => {
                let (reported, wall_us) = self.reported?;
                let ticks = i64::from(rtp_timestamp.wrapping_sub(reported) as i32);
                Some(wall_us as i64 + ticks * 100 / 9)
            }
        }
    }
}

/// The capture time of a picture, of those that its timestamp may mean the one nearest to `about_us`.
pub(super) fn near(rtp_timestamp: u32, about_us: i64) -> i64 {
    let within_us = i64::from(rtp_timestamp) * 100 / 9;
    let rounds = (about_us - within_us + ROUND_US / 2).div_euclid(ROUND_US);
    within_us + rounds * ROUND_US
}

fn follow(mean: &mut Option<i64>, reading: i64) {
    let mean = mean.get_or_insert(reading);
    *mean += (reading - *mean) / SHARE;
}

/// One [`LipSync`] for the threads of both tracks.
#[derive(Clone, Debug, Default)]
pub struct SharedLipSync(Arc<Mutex<LipSync>>);

impl SharedLipSync {
    /// See [`LipSync::heard`].
    pub fn heard(&self, reference: Reference, capture_us: u64, heard_us: u64) {
        self.locked().heard(reference, capture_us, heard_us);
    }

    /// See [`LipSync::pictures_reported`].
    pub fn pictures_reported(&self, rtp_timestamp: u32, wall_us: u64) {
        self.locked().pictures_reported(rtp_timestamp, wall_us);
    }

    /// See [`LipSync::figures`].
    pub fn figures(&self) -> Option<SyncFigures> {
        self.locked().figures()
    }

    /// See [`LipSync::sound_floor_us`].
    pub fn sound_floor_us(&self) -> u64 {
        self.locked().sound_floor_us()
    }

    /// See [`LipSync::due_us`].
    pub fn due_us(&self, rtp_timestamp: u32, ready_us: u64) -> u64 {
        self.locked().due_us(rtp_timestamp, ready_us)
    }

    fn locked(&self) -> MutexGuard<'_, LipSync> {
        self.0.lock().expect("no holder of the lip sync panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The peer's clock is ahead by this, µs.
    const AHEAD_US: u64 = 47_000_000_000;

    /// Offset of picture to sound at the end, µs, above zero for a picture that is later; and the floor.
    fn settled(sound_us: u64, picture_us: u64) -> (i64, u64) {
        let (mut sync, mut offset_us) = (LipSync::default(), 0);
        for frame in 0..2000_u64 {
            let now_us = 1_000_000 + frame * 20_000;
            // The buffer of sound does what it is asked for.
            let sound_us = sound_us.max(sync.sound_floor_us() + 30_000);
            sync.heard(Reference::Media, now_us + AHEAD_US, now_us + sound_us);
            let timestamp = ((now_us + AHEAD_US) * 9 / 100) as u32;
            let due_us = sync.due_us(timestamp, now_us + picture_us);
            assert!(due_us >= now_us + picture_us && due_us <= now_us + picture_us + 250_000);
            offset_us = (due_us - now_us) as i64 - sound_us as i64;
        }
        (offset_us, sync.sound_floor_us())
    }

    /// An end of another make: timestamps begin anywhere, and where they stand its reports say once a second. How long its
    /// pictures are held where sound is heard `sound_us` after its capture, and is told to be captured `early_us` before it is.
    fn held_by_reports(sound_us: u64, early_us: u64) -> (LipSync, i64) {
        const WALL_US: u64 = 3_900_000_000_000_000;
        let (mut sync, mut held_us) = (LipSync::default(), 0);
        for frame in 0..500_u64 {
            let now_us = 1_000_000 + frame * 20_000;
            let timestamp = |at_us: u64| (at_us * 9 / 100) as u32 ^ 0x8000_0000;
            if frame % 50 == 10 {
                sync.pictures_reported(timestamp(now_us), now_us + WALL_US);
            }
            sync.heard(Reference::Wall, now_us + WALL_US - early_us, now_us + sound_us);
            let ready_us = now_us + 30_000;
            held_us = (sync.due_us(timestamp(now_us), ready_us) - ready_us) as i64;
            assert!(frame >= 10 || held_us == 0, "before a report nothing is known");
        }
        (sync, held_us)
    }

    #[test]
    fn ends_of_other_makes_are_kept_in_step_by_their_reports() {
        let (sync, held_us) = held_by_reports(90_000, 0);
        assert!((40_000..60_000).contains(&held_us), "{held_us}");
        assert_eq!(sync.figures().map(|figures| figures.reference), Some(Reference::Wall));
        let (_, held_us) = held_by_reports(90_000, 100_000);
        assert!((140_000..160_000).contains(&held_us), "what they say is heeded: {held_us}");
    }

    #[test]
    fn reports_that_cannot_be_keep_no_picture_and_no_sound_back() {
        for early_us in [10_000_000, 3_000_000_000_000_000] {
            let (sync, held_us) = held_by_reports(90_000, early_us);
            assert_eq!((held_us, sync.sound_floor_us(), sync.figures()), (0, 0, None));
        }
    }

    #[test]
    fn what_castle_says_takes_the_place_of_reports() {
        let (mut sync, _) = held_by_reports(90_000, 200_000);
        for frame in 0..100_u64 {
            let now_us = 20_000_000 + frame * 20_000;
            sync.heard(Reference::Media, now_us + AHEAD_US, now_us + 90_000);
            let due_us = sync.due_us(((now_us + AHEAD_US) * 9 / 100) as u32, now_us + 30_000);
            assert_eq!(due_us.abs_diff(now_us + 75_000) / 1000, 0, "at once, not after a while");
        }
        assert_eq!(sync.figures().map(|figures| figures.reference), Some(Reference::Media));
    }

    #[test]
    fn a_picture_that_is_ready_early_waits_for_its_sound() {
        let (offset_us, floor_us) = settled(90_000, 30_000);
        assert!((-20_000..0).contains(&offset_us), "{offset_us}");
        assert_eq!(floor_us, 0);
    }

    #[test]
    fn sound_waits_for_pictures_that_take_longer() {
        let (offset_us, floor_us) = settled(60_000, 180_000);
        assert!((-40_000..40_000).contains(&offset_us), "{offset_us}");
        assert!(floor_us > 80_000, "{floor_us}");
    }

    #[test]
    fn a_picture_that_takes_for_ever_is_not_waited_for() {
        let (offset_us, floor_us) = settled(60_000, 2_000_000);
        assert_eq!(floor_us, FLOOR_MAX_US);
        assert!(offset_us > 1_000_000);
    }

    #[test]
    fn without_sound_pictures_are_shown_at_once() {
        assert_eq!(LipSync::default().due_us(90_000, 5_000_000), 5_000_000);
    }

    #[test]
    fn capture_times_are_told_over_the_wrap() {
        for capture_us in [0, 47_721_858_000, 47_721_859_000, 95_443_717_600, 1_000_000_000_000] {
            let timestamp = (capture_us * 9 / 100) as u32;
            assert!((near(timestamp, capture_us + 400_000) - capture_us).abs() < 20);
            assert!((near(timestamp, capture_us - 400_000) - capture_us).abs() < 20);
        }
    }
}
