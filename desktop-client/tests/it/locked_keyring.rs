//! A keyring that is locked, waits for the person or does not answer, while somebody is logged in or wants to be.

use crate::support::{Guest, PASSWORD, PATIENCE, TestServer, config, without_devices};
use castle_desktop::engine::EngineConfig;
use castle_desktop::profile::Profile;
use castle_desktop::vault::{Keyring, Unavailable, Vault};
use castle_desktop::view::{Command, Connection, Secret, Snapshot};
use castle_server::config::MatchRoute;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Default)]
struct State {
    held: BTreeMap<String, String>,
    /// Every question waits, as for a person who is not there.
    waits: bool,
    /// Every question is refused.
    refuses: bool,
    asked_in_vain: usize,
}

#[derive(Default)]
struct Made {
    state: Mutex<State>,
    changed: Condvar,
}

impl Made {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.locked());
        self.changed.notify_all();
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("whole")
    }

    fn open<T>(&self, task: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> Result<T, Unavailable> {
        self.set(|state| state.asked_in_vain += usize::from(state.waits || state.refuses));
        let mut state = self.changed.wait_while(self.locked(), |state| state.waits).expect("whole");
        if state.refuses { Err(Unavailable("locked".into())) } else { Ok(task(&mut state.held)) }
    }

    fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_timeout_while(self.locked(), PATIENCE, |state| !holds(state));
        assert!(!waited.expect("whole").1.timed_out(), "never {what}");
    }
}

impl Keyring for Made {
    fn keep(&self, label: &str, text: &str) -> Result<(), Unavailable> {
        self.open(|held| held.insert(label.into(), text.into())).map(drop)
    }

    fn read(&self, label: &str) -> Result<Option<String>, Unavailable> {
        self.open(|held| held.get(label).cloned())
    }

    fn forget(&self, label: &str) -> Result<(), Unavailable> {
        self.open(|held| held.remove(label)).map(drop)
    }
}

/// Ada with a profile in `folder` and this keyring.
fn ada(folder: &Path, keyring: &Arc<Made>) -> Guest {
    let mut profile = Profile::open(folder, false);
    // Longer than a keyring takes that answers, and short for one that does not.
    profile.vault = Vault::with_keyring(folder, keyring.clone(), Duration::from_millis(500));
    Guest::of("ada", EngineConfig { profile, ..without_devices() })
}

fn log_in(guest: &Guest, server: &TestServer) {
    let (server, name, password) = (server.url(), "ada".to_owned(), Secret(PASSWORD.into()));
    guest.does(Command::LogIn { server, name, password, remember: true });
}

fn online(snapshot: &Snapshot) -> bool {
    matches!(snapshot.connection, Connection::Online { .. })
}

fn remembered(snapshot: &Snapshot) -> bool {
    snapshot.connection == Connection::LoggedOut
        && snapshot.servers.first().is_some_and(|known| known.remembered)
}

#[test]
fn a_keyring_that_waits_for_the_person_makes_nobody_deaf_who_is_logged_in() {
    let folder = tempfile::tempdir().unwrap();
    let config = castle_server::config::Config {
        access_ttl: Duration::from_secs(3),
        ..config(folder.path(), MatchRoute::Direct)
    };
    let server = TestServer::start(config);
    drop(Guest::online(&server, "ada"));
    let keyring = Arc::<Made>::default();
    let profile = folder.path().join("ada");
    let ada = ada(&profile, &keyring);
    log_in(&ada, &server);
    ada.until("online", online);
    keyring.until("the key", |state| !state.held.is_empty());

    keyring.set(|state| state.waits = true);
    keyring.until("a renewal's key", |state| state.asked_in_vain > 0);
    let bea = Guest::online(&server, "bea");
    ada.until("bea", |snapshot| snapshot.hall.iter().any(|row| row.name == "bea"));
    ada.until_told("It is kept in a file that only you can read.");
    let in_file = || Vault::in_folder(&profile).key(&server.url(), "ada").unwrap();
    assert!(in_file().is_some(), "the newest one");
    drop(bea);
    ada.until("nobody", |snapshot| snapshot.hall.is_empty());

    keyring.set(|state| state.waits = false);
    ada.until("the keyring has the newest", |_| in_file().is_none());
    drop(ada);
    let ada = self::ada(&profile, &keyring);
    ada.does(Command::LogInRemembered { server: server.url(), name: "ada".into() });
    ada.until("online by the key", online);
}

#[test]
fn a_keyring_that_does_not_open_costs_no_login() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    drop(Guest::online(&server, "ada"));
    let keyring = Arc::<Made>::default();
    let profile = folder.path().join("ada");
    let first = ada(&profile, &keyring);
    log_in(&first, &server);
    first.until("online", online);
    drop(first);

    let ada = ada(&profile, &keyring);
    let by_key = || ada.does(Command::LogInRemembered { server: server.url(), name: "ada".into() });
    for waits in [false, true] {
        keyring.set(|state| (state.waits, state.refuses) = (waits, !waits));
        by_key();
        ada.until_told("The keyring of this computer did not open.");
        ada.until("still remembered", remembered);
        assert_eq!(keyring.locked().held.len(), 1, "nor is the key thrown away");
    }
    keyring.set(|state| (state.waits, state.refuses) = (false, false));
    by_key();
    ada.until("online", online);
    assert!(ada.engine.snapshot().notices.is_empty(), "what was wrong is of the past");
}

#[test]
fn an_app_ends_though_its_keyring_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    drop(Guest::online(&server, "ada"));
    let keyring = Arc::<Made>::default();
    keyring.set(|state| state.waits = true);
    let mut profile = Profile::open(&folder.path().join("ada"), false);
    // Far longer than anybody waits for an app to end.
    profile.vault = Vault::with_keyring(&folder.path().join("ada"), keyring.clone(), PATIENCE * 60);
    let ada = Guest::of("ada", EngineConfig { profile, ..without_devices() });
    log_in(&ada, &server);
    keyring.until("the key", |state| state.asked_in_vain > 0);
    drop(ada);
    keyring.set(|state| state.waits = false);
}
