//! Between which two certificates the connection is sealed.

use super::Seal;
use super::task::Task;
use sha2::{Digest as _, Sha256};

impl Task {
    /// The own certificate, as this end described it, and the other end's as it was shown in DTLS.
    pub(super) async fn seal(&self) -> Option<Seal> {
        let own = fingerprint(&self.connection.pc.local_description().await?.sdp)?;
        let shown = self.connection.pc.sctp().await?.transport().get_remote_certificates().await.ok()?;
        Some(Seal { own, theirs: Sha256::digest(shown.first()?).into() })
    }
}

/// The SHA-256 fingerprint in a description (RFC 8122 section 5).
fn fingerprint(sdp: &str) -> Option<[u8; 32]> {
    let text = sdp.lines().find_map(|line| line.trim().strip_prefix("a=fingerprint:sha-256 "))?;
    let mut bytes = [0; 32];
    let mut pairs = text.trim().split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(pairs.next()?, 16).ok()?;
    }
    pairs.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_whole_or_not_at_all() {
        let digits = |count: usize| vec!["AB"; count].join(":");
        let sdp = |digits: &str| format!("v=0\r\na=fingerprint:sha-256 {digits}\r\na=setup:active\r\n");
        assert_eq!(fingerprint(&sdp(&digits(32))), Some([0xab; 32]));
        for bad in [digits(31), digits(33), digits(32).replace("AB", "XY"), String::new()] {
            assert_eq!(fingerprint(&sdp(&bad)), None, "{bad}");
        }
        assert_eq!(fingerprint("v=0"), None);
    }
}
