//! Ten thousand things done at random on every screen: nothing panics, nothing hangs. Seeded, so that what is found
//! can be found again.

use super::*;
use castle_desktop::words;
use egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, pos2};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const INPUTS: usize = 10_000;
/// Inputs before the screen is opened anew, wherever they led.
const STAY: usize = 40;
/// Inputs between two drawings.
const AT_ONCE: usize = 4;

const KEYS: [Key; 24] = [
    Key::Tab,
    Key::Enter,
    Key::Space,
    Key::Escape,
    Key::ArrowLeft,
    Key::ArrowRight,
    Key::ArrowUp,
    Key::ArrowDown,
    Key::Backspace,
    Key::M,
    Key::V,
    Key::N,
    Key::C,
    Key::S,
    Key::I,
    Key::P,
    Key::O,
    Key::H,
    Key::F,
    Key::Y,
    Key::D,
    Key::Comma,
    Key::F1,
    Key::F11,
];

fn input(random: &mut ChaCha8Rng) -> Vec<Event> {
    let modifiers =
        [Modifiers::NONE, Modifiers::NONE, Modifiers::COMMAND, Modifiers::SHIFT][random.random_range(0..4)];
    let at = pos2(random.random_range(0.0..ROOMY.x), random.random_range(0.0..ROOMY.y));
    let key = |key, pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    let button =
        |pressed| Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers };
    match random.random_range(0..10) {
        0..4 => {
            let chosen = KEYS[random.random_range(0..KEYS.len())];
            vec![key(chosen, true), key(chosen, false)]
        }
        4..7 => vec![Event::PointerMoved(at), button(true), button(false)],
        7 => vec![button(true), Event::PointerMoved(at + vec2(30.0, 20.0)), button(false)],
        8 => vec![Event::Text(anything(random))],
        _ => {
            let delta = vec2(0.0, random.random_range(-200.0..200.0));
            vec![Event::MouseWheel {
                unit: MouseWheelUnit::Point,
                delta,
                phase: egui::TouchPhase::Move,
                source: egui::MouseWheelSource::Unknown,
                modifiers,
            }]
        }
    }
}

/// Text of any code points at all.
fn anything(random: &mut ChaCha8Rng) -> String {
    let long = random.random_range(1..12);
    (0..long).map(|_| char::from_u32(random.random_range(1..0x11_0000)).unwrap_or('\u{2716}')).collect()
}

fn lenient(snapshot: Snapshot) -> Shown {
    let builder = Harness::builder().allow_missing_glyphs();
    built(builder, Window::new(snapshot, Prefill::default()), ROOMY)
}

/// A screen that breaks is caught and says so: that is what must not be there.
fn assert_whole(shown: &Shown, place: (&str, usize)) {
    assert!(shown.query_by_label(say("broken-title")).is_none(), "a screen broke at {place:?}");
}

#[test]
fn nothing_that_is_done_at_random_brings_a_screen_down() {
    let mut asked = 0;
    for (seed, state) in (6..).zip(states::every()) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut shown = lenient(state.snapshot.clone());
        for place in (0..INPUTS).step_by(AT_ONCE) {
            if place % STAY == 0 {
                let window = shown.state_mut();
                window.snapshot = state.snapshot.clone();
                window.screens.open(state.page, &window.snapshot, &mut window.commands);
            }
            for _ in 0..AT_ONCE {
                shown.input_mut().events.extend(input(&mut random));
            }
            shown.step();
            assert_whole(&shown, (state.name, place));
            asked += std::mem::take(&mut shown.state_mut().commands).len();
        }
    }
    assert!(asked > INPUTS / 2, "the screens heard something: {asked}");
}

#[test]
fn a_name_of_any_code_points_is_drawn_in_any_language() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for language in words::LANGUAGES {
        words::speaking(language.tag, || {
            let mut shown = lenient(online());
            for round in 0..60_u128 {
                let mut name = || anything(&mut random);
                let rows = (0..8).map(|place| guest(round * 8 + place, &name(), Availability::Available));
                let hall = Arc::new(rows.collect());
                let mut snapshot = if round % 3 == 0 { talking(|_| {}) } else { online() };
                if let Some(call) = &mut snapshot.call {
                    call.peer = name();
                }
                shown.state_mut().snapshot = Snapshot { hall, ..snapshot };
                shown.step();
                assert_whole(&shown, (language.tag, round as usize));
            }
        });
    }
}
