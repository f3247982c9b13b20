//! The hall as the server's snapshots and deltas tell it. Pure.

use crate::view::HallRow;
use castle::ids::GuestId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who is there besides me, at one version.
#[derive(Debug, Default)]
pub(super) struct Hall {
    /// A change is the same for everybody, and may name me.
    me: Option<GuestId>,
    watch: u64,
    version: u64,
    rows: BTreeMap<GuestId, HallRow>,
}

impl Hall {
    /// Says who looks.
    pub(super) fn seen_by(&mut self, me: GuestId) {
        self.me = Some(me);
    }

    /// Replaces all by what `watch` shows.
    pub(super) fn replace(&mut self, watch: u64, version: u64, rows: impl Iterator<Item = HallRow>) {
        self.watch = watch;
        self.version = version;
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
    ) -> bool {
        if (watch, from) != (self.watch, self.version) {
            return false;
        }
        self.version = to;
        let me = self.me;
        self.rows.extend(changed.filter(|row| Some(row.guest) != me).map(|row| (row.guest, row)));
        for guest in left {
            self.rows.remove(&guest);
        }
        true
    }

    /// The rows by name.
    pub(super) fn rows(&self) -> Arc<Vec<HallRow>> {
        let mut rows: Vec<_> = self.rows.values().cloned().collect();
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

    #[test]
    fn a_change_applies_to_its_own_watch_and_version_alone_and_leaves_me_out() {
        let mut hall = Hall::default();
        hall.seen_by(GuestId::from_bits(7));
        hall.replace(1, 3, [row(1, "cleo"), row(2, "ada")].into_iter());
        let changed = [row(3, "bea"), row(7, "me")];
        assert!(hall.change(1, (3, 5), changed.into_iter(), [GuestId::from_bits(1)].into_iter()));
        assert!(!hall.change(1, (3, 6), [row(9, "zoe")].into_iter(), std::iter::empty()));
        assert!(!hall.change(0, (5, 6), [row(9, "zoe")].into_iter(), std::iter::empty()));
        let names: Vec<_> = hall.rows().iter().map(|row| row.name.clone()).collect();
        assert_eq!(names, ["ada", "bea"]);
    }
}
