//! What holds after each step of the simulated world, and what all parties agree about when nothing is on its way.

use super::{COOL_DOWN, World};
use crate::calls::{CallState, Occupation, Origin};
use crate::guest::Availability;
use crate::history::Line;
use crate::lobby::{Keep, Shown};
use castle::ids::{GuestId, SessionId};
use std::collections::BTreeMap;
use std::time::Duration;

impl World {
    /// What holds between any two things that happen.
    pub(super) fn check(&mut self) {
        self.writes_down();
        self.hub.lobby.check_invariants();
        for going in self.hub.lobby.going().collect::<Vec<_>>() {
            let [a, b] = going.guests;
            assert_ne!(a, b, "in a call with themselves");
            assert!(!self.apart(a, b), "{} is a call through a block", going.id);
            assert!(!self.over.contains(&going.id), "{} goes on after its end", going.id);
            if self.seen.insert(going.id) && going.origin == Origin::Matched {
                self.figures.matched += 1;
                if let Some(&met) = self.met.get(&[a.min(b), a.max(b)]) {
                    let since = going.created_at.saturating_sub(met);
                    assert!(since >= COOL_DOWN, "{a} and {b} meet again after {since:?}");
                }
            }
        }
        self.check_sessions();
        for client in &mut self.clients {
            client.reads_lines();
            let (Some(_), Some(known)) = (&client.waiting, &client.session) else { continue };
            let gone = self.hub.lobby.attached(known.id).is_none();
            assert!(gone || self.hub.lobby.waits(known.id), "client {}: a ticket is lost", client.number);
        }
    }

    /// Hub and lobby know the same sessions, and who waits is there and in no call.
    fn check_sessions(&mut self) {
        let hub = &mut self.hub;
        let sessions: Vec<(SessionId, GuestId, bool)> = hub
            .sessions
            .iter_mut()
            .map(|(id, session)| (id, session.guest.id, session.outbox.is_some()))
            .collect();
        for &(id, guest, attached) in &sessions {
            assert_eq!(hub.lobby.attached(id), Some(attached), "{id} of {guest}");
            let in_call = hub.lobby.occupation(guest) == Occupation::InCall;
            assert!(!(in_call && hub.lobby.waits(id)), "{guest} waits in a call");
        }
        let guests = (0..super::GUESTS).map(GuestId::from_bits);
        let known: usize = guests.map(|guest| hub.lobby.sessions_of(guest)).sum();
        assert_eq!(known, sessions.len(), "hub and lobby know other sessions");
        let (_, waiting) = hub.lobby.busy();
        let tickets = sessions.iter().filter(|session| hub.lobby.waits(session.0)).count();
        assert_eq!(waiting, tickets, "a ticket without a session");
    }

    /// What goes to the disk.
    pub(super) fn writes_down(&mut self) {
        while let Ok(line) = self.keeps.try_recv() {
            let Line::Keep(_, Keep::Ended(ended)) = line else { continue };
            assert!(self.over.insert(ended.call), "{} ended twice", ended.call);
            if ended.origin == Origin::Matched {
                let [a, b] = ended.guests;
                self.met.insert([a.min(b), a.max(b)], self.now);
            }
        }
    }

    fn apart(&self, a: GuestId, b: GuestId) -> bool {
        self.blocks.contains(&(a, b)) || self.blocks.contains(&(b, a))
    }

    /// Everybody comes back, and all that is on its way arrives.
    pub(super) fn comes_to_rest(&mut self) {
        for _ in 0..3 {
            for number in 0..self.clients.len() {
                if self.clients[number].line.is_none() {
                    self.connects(number);
                }
            }
            self.all_arrives();
            // Longer than anybody takes to notice silence, and than the hall waits with its news.
            self.advance(self.now + Duration::from_secs(20));
            self.check();
        }
        for number in 0..self.clients.len() {
            if self.clients[number].welcomed {
                let ack = self.clients[number].link.ack();
                let line = self.clients[number].line.filter(|at| self.lines.contains_key(at));
                self.puts(line.expect("who was welcomed has a line"), vec![super::Up::Ack(ack)]);
            }
        }
        self.all_arrives();
        self.advance(self.now + Duration::from_secs(6));
        self.all_arrives();
        self.check();
    }

    fn all_arrives(&mut self) {
        for _ in 0..1_000 {
            self.advance(self.now + Duration::from_millis(60));
            self.check();
            let mut some = false;
            for at in self.lines.keys().copied().collect::<Vec<_>>() {
                some |= self.carry_up(at, 100);
                some |= self.carry_down(at, 100);
            }
            some |= self.sends_arrive();
            self.lines.retain(|_, line| !line.is_over());
            if !some && !self.say_again() {
                return;
            }
        }
        panic!("there is always something on its way");
    }

    /// Nothing is on its way: what clients believe is so.
    pub(super) fn check_agreement(&mut self) {
        let mut missing = Vec::new();
        for client in &self.clients {
            missing.extend(client.missing.iter().copied());
            let Some(known) = client.session.as_ref().filter(|_| client.welcomed && client.line.is_some())
            else {
                continue;
            };
            let at = format!("client {} in {}", client.number, known.id);
            let guest = client.guest.id;
            client.check_nothing_is_open();
            let session = self.hub.sessions.get_mut(known.id).expect("the session of a client at rest");
            assert_eq!(session.link.received(), client.link.sent(), "{at}: the server has heard all");
            assert_eq!(session.link.sent(), client.link.received(), "{at}: the client has heard all");
            let believed = client.call.as_ref().map(|held| (held.view.id, held.view.state));
            let is = self.hub.lobby.view(guest, known.id).map(|view| (view.id, view.state));
            assert_eq!(believed, is, "{at}: its call");
            let presence = client.call.as_ref().map(|held| held.view.peer_presence);
            let is = self.hub.lobby.view(guest, known.id).map(|view| view.peer_presence);
            assert_eq!(presence, is, "{at}: its peer");
            let hall = self.hub.lobby.hall_snapshot(known.id).expect("the session is there");
            let rows: BTreeMap<GuestId, Shown> =
                hall.rows.iter().map(|row| (row.guest.id, row.shown)).collect();
            assert_eq!(client.hall, rows, "{at}: its hall");
            let kept_apart =
                |other| self.blocks.contains(&(guest, other)) || self.blocks.contains(&(other, guest));
            let through = rows.keys().find(|&&other| kept_apart(other));
            assert_eq!(through, None, "{at}: sees through a block");
            let me = self.hub.lobby.scene(known.id).expect("the session is there").me;
            let in_call = self.hub.lobby.occupation(guest) == Occupation::InCall;
            assert_eq!(me.availability == Availability::InCall, in_call, "{at}: as it is seen");
            if in_call && is.is_some() {
                assert!(matches!(
                    client.call.as_ref().map(|held| held.view.state),
                    Some(CallState::Connecting | CallState::Connected)
                ));
            }
        }
        for (call, from, number) in missing {
            let excused = self.clients[from].excused.contains(&(call, number));
            assert!(excused, "frame {number} of client {from} in {call} is lost, and nobody said so");
        }
    }

    /// Everybody leaves: nothing stays.
    pub(super) fn goes_home(&mut self) {
        for number in 0..self.clients.len() {
            self.leaves(number);
        }
        self.all_arrives();
        self.advance(self.now + Duration::from_mins(2));
        self.all_arrives();
        let left = (self.hub.sessions.len(), self.hub.lobby.busy(), self.lines.len());
        assert_eq!(left, (0, (0, 0), 0), "something stays");
        assert!(self.sends.are_over(), "something is on its way");
    }
}
