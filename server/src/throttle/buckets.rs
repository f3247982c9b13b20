//! Buckets of one kind, a bounded number of them. PURE, see `throttle`.
//!
//! A generic cell rate: each key has a time at which its debt is paid, and every attempt puts it off by one
//! refill. Owns the bound and what is forgotten beyond it.

use super::Allowance;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buckets<K> {
    allowance: Allowance,
    max: usize,
    paid_at: BTreeMap<K, Instant>,
    /// The same debts, the one nearest to forgiveness first.
    by_time: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Clone> Buckets<K> {
    pub(crate) fn new(allowance: Allowance, max: usize) -> Self {
        Self { allowance, max, paid_at: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.paid_at.len()
    }

    /// How long this key has to wait for one more attempt; zero: not at all.
    pub(crate) fn wait(&self, now: Instant, key: &K) -> Duration {
        let debt = self.paid_at.get(key).map_or(Duration::ZERO, |&at| at.saturating_duration_since(now));
        (debt + self.allowance.refill).saturating_sub(self.allowance.refill * self.allowance.burst)
    }

    /// The same with the allowance that it is by; none: not at all.
    pub(super) fn wait_for(&self, now: Instant, key: &K) -> Option<(Duration, Allowance)> {
        Some((self.wait(now, key), self.allowance)).filter(|(wait, _)| !wait.is_zero())
    }

    /// Counts one attempt.
    pub(crate) fn take(&mut self, now: Instant, key: K) {
        let owed_from = self.remove(&key).map_or(now, |at| at.max(now));
        while self.paid_at.len() >= self.max {
            let Some((_, nearest)) = self.by_time.pop_first() else { break };
            self.paid_at.remove(&nearest);
        }
        self.insert(key, owed_from + self.allowance.refill);
    }

    /// Takes back one attempt.
    pub(super) fn give_back(&mut self, now: Instant, key: K) {
        let paid_at = self.remove(&key).and_then(|at| at.checked_sub(self.allowance.refill));
        if let Some(at) = paid_at.filter(|&at| at > now) {
            self.insert(key, at);
        }
    }

    /// Takes back all.
    pub(super) fn forgive(&mut self, key: &K) {
        self.remove(key);
    }

    fn insert(&mut self, key: K, at: Instant) {
        self.by_time.insert((at, key.clone()));
        self.paid_at.insert(key, at);
    }

    fn remove(&mut self, key: &K) -> Option<Instant> {
        let (key, at) = self.paid_at.remove_entry(key)?;
        self.by_time.remove(&(at, key));
        Some(at)
    }
}
