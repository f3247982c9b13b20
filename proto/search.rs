//! By what guests are found in the hall: one rule for both ends, so that the app can show at once what the server is about to
//! answer. PURE.

use unicode_normalization::UnicodeNormalization as _;

/// `text` without what people do not distinguish when they search: case and width of letters.
pub fn fold(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// What a folded display name is found by: itself, and itself from each of its words on.
pub fn beginnings(folded: &str) -> impl Iterator<Item = &str> {
    let mut word_before = false;
    let words = folded.char_indices().filter_map(move |(at, letter)| {
        let begins = letter.is_alphanumeric() && !word_before;
        word_before = letter.is_alphanumeric();
        (begins && at > 0).then(|| &folded[at..])
    });
    std::iter::once(folded).chain(words)
}

/// Whether a guest of these names is found by the folded `query`.
pub fn finds(query: &str, name: &str, display_name: &str) -> bool {
    fold(name).starts_with(query) || beginnings(&fold(display_name)).any(|words| words.starts_with(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_are_found_by_their_beginning_whatever_their_case_and_width() {
        let found = |query| finds(&fold(query), "ada", "Countess Augusta Ada-King ＬＯＶＥ");
        for query in ["", "a", "ADA", "count", "Countess aug", "augusta ada", "king", "love", "Ｌove"] {
            assert!(found(query), "{query}");
        }
        for query in ["da", "ugusta", "countess king", "adax"] {
            assert!(!found(query), "{query}");
        }
    }
}
