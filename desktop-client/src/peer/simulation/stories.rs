//! What a call is to be like over bad networks, at both ends.

use super::end::End;
use super::line::{Line, Path};
use super::{Call, Ends, Seen, play};

const CLEAN: Path =
    Path { bps: 0.0, queue_ms: 300.0, delay_ms: 1.0, jitter_ms: 0.0, loss: 0.0, reorder: 0.0, burst: None };
/// A home's uplink.
const NARROW: Path = Path { bps: 2e6, delay_ms: 20.0, ..CLEAN };
const SEEDS: u64 = 6;

/// Calls over one kind of path, one for each seed.
struct Calls {
    played: Vec<Call>,
    seconds: f64,
    /// Their figures, for whoever reads why a story failed.
    said: String,
}

fn over(name: &str, seconds: f64, path: impl Fn(f64) -> Path) -> Calls {
    between(Ends::default(), name, seconds, path)
}

fn between(ends: Ends, name: &str, seconds: f64, path: impl Fn(f64) -> Path) -> Calls {
    let played: Vec<Call> = (0..SEEDS).map(|seed| play(ends, seed, seconds, &path)).collect();
    let rows = played.iter().enumerate().map(|(seed, call)| {
        format!("\n{name}, seed {seed}:{}{}", row(call, 0, seconds), row(call, 1, seconds))
    });
    let said = rows.collect::<String>();
    eprintln!("{said}");
    Calls { played, seconds, said }
}

impl Calls {
    /// A figure of each end, lowest first.
    fn each(&self, figure: impl Fn(&Seen) -> f64) -> Vec<f64> {
        let mut figures: Vec<f64> = self.played.iter().flat_map(|call| &call.seen).map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures
    }

    fn highest(&self, figure: impl Fn(&Seen) -> f64) -> f64 {
        *self.each(figure).last().expect("there are ends")
    }

    /// All but one in ten stay at or below it.
    fn usual(&self, figure: impl Fn(&Seen) -> f64) -> f64 {
        let figures = self.each(figure);
        figures[figures.len() * 9 / 10]
    }

    /// Share of the time that pictures stood still, of all ends together.
    fn frozen(&self) -> f64 {
        let shares = self.each(|seen| seen.frozen_share(0.0, self.seconds));
        shares.iter().sum::<f64>() / shares.len() as f64
    }

    fn concealed(&self) -> f64 {
        self.highest(|seen| seen.concealed_share(0.0, self.seconds))
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.played.iter().flat_map(|call| &call.lines)
    }

    fn ends(&self) -> impl Iterator<Item = &End> {
        self.played.iter().flat_map(|call| &call.ends)
    }

    /// From `at` until all carry four fifths of what they did before the path got worse at 10 s, s.
    fn back(&self, at: f64) -> f64 {
        self.lines().map(|line| line.reached(0.8 * line.bps(7.0, 10.0), at)).fold(0.0, f64::max)
    }
}

fn row(call: &Call, at: usize, seconds: f64) -> String {
    let (seen, line, other) = (&call.seen[at], &call.lines[1 - at], &call.ends[1 - at]);
    format!(
        "\n    frozen {:.2} %, longest {:.2} s, {:.1} fps, delay {:.0}/{:.0} ms, concealed {:.1} %, carried {:.0} kbit/s, \
         queue {:.0} ms, {} key frames of {} asked for, {} given up, {} pictures of the screen",
        seen.frozen_share(0.0, seconds) * 100.0,
        seen.longest_gap(1.0, seconds),
        seen.fps(1.0, seconds),
        seen.delay_ms(0.5),
        seen.delay_ms(0.95),
        seen.concealed_share(0.0, seconds) * 100.0,
        line.bps(5.0, seconds) / 1e3,
        line.queue_p95_ms(3.0),
        other.key_frames(),
        seen.key_frames_asked,
        call.ends[at].given_up(),
        seen.screen.len(),
    )
}

#[test]
fn on_a_good_path_every_picture_is_shown_at_once() {
    let calls = over("clean", 15.0, |_| CLEAN);
    assert!(calls.each(|seen| seen.fps(1.0, 15.0))[0] > 29.0, "{}", calls.said);
    assert!(calls.frozen() <= 0.0 && calls.highest(|seen| seen.delay_ms(0.95)) < 10.0, "{}", calls.said);
}

#[test]
fn a_call_is_at_two_megabits_within_three_seconds() {
    let calls = over("start", 10.0, |_| Path { bps: 3e6, queue_ms: 200.0, ..NARROW });
    assert!(calls.lines().all(|line| line.reached(2e6, 0.0) <= 3.0), "{}", calls.said);
}

#[test]
fn one_packet_in_twenty_lost_on_a_long_path_is_not_seen() {
    let calls = over("loss of 5 %", 30.0, |_| Path { delay_ms: 50.0, loss: 0.05, ..CLEAN });
    assert!(calls.frozen() <= 0.01 && calls.concealed() <= 0.03, "{}", calls.said);
    assert!(calls.each(|seen| seen.fps(2.0, 30.0))[0] > 25.0, "{}", calls.said);
}

#[test]
fn one_packet_in_five_lost_leaves_the_path_in_use_and_pictures_moving() {
    let calls = over("loss of 20 %", 30.0, |_| Path { loss: 0.2, ..NARROW });
    assert!(calls.lines().all(|line| line.bps(5.0, 30.0) >= 0.6 * 2e6), "{}", calls.said);
    assert!(calls.frozen() <= 0.05, "{}", calls.said);
}

