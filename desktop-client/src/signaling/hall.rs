//! The hall as the server's snapshots and deltas tell it. Pure.

use crate::view::HallRow;
use castle::ids::GuestId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who is there, at one version.
#[derive(Debug, Default)]
pub(super) struct Hall {
    version: u64,
    rows: BTreeMap<GuestId, HallRow>,
}

impl Hall {
    /// Replaces all.
    pub(super) fn replace(&mut self, version: u64, rows: impl Iterator<Item = HallRow>) {
        self.version = version;
        self.rows = rows.map(|row| (row.guest, row)).collect();
    }

    /// Applies a change; `false` when it does not start from what is known, and the next snapshot must be awaited.
    pub(super) fn change(
        &mut self,
        (from, to): (u64, u64),
        changed: impl Iterator<Item = HallRow>,
        left: impl Iterator<Item = GuestId>,
    ) -> bool {
        if from != self.version {
            return false;
        }
        self.version = to;
        self.rows.extend(changed.map(|row| (row.guest, row)));
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
    fn a_change_applies_to_its_own_version_alone() {
        let mut hall = Hall::default();
        hall.replace(3, [row(1, "cleo"), row(2, "ada")].into_iter());
        assert!(hall.change((3, 5), [row(3, "bea")].into_iter(), [GuestId::from_bits(1)].into_iter()));
        assert!(!hall.change((3, 6), [row(9, "zoe")].into_iter(), std::iter::empty()));
        let names: Vec<_> = hall.rows().iter().map(|row| row.name.clone()).collect();
        assert_eq!(names, ["ada", "bea"]);
    }
}
