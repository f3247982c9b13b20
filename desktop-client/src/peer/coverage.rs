//! Which packets the reports that came are about, so that a lost report is not taken for lost packets.
//!
//! Transport-wide feedback names a range of numbers and says of each whether it arrived. The stack counts what lies in no
//! report as lost, and one lost report then looks like a tenth of a second of an outage.

use super::estimator::Estimator;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::time::Instant;

/// Ranges that are remembered: some seconds of reports, far from where numbers come round.
const RANGES: usize = 64;

/// Ranges of transport-wide sequence numbers. Pure.
#[derive(Debug, Default)]
pub(super) struct Covered {
    ranges: VecDeque<(u16, u16)>,
}

impl Covered {
    pub(super) fn add(&mut self, first: u16, count: u16) {
        if self.ranges.len() == RANGES {
            self.ranges.pop_front();
        }
        self.ranges.push_back((first, count));
    }

    pub(super) fn contains(&self, number: u16) -> bool {
        self.ranges.iter().rev().any(|&(first, count)| number.wrapping_sub(first) < count)
    }
}

/// Looks at reports on their way to the controller; changes nothing.
pub(super) struct Coverage {
    estimator: Estimator,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl Coverage {
    pub(super) fn new(estimator: Estimator) -> Self {
        Self { estimator, read: VecDeque::new(), written: VecDeque::new() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Coverage {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(compound) = &packet.message.packet {
            for part in compound {
                if let Some(report) = part.as_any().downcast_ref::<TransportLayerCc>() {
                    self.estimator.covers(report.base_sequence_number, report.packet_status_count);
                }
            }
        }
        self.read.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.written.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }
}

impl Interceptor for Coverage {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_report_is_about_is_unknown_over_the_wrap_too() {
        let mut covered = Covered::default();
        covered.add(65_530, 10);
        covered.add(20, 5);
        for known in [65_530, 65_535, 0, 3, 20, 24] {
            assert!(covered.contains(known), "{known}");
        }
        for unknown in [65_529, 4, 19, 25] {
            assert!(!covered.contains(unknown), "{unknown}: in the report that was lost");
        }
    }

    #[test]
    fn old_ranges_are_forgotten() {
        let mut covered = Covered::default();
        (0..10_000).for_each(|at| covered.add(at * 2, 1));
        assert!(covered.contains(19_998) && !covered.contains(0));
        assert_eq!(covered.ranges.len(), RANGES);
    }
}
