//! What two Castle clients say over the data channel, besides media. Pure.
//!
//! JSON objects with a type `t`; all but lines of chat have a few dozen bytes. Whatever is not understood is ignored, so that later
//! versions can say more; a client of another make that says nothing here is served as well.

use super::chat::Chat;
use super::safety::{Association, DeviceKey, Effect, Exchange, Word};
use crate::view::CHAT_LINES_MAX;
use castle::ids::CallId;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(super) enum Message {
    /// Asks for the other end's media clock. Sent first: tells the version of these messages.
    Ping {
        /// [`VERSION`] of the sender.
        v: u32,
        /// The sender's media clock, µs; comes back in the pong.
        sent_us: u64,
    },
    /// Answers a ping at once.
    Pong {
        /// From the ping.
        sent_us: u64,
        /// The answering end's media clock, µs.
        at_us: u64,
    },
    /// Where the sender's timestamps of sound stand.
    Anchor {
        /// RTP timestamp, 48 kHz.
        timestamp: u32,
        /// When it was captured, µs of the sender's media clock.
        capture_us: u64,
    },
    /// What a person switched.
    State {
        /// The microphone is muted.
        muted: bool,
        /// The camera is on.
        camera: bool,
    },
    /// A line of chat. From version 2 on, as all that follows.
    Chat {
        /// From 1, in order.
        number: u32,
        /// What, at most 2,000 bytes of UTF-8.
        text: String,
    },
    /// Lines of chat were taken.
    ChatTaken {
        /// Up to this one.
        number: u32,
    },
    /// A step towards the safety words.
    Safety(Word),
}

/// Version of these messages.
pub(super) const VERSION: u32 = 2;

impl Message {
    /// As it is sent.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text can be written")
    }

    /// What was received; `None` for what is not understood.
    pub(super) fn decode(data: &[u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }
}

/// Hears messages as a call does: chat and safety words. For `untrusted`; nothing comes of it.
pub(crate) fn overhear<'a>(messages: impl Iterator<Item = &'a [u8]>) {
    let (mut now, mut chat, mut effects) = (Instant::now(), Chat::default(), Vec::new());
    let mut exchanges = [false, true].map(|offers| {
        let (own, theirs) = ([1; 32], [2; 32]);
        let association = Association { call: CallId::from_bits(1), offers, own, theirs };
        Exchange::begin(now, association, DeviceKey::from_seed([3; 32]), [4; 32], &mut effects)
    });
    for message in messages.filter_map(Message::decode) {
        assert_eq!(
            Message::decode(&message.encode()).as_ref(),
            Some(&message),
            "it can be written as it was read"
        );
        match message {
            Message::Chat { number, text } => drop(chat.hear(now, number, &text)),
            Message::ChatTaken { number } => chat.taken(number),
            Message::Safety(word) => {
                for exchange in &mut exchanges {
                    exchange.hear(word, &mut effects);
                }
            }
            Message::Ping { .. } | Message::Pong { .. } | Message::Anchor { .. } | Message::State { .. } => {}
        }
        now += std::time::Duration::from_millis(100);
    }
    assert!(chat.lines().len() <= CHAT_LINES_MAX, "the chat is bounded");
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Words { .. })),
        "no words without what was signed for these very certificates"
    );
}

#[cfg(test)]
mod tests {
    use super::super::safety::Hex;
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    fn all() -> [Message; 7] {
        [
            Message::Ping { v: VERSION, sent_us: 5 },
            Message::Pong { sent_us: 5, at_us: u64::MAX },
            Message::Anchor { timestamp: u32::MAX, capture_us: 1 },
            Message::State { muted: true, camera: false },
            Message::Chat { number: 7, text: "\"née\"\n\u{1f600}".into() },
            Message::ChatTaken { number: 7 },
            Message::Safety(Word::Answer { r: Hex([1; 32]), id: Hex([0xff; 32]) }),
        ]
    }

    #[test]
    fn each_message_survives_the_way() {
        for message in all() {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn the_longest_line_fits_a_message_of_the_channel_however_it_is_written() {
        for letter in ["\u{1}", "\"", "\u{1f600}"] {
            let text = letter.repeat(crate::view::CHAT_BYTES_MAX / letter.len());
            let longest = Message::Chat { number: u32::MAX, text }.encode();
            assert!(longest.len() <= crate::peer::CHANNEL_MESSAGE_MAX, "{}", longest.len());
        }
    }

    #[test]
    fn what_is_not_understood_is_nothing() {
        for text in
            ["", "{}", "[]", "null", r#"{"t":"later","x":1}"#, r#"{"t":"pong","sent_us":-1,"at_us":0}"#]
        {
            assert_eq!(Message::decode(text.as_bytes()), None, "{text}");
        }
        let more = br#"{"t":"state","muted":true,"camera":false,"hand":"up"}"#;
        assert_eq!(Message::decode(more), Some(all()[3].clone()), "a later version may say more");
    }

    #[test]
    fn rubbish_never_panics() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..20_000 {
            let mut data = all()[rng.random_range(0..7)].encode();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..data.len());
                data[at] = rng.random();
            }
            if let Some(message) = Message::decode(&data) {
                assert_eq!(Message::decode(&message.encode()), Some(message));
            }
        }
    }
}
