//! Text as lines of glyphs, in scripts of both directions.
//!
//! egui shapes what lies in one font by itself, right-to-left scripts too, and puts one after the other from left to right:
//! where words come from one font and the blanks between them from another, even a line of one direction falls apart. This
//! file orders the pieces (UAX #9), none larger than a word, and breaks lines that hold any. Fields for typing are egui's own and are not
//! reordered. What a screen reader says is always the text in its logical order.

use super::theme::{Palette, font, letters};
use crate::words;
use eframe::egui::text::{LayoutJob, LayoutSection, TextFormat, TextWrapping};
use eframe::egui::{
    Align, Color32, Galley, Response, Sense, Ui, WidgetInfo, accesskit::Role, pos2, text::ByteIndex,
};
use std::borrow::Cow;
use std::sync::Arc;
use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};

/// Whether any of it is written from the right to the left, or says that it is.
fn has_right_to_left(words: &str) -> bool {
    words.chars().any(|c| {
        matches!(u32::from(c),
            0x0590..=0x08FF | 0x200F | 0x202B | 0x202E | 0x2067 | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF
            | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
    })
}

/// The pieces of one line from left to right: runs that are read so, and single words and signs of the others.
fn pieces(line: &str) -> Vec<Cow<'_, str>> {
    let base = if words::right_to_left() { Level::rtl() } else { Level::ltr() };
    let info = BidiInfo::new(line, Some(base));
    let mut pieces = Vec::new();
    for paragraph in &info.paragraphs {
        let (levels, runs) = info.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            if levels[run.start].is_rtl() {
                atoms(&line[run], &mut pieces);
            } else {
                pieces.push(Cow::Borrowed(&line[run]));
            }
        }
    }
    pieces
}

/// Orders what stands beside it, and is nothing to be seen.
const RIGHT_TO_LEFT_MARK: char = '\u{200F}';

/// Words and signs of a run that is read from right to left, the last first.
fn atoms<'a>(run: &'a str, pieces: &mut Vec<Cow<'a, str>>) {
    let from = pieces.len();
    let mut word = 0..0;
    for (at, c) in run.char_indices() {
        let end = at + c.len_utf8();
        if c == RIGHT_TO_LEFT_MARK {
            pieces.extend((!word.is_empty()).then(|| Cow::Borrowed(&run[word.clone()])));
            word = end..end;
            continue;
        }
        if matches!(bidi_class(c), BidiClass::R | BidiClass::AL | BidiClass::NSM | BidiClass::BN) {
            word.end = end;
            continue;
        }
        pieces.extend((!word.is_empty()).then(|| Cow::Borrowed(&run[word.clone()])));
        word = end..end;
        pieces.push(mirror(c).map_or(Cow::Borrowed(&run[at..end]), |other| Cow::Owned(other.to_string())));
    }
    pieces.extend((!word.is_empty()).then(|| Cow::Borrowed(&run[word])));
    pieces[from..].reverse();
}

/// The sign that stands for `c` where text is read from right to left (UAX #9, L4); of those that people write.
fn mirror(c: char) -> Option<char> {
    const PAIRS: [(char, char); 7] =
        [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('«', '»'), ('‹', '›'), ('≤', '≥')];
    PAIRS.iter().find_map(|&(left, right)| match c {
        _ if c == left => Some(right),
        _ if c == right => Some(left),
        _ => None,
    })
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
            push(&mut job, &piece);
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

/// As much of the text as is no wider than `width`, with a sign where it is cut, for what is put together of words.
pub fn shortened(ui: &Ui, text: &str, points: f32, width: f32) -> String {
    let fits = |words: &str| line(ui, words, points, Color32::PLACEHOLDER).size().x <= width;
    if fits(text) {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().take(SHORTENED_MAX).collect();
    loop {
        kept.pop();
        let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
        if kept.is_empty() || fits(&shorter) {
            return shorter;
        }
    }
}

/// Nothing that is shortened is so wide that more letters would fit.
const SHORTENED_MAX: usize = 100;

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
        let (hello, world) = ("שלום", "עולם");
        assert_eq!(pieces("plain"), ["plain"]);
        assert_eq!(pieces(&format!("Ana {hello}!")), ["Ana ", hello, "!"]);
        assert_eq!(pieces(&format!("Ana {hello} 12")), ["Ana ", "12", " ", hello]);
        words::speaking("he", || {
            assert_eq!(pieces(&format!("{hello} {world} Ana")), ["Ana", " ", world, " ", hello]);
            assert_eq!(
                pieces(&format!("3 {hello}, 12:34 {world}.")),
                [".", world, " ", "12:34", " ", ",", hello, " ", "3"]
            );
        });
    }

    #[test]
    fn signs_inside_words_stay_in_their_place_and_brackets_open_to_the_text() {
        words::speaking("he", || {
            assert_eq!(pieces("צ'אט (ב)"), ["(", "ב", ")", " ", "אט", "'", "צ"]);
            assert_eq!(
                pieces("30 fps\u{200F} · \u{200F}1 %"),
                ["%", " ", "1", " ", "·", " ", "fps", " ", "30"]
            );
            assert_eq!(pieces("שָׁלוֹם"), ["שָׁלוֹם"], "points belong to their letters");
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
