//! Every sentence and every word that the window shows, in English. No screen holds words of its own, so that a
//! translation replaces this file alone. Sentences say what happened and what to do.

use crate::view::{Availability, CallStats, EndReason, RelayProtocol, Route, RouteReason, Search};
use std::time::Duration;

/// Name of the app.
pub const APP: &str = "Castle";
/// Name of the lobby.
pub const HALL: &str = "Great Hall";

/// Login screen.
pub mod login {
    /// Below the name of the app.
    pub const INTRO: &str = "Private video calls, from one guest to another.";
    /// Choice of what to do.
    pub const MODE_LOG_IN: &str = "I have an account";
    /// Choice of what to do.
    pub const MODE_REGISTER: &str = "I have an invitation";
    /// Field.
    pub const SERVER: &str = "Server address";
    /// Field, when an invitation may stand there.
    pub const SERVER_OR_LINK: &str = "Server address or invitation link";
    /// Field.
    pub const INVITATION: &str = "Invitation code";
    /// Field.
    pub const NAME: &str = "Name";
    /// Field.
    pub const PASSWORD: &str = "Password";
    /// In the empty field.
    pub const SERVER_HINT: &str = "http://127.0.0.1:50051";
    /// Instead of the field for the code.
    pub const CODE_IN_LINK: &str = "The invitation code is in the link.";
    /// Tick box.
    pub const SHOW_PASSWORD: &str = "Show password";
    /// Button.
    pub const LOG_IN: &str = "Log in";
    /// Button.
    pub const REGISTER: &str = "Join with invitation";
    /// Button while it is under way.
    pub const BUSY: &str = "Connecting…";
    /// Complaint.
    pub const NEED_SERVER: &str = "Enter the address that your host gave you.";
    /// Complaint.
    pub const NEED_LINK: &str = "Enter the server address, or paste the invitation link.";
    /// Complaint.
    pub const NEED_INVITATION: &str = "Enter the code of your invitation, or paste its link above.";
    /// Complaint.
    pub const NEED_NAME: &str = "Enter your name.";
    /// Complaint.
    pub const NEED_PASSWORD: &str = "Enter your password.";
    /// Complaint.
    pub const NEED_NEW_PASSWORD: &str = "Choose a password.";
    /// Complaint.
    pub const LINK_NEEDS_INVITATION: &str = "This is an invitation link. Choose “I have an invitation”.";
}

/// Great Hall.
pub mod hall {
    /// Button: Match.
    pub const FIND: &str = "Find someone";
    /// Its tooltip.
    pub const FIND_TIP: &str = "Be put through to the next person who is looking, too";
    /// Button.
    pub const NEXT_FREE: &str = "Call next free";
    /// Its tooltip.
    pub const NEXT_FREE_TIP: &str = "Call the guest who has been free the longest";
    /// Field.
    pub const SEARCH: &str = "Search guests";
    /// Nobody there.
    pub const EMPTY: &str = "Nobody else is here yet";
    /// What to do about it.
    pub const EMPTY_MORE: &str =
        "Guests appear as soon as they come in. “Find someone” waits for the next one for you.";
    /// Nobody of that name.
    pub const NO_HIT: &str = "No guest of that name is here.";
    /// Button.
    pub const LOG_OUT: &str = "Log out";
    /// Button in a row.
    pub const CALL: &str = "Call";
    /// Before the choice of availability.
    pub const SHOWN_AS: &str = "Shown as";

    /// Name of the button in the row of a guest.
    pub fn call(name: &str) -> String {
        format!("Call {name}")
    }

    /// How many are there, and how many of them can be called.
    pub fn count(all: usize, free: usize) -> String {
        match all {
            1 => format!("1 guest, {free} free"),
            _ => format!("{all} guests, {free} free"),
        }
    }
}

/// Waiting for a match.
pub mod search {
    /// Heading.
    pub const TITLE: &str = "Looking for someone";
    /// Button.
    pub const STOP: &str = "Stop looking";
    /// Before the server answered.
    pub const ASKING: &str = "Asking the server…";
    /// Alone in line.
    pub const ALONE: &str =
        "You are the only one looking. You are put through as soon as someone else looks, too.";
}

