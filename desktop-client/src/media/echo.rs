//! What the speaker just played, in step with the microphone: the reference that echo is recognised by. Pure.
//!
//! Speaker and microphone have clocks of their own. What the speaker's callback played waits in a ring; each frame of
//! the microphone takes as much of it, a few parts per million faster or slower, so that the delay between the two
//! stays what it is. It jumps to what it should be after the first second, when nothing is learnt of the room yet, and when a
//! device stalls: to get there little by little would be a drift that is worse than that of any two clocks.

use std::sync::{Arc, Mutex};

use super::opus::SAMPLE_RATE;
use super::resample::Varispeed;
use super::ring::RingReader;

/// Samples that are cancelled at once: 10 ms.
pub const ECHO_FRAME: usize = SAMPLE_RATE as usize / 100;
/// What a ring of a speaker's past holds, samples: 300 ms.
pub const ECHO_RING: usize = SAMPLE_RATE as usize * 3 / 10;
/// What should be left after a frame was taken, at least, samples: a frame that comes late, and what drift takes.
const SPARE: usize = 2 * ECHO_FRAME;
/// More than this beyond it is thrown away at once, samples: 60 ms.
const JUMP: usize = 6 * ECHO_FRAME;
/// Frames over which the least filling is sought: a second, many blocks of any device.
const LOOK_EVERY: u32 = 100;
/// Speed for each sample beyond the spare ones.
const NUDGE: f64 = 1e-6;
/// Most that sound cards differ by, and some to catch up.
const SPEED_MAX: f64 = 2e-3;

/// The reference of a speaker that may be put aside and used again; one thread at a time reads it.
pub type SharedEcho = Arc<Mutex<EchoReference>>;

/// The reference of one speaker.
pub struct EchoReference {
    ring: RingReader,
    varispeed: Varispeed,
    /// Resampled and not yet taken.
    ready: Vec<f32>,
    least: usize,
    frames: u32,
    /// It is where it should be.
    settled: bool,
}

impl EchoReference {
    /// Reads what a speaker's callback writes.
    pub fn new(ring: RingReader) -> Self {
        let (varispeed, ready) = (Varispeed::new(), Vec::with_capacity(SPARE + 2 * ECHO_FRAME));
        Self { ring, varispeed, ready, least: usize::MAX, frames: 0, settled: false }
    }

    /// Begins with what is played from now on.
    pub fn forget(&mut self) {
        while self.ring.pop().is_some() {}
        self.ready.clear();
        (self.least, self.frames, self.settled) = (usize::MAX, 0, false);
    }

    /// Fills `frame` with what was played while 10 ms of the microphone passed; silence if nothing was.
    pub fn take(&mut self, frame: &mut [f32; ECHO_FRAME]) {
        while self.ready.len() < ECHO_FRAME
            && let Some(sample) = self.ring.pop()
        {
            let ready = &mut self.ready;
            self.varispeed.process(&[sample], |sample| ready.push(sample));
        }
        frame.fill(0.0);
        if self.ready.len() >= ECHO_FRAME {
            frame.copy_from_slice(&self.ready[..ECHO_FRAME]);
            self.ready.drain(..ECHO_FRAME);
        }
        self.keep_step();
    }

    fn keep_step(&mut self) {
        self.least = self.least.min(self.ring.filled());
        self.frames += 1;
        if self.frames < LOOK_EVERY {
            return;
        }
        let least = std::mem::replace(&mut self.least, usize::MAX);
        self.frames = 0;
        if self.settled && (1..=SPARE + JUMP).contains(&least) {
            let beyond = least as f64 - SPARE as f64;
            self.varispeed.set_speed(1.0 + (beyond * NUDGE).clamp(-SPEED_MAX, SPEED_MAX));
            return;
        }
        for _ in SPARE..least {
            self.ring.pop();
        }
        // What is still to come waits for as long as silence stands before it.
        self.ready.extend((least..SPARE).map(|_| 0.0));
        self.varispeed.set_speed(1.0);
        self.settled = least > 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ring::ring;

    /// Delay of the reference behind what was played, samples, at the end of each tenth second of a minute.
    fn delays(drift_ppm: f64, block: usize) -> Vec<usize> {
        let (mut writer, reader) = ring(ECHO_RING);
        let mut reference = EchoReference::new(reader);
        let (mut frame, mut played, mut taken, mut delays) = ([0.0; ECHO_FRAME], 0_u64, 0.0_f64, Vec::new());
        for n in 0..18_000_u64 {
            let due =
                ((n + 1) * ECHO_FRAME as u64) as f64 * (1.0 + drift_ppm / 1e6) + 3.0 * ECHO_FRAME as f64;
            while (played + block as u64) as f64 <= due {
                (0..block).for_each(|_| assert!(writer.push(0.5), "the ring is large enough"));
                played += block as u64;
            }
            reference.take(&mut frame);
            // It settles after the first second.
            if n > 102 {
                assert!((frame[200] - 0.5).abs() < 1e-3, "{drift_ppm} ppm, {block}: a hole at {n}");
            }
            taken = played as f64 - reference.ring.filled() as f64;
            if n % 1000 == 999 {
                delays.push((due - taken) as usize);
            }
        }
        assert!(taken > 0.0);
        delays
    }

    #[test]
    fn the_reference_keeps_its_distance_whatever_the_clocks_do() {
        for drift_ppm in [-200.0, 0.0, 200.0] {
            for block in [480, 960, 1024] {
                let delays = delays(drift_ppm, block);
                let later = &delays[8..];
                let (least, most) = (later.iter().min().expect("some"), later.iter().max().expect("some"));
                assert!(most - least < 1100, "{drift_ppm} ppm, blocks of {block}: {delays:?}");
                assert!(*most < ECHO_RING / 2, "{drift_ppm} ppm, blocks of {block}: {delays:?}");
            }
        }
    }

    #[test]
    fn a_speaker_that_is_used_again_begins_with_what_it_plays_then() {
        let (mut writer, reader) = ring(ECHO_RING);
        let mut reference = EchoReference::new(reader);
        while writer.push(0.9) {}
        reference.forget();
        (0..4 * ECHO_FRAME).for_each(|_| assert!(writer.push(0.1)));
        let mut frame = [0.0; ECHO_FRAME];
        reference.take(&mut frame);
        reference.take(&mut frame);
        assert!(frame.iter().all(|sample| (*sample - 0.1).abs() < 1e-3), "{frame:?}");
    }

    #[test]
    fn a_speaker_that_plays_nothing_is_silence() {
        let (_writer, reader) = ring(ECHO_RING);
        let mut frame = [1.0; ECHO_FRAME];
        EchoReference::new(reader).take(&mut frame);
        assert!(frame.iter().all(|sample| *sample == 0.0));
    }
}
