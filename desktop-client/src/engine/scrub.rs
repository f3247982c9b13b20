//! Takes out of a text what identifies people or lets somebody in. Pure.

use std::net::IpAddr;

/// Letters in a row that look like a secret: digits and letters mixed, and longer than words and numbers are.
const SECRET_CHARS: usize = 20;

/// What is to be taken out.
pub(super) struct Scrubber {
    /// Names of people and machines, lower case; none when they may stay.
    names: Option<Vec<String>>,
}

impl Scrubber {
    /// Secrets alone.
    pub(super) fn of_secrets() -> Self {
        Self { names: None }
    }

    /// Secrets, addresses, ids, and these names.
    pub(super) fn of_all(names: impl Iterator<Item = String>) -> Self {
        let mut names: Vec<String> =
            names.map(|name| name.trim().to_lowercase()).filter(|name| name.chars().count() > 1).collect();
        // A name within another name goes with the whole.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names.dedup();
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
        self.without_names(out)
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

    fn without_names(&self, mut text: String) -> String {
        for name in self.names.iter().flatten() {
            let mut from = 0;
            while let Some(at) = find_folded(&text, name, from) {
                text.replace_range(at.clone(), "[name]");
                from = at.start + "[name]".len();
            }
        }
        text
    }
}

/// Where `name`, which is lower case, stands in `text` as words of its own, from `from` on.
fn find_folded(text: &str, name: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let ends = |start: usize| {
        // As many letters as it takes: lower case may have another length.
        let mut folded = String::new();
        for (at, letter) in text[start..].char_indices() {
            if folded.len() >= name.len() {
                return (folded == name && !letter.is_alphanumeric()).then_some(start + at);
            }
            folded.extend(letter.to_lowercase());
        }
        (folded == name).then_some(text.len())
    };
    let starts = text[from..].char_indices().map(|(at, _)| from + at);
    let mut words = starts.filter(|&at| !text[..at].chars().next_back().is_some_and(char::is_alphanumeric));
    words.find_map(|start| ends(start).map(|end| start..end))
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
}
