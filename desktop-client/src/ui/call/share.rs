//! Screens in a call: what of this one is to be shared, and the other end's shown large, with its camera small.

use super::super::lines;
use super::super::places::{card_head, over_picture, wear_stage};
use super::super::theme::{self, STAGE, letters, size, space};
use super::super::widgets::{Button, Weight, tip};
use super::super::{View, shortcut, text};
use super::remote_ui;
use crate::view::{CallView, Command, ScreenChoice, ScreenSpec};
use crate::words::{right_to_left, say, say_with};
use eframe::egui::{
    Align, Align2, Id, Key, Layout, Modifiers, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo,
    accesskit::{Live, Role},
    vec2,
};

/// The way to stop, over the picture for as long as one shares.
pub(super) fn stop_ui(ui: &mut Ui, stage: Rect, commands: &mut Vec<Command>) {
    let place =
        Rect::from_min_max(stage.left_bottom() - vec2(0.0, size::CONTROL + space::M), stage.right_bottom());
    let builder =
        UiBuilder::new().max_rect(place.shrink2(vec2(space::M, 0.0))).scope_id(Id::unique("stop sharing"));
    let layout = Layout::left_to_right(Align::Min);
    let layout = if right_to_left() { Layout::right_to_left(Align::Min) } else { layout };
    let words = say("share-stop");
    let button = Button { words, name: words, weight: Weight::Danger, min: vec2(0.0, size::CONTROL) };
    let show = |ui: &mut Ui| {
        wear_stage(ui);
        button.show(ui)
    };
    let response = ui.scope_builder(builder.layout(layout), show).inner;
    let response = tip(response, &text::with_key(words, "D"));
    if response.clicked() || shortcut(ui, Modifiers::NONE, Key::D) {
        commands.push(Command::StopSharing);
    }
}

/// Lets a person choose, its top at `top`. Returns whether it is to be put away.
pub(super) fn choose_ui(
    ui: &mut Ui,
    view: &View<'_>,
    stage: Rect,
    top: f32,
    commands: &mut Vec<Command>,
) -> bool {
    let devices = &view.snapshot.devices;
    let height = size::SHARE.min(stage.bottom() - top - space::M);
    let wanted = vec2(size::DIALOG.min(stage.width() - 2.0 * space::M), height);
    let place = Rect::from_min_size(stage.min + vec2(space::M, top - stage.top()), wanted);
    let (mut chosen, mut away) = (None, false);
    over_picture(ui, "share", place, stage, |ui| {
        away = card_head(ui, say("share-what"));
        lines::text(ui, say("share-explained"), letters::SMALL, STAGE.soft);
        ui.add_space(space::XS);
        if let Some(fault) = &devices.screen_fault {
            lines::text(ui, fault, letters::BODY, STAGE.ink);
        } else if devices.screens.is_empty() {
            lines::text(ui, say("share-looking"), letters::BODY, STAGE.soft);
        }
        ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
            let several = devices.screens.iter().filter(|choice| is_display(choice)).count() > 1;
            for (place, choice) in devices.screens.iter().enumerate() {
                let name = name(choice, several);
                let min = vec2(ui.available_width() - space::S, size::CONTROL);
                let words = cut(ui, &name, min.x - 2.0 * space::M);
                let weight = if place == 0 { Weight::Primary } else { Weight::Secondary };
                if (Button { words: &words, name: &name, weight, min }).show(ui).clicked() {
                    chosen = Some(choice.spec);
                }
                ui.add_space(space::XS);
            }
        });
    });
    commands.extend(chosen.map(Command::ShareScreen));
    away || chosen.is_some() || shortcut(ui, Modifiers::NONE, Key::Escape)
}

/// As much of it as is `width` wide.
fn cut(ui: &Ui, name: &str, width: f32) -> String {
    let fits = |words: &str| lines::line(ui, words, letters::BUTTON, STAGE.ink).size().x <= width;
    if fits(name) {
        return name.to_owned();
    }
    let mut kept: Vec<char> = name.chars().take(TITLE_MAX).collect();
    loop {
        kept.pop();
        let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
        if kept.is_empty() || fits(&shorter) {
            return shorter;
        }
    }
}

/// No button is so wide that more letters would fit.
const TITLE_MAX: usize = 100;

fn is_display(choice: &ScreenChoice) -> bool {
    matches!(choice.spec, ScreenSpec::Display(_))
}

/// What a choice is called; displays by the name that is on their plug where there are several.
fn name(choice: &ScreenChoice, several: bool) -> String {
    match choice.spec {
        ScreenSpec::Display(_) if several => {
            say_with("share-display", &[("name", choice.name.as_str().into())])
        }
        ScreenSpec::Display(_) => say("share-whole").to_owned(),
        ScreenSpec::Window(_) | ScreenSpec::Pattern => {
            say_with("share-window", &[("name", choice.name.as_str().into())])
        }
    }
}

/// The other end's screen as large as fits, and its camera in a corner. Returns where the screen is, if there is one.
pub(super) fn peer_ui(
    ui: &mut Ui,
    draft: &mut super::Draft,
    view: &View<'_>,
    call: &CallView,
    stage: Rect,
) -> Option<Rect> {
    let shown = view.screen.paint(ui, stage, false, 0);
    let screen = ui.interact(stage, Id::unique("shared screen"), Sense::CLICK);
    if screen.double_clicked() {
        draft.toggle_full_screen(ui);
    }
    let name = say_with("share-of", &[("peer", call.peer.as_str().into())]);
    if shown.is_none() {
        let galley = lines::line(ui, say("call-waiting-picture"), letters::BODY, STAGE.soft);
        ui.painter().galley(stage.center() - galley.size() / 2.0, galley, STAGE.soft);
    }
    screen.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    ui.ctx().accesskit_node_builder(screen.id, |node| node.set_live(Live::Polite));
    let longest = (stage.width() * theme::share::SELF).min(size::SELF_MAX);
    let camera = vec2(longest, longest / size::WIDE);
    let edge = vec2(size::SELF_EDGE, size::SELF_EDGE);
    let (corner, anchor) = if right_to_left() {
        (stage.left_bottom() + vec2(edge.x, -edge.y), Align2::LEFT_BOTTOM)
    } else {
        (stage.right_bottom() - edge, Align2::RIGHT_BOTTOM)
    };
    let place = anchor.anchor_size(corner, camera);
    ui.painter().rect_filled(place.expand(size::LINE_SIGN), size::LINE_SIGN, STAGE.ground);
    remote_ui(ui, draft, view, call, place);
    shown
}
