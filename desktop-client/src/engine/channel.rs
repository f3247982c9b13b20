//! What two Castle clients say over the data channel, besides media. Pure.
//!
//! JSON objects with a type `t`, at most a few dozen bytes. Whatever is not understood is ignored, so that later
//! versions can say more; a client of another make that says nothing here is served as well.

use serde::{Deserialize, Serialize};

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// Version of these messages.
pub(super) const VERSION: u32 = 1;

impl Message {
    /// As it is sent.
    pub(super) fn encode(self) -> Vec<u8> {
        serde_json::to_vec(&self).expect("numbers and booleans can be written")
    }

    /// What was received; `None` for what is not understood.
    pub(super) fn decode(data: &[u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    const ALL: [Message; 4] = [
        Message::Ping { v: VERSION, sent_us: 5 },
        Message::Pong { sent_us: 5, at_us: u64::MAX },
        Message::Anchor { timestamp: u32::MAX, capture_us: 1 },
        Message::State { muted: true, camera: false },
    ];

    #[test]
    fn each_message_survives_the_way() {
        for message in ALL {
            assert_eq!(Message::decode(&message.encode()), Some(message));
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
        assert_eq!(Message::decode(more), Some(ALL[3]), "a later version may say more");
    }

    #[test]
    fn rubbish_never_panics() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..20_000 {
            let mut data = ALL[rng.random_range(0..4)].encode();
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
