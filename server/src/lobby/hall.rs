//! The hall: what guests see of each other, as snapshots and merged changes. PURE, see `lobby`.
//!
//! A snapshot shows the hall as it is now under the version of the last change told. The next change names every
//! guest touched since then, so that applying it to any snapshot in between gives the same hall.

use super::presence::{Guests, Present};
use crate::calls::{Calls, Occupation};
use crate::guest::{SharedGuest, Wish};
use castle::ids::GuestId;
use std::collections::BTreeSet;
use std::time::Duration;

/// What others see of a guest's availability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Can be called.
    Available,
    /// In a call.
    InCall,
    /// Does not want to be called.
    DoNotDisturb,
}

/// One row of the hall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallRow {
    /// Who.
    pub guest: SharedGuest,
    /// Whether they can be called.
    pub shown: Shown,
}

/// The hall for one receiver, who is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallSnapshot {
    /// The version it is at.
    pub version: u64,
    /// Sorted by name.
    pub rows: Vec<HallRow>,
    /// Guests present in all, the receiver left out.
    pub guest_count: usize,
}

/// A change of the hall, the same for all receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallDelta {
    /// The version it leads to, from the one before.
    pub version: u64,
    /// Guests who came or changed.
    pub changed: Vec<HallRow>,
    /// Guests who left.
    pub left: Vec<GuestId>,
    /// Guests present in all, the receiver counted if the hall shows them.
    pub shown_count: usize,
}

/// What changed since the last delta.
#[derive(Debug)]
pub(super) struct Hall {
    coalesce: Duration,
    version: u64,
    /// Those whom others saw before or after their change. The invisible are never among them.
    touched: BTreeSet<GuestId>,
    /// No delta before this.
    quiet_until: Duration,
}

impl Hall {
    pub(super) fn new(coalesce: Duration) -> Self {
        Self { coalesce, version: 0, touched: BTreeSet::new(), quiet_until: Duration::ZERO }
    }

    /// `guest` is about to change or has changed: call it on both sides of a change of visibility.
    pub(super) fn touched(&mut self, guests: &Guests, guest: GuestId) {
        if guests.get(guest).is_some_and(|present| present.wish != Wish::Invisible) {
            self.touched.insert(guest);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        (!self.touched.is_empty()).then_some(self.quiet_until)
    }

    /// The change to tell now, if there is one and the last is long enough ago.
    pub(super) fn flush(&mut self, now: Duration, guests: &Guests, calls: &Calls) -> Option<HallDelta> {
        if self.touched.is_empty() || now < self.quiet_until {
            return None;
        }
        self.quiet_until = now + self.coalesce;
        self.version += 1;
        let mut delta =
            HallDelta { version: self.version, changed: vec![], left: vec![], shown_count: guests.shown() };
        for guest in std::mem::take(&mut self.touched) {
            match guests.get(guest).and_then(|present| row(present, calls)) {
                Some(row) => delta.changed.push(row),
                None => delta.left.push(guest),
            }
        }
        Some(delta)
    }

    pub(super) fn snapshot(
        &self,
        guests: &Guests,
        calls: &Calls,
        receiver: GuestId,
        page: usize,
    ) -> HallSnapshot {
        let others = guests.by_name().filter(|present| present.guest.id != receiver);
        let receiver_shown = guests.get(receiver).is_some_and(|present| present.wish != Wish::Invisible);
        HallSnapshot {
            version: self.version,
            rows: others.filter_map(|present| row(present, calls)).take(page).collect(),
            guest_count: guests.shown() - usize::from(receiver_shown),
        }
    }
}

fn row(present: &Present, calls: &Calls) -> Option<HallRow> {
    let shown = match (present.wish, calls.occupation(present.guest.id)) {
        (Wish::Invisible, _) => return None,
        (_, Occupation::InCall) => Shown::InCall,
        (Wish::Available, _) => Shown::Available,
        (Wish::DoNotDisturb, _) => Shown::DoNotDisturb,
    };
    Some(HallRow { guest: present.guest.clone(), shown })
}
