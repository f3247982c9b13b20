//! What the matchmaker is told of a person: interests in their own words, languages out of a list.

use super::View;
use super::fields::{Field, chip, list};
use super::lines;
use super::places::{card, page, row};
use super::settings::Changes;
use super::theme::space;
use super::widgets::{Weight, button};
use crate::view::Command;
use crate::words::spoken::{SPOKEN, own_name};
use crate::words::{say, say_with};
use eframe::egui::{Id, Ui};

/// What was typed.
#[derive(Debug, Default)]
pub struct Draft {
    tags: Option<String>,
}

/// Tags and languages that the matchmaker takes of one guest.
const WISHES_MAX: usize = 8;
/// Longest of them, in characters.
const WISH_CHARS_MAX: usize = 32;
/// Longest input that the field takes, in characters.
const LONGEST: usize = 512;

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
        card(ui, say("interests-tags-title"), |ui| {
            let tags = draft.tags.get_or_insert_with(|| set.tags.join(", "));
            let (name, hint) = (say("interests-tags"), say("interests-tags-hint"));
            let field = Field { name, hint, hidden: false, complaint: None, longest: LONGEST };
            if field.show_last(ui, Id::unique("tags"), tags).changed() {
                set.tags = wishes(tags);
            }
        });
        card(ui, say("interests-languages"), |ui| languages_ui(ui, &mut set.languages));
        let find = |ui: &mut Ui| button(ui, say("hall-find"), Weight::Primary).clicked();
        starts = ui.add_enabled_ui(view.snapshot.can_search(), find).inner;
    });
    changes.end(view.snapshot, set, commands);
    if starts {
        commands.push(Command::Search);
    }
    back || starts
}

/// Those that were picked, each to be taken back, and the list of the others.
fn languages_ui(ui: &mut Ui, chosen: &mut Vec<String>) {
    let mut away = None;
    if !chosen.is_empty() {
        row(ui, |ui| {
            for (place, tag) in chosen.iter().enumerate() {
                let name = own_name(tag);
                if chip(ui, name, &say_with("interests-remove", &[("name", name.into())])) {
                    away = Some(place);
                }
            }
        });
    }
    if chosen.len() < WISHES_MAX {
        let others = SPOKEN.iter().filter(|(tag, _)| !chosen.iter().any(|known| known == tag));
        let others: Vec<_> = others.map(|(tag, name)| (*tag, (*name).to_owned())).collect();
        let name = say("interests-add-language");
        chosen.extend(list(ui, name, name, None, &others).map(str::to_owned));
    }
    if let Some(place) = away {
        chosen.remove(place);
    }
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
}