#[test]
fn a_path_that_becomes_a_seventh_stops_no_picture_for_long_and_is_used_again_at_once() {
    let dip = |at| Path { bps: if (10.0..20.0).contains(&at) { 3e5 } else { 2e6 }, ..NARROW };
    let calls = over("dip", 30.0, dip);
    let gap = |seen: &Seen| seen.longest_gap(9.5, 20.0);
    assert!(calls.usual(gap) <= 1.0 && calls.highest(gap) <= 1.5, "{}", calls.said);
    assert!(calls.back(20.0) <= 5.0, "{}", calls.said);
}

#[test]
fn one_packet_in_twenty_that_overtakes_others_is_no_loss() {
    let calls = over("reordering", 30.0, |_| Path { jitter_ms: 30.0, reorder: 0.05, ..NARROW });
    assert!(calls.frozen() <= 0.01 && calls.concealed() <= 0.03, "{}", calls.said);
    assert!(calls.lines().all(|line| line.bps(5.0, 30.0) >= 0.6 * 2e6), "{}", calls.said);
    assert!(calls.ends().all(|end| end.given_up() == 0), "{}", calls.said);
    assert!(calls.each(|seen| seen.fps(2.0, 30.0))[0] > 25.0, "{}", calls.said);
}

#[test]
fn ten_seconds_of_heavy_loss_are_over_when_they_are_over() {
    let spike = |at| Path { loss: if (10.0..20.0).contains(&at) { 0.3 } else { 0.0 }, ..NARROW };
    let calls = over("spike", 30.0, spike);
    assert!(calls.highest(|seen| seen.longest_gap(9.5, 30.0)) <= 2.0, "{}", calls.said);
    assert!(calls.frozen() <= 0.12 && calls.back(20.0) <= 5.0, "{}", calls.said);
}

#[test]
fn bursts_of_loss_leave_a_call_standing() {
    let calls = over("bursts", 30.0, |_| Path { burst: Some((0.1, 0.5, 1.0)), ..NARROW });
    assert!(calls.highest(|seen| seen.longest_gap(1.0, 30.0)) <= 2.0, "{}", calls.said);
    assert!(calls.frozen() <= 0.05 && calls.concealed() <= 0.1, "{}", calls.said);
}

#[test]
fn heavy_jitter_on_a_thin_path_leaves_sound_and_moving_pictures() {
    let jitter = Path { bps: 3e5, queue_ms: 500.0, delay_ms: 150.0, jitter_ms: 200.0, ..CLEAN };
    let calls = over("jitter", 30.0, |_| jitter);
    assert!(calls.highest(|seen| seen.longest_gap(2.0, 30.0)) <= 5.0, "{}", calls.said);
    assert!(calls.concealed() <= 0.1, "{}", calls.said);
}

#[test]
fn a_bloated_buffer_stays_nearly_empty() {
    let calls = over("bufferbloat", 30.0, |_| Path { bps: 1e6, queue_ms: 1000.0, ..NARROW });
    assert!(calls.lines().all(|line| line.queue_p95_ms(3.0) <= 150.0), "{}", calls.said);
}

/// As some ends are that are no browsers.
const SILENT: Ends = Ends { silent: true, sharing: false };

#[test]
fn what_an_end_asks_for_that_acknowledges_nothing_is_sent_again() {
    let path = Path { delay_ms: 50.0, loss: 0.05, ..CLEAN };
    let calls = between(SILENT, "loss of 5 % without acknowledgements", 30.0, |_| path);
    // Nor does it tell the round trip, by which others are asked again sooner.
    assert!(calls.frozen() <= 0.02 && calls.concealed() <= 0.03, "{}", calls.said);
    assert!(calls.each(|seen| seen.fps(2.0, 30.0))[0] > 25.0, "{}", calls.said);
    assert!(calls.highest(|seen| f64::from(seen.key_frames_asked)) <= 5.0, "{}", calls.said);
}

#[test]
fn an_end_that_acknowledges_nothing_gets_all_that_it_may_and_in_time() {
    let calls = between(SILENT, "clean without acknowledgements", 40.0, |_| CLEAN);
    assert!(calls.lines().all(|line| line.bps(30.0, 40.0) >= 2e6), "{}", calls.said);
    assert!(calls.highest(|seen| seen.delay_ms(0.99)) < 100.0, "{}", calls.said);
}

/// Ends that share their screens.
const SHARING: Ends = Ends { silent: false, sharing: true };

#[test]
fn a_page_on_the_screen_does_not_hold_up_the_camera() {
    for (name, bps) in [("screens", 2e6), ("screens on a thin path", 1e6)] {
        let calls = between(SHARING, name, 30.0, |_| Path { bps, ..NARROW });
        assert!(calls.highest(|seen| seen.longest_gap(4.0, 30.0)) <= 0.5, "{}", calls.said);
        assert!(calls.highest(|seen| seen.delay_ms(0.95)) <= 250.0, "{}", calls.said);
        assert!(calls.each(|seen| seen.fps(5.0, 30.0))[0] > 12.0, "{}", calls.said);
        assert!(calls.each(|seen| seen.screen.len() as f64)[0] > 30.0, "{}", calls.said);
        let late = |seen: &Seen| seen.screen.iter().map(|(_, late)| *late).fold(0.0, f64::max);
        assert!(calls.highest(late) <= 2.5 * 300_000.0 * 8.0 / bps * 1000.0, "{}", calls.said);
    }
}
