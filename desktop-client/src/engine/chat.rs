//! The chat of one call. Pure.
//!
//! Lines are numbered from 1 and taken in order; the other end acknowledges the highest it has. What is not acknowledged
//! is said again, so that a channel that was full or broken for a while loses nothing.

use super::channel::Message;
use crate::view::{CHAT_BYTES_MAX, CHAT_LINES_MAX, ChatLine};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines of the other end taken at once, and one more for each [`LINE_EVERY`]: nobody reads faster. More is not heard,
/// and not acknowledged.
const BURST: u32 = 20;
/// As above.
const LINE_EVERY: Duration = Duration::from_millis(250);
/// What is not acknowledged is said again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// Lines said again at once.
const AGAIN_MAX: usize = 10;
/// Own lines on their way at once: more than a person writes while a connection heals.
const UNDELIVERED_MAX: usize = 100;

/// Why a line is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    /// There is nothing in it.
    Empty,
    /// Longer than [`CHAT_BYTES_MAX`].
    TooLong,
    /// The other end takes nothing.
    TooMany,
}

struct Mine {
    number: u32,
    text: String,
    said_at: Instant,
}

/// The lines of a call.
#[derive(Default)]
pub(super) struct Chat {
    lines: Arc<Vec<ChatLine>>,
    /// My lines that were written so far.
    written: u32,
    undelivered: Vec<Mine>,
    /// Lines of the other end that were taken.
    heard: u32,
    /// Lines of the other end taken since, and when the allowance was last renewed.
    spent: (u32, Option<Instant>),
}

impl Chat {
    /// As the screen shows it.
    pub(super) fn lines(&self) -> Arc<Vec<ChatLine>> {
        self.lines.clone()
    }

    /// A person wrote a line; what to say.
    pub(super) fn write(&mut self, now: Instant, text: &str) -> Result<Message, Unsent> {
        let text = clean(text);
        if text.is_empty() {
            return Err(Unsent::Empty);
        }
        if text.len() > CHAT_BYTES_MAX {
            return Err(Unsent::TooLong);
        }
        if self.undelivered.len() >= UNDELIVERED_MAX {
            return Err(Unsent::TooMany);
        }
        self.written += 1;
        let number = self.written;
        self.undelivered.push(Mine { number, text: text.clone(), said_at: now });
        self.push(ChatLine { mine: true, at: now, text: text.clone(), delivered: false });
        Ok(Message::Chat { number, text })
    }

    /// Lines of the other end that were taken.
    pub(super) fn heard(&self) -> u32 {
        self.heard
    }

    /// The other end wrote a line; what to say.
    pub(super) fn hear(&mut self, now: Instant, number: u32, text: &str) -> Option<Message> {
        if text.len() > CHAT_BYTES_MAX || !self.allows(now) {
            return None;
        }
        let text = clean(text);
        if Some(number) == self.heard.checked_add(1) {
            self.heard = number;
            if !text.is_empty() {
                self.push(ChatLine { mine: false, at: now, text, delivered: true });
            }
        }
        Some(Message::ChatTaken { number: self.heard })
    }

    /// The other end has all lines up to `number`.
    pub(super) fn taken(&mut self, number: u32) {
        let before = self.undelivered.len();
        self.undelivered.retain(|mine| mine.number > number);
        if self.undelivered.len() == before {
            return;
        }
        let left = self.undelivered.len();
        let lines = Arc::make_mut(&mut self.lines);
        for (from_last, line) in lines.iter_mut().rev().filter(|line| line.mine).enumerate() {
            line.delivered |= from_last >= left;
        }
    }

    /// Time passed: what to say again.
    pub(super) fn again(&mut self, now: Instant) -> Vec<Message> {
        let late = self.undelivered.first().is_some_and(|mine| now >= mine.said_at + AGAIN_AFTER);
        let said = self.undelivered.iter_mut().filter(|_| late).take(AGAIN_MAX);
        said.map(|mine| {
            mine.said_at = now;
            Message::Chat { number: mine.number, text: mine.text.clone() }
        })
        .collect()
    }

