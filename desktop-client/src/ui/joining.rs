//! A link that came while one is logged in: whether to follow it, which means to leave here.

use super::lines;
use super::places::{dialog, row};
use super::widgets::{Weight, button};
use crate::words::{say, say_with};
use eframe::egui;

/// More of a name than this is not shown, in characters: a host name has at most so many.
const HOST_CHARS_MAX: usize = 253;

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Open,
    /// To stay.
    Stay,
    /// To leave and follow the link.
    Join,
}

/// The host that a link leads to.
fn host(link: &str) -> String {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().chars().take(HOST_CHARS_MAX).collect()
}

/// Asks. `remembered`: the login here stays.
pub fn joining_ui(ctx: &egui::Context, link: &str, remembered: bool) -> Answer {
    let (explained, joins) = if remembered {
        (say("join-explained-kept"), say("join-do-kept"))
    } else {
        (say("join-explained"), say("join-do"))
    };
    let mut answer = Answer::Open;
    let host = host(link);
    let away = dialog(ctx, &say_with("join-title", &[("host", host.into())]), |ui| {
        lines::soft(ui, explained);
        row(ui, |ui| {
            if button(ui, joins, Weight::Primary).clicked() {
                answer = Answer::Join;
            }
            if button(ui, say("cancel"), Weight::Secondary).clicked() {
                answer = Answer::Stay;
            }
        });
    });
    if away && answer == Answer::Open { Answer::Stay } else { answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_told_by_its_host() {
        for (link, told) in [
            ("castle://hall.example:50051/?invite=K7QM&pin=sha256:00", "hall.example:50051"),
            ("castle+plaintext://127.0.0.1:1?invite=x", "127.0.0.1:1"),
            ("hall.example", "hall.example"),
            ("", ""),
        ] {
            assert_eq!(host(link), told);
        }
        assert_eq!(host(&"x".repeat(9000)).len(), HOST_CHARS_MAX);
    }
}
