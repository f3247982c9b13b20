//! Calls of the past, missed ones among them, and the guests who are blocked.

use super::hall::guest_menu;
use super::icons::Icon;
use super::lines;
use super::places::{begin, dialog, ends, page, row};
use super::theme::{Palette, letters, size, space};
use super::widgets::{Button, Weight, avatar, button, mirrored, nobody, sign_button};
use super::{Go, Page, Subject, View, text};
use crate::view::{Command, PastCall};
use crate::words::{say, say_with};
use eframe::egui::{
    CornerRadius, Frame, Margin, Rect, Sense, Ui, Vec2, WidgetInfo, accesskit::Live, accesskit::Role, pos2,
    vec2,
};

/// What was asked and is not yet sure.
#[derive(Debug, Default)]
pub struct Draft {
    erases: bool,
}

/// Draws the calls of the past; returns where else one wants to go.
pub fn history_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    view: &View<'_>,
    commands: &mut Vec<Command>,
) -> Option<Go> {
    let mut go = None;
    let history = &view.snapshot.history;
    let back = page(ui, say("history"), |ui| match &history.calls {
        None => {
            if awaited(ui, say("history-loading"), view.snapshot.unanswered.calls) {
                commands.push(Command::LoadHistory);
            }
        }
        Some(calls) if calls.is_empty() => {
            ui.add_space(space::XL);
            ui.vertical_centered(|ui| lines::soft(ui, say("history-empty")));
        }
        Some(calls) => {
            for call in calls.iter() {
                call_ui(ui, call, view, &mut go, commands);
            }
            ui.add_space(space::S);
            ends(
                ui,
                size::CONTROL,
                |ui| {
                    if history.more && button(ui, say("history-more"), Weight::Secondary).clicked() {
                        commands.push(Command::MoreOfHistory);
                    }
                },
                |ui| draft.erases |= button(ui, say("history-erase-ask"), Weight::Secondary).clicked(),
            );
        }
    });
    if draft.erases {
        draft.erases = !erase_ui(ui, commands);
    }
    if back { Some(Go::Page(Page::Hall)) } else { go }
}

/// What stands for a list that is `loading`, or that did not come; returns whether it is to be asked for again.
pub(super) fn awaited(ui: &mut Ui, loading: &str, unanswered: bool) -> bool {
    if !unanswered {
        lines::soft(ui, loading);
        return false;
    }
    let told = lines::soft(ui, say("list-unanswered"));
    ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
    button(ui, say("list-again"), Weight::Secondary).clicked()
}

/// Asks before all calls are erased; returns whether it is to be put away.
fn erase_ui(ui: &Ui, commands: &mut Vec<Command>) -> bool {
    let mut done = false;
    let away = dialog(ui.ctx(), say("history-erase-title"), |ui| {
        lines::soft(ui, say("history-erase-explained"));
        ui.add_space(space::S);
        row(ui, |ui| {
            if button(ui, say("history-erase"), Weight::Danger).clicked() {
                commands.push(Command::EraseHistory);
                done = true;
            }
            done |= button(ui, say("cancel"), Weight::Secondary).clicked();
        });
    });
    done || away
}

/// Of a row's width, what is not for words: edges, face, the button that calls and the one of the menu.
const ASIDE: f32 = size::AVATAR + size::CALL + size::CONTROL_SMALL + space::XL + space::S;

