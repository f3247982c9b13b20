//! Codes that a host reads out and a guest types: invitations and new passwords.

use crate::token;

/// Random characters of a code, 5 bits each: 80 bits, out of reach for guessing over a network.
const CODE_CHARS: usize = 16;
/// Crockford's base 32: no I, L, O or U, so that a code can be read out.
const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The code of these bits.
pub fn code_of(bits: u128) -> String {
    let mut code = String::with_capacity(CODE_CHARS + CODE_CHARS / 4);
    for at in 0..CODE_CHARS {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(CODE_ALPHABET[(bits >> (5 * at)) as usize & 31].into());
    }
    code
}

/// What the store keeps of a code as typed: case, blanks and hyphens aside, and with the letters that look like
/// digits.
pub fn code_hash(code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    token::sha256(plain.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = code_of(rand::random());
        assert_eq!(code.len(), 19, "{code}");
        assert_eq!(code_hash(&code), code_hash(&code.to_lowercase().replace('-', " ")));
        assert_eq!(code_hash("01AB"), code_hash("oLab"));
        assert_ne!(code_hash(&code), code_hash(&code_of(rand::random())));
    }
}
