//! Who is told their place in the queue, and when. PURE, see `matchmaker`.
//!
//! The front hears of every change. Behind it tickets are looked at in turns, a bounded number each time, and told
//! when their place moved by a tenth or once in a while: a queue of 100,000 costs as much a second as one of 2,000.

use super::{Key, Matchmaker, Place, Ticket};
use castle::ids::SessionId;
use std::ops::Bound;
use std::time::Duration;

/// What a ticket was told last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    at: Duration,
    position: usize,
    waiting: usize,
}

/// Where the turns have come to: the next ticket to look at stands behind this key, which so many precede or are.
#[derive(Debug, Default)]
pub(super) struct Turn {
    behind: Option<Key>,
    passed: usize,
}

impl Turn {
    pub(super) fn inserted(&mut self, key: Key) {
        self.passed += usize::from(self.behind.is_some_and(|behind| key <= behind));
    }

    pub(super) fn removed(&mut self, key: Key) {
        self.passed -= usize::from(self.behind.is_some_and(|behind| key <= behind));
    }
}

impl Matchmaker {
    /// Who is to be told their place now.
    pub fn news(&mut self, now: Duration) -> Vec<(SessionId, Place)> {
        let (front, at_once) = (self.config.news.front, self.config.news.at_once);
        let mut news = Vec::new();
        let first: Vec<Key> = self.tickets.keys().take(front).copied().collect();
        for (at, key) in first.iter().enumerate() {
            self.news_for(now, *key, at + 1, &mut news);
        }
        let Some(&end_of_front) = first.last().filter(|_| self.tickets.len() > front) else {
            self.turn = Turn::default();
            return news;
        };
        if self.turn.behind.is_none_or(|behind| behind < end_of_front) {
            self.turn = Turn { behind: Some(end_of_front), passed: front };
        }
        let behind = self.turn.behind.expect("set just above where it was not");
        let next = self.tickets.range((Bound::Excluded(behind), Bound::Unbounded));
        let keys: Vec<Key> = next.take(at_once).map(|(&key, _)| key).collect();
        for (at, key) in keys.iter().enumerate() {
            self.news_for(now, *key, self.turn.passed + at + 1, &mut news);
        }
        self.turn = match keys.last() {
            Some(&last) if keys.len() == at_once => {
                Turn { behind: Some(last), passed: self.turn.passed + keys.len() }
            }
            _ => Turn::default(),
        };
        news
    }

    fn news_for(&mut self, now: Duration, key: Key, position: usize, news: &mut Vec<(SessionId, Place)>) {
        let (repeat, front, waiting) = (self.config.news.repeat, self.config.news.front, self.tickets.len());
        let ticket = self.tickets.get_mut(&key).expect("found among the tickets");
        let material = |told: Told| {
            let moved = told.position.abs_diff(position);
            now >= told.at + repeat
                || if position <= front {
                    moved > 0 || told.waiting != waiting
                } else {
                    moved * 10 >= told.position
                }
        };
        if ticket.unheard_since.is_none() && ticket.told.is_none_or(material) {
            ticket.told = Some(Told { at: now, position, waiting });
            let estimate = self.waits.remaining(now.saturating_sub(key.0));
            news.push((ticket.session, Place { position, waiting, estimate }));
        }
    }

    /// The place of `session`, for telling it: the one it was told last where it was, so that asking again costs
    /// nothing.
    pub fn tell_place(&mut self, now: Duration, session: SessionId) -> Option<Place> {
        let key = *self.by_session.get(&session)?;
        let waiting = self.tickets.len();
        let told = self.tickets[&key].told.map(|told| told.position.min(waiting));
        // Who has just come is nearly always the last: counted from behind.
        let position = told.unwrap_or_else(|| waiting + 1 - self.tickets.range(key..).count());
        let ticket: &mut Ticket = self.tickets.get_mut(&key).expect("by_session names tickets");
        ticket.told = Some(Told { at: now, position, waiting });
        let estimate = self.waits.remaining(now.saturating_sub(key.0));
        Some(Place { position, waiting, estimate })
    }

    #[cfg(test)]
    pub(crate) fn waits_for(&self, session: SessionId) -> bool {
        self.by_session.contains_key(&session)
    }
}
