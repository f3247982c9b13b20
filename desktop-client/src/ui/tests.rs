//! The stories of what surrounds the screens: one that breaks, the window that closes meanwhile, the timer.

use super::*;
use crate::view::Search;
use crate::words::say;
use egui_kittest::kittest::Queryable as _;

/// A call that is on.
fn talking() -> Snapshot {
    let stage = Stage::Connected { since: Instant::now() };
    let call = CallView::new(CallId::from_bits(1), "Ana".into(), stage);
    Snapshot { call: Some(call), ..Snapshot::default() }
}

/// What a screen looks at where there are no pictures.
pub(super) fn without_pictures<'a>(snapshot: &'a Snapshot, none: &'a video::Tile) -> View<'a> {
    let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
    View { snapshot, now, wall, remote: none, local: none, screen: none }
}

#[test]
fn a_screen_that_breaks_says_so_and_begins_anew() {
    let draw = |ui: &mut Ui, (screens, breaks): &mut (Screens, bool)| {
        if screens.broken {
            screens.broken = !broken::broken_ui(ui, true, &mut Vec::new());
        } else {
            screens.guarded(ui, &mut Vec::new(), |screens, ui, _| {
                screens.overloaded = true;
                ui.horizontal(|ui| {
                    ui.label("fine");
                    assert!(!*breaks, "as this test wants it");
                });
            });
        }
    };
    let mut shown = egui_kittest::Harness::builder().build_ui_state(draw, (Screens::default(), false));
    shown.get_by_label("fine");
    shown.state_mut().1 = true;
    shown.run();
    assert!(!shown.state().0.overloaded, "it begins anew");
    shown.get_by_label(say("broken-title"));
    shown.state_mut().1 = false;
    shown.get_by_label(say("broken-again")).click();
    shown.run();
    shown.get_by_label("fine");
}

#[test]
fn a_window_whose_screen_broke_closes_without_a_question_and_hangs_up_by_its_button() {
    let snapshot = talking();
    let mut screens = Screens::default();
    assert!(!screens.may_close(&snapshot), "a screen that works asks first");
    screens = Screens { broken: true, ..Screens::default() };
    assert!(screens.may_close(&snapshot), "one that broke has no way to ask");

    let draw = |ui: &mut Ui, (screens, commands): &mut (Screens, Vec<Command>)| {
        screens.show(ui, &without_pictures(&talking(), &video::Tile::empty()), commands);
    };
    let mut shown = egui_kittest::Harness::builder().build_ui_state(draw, (screens, Vec::new()));
    shown.get_by_label(say("call-hang-up")).click();
    shown.run();
    assert_eq!(shown.state().1, [Command::HangUp]);
    shown.get_by_label(say("broken-title"));
}

/// The screens of a call in which the key that opens the microphone is held, what they asked for, and what breaks.
fn held() -> egui_kittest::Harness<'static, (Screens, Vec<Command>, bool)> {
    let preferences = crate::view::Preferences { push_to_talk: true, ..Default::default() };
    let snapshot = Snapshot { preferences: preferences.into(), ..talking() };
    let draw = move |ui: &mut Ui, (screens, commands, breaks): &mut (Screens, Vec<Command>, bool)| {
        if std::mem::take(breaks) {
            screens.guarded(ui, commands, |_, _, _| panic!("as this test wants it"));
        } else {
            screens.show(ui, &without_pictures(&snapshot, &video::Tile::empty()), commands);
        }
    };
    let state = (Screens::default(), Vec::new(), false);
    let mut shown = egui_kittest::Harness::builder().build_ui_state(draw, state);
    shown.key_down(Key::Space);
    shown.run();
    assert_eq!(std::mem::take(&mut shown.state_mut().1), [Command::SetMuted(false)]);
    shown
}

#[test]
fn a_screen_that_breaks_shuts_the_microphone_and_lets_go_what_was_open_for_it_alone() {
    let mut shown = held();
    shown.state_mut().2 = true;
    shown.run();
    let all = [
        Command::SetMuted(true),
        Command::SetTryout(false),
        Command::ChooseDevices(false),
        Command::SearchHall(String::new()),
    ];
    assert_eq!(std::mem::take(&mut shown.state_mut().1), all);
    shown.run();
    assert_eq!(shown.state().1, [], "once");
}

#[test]
fn what_breaks_outside_of_the_screens_shuts_the_microphone_as_well() {
    let mut shown = held();
    shown.state_mut().0.tell_broken();
    shown.run();
    assert_eq!(std::mem::take(&mut shown.state_mut().1), [Command::SetMuted(true)]);
    shown.run();
    assert_eq!(shown.state().1, [], "once");
}

#[test]
fn a_timer_ticks_on_the_second_and_an_idle_hall_never() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    assert_eq!(next_tick(&snapshot, start), None);
    snapshot.search = Some(Search {
        since: start,
        position: None,
        waiting: None,
        estimate: None,
        muted: false,
        camera_on: true,
    });
    assert_eq!(next_tick(&snapshot, start), Some(Duration::from_secs(1)));
    assert_eq!(next_tick(&snapshot, start + Duration::from_millis(2300)), Some(Duration::from_millis(700)));
}
