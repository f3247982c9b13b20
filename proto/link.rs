//! The resumable link: one end of a session's ordered, exactly-once frame exchange.
//!
//! Owns sequence numbers, what is not yet acknowledged, and what has been seen. Both ends run the same machine.
//! It never does IO, never reads a clock and knows nothing of what the frames say.
//!
//! Numbers count from 1 in each direction of a session and survive its transports. `ack` is cumulative. The
//! idea is that of XEP-0198 with the duplicates removed by number.

use crate::limits;
use std::collections::VecDeque;

/// The unacknowledged frames exceed their bound: the peer does not read, or does not acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{frames} frames or {bytes} bytes are unacknowledged")]
pub struct Overflow {
    /// Frames that wait for an acknowledgement.
    pub frames: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// What to do with a frame that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one: perform it.
    Deliver,
    /// It was seen before: drop it.
    Duplicate,
}

/// The peer broke the rules of the link: the stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Frames are missing in front of the one that arrived.
    #[error("frame {got} arrived, {expected} was expected")]
    Gap {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// Something was acknowledged that was never sent.
    #[error("{acked} was acknowledged, {sent} is the last one sent")]
    AckedUnsent {
        /// The acknowledgement.
        acked: u64,
        /// The last number given out.
        sent: u64,
    },
    /// What the peer wants replayed was dropped already: it acknowledged it earlier.
    #[error("replay after {received} was asked for, {acked} is acknowledged")]
    ReplayLost {
        /// What the peer says it received.
        received: u64,
        /// What it had acknowledged.
        acked: u64,
    },
}

#[derive(Debug, Clone)]
struct Unacked<T> {
    seq: u64,
    bytes: usize,
    frame: T,
}

/// One end of the link. `T` is a frame as it is sent, kept for replay.
#[derive(Debug, Clone)]
pub struct Link<T> {
    sent: u64,
    received: u64,
    told: u64,
    unacked: VecDeque<Unacked<T>>,
    unacked_bytes: usize,
    frames_max: usize,
    bytes_max: usize,
}

impl<T> Default for Link<T> {
    fn default() -> Self {
        Self::with_bounds(limits::UNACKED_FRAMES_MAX, limits::UNACKED_BYTES_MAX)
    }
}

impl<T> Link<T> {
    /// A new link that keeps at most so many frames and bytes unacknowledged.
    pub fn with_bounds(frames_max: usize, bytes_max: usize) -> Self {
        Self {
            sent: 0,
            received: 0,
            told: 0,
            unacked: VecDeque::new(),
            unacked_bytes: 0,
            frames_max,
            bytes_max,
        }
    }

    /// Takes a frame for sending: `make` gets its number and returns the frame with its size in bytes. The
    /// frame is kept until it is acknowledged; the caller sends what is returned now, if a transport is there.
    ///
    /// # Errors
    /// [`Overflow`] when the bound is reached: nothing was taken, the link is unchanged.
    pub fn send(&mut self, make: impl FnOnce(u64) -> (T, usize)) -> Result<&T, Overflow> {
        let (frame, bytes) = make(self.sent + 1);
        if self.unacked.len() >= self.frames_max || self.unacked_bytes + bytes > self.bytes_max {
            return Err(Overflow { frames: self.unacked.len(), bytes: self.unacked_bytes });
        }
        self.sent += 1;
        self.unacked_bytes += bytes;
        self.unacked.push_back(Unacked { seq: self.sent, bytes, frame });
        Ok(&self.unacked.back().expect("pushed just above").frame)
    }

    /// A frame with this number arrived.
    ///
    /// # Errors
    /// [`LinkError::Gap`] when frames in front of it are missing.
    pub fn receive(&mut self, seq: u64) -> Result<Arrival, LinkError> {
        let expected = self.received + 1;
        if seq > expected {
            return Err(LinkError::Gap { expected, got: seq });
        }
        if seq < expected {
            return Ok(Arrival::Duplicate);
        }
        self.received = seq;
        Ok(Arrival::Deliver)
    }

    /// The peer acknowledged everything up to `ack`. An older number than before changes nothing.
    ///
    /// # Errors
    /// [`LinkError::AckedUnsent`] when it acknowledges what was never sent.
    pub fn acknowledge(&mut self, ack: u64) -> Result<(), LinkError> {
        if ack > self.sent {
            return Err(LinkError::AckedUnsent { acked: ack, sent: self.sent });
        }
        while let Some(front) = self.unacked.front().filter(|front| front.seq <= ack) {
            self.unacked_bytes -= front.bytes;
            self.unacked.pop_front();
        }
        Ok(())
    }

    /// A new transport is attached, and the peer says it has everything up to `received`: what must be sent
    /// again, in order.
    ///
    /// # Errors
    /// [`LinkError::AckedUnsent`] and [`LinkError::ReplayLost`] when the two ends do not speak of the same session.
    pub fn resume(&mut self, received: u64) -> Result<impl Iterator<Item = &T>, LinkError> {
        let acked = self.sent - self.unacked.len() as u64;
        if received < acked {
            return Err(LinkError::ReplayLost { received, acked });
        }
        self.acknowledge(received)?;
        Ok(self.unacked.iter().map(|unacked| &unacked.frame))
    }

    /// The acknowledgement to put on the next frame; notes that the peer will be told.
    pub fn ack(&mut self) -> u64 {
        self.told = self.received;
        self.received
    }

    /// Frames received that the peer has not been told of.
    pub fn untold(&self) -> u64 {
        self.received - self.told
    }

    /// The highest number received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The highest number given out.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Frames that wait for an acknowledgement.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }
}
