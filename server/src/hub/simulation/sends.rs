//! Sends of clients that have a Subscribe: each goes its own way to the server, where it may be lost, come twice and
//! overtake others, and so does its answer. The server's side is `service` and the stream's task, without wires.

use super::network::Up;
use super::{World, only_ack};
use crate::error::Error;
use crate::hub::handle::Message;
use crate::session::overtakes_beside;
use castle::ids::SessionId;
use rand::RngExt as _;
use tokio::sync::oneshot;

/// A Send on its way.
#[derive(Clone)]
pub(super) struct Send {
    client: usize,
    session: SessionId,
    epoch: u64,
    said: Vec<Up>,
}

/// The answer to one: the number up to which frames were performed.
struct Answer {
    client: usize,
    session: SessionId,
    epoch: u64,
    taken: Result<u64, Error>,
}

/// All that are on their way, in no order.
#[derive(Default)]
pub(super) struct Sends {
    up: Vec<Send>,
    answers: Vec<Answer>,
}

impl Sends {
    pub(super) fn are_over(&self) -> bool {
        self.up.is_empty() && self.answers.is_empty()
    }
}

impl World {
    /// A client says this on a connection it has, or beside it.
    pub(super) fn puts(&mut self, at: usize, said: Vec<Up>) {
        let Some(line) = self.lines.get_mut(&at) else { return };
        if !line.beside {
            return line.up.extend(said);
        }
        let client = line.client;
        if let Some(known) = self.clients[client].session.as_ref().filter(|_| !said.is_empty()) {
            self.sends.up.push(Send { client, session: known.id, epoch: known.epoch, said });
        }
    }

    /// Some Sends arrive, whichever, or are lost; and some answers.
    pub(super) fn some_sends_arrive(&mut self) {
        for _ in 0..self.sends.up.len().div_ceil(2) {
            let send = self.sends.up.swap_remove(self.rng.random_range(0..self.sends.up.len()));
            match self.rng.random_range(0..10) {
                0 => {}
                1 | 2 => {
                    self.sends.up.push(send.clone());
                    self.arrives(send);
                }
                _ => self.arrives(send),
            }
        }
        for _ in 0..self.sends.answers.len().div_ceil(2) {
            let answer = self.sends.answers.swap_remove(self.rng.random_range(0..self.sends.answers.len()));
            if self.rng.random_bool(0.8) {
                self.is_answered(answer);
            }
        }
    }

    /// All Sends that are on their way arrive, and all answers. True if there were some.
    pub(super) fn sends_arrive(&mut self) -> bool {
        let Sends { up, answers } = std::mem::take(&mut self.sends);
        let some = !(up.is_empty() && answers.is_empty());
        for send in up {
            self.arrives(send);
        }
        for answer in answers {
            self.is_answered(answer);
        }
        some
    }

    /// Clients whose Sends were lost say again what is not acknowledged. True if somebody had to.
    pub(super) fn say_again(&mut self) -> bool {
        let mut some = false;
        for number in 0..self.clients.len() {
            let client = &self.clients[number];
            let Some(at) = client.line.filter(|_| client.welcomed && client.link.unacked() > 0) else {
                continue;
            };
            if self.lines.get(&at).is_some_and(|line| line.beside) {
                self.says_unacked(number, at);
                some = true;
            }
        }
        some
    }

    fn says_unacked(&mut self, number: usize, at: usize) {
        let client = &mut self.clients[number];
        let ack = client.link.ack();
        let acked = client.link.sent() - client.link.unacked() as u64;
        let again = client.link.resume(acked).expect("that is what is acknowledged");
        let again = again.cloned().map(|said| Up::Said(said, ack)).collect();
        self.puts(at, again);
    }

    /// The service asks the hub where the frames of a Send go.
    fn arrives(&mut self, send: Send) {
        let Send { client, session, epoch, .. } = send;
        let login = self.clients[client].login;
        let (reply, mut answer) = oneshot::channel();
        self.hub.take(self.now, Message::Inbox { session, login, epoch, reply });
        let taken = match answer.try_recv().expect("the hub answers at once") {
            Ok(inbox) => {
                let is_it = |own: &crate::hub::Inbox| own.same_channel(&inbox);
                let line = self.lines.values_mut().find(|line| line.inbox.as_ref().is_some_and(is_it));
                let line = line.filter(|line| !line.deaf);
                match line {
                    Some(line) => return line.sends.push_back(send),
                    // The stream's task has just ended.
                    None => Err(Error::NoSession),
                }
            }
            Err(error) => Err(error),
        };
        self.sends.answers.push(Answer { client, session, epoch, taken });
    }

    /// A stream's task takes the Sends that wait for it. True if there were some.
    pub(super) fn takes_sends(&mut self, at: usize) -> bool {
        let Some(line) = self.lines.get_mut(&at) else { return false };
        let sends = std::mem::take(&mut line.sends);
        let some = !sends.is_empty();
        for send in sends {
            let Send { client, session, epoch, .. } = send;
            let taken = self.takes(at, send);
            self.sends.answers.push(Answer { client, session, epoch, taken });
        }
        some
    }

    fn takes(&mut self, at: usize, send: Send) -> Result<u64, Error> {
        let line = self.lines.get_mut(&at).ok_or(Error::NoSession)?;
        let on = line.attached().filter(|_| !line.deaf).ok_or(Error::NoSession)?;
        assert_eq!((on.session, on.epoch), (send.session, send.epoch), "a Send of another stream");
        let (mut frames, mut gap, mut bye, before) = (Vec::new(), None, false, line.received);
        for up in send.said {
            match up {
                Up::Said(said, ack) => {
                    gap = overtakes_beside(line.received, said.seq);
                    if gap.is_some() {
                        break;
                    }
                    line.received = line.received.max(said.seq);
                    frames.push(said.with_ack(ack));
                }
                Up::Ack(ack) => frames.push(only_ack(ack)),
                Up::Bye => bye = true,
                Up::Hello { .. } => panic!("hello opens a Subscribe, and is never sent"),
            }
        }
        let repeated = line.received == before && frames.iter().any(|frame| frame.seq > 0);
        self.figures.sends += u64::from(gap.is_none());
        self.figures.sends_repeated += u64::from(repeated);
        self.figures.sends_too_early += u64::from(gap.is_some());
        self.hands_over(at, frames);
        let (reply, mut answer) = oneshot::channel();
        self.hub.take(self.now, Message::Received { session: on.session, epoch: on.epoch, reply });
        let received = answer.try_recv().expect("the hub answers at once");
        if bye {
            self.with_attached(at, |it| Message::Bye { session: it.session, epoch: it.epoch });
        }
        gap.map_or(received, Err)
    }

    fn is_answered(&mut self, answer: Answer) {
        let Answer { client: number, session, epoch, taken } = answer;
        let client = &mut self.clients[number];
        let known = client.session.as_ref().filter(|known| known.id == session).map(|known| known.epoch);
        let Some(of_stream) = known else { return };
        match taken {
            Ok(received) => client.link.acknowledge(received).expect("only what was said is acknowledged"),
            // Its Subscribe has been lost, and nobody has told it so far.
            Err(Error::NoSession | Error::Superseded) if epoch == of_stream && client.welcomed => {
                self.gives_up_line(number);
            }
            Err(Error::NoSession | Error::Superseded) => {}
            Err(Error::Sequence { .. }) => {
                if let Some(at) = client.line.filter(|_| client.welcomed) {
                    self.says_unacked(number, at);
                }
            }
            Err(other) => panic!("{other}: no reason to refuse a Send"),
        }
    }
}
