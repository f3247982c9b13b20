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

impl Screens {
    /// The window is asked to close. `true`: it may; else a person is asked first.
    pub fn may_close(&mut self, snapshot: &Snapshot) -> bool {
        // A screen that broke cannot ask.
        if self.leaving || self.broken || !live(snapshot) {
            return true;
        }
        self.dialog = Some(Dialog::Quit);
        false
    }

    /// Nothing that was begun before a call lies over it: who rings is seen, and can be answered.
    pub(super) fn make_room(&mut self, snapshot: &Snapshot) {
        let now = snapshot.call.as_ref().filter(|_| live(snapshot)).map(|call| call.id);
        let before = std::mem::replace(&mut self.live, now);
        if now.is_some() && now != before {
            self.put_by = self.dialog.take().or(self.put_by.take());
        } else if now.is_none() && self.dialog.is_none() {
            self.dialog = self.put_by.take();
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
                self.dialog = Some(Dialog::Join(link));
            }
        } else if let Some(link) = self.link.take().or(self.joining.take()) {
            self.login = login::Draft::new(Prefill { server: Some(link), ..Prefill::default() });
            self.open(Page::Hall, snapshot, commands);
        }
    }

    pub(super) fn dialog_ui(
        &mut self,
        ctx: &egui::Context,
        snapshot: &Snapshot,
        commands: &mut Vec<Command>,
    ) {
        let done = match &mut self.dialog {
            None => return,
            Some(Dialog::Report(draft)) => moderation::report_ui(ctx, draft, snapshot, commands),
            Some(Dialog::Block(subject)) => moderation::block_ui(ctx, subject, commands),
            Some(Dialog::Devices) => {
                !live(snapshot) || tryout::devices_over_call_ui(ctx, &mut self.changes, snapshot, commands)
            }
            Some(Dialog::Help) => !live(snapshot) || help::help_over_call_ui(ctx, &mut self.help, commands),
            Some(Dialog::Join(link)) => match joining::joining_ui(ctx, link) {
                joining::Answer::Open => false,
                joining::Answer::Stay => true,
                joining::Answer::Join => {
                    self.joining = Some(std::mem::take(link));
                    // A login under way may be through by the time this arrives.
                    commands.extend([Command::CancelLogIn, Command::LogOut]);
                    true
                }
            },
            Some(Dialog::Quit) => match snapshot.call.as_ref().filter(|_| live(snapshot)) {
                Some(call) => moderation::quit_ui(ctx, &call.peer, &mut self.leaving),
                None => true,
            },
        };
        if self.leaving {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if done || self.leaving {
            self.dialog = None;
        }
    }
}
