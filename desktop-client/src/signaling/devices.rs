//! What names this device to the servers it has logged in to: whoever floods a guest's name with wrong passwords
//! does not keep this device waiting. The tokens let nobody in.

use super::address::ServerAddress;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens kept; beyond it one of another guest is forgotten.
const KEPT_MAX: usize = 50;

/// The tokens, shared between what logs in and what writes them down.
#[derive(Clone, Default)]
pub struct DeviceTokens(Arc<Mutex<BTreeMap<String, String>>>);

impl std::fmt::Debug for DeviceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceTokens").finish_non_exhaustive()
    }
}

impl DeviceTokens {
    /// Those that were written down.
    pub fn new(known: BTreeMap<String, String>) -> Self {
        Self(Arc::new(Mutex::new(known)))
    }

    /// All, to be written down.
    pub fn all(&self) -> BTreeMap<String, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token for this guest of this server; empty where there is none.
    pub(super) fn of(&self, server: &ServerAddress, name: &str) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&key(server, name)).cloned().unwrap_or_default()
    }

    /// Keeps the token of a login.
    pub(super) fn keep(&self, server: &ServerAddress, name: &str, token: &str) {
        if token.is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(server, name);
        known.insert(key.clone(), token.to_owned());
        if known.len() > KEPT_MAX
            && let Some(other) = known.keys().find(|other| **other != key).cloned()
        {
            known.remove(&other);
        }
    }
}

fn key(server: &ServerAddress, name: &str) -> String {
    format!("{} {server}", name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_server_and_name_however_the_name_is_typed() {
        let (here, there) = ("http://h:1".parse().unwrap(), "http://h:2".parse().unwrap());
        let tokens = DeviceTokens::default();
        tokens.keep(&here, "ada", "t1");
        assert_eq!(tokens.of(&here, "Ada"), "t1");
        assert_eq!((tokens.of(&there, "ada"), tokens.of(&here, "bob")), (String::new(), String::new()));
        tokens.keep(&here, "ada", "");
        assert_eq!(DeviceTokens::new(tokens.all()).of(&here, "ada"), "t1", "no token takes none away");
        for n in 0..2 * KEPT_MAX {
            tokens.keep(&here, &format!("guest{n}"), "t");
        }
        assert_eq!(tokens.all().len(), KEPT_MAX);
    }
}
