//! Figures of a call over the last two minutes, as graphs over the picture.

use super::super::lines;
use super::super::places::{card_head, ends, over_picture};
use super::super::text;
use super::super::theme::{STAGE, letters, size, space};
use crate::view::{CallStats, CallView, STATS_HISTORY_MAX};
use crate::words::{say, say_with};
use eframe::egui::{
    Color32, Rect, ScrollArea, Sense, Shape, Stroke, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

/// One graph: its name, what it shows of a second, and how the newest value is read.
struct Graph {
    name: &'static str,
    value: fn(&CallStats) -> Option<f64>,
    read: fn(f64) -> String,
    color: Color32,
}

fn graphs() -> [Graph; 6] {
    let ms: fn(f64) -> String = text::milliseconds;
    [
        Graph {
            name: say("stats-received"),
            value: |s| s.received_bps,
            read: text::bit_rate,
            color: STAGE.free,
        },
        Graph { name: say("stats-sent"), value: |s| s.sent_bps, read: text::bit_rate, color: STAGE.accent },
        Graph {
            name: say("stats-loss"),
            value: |s| s.loss,
            read: |share| text::percent(share, 1),
            color: STAGE.away,
        },
        Graph {
            name: say("stats-lost-there"),
            value: |s| s.lost_there,
            read: |share| text::percent(share, 1),
            color: STAGE.away,
        },
        Graph { name: say("stats-rtt"), value: |s| s.rtt_ms, read: ms, color: STAGE.busy },
        Graph { name: say("stats-glass"), value: |s| s.glass_to_glass_ms, read: ms, color: STAGE.focus },
    ]
}

/// Draws the card, its top at `top`. Returns whether it is to be put away.
pub(super) fn stats_ui(ui: &mut Ui, call: &CallView, stage: Rect, top: f32) -> bool {
    let wanted = vec2(size::PANEL.min(stage.width() - 2.0 * space::M), stage.bottom() - top);
    let place = Rect::from_min_size(pos2(stage.left() + space::M, top), wanted);
    over_picture(ui, "stats", place, stage, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        let away = card_head(ui, say("stats"));
        ScrollArea::vertical().show(ui, |ui| graphs_ui(ui, call));
        away
    })
}

fn graphs_ui(ui: &mut Ui, call: &CallView) {
    // Not every client reports what it loses: of one that never did there is nothing to show.
    let reports = call.stats_history.iter().any(|second| second.lost_there.is_some());
    let told = graphs().into_iter().filter(|graph| reports || graph.name != say("stats-lost-there"));
    for (place, graph) in told.enumerate() {
        if place > 0 {
            ui.add_space(space::XS);
        }
        let latest = call.stats.as_ref().and_then(graph.value).map_or("–".to_owned(), graph.read);
        let most = most(&graph, &call.stats_history);
        ends(
            ui,
            letters::TITLE,
            |ui| {
                lines::text(ui, &format!("{}: {latest}", graph.name), letters::SMALL, STAGE.ink);
            },
            |ui| {
                if let Some(most) = most {
                    let words = say_with("stats-most", &[("value", (graph.read)(most).into())]);
                    lines::text(ui, &words, letters::SMALL, STAGE.soft);
                }
            },
        );
        graph_ui(ui, &graph, &call.stats_history, most);
    }
}

/// The largest value of those shown, which is the height of the graph.
fn most(graph: &Graph, history: &[CallStats]) -> Option<f64> {
    let most = history.iter().filter_map(graph.value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    (most > 0.0).then_some(most)
}

fn graph_ui(ui: &mut Ui, graph: &Graph, history: &[CallStats], most: Option<f64>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::GRAPH), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, graph.name));
    // Within the room of the graph: at its edge the last one would be cut with what scrolls.
    let baseline = rect.bottom() - size::LINE;
    ui.painter().hline(rect.x_range(), baseline, Stroke::new(size::LINE, STAGE.line));
    let values: Vec<Option<f64>> = history.iter().map(graph.value).collect();
    let Some(most) = most else { return };
    let step = rect.width() / (STATS_HISTORY_MAX - 1) as f32;
    let begin = rect.right() - step * values.len().saturating_sub(1) as f32;
    let stroke = Stroke::new(size::LINE_CHOSEN, graph.color);
    let mut line = Vec::new();
    for (second, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            ui.painter().add(Shape::line(std::mem::take(&mut line), stroke));
            continue;
        };
        let height = (value / most) as f32 * (rect.height() - size::LINE_SIGN);
        line.push(pos2(begin + step * second as f32, rect.bottom() - height));
    }
    ui.painter().add(Shape::line(line, stroke));
}
