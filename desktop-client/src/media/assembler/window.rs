//! What lies in a stretch of numbers that has holes, in a ring of slots: nothing is allocated once the ring is as large as it
//! ever needs to be. Pure.

use std::collections::VecDeque;

/// Things by their numbers. Takes a slot for each number from the first to the last: whoever puts things in sees to it that
/// these two stay near each other.
#[derive(Debug)]
pub(super) struct Window<T> {
    /// Begins and ends with something, or is empty.
    slots: VecDeque<Option<T>>,
    /// Number of the first slot.
    first: i64,
    count: usize,
}

impl<T> Window<T> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new(), first: 0, count: 0 }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.count = 0;
    }

    /// The number of the first.
    pub(super) fn first_at(&self) -> Option<i64> {
        (self.count > 0).then_some(self.first)
    }

    /// The number of the last.
    pub(super) fn last_at(&self) -> Option<i64> {
        (self.count > 0).then(|| self.first + self.slots.len() as i64 - 1)
    }

    pub(super) fn get(&self, at: i64) -> Option<&T> {
        self.slots.get(self.index(at)?)?.as_ref()
    }

    /// The first, with its number.
    pub(super) fn first(&self) -> Option<(i64, &T)> {
        self.iter().next()
    }

    /// Puts a thing where there is none.
    pub(super) fn insert(&mut self, at: i64, thing: T) {
        if self.count == 0 {
            self.first = at;
        }
        while at < self.first {
            self.slots.push_front(None);
            self.first -= 1;
        }
        let index = (at - self.first) as usize;
        while self.slots.len() <= index {
            self.slots.push_back(None);
        }
        self.count += usize::from(self.slots[index].replace(thing).is_none());
    }

    /// Takes the first out.
    pub(super) fn pop_first(&mut self) -> Option<T> {
        let thing = self.slots.pop_front()??;
        self.first += 1;
        self.count -= 1;
        while self.slots.pop_front_if(|slot| slot.is_none()).is_some() {
            self.first += 1;
        }
        Some(thing)
    }

    /// Drops all up to and with this number.
    pub(super) fn drop_through(&mut self, last: i64) {
        while self.first_at().is_some_and(|first| first <= last) {
            self.pop_first();
        }
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &T)> + Clone {
        self.from(self.first)
    }

    /// All from this number on, in order.
    pub(super) fn from(&self, at: i64) -> impl Iterator<Item = (i64, &T)> + Clone {
        let skipped = usize::try_from(at - self.first).unwrap_or(0).min(self.slots.len());
        let numbered = (self.first + skipped as i64..).zip(self.slots.range(skipped..));
        numbered.filter_map(|(at, slot)| Some((at, slot.as_ref()?)))
    }

    fn index(&self, at: i64) -> Option<usize> {
        usize::try_from(at - self.first).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};
    use std::collections::BTreeMap;

    #[test]
    fn it_holds_what_a_map_would_hold_in_the_same_order() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let (mut window, mut map) = (Window::new(), BTreeMap::new());
        for step in 0..20_000_u32 {
            let at = i64::from(rng.next_u32() % 60) - 30 + i64::from(step / 100);
            match rng.next_u32() % 8 {
                0 => assert_eq!(window.pop_first(), map.pop_first().map(|(_, thing)| thing)),
                1 if step % 40 == 0 => {
                    window.drop_through(at);
                    map = map.split_off(&(at + 1));
                }
                2 if step % 400 == 0 => {
                    window.clear();
                    map.clear();
                }
                _ => {
                    window.insert(at, step);
                    map.insert(at, step);
                }
            }
            assert_eq!(window.len(), map.len());
            assert_eq!((window.get(at), window.first_at()), (map.get(&at), map.keys().next().copied()));
            assert_eq!(window.last_at(), map.keys().next_back().copied());
            let numbered = |(at, thing): (&i64, &u32)| (*at, *thing);
            assert!(window.iter().map(|(at, thing)| (at, *thing)).eq(map.iter().map(numbered)));
            assert!(window.from(at).map(|(at, thing)| (at, *thing)).eq(map.range(at..).map(numbered)));
        }
    }
}
