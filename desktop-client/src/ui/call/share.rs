//! Screens in a call: what of this one is to be shared, and the other end's shown large, with its camera small.

use super::super::lines;
use super::super::places::{card_head, over_picture, wear_stage};
use super::super::theme::{STAGE, letters, size, space};
use super::super::widgets::{Button, TipSide, Weight, key_tip, mirrored};
use super::super::{View, keys, shortcut};
use super::{own, remote_ui};
use crate::view::{CallView, Command, ScreenChoice, ScreenSpec};
use crate::words::{right_to_left, say, say_with};
use eframe::egui::{
    Align, Align2, CornerRadius, Id, Key, Layout, Modifiers, Rect, ScrollArea, Sense, Ui, UiBuilder,
    WidgetInfo,
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
    let response = key_tip(response, &keys::alone(Key::D), TipSide::Beside);
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
                let words = lines::shortened(ui, &name, letters::BUTTON, min.x - 2.0 * space::M);
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

/// Where the other end's screen is shown, and the two faces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) screen: Rect,
    peer: Rect,
    /// None where it would hide too much of the screen.
    pub(super) own: Option<Rect>,
}

impl Places {
    /// Faces beside the screen, or below it, so that they hide nothing; one in a corner where there is room for neither.
    pub(super) fn in_stage(stage: Rect) -> Self {
        let tile = vec2(size::TILE, size::TILE / size::WIDE);
        let next = tile + vec2(space::S, space::S);
        if stage.width() >= size::TILES_BESIDE {
            let (screen, column) = stage.split_left_right_at_x(stage.right() - next.x - space::M);
            let first = Rect::from_min_size(column.min + vec2(space::S, space::M), tile);
            let second = first.translate(vec2(0.0, next.y));
            return Self { screen, peer: first, own: Some(second) }.mirrored(stage);
        }
        if stage.height() >= size::TILES_BELOW {
            let (screen, row) = stage.split_top_bottom_at_y(stage.bottom() - next.y - space::S);
            let middle = row.center() - vec2(next.x / 2.0, 0.0);
            let first = Rect::from_center_size(middle, tile);
            let second = first.translate(vec2(next.x, 0.0));
            return Self { screen, peer: first, own: Some(second) }.mirrored(stage);
        }
        let corner = stage.right_bottom() - vec2(size::SELF_EDGE, size::SELF_EDGE);
        let peer = Align2::RIGHT_BOTTOM.anchor_size(corner, tile);
        Self { screen: stage, peer, own: None }.mirrored(stage)
    }

    fn mirrored(self, stage: Rect) -> Self {
        Self {
            screen: mirrored(self.screen, stage),
            peer: mirrored(self.peer, stage),
            own: self.own.map(|own| mirrored(own, stage)),
        }
    }
}

/// The other end's screen as large as fits, and the faces. Returns where the screen is, if there is one.
pub(super) fn peer_ui(
    ui: &mut Ui,
    draft: &mut super::Draft,
    view: &View<'_>,
    call: &CallView,
    places: Places,
) -> Option<Rect> {
    let stage = places.screen;
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
    ui.painter().rect_filled(places.peer, CornerRadius::same(size::RADIUS_L), STAGE.raised);
    remote_ui(ui, draft, view, call, (places.peer, size::RADIUS_L));
    own::edge_ui(ui, places.peer, false);
    if let Some(place) = places.own {
        own::tile_ui(ui, place, view, call);
    }
    shown
}