fn call_ui(ui: &mut Ui, call: &PastCall, view: &View<'_>, go: &mut Option<Go>, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let name = if call.peer_name.is_empty() { say("history-erased-guest") } else { call.peer_name.as_str() };
    let (icon, ink, way) = match (call.missed, call.outgoing) {
        (true, _) => (Icon::Missed, palette.danger_ink, say("history-way-missed")),
        (false, true) => (Icon::Out, palette.soft, say("history-way-out")),
        (false, false) => (Icon::In, palette.soft, say("history-way-in")),
    };
    let mut about = vec![way.to_owned(), text::ago(call.began, view.wall)];
    if call.matched {
        about.push(say("history-matched").to_owned());
    }
    match call.lasted {
        Some(lasted) => about.push(text::clock(lasted)),
        // That it was missed says why already.
        None if call.missed => {}
        None => about.push(text::ended(call.reason, name, (!call.outgoing && !call.matched, false))),
    }
    let about = text::joined(about);
    let sign = letters::SMALL + space::XS;
    let room = ui.available_width() - ASIDE;
    let first = lines::cut(ui, name, letters::BODY, palette.ink, room);
    let second = lines::paragraph(ui, &about, letters::SMALL, ink, room - sign, begin());
    let words = vec2(room, (first.size().y + second.size().y).max(size::AVATAR));
    row_card(
        ui,
        words.y,
        |ui| {
            let (face, response) = ui.allocate_exact_size(Vec2::splat(size::AVATAR), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, format!("{name}, {about}")));
            if call.peer_name.is_empty() {
                nobody(ui, face.center(), size::AVATAR, palette);
            } else {
                avatar(ui, face.center(), size::AVATAR, name, palette);
            }
            ui.add_space(space::S);
            let (place, _) = ui.allocate_exact_size(words, Sense::hover());
            let at = mirrored(Rect::from_min_size(place.min, first.size()), place);
            ui.painter().galley(at.min, first, palette.ink);
            let below = pos2(place.left(), place.bottom() - second.size().y);
            let icon_at = Rect::from_min_size(below, vec2(letters::SMALL, size::CAPTION));
            let icon_at = mirrored(icon_at, place).center();
            icon.paint(ui.painter(), icon_at, letters::SMALL, ink, palette.raised);
            let at = Rect::from_min_size(below + vec2(sign, 0.0), second.size());
            let at = mirrored(at, place).min - vec2(second.rect.left(), 0.0);
            ui.painter().galley(at, second, ink);
        },
        |ui| {
            let Some(guest) = call.peer else { return };
            let name = name.to_owned();
            let opened =
                sign_button(ui, Icon::More, &say_with("hall-menu-of", &[("name", name.as_str().into())]));
            guest_menu(&opened, || Subject { guest, name: name.clone(), call: Some(call.id) }, go);
            let full = say_with("hall-call-name", &[("name", name.as_str().into())]);
            let min = vec2(size::CALL, size::CONTROL_SMALL);
            let look = Button { words: say("hall-call"), name: &full, weight: Weight::Secondary, min };
            let called = ui.add_enabled_ui(view.snapshot.can_call(), |ui| look.show(ui)).inner;
            if called.clicked() {
                commands.push(Command::Call(guest));
            }
        },
    );
}

/// Draws the guests who are blocked; returns whether one wants back.
pub fn blocked_ui(ui: &mut Ui, view: &View<'_>, commands: &mut Vec<Command>) -> bool {
    page(ui, say("blocked"), |ui| {
        let Some(blocked) = &view.snapshot.blocked else {
            if awaited(ui, say("blocked-loading"), view.snapshot.unanswered.blocked) {
                commands.push(Command::LoadBlocked);
            }
            return;
        };
        if blocked.is_empty() {
            ui.add_space(space::XL);
            ui.vertical_centered(|ui| lines::soft(ui, say("blocked-nobody")));
        }
        for guest in blocked.iter() {
            let name = guest.display_name.as_str();
            let face = |ui: &mut Ui| {
                let (face, _) = ui.allocate_exact_size(Vec2::splat(size::AVATAR), Sense::hover());
                avatar(ui, face.center(), size::AVATAR, name, Palette::of(ui));
                ui.add_space(space::S);
                lines::body(ui, name);
            };
            row_card(ui, size::AVATAR, face, |ui| {
                let full = say_with("blocked-unblock-name", &[("name", name.into())]);
                let min = vec2(size::CALL, size::CONTROL_SMALL);
                let words = say("blocked-unblock");
                if (Button { words, name: &full, weight: Weight::Secondary, min }).show(ui).clicked() {
                    commands.push(Command::Unblock(guest.guest));
                }
            });
        }
    })
}

/// A row as those of the hall, with room for words of this `height`: `begin` where lines begin, `end` at the other side.
fn row_card(ui: &mut Ui, height: f32, begin: impl FnOnce(&mut Ui), end: impl FnOnce(&mut Ui)) {
    Frame::new()
        .fill(Palette::of(ui).raised)
        .corner_radius(CornerRadius::same(size::RADIUS))
        .inner_margin(Margin::symmetric(space::S as i8, space::XS as i8))
        .show(ui, |ui| ends(ui, height + space::S, begin, end));
    ui.add_space(-space::XS);
}
