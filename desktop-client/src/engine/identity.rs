//! This device's key, and the devices of others that were met: in the profile's folder, readable by its owner alone.

use super::safety::{DeviceKey, Hex};
use crate::settings::Keepable;
use crate::view::DeviceStanding;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Guests whose devices are remembered; beyond it one whose words were never compared is forgotten.
const GUESTS_MAX: usize = 1000;
/// Devices remembered of one guest; beyond it the oldest that was never compared is forgotten.
const DEVICES_MAX: usize = 16;

/// What is kept.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// The secret of this device's key, hex digits.
    seed: Option<String>,
    /// Devices by server and guest, in the order of their first call.
    met: BTreeMap<String, Vec<Met>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Met {
    key: String,
    verified: bool,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Keepable for Identity {
    const FILE: &'static str = "identity.json";
    const VERSION: u32 = 1;
}

/// A guest of a server.
pub(super) fn label(server: &str, guest: &str) -> String {
    format!("{guest} {server}")
}

impl Identity {
    /// The key of this device; made from `fresh` bytes where there is none yet.
    pub(super) fn device_key(&mut self, fresh: [u8; 32]) -> DeviceKey {
        let known = self.seed.as_ref().and_then(|seed| seed.parse::<Hex<32>>().ok());
        let seed = known.unwrap_or(Hex(fresh));
        self.seed = Some(seed.to_string());
        DeviceKey::from_seed(seed.0)
    }

    /// A call with this device of `guest`: what was known of it before, and it is known from now on.
    pub(super) fn meet(&mut self, guest: &str, device: Hex<32>) -> DeviceStanding {
        let key = device.to_string();
        let met = self.met.entry(guest.to_owned()).or_default();
        let standing = match met.iter().find(|met| met.key == key) {
            Some(Met { verified: true, .. }) => DeviceStanding::Verified,
            Some(_) => DeviceStanding::SeenBefore,
            None if met.is_empty() => DeviceStanding::First,
            None => DeviceStanding::New,
        };
        if matches!(standing, DeviceStanding::First | DeviceStanding::New) {
            met.push(Met { key, verified: false });
            if met.len() > DEVICES_MAX {
                let oldest = met.iter().position(|met| !met.verified).unwrap_or(0);
                met.remove(oldest);
            }
        }
        if self.met.len() > GUESTS_MAX {
            let stranger = |(other, met): (&String, &Vec<Met>)| {
                (other != guest && met.iter().all(|met| !met.verified)).then(|| other.clone())
            };
            let forgotten = self.met.iter().find_map(stranger);
            forgotten.and_then(|other| self.met.remove(&other));
        }
        standing
    }

    /// The words were compared with this device of `guest`: they were the `same`, or not.
    pub(super) fn compared(&mut self, guest: &str, device: Hex<32>, same: bool) {
        let key = device.to_string();
        for met in self.met.get_mut(guest).into_iter().flatten().filter(|met| met.key == key) {
            met.verified = same;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_first_then_seen_then_verified_and_another_is_new() {
        let mut identity = Identity::default();
        let (one, other) = (Hex([1; 32]), Hex([2; 32]));
        assert_eq!(identity.meet("bea", one), DeviceStanding::First);
        assert_eq!(identity.meet("bea", one), DeviceStanding::SeenBefore);
        identity.compared("bea", one, true);
        assert_eq!(identity.meet("bea", one), DeviceStanding::Verified);
        assert_eq!(identity.meet("bea", other), DeviceStanding::New);
        assert_eq!(identity.meet("zoe", one), DeviceStanding::First, "each guest has their own");
        identity.compared("bea", one, false);
        assert_eq!(identity.meet("bea", one), DeviceStanding::SeenBefore);
    }

    #[test]
    fn a_flood_of_devices_and_guests_costs_no_verified_one() {
        let mut identity = Identity::default();
        identity.meet("bea", Hex([9; 32]));
        identity.compared("bea", Hex([9; 32]), true);
        for n in 0..3 * DEVICES_MAX {
            identity.meet("bea", Hex([n as u8 + 10; 32]));
        }
        for n in 0..2 * GUESTS_MAX {
            identity.meet(&format!("guest{n}"), Hex([1; 32]));
        }
        assert_eq!(identity.met["bea"].len(), DEVICES_MAX);
        assert_eq!(identity.met.len(), GUESTS_MAX);
        assert_eq!(identity.meet("bea", Hex([9; 32])), DeviceStanding::Verified);
    }

    #[test]
    fn the_key_of_the_device_is_made_once() {
        let mut identity = Identity::default();
        identity.device_key([1; 32]);
        let kept = identity.clone();
        identity.device_key([2; 32]);
        assert_eq!(identity, kept);
    }
}
