//! Tables for people: aligned columns under a line of names. A terminal gets that line in bold; a pipe gets the
//! same without.
//!
//! Owns what reaches a terminal of the words that guests chose: nothing that it would obey.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Between columns.
const GAP: &str = "  ";
/// Columns of one cell: longer text is cut, so that one report does not push everything off the screen.
const CELL_WIDTH_MAX: usize = 60;

/// Rows under the names of their columns.
pub(super) struct Table<const COLUMNS: usize> {
    names: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// With these columns.
    pub(super) fn of(names: [&'static str; COLUMNS], rows: impl Iterator<Item = [String; COLUMNS]>) -> Self {
        Self { names, rows: rows.map(|row| row.map(|cell| shortened(&cell))).collect() }
    }

    /// As text, without a line end after the last row.
    pub(super) fn text(&self, bold: bool) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].width());
            cells.chain([self.names[column].width()]).max().unwrap_or_default()
        };
        let widths: [usize; COLUMNS] = std::array::from_fn(width);
        let line = |cells: [&str; COLUMNS]| {
            let padded =
                |(cell, width): (&&str, usize)| format!("{cell}{}", " ".repeat(width - cell.width()));
            let cells: Vec<String> = cells.iter().zip(widths).map(padded).collect();
            cells.join(GAP).trim_end().to_owned()
        };
        let names = line(self.names);
        let names = if bold { format!("\x1b[1m{names}\x1b[0m") } else { names };
        let rows = self.rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
        std::iter::once(names).chain(rows).collect::<Vec<_>>().join("\n")
    }
}

/// `text` on one line, with nothing that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        c if c.is_control() => ' ',
        // Turns the direction of the rest of the line.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c => c,
    };
    text.chars().map(shown).collect()
}

fn shortened(cell: &str) -> String {
    let cell = plain(cell);
    if cell.width() <= CELL_WIDTH_MAX {
        return cell;
    }
    let mut left = CELL_WIDTH_MAX - 1;
    let fits = |c: &char| {
        let width = c.width().unwrap_or_default();
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    cell.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_combining_ones_none() {
        let rows = [["李明", "x"], ["e\u{301}va", "y"]].map(|row| row.map(str::to_owned));
        let table = Table::of(["NAME", "NOTE"], rows.into_iter());
        assert_eq!(table.text(false), "NAME  NOTE\n李明  x\ne\u{301}va   y");
        let long = Table::of(["NAME"], std::iter::once(["明".repeat(60)])).text(false);
        assert_eq!(long.lines().nth(1).map(str::width), Some(59), "an odd column is left over: {long}");
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_text() {
        let rows = [["al", "x"], ["jürgen", ""]].map(|row| row.map(str::to_owned));
        let table = Table::of(["NAME", "NOTE"], rows.into_iter());
        assert_eq!(table.text(false), "NAME    NOTE\nal      x\njürgen");
        assert_eq!(table.text(true), "\x1b[1mNAME    NOTE\x1b[0m\nal      x\njürgen");
    }

    #[test]
    fn what_guests_write_cannot_move_the_cursor_or_push_the_rest_away() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}d\u{202e}e"), "a [2Jb c d e");
        let long = Table::of(["TEXT"], [["x".repeat(61)]].into_iter());
        assert_eq!(long.text(false), format!("TEXT\n{}…", "x".repeat(59)));
        let fits = Table::of(["TEXT"], [["x".repeat(60)]].into_iter());
        assert_eq!(fits.text(false), format!("TEXT\n{}", "x".repeat(60)));
    }
}
