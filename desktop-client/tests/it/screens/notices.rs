//! What lies over a screen for a while moves nothing, hides nothing that is to be pressed, and is read out; and so is
//! whatever changes by itself.

use super::*;
use castle_desktop::view::{CheckLine, CheckOutcome, Checkup, DeviceKind, Devices};
use egui::accesskit::{Live, Role};
use egui::{Key, Modifiers, Rect};
use states::{crowded, every};

/// What the pointer brings about on what is called so.
fn point(shown: &mut Shown, name: &str) -> Vec<Command> {
    shown.get_by_role_and_label(Role::Button, name).click();
    commands(shown)
}

#[test]
fn no_notice_lies_over_what_is_to_be_pressed_in_a_call_however_many_there_are() {
    for size in [LOWEST, SMALLEST, ROOMY] {
        let mut shown = show_with(crowded(talking(|_| {})), Prefill::default(), size);
        shown.state_mut().screens.tell_overloaded();
        shown.run();
        for (name, command) in [
            (say("call-mute"), Command::SetMuted(true)),
            (say("call-camera-off"), Command::SetCamera(false)),
            (say("call-hang-up"), Command::HangUp),
        ] {
            assert_eq!(point(&mut shown, name), [command], "{size}: {name}");
        }
        shown.state_mut().snapshot = crowded(in_call(Stage::Ringing { since: Instant::now() }));
        shown.run();
        for (name, command) in [
            (say("call-decline"), Command::Decline),
            (say("call-accept-without-camera"), Command::AcceptWithoutCamera),
            (say("call-accept"), Command::Accept),
        ] {
            assert_eq!(point(&mut shown, name), [command], "{size}: {name}");
        }
    }
}

#[test]
fn no_notice_lies_over_what_is_to_be_pressed_on_what_is_open_over_a_call() {
    let cards = [
        (Key::S, "safety", "card-close"),
        (Key::I, "stats", "card-close"),
        (Key::D, "share-what", "card-close"),
        (Key::C, "chat", "chat-close"),
    ];
    for size in [LOWEST, SMALLEST, ROOMY, vec2(1920.0, 1080.0)] {
        for (key, head, close) in cards {
            let many = Snapshot { devices: states::screens(), ..crowded(states::full(|_| {})) };
            let mut shown = show_with(many, Prefill::default(), size);
            press(&mut shown, Modifiers::NONE, key);
            let told = shown.get_by_label(say("notices-reconnecting")).rect();
            let closing = shown.get_by_role_and_label(Role::Button, say(close)).rect();
            assert!(!told.intersects(closing), "{size}: {head}: {told} over {closing}");
            assert!(shown.ctx.content_rect().contains_rect(told), "{size}: {head}: {told} is cut");
            if key == Key::S && size != LOWEST {
                assert_eq!(point(&mut shown, say("safety-same")), [Command::Compared { same: true }]);
            }
            point(&mut shown, say(close));
            assert!(!shown.query_all_by_label(say(close)).any(|_| true), "{size}: {head} stays open");
        }
        let sharing = crowded(states::full(|call| (call.sharing, call.path_lost) = (true, true)));
        let mut shown = show_with(sharing, Prefill::default(), size);
        press(&mut shown, Modifiers::NONE, Key::S);
        assert_eq!(point(&mut shown, say("share-stop")), [Command::StopSharing], "{size}");
    }
}

/// Where what is told so is in sight.
fn in_sight(shown: &Shown, words: &str) -> Option<Rect> {
    Some(shown.get_by_label(words).rect()).filter(Rect::is_positive)
}

