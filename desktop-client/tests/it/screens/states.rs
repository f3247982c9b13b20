//! Every screen and state with made-up contents.

use super::*;
use castle_desktop::media::frame::Picture;
use castle_desktop::ui::Page;
use castle_desktop::view::{
    AccountView, Act, BlockedGuest, ChatLine, CheckLine, CheckOutcome, Checkup, DeviceKind, DeviceLogin,
    DeviceStanding, Devices, Frozen, History, KnownServer, PastCall, Placing, Preferences, Safety,
    ScreenChoice, ScreenSpec, Tryout,
};
use egui::Key;

mod beside;
mod calls;
mod deeds;

use deeds::state;
pub(super) use deeds::{Deed, State};

fn history() -> History {
    let call = |number: u128, name: &str, outgoing, missed, ago: u64, lasted: Option<u64>| PastCall {
        id: CallId::from_bits(number),
        peer: (!name.is_empty()).then(|| GuestId::from_bits(number)),
        peer_name: name.into(),
        outgoing,
        matched: number == 3,
        missed,
        began: clock() - Duration::from_secs(ago),
        lasted: lasted.map(Duration::from_secs),
        reason: if missed { EndReason::TimedOut } else { EndReason::HungUp },
    };
    let calls = vec![
        call(1, "Ana", false, true, 240, None),
        call(2, "Bruno", true, false, 7300, Some(754)),
        call(3, "Emilia van der Meer-Oosterhuis", false, false, 90_000, Some(4000)),
        call(4, "", true, false, 5_000_000, Some(12)),
    ];
    History { calls: Some(Arc::new(calls)), more: true, missed: 1 }
}

fn checkup() -> Checkup {
    let line = |check: &str, outcome, advice: Option<&str>| CheckLine {
        check: check.into(),
        outcome,
        advice: advice.map(Into::into),
        technical: "gst_0 Some(3)".into(),
    };
    let protocol = |name: &'static str| [("protocol", name.into())];
    let lines = vec![
        line(say("check-server"), CheckOutcome::Pass, None),
        line(
            &say_with("check-relay", &protocol("UDP")),
            CheckOutcome::Fail,
            Some(&say_with("check-relay-fails", &protocol("UDP"))),
        ),
        line(say("check-ports"), CheckOutcome::Skipped, None),
    ];
    Checkup { lines, done: true }
}

fn chat() -> Arc<Vec<ChatLine>> {
    let line =
        |mine, text: &str, delivered| ChatLine { mine, at: Instant::now(), text: text.into(), delivered };
    Arc::new(vec![
        line(false, "Can you read this?", true),
        line(true, "Yes, very well. Shall we go through the plan for the garden once more?", true),
        line(false, "Gladly.", true),
        line(true, "One moment.", false),
    ])
}

/// Two minutes of a call that had a bad moment.
pub(super) fn two_minutes() -> Arc<Vec<CallStats>> {
    let second = |place: u32| {
        let bad = (60..75).contains(&place);
        CallStats {
            received_bps: Some(if bad { 3e5 } else { 2.1e6 + 1e5 * f64::from(place % 7) }),
            sent_bps: Some(1.6e6 + 5e4 * f64::from(place % 5)),
            loss: Some(if bad { 0.08 } else { 0.002 }),
            rtt_ms: Some(if bad { 180.0 } else { 40.0 + f64::from(place % 3) }),
            glass_to_glass_ms: Some(if bad { 260.0 } else { 84.0 }),
            ..figures()
        }
    };
    Arc::new((0..120).map(second).collect())
}

fn words() -> Safety {
    let words = ["harbour", "velvet", "orchard", "signal"].map(str::to_owned);
    Safety::Words { words, device: DeviceStanding::SeenBefore }
}

pub(super) fn full(change: impl FnOnce(&mut CallView)) -> Snapshot {
    talking(|call| {
        (call.matched, call.stats) = (true, Some(*two_minutes().last().expect("two minutes")));
        (call.stats_history, call.chat, call.safety) = (two_minutes(), chat(), words());
        call.quality = Quality::Good;
        change(call);
    })
}

fn placing() -> Snapshot {
    let placing = Placing { peer: Some("Bruno".into()), given_up: false };
    Snapshot { placing: Some(placing), ..online() }
}

fn hall_notices() -> Snapshot {
    let text = "Bruno could not be called, because he just left the hall.";
    let connection = Connection::Reconnecting { server: SERVER.into(), since: Instant::now() };
    let notices =
        vec![notice(1, Severity::Error, text), notice(2, Severity::Info, "You are on two devices.")];
    Snapshot { connection, notices, ..online() }
}

