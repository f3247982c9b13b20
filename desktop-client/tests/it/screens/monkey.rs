//! Ten thousand things done at random on every screen: nothing panics, nothing hangs. Seeded, so that what is found
//! can be found again.

use super::*;
use castle_desktop::words;
use egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, pos2};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const INPUTS: usize = 10_000;
/// Inputs before the screen is opened anew, wherever they led.
const STAY: usize = 80;
/// Inputs between two drawings.
const AT_ONCE: usize = 5;

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

fn lenient(window: Window) -> Shown {
    built(Harness::builder().allow_missing_glyphs(), window, ROOMY)
}

/// Comes to the screen as for the first time: nothing is left of what was done on it.
fn begin(state: &states::State, shown: &mut Shown) {
    shown.ctx.memory_mut(|memory| {
        let options = std::mem::take(&mut memory.options);
        *memory = egui::Memory::default();
        memory.options = options;
    });
    shown.event(Event::PointerGone);
    let window = shown.state_mut();
    window.snapshot = state.snapshot.clone();
    window.screens = Screens::new(state.prefill.clone());
    shown.run();
    state.prepare(shown);
}

/// Does something, and has it drawn.
fn act(random: &mut ChaCha8Rng, shown: &mut Shown) {
    for _ in 0..AT_ONCE {
        shown.input_mut().events.extend(input(random));
    }
    shown.step();
}

/// A screen that breaks is caught and says so.
fn is_broken(shown: &Shown) -> bool {
    shown.query_by_label(say("broken-title")).is_some()
}

#[test]
fn nothing_that_is_done_at_random_brings_a_screen_down() {
    let mut asked = 0;
    for (seed, state) in (6..).zip(states::every()) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut shown = lenient(faces::with_faces(&state));
        let mut broken = state.broken;
        for place in (0..INPUTS).step_by(AT_ONCE) {
            if place % STAY == 0 {
                begin(&state, &mut shown);
                broken = state.broken;
            }
            act(&mut random, &mut shown);
            // One that was broken from the beginning is so until it is told to go on.
            broken &= is_broken(&shown);
            assert_eq!(is_broken(&shown), broken, "{} at {place}", state.name);
            asked += std::mem::take(&mut shown.state_mut().commands).len();
        }
    }
    assert!(asked > INPUTS / 2, "the screens heard something: {asked}");
}

#[test]
fn each_screen_is_come_to_as_it_is_whatever_was_done_on_it() {
    let told = |shown: &Shown| -> Vec<_> {
        shown.root().children_recursive().filter_map(|node| node.accesskit_node().label()).collect()
    };
    let mut random = ChaCha8Rng::seed_from_u64(8);
    for state in states::every() {
        let fresh = told(&state.clone().show(ROOMY));
        let mut shown = lenient(state.window());
        for _ in 0..STAY / AT_ONCE {
            act(&mut random, &mut shown);
        }
        begin(&state, &mut shown);
        assert_eq!(told(&shown), fresh, "{}", state.name);
    }
}

#[test]
fn a_name_of_any_code_points_is_drawn_in_any_language() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for language in words::LANGUAGES {
        words::speaking(language.tag, || {
            let mut shown = lenient(Window::new(online(), Prefill::default()));
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
                assert!(!is_broken(&shown), "{} in round {round}", language.tag);
            }
        });
    }
}
