//! Through the door and out again: registering, logging in with a password or with the key of an earlier login, logging
//! out, and what is remembered of it.

use super::telling::Matter;
use super::{Engine, Link, SESSION_EVENTS_MAX};
use crate::backoff;
use crate::call::Input;
use crate::error::{ClientError, ErrorKind};
use crate::settings::{Keepable as _, Servers, Trouble};
use crate::signaling::{self, Account, Credentials, KeyKeeper, ServerAddress, Session};
use crate::vault::{Kept, Vault};
use crate::view::{AccountView, Command, History, Severity, Unanswered};
use crate::words::{say, say_with};
use castle::v1::ErrorReason;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What a login under way tells.
pub(super) enum Progress {
    /// The server could not be reached, and is tried again.
    Again(ClientError),
    /// It is through, or failed.
    Over(Box<Result<Account, ClientError>>),
}

/// A login under way.
pub(super) struct Entry {
    /// Where.
    pub(super) server: String,
    /// With the key of an earlier login: the name.
    remembered: Option<String>,
    /// Keep a key to it.
    remember: bool,
    /// Where the newest key went.
    kept: watch::Receiver<Option<Kept>>,
    task: tokio::task::AbortHandle,
}

impl Engine {
    pub(super) fn obey_at_the_door(&mut self, command: Command) {
        match command {
            Command::Register { server, invitation, name, password, remember } => {
                self.begin_login(&server, remember, |address| {
                    let code = if invitation.is_empty() {
                        address.invitation().unwrap_or_default()
                    } else {
                        &invitation
                    };
                    Credentials::Register { invitation: code.to_owned(), name, password }
                });
            }
            Command::LogIn { server, name, password, remember } => {
                self.begin_login(&server, remember, |_| Credentials::LogIn { name, password });
            }
            Command::ResetPassword { server, name, code, password, remember } => {
                let code = self.code_of(&server, &name, code);
                self.begin_login(&server, remember, |_| Credentials::Reset { name, code, password });
            }
            Command::LogInRemembered { server, name } => {
                self.begin_login(&server, true, |_| Credentials::Remembered { name, key: None });
            }
            Command::ForgetServer { server, name } => {
                self.throw_key_away(server.clone(), name.clone());
                self.remember(|servers| servers.forget(&server, &name));
            }
            Command::CancelLogIn => {
                if let Link::In { entry, .. } = &self.link {
                    entry.task.abort();
                    self.link = Link::Out;
                } else if self.me.is_none() {
                    self.leave(signaling::Command::Leave);
                }
            }
            Command::LeaveHall if self.is_remembered() => self.leave(signaling::Command::Leave),
            // To a login without a key nobody comes back: it would only stand in the list of devices.
            _ => self.log_out(),
        }
    }

    fn log_out(&mut self) {
        if let Link::Session { server, name, .. } = &self.link {
            let (server, name) = (server.to_string(), name.clone());
            self.throw_key_away(server.clone(), name.clone());
            self.remember(|servers| servers.key_gone(&server, &name));
        }
        self.leave(signaling::Command::LogOut);
    }

    /// Whether a key to the login that is on is kept.
    pub(super) fn is_remembered(&self) -> bool {
        let Link::Session { server, name, .. } = &self.link else { return false };
        let server = server.to_string();
        self.servers.iter().any(|known| known.remembered && known.server == server && known.name == *name)
    }

    /// Changes what is known of servers, and what is shown of it.
    pub(super) fn remember(&mut self, change: impl FnOnce(&mut Servers)) {
        self.config.profile.servers.change(change);
        let known = self.config.profile.servers.get().known();
        if *self.servers != known {
            self.servers = Arc::new(known);
        }
    }

    pub(super) fn throw_key_away(&self, server: String, name: String) {
        let vault = self.config.profile.vault.clone();
        self.farewells.spawn_blocking(move || vault.forget(&server, &name));
    }

