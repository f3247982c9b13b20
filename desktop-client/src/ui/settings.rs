//! What a person sets for good. Every change is sent at once; there is nothing to confirm.

use super::fields::{choose, switch};
use super::lines;
use super::places::{card, page, row};
use super::theme::size;
use super::tryout::devices_ui;
use super::widgets::{Weight, button};
use super::{Go, Page, View, is_inside, text};
use crate::view::{Command, Preferences, QualityCap, Snapshot, ThemeChoice};
use crate::words::{LANGUAGES, say};
use eframe::egui::Ui;

/// Settings on their way to the engine, which takes them a moment later.
#[derive(Debug, Default)]
pub struct Changes {
    sent: Option<Preferences>,
}

impl Changes {
    /// The settings as the screen shows them.
    pub fn begin(&mut self, snapshot: &Snapshot) -> Preferences {
        if self.sent.as_ref() == Some(&*snapshot.preferences) {
            self.sent = None;
        }
        self.sent.clone().unwrap_or_else(|| (*snapshot.preferences).clone())
    }

    /// Sends them if the screen changed them.
    pub fn end(&mut self, snapshot: &Snapshot, set: Preferences, commands: &mut Vec<Command>) {
        let known = self.sent.as_ref().unwrap_or(&snapshot.preferences);
        if *known != set {
            commands.push(Command::SetPreferences(Box::new(set.clone())));
            self.sent = Some(set);
        }
    }
}

/// Draws the screen; returns where else one wants to go.
pub fn settings_ui(
    ui: &mut Ui,
    changes: &mut Changes,
    view: &View<'_>,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    let mut go = None;
    let mut set = changes.begin(view.snapshot);
    let back = page(ui, say("settings"), |ui| {
        card(ui, say("settings-looks"), |ui| looks_ui(ui, &mut set));
        card(ui, say("settings-devices"), |ui| devices_ui(ui, &view.snapshot.devices, &mut set));
        card(ui, say("settings-sound"), |ui| sound_ui(ui, &mut set));
        card(ui, say("settings-quality"), |ui| {
            let caps = [
                (QualityCap::Best, say("settings-quality-best")),
                (QualityCap::Medium, say("settings-quality-medium")),
                (QualityCap::Saving, say("settings-quality-saving")),
            ];
            choose(ui, say("settings-quality-cap"), &mut set.quality, &caps);
            switch(ui, say("settings-relay-only"), &mut set.relay_only);
            lines::small(ui, say("settings-relay-only-explained"));
        });
        card(ui, say("settings-notifications"), |ui| {
            switch(ui, say("settings-notify"), &mut set.notifications);
            switch(ui, say("settings-ring"), &mut set.ring);
        });
        if is_inside(view.snapshot) {
            at_server_ui(ui, &mut go);
        }
        if button(ui, say("help-shortcuts"), Weight::Quiet).clicked() {
            go = Some(Go::Page(Page::Help));
        }
    });
    changes.end(view.snapshot, set, commands);
    if back { Some(Go::Page(Page::Hall)) } else { go }
}

/// What the server keeps, for those who are logged in.
fn at_server_ui(ui: &mut Ui, go: &mut Option<Go>) {
    card(ui, say("settings-people"), |ui| {
        row(ui, |ui| {
            for page in [Page::Blocked, Page::Interests] {
                if button(ui, page.name(), Weight::Secondary).clicked() {
                    *go = Some(Go::Page(page));
                }
            }
        });
    });
    card(ui, say("settings-account"), |ui| {
        lines::soft(ui, say("settings-account-explained"));
        if button(ui, say("account"), Weight::Secondary).clicked() {
            *go = Some(Go::Page(Page::Account));
        }
    });
}

/// What is done to the sound of the microphone, and when it is open.
pub(super) fn sound_ui(ui: &mut Ui, set: &mut Preferences) {
    switch(ui, say("settings-echo"), &mut set.echo_cancellation);
    switch(ui, say("settings-noise"), &mut set.noise_suppression);
    switch(ui, say("settings-gain"), &mut set.gain_control);
    switch(ui, say("settings-push-to-talk"), &mut set.push_to_talk);
}

fn looks_ui(ui: &mut Ui, set: &mut Preferences) {
    let themes = [
        (ThemeChoice::System, say("settings-theme-system")),
        (ThemeChoice::Light, say("settings-theme-light")),
        (ThemeChoice::Dark, say("settings-theme-dark")),
    ];
    choose(ui, say("settings-theme"), &mut set.theme, &themes);
    let mut chosen = LANGUAGES.iter().find(|language| Some(language.tag) == set.language.as_deref());
    let mut languages = vec![(None, say("settings-language-system"))];
    languages.extend(LANGUAGES.iter().map(|language| (Some(language), language.own_name)));
    if choose(ui, say("settings-language"), &mut chosen, &languages) {
        set.language = chosen.map(|language| language.tag.to_owned());
    }
    let sizes = size::ZOOMS.map(|zoom| (zoom, text::percent(zoom.into(), 0)));
    let sizes = sizes.each_ref().map(|(zoom, words)| (*zoom, words.as_str()));
    choose(ui, say("settings-zoom"), &mut set.zoom, &sizes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_sent_once_and_shown_until_it_was_taken() {
        let (mut changes, mut snapshot, mut sent) = (Changes::default(), Snapshot::default(), Vec::new());
        for _ in 0..2 {
            let mut set = changes.begin(&snapshot);
            set.relay_only = true;
            changes.end(&snapshot, set, &mut sent);
        }
        assert_eq!(sent.len(), 1);
        assert!(changes.begin(&snapshot).relay_only);
        snapshot.preferences =
            std::sync::Arc::new(Preferences { relay_only: true, ..Preferences::default() });
        changes.begin(&snapshot);
        assert_eq!(changes.sent, None);
    }
}
