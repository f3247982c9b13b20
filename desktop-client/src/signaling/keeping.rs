//! The keys of a login on their way to where they last: one after the other in the background, the newest first of all. A
//! session hands them over and never waits for a keyring.

use super::account::{KeyKeeper, LoginKey};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A key that is on its way when the session ends is waited for no longer.
const LAST_TIMEOUT: Duration = Duration::from_secs(1);

/// Keeps the newest key of one login.
pub(super) struct Keeping {
    newest: watch::Sender<LoginKey>,
    task: JoinHandle<()>,
}

impl Keeping {
    /// Keeps this key, and then each that follows.
    pub(super) async fn begin(keeper: KeyKeeper, first: LoginKey) -> Self {
        let (newest, mut keys) = watch::channel(first.clone());
        keep(&keeper, first).await;
        let task = tokio::spawn(async move {
            // Ended: no key follows, and the last one was kept.
            while keys.changed().await.is_ok() {
                let key = keys.borrow_and_update().clone();
                keep(&keeper, key).await;
            }
        });
        Self { newest, task }
    }

    /// Has a key kept in place of the one before, soon. One that waits is overtaken.
    pub(super) fn put(&self, key: LoginKey) {
        self.newest.send_replace(key);
    }

    /// Waits until the last key is kept, if that does not take long.
    pub(super) async fn finish(self) {
        drop(self.newest);
        if tokio::time::timeout(LAST_TIMEOUT, self.task).await.is_err() {
            tracing::warn!("the last key of the login is still on its way");
        }
    }
}

async fn keep(keeper: &KeyKeeper, key: LoginKey) {
    let keeper = KeyKeeper::clone(keeper);
    if let Err(error) = tokio::task::spawn_blocking(move || keeper(&key)).await {
        tracing::error!(%error, "the keeper of keys broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::sync::{Arc, Mutex};

    fn key(token: &str) -> LoginKey {
        LoginKey { refresh_token: token.into(), request_id: "r".into() }
    }

    /// A keeper that says what it got and then waits for its turn.
    fn slow() -> (KeyKeeper, Receiver<String>, SyncSender<()>) {
        let ((tell, told), (turn, turns)) = (sync_channel(16), sync_channel(16));
        let turns = Mutex::new(turns);
        let keeper: KeyKeeper = Arc::new(move |key| {
            tell.send(key.refresh_token.clone()).unwrap();
            turns.lock().unwrap().recv().unwrap();
        });
        (keeper, told, turn)
    }

    #[test]
    fn a_keeper_that_takes_its_time_gets_the_newest_key_and_keeps_nobody_waiting() {
        let (keeper, told, turn) = slow();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        turn.send(()).unwrap();
        let keeping = runtime.block_on(Keeping::begin(keeper, key("one")));
        keeping.put(key("two"));
        let (first, second) = (told.recv().unwrap(), told.recv().unwrap());
        assert_eq!([first.as_str(), second.as_str()], ["one", "two"]);
        // "two" is not kept yet.
        keeping.put(key("three"));
        keeping.put(key("four"));
        for _ in 0..2 {
            turn.send(()).unwrap();
        }
        runtime.block_on(keeping.finish());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["four"], "one was overtaken, the last is kept");
    }
}
