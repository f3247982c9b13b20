//! What a person does about their own account: the name that people see, the password, the devices that are logged in,
//! all that the server keeps, and the end of it.

use super::telling::Matter;
use super::{Engine, Link};
use crate::call::Input;
use crate::engine::{Viewer, files};
use crate::error::{ClientError, ErrorKind};
use crate::signaling::{self, Answer, DocumentKeeper, Request, ResetCode, Topic};
use crate::view::{Act, Command, Secret, Severity};
use crate::words::{say, say_with};
use castle::v1::ErrorReason;
use std::path::PathBuf;
use std::sync::Arc;

/// A code that was tried: where, who, and which.
pub(super) type TriedCode = ([String; 3], ResetCode);

impl Engine {
    pub(super) fn obey_about_me(&mut self, command: Command) {
        match command {
            Command::ChangePassword { old, new } => self.do_once(Request::ChangePassword { old, new }),
            Command::SetDisplayName(name) => self.do_once(Request::Rename(name.trim().to_owned())),
            Command::LoadLogins => self.do_once(Request::Logins),
            Command::EndLogin(login) => self.do_once(Request::EndLogin(login)),
            Command::ExportAccount { file } => self.do_once(Request::Export(keeper(file))),
            Command::EraseAccount { password } => self.do_once(Request::Erase(password)),
            other => unreachable!("{other:?} is nothing about an account"),
        }
    }

    /// Asks, unless the same is under way.
    pub(super) fn do_once(&mut self, request: Request) {
        let Topic::Account(act) = request.topic() else { return };
        if self.account.busy.contains(&act) {
            return;
        }
        let asked = signaling::Command::Ask(request);
        if matches!(&self.link, Link::Session { session, .. } if session.send(asked)) {
            self.account.busy.push(act);
            self.unanswered.logins &= act != Act::List;
            self.is_over(&Matter::Asked(Topic::Account(act)));
        } else {
            self.hear_answer(Topic::Account(act), Err(ErrorKind::Unreachable.into()));
        }
    }

    pub(super) fn hear_of_me(&mut self, answer: Answer) {
        match answer {
            Answer::PasswordChanged => {
                self.notify(Severity::Info, say("told-password-changed").into());
                self.list_again();
            }
            Answer::Renamed(name) => {
                if let Some(me) = &mut self.me {
                    me.display_name.clone_from(&name);
                }
                self.notify(Severity::Info, say_with("told-renamed", &[("name", name.into())]));
            }
            Answer::Logins(logins) => self.account.logins = Some(Arc::new(logins)),
            Answer::LoginEnded(login) => {
                if let Some(logins) = &mut self.account.logins {
                    Arc::make_mut(logins).retain(|known| known.id != login);
                }
            }
            Answer::Exported(Ok(file)) => {
                let file = file.display().to_string();
                self.notify(Severity::Info, say_with("told-exported", &[("file", file.into())]));
            }
            Answer::Exported(Err(file)) => {
                let file = file.display().to_string();
                let told = say_with("told-not-exported", &[("file", file.into())]);
                self.stand(Matter::Asked(Topic::Account(Act::Export)), Severity::Error, told);
            }
            Answer::Erased => self.erased(),
            Answer::Calls { .. }
            | Answer::CallsErased
            | Answer::Blocked(_)
            | Answer::Blocks(..)
            | Answer::Reported => {}
        }
    }

    /// Why what was asked was not done.
    pub(super) fn complain_about(&mut self, topic: Topic, error: &ClientError) {
        let wrong_password = error.kind == ErrorKind::Refused(ErrorReason::BadCredentials);
        match topic {
            Topic::Account(Act::ChangePassword | Act::Erase) if wrong_password => {
                self.stand(Matter::Asked(topic), Severity::Error, say("told-wrong-password").into());
            }
            Topic::Account(Act::LogOut(_)) => {
                self.complain(Matter::Asked(topic), error);
                self.list_again();
            }
            _ => self.complain(Matter::Asked(topic), error),
        }
    }

    /// The list is the server's; it is asked for again if it is shown.
    fn list_again(&mut self) {
        if self.account.logins.is_some() {
            self.do_once(Request::Logins);
        }
    }

    /// There is nothing left to come back to.
    fn erased(&mut self) {
        if let Link::Session { server, name, .. } = &self.link {
            let (server, name) = (server.to_string(), name.clone());
            self.throw_key_away(server.clone(), name.clone());
            self.remember(|servers| servers.forget(&server, &name));
        }
        self.leave(signaling::Command::Leave);
        self.notify(Severity::Info, say("told-erased").into());
    }

    /// The server has no room for one more session of this guest. A person can end another one; a bot cannot.
    pub(super) fn crowded(&mut self, error: &ClientError) {
        if matches!(self.config.viewer, Viewer::Bot { .. }) {
            self.complain(Matter::Door, error);
            return self.leave(signaling::Command::Leave);
        }
        if self.me.is_some() {
            self.forget_guest();
            self.drive(Input::SessionLost(None));
            self.drive(Input::Close);
        }
        if let Link::Session { since, .. } = &mut self.link {
            *since = None;
        }
        self.account.crowded = true;
        self.do_once(Request::Logins);
    }

    /// The same code again is the same request: where only its answer was lost, it is given once more.
    pub(super) fn code_of(&mut self, server: &str, name: &str, code: Secret) -> ResetCode {
        let of = [server.to_owned(), name.to_owned(), code.0.clone()];
        match &self.tried_code {
            Some((tried, code)) if *tried == of => code.clone(),
            _ => self.tried_code.insert((of, ResetCode::new(code))).1.clone(),
        }
    }
}

/// Writes into `file`, wherever that may take a while.
fn keeper(file: PathBuf) -> DocumentKeeper {
    DocumentKeeper::new(move |document| {
        files::keep(&file, document).map_err(|error| {
            tracing::warn!(%error, "the document about the account");
            file.clone()
        })
    })
}
