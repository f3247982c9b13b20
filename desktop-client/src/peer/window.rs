//! Which packets of an incoming track are listened to, and which of them are new. Pure.
//!
//! A track has one source at a time, whatever else is sent under its payload type (RFC 3550 section 8: who changes its
//! SSRC begins a new stream). A retransmission may arrive beside the original (RFC 4588 section 3); media wants each
//! once. Counts what should have come, as RFC 3550 appendix A.3.

use crate::media::packet::SequenceUnwrapper;
use std::time::{Duration, Instant};

/// Packets remembered: a second of video at the highest rate of ours.
const WINDOW: usize = 1024;

/// Another source is listened to once the one before was silent for this long.
const SILENT: Duration = Duration::from_secs(1);
/// Another stream that begins this near the last packet of the one before would look like what was there already:
const NEAR: u16 = 5_000;
/// it is numbered on from so far behind that, so that whoever puts pictures together sees at once that it is another one.
const LEAP: u16 = 10_000;
/// So many packets in a row that are too old to tell are a stream that numbers anew.
const STALE_MAX: u32 = 50;

/// Which source of a track is listened to.
#[derive(Debug, Default)]
pub(super) struct Source(Option<(u32, Instant)>);

/// Whose a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of the source that is listened to.
    Current,
    /// Of one that is from now on.
    New,
    /// Of another; not listened to.
    Other,
}

impl Source {
    /// Whose the packet with `ssrc` is, that came at `now`.
    pub(super) fn whose(&mut self, ssrc: u32, now: Instant) -> Whose {
        let whose = match self.0 {
            Some((current, _)) if current == ssrc => Whose::Current,
            Some((_, heard)) if now.saturating_duration_since(heard) < SILENT => return Whose::Other,
            _ => Whose::New,
        };
        self.0 = Some((ssrc, now));
        whose
    }
}

/// The receive window of one stream.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    unwrapper: SequenceUnwrapper,
    seen: [i64; WINDOW],
    first: Option<i64>,
    highest: i64,
    received: u64,
    /// Too old to tell, one after the other.
    stale: u32,
    /// Received and expected of streams before this one.
    before: (u64, u64),
    /// What numbers are moved by when they are passed on, and the last of the stream before while there is none.
    shift: u16,
    before_it: Option<u16>,
}

/// Marks a place of the window that holds no packet.
const EMPTY: i64 = i64::MIN;

impl Default for ReceiveWindow {
    fn default() -> Self {
        Self {
            unwrapper: SequenceUnwrapper::default(),
            seen: [EMPTY; WINDOW],
            first: None,
            highest: 0,
            received: 0,
            stale: 0,
            before: (0, 0),
            shift: 0,
            before_it: None,
        }
    }
}

impl ReceiveWindow {
    /// Whether the packet is new. One too old to tell counts as seen.
    pub(super) fn accept(&mut self, sequence: u16) -> bool {
        if let Some(last) = self.before_it.take()
            && sequence.wrapping_sub(last).wrapping_add(NEAR) <= 2 * NEAR
        {
            self.shift = last.wrapping_add(LEAP).wrapping_sub(sequence);
        }
        let number = self.unwrapper.unwrap(sequence);
        let first = *self.first.get_or_insert(number);
        self.highest = self.highest.max(number).max(first);
        if number < first || self.highest - number >= WINDOW as i64 {
            self.stale += 1;
            if self.stale > STALE_MAX {
                self.begin_anew();
                return self.accept(sequence);
            }
            return false;
        }
        self.stale = 0;
        let place = &mut self.seen[number.rem_euclid(WINDOW as i64) as usize];
        if *place == number {
            return false;
        }
        *place = number;
        self.received += 1;
        true
    }

    /// Another stream takes the place of this one; what was counted stays.
    pub(super) fn begin_anew(&mut self) {
        let last = self.first.map(|_| self.passed_on(self.highest as u16));
        let before_it = last.or(self.before_it);
        *self = Self { before: (self.received(), self.expected()), before_it, ..Self::default() };
    }

    /// The number under which a packet that was accepted is passed on.
    pub(super) fn passed_on(&self, sequence: u16) -> u16 {
        sequence.wrapping_add(self.shift)
    }

