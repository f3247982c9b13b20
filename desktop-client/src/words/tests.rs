//! Each key is there in each language and takes the same arguments, and each is used.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The names that a message takes, by key.
fn arguments(language: &Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in language.text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(|first: char| first.is_ascii_lowercase())
            && let Some((name, _)) = line.split_once('=')
        {
            name.trim().clone_into(&mut key);
            assert!(found.insert(key.clone(), BTreeSet::new()).is_none(), "{} has {key} twice", language.tag);
        }
        for part in line.split('$').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
            found.get_mut(&key).expect("a message before its arguments").insert(part[..end].to_owned());
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("entries can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Every literal key that the sources ask for, with the names of its arguments.
fn asked() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&source, &mut files);
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.starts_with(source.join("words"))) {
        let text = std::fs::read_to_string(file).expect("sources are UTF-8");
        for (call, with) in [("say(", false), ("say_with(", true)] {
            for part in text.split(call).skip(1) {
                let Some(part) = part.trim_start().strip_prefix('"') else { continue };
                let Some((key, rest)) = part.split_once('"') else { continue };
                let names = asked.entry(key.to_owned()).or_default();
                if with {
                    let given = rest.split("&[").nth(1).and_then(|list| list.split("])").next());
                    let given = given.unwrap_or_else(|| panic!("{key}: its arguments stand with it"));
                    let pairs = given.split("(\"").skip(1).filter_map(|pair| pair.split_once("\","));
                    names.extend(pairs.map(|(name, _)| name.to_owned()));
                }
            }
        }
    }
    asked
}

#[test]
fn every_language_has_every_sentence_with_the_same_arguments() {
    let english = arguments(&LANGUAGES[0]);
    assert!(english.len() > 200);
    for language in &LANGUAGES[1..] {
        let theirs = arguments(language);
        for (key, names) in &english {
            assert_eq!(theirs.get(key), Some(names), "{}: {key}", language.tag);
        }
        for key in theirs.keys() {
            assert!(english.contains_key(key), "{} has {key}, which English does not", language.tag);
        }
    }
}

#[test]
fn every_sentence_that_is_asked_for_is_there_and_every_other_is_gone() {
    let (english, asked) = (arguments(&LANGUAGES[0]), asked());
    for (key, names) in &asked {
        assert_eq!(english.get(key), Some(names), "{key}");
    }
    for key in english.keys() {
        assert!(asked.contains_key(key), "nobody says {key}");
    }
}

#[test]
fn no_sentence_is_empty_and_none_fails_to_format() {
    for (language, catalog) in LANGUAGES.iter().zip(CATALOGS.iter()) {
        for (key, names) in arguments(language) {
            let mut args = FluentArgs::new();
            for name in &names {
                args.set(name.as_str(), 2);
            }
            let text = catalog.format(&key, &args).unwrap_or_default();
            assert!(!text.trim().is_empty() && !text.contains('{'), "{}: {key}: {text}", language.tag);
        }
    }
}

#[test]
fn the_language_follows_the_tag_and_falls_back_to_english() {
    for (tag, own) in
        [("de-AT", "de"), ("he_IL.UTF-8", "he"), ("iw", "he"), ("EN", "en"), ("tlh", "en"), ("", "en")]
    {
        speaking(tag, || assert_eq!(language().tag, own, "{tag}"));
    }
    speaking("he", || assert!(right_to_left()));
    assert!(!right_to_left(), "only within");
}

#[test]
fn numbers_choose_their_form() {
    let count = |all: u32| say_with("hall-count", &[("all", all.into()), ("free", 1.into())]);
    assert_eq!((count(1), count(3)), ("1 guest, 1 free".into(), "3 guests, 1 free".into()));
}

/// A literal that reads like a sentence or a label: two words, the first with a capital.
fn reads_like_a_sentence(literal: &str) -> bool {
    let mut words = literal.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let wordy =
        |word: &str| word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || "’'…,.:;".contains(c));
    first.starts_with(char::is_uppercase) && wordy(first) && second.starts_with(char::is_alphabetic)
}