    fn begin_login(
        &mut self,
        server: &str,
        remember: bool,
        credentials: impl FnOnce(&ServerAddress) -> Credentials,
    ) {
        if !matches!(self.link, Link::Out) {
            return;
        }
        self.is_over(&Matter::Door);
        let address = match server.parse::<ServerAddress>() {
            Ok(address) => address.or_known_pin(&self.config.profile.servers.get().pins),
            Err(kind) => return self.complain(Matter::Door, &ClientError::from(kind)),
        };
        self.met.meet(address.host());
        let credentials = credentials(&address);
        if let Credentials::Remembered { name, .. } = &credentials
            && !self.servers.iter().any(|known| {
                known.remembered
                    && (known.server.as_str(), known.name.as_str()) == (&address.to_string(), name)
            })
        {
            return self.complain(Matter::Door, &ErrorReason::RefreshInvalid.into());
        }
        let remembered = match &credentials {
            Credentials::Remembered { name, .. } => Some(name.clone()),
            Credentials::LogIn { .. } | Credentials::Register { .. } | Credentials::Reset { .. } => None,
        };
        let (devices, vault) = (self.device_tokens.clone(), self.config.profile.vault.clone());
        let (note, kept) = watch::channel(None);
        let server = address.to_string();
        let (tell, login) = mpsc::channel(1);
        let trouble = tell.clone();
        let log_in = async move {
            let account = persist(trouble, address, credentials, &devices, &vault).await?;
            if !remember {
                return Ok(account);
            }
            let (server, name) = (account.address.to_string(), account.name.clone());
            let keeper: KeyKeeper = Arc::new(move |key| {
                note.send_replace(Some(vault.keep(&server, &name, key)));
            });
            Ok(account.kept_by(keeper).await)
        };
        let task = tokio::spawn(async move {
            // Closed: the guest gave up meanwhile.
            tell.send(Progress::Over(Box::new(log_in.await))).await.ok();
        });
        let entry = Entry { server, remembered, remember, kept, task: task.abort_handle() };
        self.link = Link::In { entry, login };
    }

    pub(super) fn hear_login(&mut self, progress: Option<Progress>) {
        match progress {
            Some(Progress::Again(error)) => self.complain_of_way(Matter::Door, &error),
            Some(Progress::Over(result)) => self.logged_in(*result),
            None => self.logged_in(Err(ErrorKind::Unreachable.into())),
        }
    }

    fn logged_in(&mut self, result: Result<Account, ClientError>) {
        let Link::In { mut entry, .. } = std::mem::replace(&mut self.link, Link::Out) else { return };
        match result {
            Ok(account) => {
                self.is_over(&Matter::Door);
                self.tried_code = None;
                self.note_login(&mut entry, &account);
                let (events, inbox) = mpsc::channel(SESSION_EVENTS_MAX);
                let (server, name) = (account.address.clone(), account.name.clone());
                let session = Session::start(account, events);
                let kept = entry.kept;
                self.link = Link::Session { server, name, session, events: inbox, kept, since: None };
            }
            Err(error) => {
                // The key is of no use any more. A server that cannot be reached, a keyring that does not open or that
                // says, being locked, that it has nothing, say nothing about it.
                if let (Some(name), ErrorKind::Refused(reason)) = (&entry.remembered, error.kind)
                    && matches!(
                        reason,
                        ErrorReason::RefreshInvalid
                            | ErrorReason::RefreshReused
                            | ErrorReason::LoginEnded
                            | ErrorReason::Banned
                    )
                {
                    self.throw_key_away(entry.server.clone(), name.clone());
                    self.remember(|servers| servers.key_gone(&entry.server, name));
                }
                self.complain(Matter::Door, &error);
            }
        }
    }

    fn note_login(&mut self, entry: &mut Entry, account: &Account) {
        let (server, name) = (account.address.to_string(), account.name.clone());
        let kept = entry.kept.borrow_and_update().unwrap_or(Kept::Nowhere);
        if entry.remember {
            self.tell_of_key(kept);
        }
        let (pin, devices) = (account.address.pin(), self.device_tokens.all());
        let remembered = entry.remember && kept != Kept::Nowhere;
        if entry.remembered.is_none() && !remembered {
            // An older key would let somebody in whom this login did not want remembered.
            self.throw_key_away(server.clone(), name.clone());
        }
        self.remember(|servers| {
            servers.logged_in(&server, &name, remembered);
            servers.pins.extend(pin.map(|pin| (server, pin.to_string())));
            servers.devices = devices;
        });
    }

    /// A key to the login went somewhere later than at the login itself.
    pub(super) fn key_kept(&mut self, kept: Kept) {
        if let (Link::Session { server, name, .. }, true) = (&self.link, kept != Kept::Nowhere) {
            let (server, name) = (server.to_string(), name.clone());
            self.remember(|servers| servers.key_kept(&server, &name));
        }
        self.tell_of_key(kept);
    }

    /// Tells where the newest key to the login went, where the person would not expect it.
    pub(super) fn tell_of_key(&mut self, kept: Kept) {
        if kept == Kept::Nowhere {
            return self.stand(Matter::Key, Severity::Info, say("told-not-remembered").into());
        }
        self.is_over(&Matter::Key);
        if kept == Kept::File {
            let told = self.config.profile.settings.get().told_of_key_file;
            if !told && self.config.profile.vault.wants_keyring() {
                self.notify(Severity::Info, say("told-key-in-file").into());
            }
            self.config.profile.settings.change(|settings| settings.told_of_key_file = true);
        }
    }

    /// Says goodbye in the given way.
    pub(super) fn leave(&mut self, goodbye: signaling::Command) {
        self.drive(Input::HangUp);
        self.drive(Input::Close);
        self.tell_server(goodbye);
        self.forget_session();
    }

