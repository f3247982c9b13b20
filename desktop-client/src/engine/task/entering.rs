//! Through the door and out again: registering, logging in with a password or with the key of an earlier login, logging
//! out, and what is remembered of it.

use super::{Engine, Link, SESSION_EVENTS_MAX};
use crate::backoff;
use crate::call::Input;
use crate::error::{ClientError, ErrorKind};
use crate::settings::{Keepable as _, Servers, Trouble};
use crate::signaling::{self, Account, Credentials, KeyKeeper, ServerAddress, Session};
use crate::vault::Kept;
use crate::view::{AccountView, Command, History, Severity};
use crate::words::{say, say_with};
use castle::v1::ErrorReason;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::mpsc;

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
    /// Where the key went: see [`kept_code`].
    kept: Arc<AtomicU8>,
    task: tokio::task::AbortHandle,
}

fn kept_code(kept: Kept) -> u8 {
    match kept {
        Kept::Keyring => 1,
        Kept::File => 2,
        Kept::Nowhere => 3,
    }
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
            _ => {
                if let Link::Session { server, name, .. } = &self.link {
                    let (server, name) = (server.to_string(), name.clone());
                    self.throw_key_away(server.clone(), name.clone());
                    self.remember(|servers| servers.key_gone(&server, &name));
                }
                self.leave(signaling::Command::LogOut);
            }
        }
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
        let address = match server.parse::<ServerAddress>() {
            Ok(address) => address.or_known_pin(&self.config.profile.servers.get().pins),
            Err(kind) => return self.complain(&ClientError::from(kind)),
        };
        self.forget_trouble();
        let credentials = credentials(&address);
        if let Credentials::Remembered { name, .. } = &credentials
            && !self.servers.iter().any(|known| {
                known.remembered
                    && (known.server.as_str(), known.name.as_str()) == (&address.to_string(), name)
            })
        {
            return self.complain(&ErrorReason::RefreshInvalid.into());
        }
        let remembered = match &credentials {
            Credentials::Remembered { name, .. } => Some(name.clone()),
            Credentials::LogIn { .. } | Credentials::Register { .. } | Credentials::Reset { .. } => None,
        };
        let (devices, vault) = (self.device_tokens.clone(), self.config.profile.vault.clone());
        let kept = Arc::<AtomicU8>::default();
        let (server, noted) = (address.to_string(), kept.clone());
        let (tell, login) = mpsc::channel(1);
        let trouble = tell.clone();
        let log_in = async move {
            let account = persist(trouble, address, credentials, &devices, &vault).await?;
            if !remember {
                return Ok(account);
            }
            let (server, name) = (account.address.to_string(), account.name.clone());
            let keeper: KeyKeeper = Arc::new(move |key| {
                noted.store(kept_code(vault.keep(&server, &name, key)), Ordering::Relaxed);
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
            Some(Progress::Again(error)) => {
                self.complain(&error);
                self.door_notice = self.notices.last().map(|notice| notice.id);
            }
            Some(Progress::Over(result)) => self.logged_in(*result),
            None => self.logged_in(Err(ErrorKind::Unreachable.into())),
        }
    }

    /// What was wrong with the last try is of the past.
    fn forget_trouble(&mut self) {
        let told = self.door_notice.take();
        self.notices.retain(|notice| Some(notice.id) != told);
    }

    fn logged_in(&mut self, result: Result<Account, ClientError>) {
        let Link::In { entry, .. } = std::mem::replace(&mut self.link, Link::Out) else { return };
        match result {
            Ok(account) => {
                self.forget_trouble();
                self.tried_code = None;
                self.note_login(&entry, &account);
                let (events, inbox) = mpsc::channel(SESSION_EVENTS_MAX);
                let (server, name) = (account.address.clone(), account.name.clone());
                let session = Session::start(account, events);
                self.link = Link::Session { server, name, session, events: inbox, since: None };
            }
            Err(error) => {
                // The key is of no use any more, but a server that cannot be reached says nothing about it.
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
                self.complain(&error);
                self.door_notice = self.notices.last().map(|notice| notice.id);
            }
        }
    }

    fn note_login(&mut self, entry: &Entry, account: &Account) {
        let (server, name) = (account.address.to_string(), account.name.clone());
        let kept = entry.kept.load(Ordering::Relaxed);
        let in_file = kept == kept_code(Kept::File);
        let told = self.config.profile.settings.get().told_of_key_file;
        if entry.remember && kept == kept_code(Kept::Nowhere) {
            self.notify(Severity::Info, say("told-not-remembered").into());
        } else if in_file && !told && self.config.profile.vault.wants_keyring() {
            self.notify(Severity::Info, say("told-key-in-file").into());
        }
        let (pin, devices) = (account.address.pin(), self.device_tokens.all());
        let remembered = entry.remember && kept != kept_code(Kept::Nowhere);
        if entry.remembered.is_none() && !remembered {
            // An older key would let somebody in whom this login did not want remembered.
            self.throw_key_away(server.clone(), name.clone());
        }
        self.config.profile.settings.change(|settings| settings.told_of_key_file |= in_file);
        self.remember(|servers| {
            servers.logged_in(&server, &name, remembered);
            servers.pins.extend(pin.map(|pin| (server, pin.to_string())));
            servers.devices = devices;
        });
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
        self.history_next = String::new();
        self.blocked = None;
        self.account = AccountView::default();
        self.ice = Vec::new();
    }

    /// What was wrong with the files of the profile.
    pub(super) fn tell_troubles(&mut self) {
        for (file, trouble) in std::mem::take(&mut self.config.profile.troubles) {
            let of_servers = file == Servers::FILE;
            let name = |aside: &Path| aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = match trouble {
                Trouble::Damaged(Some(aside)) if of_servers => {
                    say_with("told-servers-damaged", &[("name", name(&aside).into())])
                }
                Trouble::Damaged(Some(aside)) => {
                    say_with("told-settings-damaged", &[("name", name(&aside).into())])
                }
                Trouble::Damaged(None) if of_servers => say("told-servers-stuck").into(),
                Trouble::Damaged(None) => say("told-settings-stuck").into(),
                Trouble::Newer(_) if of_servers => say("told-servers-newer").into(),
                Trouble::Newer(_) => say("told-settings-newer").into(),
            };
            self.notify(Severity::Error, text);
        }
    }
}

