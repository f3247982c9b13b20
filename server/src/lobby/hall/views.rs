//! The views that sessions share, what each was told last, and when the next change is told. PURE, see `lobby`.
//!
//! A session moves between views when somebody comes or goes whom a block keeps apart from its guest. It is told
//! nothing of that: what it has stays its base, and a change from there follows only where its part of the hall
//! differs, when and as if somebody had come or left.

use super::{Around, HallChange, HallConfig, HallDelta, HallRow, HallSnapshot, Page, Part};
use crate::guest::Wish;
#[cfg(test)]
use crate::lobby::blocks::Blocks;
use crate::lobby::presence::Guests;
use crate::lobby::words::Watch;
use castle::ids::{GuestId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

type Rows = BTreeMap<String, HallRow>;

/// What was told at a version.
#[derive(Debug)]
struct Base {
    version: u64,
    rows: Arc<Rows>,
    count: usize,
    lent: BTreeSet<GuestId>,
}

/// Who watches a view.
#[derive(Debug)]
struct Watcher {
    /// What the session calls its watch.
    number: u64,
    /// What it has, where that is not what the view told last.
    base: Option<Arc<Base>>,
}

/// A part of the hall and those who watch it.
#[derive(Debug)]
struct View {
    version: u64,
    /// What was told last; none before the first.
    rows: Option<Arc<Rows>>,
    count: usize,
    /// Those in whom snapshots given since the last change differ from it.
    lent: BTreeSet<GuestId>,
    watchers: BTreeMap<SessionId, Watcher>,
    /// When its next change is looked for, where something may have changed.
    due: Option<Duration>,
    quiet_until: Duration,
    count_quiet_until: Duration,
}

impl View {
    fn new(version: u64) -> Self {
        Self {
            version,
            rows: None,
            count: 0,
            lent: BTreeSet::new(),
            watchers: BTreeMap::new(),
            due: None,
            quiet_until: Duration::ZERO,
            count_quiet_until: Duration::ZERO,
        }
    }

    /// All that its watchers have.
    fn bases(&self) -> BTreeMap<u64, Arc<Base>> {
        let moved = self.watchers.values().filter_map(|watcher| watcher.base.clone());
        moved.chain(self.base()).map(|base| (base.version, base)).collect()
    }

    fn base(&self) -> Option<Arc<Base>> {
        let rows = Arc::clone(self.rows.as_ref()?);
        Some(Arc::new(Base { version: self.version, rows, count: self.count, lent: self.lent.clone() }))
    }
}

/// The views of all sessions.
#[derive(Debug)]
pub(in crate::lobby) struct Hall {
    config: HallConfig,
    version: u64,
    views: BTreeMap<Part, View>,
    by_session: BTreeMap<SessionId, Part>,
    /// What sessions asked to watch, until they are shown it.
    wanted: BTreeMap<SessionId, Watch>,
    /// How many views there are of each query.
    queries: BTreeMap<Arc<str>, usize>,
    due: BTreeSet<(Duration, Part)>,
    busy_until: Duration,
    #[cfg(test)]
    pub(in crate::lobby) rows_looked_at: usize,
}

impl Hall {
    pub(in crate::lobby) fn new(config: HallConfig) -> Self {
        Self {
            config,
            version: 0,
            views: BTreeMap::new(),
            by_session: BTreeMap::new(),
            wanted: BTreeMap::new(),
            queries: BTreeMap::new(),
            due: BTreeSet::new(),
            busy_until: Duration::ZERO,
            #[cfg(test)]
            rows_looked_at: 0,
        }
    }

    /// `guest` is about to change or has changed: call it on both sides of a change of visibility or name.
    pub(in crate::lobby) fn touched(&mut self, now: Duration, guests: &Guests, guest: GuestId) {
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
            let first = Part { query: Arc::clone(&query), after: None, without: Arc::default() };
            let of_query = self.views.range_mut(first..).take_while(|(part, _)| part.query == query);
            for (part, view) in of_query.filter(|(part, _)| !part.without.contains(&guest)) {
                look(&mut self.due, part, view, now);
            }
        }
    }

    pub(in crate::lobby) fn next_deadline(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at.max(self.busy_until))
    }

    /// The changes to tell now, and to which sessions: those that have a stream.
    pub(in crate::lobby) fn flush(
        &mut self,
        now: Duration,
        around: Around<'_>,
    ) -> Vec<(Vec<SessionId>, HallDelta)> {
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
        let page = self.page(around, part);
        let view = self.views.get_mut(part).expect("what is due is a view");
        let work = page.work + view.watchers.len();
        view.due = None;
        let watchers = u32::try_from(view.watchers.len()).unwrap_or(u32::MAX);
        view.quiet_until = now + self.config.coalesce.max(self.config.coalesce_per_watcher * watchers);
        let counts_wait = now < view.count_quiet_until;
        let mut changes = BTreeMap::new();
        for (version, base) in view.bases() {
            let mut different = differences(&base.rows, &page.rows);
            different.extend(&base.lent);
            let counts = base.count == page.count;
            if !different.is_empty() || (!counts && !counts_wait) {
                changes.insert(version, different);
            } else if !counts {
                let at = view.count_quiet_until;
                look(&mut self.due, part, view, at);
            }
        }
        if changes.is_empty() && view.rows.is_some() {
            return work;
        }
        // Whom it does not concern keeps what it has as its base.
        let before = view.base();
        self.version += 1;
        view.version = self.version;
        view.rows = Some(Arc::new(page.rows));
        view.count = page.count;
        view.lent.clear();
        if changes.is_empty() {
            return work;
        }
        view.count_quiet_until = now + self.config.count_interval;
        view.say(around, part, (before.as_ref(), &changes), told);
        work
    }

    /// From now on `session` watches `part` under this number; it has to be given a snapshot.
    pub(in crate::lobby) fn watch(&mut self, session: SessionId, part: Part, number: u64) {
        self.leave(session);
        self.enter(session, part, Watcher { number, base: None });
    }

    /// `session` will watch this instead once it is shown it.
    pub(in crate::lobby) fn want(&mut self, session: SessionId, watch: Watch) {
        self.wanted.insert(session, watch);
    }

    /// What `session` asked to watch and was not shown yet.
    pub(in crate::lobby) fn take_wanted(&mut self, session: SessionId) -> Option<Watch> {
        self.wanted.remove(&session)
    }

    /// What `session` watches.
    pub(in crate::lobby) fn part_of(&self, session: SessionId) -> Option<&Part> {
        self.by_session.get(&session)
    }

    /// `session` watches on as before, but that it is kept from others than before.
    pub(in crate::lobby) fn keep_from(
        &mut self,
        now: Duration,
        session: SessionId,
        without: Arc<BTreeSet<GuestId>>,
    ) {
        let Some(before) = self.by_session.get(&session).filter(|part| part.without != without) else {
            return;
        };
        let part = Part { without, ..before.clone() };
        let view = &self.views[before];
        let base = view.watchers[&session].base.clone().or_else(|| view.base());
        let (number, quiet) = (view.watchers[&session].number, (view.quiet_until, view.count_quiet_until));
        self.remove(session);
        let fresh = !self.views.contains_key(&part);
        self.enter(session, part.clone(), Watcher { number, base });
        let view = self.views.get_mut(&part).expect("entered just above");
        if fresh {
            (view.quiet_until, view.count_quiet_until) = quiet;
        }
        let (version, shown) = (view.version, view.rows.is_some());
        let watcher = view.watchers.get_mut(&session).expect("entered just above");
        watcher.base.take_if(|base| shown && base.version == version);
        look(&mut self.due, &part, view, now);
    }

    fn enter(&mut self, session: SessionId, part: Part, watcher: Watcher) {
        let view = self.views.entry(part.clone()).or_insert_with(|| {
            *self.queries.entry(Arc::clone(&part.query)).or_default() += 1;
            self.version += 1;
            View::new(self.version)
        });
        view.watchers.insert(session, watcher);
        self.by_session.insert(session, part);
    }

    /// `session` watches nothing any more.
    pub(in crate::lobby) fn leave(&mut self, session: SessionId) {
        self.wanted.remove(&session);
        self.remove(session);
    }

    fn remove(&mut self, session: SessionId) {
        let Some(part) = self.by_session.remove(&session) else { return };
        let view = self.views.get_mut(&part).expect("by_session names views");
        view.watchers.remove(&session).expect("by_session and watchers agree");
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
    }

    /// The view of `session` as it is now, under the version of the last change told. The next change heals
    /// what it anticipates.
    pub(in crate::lobby) fn snapshot(
        &mut self,
        around: Around<'_>,
        session: SessionId,
        me: GuestId,
    ) -> Option<HallSnapshot> {
        let part = self.by_session.get(&session)?.clone();
        let page = self.page(around, &part);
        let view = self.views.get_mut(&part).expect("by_session names views");
        if let Some(rows) = &view.rows {
            let different = differences(rows, &page.rows);
            if !different.is_empty() {
                view.lent.extend(different);
                look(&mut self.due, &part, view, Duration::ZERO);
            }
        } else {
            view.rows = Some(Arc::new(page.rows.clone()));
            view.count = page.count;
        }
        let watcher = view.watchers.get_mut(&session).expect("by_session and watchers agree");
        watcher.base = None;
        let (version, watch) = (view.version, watcher.number);
        let next = page.next();
        let rows = page.rows.into_values().filter(|row| row.guest.id != me);
        Some(HallSnapshot {
            version,
            watch,
            rows: rows.collect(),
            guest_count: page.count - usize::from(around.counts(&part.query, me)),
            next,
        })
    }

    fn page(&mut self, around: Around<'_>, part: &Part) -> Page {
        let page = Page::of(around, part, self.config.page);
        #[cfg(test)]
        {
            self.rows_looked_at += page.work;
        }
        page
    }

    #[cfg(test)]
    pub(in crate::lobby) fn check_invariants(&self, around: Around<'_>, blocks: &Blocks) {
        assert_eq!(self.by_session.len(), self.views.values().map(|view| view.watchers.len()).sum::<usize>());
        assert_eq!(self.due.len(), self.views.values().filter(|view| view.due.is_some()).count());
        assert_eq!(self.views.len(), self.queries.values().sum::<usize>());
        assert!(self.views.values().all(|view| !view.watchers.is_empty()), "a view nobody watches");
        assert!(self.wanted.keys().all(|session| self.by_session.contains_key(session)));
        for (&session, part) in &self.by_session {
            let me = around.guests.of_session(session).expect("who watches is there").guest.id;
            let without = around.counted(&part.query, blocks.around(me));
            assert_eq!(part.without, without, "{session} of {me} is kept from others than it should");
        }
    }
}

