//! Notices of the system's own, for calls while the window is not in front. The one place that names their library.

use crate::engine::{EngineLine, Notifier, SystemNotice};
use crate::words::{say, say_with};
#[cfg(target_os = "linux")]
use notify_rust::ActionResponse;
use notify_rust::{Notification, NotificationHandle};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The engine that is to hear of a click, once there is one: it needs the notifier first.
pub type Clicked = Arc<OnceLock<EngineLine>>;

/// Notices that may wait for a system that takes its time; more are left out.
const WAITING_MAX: usize = 16;
/// Notices that stand at once: each has a thread that hears its click, and connections to the system. With one more the
/// oldest is put away.
const STANDING_MAX: usize = 4;
/// A system that does not show why the app did not start is waited for no longer.
const FAILURE_PATIENCE: Duration = Duration::from_secs(2);

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

/// Shows why the app did not start, where nobody reads what programs say; whether the system took it in time.
pub fn tell_failure(body: &str) -> bool {
    let (tell, told) = sync_channel(1);
    let body = body.to_owned();
    let thread = std::thread::Builder::new().name("notice".into());
    // Closed: it took too long.
    let spawned = thread.spawn(move || tell.send(notification(&body).show().is_ok()).ok());
    spawned.is_ok() && told.recv_timeout(FAILURE_PATIENCE).unwrap_or(false)
}

/// What stands, the oldest first, and which of it tells of somebody who rings.
struct Shown<T> {
    standing: VecDeque<(u64, T)>,
    count: u64,
    ringing: Option<u64>,
}

impl<T> Shown<T> {
    fn new() -> Self {
        Self { standing: VecDeque::new(), count: 0, ringing: None }
    }

    /// One more; what is to be put away for it.
    fn add(&mut self, notice: T, rings: bool) -> Option<T> {
        self.count += 1;
        if rings {
            self.ringing = Some(self.count);
        }
        self.standing.push_back((self.count, notice));
        let crowded = self.standing.len() > STANDING_MAX;
        crowded.then(|| self.standing.pop_front()).flatten().map(|(_, notice)| notice)
    }

    /// It rings no more; what told of it.
    fn rings_no_more(&mut self) -> Option<T> {
        let ringing = self.ringing.take()?;
        let place = self.standing.iter().position(|(number, _)| *number == ringing)?;
        self.standing.remove(place).map(|(_, notice)| notice)
    }
}

fn show_all(told: &Receiver<SystemNotice>, clicked: &Clicked) {
    let mut shown: Shown<NotificationHandle> = Shown::new();
    let followed = Arc::new(());
    for notice in told {
        let rings = matches!(notice, SystemNotice::Ringing { .. });
        let body = match notice {
            SystemNotice::RingingOver => {
                if let Some(over) = shown.rings_no_more() {
                    put_away(over);
                }
                continue;
            }
            SystemNotice::Ringing { peer } => say_with("system-ringing", &[("peer", peer.into())]),
            SystemNotice::Missed { peer } => say_with("system-missed", &[("peer", peer.into())]),
            SystemNotice::Wrote { peer } => say_with("system-wrote", &[("peer", peer.into())]),
        };
        if let Some(oldest) = show(&body, clicked, &followed).and_then(|handle| shown.add(handle, rings)) {
            put_away(oldest);
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

fn notification(body: &str) -> Notification {
    let mut notification = Notification::new();
    notification.appname(say("app")).summary(say("app")).body(body).icon("castle-desktop");
    notification
}

/// `followed` is held by each thread that hears clicks.
fn show(body: &str, clicked: &Clicked, followed: &Arc<()>) -> Option<NotificationHandle> {
    let mut notification = notification(body);
    #[cfg(target_os = "linux")]
    notification.action("default", say("system-open"));
    let handle = notification
        .show()
        .inspect_err(|error| tracing::debug!(%error, "the system shows no notices"))
        .ok()?;
    #[cfg(target_os = "linux")]
    follow(handle.id(), clicked.clone(), followed);
    #[cfg(not(target_os = "linux"))]
    let _ = (clicked, followed);
    Some(handle)
}

/// Brings the window to the front when the notice is clicked. The thread ends with the notice; where the system never says
/// that one ended, clicks on further ones are not heard.
#[cfg(target_os = "linux")]
fn follow(id: u32, clicked: Clicked, followed: &Arc<()>) {
    // One is being put away meanwhile.
    if Arc::strong_count(followed) > STANDING_MAX + 1 {
        tracing::debug!("clicks on a notice are not heard: too many are waited for");
        return;
    }
    let one = Arc::clone(followed);
    let waits = move || {
        let heard = notify_rust::handle_action(id, |response: &ActionResponse<'_>| heed(response, &clicked));
        if let Err(error) = heard {
            tracing::debug!(%error, "clicks on notices are not heard");
        }
        drop(one);
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
    fn of_many_notices_the_oldest_are_put_away_and_that_of_a_ring_with_it() {
        let mut shown = Shown::new();
        let mut away = Vec::new();
        for number in 0..10 {
            away.extend(shown.add(number, number == 7));
        }
        assert_eq!((away, shown.standing.len()), ((0..6).collect(), STANDING_MAX));
        assert_eq!((shown.rings_no_more(), shown.rings_no_more()), (Some(7), None));
        shown.add(10, true);
        for number in 11..20 {
            shown.add(number, false);
        }
        assert_eq!(shown.rings_no_more(), None, "it went with the others");
        assert_eq!(shown.standing.len(), STANDING_MAX);
    }

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
