//! The hall: what guests see of each other, as snapshots and merged changes. PURE, see `lobby`.
//!
//! Sessions that watch the same part of the hall share one view (`hall/views.rs`), and so one change; also those
//! who do not see somebody because of a block. A view is told no more often than its watchers make reasonable, and
//! the rows looked at in one go are bounded: many guests coming at once cost a few frames for everybody, not one for
//! each.

mod views;

pub(super) use views::Hall;

use super::presence::{Guests, Present};
use crate::calls::{Calls, Occupation};
use crate::guest::{SharedGuest, Wish};
use castle::ids::GuestId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
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

/// A part of the hall as one session sees it, who is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallSnapshot {
    /// The version it is at.
    pub version: u64,
    /// Which watch of the session it answers.
    pub watch: u64,
    /// Sorted by name.
    pub rows: Vec<HallRow>,
    /// Guests who match the watch in all, the receiver left out.
    pub guest_count: usize,
    /// The name after which the next page begins, if there is one.
    pub next: Option<String>,
}

/// A change of a view, the same for all who watch it. It may name a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallChange {
    /// The version it starts from.
    pub from: u64,
    /// The version it leads to.
    pub version: u64,
    /// Guests who came or changed.
    pub changed: Vec<HallRow>,
    /// Guests who left.
    pub left: Vec<GuestId>,
}

/// A change as one frame: the same for all sessions it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallDelta {
    /// The number these sessions gave to their watch.
    pub watch: u64,
    /// What changed.
    pub change: Arc<HallChange>,
    /// Guests who match the watch in all, each receiver left out.
    pub guest_count: usize,
}

/// Bounds of the hall's news.
#[derive(Debug, Clone)]
pub struct HallConfig {
    /// Changes within this time become one: unnoticeable for people.
    pub coalesce: Duration,
    /// And within this time more for each watcher, so that a full hall gets fewer and larger frames: with this
    /// value at most 10,000 a second.
    pub coalesce_per_watcher: Duration,
    /// A change of the number of guests alone waits this long.
    pub count_interval: Duration,
    /// Rows of a page.
    pub page: usize,
    /// Rows looked at in one go; the views that are left wait for …
    pub rows_at_once: usize,
    /// … this long.
    pub breath: Duration,
}

impl Default for HallConfig {
    fn default() -> Self {
        Self {
            coalesce: Duration::from_millis(100),
            coalesce_per_watcher: Duration::from_micros(100),
            count_interval: Duration::from_secs(5),
            page: castle::limits::HALL_PAGE,
            rows_at_once: 20_000,
            breath: Duration::from_millis(20),
        }
    }
}

/// What a session watches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// Folded.
    pub(super) query: Arc<str>,
    /// Names above this one.
    pub(super) after: Option<String>,
    /// Who would be in it, but that a block stands between. Those who are kept from the same guests share a view.
    pub(super) without: Arc<BTreeSet<GuestId>>,
}

/// What the machines around the hall know.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) guests: &'a Guests,
    pub(super) calls: &'a Calls,
}

impl Around<'_> {
    fn row(&self, present: &Present) -> Option<HallRow> {
        let shown = match (present.wish, self.calls.occupation(present.guest.id)) {
            (Wish::Invisible, _) => return None,
            (_, Occupation::InCall) => Shown::InCall,
            (Wish::Available, _) => Shown::Available,
            (Wish::DoNotDisturb, _) => Shown::DoNotDisturb,
        };
        Some(HallRow { guest: present.guest.clone(), shown })
    }

    /// Whether `guest` is counted among those who match the folded `query`.
    pub(super) fn counts(&self, query: &str, guest: GuestId) -> bool {
        let present = self.guests.get(guest).filter(|present| present.wish != Wish::Invisible);
        present.is_some_and(|present| present.matches(query))
    }

    /// Of `others`, those who are counted.
    pub(super) fn counted(
        &self,
        query: &str,
        others: impl IntoIterator<Item = GuestId>,
    ) -> Arc<BTreeSet<GuestId>> {
        Arc::new(others.into_iter().filter(|&other| self.counts(query, other)).collect())
    }
}

/// One page of a part, and what lies around it.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// By name; one page.
    pub(super) rows: BTreeMap<String, HallRow>,
    /// Whether there are more.
    pub(super) more: bool,
    /// Who match in all.
    pub(super) count: usize,
    /// How many rows were looked at.
    work: usize,
}

impl Page {
    /// Those of whom `part.without` speaks must be counted in the part but for that.
    pub(super) fn of(around: Around<'_>, part: &Part, size: usize) -> Self {
        let mut page = Self::default();
        let start = part.after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        if part.query.is_empty() {
            page.count = around.guests.shown() - part.without.len();
            for present in around.guests.by_name(start) {
                page.work += 1;
                page.take(around, part, present, size);
                if page.more {
                    break;
                }
            }
            return page;
        }
        let found = around.guests.found(&part.query);
        page.work = found.len();
        let mut by_name = BTreeMap::new();
        for present in found.iter().filter_map(|&guest| around.guests.get(guest)) {
            if present.wish != Wish::Invisible && !part.without.contains(&present.guest.id) {
                page.count += 1;
                by_name.insert(present.guest.name.as_str(), present);
            }
        }
        for (_, present) in by_name.range::<str, _>((start.as_ref().map(String::as_str), Bound::Unbounded)) {
            page.take(around, part, present, size);
            if page.more {
                break;
            }
        }
        page
    }

    fn take(&mut self, around: Around<'_>, part: &Part, present: &Present, size: usize) {
        let seen = !part.without.contains(&present.guest.id);
        let Some(row) = around.row(present).filter(|_| seen) else { return };
        if self.rows.len() < size {
            self.rows.insert(present.guest.name.clone(), row);
        } else {
            self.more = true;
        }
    }

    /// Where the next page begins.
    pub(super) fn next(&self) -> Option<String> {
        self.rows.keys().next_back().filter(|_| self.more).cloned()
    }
}
