//! The window's contents: picks the screen for a snapshot and draws it.
//!
//! A screen is one file with one function that takes the [`View`] and pushes [`Command`]s. Owns what was typed
//! and not yet sent; every other state comes in by the snapshot. Never names the engine, tokio or the network.

use crate::view::{Command, Connection, Prefill, Snapshot, Stage};
use eframe::egui::{self, Ui};
use std::time::{Duration, Instant};

pub mod call;
pub mod checkup;
pub mod ended;
pub mod hall;
pub mod icons;
pub mod login;
pub mod notices;
pub mod ringing;
pub mod search;
pub mod text;
pub mod theme;
pub mod video;
pub mod widgets;

/// All that a screen may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What the engine says.
    pub snapshot: &'a Snapshot,
    /// Now, for what counts seconds.
    pub now: Instant,
    /// The peer's picture.
    pub remote: &'a video::Tile,
    /// The own picture.
    pub local: &'a video::Tile,
}

/// The screens, with what was typed into them.
#[derive(Debug, Default)]
pub struct Screens {
    login: login::Draft,
    hall: hall::Draft,
    overloaded: bool,
}

impl Screens {
    /// With what the login screen begins with.
    pub fn new(prefill: Prefill) -> Self {
        Self { login: login::Draft::new(prefill), ..Self::default() }
    }

    /// Says on the screen that a command was lost, until it is dismissed.
    pub fn tell_overloaded(&mut self) {
        self.overloaded = true;
    }

    /// Draws the screen that fits the snapshot into all of `ui`.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) {
        let snapshot = view.snapshot;
        let call = snapshot.call.as_ref();
        let logged_in =
            matches!(snapshot.connection, Connection::Online { .. } | Connection::Reconnecting { .. });
        if logged_in {
            self.login.forget_password(ui.ctx());
        }
        if let Some(call) = call.filter(|call| !matches!(call.stage, Stage::Ended { .. })) {
            match call.stage {
                Stage::Connected { since } => call::call_ui(ui, view, call, since, commands),
                _ => ringing::ringing_ui(ui, view, call, commands),
            }
            notices::floating_ui(ui, view, &mut self.overloaded, commands);
            return;
        }
        egui::CentralPanel::no_frame().frame(page(ui)).show(ui, |ui| {
            notices::notices_ui(ui, view, &mut self.overloaded, commands);
            // An id of its own: a notice that comes or goes above does not take the keyboard away.
            let screen = egui::UiBuilder::new().scope_id(egui::Id::unique("screen"));
            ui.scope_builder(screen, |ui| match (call, logged_in, &snapshot.search) {
                (Some(call), ..) => ended::ended_ui(ui, call, commands),
                (None, false, _) => login::login_ui(ui, &mut self.login, view, commands),
                (None, true, None) if snapshot.checkup.is_some() => {
                    snapshot.checkup.iter().for_each(|checkup| checkup::checkup_ui(ui, checkup, commands));
                }
                (None, true, Some(search)) => search::search_ui(ui, view, search, commands),
                (None, true, None) => hall::hall_ui(ui, &mut self.hall, view, commands),
            });
        });
    }
}

fn page(ui: &Ui) -> egui::Frame {
    egui::Frame::new()
        .fill(theme::Palette::of(ui).ground)
        .inner_margin(egui::Margin::symmetric(0, theme::space::M as i8))
}

/// When the window has to be drawn again without anything having changed: at the next full second of the timer
/// that is shown, if one is.
pub fn next_tick(snapshot: &Snapshot, now: Instant) -> Option<Duration> {
    let since = match (&snapshot.call, &snapshot.search) {
        (Some(call), _) => match call.stage {
            Stage::Calling { since } | Stage::Ringing { since } | Stage::Connected { since } => since,
            Stage::Connecting | Stage::Ended { .. } => return None,
        },
        (None, Some(search)) => search.since,
        (None, None) => return None,
    };
    let into_second = Duration::from_nanos(now.saturating_duration_since(since).subsec_nanos().into());
    Some(Duration::from_secs(1).saturating_sub(into_second))
}

/// Whether a shortcut was just pressed; nobody else sees it then.
fn shortcut(ui: &Ui, modifiers: egui::Modifiers, key: egui::Key) -> bool {
    ui.input_mut(|input| input.consume_key(modifiers, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Search;

    #[test]
    fn a_timer_ticks_on_the_second_and_an_idle_hall_never() {
        let start = Instant::now();
        let mut snapshot = Snapshot::default();
        assert_eq!(next_tick(&snapshot, start), None);
        snapshot.search = Some(Search { since: start, position: None, waiting: None, estimate: None });
        assert_eq!(next_tick(&snapshot, start), Some(Duration::from_secs(1)));
        assert_eq!(
            next_tick(&snapshot, start + Duration::from_millis(2300)),
            Some(Duration::from_millis(700))
        );
    }
}
