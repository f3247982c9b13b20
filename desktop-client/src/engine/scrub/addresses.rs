//! Finds addresses and names of machines in a text without blanks. Pure.

use std::net::Ipv6Addr;
use std::ops::Range;

/// What relays and their like are named by (RFC 7064, RFC 7065).
const SCHEMES: [&str; 4] = ["stuns", "stun", "turns", "turn"];
/// What the names of our own files and of the system's end with; hosts have more than two parts, as a rule.
const FILES: [&str; 12] =
    ["rs", "json", "log", "lock", "sock", "conf", "so", "dll", "exe", "toml", "y4m", "wav"];

/// Tells where they stand in `piece`.
pub(super) fn find_in(piece: &str, mut found: impl FnMut(Range<usize>)) {
    if let Some(rest) = after_scheme(piece) {
        found(rest..piece.len());
    }
    if piece.split_once('@').is_some_and(|(who, host)| !who.is_empty() && !host.is_empty()) {
        found(0..piece.len());
    }
    let is_v4 = |letter: char| letter.is_ascii_digit() || letter == '.';
    for run in runs(piece, is_v4) {
        if let Some(address) = v4(piece, run) {
            found(address.start..with_port(piece, address.end));
        }
    }
    let is_v6 = |letter: char| letter.is_ascii_hexdigit() || letter == ':' || letter == '.';
    for run in runs(piece, is_v6) {
        if let Some(address) = v6(piece, run) {
            found(bracketed(piece, address));
        }
    }
    let is_host = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    for run in runs(piece, is_host) {
        let host = piece[run.clone()].trim_matches('.');
        if names_host(host) {
            let start = run.start + piece[run.clone()].find(host).unwrap_or_default();
            found(start..with_port(piece, start + host.len()));
        }
    }
}

/// Where the place begins that follows `turn:` and the like; none where nothing follows.
fn after_scheme(piece: &str) -> Option<usize> {
    let (before, place) = piece.split_once(':')?;
    let scheme = before.rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let is_one = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (is_one && !place.is_empty()).then_some(before.len() + 1)
}

/// The longest parts of `piece` of such letters.
fn runs(piece: &str, is_part: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        start += piece[start..].find(is_part)?;
        let length = piece[start..].find(|letter| !is_part(letter)).unwrap_or(piece.len() - start);
        let run = start..start + length;
        start = run.end;
        Some(run)
    })
}

/// Four numbers with dots between them.
fn v4(piece: &str, run: Range<usize>) -> Option<Range<usize>> {
    let bare = piece[run.clone()].trim_matches('.');
    let start = run.start + piece[run].find(bare)?;
    let numbers = bare.split('.');
    let is_number = |part: &str| (1..=3).contains(&part.len());
    (numbers.clone().count() == 4 && numbers.clone().all(is_number)).then_some(start..start + bare.len())
}

/// An address of the newer kind that is no part of a longer word, such as `std::fs`.
fn v6(piece: &str, run: Range<usize>) -> Option<Range<usize>> {
    let ends_word = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    if !ends_word(piece[run.end..].chars().next()) {
        return None;
    }
    let after_word = !ends_word(piece[..run.start].chars().next_back());
    let mut start = run.start;
    let mut bare = &piece[run];
    if after_word || bare.starts_with(':') && !bare.starts_with("::") {
        // `name:` before it, of which the last letters may be such as an address has.
        let name = bare.find(':').filter(|colon| !bare[*colon..].starts_with("::"))? + 1;
        (start, bare) = (start + name, &bare[name..]);
    }
    let bare = bare.trim_end_matches('.');
    let one = |bare: &str| bare.parse::<Ipv6Addr>().is_ok().then(|| start..start + bare.len());
    let port = || bare.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    one(bare).or_else(|| one(bare.strip_suffix(':')?)).or_else(|| port().and_then(|(host, _)| one(host)))
}

/// With its zone, the brackets around it, and its port.
fn bracketed(piece: &str, address: Range<usize>) -> Range<usize> {
    let mut end = address.end;
    if let Some(zone) = piece[end..].strip_prefix('%') {
        let length = zone.find(|letter: char| !(letter.is_alphanumeric() || "-_.".contains(letter)));
        end += 1 + length.unwrap_or(zone.len());
    }
    if !piece[..address.start].ends_with('[') {
        return address.start..with_port(piece, end);
    }
    let closed = if piece[end..].starts_with(']') { end + 1 } else { end };
    address.start - 1..with_port(piece, closed)
}

/// Where the port ends that follows a host, or the host.
fn with_port(piece: &str, end: usize) -> usize {
    let Some(port) = piece[end..].strip_prefix(':') else { return end };
    let digits = port.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(port.len());
    if digits == 0 { end } else { end + 1 + digits }
}

/// Whether it reads as the name of a machine: words with dots between them, the last of letters alone. Names of files are
/// none, nor are those of services of the system, which have the largest part first.
fn names_host(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let [first, .., last] = labels[..] else { return false };
    let is_label = |label: &&str| !label.is_empty();
    let is_top = |label: &str| {
        label.chars().count() > 1 && (label.chars().all(char::is_alphabetic) || label.starts_with("xn--"))
    };
    let is_file = labels.len() == 2 && FILES.contains(&last);
    labels.iter().all(is_label) && is_top(last) && !is_file && first != "org"
}
