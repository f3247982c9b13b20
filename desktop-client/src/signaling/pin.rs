//! The fingerprint of the one certificate that a server may show: `sha256:` and 64 hex digits. Pure.

use crate::error::ErrorKind;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// Of a certificate.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As a link carries it, or as people copy it: upper case and colons between the bytes are read too.
impl FromStr for Pin {
    type Err = ErrorKind;

    fn from_str(text: &str) -> Result<Self, ErrorKind> {
        let (kind, digits) = text.trim().split_once(':').ok_or(ErrorKind::BadPin)?;
        if !kind.eq_ignore_ascii_case("sha256") {
            return Err(ErrorKind::BadPin);
        }
        let digits: Vec<u8> = digits.bytes().filter(|&byte| byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(ErrorKind::BadPin);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(ErrorKind::BadPin);
            *byte = u8::try_from(16 * digit(0)? + digit(1)?).expect("two hex digits make a byte");
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_written_and_nothing_else_is() {
        let pin = Pin::of(b"a certificate");
        let text = pin.to_string();
        assert_eq!(text.parse(), Ok(pin));
        let pairs: Vec<String> =
            text.as_bytes()[7..].chunks(2).map(|p| String::from_utf8_lossy(p).to_uppercase()).collect();
        assert_eq!(format!("SHA256:{}", pairs.join(":")).parse(), Ok(pin));
        for bad in
            ["", "sha256:", "sha256:00", "sha1:00", &text[7..], &format!("{text}0"), &text.replace('a', "é")]
        {
            assert_eq!(bad.parse::<Pin>(), Err(ErrorKind::BadPin), "{bad}");
        }
    }
}
