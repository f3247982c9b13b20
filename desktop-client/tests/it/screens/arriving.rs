//! Calls that come while something else is on, that are asked for, and that break.

use super::*;
use castle_desktop::ui::{Page, text};
use castle_desktop::view::{History, PastCall, Placing, Preferences, ReportReason};
use egui::{Key, Modifiers};

const NONE: Modifiers = Modifiers::NONE;
const CONTROL: Modifiers = Modifiers::COMMAND;

fn rings() -> Snapshot {
    in_call(Stage::Ringing { since: Instant::now() })
}

fn away() -> Connection {
    Connection::Reconnecting { server: SERVER.into(), since: Instant::now() }
}

/// A report that is being written about Bruno.
fn writing() -> Shown {
    let mut shown = show(online());
    click(&mut shown, &say_with("hall-menu-of", &[("name", "Bruno".into())]));
    click(&mut shown, say("guest-report"));
    click(&mut shown, say("report-spam"));
    shown.get_by_label(say("report-words")).focus();
    shown.run();
    type_text(&mut shown, "sells watches");
    shown
}

#[test]
fn whoever_calls_while_a_report_is_written_is_seen_and_answered_and_the_report_waits() {
    let mut shown = writing();
    shown.state_mut().snapshot = rings();
    shown.run();
    assert!(says(&shown, "Ana") && !says(&shown, say("report-send")));
    shown.get_by_label(say("call-accept")).click();
    assert_eq!(commands(&mut shown), [Command::Accept], "nothing lies over the button");
    assert_eq!(press(&mut shown, CONTROL, Key::Enter), [Command::Accept]);
    shown.state_mut().snapshot = talking(|_| {});
    shown.run();
    assert!(!says(&shown, say("report-send")), "nor over the call");
    shown.state_mut().snapshot = online();
    shown.run();
    let report = Command::Report {
        guest: GuestId::from_bits(2),
        call: None,
        reason: ReportReason::Spam,
        words: "sells watches".into(),
    };
    assert_eq!(click(&mut shown, say("report-send")), [report], "as it was left");
}

#[test]
fn a_call_that_takes_the_place_of_another_is_not_hidden_by_what_was_said_of_that_one() {
    let mut shown = show(talking(|_| {}));
    click(&mut shown, say("call-more"));
    click(&mut shown, say("guest-block"));
    let blocks = |shown: &Shown| says(shown, say("block-explained"));
    assert!(blocks(&shown));
    let mut next = rings();
    next.call.as_mut().expect("rings").id = CallId::from_bits(2);
    shown.state_mut().snapshot = next;
    shown.run();
    assert!(!blocks(&shown));
    assert_eq!(press(&mut shown, CONTROL, Key::Enter), [Command::Accept]);
    shown.state_mut().snapshot = online();
    shown.run();
    assert!(blocks(&shown));
}

#[test]
fn a_link_that_comes_while_it_rings_is_asked_about_afterwards() {
    let mut shown = show(rings());
    shown.state_mut().screens.bring_link("castle://hall.example:50051/?invite=K7QM".into());
    shown.run();
    assert!(!says(&shown, "Join hall.example"));
    assert_eq!(press(&mut shown, CONTROL, Key::Enter), [Command::Accept]);
    shown.state_mut().snapshot = online();
    shown.run();
    assert!(says(&shown, "Join hall.example"));
}

#[test]
fn the_question_whether_to_quit_is_asked_while_it_rings() {
    let mut shown = writing();
    shown.state_mut().snapshot = rings();
    shown.run();
    let window = shown.state_mut();
    assert!(!window.screens.may_close(&window.snapshot));
    shown.run();
    click(&mut shown, say("quit-stay"));
    shown.state_mut().snapshot = online();
    shown.run();
    assert!(says(&shown, say("report-send")), "the report has waited for both");
}

#[test]
fn a_call_that_the_server_does_not_know_yet_is_shown_and_can_be_given_up() {
    let placing = |peer: Option<&str>, given_up| {
        let placing = Placing { peer: peer.map(str::to_owned), given_up };
        Snapshot { placing: Some(placing), ..online() }
    };
    let mut shown = show(placing(Some("Bruno"), false));
    assert!(says(&shown, "Bruno") && says(&shown, say("call-placing")));
    assert_eq!(click(&mut shown, say("call-cancel")), [Command::Cancel]);
    assert_eq!(press(&mut shown, NONE, Key::Escape), [Command::Cancel]);
    shown.state_mut().snapshot = placing(None, false);
    shown.run();
    assert!(says(&shown, say("call-placing-next-free")));
    shown.state_mut().snapshot.connection = away();
    shown.run();
    assert!(says(&shown, say("notices-reconnecting")), "and what it waits for");

    shown.state_mut().snapshot = placing(Some("Bruno"), true);
    shown.run();
    assert!(says(&shown, say("hall-search")), "whoever gave up is back at once");
    assert_eq!(click(&mut shown, "Call Ana"), [], "and calls again once the first is out of the way");
    assert_eq!(click(&mut shown, say("hall-find")), [], "nor is anybody looked for before");
    assert_eq!(press(&mut shown, CONTROL, Key::M), []);
    shown.state_mut().snapshot = Snapshot { connection: away(), ..online() };
    shown.run();
    assert_eq!(click(&mut shown, say("hall-find")), [Command::Search], "from when the server is back");
}

