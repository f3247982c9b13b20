//! Finds names in a text, whatever their case. Pure.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Names in lower case, by what they begin with: a text is gone through once, however many they are.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Vec<String>>);

impl Names {
    /// These, but for what is too short to tell anybody.
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        let folded = names.map(|name| fold(name.trim()));
        let folded: BTreeSet<String> = folded.filter(|name| name.chars().count() > 1).collect();
        let mut names = Self::default();
        for name in folded {
            names.0.entry(beginning(&name)).or_default().push(name);
        }
        names
    }

    /// Tells where each of them stands in the text, as words of their own.
    pub(super) fn find_in(&self, text: &str, mut found: impl FnMut(Range<usize>)) {
        for start in starts(text) {
            if let Some(end) = self.longest_at(text, start) {
                found(start..end);
            }
        }
    }

    /// Where the longest name ends that begins at `start`, as words of their own.
    fn longest_at(&self, text: &str, start: usize) -> Option<usize> {
        let first = text[start..].chars().next()?;
        let length = if first.is_alphanumeric() { word_length(&text[start..]) } else { first.len_utf8() };
        let begins = beginning(&fold(&text[start..start + length]));
        self.0.get(&begins)?.iter().filter_map(|name| end_of(text, name, start)).max()
    }
}

/// In lower case, letter by letter: what follows a letter does not change it.
fn fold(text: &str) -> String {
    text.chars().flat_map(folded).collect()
}

fn folded(letter: char) -> impl Iterator<Item = char> {
    // A sigma has another form at the end of a word, and in capitals has not.
    letter.to_lowercase().map(|letter| if letter == 'ς' { 'σ' } else { letter })
}

/// Letters and digits at the start of a text, bytes.
fn word_length(text: &str) -> usize {
    text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len())
}

/// What a name in lower case is filed under: its first word, or its first sign.
fn beginning(name: &str) -> String {
    match word_length(name) {
        0 => name.chars().take(1).collect(),
        length => name[..length].to_owned(),
    }
}

/// Where in a text a name may begin: at all that does not follow a letter or a digit.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let mut before = ' ';
    text.char_indices().filter_map(move |(at, letter)| {
        let follows = std::mem::replace(&mut before, letter).is_alphanumeric();
        (!follows).then_some(at)
    })
}

/// Where `name`, which is lower case, ends if it stands at `start` and no word goes on behind it.
fn end_of(text: &str, name: &str, start: usize) -> Option<usize> {
    // As many letters as it takes: lower case may have another length.
    let mut read = String::new();
    for (at, letter) in text[start..].char_indices() {
        if read.len() >= name.len() {
            return (read == name && !letter.is_alphanumeric()).then_some(start + at);
        }
        read.extend(folded(letter));
    }
    (read == name).then_some(text.len())
}