/// With the most that there is to read at once: a dock was pulled while the server is away.
pub(super) fn crowded(snapshot: Snapshot) -> Snapshot {
    let gone = |id, kind, text: String| Notice { gone: Some(kind), ..notice(id, Severity::Error, &text) };
    let of = |key| say_with(key, &[("name", "USB dock".into())]);
    let notices = vec![
        notice(1, Severity::Info, say("told-reported")),
        gone(2, DeviceKind::Camera, of("told-camera-gone-last")),
        gone(3, DeviceKind::Mic, of("told-mic-gone-last")),
        notice(4, Severity::Error, say("told-broke")),
    ];
    let devices = Devices {
        camera_fault: Some(say("fault-no-camera").into()),
        mic_fault: Some(say("fault-mic-gone").into()),
        speaker_fault: Some(say("fault-speaker-gone").into()),
        ..Devices::default()
    };
    let connection = Connection::Reconnecting { server: SERVER.into(), since: Instant::now() };
    Snapshot { connection, notices, devices, ..snapshot }
}

fn wishing() -> Snapshot {
    let set = Preferences {
        tags: vec!["chess".into(), "gardening".into()],
        languages: vec!["de".into(), "en".into()],
        ..Preferences::default()
    };
    Snapshot { preferences: Arc::new(set), ..online() }
}

/// Servers of earlier logins; with a key to them, or without.
fn known(remembered: bool) -> Snapshot {
    let known =
        |server: &str, name: &str| KnownServer { server: server.into(), name: name.into(), remembered };
    let servers = vec![known("https://castle.example:50051", "noor"), known("https://club.example", "noor2")];
    Snapshot { servers: Arc::new(servers), ..Snapshot::default() }
}

/// Where Noor is logged in.
fn my_account() -> AccountView {
    let login = |number: u128, device: &str, current, ago: u64| DeviceLogin {
        id: castle::ids::LoginId::from_bits(number),
        device: device.into(),
        current,
        last_used: clock() - Duration::from_secs(ago),
    };
    let logins =
        vec![login(1, "desk", true, 60), login(2, "laptop", false, 7300), login(3, "", false, 5_000_000)];
    AccountView { logins: Some(Arc::new(logins)), ..AccountView::default() }
}

fn trying() -> Snapshot {
    let devices = Devices { cameras: Arc::new(vec!["Integrated Camera".into()]), ..Devices::default() };
    let tryout = Some(Tryout { mic_level: 0.6, speaker_playing: false });
    Snapshot { devices, tryout, ..online() }
}

/// The same without a speaker.
fn silent() -> Snapshot {
    let trying = trying();
    let speaker_fault = Some(say("fault-speaker-not-found").into());
    Snapshot { devices: Devices { speaker_fault, ..trying.devices.clone() }, ..trying }
}

/// What can be shared.
pub(super) fn screens() -> Devices {
    let choice = |spec, name: &str| ScreenChoice { spec, name: name.into(), size: (1920, 1080) };
    let screens = vec![
        choice(ScreenSpec::Display(0), "HDMI-1"),
        choice(ScreenSpec::Display(1), "eDP-1"),
        choice(ScreenSpec::Window(7), "Plan for the garden, draft of November: a spreadsheet"),
        choice(ScreenSpec::Window(8), "Mail"),
    ];
    Devices { screens: Arc::new(screens), ..Devices::default() }
}

/// All of them.
pub(super) fn every() -> Vec<State> {
    let mut all = of_the_way_in_and_pages();
    all.extend(of_calls());
    all.extend(of_my_account());
    all.extend(beside::on_the_way_in());
    all.extend(beside::in_the_hall());
    all.extend(beside::on_pages());
    all.extend(calls::seldom());
    all
}

/// All of them, and the lower parts of those that are longer than a window.
pub(super) fn every_part() -> Vec<State> {
    let mut all = every();
    all.extend(beside::further_down());
    all
}

/// The one of this name.
pub(super) fn named(name: &str) -> State {
    every_part().into_iter().find(|state| state.name == name).expect("a state of this name")
}

/// A code of the host, and what is mine at the server.
fn of_my_account() -> Vec<State> {
    let at_server = Prefill { server: Some(SERVER.into()), name: Some("noor".into()), invitation: None };
    let forgot = State { prefill: at_server, ..state("login-code", Snapshot::default()) };
    let connection = Connection::LoggingIn { server: SERVER.into() };
    let crowded = AccountView { crowded: true, ..my_account() };
    let crowded = Snapshot { connection, account: crowded, ..Snapshot::default() };
    let mine = || Snapshot { account: my_account(), ..online() };
    let acts = vec![Act::Rename, Act::List, Act::ChangePassword, Act::Export, Act::Erase];
    let busy = AccountView { busy: acts, ..AccountView::default() };
    let page = |name, snapshot| State { page: Page::Account, ..state(name, snapshot) };
    vec![
        State { chosen: Some("login-mode-reset"), ..forgot },
        state("login-crowded", crowded),
        page("account", mine()),
        page("account-busy", Snapshot { account: busy, ..online() }),
        State { clicks: vec!["account-erase-ask"], ..page("account-erase", mine()) },
    ]
}