/// Logs in. With the key of an earlier login nobody stands there to try again: a server that cannot be reached, as when
/// this machine was just started and has no network yet, is tried until it can be.
async fn persist(
    trouble: mpsc::Sender<Progress>,
    address: ServerAddress,
    credentials: Credentials,
    devices: &signaling::DeviceTokens,
    vault: &crate::vault::Vault,
) -> Result<Account, ClientError> {
    let persists = matches!(credentials, Credentials::Remembered { .. });
    let mut attempt = 0;
    loop {
        match log_in(address.clone(), credentials.clone(), devices, vault).await {
            Err(error) if persists && error.is_transient() => {
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

/// Logs in; the key of an earlier login comes out of the vault, and what was begun with it goes back in first.
async fn log_in(
    address: ServerAddress,
    credentials: Credentials,
    devices: &signaling::DeviceTokens,
    vault: &crate::vault::Vault,
) -> Result<Account, ClientError> {
    let credentials = match credentials {
        Credentials::Remembered { name, key: None } => {
            let (server, of, vault) = (address.to_string(), name.clone(), vault.clone());
            let key = tokio::task::spawn_blocking(move || vault.key(&server, &of)).await.ok().flatten();
            Credentials::Remembered { name, key: Some(key.ok_or(ErrorReason::RefreshInvalid)?) }
        }
        given => given,
    };
    signaling::log_in(address, credentials, devices).await
}
