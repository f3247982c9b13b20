//! Notices of the system's own, for calls while the window is not in front. The one place that names their library.

use crate::engine::{Notifier, SystemNotice};
use crate::words::{say, say_with};
use std::sync::Arc;

/// Shows each notice on a thread of its own: the system may take its time, or not answer at all.
pub fn notifier() -> Notifier {
    Arc::new(|notice| {
        let thread = std::thread::Builder::new().name("notice".into());
        if let Err(error) = thread.spawn(move || show(&notice)) {
            tracing::debug!(%error, "no notice");
        }
    })
}

fn show(notice: &SystemNotice) {
    let body = match notice {
        SystemNotice::Ringing { peer } => say_with("system-ringing", &[("peer", peer.into())]),
        SystemNotice::Missed { peer } => say_with("system-missed", &[("peer", peer.into())]),
    };
    let shown = notify_rust::Notification::new()
        .appname(say("app"))
        .summary(say("app"))
        .body(&body)
        .icon("castle-desktop")
        .show();
    if let Err(error) = shown {
        tracing::debug!(%error, "the system shows no notices");
    }
}
