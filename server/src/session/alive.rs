//! How many streams of each guest there are whose writing halves are not gone, whatever became of their sessions.
//!
//! The transport keeps an ended stream, and what waits in it, until its client grants room for the end or the
//! connection is found to be broken. Owns the count; what it may be is decided by who asks.

use crate::error::Error;
use castle::ids::GuestId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the streams of each guest.
#[derive(Debug, Default)]
pub struct Alive(Mutex<BTreeMap<GuestId, usize>>);

impl Alive {
    /// One more stream of `guest`, of `max` at once, until its place is dropped.
    ///
    /// # Errors
    /// [`Error::Limit`]: there are so many.
    pub(super) fn enter(self: &Arc<Self>, guest: GuestId, max: usize) -> Result<Place, Error> {
        let mut streams = self.streams();
        let count = streams.entry(guest).or_default();
        if *count >= max {
            return Err(Error::Limit { what: "streams", limit: max as u64 });
        }
        *count += 1;
        Ok(Place { alive: Arc::clone(self), guest })
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<GuestId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that counts.
#[derive(Debug)]
pub(super) struct Place {
    alive: Arc<Alive>,
    guest: GuestId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.alive.streams();
        if let Some(count) = streams.get_mut(&self.guest) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.guest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_streams_of_a_guest_and_one_more_when_one_is_gone() {
        let alive = Arc::new(Alive::default());
        let [loud, calm] = [1, 2].map(GuestId::from_bits);
        let mut places: Vec<_> = (0..3).map(|_| alive.enter(loud, 3).expect("there is room")).collect();
        assert_eq!(alive.enter(loud, 3).unwrap_err(), Error::Limit { what: "streams", limit: 3 });
        let other = alive.enter(calm, 3).expect("nobody else is held up");
        places.pop();
        places.push(alive.enter(loud, 3).expect("one is gone"));
        drop((places, other));
        assert!(alive.streams().is_empty(), "nothing is kept of who is gone");
    }
}
