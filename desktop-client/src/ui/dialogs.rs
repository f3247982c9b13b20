//! What lies over all else, one at a time: what is asked, written or chosen there, and what has to wait for a call.

use super::{Page, Screens, Subject, help, joining, live, login, moderation, tryout};
use crate::view::{Command, Connection, Prefill, Snapshot, Stage};
use eframe::egui::{self, ViewportCommand};

/// What lies over all else.
#[derive(Debug)]
pub(super) enum Dialog {
    Report(moderation::Draft),
    Block(Subject),
    Devices,
    Help,
    Join(String),
    Quit,
}

impl Dialog {
    /// What is asked about guests ends with the login. A report that was begun waits for the next one.
    fn outlives_login(&mut self) -> bool {
        match self {
            Self::Report(draft) => draft.login_ended(),
            Self::Block(_) => false,
            Self::Devices | Self::Help | Self::Join(_) | Self::Quit => true,
        }
    }

    /// A report is for the host of those whom it is about.
    fn is_of(&self, snapshot: &Snapshot) -> bool {
        !matches!(self, Self::Report(draft) if !draft.is_by(snapshot.me.as_ref()))
    }
}

impl Screens {
    /// The window is asked to close. `true`: it may; else a person is asked first.
    pub fn may_close(&mut self, snapshot: &Snapshot) -> bool {
        // A screen that broke cannot ask.
        if self.leaving || self.broken || !live(snapshot) {
            return true;
        }
        self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Quit));
        self.dialogs.push(Dialog::Quit);
        false
    }

    /// The login is over.
    pub(super) fn forget_questions(&mut self) {
        self.dialogs.retain_mut(Dialog::outlives_login);
        self.put_by.retain_mut(Dialog::outlives_login);
    }

    /// Nothing that was begun before a call lies over it: who rings is seen, and can be answered.
    pub(super) fn make_room(&mut self, snapshot: &Snapshot) {
        let now = snapshot.call.as_ref().filter(|_| live(snapshot)).map(|call| call.id);
        let before = std::mem::replace(&mut self.live, now);
        if now.is_some() && now != before {
            self.put_by.append(&mut self.dialogs);
        } else if now.is_none() && !self.put_by.is_empty() {
            let later = std::mem::replace(&mut self.dialogs, std::mem::take(&mut self.put_by));
            self.dialogs.extend(later);
        }
    }

    /// Where nobody is logged in a link is for the login screen; elsewhere it is asked first, and not while it rings.
    pub(super) fn follow_link(&mut self, snapshot: &Snapshot, commands: &mut Vec<Command>) {
        let rings = snapshot.call.as_ref().is_some_and(|call| matches!(call.stage, Stage::Ringing { .. }));
        if rings {
            return;
        }
        if snapshot.connection != Connection::LoggedOut {
            if let Some(link) = self.link.take() {
                self.asked_link();
                self.dialogs.push(Dialog::Join(link));
            }
            return;
        }
        // A question whether to leave is out of date where nobody is logged in.
        let asked = self.asked_link();
        if let Some(link) = self.link.take().or(self.joining.take()).or(asked) {
            self.login = login::Draft::new(Prefill { server: Some(link), ..Prefill::default() });
            self.open(Page::Hall, snapshot, commands);
        }
    }

    /// Takes back the question about another hall, with the link that it is about.
    fn asked_link(&mut self) -> Option<String> {
        let is_one = |dialog: &mut Dialog| matches!(dialog, Dialog::Join(_));
        let asked = self.put_by.extract_if(.., is_one).chain(self.dialogs.extract_if(.., is_one));
        asked.last().and_then(|dialog| match dialog {
            Dialog::Join(link) => Some(link),
            _ => None,
        })
    }

    pub(super) fn dialog_ui(
        &mut self,
        ctx: &egui::Context,
        snapshot: &Snapshot,
        commands: &mut Vec<Command>,
    ) {
        let Some(place) = self.dialogs.iter().rposition(|dialog| dialog.is_of(snapshot)) else { return };
        let done = match &mut self.dialogs[place] {
            Dialog::Report(draft) => moderation::report_ui(ctx, draft, snapshot, commands),
            Dialog::Block(subject) => moderation::block_ui(ctx, subject, commands),
            Dialog::Devices => {
                !live(snapshot) || tryout::devices_over_call_ui(ctx, &mut self.changes, snapshot, commands)
            }
            Dialog::Help => !live(snapshot) || help::help_over_call_ui(ctx, &mut self.help, commands),
            Dialog::Join(link) => match joining::joining_ui(ctx, link, snapshot.remembered) {
                joining::Answer::Open => false,
                joining::Answer::Stay => true,
                joining::Answer::Join => {
                    self.joining = Some(std::mem::take(link));
                    // A login under way may be through by the time this arrives.
                    commands.extend([Command::CancelLogIn, Command::LeaveHall]);
                    true
                }
            },
            Dialog::Quit => match snapshot.call.as_ref().filter(|_| live(snapshot)) {
                Some(call) => moderation::quit_ui(ctx, &call.peer, &mut self.leaving),
                None => true,
            },
        };
        if self.leaving {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if done || self.leaving {
            self.dialogs.remove(place);
        }
    }
}