#[test]
fn notices_that_have_no_room_are_leafed_through_by_keyboard_in_whole_and_all_are_read_out() {
    for (size, snapshot) in
        [SMALLEST, ROOMY].into_iter().flat_map(|size| [(size, online()), (size, talking(|_| {}))])
    {
        let mut shown = show_with(crowded(snapshot), Prefill::default(), size);
        let mut all = vec![say("notices-reconnecting").to_owned(), say("fault-speaker-gone").to_owned()];
        all.extend(shown.state().snapshot.notices.iter().map(|notice| notice.text.clone()));
        let (mut seen, mut leafed) = (std::collections::BTreeSet::new(), 0);
        assert!(in_sight(&shown, &all[0]).is_some(), "{size}: the gravest comes first");
        while seen.len() < all.len() {
            let here: Vec<_> =
                all.iter().filter_map(|words| Some((words, in_sight(&shown, words)?))).collect();
            let more = say_with("notices-more", &[("count", (all.len() - here.len()).into())]);
            let foot = match shown.query_by_role_and_label(Role::Button, &more) {
                Some(more) => more.rect().top(),
                None => shown.ctx.content_rect().bottom(),
            };
            for (words, rect) in &here {
                assert!(rect.bottom() < foot, "{size}: “{words}” at {rect} is cut");
            }
            for words in &all {
                assert_eq!(live(&shown, words), Live::Polite, "{size}: {words}");
            }
            seen.extend(here.into_iter().map(|(words, _)| words.clone()));
            if seen.len() < all.len() {
                shown.get_by_role_and_label(Role::Button, &more).focus();
                shown.run();
                press(&mut shown, Modifiers::NONE, Key::Enter);
                leafed += 1;
                assert!(leafed < all.len(), "{size}: only {seen:?}");
            }
        }
        assert!(leafed > 0 || size == ROOMY, "{size}: there is no room for all of them");
        let news = notice(9, Severity::Error, "There is something new.");
        shown.state_mut().snapshot.notices.push(news);
        shown.run();
        for words in [all[0].as_str(), "There is something new."] {
            assert!(in_sight(&shown, words).is_some() || size == SMALLEST, "{size}: {words}");
        }
        assert!(in_sight(&shown, &all[0]).is_some(), "{size}: whoever leafed is led back by what is new");
    }
}

#[test]
fn no_notice_lies_over_the_own_picture() {
    let first = vec2(theme::size::WINDOW_W, theme::size::WINDOW_H);
    for size in [first, vec2(800.0, 600.0), ROOMY, SMALLEST] {
        for key in [None, Some(Key::C), Some(Key::S), Some(Key::I)] {
            let mut shown = show_with(crowded(states::full(|_| {})), Prefill::default(), size);
            if let Some(key) = key {
                press(&mut shown, Modifiers::NONE, key);
            }
            let Some(own) = shown.query_by_label_contains(say("own-picture")).map(|own| own.rect()) else {
                continue;
            };
            let told = [say("notices-reconnecting"), say("notices-dismiss"), say("copy")];
            let told = told.into_iter().flat_map(|name| shown.query_all_by_label(name));
            for rect in told.map(|node| node.rect()).filter(Rect::is_positive) {
                assert!(!rect.intersects(own), "{size}, {key:?}: {rect} over {own}");
            }
        }
    }
}

#[test]
fn no_notice_lies_over_the_chat_beside_a_call() {
    let told = notice(1, Severity::Info, say("told-reported"));
    let mut shown = show(Snapshot { notices: vec![told], ..talking(|_| {}) });
    press(&mut shown, Modifiers::NONE, Key::C);
    let away = shown.get_by_label(say("notices-dismiss")).rect();
    let panel = shown.get_by_label(say("chat-words")).rect().left();
    assert!(away.right() < panel, "{away} over what begins at {panel}");
}

#[test]
fn a_device_that_is_gone_is_told_once() {
    let shown = show(crowded(talking(|_| {})));
    let gone = say_with("told-mic-gone-last", &[("name", "USB dock".into())]);
    assert!(says(&shown, &gone) && !says(&shown, say("fault-mic-gone")), "the notice says it");
    assert!(says(&shown, say("fault-speaker-gone")), "nothing else tells of that one");
}

#[test]
fn where_each_device_says_what_is_wrong_with_it_nothing_else_does() {
    let states = every().into_iter().filter(|state| ["tryout-silent", "settings"].contains(&state.name));
    for state in states {
        let shown = state.show(ROOMY);
        let told = shown.query_all_by_label(say("fault-speaker-not-found")).count();
        assert_eq!(told, 1);
    }
}

