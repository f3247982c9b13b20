//! What a person sets for good. Every change is sent at once; there is nothing to confirm.

use super::fields::{Field, choose, switch};
use super::lines;
use super::places::{card, page, row};
use super::theme::{size, space};
use super::tryout::devices_ui;
use super::widgets::{Weight, button};
use super::{Go, Page, View, text};
use crate::view::{Command, Preferences, QualityCap, Secret, Snapshot, ThemeChoice};
use crate::words::{LANGUAGES, say};
use eframe::egui::{self, Id, Ui, text_edit::TextEditState};

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

/// What was typed.
#[derive(Debug, Default)]
pub struct Draft {
    old: Secret,
    new: Secret,
    tags: Option<String>,
    languages: Option<String>,
}

impl Draft {
    /// Forgets passwords, and what the text fields remember of them for undo.
    pub fn forget(&mut self, ctx: &egui::Context) {
        *self = Self::default();
        for id in [old_id(), new_id()] {
            TextEditState::default().store(ctx, id);
        }
    }
}

fn old_id() -> Id {
    Id::unique("old password")
}

fn new_id() -> Id {
    Id::unique("new password")
}

/// Longest password that the field takes, in characters.
const LONGEST: usize = 512;

/// Draws the screen; returns where else one wants to go.
pub fn settings_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    changes: &mut Changes,
    view: &View<'_>,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    let mut go = None;
    let mut set = changes.begin(view.snapshot);
    let back = page(ui, say("settings"), |ui| {
        card(ui, say("settings-looks"), |ui| looks_ui(ui, &mut set));
        card(ui, say("settings-devices"), |ui| devices_ui(ui, &view.snapshot.devices, &mut set));
        card(ui, say("settings-sound"), |ui| {
            switch(ui, say("settings-echo"), &mut set.echo_cancellation);
            switch(ui, say("settings-noise"), &mut set.noise_suppression);
            switch(ui, say("settings-gain"), &mut set.gain_control);
            switch(ui, say("settings-push-to-talk"), &mut set.push_to_talk);
        });
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
        card(ui, say("settings-people"), |ui| {
            row(ui, |ui| {
                if button(ui, say("blocked"), Weight::Secondary).clicked() {
                    go = Some(Go::Page(Page::Blocked));
                }
                if button(ui, say("interests"), Weight::Secondary).clicked() {
                    go = Some(Go::Page(Page::Interests));
                }
            });
        });
        card(ui, say("settings-account"), |ui| account_ui(ui, draft, commands));
        card(ui, say("help-shortcuts"), super::help::shortcuts_ui);
    });
    changes.end(view.snapshot, set, commands);
    if back { Some(Go::Page(Page::Hall)) } else { go }
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
    let sizes = size::ZOOMS.map(|zoom| (zoom, text::whole_percent(zoom.into())));
    let sizes = sizes.each_ref().map(|(zoom, words)| (*zoom, words.as_str()));
    choose(ui, say("settings-zoom"), &mut set.zoom, &sizes);
}

fn account_ui(ui: &mut Ui, draft: &mut Draft, commands: &mut Vec<Command>) {
    let field = Field { name: "", hint: "", hidden: true, complaint: None, longest: LONGEST };
    Field { name: say("settings-old-password"), ..field }.show(ui, old_id(), &mut draft.old.0);
    Field { name: say("settings-new-password"), ..field }.show(ui, new_id(), &mut draft.new.0);
    let both = !draft.old.0.is_empty() && !draft.new.0.is_empty();
    let change = ui.add_enabled_ui(both, |ui| button(ui, say("settings-change-password"), Weight::Secondary));
    if change.inner.clicked() {
        commands.push(Command::ChangePassword { old: draft.old.clone(), new: draft.new.clone() });
        draft.forget(ui.ctx());
    }
}

/// Tags and languages that the matchmaker takes of one guest.
const WISHES_MAX: usize = 8;
/// Longest of them, in characters.
const WISH_CHARS_MAX: usize = 32;

/// Draws what the matchmaker is told; returns whether one wants back.
pub fn interests_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    changes: &mut Changes,
    view: &View<'_>,
    commands: &mut Vec<Command>,
) -> bool {
    let mut set = changes.begin(view.snapshot);
    let mut starts = false;
    let back = page(ui, say("interests"), |ui| {
        lines::soft(ui, say("interests-explained"));
        ui.add_space(space::S);
        let field = Field { name: "", hint: "", hidden: false, complaint: None, longest: LONGEST };
        let tags = draft.tags.get_or_insert_with(|| set.tags.join(", "));
        let name = say("interests-tags");
        if (Field { name, hint: say("interests-tags-hint"), ..field })
            .show(ui, Id::unique("tags"), tags)
            .changed()
        {
            set.tags = wishes(tags);
        }
        let languages = draft.languages.get_or_insert_with(|| set.languages.join(", "));
        let name = say("interests-languages");
        if (Field { name, hint: "en, de", ..field }).show(ui, Id::unique("languages"), languages).changed() {
            set.languages = wishes(languages);
        }
        ui.add_space(space::M);
        starts = button(ui, say("hall-find"), Weight::Primary).clicked();
    });
    changes.end(view.snapshot, set, commands);
    if starts {
        commands.push(Command::Search);
    }
    back || starts
}

/// What stands between commas, as much as the server takes.
fn wishes(typed: &str) -> Vec<String> {
    let words = typed.split([',', ';', '،']).map(str::trim).filter(|word| !word.is_empty());
    words.take(WISHES_MAX).map(|word| word.chars().take(WISH_CHARS_MAX).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_what_stands_between_commas_within_the_limits_of_the_server() {
        assert_eq!(wishes(" rust,, chess ; "), ["rust", "chess"]);
        assert_eq!(wishes(&"a,".repeat(20)).len(), WISHES_MAX);
        assert_eq!(wishes(&"x".repeat(100))[0].len(), WISH_CHARS_MAX);
    }

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
