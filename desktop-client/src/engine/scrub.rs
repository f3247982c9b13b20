//! Takes out of a text what identifies people or lets somebody in. Pure.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;

/// Letters in a row that look like a secret: digits and letters mixed, and longer than words and numbers are.
const SECRET_CHARS: usize = 20;

/// What is to be taken out.
pub(super) struct Scrubber {
    /// Names of people and machines; none when they may stay.
    names: Option<Names>,
}

/// Names in lower case, by what they begin with: a text is gone through once, however many they are.
#[derive(Default)]
struct Names(HashMap<String, Vec<String>>);

impl Scrubber {
    /// Secrets alone.
    pub(super) fn of_secrets() -> Self {
        Self { names: None }
    }

    /// Secrets, addresses, ids, and these names.
    pub(super) fn of_all(names: impl Iterator<Item = String>) -> Self {
        let folded = names.map(|name| name.trim().to_lowercase());
        let folded: BTreeSet<String> = folded.filter(|name| name.chars().count() > 1).collect();
        let mut names = Names::default();
        for name in folded {
            names.0.entry(beginning(&name)).or_default().push(name);
        }
        Self { names: Some(names) }
    }

    /// The text without it.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let is_part = |letter: char| letter.is_alphanumeric() || "._-:/?=&%@+[]~".contains(letter);
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let (token, after) = rest.split_at(end);
            out.push_str(&self.clean_token(token));
            let gap = after.find(is_part).unwrap_or(after.len());
            out.push_str(&after[..gap]);
            rest = &after[gap..];
        }
        self.names.as_ref().map(|names| names.cut_from(&out)).unwrap_or(out)
    }

    fn clean_token(&self, token: &str) -> String {
        // `name=value` and `name:value` of logs, links and their parts.
        if let Some((scheme, rest)) = token.split_once("://") {
            return if self.names.is_some() {
                format!("{scheme}://[address]")
            } else {
                format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
            };
        }
        if let Some((key, value)) = token.split_once('=') {
            return format!("{key}={}", self.clean_token(value));
        }
        if self.names.is_some() && is_address(token) {
            return "[address]".into();
        }
        let id = ["gst_", "cal_", "ses_", "lgn_", "rep_", "inv_"]
            .into_iter()
            .find(|prefix| token.starts_with(prefix));
        if let Some(prefix) = id {
            return if self.names.is_some() { format!("{prefix}[id]") } else { token.to_owned() };
        }
        let secret = |part: &str| {
            part.len() >= SECRET_CHARS
                && part.chars().any(|letter| letter.is_ascii_digit())
                && part.chars().any(char::is_alphabetic)
        };
        if token.split(['/', ':', '.']).any(secret) { "[secret]".into() } else { token.to_owned() }
    }
}

impl Names {
    /// The text without them. What two of them share goes once.
    fn cut_from(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut told = 0;
        let mut cut: Option<Range<usize>> = None;
        for start in starts(text) {
            let Some(end) = self.longest_at(text, start) else { continue };
            match &mut cut {
                Some(cut) if start < cut.end => cut.end = cut.end.max(end),
                _ => {
                    told = put_out(&mut out, text, told, cut.replace(start..end));
                }
            }
        }
        told = put_out(&mut out, text, told, cut);
        out.push_str(&text[told..]);
        out
    }

    /// Where the longest name ends that begins at `start`, as words of their own.
    fn longest_at(&self, text: &str, start: usize) -> Option<usize> {
        let first = text[start..].chars().next()?;
        let length = if first.is_alphanumeric() { word_length(&text[start..]) } else { first.len_utf8() };
        let begins = beginning(&text[start..start + length].to_lowercase());
        self.0.get(&begins)?.iter().filter_map(|name| end_of(text, name, start)).max()
    }
}

/// Puts out what stands from `told` on before the `cut`, and what stands for that; up to where the text is told then.
fn put_out(out: &mut String, text: &str, told: usize, cut: Option<Range<usize>>) -> usize {
    let Some(cut) = cut else { return told };
    out.push_str(&text[told..cut.start]);
    out.push_str("[name]");
    cut.end
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
    let mut folded = String::new();
    for (at, letter) in text[start..].char_indices() {
        if folded.len() >= name.len() {
            return (folded == name && !letter.is_alphanumeric()).then_some(start + at);
        }
        folded.extend(letter.to_lowercase());
    }
    (folded == name).then_some(text.len())
}

/// An address of the network, with or without a port.
fn is_address(token: &str) -> bool {
    let bare = token.trim_end_matches([':', '.']);
    let bare = match bare.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && host.parse::<IpAddr>().is_ok() => host,
        Some((host, port)) if port.parse::<u16>().is_ok() && host.starts_with('[') => host,
        _ => bare,
    };
    bare.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_always_and_names_addresses_and_ids_unless_they_may_stay() {
        let names = ["Ada", "ada", "Zoë Müller", "host.example"].map(String::from);
        let all = Scrubber::of_all(names.into_iter());
        for (text, clean) in [
            ("ADA calls Adam", "[name] calls Adam"),
            ("from ZOË MÜLLER.", "from [name]."),
            ("peer=192.0.2.7:5000 ok", "peer=[address] ok"),
            ("[2001:db8::1]:443", "[address]"),
            ("at 10.0.0.1, and fe80::1", "at [address], and [address]"),
            ("https://host.example:1/?invite=abc", "https://[address]"),
            ("token=eyJhbGciOiJFZERTQSIsInR5cCI6", "token=[secret]"),
            ("call cal_0123456789abcdef0123456789abcdef is up", "call cal_[id] is up"),
            (
                "23:59:01.123456 castle_desktop::engine::task 720p30",
                "23:59:01.123456 castle_desktop::engine::task 720p30",
            ),
        ] {
            assert_eq!(all.clean(text), clean);
        }
        let secrets = Scrubber::of_secrets();
        assert_eq!(secrets.clean("ADA 192.0.2.7 gst_01"), "ADA 192.0.2.7 gst_01");
        assert_eq!(secrets.clean("castle://h:1/?invite=abc&pin=x"), "castle://h:1");
        assert_eq!(secrets.clean("k eyJhbGciOiJFZERTQSIsInR5cCI6."), "k [secret]");
    }

    #[test]
    fn names_of_several_words_names_within_names_and_names_that_share_a_word_go_whole() {
        let names =
            ["Ada", "Ada Lovelace", "Lovelace Byron King", "/home/ada", "HD Webcam (046d:0825)", "İpek Öz"];
        let all = Scrubber::of_all(names.map(String::from).into_iter());
        for (text, clean) in [
            ("Ada Lovelace and ada", "[name] and [name]"),
            ("ada lovelace byron king calls", "[name] calls"),
            ("Lovelace alone, Adamant", "Lovelace alone, Adamant"),
            ("open /home/ada/x", "open [name]/x"),
            ("camera HD Webcam (046d:0825) is gone", "camera [name] is gone"),
            ("by İPEK ÖZ.", "by [name]."),
            ("ada,ada ada", "[name],[name] [name]"),
        ] {
            assert_eq!(all.clean(text), clean);
        }
    }

    #[test]
    fn a_text_is_gone_through_once_however_many_names_there_are() {
        let names = (0..50_000).map(|number| format!("guest{number} of many"));
        let all = Scrubber::of_all(names.chain(["ada".into()]));
        let text = "guest49999 of many met ada; ".repeat(2000);
        assert_eq!(all.clean(&text), "[name] met [name]; ".repeat(2000));
    }
}
