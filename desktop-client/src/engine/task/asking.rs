//! What is asked beside the session, and what comes back: history, blocked guests, reports.

use super::telling::Matter;
use super::{Engine, Link};
use crate::call::Input;
use crate::error::{ClientError, ErrorKind};
use crate::signaling::{self, Answer, Request, Topic};
use crate::view::{Act, Severity};
use crate::words::say;
use castle::ids::GuestId;
use std::sync::Arc;

/// Calls of the history that are kept to be shown: the server keeps no more.
const HISTORY_MAX: usize = 1000;

impl Engine {
    pub(super) fn ask(&mut self, request: Request) {
        let topic = request.topic();
        if let Topic::Calls { page } = &topic {
            // The newest anew: whatever older page is on its way does not follow them.
            self.history_awaited = Some(page.clone()).filter(|page| !page.is_empty());
        }
        self.is_over(&Matter::Asked(topic.clone()));
        self.answered(&topic, true);
        let asked = signaling::Command::Ask(request);
        if !matches!(&self.link, Link::Session { session, .. } if session.send(asked)) {
            self.hear_answer(topic, Err(ErrorKind::Unreachable.into()));
        }
    }

    pub(super) fn more_of_history(&mut self) {
        if !self.history_next.is_empty() {
            // Asked for once: the answer says where to go on, and without one it goes on from here.
            let page = std::mem::take(&mut self.history_next);
            self.ask(Request::Calls { page });
        }
    }

    /// `topic`: what it was about.
    pub(super) fn hear_answer(&mut self, topic: Topic, answer: Result<Answer, ClientError>) {
        if let Topic::Calls { page } = &topic
            && !page.is_empty()
            && self.history_awaited.take_if(|awaited| awaited == page).is_none()
        {
            return;
        }
        if let Topic::Account(act) = topic {
            self.account.busy.retain(|busy| *busy != act);
        }
        self.answered(&topic, answer.is_ok());
        match answer {
            Ok(answer) => {
                self.is_over(&Matter::Asked(topic));
                self.take_answer(answer);
            }
            Err(error) => {
                match &topic {
                    Topic::Calls { page } if !page.is_empty() => self.history_next.clone_from(page),
                    Topic::Account(Act::Report) => self.account.reports.lost += 1,
                    _ => {}
                }
                self.complain_about(topic, &error);
            }
        }
    }

    /// Whether a list that is shown to be asked for came, or may still come.
    fn answered(&mut self, topic: &Topic, came: bool) {
        match topic {
            Topic::Calls { page } if page.is_empty() => self.unanswered.calls = !came,
            Topic::Blocked => self.unanswered.blocked = !came,
            Topic::Account(Act::List) => self.unanswered.logins = !came,
            Topic::Calls { .. } | Topic::Account(_) | Topic::Block(_) | Topic::EraseCalls => {}
        }
    }

    fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Calls { first, calls, until, next } => {
                if first {
                    // What was asked for from the list before does not follow this one.
                    self.history_awaited = None;
                }
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
            Answer::CallsErased => {
                self.history = crate::view::History { calls: Some(Arc::default()), ..Default::default() };
                (self.history_next, self.history_awaited) = (String::new(), None);
            }
            Answer::Blocked(guests) => self.blocked = Some(Arc::new(guests)),
            Answer::Blocks(guest, blocked) => self.blocks(guest, blocked),
            Answer::Reported => {
                self.account.reports.taken += 1;
                self.notify(Severity::Info, say("told-reported").into());
            }
            answer => self.hear_of_me(answer),
        }
    }

    /// A call with them is over at once, whether or not the server can be asked now.
    pub(super) fn block(&mut self, guest: GuestId) {
        self.part_from(guest);
        self.ask(Request::Block(guest));
    }

    fn part_from(&mut self, guest: GuestId) {
        if self.machine.live().is_some_and(|call| call.peer_guest == Some(guest)) {
            self.drive(Input::HangUp);
        }
    }

    fn blocks(&mut self, guest: GuestId, blocked: bool) {
        // One notice for all: it is about whom was blocked last.
        self.all_over(|matter| matches!(matter, Matter::Blocked(other) if blocked || *other == guest));
        if blocked {
            // They may have called meanwhile: the server ends a call of the two, but for a ring that it does not know of yet.
            self.part_from(guest);
            self.stand(Matter::Blocked(guest), Severity::Info, say("told-blocked").into());
        }
        // The list is the server's; it is asked for again if it is shown.
        if self.blocked.is_some() {
            self.ask(Request::Blocked);
        }
    }
}