    pub(super) fn forget_session(&mut self) {
        self.forget_guest();
        self.session_is_over();
        let link = std::mem::replace(&mut self.link, Link::Out);
        if let Link::Session { session, mut events, .. } = link {
            // Its goodbye takes a moment, and is said to nobody.
            self.farewells.spawn(async move {
                while events.recv().await.is_some() {}
                drop(session);
            });
        }
    }

    /// What the server told of this guest and to them.
    pub(super) fn forget_guest(&mut self) {
        self.me = None;
        self.hall = Default::default();
        self.query = String::new();
        self.search = None;
        self.examination = None;
        self.history = History::default();
        (self.history_next, self.history_awaited) = (String::new(), None);
        self.blocked = None;
        self.unanswered = Unanswered::default();
        self.account = AccountView::default();
        self.ice = Vec::new();
    }

    /// What was wrong with the files of the profile.
    pub(super) fn tell_troubles(&mut self) {
        for (file, trouble) in std::mem::take(&mut self.config.profile.troubles) {
            self.notify(Severity::Error, told(file, &trouble));
        }
    }

    /// Whether all that is kept could be written down: told as long as it could not.
    pub(super) fn look_at_files(&mut self) {
        let profile = &self.config.profile;
        match profile.folder.as_ref().filter(|_| profile.is_unsaved()) {
            Some(folder) => {
                let folder = folder.display().to_string();
                let text = say_with("told-not-saved", &[("folder", folder.into())]);
                self.stand(Matter::Unsaved, Severity::Error, text);
            }
            None => self.is_over(&Matter::Unsaved),
        }
    }
}

/// What is said of a file of the profile that has something wrong with it.
fn told(file: &str, trouble: &Trouble) -> String {
    let name = |aside: &Path| aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (file, trouble) {
        (Servers::FILE, Trouble::Damaged(Some(aside))) => {
            say_with("told-servers-damaged", &[("name", name(aside).into())])
        }
        (Servers::FILE, Trouble::Damaged(None)) => say("told-servers-stuck").into(),
        (Servers::FILE, Trouble::Newer(_)) => say("told-servers-newer").into(),
        (Vault::FILE, Trouble::Damaged(Some(aside))) => {
            say_with("told-keys-damaged", &[("name", name(aside).into())])
        }
        (Vault::FILE, Trouble::Damaged(None)) => say("told-keys-stuck").into(),
        (Vault::FILE, Trouble::Newer(_)) => say("told-keys-newer").into(),
        (_, Trouble::Damaged(Some(aside))) => {
            say_with("told-settings-damaged", &[("name", name(aside).into())])
        }
        (_, Trouble::Damaged(None)) => say("told-settings-stuck").into(),
        (_, Trouble::Newer(_)) => say("told-settings-newer").into(),
    }
}

/// Logs in. With the key of an earlier login nobody stands there to try again: a server that cannot be reached, as when
/// this machine was just started and has no network yet or the clock is not set, is tried until it can be; so is one in whose
/// place something else answers, which is told nothing.
async fn persist(
    trouble: mpsc::Sender<Progress>,
    address: ServerAddress,
    credentials: Credentials,
    devices: &signaling::DeviceTokens,
    vault: &Vault,
) -> Result<Account, ClientError> {
    let persists = matches!(credentials, Credentials::Remembered { .. });
    let credentials = with_key(&address, credentials, vault).await?;
    let mut attempt = 0;
    loop {
        match signaling::log_in(address.clone(), credentials.clone(), devices).await {
            Err(error) if persists && (error.is_transient() || error.is_of_another()) => {
                let wait = backoff::delay(attempt, &mut rand::rng());
                let wait = wait.max(error.retry_after.unwrap_or_default());
                attempt += 1;
                // Closed: the guest gave up meanwhile.
                trouble.send(Progress::Again(error)).await.ok();
                tokio::time::sleep(wait).await;
            }
            result => return result,
        }
    }
}

/// The key of an earlier login, out of the vault: tried again it is the same use of the same key.
async fn with_key(
    address: &ServerAddress,
    credentials: Credentials,
    vault: &Vault,
) -> Result<Credentials, ClientError> {
    let Credentials::Remembered { name, key: None } = credentials else { return Ok(credentials) };
    let (server, of, vault) = (address.to_string(), name.clone(), vault.clone());
    let asked = tokio::task::spawn_blocking(move || vault.key(&server, &of)).await;
    let key = match asked {
        Ok(Ok(key)) => key.ok_or(ErrorKind::NoKey)?,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the key to the login");
            return Err(ErrorKind::KeyringClosed.into());
        }
        Err(error) => {
            tracing::error!(%error, "the vault broke");
            return Err(ErrorKind::KeyringClosed.into());
        }
    };
    Ok(Credentials::Remembered { name, key: Some(key) })
}
