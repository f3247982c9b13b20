//! Notices of the system's own, for calls while the window is not in front. The one place that names their library.

use crate::engine::{Notifier, SystemNotice};
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
    let (title, body) = match notice {
        SystemNotice::Ringing { peer } => ("Castle", format!("{peer} is calling")),
        SystemNotice::Missed { peer } => ("Castle", format!("Missed call from {peer}")),
    };
    let shown = notify_rust::Notification::new()
        .appname("Castle")
        .summary(title)
        .body(&body)
        .icon("castle-desktop")
        .show();
    if let Err(error) = shown {
        tracing::debug!(%error, "the system shows no notices");
    }
}