    /// Packets that came, each counted once.
    pub(super) fn received(&self) -> u64 {
        self.before.0 + self.received
    }

    /// Packets that should have come by now.
    pub(super) fn expected(&self) -> u64 {
        self.before.1 + self.first.map_or(0, |first| (self.highest - first + 1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeSet;

    #[test]
    fn a_packet_counts_once_and_a_gap_counts_as_missing() {
        let mut window = ReceiveWindow::default();
        let new: Vec<bool> = [65_534, 65_535, 65_535, 2, 0, 0].iter().map(|s| window.accept(*s)).collect();
        assert_eq!(new, [true, true, false, true, true, false]);
        assert_eq!((window.received(), window.expected()), (4, 5));
    }

    #[test]
    fn one_source_is_listened_to_until_it_is_silent() {
        let (mut source, start) = (Source::default(), Instant::now());
        let mut whose = |ssrc, ms| source.whose(ssrc, start + Duration::from_millis(ms));
        assert_eq!(whose(1, 0), Whose::New);
        assert_eq!(whose(2, 20), Whose::Other, "a stream that nobody announced");
        assert_eq!(whose(1, 900), Whose::Current);
        assert_eq!(whose(2, 1800), Whose::Other);
        assert_eq!(whose(2, 1900), Whose::New, "the first one is gone");
        assert_eq!(whose(1, 1920), Whose::Other);
    }

    #[test]
    fn a_stream_that_numbers_anew_is_heard_again_and_counts_go_on() {
        let mut window = ReceiveWindow::default();
        assert!((10_000..10_100).all(|sequence| window.accept(sequence)));
        window.begin_anew();
        assert!((5..105).all(|sequence| window.accept(sequence)), "after a change of source");
        assert!(window.accept(30_000), "far ahead");
        let heard = (200..300).filter(|sequence| window.accept(*sequence)).count();
        assert_eq!(heard, 100 - STALE_MAX as usize, "after some that may be stragglers");
        assert_eq!(window.received(), 201 + heard as u64);
        assert!(window.expected() >= window.received());
    }

    #[test]
    fn another_stream_is_told_from_what_was_there_whatever_its_first_number() {
        use crate::media::assembler::{Assembler, AssemblerEvent};
        use crate::media::packet::{IncomingPacket, OutgoingPacket};
        let last = 30_000_u16;
        for first in [last - 2000, last, last + 1, last + 2000, last + 30_000] {
            let (mut window, mut assembler) = (ReceiveWindow::default(), Assembler::default());
            let mut packetizer = crate::media::vp8_rtp::Packetizer::new();
            let mut shown = 0;
            let mut take = |window: &mut ReceiveWindow, sequence: u16| {
                assert!(window.accept(sequence));
                let sequence = window.passed_on(sequence);
                packetizer.packetize(&[0; 100], u32::from(sequence) * 3000, |packet| {
                    let OutgoingPacket { timestamp, marker, payload } = packet;
                    let arrived = Instant::now();
                    let packet = IncomingPacket { sequence, timestamp, marker, payload, arrived };
                    assembler.push(packet, &mut |event| {
                        shown += usize::from(matches!(event, AssemblerEvent::Frame(_)));
                    });
                });
            };
            (last - 9..=last).for_each(|sequence| take(&mut window, sequence));
            window.begin_anew();
            (0..10).for_each(|at| take(&mut window, first.wrapping_add(at)));
            assert_eq!(shown, 10 + 9, "all but the one that tells of the change, from {first} on");
        }
    }

    #[test]
    fn no_schedule_of_loss_reordering_and_duplicates_delivers_a_packet_twice() {
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut window = ReceiveWindow::default();
            let mut delivered = BTreeSet::new();
            let start: i64 = rng.random_range(0..70_000);
            for step in 0..3000_i64 {
                let number = start + (step - rng.random_range(0..200)).max(0);
                if window.accept(number as u16) {
                    assert!(delivered.insert(number), "seed {seed}: {number} twice");
                }
            }
            assert_eq!(window.received(), delivered.len() as u64);
            assert!(window.expected() >= window.received(), "seed {seed}");
        }
    }
}