/// What is used on a page, and where.
fn controls(shown: &Shown) -> Vec<(String, Rect)> {
    let roles = [Role::Button, Role::TextInput, Role::RadioButton, Role::Switch, Role::ComboBox];
    let nodes = shown.root().children_recursive();
    nodes
        .filter(|node| roles.contains(&node.accesskit_node().role()))
        .map(|node| (node.accesskit_node().label().unwrap_or_default(), node.rect()))
        .collect()
}

#[test]
fn nothing_on_a_page_moves_when_a_notice_comes_or_goes() {
    for state in every() {
        let live =
            state.snapshot.call.as_ref().is_some_and(|call| !matches!(call.stage, Stage::Ended { .. }));
        if live || state.is_dialog() {
            continue;
        }
        let screen = state.name;
        let mut shown = state.show(ROOMY);
        shown.state_mut().snapshot.notices.clear();
        shown.run();
        let before = controls(&shown);
        let told = notice(9, Severity::Info, "There is a new microphone, and it is not used yet.");
        shown.state_mut().snapshot.notices = vec![told];
        shown.run();
        let after = controls(&shown);
        for (name, place) in after {
            if [say("notices-dismiss"), say("copy")].contains(&name.as_str()) {
                continue;
            }
            let stays =
                before.iter().any(|(known, there)| *known == name && there.distance_to_pos(place.min) < 0.5);
            assert!(stays, "{screen}: {name} moved to {place}");
        }
    }
}

#[test]
fn what_is_read_can_be_copied() {
    let mut shown = show(Snapshot { notices: vec![notice(3, Severity::Error, "sha256:00ff.")], ..online() });
    let copied = |shown: &Shown| {
        let told = &shown.output().platform_output.commands;
        told.iter()
            .any(|told| matches!(told, egui::OutputCommand::CopyText(text) if text.contains("sha256:00ff.")))
    };
    shown.get_by_label(say("copy")).click_accesskit();
    shown.step();
    assert!(copied(&shown));
    shown.state_mut().snapshot = talking(|call| {
        let line = |mine, text: &str| castle_desktop::view::ChatLine {
            mine,
            at: Instant::now(),
            text: text.into(),
            delivered: true,
        };
        call.chat = Arc::new(vec![line(false, "It is sha256:00ff."), line(true, "Thank you")]);
    });
    press(&mut shown, Modifiers::NONE, Key::C);
    shown.get_by_label(say("chat-copy")).click_accesskit();
    shown.step();
    assert!(copied(&shown), "the whole chat");
    shown.run();
    shown.get_by_label_contains("It is sha256:00ff.").click_secondary();
    shown.run();
    shown.get_by_role_and_label(Role::MenuItem, say("copy")).click_accesskit();
    shown.step();
    assert!(copied(&shown), "one line of it");
}

/// How what is labelled so is read out when it changes.
fn live(shown: &Shown, label: &str) -> Live {
    shown.get_by_label(label).accesskit_node().live()
}

#[test]
fn what_changes_by_itself_is_read_out() {
    let ringing = show(in_call(Stage::Ringing { since: Instant::now() }));
    assert_eq!(live(&ringing, "Ana is calling you"), Live::Assertive, "a call does not wait");
    let calling = show(in_call(Stage::Calling { since: Instant::now() }));
    assert_eq!(live(&calling, say("call-ringing")), Live::Polite);
    let over = show(ended(EndReason::PeerHungUp));
    assert_eq!(live(&over, &say_with("ended-peer-hung-up", &[("peer", "Ana".into())])), Live::Polite);
    let waiting = show(searching());
    assert_eq!(live(&waiting, "You are number 2 of 5 who are looking."), Live::Polite);
    let muted = show(talking(|call| (call.peer_muted, call.quality) = (true, Quality::Poor)));
    let states =
        format!("Ana: {}", castle_desktop::ui::text::joined([say("call-peer-muted"), say("quality-poor")]));
    assert_eq!(live(&muted, &states), Live::Polite);
    assert_eq!(live(&muted, "Ana  ·  0:00"), Live::Off, "nobody wants to hear every second");
    let line = CheckLine {
        check: "relay".into(),
        outcome: CheckOutcome::Pass,
        advice: None,
        technical: String::new(),
    };
    let checkup = Some(Checkup { lines: vec![line], done: true });
    assert_eq!(live(&show(Snapshot { checkup, ..online() }), say("checkup-well")), Live::Polite);
}

