//! Where packets of one track wait for the socket, and the numbers they leave under. Pure but for the queue.
//!
//! The queue is bounded, and never waited for. What finds no room takes its number with it: the receiver sees that
//! something is missing where it is missing, and neither joins a picture around a hole nor takes sound for whole.

use crate::media::packet::OutgoingPacket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;

/// Most numbers that are left out at once: more tell the receiver nothing, and half of all would look like a step back.
const GAP_MAX: u32 = 1024;

/// A packet that waits, and how many before it found no room.
#[derive(Debug)]
pub(super) struct Queued {
    missing: u16,
    pub(super) packet: OutgoingPacket,
}

/// Where packets of one track go; cheap to clone.
#[derive(Debug, Clone)]
pub struct PacketOutlet {
    queue: mpsc::Sender<Queued>,
    /// Found no room since the last that did.
    missing: Arc<AtomicU32>,
}

impl PacketOutlet {
    /// An outlet for as many packets as `room`, and its other end.
    pub(super) fn new(room: usize) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, receiver) = mpsc::channel(room);
        (Self { queue, missing: Arc::default() }, receiver)
    }

    /// Hands a packet over; leaves it out when the socket cannot keep up. Never blocks.
    pub fn send(&self, packet: OutgoingPacket) {
        let missing = self.missing.swap(0, Ordering::Relaxed);
        // Full: the receiver asks again (NACK), or conceals. Closed: the call is over.
        if self.queue.try_send(Queued { missing: missing.min(GAP_MAX) as u16, packet }).is_err() {
            self.missing.fetch_add(missing.saturating_add(1).min(GAP_MAX), Ordering::Relaxed);
        }
    }
}

/// Sequence numbers of one track.
#[derive(Debug)]
pub(super) struct Numbers(u16);

impl Numbers {
    /// From `first` on.
    pub(super) fn from(first: u16) -> Self {
        Self(first)
    }

    /// The number of the next packet, behind those of packets that are left out.
    pub(super) fn next(&mut self, queued: &Queued) -> u16 {
        let number = self.0.wrapping_add(queued.missing);
        self.0 = number.wrapping_add(1);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::assembler::{Assembler, AssemblerEvent};
    use crate::media::packet::{IncomingPacket, MAX_PAYLOAD_BYTES};
    use crate::media::vp8_rtp::Packetizer;
    use bytes::Bytes;
    use std::time::Instant;

    /// What a writer makes of all that waits: number and packet.
    fn written(numbers: &mut Numbers, queue: &mut mpsc::Receiver<Queued>) -> Vec<(u16, OutgoingPacket)> {
        std::iter::from_fn(|| queue.try_recv().ok())
            .map(|queued| (numbers.next(&queued), queued.packet))
            .collect()
    }

    #[test]
    fn packets_that_find_no_room_leave_a_gap_in_the_numbers() {
        let (outlet, mut queue) = PacketOutlet::new(4);
        let mut numbers = Numbers::from(u16::MAX - 1);
        let send = |count: u32| {
            for timestamp in 0..count {
                outlet.send(OutgoingPacket { timestamp, marker: true, payload: Bytes::default() });
            }
        };
        let mut numbers_of = |count| {
            send(count);
            written(&mut numbers, &mut queue).into_iter().map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert_eq!(numbers_of(9), [65_534, 65_535, 0, 1]);
        assert_eq!(numbers_of(2), [7, 8], "five were left out");
        assert_eq!(numbers_of(1), [9], "once");
        assert_eq!(numbers_of(100_000), [10, 11, 12, 13]);
        assert_eq!(numbers_of(1), [14 + GAP_MAX as u16], "a gap as long as it may be");
    }

    #[test]
    fn a_picture_with_more_packets_than_there_is_room_for_is_never_joined() {
        let (outlet, mut queue) = PacketOutlet::new(8);
        let (mut packetizer, mut numbers) = (Packetizer::new(), Numbers::from(0));
        let (mut assembler, mut frames, mut asked) = (Assembler::default(), Vec::new(), false);
        for (n, packets) in [2, 20, 2].into_iter().enumerate() {
            // A key frame first: the lowest bit of a frame says so.
            let mut frame = vec![1; packets * (MAX_PAYLOAD_BYTES - 8)];
            frame[0] = u8::from(n > 0);
            packetizer.packetize(&frame, n as u32 * 3000, |packet| outlet.send(packet));
            for (sequence, packet) in written(&mut numbers, &mut queue) {
                let OutgoingPacket { timestamp, marker, payload } = packet;
                let packet = IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() };
                assembler.push(packet, &mut |event| match event {
                    AssemblerEvent::Frame(frame) => frames.push(frame.timestamp),
                    AssemblerEvent::KeyFrameNeeded => asked = true,
                });
            }
        }
        assembler.tick(Instant::now() + std::time::Duration::from_secs(5), &mut |event| {
            asked |= matches!(event, AssemblerEvent::KeyFrameNeeded);
        });
        assert_eq!(frames, [0], "the second is torn, and the third rests on it");
        assert!(asked);
    }
}
