//! **Pure**: answers to requests that gave relayed addresses back, kept so that a repetition is answered alike.
//!
//! All else may be performed again; what is given back is gone the second time.

use super::Client;
use crate::turn::wire::Transaction;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long: RFC 8489 repeats a request for 39.5 s.
const LIFE: Duration = Duration::from_secs(40);
/// Remembered at once, 200 KiB. Beyond it the oldest is forgotten.
const FAREWELLS_MAX: usize = 1024;

type Which = (Client, Transaction);

/// The answers, oldest first.
#[derive(Default)]
pub(super) struct Farewells {
    answers: BTreeMap<Which, Vec<u8>>,
    order: VecDeque<(Duration, Which)>,
}

impl Farewells {
    /// Keeps what a request of this client was answered.
    pub(super) fn keep(&mut self, now: Duration, which: Which, answer: Vec<u8>) {
        if self.order.len() >= FAREWELLS_MAX {
            self.forget_oldest();
        }
        if self.answers.insert(which, answer).is_none() {
            self.order.push_back((now + LIFE, which));
        }
    }

    /// What it was answered, if it is a repetition.
    pub(super) fn answer(&self, which: Which) -> Option<&[u8]> {
        self.answers.get(&which).map(Vec::as_slice)
    }

    /// Forgets those that nobody repeats any more.
    pub(super) fn tidy(&mut self, now: Duration) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, which)) = self.order.pop_front() {
            self.answers.remove(&which);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn of_too_many_the_oldest_is_forgotten_whatever_its_address() {
        let mut farewells = Farewells::default();
        let which = |port: u16| {
            let from = SocketAddr::from(([192, 0, 2, 1], port));
            (Client { from, listener: 0, stream: false }, [7; 12])
        };
        let ports = (0..=FAREWELLS_MAX as u16).rev();
        for (second, port) in ports.enumerate() {
            farewells.keep(Duration::from_millis(second as u64), which(port), vec![1]);
        }
        assert_eq!(
            farewells.answer(which(FAREWELLS_MAX as u16)),
            None,
            "said first, from the highest address"
        );
        assert!((0..FAREWELLS_MAX as u16).all(|port| farewells.answer(which(port)).is_some()));
        farewells.tidy(LIFE + Duration::from_secs(2));
        assert!(farewells.answers.is_empty() && farewells.order.is_empty());
    }
}
