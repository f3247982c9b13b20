//! Finding guests by the beginning of a name or of a word of a display name. PURE, see `lobby`.

use crate::guest::Guest;
use castle::ids::GuestId;
use castle::search::{beginnings, fold};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// What `guest` is found by: the folded name, and the folded display name from each of its words on.
pub(super) fn handles(guest: &Guest) -> BTreeSet<Arc<str>> {
    let display = fold(&guest.display_name);
    beginnings(&display).map(Arc::from).chain([Arc::from(fold(&guest.name))]).collect()
}

/// Who is found by what.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeSet<(Arc<str>, GuestId)>);

impl Index {
    pub(super) fn insert(&mut self, guest: GuestId, handles: &BTreeSet<Arc<str>>) {
        self.0.extend(handles.iter().map(|handle| (Arc::clone(handle), guest)));
    }

    pub(super) fn remove(&mut self, guest: GuestId, handles: &BTreeSet<Arc<str>>) {
        for handle in handles {
            self.0.remove(&(Arc::clone(handle), guest));
        }
    }

    /// Those of whom something begins with the folded `query`.
    pub(super) fn find(&self, query: &Arc<str>) -> BTreeSet<GuestId> {
        let start = (Arc::clone(query), GuestId::from_bits(0));
        let from = self.0.range((Bound::Included(start), Bound::Unbounded));
        from.take_while(|(handle, _)| handle.starts_with(&**query)).map(|&(_, guest)| guest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(query: &str) -> bool {
        let guest = Guest {
            id: GuestId::from_bits(1),
            name: "ada".to_owned(),
            display_name: "Countess Augusta Ada-King ＬＯＶＥ".to_owned(),
        };
        let handles = handles(&guest);
        let mut index = Index::default();
        index.insert(guest.id, &handles);
        let found = index.find(&Arc::from(fold(query)));
        index.remove(guest.id, &handles);
        assert!(index.0.is_empty());
        !found.is_empty()
    }

    #[test]
    fn names_and_words_are_found_by_their_beginning_whatever_their_case_and_width() {
        for query in ["", "a", "ADA", "count", "Countess aug", "augusta ada", "king", "love", "Ｌove"] {
            assert!(finds(query), "{query}");
        }
        for query in ["da", "ugusta", "countess king", "adax"] {
            assert!(!finds(query), "{query}");
        }
    }
}
