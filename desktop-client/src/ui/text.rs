//! What screens say that takes more than one sentence's key: choices of words, figures, times. The words themselves stand
//! in the translations (`words`).

use crate::view::{
    Availability, CallStats, CheckLine, CheckOutcome, Checkup, DeviceStanding, EndReason, Preferences,
    Quality, RelayProtocol, ReportReason, Route, RouteReason, Search,
};
use crate::words::spoken::own_name;
use crate::words::{decimal, right_to_left, say, say_with};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Title of the window while media flows.
pub fn window_in_call(peer: &str) -> String {
    say_with("window-in-call", &[("peer", peer.into())])
}

/// Title of the window while somebody calls.
pub fn window_ringing(peer: &str) -> String {
    say_with("window-ringing", &[("peer", peer.into())])
}

/// A tooltip with the key that does the same.
pub fn with_key(text: &str, key: &str) -> String {
    format!("{text} ({key})")
}

/// One word for a guest's state.
pub fn availability(availability: Availability) -> &'static str {
    match availability {
        Availability::Available => say("availability-available"),
        Availability::InCall => say("availability-in-call"),
        Availability::DoNotDisturb => say("availability-do-not-disturb"),
        Availability::Invisible => say("availability-invisible"),
    }
}

/// How many are there, where not all are known.
pub fn hall_count_all(all: usize) -> String {
    say_with("hall-count-all", &[("all", all.into())])
}

/// How many are there, and how many of them can be called.
pub fn hall_count(all: usize, free: usize) -> String {
    say_with("hall-count", &[("all", all.into()), ("free", free.into())])
}

/// What the matchmaker looks for, if it was told.
pub fn wishes(set: &Preferences) -> Option<String> {
    let languages = set.languages.iter().map(|tag| own_name(tag));
    let wanted: Vec<&str> = set.tags.iter().map(String::as_str).chain(languages).collect();
    let list = || say_with("hall-looks-for", &[("list", wanted.join(", ").into())]);
    (!wanted.is_empty()).then(list)
}

/// The caption of the way to the chat while so many lines wait to be read.
pub fn chat_count(unread: usize) -> String {
    say_with("chat-count", &[("count", unread.into())])
}

/// What a screen reader says of it.
pub fn chat_unread(unread: usize) -> String {
    say_with("chat-unread", &[("count", unread.into())])
}

/// Why the call is over, as a heading. `received`: they called me; `lasted`: the two were connected.
pub fn ended(reason: EndReason, peer: &str, (received, lasted): (bool, bool)) -> String {
    match reason {
        EndReason::Failed if lasted => say("ended-broke").into(),
        EndReason::Declined if received => say("ended-you-declined").into(),
        EndReason::Cancelled if received => say_with("ended-gave-up", &[("peer", peer.into())]),
        EndReason::TimedOut if received => say_with("ended-missed", &[("peer", peer.into())]),
        EndReason::Declined => say_with("ended-declined", &[("peer", peer.into())]),
        EndReason::Busy => say_with("ended-busy", &[("peer", peer.into())]),
        EndReason::Cancelled => say("ended-cancelled").into(),
        EndReason::TimedOut => say("ended-timed-out").into(),
        EndReason::HungUp => say("ended-hung-up").into(),
        EndReason::PeerHungUp => say_with("ended-peer-hung-up", &[("peer", peer.into())]),
        EndReason::Disconnected => say_with("ended-disconnected", &[("peer", peer.into())]),
        EndReason::Failed => say("ended-failed").into(),
        EndReason::AnsweredElsewhere => say("ended-answered-elsewhere").into(),
        EndReason::Superseded => say("ended-superseded").into(),
        EndReason::ShuttingDown => say("ended-shutting-down").into(),
        EndReason::Forgotten => say("ended-forgotten").into(),
    }
}

/// What to make of it, below the heading; of the same.
pub fn ended_advice(reason: EndReason, (received, lasted): (bool, bool)) -> Option<&'static str> {
    match reason {
        EndReason::Failed if lasted => Some(say("ended-call-back")),
        EndReason::Declined | EndReason::TimedOut if received => None,
        EndReason::Declined | EndReason::TimedOut => Some(say("ended-try-later")),
        EndReason::Busy => Some(say("ended-try-when-free")),
        EndReason::Disconnected => Some(say("ended-try-when-back")),
        EndReason::Failed => Some(say("ended-check-network")),
        EndReason::ShuttingDown => Some(say("ended-comes-back")),
        EndReason::Forgotten => Some(say("ended-again")),
        EndReason::Cancelled
        | EndReason::HungUp
        | EndReason::PeerHungUp
        | EndReason::AnsweredElsewhere
        | EndReason::Superseded => None,
    }
}

/// How long the call was connected.
pub fn lasted(duration: Duration) -> String {
    say_with("ended-lasted", &[("time", clock(duration).into())])
}

