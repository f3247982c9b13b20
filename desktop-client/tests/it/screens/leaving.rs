//! Leaving a hall: for another server, by a link, for good; and what is not there for whoever comes next.

use super::*;
use castle_desktop::ui::Page;
use castle_desktop::view::KnownServer;
use egui::Key;

const NONE: egui::Modifiers = egui::Modifiers::NONE;
const LINK: &str = "castle://club.example:50051/?invite=K7QM-2FXD";

/// The hall of a login to which a key is kept, or none.
fn inside(remembered: bool) -> Snapshot {
    Snapshot { remembered, servers: known(remembered), ..online() }
}

/// The same after one has left.
fn outside(remembered: bool) -> Snapshot {
    Snapshot { servers: known(remembered), ..Snapshot::default() }
}

fn known(remembered: bool) -> Arc<Vec<KnownServer>> {
    Arc::new(vec![KnownServer { server: SERVER.into(), name: "noor".into(), remembered }])
}

fn way_back() -> String {
    say_with("login-continue-at", &[("name", "noor".into()), ("server", SERVER.into())])
}

#[test]
fn a_hall_is_left_for_another_server_and_is_one_click_away_then() {
    let mut shown = show(inside(true));
    assert_eq!(click(&mut shown, say("hall-another-server")), [Command::LeaveHall]);
    shown.state_mut().snapshot = outside(true);
    shown.run();
    assert_eq!(focused(&shown), Some(way_back()));
    let (server, name) = (SERVER.to_owned(), "noor".to_owned());
    assert_eq!(press(&mut shown, NONE, Key::Enter), [Command::LogInRemembered { server, name }]);
    click(&mut shown, say("login-other-server"));
    assert_eq!(focused(&shown).as_deref(), Some(say("login-server")), "and another server is entered");

    let shown = show(inside(false));
    assert!(shown.query_by_label(say("hall-another-server")).is_none(), "nothing would be kept");
    assert!(shown.query_by_label(say("hall-log-out")).is_some());
}

#[test]
fn a_link_is_followed_without_a_logout_where_the_login_is_remembered_and_says_so() {
    for remembered in [true, false] {
        let mut shown = show(inside(remembered));
        shown.state_mut().screens.bring_link(LINK.into());
        shown.run();
        assert_eq!(says(&shown, say("join-explained-kept")), remembered);
        assert_eq!(says(&shown, say("join-explained")), !remembered);
        let join = if remembered { say("join-do-kept") } else { say("join-do") };
        assert_eq!(click(&mut shown, join), [Command::CancelLogIn, Command::LeaveHall]);
        shown.state_mut().snapshot = outside(remembered);
        shown.run();
        let field = shown.get_by_label(say("login-server-or-link"));
        assert_eq!(field.value().as_deref(), Some(LINK));
        assert_eq!(shown.query_by_label(&way_back()).is_some(), remembered);
    }
}

#[test]
fn what_one_looked_for_is_not_there_for_the_next_one() {
    let mut shown = show(online());
    shown.get_by_label(say("hall-search")).focus();
    type_text(&mut shown, "ana");
    assert!(says(&shown, "Call Ana") && !says(&shown, "Call Bruno"));
    for snapshot in [Snapshot::default(), online()] {
        shown.state_mut().snapshot = snapshot;
        shown.run();
    }
    assert_eq!(shown.get_by_label(say("hall-search")).value().unwrap_or_default(), "");
    assert!(
        says(&shown, "Call Ana") && says(&shown, "Call Bruno"),
        "as the server has it, who is asked for all"
    );
}

#[test]
fn a_question_that_one_did_not_answer_is_not_put_to_the_next_one() {
    for (page, asks, asked) in [
        (Page::History, say("history-erase-ask"), say("history-erase-title")),
        (Page::Account, say("account-erase-ask"), say("account-erase-title")),
    ] {
        let calls = Some(Arc::new(vec![a_call()]));
        let history = castle_desktop::view::History { calls, ..Default::default() };
        let inside = Snapshot { history, ..online() };
        let mut shown = show(inside.clone());
        let open = |shown: &mut Shown| {
            let window = shown.state_mut();
            window.screens.open(page, &window.snapshot, &mut Vec::new());
            shown.run();
        };
        open(&mut shown);
        click(&mut shown, asks);
        assert!(says(&shown, asked));
        for snapshot in [Snapshot::default(), inside] {
            shown.state_mut().snapshot = snapshot;
            shown.run();
        }
        open(&mut shown);
        assert!(says(&shown, asks) && !says(&shown, asked));
    }
}

fn a_call() -> castle_desktop::view::PastCall {
    castle_desktop::view::PastCall {
        id: CallId::from_bits(1),
        peer: None,
        peer_name: "Ana".into(),
        outgoing: true,
        matched: false,
        missed: false,
        began: clock(),
        lasted: None,
        reason: EndReason::HungUp,
    }
}
