//! Every screen and state with made-up contents.

use super::*;
use castle_desktop::ui::Page;
use castle_desktop::view::{
    BlockedGuest, ChatLine, CheckLine, CheckOutcome, Checkup, DeviceStanding, Devices, Frozen, History,
    KnownServer, PastCall, ScreenChoice, ScreenSpec, Tryout,
};
use egui::Key;

/// A screen as it is brought about.
pub(super) struct State {
    pub(super) name: &'static str,
    pub(super) snapshot: Snapshot,
    pub(super) prefill: Prefill,
    pub(super) page: Page,
    /// Keys that are pressed then.
    pub(super) keys: Vec<(egui::Modifiers, Key)>,
    /// What is clicked after that, by its key in the translations.
    pub(super) clicks: Vec<&'static str>,
    /// Asked to close.
    pub(super) closing: bool,
}

impl State {
    /// A window that shows it.
    pub(super) fn show(self, size: Vec2) -> Shown {
        let mut shown = show_with(self.snapshot.clone(), self.prefill.clone(), size);
        self.prepare(&mut shown);
        shown
    }

    /// A question lies over all else.
    pub(super) fn is_dialog(&self) -> bool {
        self.closing || !self.clicks.is_empty()
    }

    /// Opens the page, presses the keys, clicks.
    pub(super) fn prepare(&self, shown: &mut Shown) {
        let window = shown.state_mut();
        window.screens.open(self.page, &window.snapshot, &mut window.commands);
        if self.closing {
            window.screens.may_close(&window.snapshot);
        }
        shown.run();
        for (modifiers, key) in &self.keys {
            shown.key_press_modifiers(*modifiers, *key);
            shown.run();
        }
        for name in &self.clicks {
            click(shown, say(name));
        }
        shown.state_mut().commands.clear();
    }
}

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

fn full(change: impl FnOnce(&mut CallView)) -> Snapshot {
    talking(|call| {
        (call.matched, call.stats) = (true, Some(*two_minutes().last().expect("two minutes")));
        (call.stats_history, call.chat, call.safety) = (two_minutes(), chat(), words());
        call.quality = Quality::Good;
        change(call);
    })
}

fn hall_notices() -> Snapshot {
    let text = "Bruno could not be called, because he just left the hall.";
    let connection = Connection::Reconnecting { server: SERVER.into(), since: Instant::now() };
    let notices =
        vec![notice(1, Severity::Error, text), notice(2, Severity::Info, "You are on two devices.")];
    Snapshot { connection, notices, ..online() }
}

fn known() -> Snapshot {
    let known =
        |server: &str, name: &str| KnownServer { server: server.into(), name: name.into(), remembered: true };
    let servers = vec![known("https://castle.example:50051", "noor"), known("https://club.example", "noor2")];
    Snapshot { servers: Arc::new(servers), ..Snapshot::default() }
}

fn trying() -> Snapshot {
    let devices = Devices {
        cameras: Arc::new(vec!["Integrated Camera".into()]),
        speaker_fault: Some(say("fault-speaker-not-found").into()),
        ..Devices::default()
    };
    let tryout = Some(Tryout { mic_level: 0.6, speaker_playing: false });
    Snapshot { devices, tryout, ..online() }
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
    let since = Instant::now();
    let state = |name, snapshot| State {
        name,
        snapshot,
        prefill: Prefill::default(),
        page: Page::Hall,
        keys: Vec::new(),
        clicks: Vec::new(),
        closing: false,
    };
    let on = |name, page, snapshot| State { page, ..state(name, snapshot) };
    let key =
        |name, key, snapshot| State { keys: vec![(egui::Modifiers::NONE, key)], ..state(name, snapshot) };
    let registering = Prefill { invitation: Some(String::new()), ..Prefill::default() };
    let logging_in = Connection::LoggingIn { server: SERVER.into() };
    let blocked = vec![BlockedGuest { guest: GuestId::from_bits(5), display_name: "Zed".into() }];
    let blocked = Snapshot { blocked: Some(Arc::new(blocked)), ..online() };
    let frozen = Frozen { since: since.checked_sub(Duration::from_secs(2)).unwrap_or(since) };
    vec![
        state("login", Snapshot::default()),
        state("login-known", known()),
        State { prefill: registering, ..state("registration", Snapshot::default()) },
        state("logging-in", Snapshot { connection: logging_in, ..Snapshot::default() }),
        state("hall", online()),
        state("hall-missed", Snapshot { history: history(), ..online() }),
        state("hall-notices", hall_notices()),
        state("hall-empty", Snapshot { hall: Arc::default(), ..online() }),
        state("hall-more", Snapshot { hall_more: true, hall_count: 10_000, ..online() }),
        state("search", searching()),
        state("calling", in_call(Stage::Calling { since })),
        state("ringing", in_call(Stage::Ringing { since })),
        state("connecting", in_call(Stage::Connecting)),
        state("call", full(|_| {})),
        state(
            "call-off",
            full(|call| (call.camera_on, call.peer_camera_on, call.muted) = (false, false, true)),
        ),
        state("call-frozen", full(|call| (call.frozen, call.quality) = (Some(frozen), Quality::Poor))),
        state("call-away", full(|call| (call.peer_reconnecting, call.peer_muted) = (true, true))),
        state("call-shared", full(|call| call.peer_sharing = true)),
        key("call-share", Key::D, Snapshot { devices: screens(), ..full(|_| {}) }),
        state("call-sharing", full(|call| call.sharing = true)),
        key("call-chat", Key::C, full(|_| {})),
        key("call-stats", Key::I, full(|_| {})),
        key("call-safety", Key::S, full(|_| {})),
        State { closing: true, ..state("quit", full(|_| {})) },
        state("ended", ended(EndReason::PeerHungUp)),
        state("ended-failed", ended(EndReason::Failed)),
        State { clicks: vec!["guest-report"], ..state("report", ended(EndReason::PeerHungUp)) },
        State { clicks: vec!["guest-block"], ..state("block", ended(EndReason::PeerHungUp)) },
        on("history", Page::History, Snapshot { history: history(), ..online() }),
        on(
            "history-empty",
            Page::History,
            Snapshot { history: History { calls: Some(Arc::default()), ..History::default() }, ..online() },
        ),
        on("blocked", Page::Blocked, blocked),
        on("tryout", Page::Tryout, trying()),
        on("settings", Page::Settings, trying()),
        on("interests", Page::Interests, online()),
        on("help", Page::Help, online()),
        state("checkup", Snapshot { checkup: Some(checkup()), ..online() }),
    ]
}
