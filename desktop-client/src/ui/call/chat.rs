//! What is written in a call, beside the picture or below it.

use super::super::fields::named_edit;
use super::super::icons::Icon;
use super::super::lines;
use super::super::places::{begin, down, ends, menu_item};
use super::super::theme::{Palette, letters, share, size, space};
use super::super::widgets::{Weight, button, sign_button};
use crate::view::{CHAT_BYTES_MAX, CallView, ChatLine, Command};
use crate::words::{right_to_left, say};
use eframe::egui::{
    Align, CornerRadius, Frame, Id, Key, Layout, Margin, Popup, Rect, ScrollArea, Sense, Ui, UiBuilder,
    WidgetInfo,
    accesskit::{Live, Role},
    vec2,
};

/// What is being written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    words: String,
    /// The field had the keyboard since the panel was opened.
    begun: bool,
}

impl Draft {
    /// The panel is opened anew: the keyboard goes to the field.
    pub(super) fn begin(&mut self) {
        self.begun = false;
    }
}

/// The picture's room and the panel's.
pub(super) fn beside(stage: Rect) -> (Rect, Rect) {
    if stage.width() < size::PANEL_BESIDE {
        let panel = (stage.height() * (1.0 - share::ABOVE_CHAT)).max(size::CHAT_LEAST);
        return stage.split_top_bottom_at_y(stage.bottom() - panel);
    }
    if right_to_left() {
        let (panel, rest) = stage.split_left_right_at_x(stage.left() + size::PANEL);
        return (rest, panel);
    }
    stage.split_left_right_at_x(stage.right() - size::PANEL)
}

/// Draws the panel; returns whether it is to be put away.
pub(super) fn chat_ui(
    ui: &mut Ui,
    draft: &mut Draft,
    call: &CallView,
    panel: Rect,
    commands: &mut Vec<Command>,
) -> bool {
    let palette = Palette::of(ui);
    ui.painter().rect_filled(panel, 0.0, palette.ground);
    let builder =
        UiBuilder::new().max_rect(panel.shrink(space::M)).scope_id(Id::unique("chat")).layout(down());
    let mut away = false;
    ui.scope_builder(builder, |ui| {
        ui.set_clip_rect(panel.intersect(ui.clip_rect()));
        ends(
            ui,
            size::CONTROL_SMALL,
            |ui| {
                lines::title(ui, say("chat"));
            },
            |ui| {
                away = sign_button(ui, Icon::Close, say("chat-close")).clicked();
                if !call.chat.is_empty() && sign_button(ui, Icon::Copy, say("chat-copy")).clicked() {
                    let lines: Vec<_> = call.chat.iter().map(told).collect();
                    ui.ctx().copy_text(lines.join("\n"));
                }
            },
        );
        let long = draft.words.trim().len() > CHAT_BYTES_MAX;
        let warning = if long { size::CHAT_WARNING } else { 0.0 };
        let below = size::CONTROL + 2.0 * space::S + warning;
        let height = (ui.available_height() - below).max(0.0);
        let lines = ScrollArea::vertical().auto_shrink(false).max_height(height).min_scrolled_height(0.0);
        lines.stick_to_bottom(true).show(ui, |ui| {
            ui.with_layout(down(), |ui| {
                if call.chat.is_empty() {
                    lines::soft(ui, say("chat-empty"));
                }
                for line in call.chat.iter() {
                    line_ui(ui, line);
                }
            });
        });
        ui.add_space(space::S);
        if long {
            let told = lines::text(ui, say("told-chat-too-long"), letters::SMALL, palette.error_ink);
            ui.ctx().accesskit_node_builder(told.id, |node| node.set_live(Live::Polite));
        }
        ends(ui, size::CONTROL, |_| {}, |ui| write_ui(ui, draft, long, commands));
    });
    away
}

/// Characters that the field takes: what is pasted is told to be too long rather than cut.
const LONGEST: usize = 20 * CHAT_BYTES_MAX;

fn write_ui(ui: &mut Ui, draft: &mut Draft, long: bool, commands: &mut Vec<Command>) {
    let send = ui.add_enabled_ui(!long, |ui| button(ui, say("chat-send"), Weight::Primary)).inner;
    let field = named_edit(ui, Id::unique("chat words"), &mut draft.words, say("chat-words"), LONGEST);
    if !draft.begun {
        draft.begun = true;
        field.request_focus();
    }
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if send.clicked() || entered {
        if !long {
            let words = std::mem::take(&mut draft.words);
            commands.extend(
                Some(words.trim()).filter(|words| !words.is_empty()).map(|words| Command::Chat(words.into())),
            );
        }
        field.request_focus();
    }
}

/// Who wrote it, and what.
fn told(line: &ChatLine) -> String {
    let who = if line.mine { say("chat-you") } else { say("chat-they") };
    format!("{who}: {}", line.text)
}

fn line_ui(ui: &mut Ui, line: &ChatLine) {
    let palette = Palette::of(ui);
    let (fill, ink) =
        if line.mine { (palette.accent, palette.on_accent) } else { (palette.raised, palette.ink) };
    let at_end = line.mine != right_to_left();
    let align = if at_end { Align::Max } else { Align::Min };
    ui.with_layout(Layout::top_down(align), |ui| {
        let widest = ui.available_width() * share::BUBBLE;
        let bubble = Frame::new()
            .fill(fill)
            .corner_radius(CornerRadius::same(size::RADIUS))
            .inner_margin(Margin::symmetric(space::S as i8, space::XS as i8));
        bubble.show(ui, |ui| {
            ui.set_max_width(widest);
            let galley = lines::paragraph(ui, &line.text, letters::BODY, ink, widest, begin());
            // Not by Tab, which would go through all that was ever written: the whole is copied by its button.
            let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::CLICK);
            ui.painter().galley(rect.min - vec2(galley.rect.left(), 0.0), galley, ink);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, told(line)));
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
            Popup::context_menu(&response).width(size::MENU).show(|ui| {
                if menu_item(ui, say("copy"), "", None) {
                    ui.ctx().copy_text(line.text.clone());
                }
            });
        });
        if line.mine && !line.delivered {
            lines::small(ui, say("chat-not-delivered"));
        }
    });
}
