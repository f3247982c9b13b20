//! The server has no room for one more session of this guest: the wait until another one is gone. What is asked about
//! the account is answered meanwhile, so that one can be ended from here.

use super::super::requests::Answer;
use super::super::{Command, Event};
use super::{Done, LEAVE_TIMEOUT, Session};
use crate::error::ClientError;
use std::time::Duration;
use tokio::time::Instant;

/// Between two tries while nothing is ended from here: it may have been ended elsewhere.
const TRY_EVERY: Duration = Duration::from_secs(10);

impl Session {
    /// Waits until another try is worth it. True when it ended with a goodbye.
    pub(super) async fn wait_for_room(&mut self, refusal: ClientError) -> bool {
        self.tell(Event::Crowded(refusal)).await;
        // Whoever is let in again begins in the hall, and sees all of it.
        self.search = None;
        self.query.clear();
        let again = Instant::now() + TRY_EVERY;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(again) => return false,
                Some(done) = self.requests.join_next() => {
                    let ended = matches!(&done, Ok(Done::Answer(_, Ok(Answer::LoginEnded(_)))));
                    self.take_done(done).await;
                    if ended {
                        return false;
                    }
                }
                command = self.commands.recv() => match command {
                    Some(Command::Ask(request)) => self.ask(request),
                    None | Some(Command::Leave) if self.account.is_kept() => return true,
                    None | Some(Command::Leave | Command::LogOut) => {
                        // Nobody comes back to this login: it would only stand in the list of devices.
                        let out = tokio::time::timeout(LEAVE_TIMEOUT, self.account.log_out()).await;
                        tracing::debug!(?out, "logged out");
                        return true;
                    }
                    Some(Command::Redial) => {
                        self.account.redial();
                        return false;
                    }
                    // All else is for a session that is live.
                    Some(_) => {}
                },
            }
        }
    }
}
