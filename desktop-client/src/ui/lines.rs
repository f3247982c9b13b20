//! Text as lines of glyphs, in scripts of both directions.
//!
//! egui shapes each piece of text by itself, right-to-left scripts too, but does not order pieces of both directions on
//! one line. This file does (UAX #9), and breaks lines that hold any. Fields for typing are egui's own and are not
//! reordered. What a screen reader says is always the text in its logical order.

use super::theme::{Palette, font, letters};
use crate::words;
use eframe::egui::text::{LayoutJob, LayoutSection, TextFormat, TextWrapping};
use eframe::egui::{
    Align, Color32, Galley, Response, Sense, Ui, WidgetInfo, accesskit::Role, pos2, text::ByteIndex,
};
use std::sync::Arc;
use unicode_bidi::{BidiInfo, Level};

/// Whether any of it is written from the right to the left, or says that it is.
fn has_right_to_left(words: &str) -> bool {
    words.chars().any(|c| {
        matches!(u32::from(c),
            0x0590..=0x08FF | 0x200F | 0x202B | 0x202E | 0x2067 | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF
            | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
    })
}

/// The pieces of one line from left to right, each of one direction.
fn pieces(line: &str) -> Vec<&str> {
    let base = if words::right_to_left() { Level::rtl() } else { Level::ltr() };
    let info = BidiInfo::new(line, Some(base));
    let whole = info.paragraphs.iter();
    whole
        .flat_map(|paragraph| info.visual_runs(paragraph, paragraph.range.clone()).1)
        .map(|range| &line[range])
        .collect()
}

/// Lines put together, each already short enough.
fn job_of(lines: &[String], points: f32, color: Color32) -> LayoutJob {
    let mut job = LayoutJob::default();
    let format = TextFormat::simple(font(points), color);
    let push = |job: &mut LayoutJob, text: &str| {
        let start = ByteIndex(job.text.len());
        job.text.push_str(text);
        let byte_range = start..ByteIndex(job.text.len());
        job.sections.push(LayoutSection { leading_space: 0.0, byte_range, format: format.clone() });
    };
    for (place, line) in lines.iter().enumerate() {
        if place > 0 {
            push(&mut job, "\n");
        }
        for piece in pieces(line) {
            push(&mut job, piece);
        }
    }
    job
}

/// One line, however long.
pub fn line(ui: &Ui, text: &str, points: f32, color: Color32) -> Arc<Galley> {
    let painter = ui.painter();
    if has_right_to_left(text) {
        let job = job_of(&[text.replace('\n', " ")], points, color);
        return painter.layout_job(job);
    }
    painter.layout_no_wrap(text.to_owned(), font(points), color)
}

/// One line that is cut, with a sign, where it would be wider than `width`.
pub fn cut(ui: &Ui, text: &str, points: f32, color: Color32, width: f32) -> Arc<Galley> {
    if !has_right_to_left(text) {
        let mut job = LayoutJob::simple_singleline(text.to_owned(), font(points), color);
        job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
        return ui.painter().layout_job(job);
    }
    let whole = line(ui, text, points, color);
    if whole.size().x <= width {
        return whole;
    }
    let mut kept: Vec<char> = text.chars().collect();
    loop {
        kept.pop();
        let shorter: String = kept.iter().chain(&['…']).collect();
        let galley = line(ui, &shorter, points, color);
        if galley.size().x <= width || kept.is_empty() {
            return galley;
        }
    }
}

/// As many lines as it takes to be no wider than `width`, each at `align` of where it is painted.
pub fn paragraph(ui: &Ui, text: &str, points: f32, color: Color32, width: f32, align: Align) -> Arc<Galley> {
    let mut job = if has_right_to_left(text) {
        job_of(&broken(ui, text, points, width), points, color)
    } else {
        LayoutJob::simple(text.to_owned(), font(points), color, width)
    };
    job.halign = align;
    ui.painter().layout_job(job)
}

/// Breaks text at spaces, in logical order.
fn broken(ui: &Ui, text: &str, points: f32, width: f32) -> Vec<String> {
    let wide = |words: &str| line(ui, words, points, Color32::PLACEHOLDER).size().x;
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut current = String::new();
        for word in paragraph.split(' ') {
            let longer = if current.is_empty() { word.to_owned() } else { format!("{current} {word}") };
            if !current.is_empty() && wide(&longer) > width {
                lines.push(std::mem::replace(&mut current, word.to_owned()));
            } else {
                current = longer;
            }
        }
        lines.push(current);
    }
    lines
}

/// Text in the flow of the screen, broken where there is no more room.
pub fn text(ui: &mut Ui, words: &str, points: f32, color: Color32) -> Response {
    let align = ui.layout().horizontal_placement();
    let galley = if ui.layout().main_dir().is_horizontal() {
        line(ui, words, points, color)
    } else {
        paragraph(ui, words, points, color, ui.available_width(), align)
    };
    let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
    let left = rect.left() - galley.rect.left();
    ui.painter().galley(pos2(left, rect.top()), galley, color);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    response
}

/// Running text.
pub fn body(ui: &mut Ui, words: &str) -> Response {
    text(ui, words, letters::BODY, Palette::of(ui).ink)
}

/// Text of less weight.
pub fn soft(ui: &mut Ui, words: &str) -> Response {
    text(ui, words, letters::BODY, Palette::of(ui).soft)
}

/// A caption.
pub fn small(ui: &mut Ui, words: &str) -> Response {
    text(ui, words, letters::SMALL, Palette::of(ui).soft)
}

/// The heading of a part of a screen.
pub fn title(ui: &mut Ui, words: &str) -> Response {
    text(ui, words, letters::TITLE, Palette::of(ui).ink)
}

/// The heading of a screen.
pub fn heading(ui: &mut Ui, words: &str) -> Response {
    text(ui, words, letters::HEADING, Palette::of(ui).ink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_both_directions_stand_as_they_are_read() {
        let hebrew = "שלום";
        assert_eq!(pieces("plain"), ["plain"]);
        assert_eq!(pieces(&format!("Ana {hebrew}!")), ["Ana ", hebrew, "!"]);
        assert_eq!(pieces(&format!("Ana {hebrew} 12")), ["Ana ", "12", &format!("{hebrew} ")]);
        words::speaking("he", || {
            assert_eq!(pieces(&format!("{hebrew} Ana")), ["Ana", &format!("{hebrew} ")]);
        });
    }

    #[test]
    fn only_text_with_such_letters_takes_the_longer_way() {
        for (text, longer) in
            [("Ana Lópezová", false), ("千代", false), ("مرحبا", true), ("a\u{202E}b", true)]
        {
            assert_eq!(has_right_to_left(text), longer, "{text}");
        }
    }
}