fn of_the_way_in_and_pages() -> Vec<State> {
    let on = |name, page, snapshot| State { page, ..state(name, snapshot) };
    let registering = Prefill { invitation: Some(String::new()), ..Prefill::default() };
    let logging_in = Connection::LoggingIn { server: SERVER.into() };
    let blocked = vec![BlockedGuest { guest: GuestId::from_bits(5), display_name: "Zed".into() }];
    let blocked = Snapshot { blocked: Some(Arc::new(blocked)), ..online() };
    vec![
        State { chosen: Some("login-mode-log-in"), ..state("login", Snapshot::default()) },
        state("login-known", known(true)),
        state("login-others", known(false)),
        on("login-settings", Page::Settings, Snapshot::default()),
        on("login-help", Page::Help, Snapshot::default()),
        State { prefill: registering, ..state("registration", Snapshot::default()) },
        state("logging-in", Snapshot { connection: logging_in, ..Snapshot::default() }),
        state("hall", online()),
        state("hall-missed", Snapshot { history: history(), ..online() }),
        state("hall-notices", hall_notices()),
        state("hall-empty", Snapshot { hall: Arc::default(), ..online() }),
        state("hall-more", Snapshot { hall_more: true, hall_count: 10_000, remembered: true, ..online() }),
        state("search", searching()),
        state("placing", placing()),
        State {
            chosen: Some("login-mode-log-in"),
            ..state("login-notices", Snapshot { notices: hall_notices().notices, ..Snapshot::default() })
        },
        on("history", Page::History, Snapshot { history: history(), ..online() }),
        on(
            "history-empty",
            Page::History,
            Snapshot { history: History { calls: Some(Arc::default()), ..History::default() }, ..online() },
        ),
        on("blocked", Page::Blocked, blocked),
        on("tryout", Page::Tryout, trying()),
        on("tryout-silent", Page::Tryout, silent()),
        on("settings", Page::Settings, silent()),
        on("interests", Page::Interests, wishing()),
        on("help", Page::Help, online()),
        state("checkup", Snapshot { checkup: Some(checkup()), ..online() }),
    ]
}

fn of_calls() -> Vec<State> {
    let since = Instant::now();
    let key =
        |name, key, snapshot| State { keys: vec![(egui::Modifiers::NONE, key)], ..state(name, snapshot) };
    let frozen = Frozen { since: since.checked_sub(Duration::from_secs(2)).unwrap_or(since) };
    vec![
        state("calling", in_call(Stage::Calling { since })),
        state("ringing-notices", crowded(in_call(Stage::Ringing { since }))),
        state("call-notices", crowded(full(|_| {}))),
        state("ringing", in_call(Stage::Ringing { since })),
        state("connecting", in_call(Stage::Connecting)),
        state("call", full(|_| {})),
        state(
            "call-off",
            full(|call| (call.camera_on, call.peer_camera_on, call.muted) = (false, false, true)),
        ),
        state("call-frozen", full(|call| (call.frozen, call.quality) = (Some(frozen), Quality::Poor))),
        state("call-path-lost", full(|call| (call.path_lost, call.quality) = (true, Quality::Poor))),
        state("call-away", full(|call| (call.peer_reconnecting, call.peer_muted) = (true, true))),
        state("call-shared", full(|call| call.peer_sharing = true)),
        state(
            "call-shared-off",
            full(|call| (call.peer_sharing, call.peer_camera_on, call.muted) = (true, false, true)),
        ),
        state(
            "call-shared-away",
            full(|call| {
                (call.peer_sharing, call.peer_reconnecting, call.frozen) = (true, true, Some(frozen));
            }),
        ),
        key("call-share", Key::D, Snapshot { devices: screens(), ..full(|_| {}) }),
        state("call-sharing", full(|call| call.sharing = true)),
        key("call-chat", Key::C, full(|_| {})),
        key("call-stats", Key::I, full(|_| {})),
        key("call-safety", Key::S, full(|_| {})),
        key("call-safety-told", Key::S, crowded(full(|_| {}))),
        key("call-menu", Key::O, full(|_| {})),
        state(
            "call-sound-alone",
            full(|call| (call.sound_alone, call.camera_on, call.peer_camera_on) = (true, false, false)),
        ),
        State { clicks: vec!["call-more", "call-devices"], ..state("call-devices", full(|_| {})) },
        State { clicks: vec!["call-more", "help"], ..state("call-help", full(|_| {})) },
        State { closing: true, ..state("quit", full(|_| {})) },
        state("ended", ended(EndReason::PeerHungUp)),
        state("ended-failed", in_call(Stage::Ended { reason: EndReason::Failed, lasted: None })),
        state("ended-broke", ended(EndReason::Failed)),
        State { clicks: vec!["guest-report"], ..state("report", ended(EndReason::PeerHungUp)) },
        State { clicks: vec!["guest-block"], ..state("block", ended(EndReason::PeerHungUp)) },
    ]
}
