//! Which steps are taken, and when.

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
        (Ladder::new(bps).rung(Instant::now(), bps).height, Ladder::new(bps).rung(Instant::now(), bps).fps)
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

/// Sends for some seconds pictures that cost `bits` a second at 30 of a height; the steps in between.
fn send(
    ladder: &mut Ladder,
    at: &mut Instant,
    seconds: f64,
    target_bps: u32,
    bits: impl Fn(usize) -> f64,
) -> Vec<(usize, u32)> {
    let until = *at + Duration::from_secs_f64(seconds);
    let mut steps = Vec::new();
    while *at < until {
        let rung = ladder.rung(*at, target_bps);
        if steps.last() != Some(&(rung.height, rung.fps)) {
            steps.push((rung.height, rung.fps));
        }
        *at += Duration::from_secs_f64(1.0 / f64::from(rung.fps));
        // No encoder spends more than it may.
        let most = f64::from(target_bps) / f64::from(rung.fps);
        ladder.spent(((bits(rung.height) / 30.0).min(most) / 8.0) as usize);
    }
    steps
}

#[test]
fn a_quiet_picture_is_as_large_as_its_cost_allows_and_a_lively_one_as_its_rate() {
    let (mut at, mut ladder) = (Instant::now(), Ladder::new(800_000));
    let quiet = |height: usize| (height * height) as f64 * 0.4;
    let lively = |_| f64::INFINITY;
    assert_eq!(send(&mut ladder, &mut at, 10.0, 800_000, lively), [(540, 30)]);
    assert_eq!(send(&mut ladder, &mut at, 10.0, 800_000, quiet), [(540, 30), (720, 30)]);
    assert_eq!(send(&mut ladder, &mut at, 2.0, 800_000, lively), [(720, 30), (540, 30)]);
    assert_eq!(send(&mut ladder, &mut at, 20.0, 200_000, lively), [(360, 15)], "a drop is followed at once");
    assert_eq!(
        send(&mut ladder, &mut at, 20.0, 200_000, quiet),
        [(360, 15), (360, 30), (540, 30)],
        "720p would fill it"
    );
}

#[test]
fn small_pictures_of_a_path_that_is_good_again_do_not_keep_the_rate_from_rising() {
    let (mut at, mut ladder) = (Instant::now(), Ladder::new(2_000_000));
    // Grain that is gone in a small picture.
    let grain = |height| if height > 500 { f64::INFINITY } else { 80_000.0 };
    assert_eq!(send(&mut ladder, &mut at, 10.0, 2_000_000, grain), [(720, 30)]);
    send(&mut ladder, &mut at, 10.0, 150_000, grain);
    let back = send(&mut ladder, &mut at, 1.5, 749_000, grain);
    assert_eq!(back.last(), Some(&(540, 30)), "{back:?}");
}

#[test]
fn a_larger_picture_that_cost_too_much_is_tried_less_and_less_often() {
    let (mut at, mut ladder) = (Instant::now(), Ladder::new(600_000));
    let grain = |height| if height > 500 { f64::INFINITY } else { 80_000.0 };
    let steps = send(&mut ladder, &mut at, 600.0, 600_000, grain);
    let tries = steps.iter().filter(|step| **step == (540, 30)).count();
    assert!((3..=8).contains(&tries), "{tries} in ten minutes");
}
