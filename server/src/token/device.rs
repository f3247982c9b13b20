//! Device tokens: what a device that has logged in shows at its next login, to be throttled by itself.
//!
//! Owns their format. A token is bound to the hash of the password it was given for, which is another with each new
//! password and each account: whoever once knew one is a stranger after that, with as many tokens as they kept. It lets
//! nobody in; it is derived, so nothing of it is stored but the device's id, with its logins.

use super::hmac;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::Mac as _;

const TAG: usize = 16;

/// Makes and reads device tokens.
pub struct DeviceMinter {
    secret: [u8; 32],
}

impl DeviceMinter {
    /// With the server's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The token of a device that logged in where `password_hash` is kept: 43 characters.
    pub fn sign(&self, device: u128, password_hash: &str) -> String {
        let mut bytes = Vec::with_capacity(16 + TAG);
        bytes.extend_from_slice(&device.to_be_bytes());
        let tag = self.tag(device, password_hash).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG]);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The device behind a token; `None` unless this server made it for this very hash.
    pub fn verify(&self, token: &str, password_hash: &str) -> Option<u128> {
        let bytes: [u8; 16 + TAG] = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (device, tag) = bytes.split_at(16);
        let device = u128::from_be_bytes(device.try_into().ok()?);
        self.tag(device, password_hash).verify_truncated_left(tag).ok()?;
        Some(device)
    }

    fn tag(&self, device: u128, password_hash: &str) -> super::HmacSha256 {
        hmac(&self.secret, &[b"device", &device.to_be_bytes(), password_hash.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_token_is_good_for_its_password_alone() {
        let minter = DeviceMinter::new([1; 32]);
        let token = minter.sign(7, "$argon2id$ hers");
        assert_eq!(token.len(), 43);
        assert_eq!(minter.verify(&token, "$argon2id$ hers"), Some(7));
        assert_eq!(minter.verify(&token, "$argon2id$ her next"), None);
        assert_eq!(DeviceMinter::new([2; 32]).verify(&token, "$argon2id$ hers"), None);
        for at in 0..42 {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                minter.verify(std::str::from_utf8(&changed).unwrap(), "$argon2id$ hers"),
                None,
                "at {at}"
            );
        }
        for bad in ["", "!", &token[1..], &"A".repeat(10_000)] {
            assert_eq!(minter.verify(bad, "$argon2id$ hers"), None);
        }
    }
}
