//! Lips and words together: one reference and one target for both tracks. Pure, but for the lock around it.
//!
//! The reference is the peer's clock of capture, by which both tracks are stamped; what it is ahead of ours cancels
//! out. The target is when sound of that moment is heard: pictures that are ready earlier are held until then (a bit
//! less: people forgive a picture that leads, not one that lags), and where pictures take longer, the buffer of sound
//! is asked for more delay.

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

/// What is known of both tracks.
#[derive(Clone, Debug, Default)]
pub struct LipSync {
    /// From capture there to hearing here, by two clocks, µs.
    sound: Option<i64>,
    /// From capture there to a picture ready to be shown here, µs.
    picture: Option<i64>,
    floor_us: u64,
    /// When the last sound was captured, by the peer's clock.
    last_capture_us: i64,
}

impl LipSync {
    /// Sound that was captured at `capture_us` of the peer's clock is heard at `heard_us` of ours.
    pub fn heard(&mut self, capture_us: u64, heard_us: u64) {
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

    /// What sound should wait at least for the sake of pictures, µs.
    pub fn sound_floor_us(&self) -> u64 {
        self.floor_us
    }

    /// When to show a picture with this RTP timestamp that is ready at `ready_us`, µs of our clock: now, or soon.
    pub fn due_us(&mut self, rtp_timestamp: u32, ready_us: u64) -> u64 {
        let Some(sound_us) = self.sound else { return ready_us };
        let capture_us = near(rtp_timestamp, self.last_capture_us);
        let ready = ready_us as i64;
        follow(&mut self.picture, ready - capture_us);
        let due_us = capture_us + sound_us - LEAD_US;
        due_us.clamp(ready, ready + HOLD_MAX_US) as u64
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
    pub fn heard(&self, capture_us: u64, heard_us: u64) {
        self.locked().heard(capture_us, heard_us);
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
            sync.heard(now_us + AHEAD_US, now_us + sound_us);
            let timestamp = ((now_us + AHEAD_US) * 9 / 100) as u32;
            let due_us = sync.due_us(timestamp, now_us + picture_us);
            assert!(due_us >= now_us + picture_us && due_us <= now_us + picture_us + 250_000);
            offset_us = (due_us - now_us) as i64 - sound_us as i64;
        }
        (offset_us, sync.sound_floor_us())
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
