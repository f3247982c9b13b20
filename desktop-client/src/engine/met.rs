//! Names of machines and devices that this run met, so that the diagnostics leave them out of what was said of them, also
//! once they are gone. Pure.

use castle_connectivity::address::ServerUri;
use std::collections::VecDeque;

/// Names that are remembered, the newest of them.
const NAMES_MAX: usize = 512;

/// Names, each once, the newest last.
#[derive(Debug, Default)]
pub(super) struct Met(VecDeque<String>);

impl Met {
    /// A machine or a device.
    pub(super) fn meet(&mut self, name: &str) {
        if self.0.back().is_some_and(|newest| newest == name) {
            return;
        }
        self.0.retain(|known| known != name);
        self.0.push_back(name.to_owned());
        if self.0.len() > NAMES_MAX {
            self.0.pop_front();
        }
    }

    /// The machine that the URI of a relay or its like names; all of it where it cannot be read.
    pub(super) fn meet_at(&mut self, uri: &str) {
        match uri.parse::<ServerUri>() {
            Ok(uri) => self.meet(&uri.host),
            Err(_) => self.meet(uri),
        }
    }

    /// All of them.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_names_are_remembered_each_once_and_relays_by_their_hosts() {
        let mut met = Met::default();
        for number in 0..2 * NAMES_MAX {
            met.meet(&format!("device {number}"));
            met.meet("always there");
        }
        for uri in ["turn:turn.example.org:3478?transport=udp", "stun:[2001:db8::1]", "turn:"] {
            met.meet_at(uri);
        }
        let names = met.names();
        assert_eq!(names.len(), NAMES_MAX);
        assert_eq!(names[NAMES_MAX - 4..], ["always there", "turn.example.org", "2001:db8::1", "turn:"]);
        assert_eq!(names.iter().filter(|name| *name == "always there").count(), 1);
    }
}
