//! Lists that were asked for in vain.

use super::*;
use castle_desktop::view::Unanswered;

#[test]
fn a_list_that_did_not_come_is_asked_for_again_from_its_page() {
    let all = Unanswered { calls: true, blocked: true, logins: true };
    for (name, loading, again) in [
        ("history", say("history-loading"), Command::LoadHistory),
        ("blocked", say("blocked-loading"), Command::LoadBlocked),
        ("account", say("account-devices-loading"), Command::LoadLogins),
    ] {
        let mut shown = states::named(name).show(ROOMY);
        let snapshot = &mut shown.state_mut().snapshot;
        (snapshot.history.calls, snapshot.blocked, snapshot.account.logins) = (None, None, None);
        commands(&mut shown);
        assert!(says(&shown, loading), "{name}");
        shown.state_mut().snapshot.unanswered = all;
        commands(&mut shown);
        assert!(says(&shown, say("list-unanswered")) && !says(&shown, loading), "{name}");
        assert_eq!(click(&mut shown, say("list-again")), [again], "{name}");
    }
}
