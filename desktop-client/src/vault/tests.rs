//! What a vault gives back, whatever becomes of its keyring and of its file.

use super::*;
use std::sync::Condvar;

const SERVER: &str = "https://h:1";
const PATIENCE: Duration = Duration::from_mins(1);

fn key(token: &str) -> LoginKey {
    LoginKey { refresh_token: token.into(), request_id: "r".into() }
}

/// A keyring that can be locked: then it waits for the person, or says that it does not open.
#[derive(Default)]
struct Made {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: BTreeMap<String, String>,
    waits: bool,
    refuses: bool,
    asked: usize,
}

impl Made {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn open<T>(&self, task: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> Result<T, Unavailable> {
        self.set(|state| state.asked += 1);
        let mut state = self.changed.wait_while(self.state.lock().unwrap(), |state| state.waits).unwrap();
        if state.refuses {
            return Err(Unavailable("locked".into()));
        }
        let done = task(&mut state.held);
        self.changed.notify_all();
        Ok(done)
    }

    /// Waits until it holds a key.
    fn until_held(&self, token: &str) {
        let lacks = |state: &mut State| !state.held.values().any(|text| text.contains(token));
        let held = self.changed.wait_timeout_while(self.state.lock().unwrap(), PATIENCE, lacks);
        assert!(!held.unwrap().1.timed_out(), "never {token}");
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

struct Story {
    folder: tempfile::TempDir,
    keyring: Arc<Made>,
}

impl Story {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), keyring: Arc::default() }
    }

    /// As long as a keyring answers at all, it is waited for.
    fn vault(&self) -> Vault {
        Vault::with_keyring(self.folder.path(), self.keyring.clone(), PATIENCE)
    }

    fn hasty(&self) -> Vault {
        Vault::with_keyring(self.folder.path(), self.keyring.clone(), Duration::from_millis(1))
    }

    fn in_file(&self) -> Option<LoginKey> {
        Vault::in_folder(self.folder.path()).key(SERVER, "ada").unwrap()
    }
}

/// Whatever was asked of the keyring before is done.
fn until_all_is_asked(vault: &Vault) {
    let asker = &vault.system.as_ref().unwrap().asker;
    asker.ask(None, |_, tell| tell.send(()).unwrap()).recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_key_in_the_file_is_replaced_found_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::in_folder(folder.path());
    assert_eq!(vault.key(SERVER, "ada"), Ok(None));
    assert_eq!(vault.keep(SERVER, "ada", &key("one")), Kept::File);
    assert_eq!(vault.keep(SERVER, "bea", &key("hers")), Kept::File);
    assert_eq!(vault.keep(SERVER, "ada", &key("two")), Kept::File);
    let again = Vault::in_folder(folder.path());
    assert_eq!(again.key(SERVER, "ada"), Ok(Some(key("two"))));
    again.forget(SERVER, "ada");
    assert_eq!((vault.key(SERVER, "ada"), vault.key(SERVER, "bea")), (Ok(None), Ok(Some(key("hers")))));
    assert_eq!(Vault::default().keep(SERVER, "ada", &key("x")), Kept::Nowhere);
}

#[test]
fn a_key_goes_into_the_keyring_and_not_into_the_file() {
    let story = Story::new();
    let vault = story.vault();
    assert_eq!(vault.keep(SERVER, "ada", &key("one")), Kept::Keyring);
    assert_eq!((story.in_file(), story.vault().key(SERVER, "ada")), (None, Ok(Some(key("one")))));
    vault.forget(SERVER, "ada");
    assert_eq!(story.vault().key(SERVER, "ada"), Ok(None));
}

#[test]
fn a_newer_key_in_the_file_wins_over_an_older_one_in_the_keyring_until_the_keyring_has_a_newer_one() {
    let story = Story::new();
    assert_eq!(story.vault().keep(SERVER, "ada", &key("one")), Kept::Keyring);
    story.keyring.set(|state| state.refuses = true);
    assert_eq!(story.vault().keep(SERVER, "ada", &key("two")), Kept::File);
    story.keyring.set(|state| state.refuses = false);
    assert_eq!(story.vault().key(SERVER, "ada"), Ok(Some(key("two"))));
    assert_eq!(story.vault().keep(SERVER, "ada", &key("three")), Kept::Keyring);
    assert_eq!((story.in_file(), story.vault().key(SERVER, "ada")), (None, Ok(Some(key("three")))));
}

#[test]
fn a_keyring_that_does_not_open_is_not_an_empty_one() {
    let story = Story::new();
    assert_eq!(story.vault().keep(SERVER, "ada", &key("one")), Kept::Keyring);
    story.keyring.set(|state| state.refuses = true);
    assert!(story.vault().key(SERVER, "ada").is_err());
    story.keyring.set(|state| (state.refuses, state.waits) = (false, true));
    assert!(story.hasty().key(SERVER, "ada").is_err(), "nor is one that does not answer");
    story.keyring.set(|state| state.waits = false);
    assert_eq!(story.vault().key(SERVER, "ada"), Ok(Some(key("one"))));
}

#[test]
fn a_keyring_that_waits_for_the_person_keeps_nobody_waiting_and_gets_the_newest_key_when_it_opens() {
    let story = Story::new();
    let vault = story.hasty();
    story.keyring.set(|state| state.waits = true);
    for token in ["one", "two", "three"] {
        assert_eq!(vault.keep(SERVER, "ada", &key(token)), Kept::File);
        assert_eq!(story.in_file(), Some(key(token)));
    }
    story.keyring.set(|state| state.waits = false);
    story.keyring.until_held("three");
    let asked = story.keyring.state.lock().unwrap().asked;
    assert!(asked <= 2, "what was overtaken is not asked for: {asked}");
    until_all_is_asked(&vault);
    assert_eq!((story.in_file(), story.vault().key(SERVER, "ada")), (None, Ok(Some(key("three")))));
}

#[test]
fn a_key_that_the_keyring_takes_after_it_was_thrown_away_does_not_stay_there() {
    let story = Story::new();
    let vault = story.hasty();
    story.keyring.set(|state| state.waits = true);
    assert_eq!(vault.keep(SERVER, "ada", &key("one")), Kept::File);
    vault.forget(SERVER, "ada");
    story.keyring.set(|state| state.waits = false);
    until_all_is_asked(&vault);
    assert_eq!((story.in_file(), story.vault().key(SERVER, "ada")), (None, Ok(None)));
}

#[test]
fn a_newer_file_is_left_alone_and_a_damaged_one_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (path, newer) = (folder.path().join(Vault::FILE), r#"{"version":99,"keys":"of another kind"}"#);
    std::fs::write(&path, newer).unwrap();
    let vault = Vault::in_folder(folder.path());
    assert_eq!(vault.trouble(), Some(Trouble::Newer(path.clone())));
    assert_eq!(vault.keep(SERVER, "ada", &key("one")), Kept::Nowhere);
    vault.forget(SERVER, "ada");
    assert_eq!((vault.key(SERVER, "ada"), std::fs::read_to_string(&path).unwrap()), (Ok(None), newer.into()));

    std::fs::write(&path, "{").unwrap();
    let Some(Trouble::Damaged(Some(aside))) = vault.trouble() else { panic!("not set aside") };
    assert_eq!((std::fs::read_to_string(aside).unwrap().as_str(), path.exists()), ("{", false));
    assert_eq!(vault.keep(SERVER, "ada", &key("one")), Kept::File);
}