/// Minutes and seconds, with hours when there are any.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How long ago, roughly; the day itself when it is more than a week.
pub fn ago(then: SystemTime, now: SystemTime) -> String {
    let minutes = now.duration_since(then).unwrap_or_default().as_secs() / 60;
    match minutes {
        0 => say("ago-now").into(),
        1..60 => say_with("ago-minutes", &[("count", minutes.into())]),
        60..1440 => say_with("ago-hours", &[("count", (minutes / 60).into())]),
        1440..10080 => say_with("ago-days", &[("count", (minutes / 1440).into())]),
        _ => day(then),
    }
}

/// The day, by the clock of the world.
fn day(then: SystemTime) -> String {
    // Days since 1 March of the year 0, in eras of 400 years (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let days = then.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    // Words rather than numbers: a year has no sign between its thousands.
    let (day, year) = (day.to_string(), year.to_string());
    say_with("date", &[("day", day.into()), ("month", month.into()), ("year", year.into())])
}

/// Where I stand in line.
pub fn position(search: &Search) -> String {
    match (search.position, search.waiting) {
        (_, Some(0 | 1)) => say("search-alone").into(),
        (Some(1), Some(waiting)) => say_with("search-next", &[("waiting", waiting.into())]),
        (Some(position), Some(waiting)) => {
            say_with("search-position", &[("position", position.into()), ("waiting", waiting.into())])
        }
        (Some(position), None) => say_with("search-place", &[("position", position.into())]),
        (None, _) => say("search-asking").into(),
    }
}

/// How long I have waited, and how long others did.
pub fn wait(waited: Duration, estimate: Option<Duration>) -> String {
    let so_far = clock(waited);
    match estimate {
        Some(estimate) => {
            say_with("search-wait-usually", &[("time", so_far.into()), ("usual", duration(estimate).into())])
        }
        None => say_with("search-wait", &[("time", so_far.into())]),
    }
}

/// A span in words: whole seconds, or minutes from one and a half on.
pub fn duration(duration: Duration) -> String {
    match duration.as_secs().max(1) {
        seconds @ ..90 => say_with("time-seconds", &[("count", seconds.into())]),
        seconds => say_with("time-minutes", &[("count", ((seconds + 30) / 60).into())]),
    }
}

/// How the check of the connection stands, in one sentence.
pub fn checkup_summary(checkup: &Checkup) -> String {
    let failed = checkup.lines.iter().filter(|line| line.outcome == CheckOutcome::Fail).count();
    match (checkup.done, failed) {
        (false, _) => say("checkup-looking").into(),
        (true, 0) => say("checkup-well").into(),
        (true, _) => say_with("checkup-failed", &[("count", failed.into())]),
    }
}

/// What was looked at, and how it came out.
pub fn checkup_line(line: &CheckLine) -> String {
    let mark = match line.outcome {
        CheckOutcome::Pass => say("checkup-fine"),
        CheckOutcome::Fail => say("checkup-wrong"),
        CheckOutcome::Skipped => say("checkup-skipped"),
    };
    joined([mark, line.check.as_str()])
}

/// The way that media goes, and why it is none better.
pub fn way(stats: &CallStats) -> Option<String> {
    let words = match (stats.route_reason, stats.route) {
        (Some(RouteReason::AskedFor), _) => say("route-asked-for"),
        (Some(RouteReason::Private), _) => say("route-private"),
        (Some(RouteReason::UdpBlocked), _) => say("route-udp-blocked"),
        (Some(RouteReason::NoDirectWay), _) => say("route-no-direct-way"),
        (None | Some(RouteReason::Direct), route) => match route? {
            Route::Host => say("route-host"),
            Route::Srflx | Route::Prflx => say("route-direct"),
            Route::Relay => say("route-relay"),
        },
    };
    let over = match stats.relay_protocol {
        None | Some(RelayProtocol::Udp) => "",
        Some(RelayProtocol::Tcp) => " (TCP)",
        Some(RelayProtocol::Tls) => " (TLS)",
    };
    Some(format!("{words}{over}"))
}

/// One line of figures; empty when nothing is known.
pub fn stats(stats: &CallStats) -> String {
    let parts = [
        way(stats),
        stats.rtt_ms.map(|ms| say_with("stats-line-rtt", &[("ms", decimal(ms, 0))])),
        stats.glass_to_glass_ms.map(|ms| say_with("stats-line-glass", &[("ms", decimal(ms, 0))])),
        stats.fps.map(|fps| say_with("unit-fps", &[("count", decimal(fps, 0))])),
        stats.size.map(|(width, height)| format!("{}{width} × {height}", left_to_right_mark())),
        stats.codec.map(str::to_owned),
        stats
            .loss
            .filter(|loss| *loss >= 0.001)
            .map(|loss| say_with("stats-line-loss", &[("percent", decimal(loss * 100.0, 1))])),
    ];
    joined(parts.into_iter().flatten())
}

/// Keeps figures beside each other in their order, where the line around them is read from right to left.
fn left_to_right_mark() -> &'static str {
    if right_to_left() { "\u{200E}" } else { "" }
}