/// The string literals of a file, without its tests, its comments, and what goes to the log or to who broke an invariant.
fn literals(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let kept_from_people = ["tracing::", "expect(", "panic!(", "unreachable!(", "assert", "reason = "];
        if kept_from_people.iter().any(|sign| line.contains(sign)) {
            continue;
        }
        found.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    found
}

#[test]
fn what_people_read_stands_in_the_translations_alone() {
    assert!(reads_like_a_sentence("Thank you. Your host") && !reads_like_a_sentence("Ctrl+Shift+Enter"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    // What is typed at a command line is answered in the language of commands.
    let of_people = [
        "ui",
        "engine",
        "call",
        "media",
        "app.rs",
        "engine.rs",
        "error.rs",
        "main.rs",
        "notifications.rs",
        "signaling",
        "settings",
        "vault.rs",
    ];
    let mut looked_at = 0;
    for file in files {
        let inside = file.strip_prefix(&source).expect("found below it");
        if !of_people.iter().any(|part| inside.starts_with(part)) || file.ends_with("tests.rs") {
            continue;
        }
        looked_at += 1;
        let text = std::fs::read_to_string(&file).expect("sources are UTF-8");
        for literal in literals(&text) {
            let name_of_a_driver = literal == "Microsoft Basic Render";
            assert!(
                name_of_a_driver || !reads_like_a_sentence(&literal),
                "{}: {literal:?}",
                inside.display()
            );
        }
    }
    assert!(looked_at > 80, "{looked_at}");
}

/// Has a word in it, or a unit, besides what is put in.
fn has_a_word(literal: &str) -> bool {
    let mut put_in = 0;
    let said: String = literal
        .chars()
        .filter(|c| {
            put_in += i32::from(*c == '{') - i32::from(*c == '}');
            put_in == 0
        })
        .collect();
    said.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().count() > 1)
}

/// What stands before a literal that is the key of a sentence, or names something for the program alone.
const NO_WORDS: [&str; 9] = [
    "say(",
    "say_with(",
    "Id::unique(",
    "Id::unique((",
    "push_id((",
    "with(",
    "from_hash_of(",
    "over_picture(ui, ",
    "pill(ui, ",
];

/// Words in the code of a screen that people would read, as far as it can be told.
fn words_on_a_screen(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with("#["))
    {
        let kept_from_people = ["tracing::", "expect(", "panic!(", "reason = ", "env!(", "target_os"];
        if kept_from_people.iter().any(|sign| line.contains(sign)) {
            continue;
        }
        let parts: Vec<&str> = line.split('"').collect();
        for around in parts.windows(3).step_by(2) {
            let [before, literal, after] = around else { continue };
            let put_in = line.contains(".into()") || line.contains("decimal(");
            let argument = put_in && before.ends_with('(') && after.starts_with(", ");
            let named = NO_WORDS.iter().any(|call| before.ends_with(call));
            if has_a_word(literal) && !argument && !named {
                found.push((*literal).to_owned());
            }
        }
    }
    found
}

#[test]
fn no_screen_has_a_word_of_its_own() {
    let told = |line: &str| words_on_a_screen(line).len();
    assert_eq!((told(r#"("Space", say("keys-talk")),"#), told(r#"format!("{fps:.0} fps")"#)), (1, 1));
    assert_eq!((told(r#"with_key(words, "Esc")"#), told(r#"lines::body(ui, "Help");"#)), (1, 1));
    assert_eq!(told(r#"say_with("ago-days", &[("count", days.into())])"#), 0);
    // File names, protocols, a part of links, and what tells two controls of one row apart.
    let known =
        ["castle-diagnostics.txt", "castle-account.json", " (TCP)", " (TLS)", "invite=", "call", "menu"];
    let screens = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui");
    let mut files = Vec::new();
    sources(&screens, &mut files);
    assert!(files.len() > 30);
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let inside = file.strip_prefix(&screens).expect("found below it");
        let shaders = inside.starts_with("video") || inside == Path::new("video.rs");
        if shaders || inside == Path::new("theme.rs") {
            continue; // colours are named for their tests
        }
        let text = std::fs::read_to_string(file).expect("sources are UTF-8");
        for literal in words_on_a_screen(&text) {
            assert!(known.contains(&literal.as_str()), "{}: {literal:?}", inside.display());
        }
    }
}