#[test]
fn a_frozen_picture_is_read_out() {
    let since = Instant::now().checked_sub(Duration::from_secs(2)).expect("later than that");
    let mut shown = show(talking(|call| call.frozen = Some(castle_desktop::view::Frozen { since })));
    shown.state_mut().remote = faces::still(640, 360);
    shown.run();
    let picture = shown.get_by_role_and_label(Role::Image, "Ana, picture frozen for 2 seconds");
    assert_eq!(picture.accesskit_node().live(), Live::Polite);
}

#[test]
fn a_shared_screen_has_the_faces_beside_it_or_below_it_and_words_of_neither_over_it() {
    for (size, beside) in [(ROOMY, true), (SMALLEST, true), (LOWEST, false)] {
        let snapshot = talking(|call| (call.peer_sharing, call.peer_camera_on) = (true, false));
        let mut shown = show_with(snapshot, Prefill::default(), size);
        shown.state_mut().screen = faces::still(1280, 800);
        shown.run();
        let screen = shown.get_by_label("Screen of Ana").rect();
        let peer = shown.get_by_label_contains("Picture of Ana").rect();
        let apart = |one: Rect, other: Rect| !one.shrink(0.5).intersects(other.shrink(0.5));
        assert_eq!(apart(screen, peer), beside, "{size}");
        assert!(peer.width() <= 160.5, "{size}: {peer}");
        let own = shown.query_by_label_contains(say("own-picture"));
        assert_eq!(own.is_some(), beside, "{size}");
        if let Some(own) = own {
            assert!(apart(screen, own.rect()) && apart(peer, own.rect()), "{size}");
        }
        // Words and the letters that stand for a face stay within its tile, or are none of its.
        let all = &shown.output().shapes;
        for word in [say("call-peer-camera-off"), "A"] {
            for rect in all.iter().filter_map(|clipped| word_at(&clipped.shape, word)) {
                assert!(peer.contains_rect(rect), "{size}: {word} at {rect} beside {peer}");
            }
        }
    }
}

fn word_at(shape: &egui::Shape, word: &str) -> Option<Rect> {
    match shape {
        egui::Shape::Text(text) if text.galley.text() == word => Some(text.visual_bounding_rect()),
        egui::Shape::Vec(shapes) => shapes.iter().find_map(|shape| word_at(shape, word)),
        _ => None,
    }
}

#[test]
fn the_own_picture_is_moved_by_the_pointer_and_stays_there() {
    let mut shown = show(talking(|_| {}));
    let place = |shown: &Shown| shown.get_by_label_contains(say("own-picture")).rect();
    let before = place(&shown);
    let (from, to) = (before.center(), before.center() + vec2(-300.0, 150.0));
    shown.drag_at(from);
    shown.run();
    shown.hover_at(to);
    shown.run();
    shown.drop_at(to);
    shown.run();
    let after = place(&shown);
    assert!((after.center() - to).length() < 2.0, "{before} to {after}");
    shown.run();
    assert_eq!(place(&shown), after);
}

#[test]
fn faults_stay_until_they_are_mended_and_notices_until_they_are_put_away() {
    let devices = Devices { mic_fault: Some("It is in use.".into()), ..Devices::default() };
    let gone = Notice { gone: Some(DeviceKind::Mic), ..notice(5, Severity::Error, "It is gone.") };
    let mut shown = show(Snapshot { devices, notices: vec![gone], ..online() });
    assert!(says(&shown, "It is gone.") && !says(&shown, "It is in use."));
    assert_eq!(click(&mut shown, say("notices-dismiss")), [Command::Dismiss(5)]);
    shown.state_mut().snapshot.notices.clear();
    shown.run();
    assert!(says(&shown, "It is in use."), "nothing else tells it now");
}