/// Things told one after the other. Between two that are read from left to right the line goes on as it began.
pub fn joined(parts: impl IntoIterator<Item = impl Into<String>>) -> String {
    let between = if right_to_left() { "\u{200F}  ·  \u{200F}" } else { "  ·  " };
    parts.into_iter().map(Into::into).collect::<Vec<String>>().join(between)
}

/// Milliseconds with their unit.
pub fn milliseconds(ms: f64) -> String {
    say_with("unit-ms", &[("count", decimal(ms, 0))])
}

/// A share as per cent with so many digits after the decimal sign.
pub fn percent(share: f64, digits: usize) -> String {
    say_with("unit-percent", &[("share", decimal(share * 100.0, digits))])
}

/// Bits per second with a unit.
pub fn bit_rate(bps: f64) -> String {
    if bps >= 1e6 {
        say_with("unit-mbps", &[("count", decimal(bps / 1e6, 1))])
    } else {
        say_with("unit-kbps", &[("count", decimal(bps / 1e3, 0))])
    }
}

/// How good the call is.
pub fn quality(quality: Quality) -> Option<&'static str> {
    match quality {
        Quality::Unknown => None,
        Quality::Good => Some(say("quality-good")),
        Quality::Fair => Some(say("quality-fair")),
        Quality::Poor => Some(say("quality-poor")),
    }
}

/// What is known of the other end's device.
pub fn standing(device: DeviceStanding) -> &'static str {
    match device {
        DeviceStanding::First => say("safety-device-first"),
        DeviceStanding::New => say("safety-device-new"),
        DeviceStanding::SeenBefore => say("safety-device-seen"),
        DeviceStanding::Verified => say("safety-device-verified"),
    }
}

/// Why a guest is reported.
pub fn report_reason(reason: ReportReason) -> &'static str {
    match reason {
        ReportReason::Harassment => say("report-harassment"),
        ReportReason::Sexual => say("report-sexual"),
        ReportReason::Violence => say("report-violence"),
        ReportReason::Spam => say("report-spam"),
        ReportReason::Impersonation => say("report-impersonation"),
        ReportReason::Underage => say("report-underage"),
        ReportReason::Other => say("report-other"),
    }
}

/// One or two letters that stand for a face.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    words.next().into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn a_clock_shows_hours_only_when_there_are_any() {
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(clock(Duration::from_secs(3599)), "59:59");
        assert_eq!(clock(Duration::from_secs(3661)), "1:01:01");
    }

    #[test]
    fn initials_are_those_of_the_first_and_last_name() {
        for (name, letters) in [("Ana", "A"), ("ana maria lópez", "AL"), ("Émile Zola", "ÉZ"), ("", "")] {
            assert_eq!(initials(name), letters, "{name}");
        }
    }

    #[test]
    fn a_day_is_told_once_it_is_long_ago() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(ago(at(951_782_400), at(4_000_000_000)), "29 February 2000");
        assert_eq!(ago(at(0), at(4_000_000_000)), "1 January 1970");
        words::speaking("de", || assert_eq!(ago(at(951_782_400), at(4_000_000_000)), "29. Februar 2000"));
        assert_eq!(ago(at(1000), at(1000 + 7200)), "2 hours ago");
        assert_eq!(ago(at(2000), at(1000)), "just now", "clocks differ");
    }

    #[test]
    fn the_line_of_figures_leaves_out_what_is_not_known() {
        assert_eq!(stats(&CallStats::default()), "");
        let known = CallStats { route: Some(Route::Relay), rtt_ms: Some(41.6), ..CallStats::default() };
        assert_eq!(stats(&known), "Relayed by the server  ·  42 ms round trip");
        let coded = CallStats { size: Some((640, 360)), codec: Some("H264"), ..CallStats::default() };
        assert_eq!(stats(&coded), "640 × 360  ·  H264");
    }

    #[test]
    fn figures_are_written_as_the_language_writes_them() {
        let written = || [percent(0.012, 1), bit_rate(2.25e6), bit_rate(4.2e5), hall_count_all(10_000)];
        assert_eq!(written(), ["1.2 %", "2.2 Mb/s", "420 kb/s", "10,000 guests"]);
        let german = ["1,2 %", "2,2 Mbit/s", "420 kbit/s", "10.000 Gäste"];
        words::speaking("de", || assert_eq!(written(), german));
        words::speaking("he", || assert_eq!(percent(0.012, 1), "1.2%"));
    }

    #[test]
    fn a_relayed_call_says_why_it_is_relayed() {
        let relayed = |reason, protocol| {
            let (route, route_reason) = (Some(Route::Relay), Some(reason));
            way(&CallStats { route, route_reason, relay_protocol: Some(protocol), ..CallStats::default() })
        };
        let blocked = relayed(RouteReason::UdpBlocked, RelayProtocol::Tls);
        assert_eq!(blocked.as_deref(), Some("Relayed: UDP is blocked (TLS)"));
        let asked = relayed(RouteReason::AskedFor, RelayProtocol::Udp);
        assert_eq!(asked.as_deref(), Some("Relayed: you asked for it"));
    }
}
