//! The servers this app knows: where somebody logged in and by which name, the certificates that were trusted, and what
//! names this device to each. In a file of their own, so that no login is lost with the settings. Never a password, nor
//! anything that lets somebody in.

use super::Keepable;
use crate::signaling::Pins;
use crate::view::KnownServer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Logins remembered; beyond it the one that was not used for longest is forgotten.
const LOGINS_MAX: usize = 20;

/// What is known of servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Servers {
    /// Logins of the past, the last one first.
    #[serde(rename = "servers")]
    pub logins: Vec<Login>,
    /// The certificate of each server that was trusted by its fingerprint.
    pub pins: Pins,
    /// What names this device to each server, by guest. It lets nobody in.
    pub devices: BTreeMap<String, String>,
}

impl Keepable for Servers {
    const FILE: &'static str = "servers.json";
    const VERSION: u32 = 1;
}

/// A login of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Login {
    /// Address without pin and invitation.
    pub server: String,
    /// Login name.
    pub name: String,
    /// A key to it is kept.
    pub remembered: bool,
}

impl Login {
    fn is(&self, server: &str, name: &str) -> bool {
        (self.server.as_str(), self.name.as_str()) == (server, name)
    }
}

impl Servers {
    /// A login: first in the list from now on.
    pub fn logged_in(&mut self, server: &str, name: &str, remembered: bool) {
        self.forget(server, name);
        let (server, name) = (server.to_owned(), name.to_owned());
        self.logins.insert(0, Login { server, name, remembered });
        self.logins.truncate(LOGINS_MAX);
    }

    /// No longer in the list.
    pub fn forget(&mut self, server: &str, name: &str) {
        self.logins.retain(|login| !login.is(server, name));
    }

    /// There is a key to it.
    pub fn key_kept(&mut self, server: &str, name: &str) {
        for login in &mut self.logins {
            login.remembered |= login.is(server, name);
        }
    }

    /// The key to it is gone, the server stays in the list.
    pub fn key_gone(&mut self, server: &str, name: &str) {
        for login in &mut self.logins {
            login.remembered &= !login.is(server, name);
        }
    }

    /// As the login screen shows them.
    pub fn known(&self) -> Vec<KnownServer> {
        let known = |login: &Login| KnownServer {
            server: login.server.clone(),
            name: login.name.clone(),
            remembered: login.remembered,
        };
        self.logins.iter().map(known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_login_is_first_and_old_ones_are_forgotten() {
        let mut servers = Servers::default();
        for n in 0..2 * LOGINS_MAX {
            servers.logged_in(&format!("https://h:{n}"), "ada", true);
        }
        servers.logged_in("https://h:30", "ada", false);
        assert_eq!(servers.logins.len(), LOGINS_MAX);
        assert_eq!(
            (servers.logins[0].server.as_str(), servers.logins[0].remembered),
            ("https://h:30", false)
        );
        servers.key_gone("https://h:39", "ada");
        assert!(!servers.logins[1].remembered && servers.logins[2].remembered);
    }
}
