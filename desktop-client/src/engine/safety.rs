//! Whether somebody stands between the two ends of a call: what they exchange over the data channel once it is sealed,
//! and the four words that come of it. Pure but for the device key. The one place that names ring.
//!
//! Commit and reveal: the offerer A sends `c = SHA-256(tag ‖ call ‖ rA ‖ fpA ‖ idA)`, B answers `rB, idB`, A reveals
//! `rA, idA`, B checks `c`. Whoever stands between cannot choose a number after having seen another, and so meets equal
//! words by luck alone, 2⁻⁴⁴ for each call. Fingerprints are those of the own certificate and of the one that was seen in
//! DTLS, never text that came through the server. Device keys (Ed25519, RFC 8032) sign the transcript.

use castle::ids::CallId;
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Another end that says nothing of safety for this long does not know how.
const PATIENCE: Duration = Duration::from_secs(10);
/// What each use of a hash or key is for.
const COMMIT_TAG: &[u8] = b"castle safety 1 commit";
const TRANSCRIPT_TAG: &[u8] = b"castle safety 1 transcript";
const WORDS_SALT: &[u8] = b"castle safety 1 words";
const SIGNATURE_TAGS: [&[u8]; 2] = [b"castle safety 1 offerer", b"castle safety 1 answerer"];
/// Bits of one word.
const WORD_BITS: usize = 11;

/// Bytes that are written as hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> std::fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> std::fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl<const N: usize> std::str::FromStr for Hex<N> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        let mut bytes = [0; N];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("not so many hex digits"))
    }
}

/// What the two ends say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum Word {
    /// The offerer binds itself.
    Commit {
        /// The hash.
        c: Hex<32>,
    },
    /// The answerer shows its number and its device.
    Answer {
        /// Random.
        r: Hex<32>,
        /// Public key of the device.
        id: Hex<32>,
    },
    /// The offerer shows what it was bound to, signed.
    Reveal {
        /// Random.
        r: Hex<32>,
        /// Public key of the device.
        id: Hex<32>,
        /// Over the transcript.
        sig: Hex<64>,
    },
    /// The answerer signs, too.
    Sign {
        /// Over the transcript.
        sig: Hex<64>,
    },
}

/// This device's key.
#[derive(Clone)]
pub(super) struct DeviceKey(Arc<Ed25519KeyPair>);

impl DeviceKey {
    /// From its 32 secret bytes.
    pub(super) fn from_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any 32 bytes are a seed");
        Self(Arc::new(pair))
    }

    fn public(&self) -> Hex<32> {
        Hex(self.0.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes"))
    }

    fn sign(&self, role: usize, transcript: &[u8]) -> Hex<64> {
        let signature = self.0.sign(&[SIGNATURE_TAGS[role], transcript].concat());
        Hex(signature.as_ref().try_into().expect("a signature of Ed25519 has 64 bytes"))
    }
}

fn is_signed(by: Hex<32>, role: usize, transcript: &[u8], sig: Hex<64>) -> bool {
    let message = [SIGNATURE_TAGS[role], transcript].concat();
    UnparsedPublicKey::new(&ED25519, by.0).verify(&message, &sig.0).is_ok()
}

/// One DTLS association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Association {
    pub(super) call: CallId,
    /// This end made the offer.
    pub(super) offers: bool,
    /// SHA-256 of the own certificate.
    pub(super) own: [u8; 32],
    /// SHA-256 of the certificate that was seen in DTLS.
    pub(super) theirs: [u8; 32],
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Tell the other end.
    Send(Word),
    /// Both ends are through.
    Words {
        /// To be compared.
        words: [String; 4],
        /// The other end's device.
        device: Hex<32>,
    },
    /// What was said does not fit together: somebody is between, or plays tricks.
    Mismatch,
    /// The other end does not know how.
    Unsupported,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The answerer waits for the commitment.
    Listening,
    /// The offerer waits for the answer.
    Committed,
    /// The answerer waits for what the offerer was bound to.
    Answered { c: Hex<32> },
    /// The offerer waits for the last signature.
    Revealed { r: Hex<32>, id: Hex<32> },
    /// Words, or given up.
    Over,
}

/// The exchange of one association.
pub(super) struct Exchange {
    association: Association,
    key: DeviceKey,
    number: Hex<32>,
    until: Instant,
    state: State,
}

