//! Takes out of a text what identifies people or lets somebody in. Pure.

mod addresses;
mod names;

use names::Names;
use std::ops::Range;

/// Letters in a row that look like a secret: digits and letters mixed, and longer than words and numbers are.
const SECRET_CHARS: usize = 20;
/// How often a link may have been put into another one.
const ENCODED_MAX: usize = 3;
/// What the ids of guests, calls, sessions, logins, reports and invitations begin with.
const IDS: [&str; 6] = ["gst_", "cal_", "ses_", "lgn_", "rep_", "inv_"];

const NAME: &str = "[name]";
const ADDRESS: &str = "[address]";
const ID: &str = "[id]";
const SECRET: &str = "[secret]";

/// What is to be taken out.
pub(super) struct Scrubber {
    /// Names of people and machines; none when they may stay.
    names: Option<Names>,
}

/// A part of a text that goes, and what stands for it.
struct Cut {
    part: Range<usize>,
    put: &'static str,
}

impl Scrubber {
    /// Secrets alone.
    pub(super) fn of_secrets() -> Self {
        Self { names: None }
    }

    /// Secrets, addresses, ids, and these names.
    pub(super) fn of_all(names: impl Iterator<Item = String>) -> Self {
        Self { names: Some(Names::new(names)) }
    }

    /// The text without it.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut cuts = self.cuts(text);
        if self.names.is_some() {
            let hidden = tokens(text).filter(|part| self.is_hidden(&text[part.clone()]));
            cuts.extend(hidden.map(|part| Cut { part, put: ADDRESS }));
        }
        without(text, cuts)
    }

    /// Whether something is written in it as `%41` and the like, also where that was done over again.
    fn is_hidden(&self, token: &str) -> bool {
        let mut plain = decoded(token);
        for _ in 1..ENCODED_MAX {
            plain = plain.map(|plain| decoded(&plain).unwrap_or(plain));
        }
        plain.is_some_and(|plain| !self.cuts(&plain).is_empty())
    }

    fn cuts(&self, text: &str) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for part in tokens(text) {
            self.cut_token(text, part, &mut cuts);
        }
        if let Some(names) = &self.names {
            names.find_in(text, |part| cuts.push(Cut { part, put: NAME }));
        }
        cuts
    }

    /// What goes of a token: words of a log, links and their parts.
    fn cut_token(&self, text: &str, part: Range<usize>, cuts: &mut Vec<Cut>) {
        let mut end = part.end;
        if let Some(at) = text[part.clone()].find("://") {
            let rest = part.start + at + 3;
            if self.names.is_some() {
                cuts.push(Cut { part: rest..end, put: ADDRESS });
            } else {
                let place = text[rest..end].find(['/', '?']).map_or(end, |path| rest + path);
                let who = text[rest..place].rfind('@').map_or(rest, |at| rest + at + 1);
                cuts.extend([rest..who, place..end].map(|part| Cut { part, put: "" }));
            }
            end = part.start + at;
        }
        // `name=value`, also several of them.
        let mut start = part.start;
        for piece in text[start..end].split(['=', '&', '?']) {
            self.cut_piece(piece, start, cuts);
            start += piece.len() + 1;
        }
    }

    /// What goes of a piece that stands at `at`.
    fn cut_piece(&self, piece: &str, at: usize, cuts: &mut Vec<Cut>) {
        let whole = at..at + piece.len();
        if let Some(prefix) = IDS.iter().find(|prefix| piece.starts_with(**prefix)) {
            if self.names.is_some() {
                cuts.push(Cut { part: at + prefix.len()..whole.end, put: ID });
            }
            return;
        }
        if piece.split(['/', ':', '.']).any(is_secret) {
            cuts.push(Cut { part: whole, put: SECRET });
        }
        if self.names.is_some() {
            addresses::find_in(piece, |part| {
                cuts.push(Cut { part: at + part.start..at + part.end, put: ADDRESS });
            });
        }
    }
}

/// The words of a text, each with all that may belong to a link, an address or `name=value`.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_part = |letter: char| letter.is_alphanumeric() || "._-:/?=&%@+[]~".contains(letter);
    let mut start = 0;
    std::iter::from_fn(move || {
        start += text[start..].find(is_part)?;
        let rest = &text[start..];
        let mut length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        if rest[..length].contains("://") {
            let ends = |letter: char| letter.is_whitespace() || "\"<>)".contains(letter);
            length = rest.find(ends).unwrap_or(rest.len());
        }
        let token = start..start + length;
        start = token.end;
        Some(token)
    })
}

fn is_secret(part: &str) -> bool {
    part.len() >= SECRET_CHARS
        && part.chars().any(|letter| letter.is_ascii_digit())
        && part.chars().any(char::is_alphabetic)
}

/// What a token says whose letters are written as `%41`; `None` where none is.
fn decoded(token: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let byte = match (first, after.get(..2)) {
            (b'%', Some(digits)) => {
                std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    (bytes.len() < token.len()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The text without the cuts. What two of them share goes once, under the one that begins first or is longer.
fn without(text: &str, mut cuts: Vec<Cut>) -> String {
    cuts.sort_by_key(|cut| (cut.part.start, std::cmp::Reverse(cut.part.end)));
    let mut out = String::with_capacity(text.len());
    let mut cuts = cuts.into_iter().peekable();
    let mut told = 0;
    while let Some(Cut { mut part, put }) = cuts.next() {
        while let Some(next) = cuts.next_if(|next| next.part.start < part.end) {
            part.end = part.end.max(next.part.end);
        }
        out.push_str(&text[told..part.start]);
        out.push_str(put);
        told = part.end;
    }
    out.push_str(&text[told..]);
    out
}

#[cfg(test)]
mod tests;