#[test]
fn nobody_is_called_before_the_server_is_back() {
    let call = PastCall {
        id: CallId::from_bits(1),
        peer: Some(GuestId::from_bits(1)),
        peer_name: "Ana".into(),
        outgoing: true,
        matched: false,
        missed: false,
        began: clock(),
        lasted: None,
        reason: EndReason::HungUp,
    };
    let history = History { calls: Some(Arc::new(vec![call])), more: false, missed: 0 };
    let mut shown = show(Snapshot { history, ..online() });
    let tries = |shown: &mut Shown| {
        let mut asked = click(shown, "Call Ana");
        asked.extend(click(shown, say("hall-next-free")));
        asked.extend(press(shown, CONTROL, Key::N));
        shown.get_by_label(say("hall-search")).focus();
        shown.run();
        type_text(shown, "ana");
        asked.extend(press(shown, NONE, Key::Enter));
        press(shown, CONTROL, Key::F);
        press(shown, CONTROL, Key::A);
        press(shown, NONE, Key::Backspace);
        let window = shown.state_mut();
        window.screens.open(Page::History, &window.snapshot, &mut Vec::new());
        shown.run();
        asked.extend(click(shown, "Call Ana"));
        let window = shown.state_mut();
        window.screens.open(Page::Hall, &window.snapshot, &mut Vec::new());
        shown.run();
        asked.retain(|command| matches!(command, Command::Call(_) | Command::CallNextFree));
        asked
    };
    let ana = Command::Call(GuestId::from_bits(1));
    let all = [ana.clone(), Command::CallNextFree, Command::CallNextFree, ana.clone(), ana];
    assert_eq!(tries(&mut shown), all);
    shown.state_mut().snapshot.connection = away();
    shown.run();
    assert_eq!(tries(&mut shown), []);

    let mut over = show(Snapshot { connection: away(), ..ended(EndReason::PeerHungUp) });
    assert_eq!(click(&mut over, say("ended-call-again")), []);
    over.state_mut().snapshot.connection = online().connection;
    over.run();
    assert_eq!(click(&mut over, say("ended-call-again")), [Command::CallAgain]);
}

#[test]
fn a_path_that_is_lost_is_told_whoever_else_is_away() {
    let mut shown = show(talking(|call| (call.path_lost, call.quality) = (true, Quality::Poor)));
    let strip = shown.get_by_label(say("call-path-lost"));
    assert_eq!(strip.accesskit_node().live(), egui::accesskit::Live::Polite, "it is read out");
    shown.state_mut().snapshot.call.as_mut().expect("talking").peer_reconnecting = true;
    shown.run();
    assert!(says(&shown, say("call-path-lost")) && !says(&shown, &peer_reconnecting()));
    shown.state_mut().snapshot.call.as_mut().expect("talking").path_lost = false;
    shown.run();
    assert!(!says(&shown, say("call-path-lost")) && says(&shown, &peer_reconnecting()));
}

#[test]
fn a_call_that_broke_is_not_said_to_have_never_worked() {
    let failed = |lasted| show(in_call(Stage::Ended { reason: EndReason::Failed, lasted }));
    let broke = failed(Some(Duration::from_secs(65)));
    assert!(says(&broke, say("ended-broke")) && says(&broke, say("ended-call-back")));
    assert!(!says(&broke, say("ended-failed")) && !says(&broke, say("ended-check-network")));
    let never = failed(None);
    assert!(says(&never, say("ended-failed")) && says(&never, say("ended-check-network")));
    for reason in REASONS {
        let one = text::ended(reason, "Ana", (false, true)) == text::ended(reason, "Ana", (false, false));
        assert_eq!(one, reason != EndReason::Failed, "{reason:?}");
    }
}

#[test]
fn how_a_call_was_is_asked_only_where_there_was_time_to_find_out() {
    let after = |lasted| show(in_call(Stage::Ended { reason: EndReason::Disconnected, lasted }));
    let asks = |shown: &Shown| says(shown, say("ended-rate"));
    assert!(asks(&after(Some(Duration::from_secs(65)))));
    assert!(!asks(&after(None)));
    let at_once = after(Some(Duration::from_millis(300)));
    assert!(!asks(&at_once) && !says(&at_once, &text::lasted(Duration::ZERO)), "it lasted no time at all");
    assert!(says(&at_once, "Ana is no longer connected"), "whether they left or had to leave");
}

fn by_key() -> Shown {
    let mut snapshot = talking(|call| call.muted = true);
    snapshot.preferences = Arc::new(Preferences { push_to_talk: true, ..Preferences::default() });
    show(snapshot)
}

#[test]
fn a_key_that_is_let_go_at_once_shuts_the_microphone_before_the_engine_has_said_that_it_opened() {
    let mut shown = by_key();
    shown.key_down(Key::Space);
    assert_eq!(commands(&mut shown), [Command::SetMuted(false)]);
    // What is shown is still from before the key went down.
    shown.key_up(Key::Space);
    assert_eq!(commands(&mut shown), [Command::SetMuted(true)]);
    assert_eq!(commands(&mut shown), [], "once is enough");
}

#[test]
fn a_key_that_is_held_while_the_keyboard_goes_elsewhere_is_let_go_though_nothing_is_drawn() {
    let mut shown = by_key();
    shown.key_down(Key::Space);
    commands(&mut shown);
    let window = shown.state_mut();
    for expected in [vec![Command::SetMuted(true)], vec![]] {
        let mut asked = Vec::new();
        window.screens.let_go(&mut asked);
        assert_eq!(asked, expected);
    }
}