impl View {
    /// Tells its watchers what leads from what they have to what is: those of `changes`, by the version they start
    /// from. `before` is what those had who have no other base; those who are told nothing keep it.
    fn say(
        &mut self,
        around: Around<'_>,
        part: &Part,
        (before, changes): (Option<&Arc<Base>>, &BTreeMap<u64, BTreeSet<GuestId>>),
        told: &mut Vec<(Vec<SessionId>, HallDelta)>,
    ) {
        let rows = self.rows.as_ref().expect("what is told is known");
        let by_id: BTreeMap<GuestId, &HallRow> = rows.values().map(|row| (row.guest.id, row)).collect();
        let change = |(&from, different): (&u64, &BTreeSet<GuestId>)| {
            let mut change = HallChange { from, version: self.version, changed: vec![], left: vec![] };
            for guest in different {
                match by_id.get(guest) {
                    Some(&row) => change.changed.push(row.clone()),
                    None => change.left.push(*guest),
                }
            }
            (from, Arc::new(change))
        };
        let changes: BTreeMap<u64, Arc<HallChange>> = changes.iter().map(change).collect();
        let mut groups: BTreeMap<(u64, u64, bool), Vec<SessionId>> = BTreeMap::new();
        for (&session, watcher) in &mut self.watchers {
            let Some(base) = watcher.base.take().or_else(|| before.cloned()) else { continue };
            let has = base.version;
            if !changes.contains_key(&has) {
                watcher.base = Some(base);
                continue;
            }
            let Some(present) = around.guests.of_session(session) else { continue };
            if present.sessions[&session] {
                let counted = around.counts(&part.query, present.guest.id);
                groups.entry((has, watcher.number, counted)).or_default().push(session);
            }
        }
        for ((has, watch, counted), sessions) in groups {
            let guest_count = self.count - usize::from(counted);
            told.push((sessions, HallDelta { watch, change: Arc::clone(&changes[&has]), guest_count }));
        }
    }
}

/// Looks for the change of `view` at `at`, or once it may be told.
fn look(due: &mut BTreeSet<(Duration, Part)>, part: &Part, view: &mut View, at: Duration) {
    let at = at.max(view.quiet_until);
    if view.due.is_some_and(|due| due <= at) {
        return;
    }
    if let Some(later) = view.due.replace(at) {
        due.remove(&(later, part.clone()));
    }
    due.insert((at, part.clone()));
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
