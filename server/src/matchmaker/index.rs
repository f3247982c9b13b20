//! Who would take whom, so that finding the longest-waiting compatible ticket does not look at all of them.
//!
//! Each ticket is posted under what it offers in the two wishes (tags, languages), and seeks what it accepts.
//! A ticket's few words bound both, so a decision costs the same however many wait.

use super::{Criteria, Key};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often a ticket must have relaxed to take a partner who stated no words of this kind.
const NEUTRAL: usize = 1;
/// How often, to give up its tags.
const TAGS_GIVEN_UP: usize = 2;
/// How often, to give up its languages.
const LANGUAGES_GIVEN_UP: usize = 3;

/// What a ticket is in one of the two wishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// It has this word.
    Word(Arc<str>),
    /// It has no words, and so no wish.
    Wordless,
    /// It has words, and takes a partner without.
    TakesWordless,
    /// It has words, and takes any partner that takes it.
    TakesAny,
}

/// One of the two wishes.
struct Kind<'a> {
    words: &'a BTreeSet<Arc<str>>,
    /// How often it has relaxed: never, where it is required.
    relaxed: usize,
    given_up: usize,
}

impl Kind<'_> {
    fn classes(&self, wordless: &[Class], neutral: Class) -> Vec<Class> {
        if self.words.is_empty() {
            return wordless.to_vec();
        }
        let mut classes: Vec<Class> = self.words.iter().cloned().map(Class::Word).collect();
        classes.extend((self.relaxed >= NEUTRAL).then_some(neutral));
        classes.extend((self.relaxed >= self.given_up).then_some(Class::TakesAny));
        classes
    }
}

/// A ticket's wishes, and how far it has relaxed them.
#[derive(Debug)]
pub(super) struct Wishes {
    criteria: Criteria,
    /// 0 to 3: how many of the ages at which wishes relax it has passed.
    pub(super) relaxed: usize,
}

impl Wishes {
    pub(super) fn new(criteria: Criteria) -> Self {
        Self { criteria, relaxed: 0 }
    }

    fn kinds(&self) -> [Kind<'_>; 2] {
        let Criteria { tags, languages, tags_required, languages_required } = &self.criteria;
        let relaxed = |required: &bool| if *required { 0 } else { self.relaxed };
        [
            Kind { words: tags, relaxed: relaxed(tags_required), given_up: TAGS_GIVEN_UP },
            Kind { words: languages, relaxed: relaxed(languages_required), given_up: LANGUAGES_GIVEN_UP },
        ]
    }

    fn offered(&self) -> [Vec<Class>; 2] {
        self.kinds().map(|kind| kind.classes(&[Class::Wordless], Class::TakesWordless))
    }

    fn sought(&self) -> [Vec<Class>; 2] {
        self.kinds().map(|kind| kind.classes(&[Class::Wordless, Class::TakesWordless], Class::Wordless))
    }

    #[cfg(test)]
    pub(super) fn criteria(&self) -> &Criteria {
        &self.criteria
    }

    /// Whether both would take each other: what the index must agree with.
    #[cfg(test)]
    pub(super) fn compatible(&self, other: &Self) -> bool {
        let takes = |me: &Self, you: &Self| {
            let required = [me.criteria.tags_required, me.criteria.languages_required];
            let kinds = me.kinds().into_iter().zip(you.kinds()).zip(required);
            let mut kinds = kinds.map(|((mine, yours), required)| (mine, yours.words, required));
            kinds.all(|(mine, yours, required)| {
                mine.words.is_empty()
                    || !mine.words.is_disjoint(yours)
                    || (!required && yours.is_empty() && me.relaxed >= NEUTRAL)
                    || (!required && me.relaxed >= mine.given_up)
            })
        };
        takes(self, other) && takes(other, self)
    }
}

/// The tickets that can be paired now, by what they offer.
#[derive(Debug, Default)]
pub(super) struct Index {
    postings: BTreeMap<(Class, Class), BTreeSet<Key>>,
    /// How often a posting was looked up or a ticket in one was looked at.
    #[cfg(test)]
    pub(super) looks: std::cell::Cell<u64>,
}

impl Index {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.postings.len()
    }

    pub(super) fn post(&mut self, key: Key, wishes: &Wishes) {
        for classes in pairs(wishes.offered()) {
            #[cfg(test)]
            self.looks.set(self.looks.get() + 1);
            self.postings.entry(classes).or_default().insert(key);
        }
    }

    pub(super) fn withdraw(&mut self, key: Key, wishes: &Wishes) {
        for classes in pairs(wishes.offered()) {
            #[cfg(test)]
            self.looks.set(self.looks.get() + 1);
            if let Some(keys) = self.postings.get_mut(&classes) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.postings.remove(&classes);
                }
            }
        }
    }

    /// The longest-waiting ticket that `wishes` and it accept of each other, and that `allowed` does not refuse.
    pub(super) fn first_compatible(&self, wishes: &Wishes, allowed: impl Fn(Key) -> bool) -> Option<Key> {
        let looked = || {
            #[cfg(test)]
            self.looks.set(self.looks.get() + 1);
        };
        pairs(wishes.sought())
            .inspect(|_| looked())
            .filter_map(|classes| {
                let mut keys = self.postings.get(&classes)?.iter().copied().inspect(|_| looked());
                keys.find(|&key| allowed(key))
            })
            .min()
    }
}

fn pairs([tags, languages]: [Vec<Class>; 2]) -> impl Iterator<Item = (Class, Class)> {
    tags.into_iter()
        .flat_map(move |tag| languages.clone().into_iter().map(move |language| (tag.clone(), language)))
}
