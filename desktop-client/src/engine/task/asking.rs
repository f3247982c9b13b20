//! What is asked beside the session, and what comes back: history, blocked guests, reports.

use super::Engine;
use crate::call::{Input, State};
use crate::error::ClientError;
use crate::signaling::{self, Answer, Request};
use crate::view::{Act, Severity};
use crate::words::say;
use castle::ids::GuestId;
use std::sync::Arc;

/// Calls of the history that are kept to be shown: the server keeps no more.
const HISTORY_MAX: usize = 1000;

impl Engine {
    pub(super) fn ask(&mut self, request: Request) {
        self.tell_server(signaling::Command::Ask(request));
    }

    pub(super) fn more_of_history(&mut self) {
        if !self.history_next.is_empty() {
            // Asked for once: the answer says where to go on.
            let page = std::mem::take(&mut self.history_next);
            self.ask(Request::Calls { page });
        }
    }

    /// `act`: what of the account it was about.
    pub(super) fn hear_answer(&mut self, act: Option<Act>, answer: Result<Answer, ClientError>) {
        self.account.busy.retain(|busy| Some(*busy) != act);
        match answer {
            Ok(Answer::Calls { first, calls, until, next }) => {
                let mut all = match &self.history.calls {
                    Some(known) if !first => known.to_vec(),
                    _ => Vec::new(),
                };
                all.extend(calls);
                all.truncate(HISTORY_MAX);
                self.history.more = !next.is_empty() && all.len() < HISTORY_MAX;
                self.history.calls = Some(Arc::new(all));
                self.history_next = next;
                if let Some(until) = until.filter(|_| first && self.history.missed > 0) {
                    self.tell_server(signaling::Command::MissedSeen(until));
                }
                if first {
                    self.history.missed = 0;
                }
            }
            Ok(Answer::CallsErased) => {
                self.history = crate::view::History { calls: Some(Arc::default()), ..Default::default() };
                self.history_next = String::new();
            }
            Ok(Answer::Blocked(guests)) => self.blocked = Some(Arc::new(guests)),
            Ok(Answer::Blocks(guest, blocked)) => self.blocks(guest, blocked),
            Ok(Answer::Reported) => {
                self.notify(Severity::Info, say("told-reported").into());
            }
            Ok(answer) => self.hear_of_me(answer),
            Err(error) => self.complain_about(act, &error),
        }
    }

    fn blocks(&mut self, guest: GuestId, blocked: bool) {
        // The server ends a call of the two; a ring that it does not know of yet ends here.
        let with_them = self.machine.live().is_some_and(|call| call.peer_guest == Some(guest));
        if blocked && with_them && !matches!(self.machine.state(), State::Over { .. }) {
            self.drive(Input::HangUp);
        }
        // The list is the server's; it is asked for again if it is shown.
        if self.blocked.is_some() {
            self.ask(Request::Blocked);
        }
    }
}
