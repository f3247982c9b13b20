//! All that lasts of one guest on this machine: settings, identity, and the keys to logins.

use crate::engine::Identity;
use crate::settings::{Keeper, Settings, Trouble};
use crate::vault::Vault;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What lasts. Cheap to clone: the clones share it, and the last one to go has it written.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Where it lasts; `None`: in memory alone.
    pub folder: Option<PathBuf>,
    /// What is remembered.
    pub settings: Arc<Keeper<Settings>>,
    /// This device's key, and the devices that were met.
    pub identity: Arc<Keeper<Identity>>,
    /// The keys to logins.
    pub vault: Vault,
    /// What was wrong with its files.
    pub troubles: Vec<Trouble>,
}

impl Profile {
    /// The profile in `folder`; `of_user`: with the keyring of the system.
    pub fn open(folder: &Path, of_user: bool) -> Self {
        let (settings, of_settings) = Keeper::open(folder);
        let (identity, of_identity) = Keeper::open(folder);
        Self {
            folder: Some(folder.to_owned()),
            settings: Arc::new(settings),
            identity: Arc::new(identity),
            vault: if of_user { Vault::of_user(folder) } else { Vault::in_folder(folder) },
            troubles: of_settings.into_iter().chain(of_identity).collect(),
        }
    }
}