/// A call, from the first ring to its end.
pub mod call {
    /// Button.
    pub const ACCEPT: &str = "Accept";
    /// Button.
    pub const DECLINE: &str = "Decline";
    /// Button.
    pub const CANCEL: &str = "Cancel call";
    /// Button.
    pub const HANG_UP: &str = "Hang up";
    /// Button.
    pub const NEXT: &str = "Next";
    /// Button.
    pub const MUTE: &str = "Mute";
    /// Button.
    pub const UNMUTE: &str = "Unmute";
    /// Button.
    pub const CAMERA_OFF: &str = "Camera off";
    /// Button.
    pub const CAMERA_ON: &str = "Camera on";
    /// Button.
    pub const BACK: &str = "Back to the hall";
    /// Button after a matched call.
    pub const FIND_ANOTHER: &str = "Find someone else";
    /// Beside the name.
    pub const CALLS_YOU: &str = "is calling you";
    /// Beside the name.
    pub const RINGING: &str = "Ringing…";
    /// Media is being set up.
    pub const CONNECTING: &str = "Connecting picture and sound…";
    /// In place of the picture.
    pub const WAITING_PICTURE: &str = "Waiting for the picture…";
    /// In place of the picture.
    pub const PEER_CAMERA_OFF: &str = "Camera is off";
    /// A sign beside the name.
    pub const PEER_MUTED: &str = "Muted";
    /// Own picture.
    pub const OWN_PICTURE: &str = "Your picture";
    /// In place of the own picture.
    pub const OWN_CAMERA_OFF: &str = "Your camera is off";
    /// In place of the own picture.
    pub const OWN_CAMERA_LOST: &str = "No camera";
    /// In place of the own picture.
    pub const OWN_CAMERA_STARTS: &str = "Camera starts…";
    /// Over the own picture.
    pub const OWN_MUTED: &str = "You are muted";

    /// Over the picture while the other end is away.
    pub fn peer_reconnecting(peer: &str) -> String {
        format!("{peer} lost the connection and is coming back…")
    }

    /// Name of the remote picture.
    pub fn picture_of(peer: &str) -> String {
        format!("Picture of {peer}")
    }
}

/// Notices.
pub mod notices {
    /// Name of the button that puts a notice away.
    pub const DISMISS: &str = "Dismiss";
    /// The engine did not take a command.
    pub const OVERLOADED: &str = "The app is very busy, and that was not done. Please try again.";
    /// The session is being taken up again.
    pub const RECONNECTING: &str = "Connection to the server lost. Reconnecting by itself…";

    /// Which device is at fault, and how.
    pub fn fault(device: &str, sentence: &str) -> String {
        format!("{device}: {sentence}")
    }
    /// Device.
    pub const CAMERA: &str = "Camera";
}

/// Why no window came up.
pub mod window {
    /// No display server.
    pub const NO_DISPLAY: &str = "Castle found no screen to open its window on. Start it from a desktop session, \
         or use `castle-desktop bot` where there is no screen.";
    /// No OpenGL.
    pub const NO_OPENGL: &str = "Castle could not start OpenGL, which it draws with. Install or update the graphics \
         driver (on Debian and Ubuntu: libegl1 libgl1-mesa-dri), or try again with LIBGL_ALWAYS_SOFTWARE=1.";
    /// Anything else.
    pub const NOT_OPENED: &str = "Castle could not open its window.";
}

/// Title of the window while media flows.
pub fn window_in_call(peer: &str) -> String {
    format!("{peer} – {APP}")
}

/// Title of the window while somebody calls.
pub fn window_ringing(peer: &str) -> String {
    format!("{peer} {}", call::CALLS_YOU)
}

/// A tooltip with the key that does the same.
pub fn with_key(text: &str, key: &str) -> String {
    format!("{text} ({key})")
}

/// One word for a guest's state.
pub fn availability(availability: Availability) -> &'static str {
    match availability {
        Availability::Available => "Available",
        Availability::InCall => "In a call",
        Availability::DoNotDisturb => "Do not disturb",
        Availability::Invisible => "Invisible",
    }
}

/// Why the call is over, as a heading.
pub fn ended(reason: EndReason, peer: &str) -> String {
    match reason {
        EndReason::Declined => format!("{peer} cannot take the call now"),
        EndReason::Busy => format!("{peer} is in another call"),
        EndReason::Cancelled => "The call was cancelled".into(),
        EndReason::TimedOut => "Nobody answered".into(),
        EndReason::HungUp => "You hung up".into(),
        EndReason::PeerHungUp => format!("{peer} hung up"),
        EndReason::Disconnected => format!("{peer} lost the connection"),
        EndReason::Failed => "Picture and sound did not get through".into(),
        EndReason::AnsweredElsewhere => "Answered on another device".into(),
        EndReason::Superseded => "Another call took its place".into(),
        EndReason::ShuttingDown => "The server is going down".into(),
    }
}

/// What to make of it, below the heading.
pub fn ended_advice(reason: EndReason) -> Option<&'static str> {
    match reason {
        EndReason::Declined | EndReason::TimedOut => Some("Try again later."),
        EndReason::Busy => Some("Try again when the hall shows them as available."),
        EndReason::Disconnected => Some("Call again once they are back in the hall."),
        EndReason::Failed => Some("Check that your network lets calls through, then call again."),
        EndReason::ShuttingDown => Some("You are logged in again by yourself once it is back."),
        EndReason::Cancelled
        | EndReason::HungUp
        | EndReason::PeerHungUp
        | EndReason::AnsweredElsewhere
        | EndReason::Superseded => None,
    }
}

/// How long the call was connected.
pub fn lasted(duration: Duration) -> String {
    format!("The call lasted {}.", clock(duration))
}

