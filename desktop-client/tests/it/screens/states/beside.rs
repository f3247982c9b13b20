//! What is met less often on the way in, in the hall, while one waits and on the pages, and the lower parts of long pages.

use super::*;
use castle_desktop::view::{Offer, Unanswered};

/// What a second start of the app brings.
const LINK: &str = "castle://club.example:50051/?invite=K7QM-2FXD";

fn on(name: &'static str, page: Page, snapshot: Snapshot) -> State {
    State { page, ..state(name, snapshot) }
}

fn pressed(name: &str) -> Vec<Deed> {
    vec![Deed::Press(name.to_owned())]
}

/// Forms that say what is missing, and one that has the code already.
pub(super) fn on_the_way_in() -> Vec<State> {
    let nobody = Snapshot::default;
    let registering = Prefill { invitation: Some(String::new()), ..Prefill::default() };
    let invited = Prefill { server: Some(LINK.into()), ..Prefill::default() };
    vec![
        State {
            chosen: Some("login-mode-log-in"),
            deeds: pressed(say("login-log-in")),
            ..state("login-complaints", nobody())
        },
        State {
            prefill: registering,
            deeds: pressed(say("login-register")),
            ..state("registration-complaints", nobody())
        },
        State { prefill: invited, ..state("registration-link", nobody()) },
    ]
}

/// So many that not all have room.
pub(super) fn well_visited() -> Snapshot {
    let (free, calling, away) = (Availability::Available, Availability::InCall, Availability::DoNotDisturb);
    let rows = [
        ("Ana Lópezová", free),
        ("Bruno", calling),
        ("Chiyo Tanaka", free),
        ("Dmitri Petrov", free),
        ("Emilia van der Meer-Oosterhuis", calling),
        ("Farid", away),
        ("Grete Holm", free),
        ("Ingrid Ås", free),
        ("João", calling),
    ];
    let rows = (1..).zip(rows).map(|(number, (name, availability))| guest(number, name, availability));
    Snapshot { hall: Arc::new(rows.collect()), ..wishing() }
}

fn offered() -> Snapshot {
    let name = "USB headset";
    let text = say_with("told-mic-new", &[("name", name.into())]);
    let offer = Some(Offer { kind: DeviceKind::Mic, name: name.into() });
    Snapshot { notices: vec![Notice { offer, ..notice(1, Severity::Info, &text) }], ..online() }
}

/// In the hall, and waiting for whoever comes next.
pub(super) fn in_the_hall() -> Vec<State> {
    let menu = Deed::Open(say_with("hall-menu-of", &[("name", "Ana".into())]));
    let waiting = |position, waiting, estimate| {
        let search = searching().search.map(|search| Search { position, waiting, estimate, ..search });
        Snapshot { search, ..wishing() }
    };
    vec![
        state("hall-full", well_visited()),
        State { deeds: vec![Deed::ScrollTo("hall-search"), menu], ..state("hall-guest", online()) },
        State { deeds: vec![Deed::Write("hall-search", "Zed".into())], ..state("hall-no-hit", online()) },
        state("hall-offer", offered()),
        State { link: Some(LINK), ..state("joining", online()) },
        state("search-asking", waiting(None, None, None)),
        state("search-next", waiting(Some(1), Some(3), Some(Duration::from_secs(20)))),
        state("search-alone", waiting(Some(1), Some(1), None)),
    ]
}

/// A check that is under way, or that found nothing.
fn checked(done: bool) -> Snapshot {
    let mut lines = checkup().lines;
    lines.retain(|line| line.outcome == CheckOutcome::Pass);
    if done {
        let check = say_with("check-relay", &[("protocol", "UDP".into())]);
        lines.push(CheckLine { check, ..lines[0].clone() });
    }
    Snapshot { checkup: Some(Checkup { lines, done }), ..online() }
}

/// What pages ask, lists that are open, empty or did not come, and devices that give nothing.
pub(super) fn on_pages() -> Vec<State> {
    let unanswered = Unanswered { calls: true, blocked: true, logins: true };
    let playing = Some(Tryout { speaker_playing: true, ..trying().tryout.expect("tried out") });
    let cameras = Deed::Open(say("settings-camera").to_owned());
    vec![
        state("checkup-running", checked(false)),
        state("checkup-well", checked(true)),
        State {
            clicks: vec!["history-erase-ask"],
            ..on("history-erase", Page::History, Snapshot { history: history(), ..online() })
        },
        on("history-unanswered", Page::History, Snapshot { unanswered, ..online() }),
        on("blocked-nobody", Page::Blocked, Snapshot { blocked: Some(Arc::default()), ..online() }),
        State {
            own: Some(Picture::Waiting),
            ..on("tryout-starts", Page::Tryout, Snapshot { tryout: playing, ..trying() })
        },
        State { own: Some(Picture::Lost), ..on("tryout-lost", Page::Tryout, trying()) },
        State { deeds: vec![cameras], ..on("settings-list", Page::Settings, trying()) },
    ]
}

/// Pages that are longer than a window, below what is seen first.
pub(super) fn further_down() -> Vec<State> {
    let typed = [
        ("settings-old-password", "open sesame"),
        ("settings-new-password", "shut sesame"),
        ("password-again", "shut sesamy"),
    ];
    let mut typed: Vec<_> = typed.map(|(field, text)| Deed::Write(field, text.to_owned())).into();
    typed.push(Deed::ScrollTo("password-again"));
    let account = || Snapshot { account: my_account(), ..online() };
    let file = Deed::Write("account-data-file", "/home/noor/castle-account.json".into());
    let to = |key| vec![Deed::ScrollTo(key)];
    vec![
        State { deeds: to("settings-quality-cap"), ..on("settings-middle", Page::Settings, online()) },
        State { deeds: to("help-shortcuts"), ..on("settings-low", Page::Settings, online()) },
        State { deeds: typed, ..on("account-middle", Page::Account, account()) },
        State {
            deeds: vec![file, Deed::ScrollTo("account-erase-ask")],
            ..on("account-low", Page::Account, account())
        },
        State { deeds: to("about-licence"), ..on("help-low", Page::Help, online()) },
    ]
}
