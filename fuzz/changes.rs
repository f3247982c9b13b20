//! The fuzzers' corpus, and seeded changes of it, through the very functions that the fuzzers call. Included by the tests
//! of each crate that has some.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::path::{Path, PathBuf};

/// Changes to one input at most.
const CHANGES_MAX: usize = 8;

/// Names the input if the function under test panics.
struct Naming<'a>(&'a str, &'a [u8], Option<u64>);

impl Drop for Naming<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, seed {:?}: {:02x?}", self.0, self.2, self.1);
        }
    }
}

fn corpus(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(kind);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file that can be read")).collect()
}

/// A few bytes flipped, cut, doubled, or taken from another input.
fn changed(random: &mut ChaCha8Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut below = |bound: usize| (random.next_u64() % bound.max(1) as u64) as usize;
    let mut bytes = corpus[below(corpus.len())].clone();
    for _ in 0..=below(CHANGES_MAX) {
        let at = below(bytes.len());
        match below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, below(256) as u8),
            2 => bytes.extend_from_within(at..),
            3 => {
                let other = &corpus[below(corpus.len())];
                bytes.extend_from_slice(&other[below(other.len())..]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << below(8);
                }
            }
        }
    }
    bytes
}

/// Hands the corpus of `kind` to `understand`, and as many changed inputs as there are `seeds`.
pub(crate) fn try_all(kind: &str, understand: fn(&[u8]), seeds: std::ops::Range<u64>) {
    let corpus = corpus(kind);
    assert!(corpus.len() >= 4, "{kind}");
    for bytes in &corpus {
        let _naming = Naming(kind, bytes, None);
        understand(bytes);
    }
    for seed in seeds {
        let bytes = changed(&mut ChaCha8Rng::seed_from_u64(seed), &corpus);
        let _naming = Naming(kind, &bytes, Some(seed));
        understand(&bytes);
    }
}