    fn allows(&mut self, now: Instant) -> bool {
        let (spent, since) = &mut self.spent;
        let since = since.get_or_insert(now);
        let passed = now.saturating_duration_since(*since).as_nanos() / LINE_EVERY.as_nanos();
        let renewed = u32::try_from(passed).unwrap_or(u32::MAX);
        *since += LINE_EVERY * renewed.min(BURST);
        if renewed > BURST {
            *since = now;
        }
        *spent = spent.saturating_sub(renewed);
        let allowed = *spent < BURST;
        *spent += u32::from(allowed);
        allowed
    }

    fn push(&mut self, line: ChatLine) {
        let lines = Arc::make_mut(&mut self.lines);
        lines.push(line);
        if lines.len() > CHAT_LINES_MAX {
            lines.remove(0);
        }
    }
}

/// Without what is not for reading: control characters, and white space around.
fn clean(text: &str) -> String {
    let visible = |letter: char| if letter.is_control() && letter != '\n' { ' ' } else { letter };
    text.trim().chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    fn texts(chat: &Chat) -> Vec<&str> {
        chat.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_line_is_delivered_once_the_other_end_says_so() {
        let now = Instant::now();
        let (mut ada, mut bea) = (Chat::default(), Chat::default());
        let Ok(Message::Chat { number, text }) = ada.write(now, " hello\u{7} ") else { panic!() };
        assert!(!ada.lines()[0].delivered);
        let Some(Message::ChatTaken { number }) = bea.hear(now, number, &text) else { panic!() };
        ada.taken(number);
        assert!(ada.lines()[0].delivered && ada.lines()[0].mine);
        assert_eq!(texts(&bea), ["hello"]);
        assert!(!bea.lines()[0].mine && bea.lines()[0].delivered);
    }

    #[test]
    fn lines_that_are_empty_too_long_or_too_many_are_not_sent() {
        let now = Instant::now();
        let mut chat = Chat::default();
        assert_eq!(chat.write(now, " \n "), Err(Unsent::Empty));
        assert_eq!(chat.write(now, &"x".repeat(CHAT_BYTES_MAX + 1)), Err(Unsent::TooLong));
        assert!(chat.write(now, &"é".repeat(CHAT_BYTES_MAX / 2)).is_ok());
        for _ in 1..UNDELIVERED_MAX {
            assert!(chat.write(now, "x").is_ok());
        }
        assert_eq!(chat.write(now, "x"), Err(Unsent::TooMany));
    }

    #[test]
    fn over_a_channel_that_loses_half_every_line_arrives_once_and_in_order() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (mut ada, mut bea) = (Chat::default(), Chat::default());
        let mut now = Instant::now();
        let mut to_bea = Vec::new();
        for round in 0..400 {
            now += Duration::from_millis(500);
            if round < 40 {
                to_bea.extend(ada.write(now, &format!("line {round}")));
            }
            to_bea.extend(ada.again(now));
            for message in to_bea.drain(..) {
                let Message::Chat { number, text } = message else { panic!() };
                if rng.random()
                    && let Some(Message::ChatTaken { number }) = bea.hear(now, number, &text)
                    && rng.random()
                {
                    ada.taken(number);
                }
            }
        }
        assert_eq!(texts(&bea), (0..40).map(|n| format!("line {n}")).collect::<Vec<_>>());
        assert!(ada.lines().iter().all(|line| line.delivered));
    }

    #[test]
    fn a_flood_is_neither_heard_nor_kept() {
        let mut chat = Chat::default();
        let mut now = Instant::now();
        for n in 1..=1000 {
            chat.hear(now, n, "spam");
        }
        assert_eq!(chat.lines().len(), BURST as usize);
        now += LINE_EVERY * 3;
        for n in 21..=1000 {
            chat.hear(now, n, "spam");
        }
        assert_eq!(chat.lines().len(), BURST as usize + 3);
        for n in 24..=2000 {
            now += LINE_EVERY;
            chat.hear(now, n, "slow");
        }
        assert_eq!(chat.lines().len(), CHAT_LINES_MAX);
        assert_eq!(chat.hear(now + LINE_EVERY, u32::MAX, "x"), Some(Message::ChatTaken { number: 2000 }));
        assert_eq!(chat.hear(now + LINE_EVERY * 2, 2001, &"x".repeat(CHAT_BYTES_MAX + 1)), None);
    }
}
