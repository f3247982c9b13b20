//! Leafing through notices where not all of them have room: whole strips, and the first of them again once another comes.

use super::super::theme::space;
use eframe::egui::{Id, Ui};
use std::ops::Range;

/// What may be lacking of a height, since nobody sees it: sums differ by the order in which they are added up.
pub(super) const ROUNDED: f32 = 1.0;

/// Which strips are in sight at a time: as many as `room` holds whole, and one at least.
pub(super) fn pages(heights: &[f32], room: f32) -> Vec<Range<usize>> {
    let mut pages = Vec::new();
    let (mut first, mut taken) = (0, 0.0);
    for (place, height) in heights.iter().enumerate() {
        if place > first && taken + height > room + ROUNDED {
            pages.push(first..place);
            (first, taken) = (place, 0.0);
        }
        taken += height + space::XS;
    }
    pages.push(first..heights.len());
    pages
}

/// How far a person has leafed, among which lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Leafed {
    page: usize,
    pages: usize,
    lines: Vec<Id>,
}

impl Leafed {
    /// As it was when this was last drawn; at the first page again if a line came since.
    pub(super) fn among(ui: &Ui, lines: Vec<Id>) -> Self {
        let last: Self = ui.data(|data| data.get_temp(Self::id())).unwrap_or_default();
        last.with(lines)
    }

    fn with(self, lines: Vec<Id>) -> Self {
        let news = lines.iter().any(|line| !self.lines.contains(line));
        Self { page: if news { 0 } else { self.page }, pages: 1, lines }
    }

    /// The page that is in sight, of so many.
    pub(super) fn page_of(&mut self, pages: usize) -> usize {
        self.pages = pages;
        self.page = self.page.min(pages - 1);
        self.page
    }

    /// To the next page, and from the last one to the first.
    pub(super) fn on(&mut self) {
        self.page = (self.page + 1) % self.pages;
    }

    /// Is remembered until the next time.
    pub(super) fn keep(self, ui: &Ui) {
        ui.data_mut(|data| data.insert_temp(Self::id(), self));
    }

    fn id() -> Id {
        Id::unique("leafed through notices")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_leafed_through_in_whole_strips() {
        let gap = space::XS;
        assert_eq!(pages(&[40.0, 40.0, 40.0], 80.0 + gap), [0..2, 2..3]);
        assert_eq!(pages(&[40.0, 40.0, 40.0], 80.0), [0..1, 1..2, 2..3], "the gap takes its room");
        assert_eq!(pages(&[90.0, 20.0, 20.0, 90.0], 60.0), [0..1, 1..3, 3..4], "what is too high is alone");
        assert_eq!(pages(&[40.0], 10.0).len(), 1);
    }

    #[test]
    fn whoever_leafed_stays_there_until_something_new_comes() {
        let [one, two, three] = ["one", "two", "three"].map(Id::unique);
        let mut leafed = Leafed::default().with(vec![one, two]);
        assert_eq!(leafed.page_of(2), 0);
        leafed.on();
        let mut left = leafed.clone().with(vec![two]);
        assert_eq!((left.page_of(2), left.page_of(1)), (1, 0), "one was put away");
        let mut leafed = leafed.with(vec![one, two]);
        assert_eq!(leafed.page_of(2), 1);
        leafed.on();
        assert_eq!(leafed.page_of(2), 0, "around");
        leafed.on();
        assert_eq!(leafed.with(vec![three, one, two]).page_of(3), 0);
    }
}
