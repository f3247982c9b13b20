//! The hall: what guests see of each other, as snapshots and merged changes. PURE, see `lobby`.
//!
//! Sessions that watch the same part of the hall share one view, and so one change. A view is told no more often
//! than its watchers make reasonable, and the rows looked at in one go are bounded: many guests coming at once
//! cost a few frames for everybody, not one for each.

use super::blocks::Blocks;
use super::presence::{Guests, Present};
use crate::calls::{Calls, Occupation};
use crate::guest::{SharedGuest, Wish};
use castle::ids::{GuestId, SessionId};
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
    /// Whose view it is, where a block makes it differ from that of others.
    pub(super) of: Option<GuestId>,
}

/// What the machines around the hall know.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) guests: &'a Guests,
    pub(super) calls: &'a Calls,
    pub(super) blocks: &'a Blocks,
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

    fn sees(&self, part: &Part, other: GuestId) -> bool {
        part.of.is_none_or(|me| !self.blocks.between(me, other))
    }

    /// Whether `guest` is counted in `part`.
    pub(super) fn counts(&self, part: &Part, guest: GuestId) -> bool {
        let present = self.guests.get(guest).filter(|present| present.wish != Wish::Invisible);
        present.is_some_and(|present| present.matches(&part.query))
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
    pub(super) fn of(around: Around<'_>, part: &Part, size: usize) -> Self {
        let mut page = Self::default();
        let start = part.after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        if part.query.is_empty() {
            let unseen = part.of.into_iter().flat_map(|me| around.blocks.around(me));
            let unseen = unseen.filter(|&other| around.counts(part, other)).count();
            page.count = around.guests.shown() - unseen;
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
            if present.wish != Wish::Invisible && around.sees(part, present.guest.id) {
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
        let Some(row) = around.row(present).filter(|_| around.sees(part, present.guest.id)) else { return };
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

/// A part of the hall and those who watch it.
#[derive(Debug)]
struct View {
    version: u64,
    rows: BTreeMap<String, HallRow>,
    count: usize,
    /// Those in whom snapshots given since the last change differ from it.
    lent: BTreeSet<GuestId>,
    watchers: BTreeMap<SessionId, u64>,
    /// When its next change is looked for, where something may have changed.
    due: Option<Duration>,
    quiet_until: Duration,
    count_quiet_until: Duration,
}

/// The views of all sessions.
#[derive(Debug)]
pub(super) struct Hall {
    config: HallConfig,
    version: u64,
    views: BTreeMap<Part, View>,
    by_session: BTreeMap<SessionId, Part>,
    /// How many views there are of each query.
    queries: BTreeMap<Arc<str>, usize>,
    due: BTreeSet<(Duration, Part)>,
    busy_until: Duration,
    #[cfg(test)]
    pub(super) rows_looked_at: usize,
}

impl Hall {
    pub(super) fn new(config: HallConfig) -> Self {
        Self {
            config,
            version: 0,
            views: BTreeMap::new(),
            by_session: BTreeMap::new(),
            queries: BTreeMap::new(),
            due: BTreeSet::new(),
            busy_until: Duration::ZERO,
            #[cfg(test)]
            rows_looked_at: 0,
        }
    }

    /// `guest` is about to change or has changed: call it on both sides of a change of visibility or name.
    pub(super) fn touched(&mut self, now: Duration, guests: &Guests, guest: GuestId) {
        let Some(present) = guests.get(guest).filter(|present| present.wish != Wish::Invisible) else {
            return;
        };
        let queries: BTreeSet<Arc<str>> = if self.queries.len() > 64 {
            let beginnings = present.handles.iter().flat_map(|handle| beginnings(handle));
            beginnings.filter_map(|text| Some(Arc::clone(self.queries.get_key_value(text)?.0))).collect()
        } else {
            self.queries.keys().filter(|query| present.matches(query)).cloned().collect()
        };
        for query in queries {
            let first = Part { query: Arc::clone(&query), after: None, of: None };
            let of_query = self.views.range_mut(first..).take_while(|(part, _)| part.query == query);
            for (part, view) in of_query {
                if view.due.is_none() {
                    let at = now.max(view.quiet_until);
                    view.due = Some(at);
                    self.due.insert((at, part.clone()));
                }
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at.max(self.busy_until))
    }

    /// The changes to tell now, and to which sessions: those that have a stream.
    pub(super) fn flush(&mut self, now: Duration, around: Around<'_>) -> Vec<(Vec<SessionId>, HallDelta)> {
        let mut told = Vec::new();
        if now < self.busy_until {
            return told;
        }
        let mut work = 0;
        while let Some(at) = self.due.first().map(|&(at, _)| at).filter(|&at| at <= now) {
            if work >= self.config.rows_at_once {
                self.busy_until = now + self.config.breath;
                break;
            }
            let (_, part) = self.due.pop_first().expect("there is one at this time");
            debug_assert!(at <= now);
            work += self.tell(now, around, &part, &mut told);
        }
        told
    }

    /// Looks for the change of one view. Returns how many rows that took.
    fn tell(
        &mut self,
        now: Duration,
        around: Around<'_>,
        part: &Part,
        told: &mut Vec<(Vec<SessionId>, HallDelta)>,
    ) -> usize {
        let page = Page::of(around, part, self.config.page);
        let view = self.views.get_mut(part).expect("what is due is a view");
        let work = page.work + view.watchers.len();
        #[cfg(test)]
        {
            self.rows_looked_at += page.work;
        }
        let different = differences(&view.rows, &page.rows);
        view.due = None;
        if different.is_empty() && view.lent.is_empty() {
            if page.count == view.count {
                return work;
            }
            if now < view.count_quiet_until {
                view.due = Some(view.count_quiet_until);
                self.due.insert((view.count_quiet_until, part.clone()));
                return work;
            }
        }
        let by_id: BTreeMap<GuestId, &HallRow> = page.rows.values().map(|row| (row.guest.id, row)).collect();
        self.version += 1;
        let mut change =
            HallChange { from: view.version, version: self.version, changed: vec![], left: vec![] };
        for guest in different.into_iter().chain(std::mem::take(&mut view.lent)).collect::<BTreeSet<_>>() {
            match by_id.get(&guest) {
                Some(&row) => change.changed.push(row.clone()),
                None => change.left.push(guest),
            }
        }
        let watchers = u32::try_from(view.watchers.len()).unwrap_or(u32::MAX);
        view.quiet_until = now + self.config.coalesce.max(self.config.coalesce_per_watcher * watchers);
        view.count_quiet_until = now + self.config.count_interval;
        view.version = self.version;
        view.rows = page.rows;
        view.count = page.count;
        let change = Arc::new(change);
        let mut groups: BTreeMap<(u64, bool), Vec<SessionId>> = BTreeMap::new();
        for (&session, &watch) in &view.watchers {
            let Some(present) = around.guests.of_session(session) else { continue };
            if present.sessions[&session] {
                let counted = around.counts(part, present.guest.id);
                groups.entry((watch, counted)).or_default().push(session);
            }
        }
        for ((watch, counted), sessions) in groups {
            let guest_count = view.count - usize::from(counted);
            told.push((sessions, HallDelta { watch, change: Arc::clone(&change), guest_count }));
        }
        work
    }

    /// From now on `session` watches `part` under this number.
    pub(super) fn watch(&mut self, around: Around<'_>, session: SessionId, part: Part, watch: u64) {
        self.leave(session);
        let view = self.views.entry(part.clone()).or_insert_with(|| {
            *self.queries.entry(Arc::clone(&part.query)).or_default() += 1;
            self.version += 1;
            let page = Page::of(around, &part, self.config.page);
            View {
                version: self.version,
                rows: page.rows,
                count: page.count,
                lent: BTreeSet::new(),
                watchers: BTreeMap::new(),
                due: None,
                quiet_until: Duration::ZERO,
                count_quiet_until: Duration::ZERO,
            }
        });
        view.watchers.insert(session, watch);
        self.by_session.insert(session, part);
    }

    /// `session` watches nothing any more.
    pub(super) fn leave(&mut self, session: SessionId) -> Option<(Part, u64)> {
        let part = self.by_session.remove(&session)?;
        let view = self.views.get_mut(&part).expect("by_session names views");
        let watch = view.watchers.remove(&session).expect("by_session and watchers agree");
        if view.watchers.is_empty() {
            if let Some(due) = view.due {
                self.due.remove(&(due, part.clone()));
            }
            self.views.remove(&part);
            let views = self.queries.get_mut(&part.query).expect("every view's query is counted");
            *views -= 1;
            if *views == 0 {
                self.queries.remove(&part.query);
            }
        }
        Some((part, watch))
    }

    /// The view of `session` as it is now, under the version of the last change told. The next change heals
    /// what it anticipates.
    pub(super) fn snapshot(
        &mut self,
        around: Around<'_>,
        session: SessionId,
        me: GuestId,
    ) -> Option<HallSnapshot> {
        let part = self.by_session.get(&session)?;
        let view = self.views.get_mut(part).expect("by_session names views");
        let page = Page::of(around, part, self.config.page);
        let different = differences(&view.rows, &page.rows);
        if !different.is_empty() {
            view.lent.extend(different);
            if view.due.is_none() {
                view.due = Some(view.quiet_until);
                self.due.insert((view.quiet_until, part.clone()));
            }
        }
        let next = page.next();
        let rows = page.rows.into_values().filter(|row| row.guest.id != me);
        Some(HallSnapshot {
            version: view.version,
            watch: view.watchers[&session],
            rows: rows.collect(),
            guest_count: page.count - usize::from(around.counts(part, me)),
            next,
        })
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        assert_eq!(self.by_session.len(), self.views.values().map(|view| view.watchers.len()).sum::<usize>());
        assert_eq!(self.due.len(), self.views.values().filter(|view| view.due.is_some()).count());
        assert_eq!(self.views.len(), self.queries.values().sum::<usize>());
        assert!(self.views.values().all(|view| !view.watchers.is_empty()), "a view nobody watches");
    }
}

/// Those who are in one of the two and not, or otherwise, in the other.
fn differences(before: &BTreeMap<String, HallRow>, after: &BTreeMap<String, HallRow>) -> BTreeSet<GuestId> {
    let gone = before.iter().filter(|&(name, row)| after.get(name) != Some(row));
    let come = after.iter().filter(|&(name, row)| before.get(name) != Some(row));
    gone.chain(come).map(|(_, row)| row.guest.id).collect()
}

fn beginnings(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.char_indices().map(|(at, _)| &text[..at]);
    inner.chain(std::iter::once(text))
}
