//! What the relay has done and refused, as plain counters that whoever shows figures may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a packet was dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// Not STUN, not TURN, or for an allocation that is not there.
    Stray,
    /// The peer has no permission.
    NoPermission,
    /// An address that is not relayed to or from.
    ForbiddenPeer,
    /// The guest, or all together, are over their bandwidth.
    Bandwidth,
    /// Too many requests from one network, or of unproven senders in all.
    Rate,
    /// The receiver reads more slowly than its peer sends.
    SlowReader,
}

impl Dropped {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Stray, Self::NoPermission, Self::ForbiddenPeer, Self::Bandwidth, Self::Rate, Self::SlowReader];

    /// As a label of a figure.
    pub fn label(self) -> &'static str {
        match self {
            Self::Stray => "stray",
            Self::NoPermission => "no_permission",
            Self::ForbiddenPeer => "forbidden_peer",
            Self::Bandwidth => "bandwidth",
            Self::Rate => "rate",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// Error codes that requests are refused with, and each as a label of a figure.
pub const REFUSAL_CODES: [(u16, &str); 12] = [
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (420, "420"),
    (437, "437"),
    (438, "438"),
    (440, "440"),
    (441, "441"),
    (442, "442"),
    (443, "443"),
    (486, "486"),
    (508, "508"),
];

/// The counters.
#[derive(Debug, Default)]
pub struct Counters {
    live: AtomicU64,
    made: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
    refused: [AtomicU64; REFUSAL_CODES.len()],
}

impl Counters {
    /// Live allocations.
    pub fn allocations(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Allocations made since the start.
    pub fn allocations_made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Packets relayed.
    pub fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// Bytes relayed, without headers of TURN.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Packets dropped, by reason.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.dropped.iter().map(|count| count.load(Ordering::Relaxed));
        Dropped::ALL.into_iter().map(Dropped::label).zip(counts)
    }

    /// Requests refused, by error code.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REFUSAL_CODES
            .into_iter()
            .map(|(_, label)| label)
            .zip(self.refused.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    pub(super) fn allocated(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn released(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn relayed(&self, bytes: usize) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn drop_packet(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, code: u16) {
        if let Some(at) = REFUSAL_CODES.iter().position(|(known, _)| *known == code) {
            self.refused[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}
