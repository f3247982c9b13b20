//! The hall as the server's snapshots and deltas tell it, and the pages beyond what they cover. Pure.

use crate::view::HallRow;
use castle::ids::GuestId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Further pages that are shown: with them ten thousand guests. Who looks for others searches.
pub(super) const FURTHER_PAGES_MAX: usize = 49;

/// Who is there besides me, at one version.
#[derive(Debug, Default)]
pub(super) struct Hall {
    /// A change is the same for everybody, and may name me.
    me: Option<GuestId>,
    watch: u64,
    version: u64,
    /// What is watched: changes arrive by themselves.
    rows: BTreeMap<GuestId, HallRow>,
    /// Guests who match in all, as the server counts.
    count: usize,
    /// Where the next page begins, as the snapshot said.
    next: String,
    /// Further pages, asked for now and then.
    further: BTreeMap<GuestId, HallRow>,
    further_pages: usize,
    further_more: bool,
}

impl Hall {
    /// Says who looks.
    pub(super) fn seen_by(&mut self, me: GuestId) {
        self.me = Some(me);
    }

    /// Replaces what `watch` shows. Further pages of the same watch stay until they are asked for again.
    pub(super) fn replace(
        &mut self,
        (watch, version): (u64, u64),
        rows: impl Iterator<Item = HallRow>,
        count: usize,
        next: String,
    ) {
        if watch != self.watch {
            self.further.clear();
            self.further_pages = 0;
        }
        (self.watch, self.version, self.count, self.next) = (watch, version, count, next);
        self.rows = rows.filter(|row| Some(row.guest) != self.me).map(|row| (row.guest, row)).collect();
    }

    /// Applies a change of `watch`; `false` when it does not start from what is known, and the next snapshot must be
    /// awaited.
    pub(super) fn change(
        &mut self,
        watch: u64,
        (from, to): (u64, u64),
        changed: impl Iterator<Item = HallRow>,
        left: impl Iterator<Item = GuestId>,
        count: usize,
    ) -> bool {
        if (watch, from) != (self.watch, self.version) {
            return false;
        }
        (self.version, self.count) = (to, count);
        let me = self.me;
        self.rows.extend(changed.filter(|row| Some(row.guest) != me).map(|row| (row.guest, row)));
        for guest in left {
            self.rows.remove(&guest);
            self.further.remove(&guest);
        }
        true
    }

    /// Wants one page more.
    pub(super) fn want_more(&mut self) {
        if self.more() {
            self.further_pages = (self.further_pages + 1).min(FURTHER_PAGES_MAX);
        }
    }

    /// Which further pages are shown: where they begin, and how many; `None` for none.
    pub(super) fn wanted(&self) -> Option<(String, usize)> {
        match self.further_pages {
            0 => None,
            // More came than fitted when the watch began: the server says no beginning, and gives the first page again.
            pages if self.next.is_empty() => Some((String::new(), pages + 1)),
            pages => Some((self.next.clone(), pages)),
        }
    }

    /// Takes the further pages of `watch`, all of them; `more` follow.
    pub(super) fn extend(&mut self, watch: u64, rows: Vec<HallRow>, more: bool) -> bool {
        let wanted = watch == self.watch && self.further_pages > 0;
        if wanted {
            let me = self.me;
            self.further =
                rows.into_iter().filter(|row| Some(row.guest) != me).map(|row| (row.guest, row)).collect();
            self.further_more = more;
        }
        wanted
    }

    /// Which watch is shown.
    pub(super) fn watch(&self) -> u64 {
        self.watch
    }

    /// There are more than are shown, and they can be had.
    pub(super) fn more(&self) -> bool {
        match self.further_pages {
            0 => !self.next.is_empty() || self.count > self.rows.len(),
            pages => self.further_more && pages < FURTHER_PAGES_MAX,
        }
    }

    /// How many match in all: what the server said, unless more are known.
    pub(super) fn count(&self) -> usize {
        self.count.max(self.rows.len())
    }

    /// The rows by name.
    pub(super) fn rows(&self) -> Arc<Vec<HallRow>> {
        let further = self.further.values().filter(|row| !self.rows.contains_key(&row.guest));
        let mut rows: Vec<_> = self.rows.values().chain(further).cloned().collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Arc::new(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Availability;

    fn row(id: u128, name: &str) -> HallRow {
        HallRow {
            guest: GuestId::from_bits(id),
            name: name.into(),
            display_name: name.into(),
            availability: Availability::Available,
        }
    }

    fn names(hall: &Hall) -> Vec<String> {
        hall.rows().iter().map(|row| row.name.clone()).collect()
    }

    #[test]
    fn a_change_applies_to_its_own_watch_and_version_alone_and_leaves_me_out() {
        let mut hall = Hall::default();
        hall.seen_by(GuestId::from_bits(7));
        hall.replace((1, 3), [row(1, "cleo"), row(2, "ada")].into_iter(), 2, String::new());
        let changed = [row(3, "bea"), row(7, "me")];
        assert!(hall.change(1, (3, 5), changed.into_iter(), [GuestId::from_bits(1)].into_iter(), 2));
        assert!(!hall.change(1, (3, 6), [row(9, "zoe")].into_iter(), std::iter::empty(), 3));
        assert!(!hall.change(0, (5, 6), [row(9, "zoe")].into_iter(), std::iter::empty(), 3));
        assert_eq!(names(&hall), ["ada", "bea"]);
        assert!(!hall.more());
    }

    #[test]
    fn further_pages_join_the_watched_one_until_another_is_watched() {
        let mut hall = Hall::default();
        hall.replace((0, 1), [row(1, "ada")].into_iter(), 3, "ada".into());
        assert!(hall.more() && hall.wanted().is_none());
        hall.want_more();
        assert_eq!(hall.wanted(), Some(("ada".into(), 1)));
        assert!(hall.extend(0, vec![row(2, "bea"), row(3, "cleo")], false));
        assert_eq!(names(&hall), ["ada", "bea", "cleo"]);
        assert!(!hall.more());
        assert!(hall.change(0, (1, 2), [].into_iter(), [GuestId::from_bits(3)].into_iter(), 2));
        assert_eq!(names(&hall), ["ada", "bea"], "who left is in no page");
        hall.replace((1, 3), [row(4, "dan")].into_iter(), 1, String::new());
        assert!(!hall.extend(0, vec![row(2, "bea")], false), "too late");
        assert_eq!(names(&hall), ["dan"]);
    }

    #[test]
    fn a_hall_that_outgrows_its_first_page_has_more() {
        let mut hall = Hall::default();
        hall.replace((0, 1), [row(1, "ada")].into_iter(), 1, String::new());
        assert!(hall.change(0, (1, 2), [].into_iter(), [].into_iter(), 2));
        assert!(hall.more());
        hall.want_more();
        assert_eq!(hall.wanted(), Some((String::new(), 2)));
    }
}