/// Minutes and seconds, with hours when there are any.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Where I stand in line.
pub fn position(search: &Search) -> String {
    match (search.position, search.waiting) {
        (_, Some(0 | 1)) => self::search::ALONE.into(),
        (Some(1), Some(waiting)) => format!("You are next. {waiting} are looking."),
        (Some(position), Some(waiting)) => format!("You are number {position} of {waiting} who are looking."),
        (Some(position), None) => format!("You are number {position} in line."),
        (None, _) => self::search::ASKING.into(),
    }
}

/// How long I have waited, and how long others did.
pub fn wait(waited: Duration, estimate: Option<Duration>) -> String {
    match estimate {
        Some(estimate) => format!("{} so far, usually about {}", clock(waited), about(estimate)),
        None => format!("{} so far", clock(waited)),
    }
}

fn about(duration: Duration) -> String {
    match duration.as_secs() {
        0 | 1 => "a second".into(),
        seconds @ 2..90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 30) / 60),
    }
}

/// The check of the connection.
pub mod checkup {
    use crate::view::{CheckLine, CheckOutcome, Checkup};

    /// Button, and name of the screen.
    pub const TITLE: &str = "Check my connection";
    /// Button.
    pub const CLOSE: &str = "Close";

    /// How it stands, in one sentence.
    pub fn summary(checkup: &Checkup) -> String {
        let failed = checkup.lines.iter().filter(|line| line.outcome == CheckOutcome::Fail).count();
        match (checkup.done, failed) {
            (false, _) => "Looking at everything between here and a call…".to_owned(),
            (true, 0) => "All is well: calls will get through from here.".to_owned(),
            (true, 1) => "One thing is to be changed.".to_owned(),
            (true, many) => format!("{many} things are to be changed."),
        }
    }

    /// What was looked at and seen.
    pub fn line(line: &CheckLine) -> String {
        let mark = match line.outcome {
            CheckOutcome::Pass => "Fine",
            CheckOutcome::Fail => "Wrong",
            CheckOutcome::Skipped => "Not told",
        };
        format!("{mark} · {}: {}", line.check, line.detail)
    }
}

/// The way that media goes.
pub fn route(route: Route) -> &'static str {
    match route {
        Route::Host => "Direct, same network",
        Route::Srflx | Route::Prflx => "Direct",
        Route::Relay => "Relayed by the server",
    }
}

/// The way that media goes, and why it is none better.
pub fn way(stats: &CallStats) -> Option<String> {
    let words = match stats.route_reason {
        None | Some(RouteReason::Direct) => route(stats.route?),
        Some(RouteReason::AskedFor) => "Relayed: you asked for it",
        Some(RouteReason::Private) => "Relayed: matched guests do not learn each other's address",
        Some(RouteReason::UdpBlocked) => "Relayed: UDP is blocked",
        Some(RouteReason::NoDirectWay) => "Relayed: the two networks do not let a direct connection through",
    };
    let over = match stats.relay_protocol {
        None | Some(RelayProtocol::Udp) => "",
        Some(RelayProtocol::Tcp) => " (over TCP)",
        Some(RelayProtocol::Tls) => " (over TLS)",
    };
    Some(format!("{words}{over}"))
}

/// One line of figures; empty when nothing is known.
pub fn stats(stats: &CallStats) -> String {
    let parts = [
        way(stats),
        stats.rtt_ms.map(|ms| format!("{ms:.0} ms round trip")),
        stats.glass_to_glass_ms.map(|ms| format!("{ms:.0} ms glass to glass")),
        stats.fps.map(|fps| format!("{fps:.0} fps")),
        stats.size.map(|(width, height)| format!("{width} × {height}")),
        stats.loss.filter(|loss| *loss >= 0.001).map(|loss| format!("{:.1} % lost", loss * 100.0)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ·  ")
}

/// One or two letters that stand for a face.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    words.next().into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_line_of_figures_leaves_out_what_is_not_known() {
        assert_eq!(stats(&CallStats::default()), "");
        let known = CallStats { route: Some(Route::Relay), rtt_ms: Some(41.6), ..CallStats::default() };
        assert_eq!(stats(&known), "Relayed by the server  ·  42 ms round trip");
    }

    #[test]
    fn a_relayed_call_says_why_it_is_relayed() {
        let relayed = |reason, protocol| {
            let (route, route_reason) = (Some(Route::Relay), Some(reason));
            way(&CallStats { route, route_reason, relay_protocol: Some(protocol), ..CallStats::default() })
        };
        let blocked = relayed(RouteReason::UdpBlocked, RelayProtocol::Tls);
        assert_eq!(blocked.as_deref(), Some("Relayed: UDP is blocked (over TLS)"));
        let asked = relayed(RouteReason::AskedFor, RelayProtocol::Udp);
        assert_eq!(asked.as_deref(), Some("Relayed: you asked for it"));
    }
}
