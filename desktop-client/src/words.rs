//! Every sentence that a person reads, in every language that the app speaks.
//!
//! Owns the catalogs (`locales/*.ftl`, Fluent) and which of them is in force. A sentence is asked for by its key, which
//! stands as a literal where it is used; tests hold that each key is there in each language, with the same
//! arguments, and that none is left unused. Knows nothing of windows: the engine's sentences come from here, too.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentNumberOptions};
use fluent_bundle::{FluentArgs, FluentResource};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use fluent_bundle::FluentValue;

pub mod spoken;
#[cfg(test)]
mod tests;

/// A language that the app speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// As BCP 47 has it.
    pub tag: &'static str,
    /// What its speakers call it.
    pub own_name: &'static str,
    /// Written from the right to the left.
    pub right_to_left: bool,
    /// Numbers have a comma before what is less than one, and points between thousands; else the other way round.
    decimal_comma: bool,
    text: &'static str,
}

/// All languages; the first one is spoken where none fits.
pub const LANGUAGES: [Language; 3] = [
    Language {
        tag: "en",
        own_name: "English",
        right_to_left: false,
        decimal_comma: false,
        text: include_str!("../locales/en.ftl"),
    },
    Language {
        tag: "de",
        own_name: "Deutsch",
        right_to_left: false,
        decimal_comma: true,
        text: include_str!("../locales/de.ftl"),
    },
    Language {
        tag: "he",
        own_name: "עברית",
        right_to_left: true,
        decimal_comma: false,
        text: include_str!("../locales/he.ftl"),
    },
];

/// The sentences of one language.
struct Catalog {
    bundle: FluentBundle<FluentResource>,
    /// Those without arguments, ready to be shown.
    plain: HashMap<String, String>,
}

static CATALOGS: LazyLock<Vec<Catalog>> = LazyLock::new(|| LANGUAGES.iter().map(Catalog::new).collect());

/// Place in [`LANGUAGES`] of the language in force.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The language of this thread alone, where it has one.
    static BORROWED: Cell<Option<usize>> = const { Cell::new(None) };
}

impl Catalog {
    fn new(language: &Language) -> Self {
        let tag = language.tag.parse().expect("the tags above are well formed");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // The window orders directions itself, and its fonts have no glyphs for the marks.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(if language.decimal_comma {
            written::<',', '.', _>
        } else {
            written::<'.', ',', _>
        }));
        let resource = FluentResource::try_new(language.text.to_owned())
            .unwrap_or_else(|(_, errors)| panic!("{}.ftl is not Fluent: {errors:?}", language.tag));
        let keys: Vec<String> = keys(language).map(str::to_owned).collect();
        bundle.add_resource(resource).unwrap_or_else(|twice| panic!("{}.ftl: {twice:?}", language.tag));
        let mut plain = HashMap::new();
        for key in keys {
            let Some(pattern) = bundle.get_message(&key).and_then(|message| message.value()) else {
                continue;
            };
            let mut faults = Vec::new();
            let text = bundle.format_pattern(pattern, None, &mut faults).into_owned();
            if faults.is_empty() {
                plain.insert(key, text);
            }
        }
        Self { bundle, plain }
    }

    fn format(&self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        Some(self.bundle.format_pattern(pattern, Some(args), &mut Vec::new()).into_owned())
    }
}

/// Numbers with the signs of a language; everything else as it is.
fn written<const DECIMAL: char, const THOUSANDS: char, M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let digits = number.options.maximum_fraction_digits.unwrap_or_default();
    let plain = format!("{:.digits$}", number.value.abs());
    let (whole, rest) =
        plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut written = String::new();
    if number.value.is_sign_negative() && plain.contains(|digit| digit > '0') {
        written.push('-');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            written.push(THOUSANDS);
        }
        written.push(digit);
    }
    if let Some(rest) = rest {
        written.push(DECIMAL);
        written.push_str(rest);
    }
    Some(written)
}

/// A number with so many digits after the decimal sign, to be told in a sentence.
pub fn decimal(value: f64, digits: usize) -> FluentValue<'static> {
    let options =
        FluentNumberOptions { maximum_fraction_digits: Some(digits), ..FluentNumberOptions::default() };
    FluentNumber::new(value, options).into()
}

/// The keys that a language has, as they stand in its file.
fn keys(language: &Language) -> impl Iterator<Item = &'static str> {
    let begins = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
    language.text.lines().filter(begins).filter_map(|line| Some(line.split_once('=')?.0.trim()))
}

fn current() -> usize {
    BORROWED.get().unwrap_or_else(|| CHOSEN.load(Ordering::Relaxed))
}

/// The sentence of a key that takes no arguments.
pub fn say(key: &'static str) -> &'static str {
    let of = |place: usize| CATALOGS[place].plain.get(key).map(String::as_str);
    of(current()).or_else(|| of(0)).unwrap_or(key)
}

/// The sentence of a key, with what it tells of.
pub fn say_with(key: &'static str, args: &[(&'static str, FluentValue<'_>)]) -> String {
    let args: FluentArgs<'_> = args.iter().cloned().collect();
    let of = |place: usize| CATALOGS[place].format(key, &args);
    of(current()).or_else(|| of(0)).unwrap_or_else(|| key.to_owned())
}

/// The language in force.
pub fn language() -> &'static Language {
    &LANGUAGES[current()]
}

/// Whether the language in force is written from the right to the left.
pub fn right_to_left() -> bool {
    language().right_to_left
}

/// Speaks the language of this tag from now on, everywhere; that of the system when there is none.
pub fn choose(tag: Option<&str>) {
    let wanted = tag.map(str::to_owned).or_else(sys_locale::get_locale).unwrap_or_default();
    CHOSEN.store(place_of(&wanted), Ordering::Relaxed);
}

/// Speaks the language of this tag within `task`, on this thread alone.
pub fn speaking<R>(tag: &str, task: impl FnOnce() -> R) -> R {
    struct Back(Option<usize>);
    impl Drop for Back {
        fn drop(&mut self) {
            BORROWED.set(self.0);
        }
    }
    let _back = Back(BORROWED.replace(Some(place_of(tag))));
    task()
}

/// The language whose first subtag is that of `tag`; the first of all where none is.
fn place_of(tag: &str) -> usize {
    let primary = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
    // Java and old systems write Hebrew so.
    let primary = if primary.eq_ignore_ascii_case("iw") { "he" } else { primary };
    LANGUAGES.iter().position(|language| language.tag.eq_ignore_ascii_case(primary)).unwrap_or(0)
}
