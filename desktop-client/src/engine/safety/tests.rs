//! Two honest ends, a man in the middle, and strangers who say anything.

use super::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

struct End {
    exchange: Exchange,
    said: Vec<Effect>,
}

impl End {
    fn new(rng: &mut ChaCha8Rng, association: Association) -> Self {
        let mut said = Vec::new();
        let key = DeviceKey::from_seed(rng.random());
        let exchange = Exchange::begin(Instant::now(), association, key, rng.random(), &mut said);
        Self { exchange, said }
    }

    /// What it has to say, taken.
    fn words_out(&mut self) -> Vec<Word> {
        let sent = self.said.extract_if(.., |effect| matches!(effect, Effect::Send(_)));
        sent.filter_map(|effect| if let Effect::Send(word) = effect { Some(word) } else { None }).collect()
    }

    fn hears(&mut self, word: Word) {
        self.exchange.hear(word, &mut self.said);
    }

    fn four_words(&self) -> &[String; 4] {
        match &self.said[..] {
            [Effect::Words { words, .. }] => words,
            other => panic!("no words but {other:?}"),
        }
    }
}

fn association(rng: &mut ChaCha8Rng, call: CallId) -> (Association, Association) {
    let (a, b) = (rng.random(), rng.random());
    let offerer = Association { call, offers: true, own: a, theirs: b };
    (offerer, Association { call, offers: false, own: b, theirs: a })
}

/// Lets two ends talk until both are silent.
fn talk(one: &mut End, other: &mut End) {
    loop {
        let (from_one, from_other) = (one.words_out(), other.words_out());
        if from_one.is_empty() && from_other.is_empty() {
            return;
        }
        for word in from_one {
            other.hears(word);
        }
        for word in from_other {
            one.hears(word);
        }
    }
}

#[test]
fn two_ends_with_nobody_between_have_the_same_words_and_know_each_others_device() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let call = CallId::from_bits(rng.random());
        let (a, b) = association(&mut rng, call);
        let (mut ada, mut bea) = (End::new(&mut rng, a), End::new(&mut rng, b));
        talk(&mut ada, &mut bea);
        assert_eq!(ada.four_words(), bea.four_words());
        let device = |end: &End| end.exchange.key.public();
        assert!(matches!(ada.said[0], Effect::Words { device: d, .. } if d == device(&bea)));
        assert!(matches!(bea.said[0], Effect::Words { device: d, .. } if d == device(&ada)));
        seen.insert(ada.four_words().clone());
    }
    assert_eq!(seen.len(), 50, "each call has its own");
}

#[test]
fn a_man_in_the_middle_gives_the_two_ends_other_words() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..200 {
        let call = CallId::from_bits(rng.random());
        let (a, m_to_a) = association(&mut rng, call);
        let (m_to_b, b) = association(&mut rng, call);
        let (mut ada, mut mallory_a) = (End::new(&mut rng, a), End::new(&mut rng, m_to_a));
        let (mut mallory_b, mut bea) = (End::new(&mut rng, m_to_b), End::new(&mut rng, b));
        talk(&mut ada, &mut mallory_a);
        talk(&mut mallory_b, &mut bea);
        assert_ne!(ada.four_words(), bea.four_words());
    }
}

#[test]
fn what_passes_through_another_association_is_a_mismatch() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let call = CallId::from_bits(9);
    let (a, _) = association(&mut rng, call);
    let (_, b) = association(&mut rng, call);
    let (mut ada, mut bea) = (End::new(&mut rng, a), End::new(&mut rng, b));
    talk(&mut ada, &mut bea);
    assert_eq!(bea.said, [Effect::Mismatch]);
    assert!(ada.said.is_empty(), "waits, and is told by the end of the call");
}

#[test]
fn a_number_that_was_changed_on_the_way_is_a_mismatch() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for change in 0..4 {
        let (a, b) = association(&mut rng, CallId::from_bits(1));
        let (mut ada, mut bea) = (End::new(&mut rng, a), End::new(&mut rng, b));
        let pass = |word: Word| match (change, word) {
            (0, Word::Commit { mut c }) => {
                c.0[5] ^= 1;
                Word::Commit { c }
            }
            (1, Word::Answer { mut r, id }) => {
                r.0[0] ^= 1;
                Word::Answer { r, id }
            }
            (2, Word::Reveal { r, mut id, sig }) => {
                id.0[31] ^= 1;
                Word::Reveal { r, id, sig }
            }
            (3, Word::Sign { mut sig }) => {
                sig.0[7] ^= 1;
                Word::Sign { sig }
            }
            (_, word) => word,
        };
        for _ in 0..3 {
            for word in ada.words_out() {
                bea.hears(pass(word));
            }
            for word in bea.words_out() {
                ada.hears(pass(word));
            }
        }
        let caught = [&ada, &bea].into_iter().any(|end| end.said.contains(&Effect::Mismatch));
        assert!(caught, "change {change}: {:?} {:?}", ada.said, bea.said);
    }
}

#[test]
fn an_end_that_says_nothing_does_not_know_how() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (a, b) = association(&mut rng, CallId::from_bits(1));
    for association in [a, b] {
        let before = Instant::now();
        let mut end = End::new(&mut rng, association);
        end.words_out();
        let due = end.exchange.deadline().expect("waits");
        end.exchange.tick(before, &mut end.said);
        assert!(end.said.is_empty());
        end.exchange.tick(due, &mut end.said);
        end.exchange.tick(due, &mut end.said);
        assert_eq!((&end.said[..], end.exchange.deadline()), (&[Effect::Unsupported][..], None));
    }
}

#[test]
fn words_out_of_turn_are_nothing_and_rubbish_never_panics() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (a, b) = association(&mut rng, CallId::from_bits(1));
    for _ in 0..2000 {
        let association = if rng.random() { a } else { b };
        let mut end = End::new(&mut rng, association);
        for _ in 0..6 {
            let (r, id, sig) = (Hex(rng.random()), Hex(rng.random()), Hex([rng.random(); 64]));
            end.hears(match rng.random_range(0..4) {
                0 => Word::Commit { c: r },
                1 => Word::Answer { r, id },
                2 => Word::Reveal { r, id, sig },
                _ => Word::Sign { sig },
            });
        }
        assert!(!end.said.iter().any(|effect| matches!(effect, Effect::Words { .. })));
    }
}

#[test]
fn bytes_are_written_as_hex_and_read_back() {
    let hex = Hex([0, 255, 16]);
    assert_eq!(hex.to_string(), "00ff10");
    assert_eq!("00ff10".parse(), Ok(hex));
    for bad in ["", "00ff1", "00ff1g", "00ff1000", "+0ff10", "00é10"] {
        assert_eq!(bad.parse::<Hex<3>>(), Err(()), "{bad}");
    }
}
