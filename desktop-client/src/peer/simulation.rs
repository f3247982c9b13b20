//! Whole calls over bad networks, in virtual time: the interceptors of both ends as they run in a call, an encoder that
//! follows its rate, a seeded line between them, reassembly and playout at the other end. What a person would see and
//! hear of it comes out. Same seed, same call.

mod end;
mod line;
mod screen;
mod stories;

use end::End;
use line::{Line, Path};
use std::time::{Duration, Instant};

/// One step of time.
const STEP: Duration = Duration::from_millis(1);

/// What is particular about both ends of a call.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    /// They do not acknowledge packets one by one (no transport-wide feedback).
    silent: bool,
    /// They share their screens.
    sharing: bool,
}

/// What one end saw of the other.
#[derive(Debug, Default)]
struct Seen {
    /// When pictures were shown, s, and how long after capture, ms.
    shown: Vec<(f64, f64)>,
    /// Gaps that people notice: when each ended and its length, s.
    freezes: Vec<(f64, f64)>,
    /// Sound that neither came nor could be made of the packet behind it, of all, and when, s.
    sound: Vec<(f64, bool)>,
    key_frames_asked: u32,
    /// When pictures of the screen were whole, s, and how long after capture, ms.
    screen: Vec<(f64, f64)>,
}

impl Seen {
    fn frozen_share(&self, from: f64, to: f64) -> f64 {
        let within = self.freezes.iter().filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, seconds)| seconds).sum::<f64>() / (to - from)
    }

    fn longest_gap(&self, from: f64, to: f64) -> f64 {
        let times = self.shown.iter().map(|(at, _)| *at).filter(|at| (from..to).contains(at));
        let times: Vec<f64> = std::iter::once(from).chain(times).chain([to]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    }

    fn fps(&self, from: f64, to: f64) -> f64 {
        self.shown.iter().filter(|(at, _)| (from..to).contains(at)).count() as f64 / (to - from)
    }

    fn delay_ms(&self, share: f64) -> f64 {
        let mut delays: Vec<f64> = self.shown.iter().map(|(_, delay)| *delay).collect();
        delays.sort_by(f64::total_cmp);
        delays[((delays.len() - 1) as f64 * share) as usize]
    }

    fn concealed_share(&self, from: f64, to: f64) -> f64 {
        let within: Vec<bool> =
            self.sound.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, lost)| *lost).collect();
        within.iter().filter(|lost| **lost).count() as f64 / within.len() as f64
    }
}

/// What came of a call.
struct Call {
    seen: [Seen; 2],
    lines: [Line; 2],
    ends: Vec<End>,
}

/// Plays a call of `seconds` between such ends over the path that `path` gives for each moment, the same in both directions.
fn play(of: Ends, seed: u64, seconds: f64, path: impl Fn(f64) -> Path) -> Call {
    let began = Instant::now();
    let mut call = Call {
        seen: Default::default(),
        lines: [Line::new(seed * 2), Line::new(seed * 2 + 1)],
        ends: (0..2).map(|at| End::new(of, began, seed * 2 + at)).collect(),
    };
    let steps = (seconds / STEP.as_secs_f64()) as u32;
    for step in 0..steps {
        let since = STEP * step;
        let path = path(since.as_secs_f64());
        for at in 0..2 {
            let Call { seen, lines, ends } = &mut call;
            ends[at].step(since, &mut seen[at]);
            while let Some(packet) = ends[at].leaving() {
                lines[at].send(since, packet, path);
            }
            while let Some(packet) = lines[at].arriving(since) {
                ends[1 - at].arrived(since, packet);
            }
        }
    }
    call
}
