//! Samples between a device callback and a thread: bounded, lock-free, allocation-free.
//!
//! One writer, one reader. A full ring refuses what is new (a microphone nobody reads), an empty one gives less than
//! asked (a speaker nobody feeds); neither side ever waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

struct Shared {
    slots: Box<[AtomicU32]>,
    /// Samples written and read since the start; both only grow, and wrap together with the index.
    written: AtomicUsize,
    read: AtomicUsize,
}

/// The writing end.
pub struct RingWriter(Arc<Shared>);

/// The reading end.
pub struct RingReader(Arc<Shared>);

/// A ring for `capacity` samples, rounded up to a power of two.
pub fn ring(capacity: usize) -> (RingWriter, RingReader) {
    let slots = (0..capacity.next_power_of_two()).map(|_| AtomicU32::new(0)).collect();
    let shared = Arc::new(Shared { slots, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
    (RingWriter(shared.clone()), RingReader(shared))
}

impl Shared {
    fn slot(&self, at: usize) -> &AtomicU32 {
        &self.slots[at & (self.slots.len() - 1)]
    }

    fn filled(&self) -> usize {
        self.written.load(Ordering::Acquire).wrapping_sub(self.read.load(Ordering::Acquire))
    }
}

impl RingWriter {
    /// Writes a sample; answers false if there is no room.
    pub fn push(&mut self, sample: f32) -> bool {
        let room = self.0.filled() < self.0.slots.len();
        if room {
            let at = self.0.written.load(Ordering::Relaxed);
            self.0.slot(at).store(sample.to_bits(), Ordering::Relaxed);
            self.0.written.store(at.wrapping_add(1), Ordering::Release);
        }
        room
    }

    /// Samples waiting for the reader.
    pub fn filled(&self) -> usize {
        self.0.filled()
    }
}

impl RingReader {
    /// The oldest sample, if there is one.
    pub fn pop(&mut self) -> Option<f32> {
        if self.0.filled() == 0 {
            return None;
        }
        let at = self.0.read.load(Ordering::Relaxed);
        let sample = f32::from_bits(self.0.slot(at).load(Ordering::Relaxed));
        self.0.read.store(at.wrapping_add(1), Ordering::Release);
        Some(sample)
    }

    /// Samples waiting.
    pub fn filled(&self) -> usize {
        self.0.filled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_refuses_and_an_empty_one_has_nothing() {
        let (mut writer, mut reader) = ring(4);
        assert!([1.0, 2.0, 3.0, 4.0].iter().all(|sample| writer.push(*sample)));
        assert!(!writer.push(5.0));
        assert_eq!(reader.pop(), Some(1.0));
        assert!(writer.push(5.0));
        assert_eq!(std::iter::from_fn(|| reader.pop()).collect::<Vec<_>>(), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(reader.filled(), 0);
    }

    #[test]
    fn two_threads_lose_and_reorder_nothing() {
        const COUNT: u32 = 200_000;
        let (mut writer, mut reader) = ring(64);
        let writing = std::thread::spawn(move || {
            for sample in 0..COUNT {
                while !writer.push(sample as f32) {
                    std::thread::yield_now();
                }
            }
        });
        for expected in 0..COUNT {
            let sample = loop {
                match reader.pop() {
                    Some(sample) => break sample,
                    None => std::thread::yield_now(),
                }
            };
            assert!((sample - expected as f32).abs() < 0.5);
        }
        writing.join().expect("no panic");
    }
}