impl Exchange {
    /// Begins, with a random `number` that is used for nothing else.
    pub(super) fn begin(
        now: Instant,
        association: Association,
        key: DeviceKey,
        number: [u8; 32],
        effects: &mut Vec<Effect>,
    ) -> Self {
        let number = Hex(number);
        let state = if association.offers { State::Committed } else { State::Listening };
        if association.offers {
            let c = commitment(association.call, number, association.own, key.public());
            effects.push(Effect::Send(Word::Commit { c }));
        }
        Self { association, key, number, until: now + PATIENCE, state }
    }

    /// When [`tick`](Self::tick) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.state != State::Over).then_some(self.until)
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.deadline().is_some_and(|until| now >= until) {
            self.state = State::Over;
            effects.push(Effect::Unsupported);
        }
    }

    /// The other end said something. What comes out of turn is nothing.
    pub(super) fn hear(&mut self, word: Word, effects: &mut Vec<Effect>) {
        match (self.state, word) {
            (State::Listening, Word::Commit { c }) => {
                self.state = State::Answered { c };
                effects.push(Effect::Send(Word::Answer { r: self.number, id: self.key.public() }));
            }
            (State::Committed, Word::Answer { r, id }) => {
                self.state = State::Revealed { r, id };
                let sig = self.key.sign(0, &self.transcript(r, id));
                effects.push(Effect::Send(Word::Reveal { r: self.number, id: self.key.public(), sig }));
            }
            (State::Answered { c }, Word::Reveal { r, id, sig }) => {
                let transcript = self.transcript(r, id);
                let bound = commitment(self.association.call, r, self.association.theirs, id) == c;
                if !bound || !is_signed(id, 0, &transcript, sig) {
                    return self.mismatch(effects);
                }
                effects.push(Effect::Send(Word::Sign { sig: self.key.sign(1, &transcript) }));
                self.finish(r, id, effects);
            }
            (State::Revealed { r, id }, Word::Sign { sig }) => {
                if !is_signed(id, 1, &self.transcript(r, id), sig) {
                    return self.mismatch(effects);
                }
                self.finish(r, id, effects);
            }
            _ => {}
        }
    }

    fn mismatch(&mut self, effects: &mut Vec<Effect>) {
        self.state = State::Over;
        effects.push(Effect::Mismatch);
    }

    fn finish(&mut self, r: Hex<32>, id: Hex<32>, effects: &mut Vec<Effect>) {
        self.state = State::Over;
        let numbers = if self.association.offers { [self.number, r] } else { [r, self.number] };
        let words = words(numbers, &self.transcript(r, id));
        effects.push(Effect::Words { words, device: id });
    }

    /// All that was said and seen, the offerer's first. `r` and `id` are the other end's.
    fn transcript(&self, r: Hex<32>, id: Hex<32>) -> Vec<u8> {
        let Association { call, offers, own, theirs } = &self.association;
        let (mine, other) = ([*own, self.key.public().0, self.number.0], [*theirs, id.0, r.0]);
        let (first, second) = if *offers { (mine, other) } else { (other, mine) };
        let parts = [TRANSCRIPT_TAG.to_vec(), call.to_string().into_bytes(), first.concat(), second.concat()];
        digest(&SHA256, &parts.concat()).as_ref().to_vec()
    }
}

fn commitment(call: CallId, number: Hex<32>, fingerprint: [u8; 32], id: Hex<32>) -> Hex<32> {
    let call = call.to_string();
    let bound = [COMMIT_TAG, call.as_bytes(), &number.0, &fingerprint, &id.0].concat();
    Hex(digest(&SHA256, &bound).as_ref().try_into().expect("SHA-256 gives 32 bytes"))
}

/// HKDF-SHA256 (RFC 5869) of both numbers, read 11 bits a word.
fn words(numbers: [Hex<32>; 2], transcript: &[u8]) -> [String; 4] {
    let secret = [numbers[0].0, numbers[1].0].concat();
    let mut bytes = [0; 32];
    Salt::new(HKDF_SHA256, WORDS_SALT)
        .extract(&secret)
        .expand(&[transcript], HKDF_SHA256)
        .and_then(|output| output.fill(&mut bytes))
        .expect("32 bytes are what this hash gives");
    let bits = u64::from_be_bytes(bytes[..8].try_into().expect("8 of 32"));
    let list = bip39::Language::English.word_list();
    std::array::from_fn(|n| {
        let index = bits >> (64 - WORD_BITS * (n + 1)) & ((1 << WORD_BITS) - 1);
        list[index as usize].to_owned()
    })
}
