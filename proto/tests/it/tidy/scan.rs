//! Reads a Rust file as far as the rules need it: comments gone, `use` trees flattened, tests told from the rest.
//!
//! Not a parser. It knows words, paths, strings and comments, and is wrong only for code that nobody writes.

/// A Rust file.
pub(crate) struct Source {
    /// From the root of the workspace, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Without comments and without what is in strings.
    pub(crate) code: String,
    /// Where `code` turns to tests.
    tests_at: usize,
}

impl Source {
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = without_comments(&text);
        let inline = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
        let tests_at = if is_test_path(&path) { 0 } else { inline };
        Self { path, text, code, tests_at }
    }

    /// The whole file is tests.
    pub(crate) fn is_test_file(&self) -> bool {
        is_test_path(&self.path)
    }

    /// The code that ships.
    pub(crate) fn production(&self) -> &str {
        &self.code[..self.tests_at]
    }

    /// The code that tests.
    pub(crate) fn tests(&self) -> &str {
        &self.code[self.tests_at..]
    }

    /// Whether code that ships (or, in a test file, any code) names `path`: in a `use`, or as a path that starts
    /// there. A module of our own with an engine's name is not the engine.
    pub(crate) fn names(&self, path: &str) -> bool {
        let code = if self.is_test_file() { &self.code } else { self.production() };
        let imports = imports(code);
        if imports.iter().any(|import| starts_with_path(import, path)) {
            return true;
        }
        let first = path.split("::").next().unwrap_or(path);
        let ours = |import: &String| {
            let (base, last) = import.rsplit_once("::").unwrap_or(("", import));
            last == first && ["crate", "self", "super"].iter().any(|own| starts_with_path(base, own))
        };
        if imports.iter().any(ours) || has_word(code, &format!("mod {first}")) {
            return false;
        }
        // `Instant::now` may stand behind `std::time::`.
        let inner = path.starts_with(char::is_uppercase).then(|| format!("::{path}"));
        let at_end = |said: &str| inner.as_ref().is_some_and(|inner| said.ends_with(inner.as_str()));
        expressions(code).iter().any(|said| starts_with_path(said, path) || at_end(said))
    }
}

fn is_test_path(path: &str) -> bool {
    ["/tests.rs", "/simulation.rs"].iter().any(|name| path.ends_with(name)) || path.contains("/tests/")
}

/// `a::b::c` starts with `a::b`, not with `a::bc`.
fn starts_with_path(said: &str, path: &str) -> bool {
    said.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether `word` stands in `text` by itself.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(part_of_word) && !text[at + word.len()..].starts_with(part_of_word)
    })
}

/// The text without comments, strings emptied. Lines stay lines.
fn without_comments(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            code.push_str("\"\"");
            string_length(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[skipped..];
    }
    code
}

/// Length of the string literal that `text` begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Every path that a `use` brings in, trees flattened.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let words = |at: &usize| {
        code[..*at].chars().next_back().is_none_or(|c| c.is_whitespace() || c == '{' || c == ';')
    };
    for (at, _) in code.match_indices("use ").filter(|(at, _)| words(at)) {
        let statement = code[at + 4..].split(';').next().unwrap_or("");
        let compact: String = statement.replace(" as ", "@").split_whitespace().collect();
        flatten("", compact.trim_start_matches("::"), &mut found);
    }
    found
}

fn flatten(base: &str, tree: &str, found: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split('@').next().unwrap_or(tree);
        if !path.is_empty() {
            found.push(format!("{base}{path}").trim_end_matches("::self").to_owned());
        }
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                flatten(&format!("{base}{head}"), &group[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Every `a::b::c` in the code, `use` lines included.
fn expressions(code: &str) -> Vec<String> {
    let part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.split(|c| !part_of_path(c))
        .filter(|said| said.contains("::"))
        .map(|said| said.trim_matches(':').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_not_code() {
        let code = without_comments("a(); // sled::b\nlet s = \"sled::\\\"c // d\"; /* sled::e */ f();");
        assert_eq!(code, "a(); \nlet s = \"\";  f();");
    }

    #[test]
    fn use_trees_are_flattened() {
        let found = imports("use a::{b, c::{d, self}, e as f};\npub use ::g::h;\nlet unused = 1;");
        assert_eq!(found, ["a::b", "a::c::d", "a::c", "a::e", "g::h"]);
    }

    #[test]
    fn a_module_of_ours_is_not_the_engine_of_its_name() {
        let names = |text: &str| Source::new("server/src/hub.rs".into(), text.into()).names("turn");
        assert!(names("use turn::server::Server;"));
        assert!(names("fn f() -> turn::Error {}"));
        assert!(!names("use crate::turn::Relay;"));
        assert!(!names("use crate::{turn, ice};\nfn f() { turn::start() }"));
        assert!(!names("mod turn;\nfn f() { turn::start() }"));
        assert!(!names("let return_turn = 1; /* turn::x */"));
    }

    #[test]
    fn words_stand_by_themselves() {
        assert!(has_word("a todo!", "todo"));
        assert!(!has_word("mastodon todos", "todo"));
    }
}
