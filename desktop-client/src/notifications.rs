//! Notices of the system's own, for calls while the window is not in front. The one place that names their library.

use crate::engine::{EngineLine, Notifier, SystemNotice};
use crate::words::{say, say_with};
#[cfg(target_os = "linux")]
use notify_rust::ActionResponse;
use notify_rust::{Notification, NotificationHandle};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};

/// The engine that is to hear of a click, once there is one: it needs the notifier first.
pub type Clicked = Arc<OnceLock<EngineLine>>;

/// Notices that may wait for a system that takes its time; more are left out.
const WAITING_MAX: usize = 16;

/// Shows notices on a thread of their own: the system may take its time, or not answer at all.
pub fn notifier(clicked: Clicked) -> Notifier {
    let (tell, told) = sync_channel(WAITING_MAX);
    let thread = std::thread::Builder::new().name("notices".into());
    if let Err(error) = thread.spawn(move || show_all(&told, &clicked)) {
        tracing::debug!(%error, "no notices");
    }
    Arc::new(move |notice| {
        if tell.try_send(notice).is_err() {
            tracing::debug!("a notice is left out");
        }
    })
}

fn show_all(told: &Receiver<SystemNotice>, clicked: &Clicked) {
    let mut ringing: Option<NotificationHandle> = None;
    for notice in told {
        let is_ringing = matches!(notice, SystemNotice::Ringing { .. });
        let body = match notice {
            SystemNotice::RingingOver => {
                if let Some(handle) = ringing.take() {
                    put_away(handle);
                }
                continue;
            }
            SystemNotice::Ringing { peer } => say_with("system-ringing", &[("peer", peer.into())]),
            SystemNotice::Missed { peer } => say_with("system-missed", &[("peer", peer.into())]),
            SystemNotice::Wrote { peer } => say_with("system-wrote", &[("peer", peer.into())]),
        };
        let shown = show(&body, clicked);
        if is_ringing {
            ringing = shown;
        }
    }
}

/// Closes it, where the system has a way to.
fn put_away(handle: NotificationHandle) {
    #[cfg(target_os = "linux")]
    handle.close();
    #[cfg(not(target_os = "linux"))]
    drop(handle);
}

fn show(body: &str, clicked: &Clicked) -> Option<NotificationHandle> {
    let mut notification = Notification::new();
    notification.appname(say("app")).summary(say("app")).body(body).icon("castle-desktop");
    #[cfg(target_os = "linux")]
    notification.action("default", say("system-open"));
    let handle = notification
        .show()
        .inspect_err(|error| tracing::debug!(%error, "the system shows no notices"))
        .ok()?;
    #[cfg(target_os = "linux")]
    follow(handle.id(), clicked.clone());
    #[cfg(not(target_os = "linux"))]
    let _ = clicked;
    Some(handle)
}

/// Brings the window to the front when the notice is clicked. The thread ends with the notice.
#[cfg(target_os = "linux")]
fn follow(id: u32, clicked: Clicked) {
    let waits = move || {
        let heard = notify_rust::handle_action(id, |response: &ActionResponse<'_>| heed(response, &clicked));
        if let Err(error) = heard {
            tracing::debug!(%error, "clicks on notices are not heard");
        }
    };
    let thread = std::thread::Builder::new().name("notice".into());
    if let Err(error) = thread.spawn(waits) {
        tracing::debug!(%error, "clicks on a notice are not heard");
    }
}

/// A click calls the window up; a notice that went by itself does not.
#[cfg(target_os = "linux")]
fn heed(response: &ActionResponse<'_>, clicked: &Clicked) {
    if matches!(response, ActionResponse::Custom("default"))
        && let Some(line) = clicked.get()
    {
        line.call_up(None);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::engine::{Engine, EngineConfig};
    use notify_rust::CloseReason;

    #[test]
    fn a_click_on_a_notice_calls_the_window_up_and_its_end_does_not() {
        let clicked = Clicked::default();
        heed(&ActionResponse::Custom("default"), &clicked);
        let engine = Engine::start(EngineConfig::default(), Arc::new(|| {}));
        clicked.get_or_init(|| engine.line());
        let mut snapshots = engine.snapshots();
        for response in
            [ActionResponse::Closed(CloseReason::Expired), "other".into(), ActionResponse::Custom("default")]
        {
            heed(&response, &clicked);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let called = runtime.block_on(snapshots.wait_for(|snapshot| snapshot.called_up.times > 0));
        assert_eq!(called.unwrap().called_up.times, 1);
    }
}
