//! The fuzzers' corpus, and seeded changes of it, through the very functions that the fuzzers call.

use castle_server::untrusted::ENTRIES;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::path::{Path, PathBuf};

/// Changed inputs of each kind.
const CHANGED: u64 = 2_000;
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
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
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

#[test]
fn no_bytes_of_strangers_break_what_is_promised() {
    for (kind, understand) in ENTRIES {
        let corpus = corpus(kind);
        assert!(corpus.len() >= 4, "{kind}");
        for bytes in &corpus {
            let _naming = Naming(kind, bytes, None);
            understand(bytes);
        }
        for seed in 0..CHANGED {
            let bytes = changed(&mut ChaCha8Rng::seed_from_u64(seed), &corpus);
            let _naming = Naming(kind, &bytes, Some(seed));
            understand(&bytes);
        }
    }
}
