//! All that lasts of one guest on this machine: settings, servers, identity, and the keys to logins.

use crate::engine::Identity;
use crate::settings::{self, Keepable as _, Keeper, Servers, Settings, Trouble};
use crate::vault::Vault;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What lasts. Cheap to clone: the clones share it, and the last one to go has it written.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Where it lasts; `None`: in memory alone.
    pub folder: Option<PathBuf>,
    /// How the app is set.
    pub settings: Arc<Keeper<Settings>>,
    /// What is known of servers.
    pub servers: Arc<Keeper<Servers>>,
    /// This device's key, and the devices that were met.
    pub identity: Arc<Keeper<Identity>>,
    /// The keys to logins.
    pub vault: Vault,
    /// What was wrong with its files, by their names.
    pub troubles: Vec<(&'static str, Trouble)>,
}

impl Profile {
    /// The profile in `folder`; `of_user`: with the keyring of the system.
    pub fn open(folder: &Path, of_user: bool) -> Self {
        let (settings, servers, mut troubles) = settings::open(folder);
        let (identity, of_identity) = Keeper::open(folder);
        troubles.extend(of_identity.map(|trouble| (Identity::FILE, trouble)));
        let vault = if of_user { Vault::of_user(folder) } else { Vault::in_folder(folder) };
        troubles.extend(vault.trouble().map(|trouble| (Vault::FILE, trouble)));
        Self {
            folder: Some(folder.to_owned()),
            settings: Arc::new(settings),
            servers: Arc::new(servers),
            identity: Arc::new(identity),
            vault,
            troubles,
        }
    }

    /// Whether something of it could not be written down, and is tried again.
    pub fn is_unsaved(&self) -> bool {
        self.settings.is_unsaved() || self.servers.is_unsaved() || self.identity.is_unsaved()
    }
}
