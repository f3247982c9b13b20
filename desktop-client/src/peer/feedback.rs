//! Reads the RTCP that concerns our encoders on its way through the stack: picture loss, full intra requests, and
//! the loss that receiver reports name (RFC 3550 section 6.4, RFC 4585 section 6.3.1, RFC 5104 section 3.5.1); and where
//! sender reports say that the other end's timestamps stand on its wall clock.
//!
//! The stack keeps RTCP to itself; an interceptor of our own is the way it offers to look at it.

use super::{MediaKind, SenderClock};
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::time::Instant;
use tokio::sync::mpsc;

/// What the other end's receiver says about our sound and video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Feedback {
    KeyFrameWanted(MediaKind),
    Loss(f64),
    SoundLoss(f64),
    /// Of the source with this number.
    Clock(u32, SenderClock),
}

/// Watches the RTCP of our streams; changes nothing.
pub(super) struct FeedbackTap {
    audio_ssrc: u32,
    video_ssrc: u32,
    screen_ssrc: u32,
    heard: mpsc::Sender<Feedback>,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl FeedbackTap {
    pub(super) fn new(
        [audio_ssrc, video_ssrc, screen_ssrc]: [u32; 3],
        heard: mpsc::Sender<Feedback>,
    ) -> Self {
        let (read, written) = Default::default();
        Self { audio_ssrc, video_ssrc, screen_ssrc, heard, read, written }
    }

    fn look(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            self.want_key_frame(pli.media_ssrc);
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            fir.fir.iter().for_each(|entry| self.want_key_frame(entry.ssrc));
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            self.look_at_blocks(&report.reports);
        } else if let Some(report) = any.downcast_ref::<SenderReport>() {
            self.look_at_blocks(&report.reports);
            let clock = SenderClock { timestamp: report.rtp_time, wall_us: ntp_us(report.ntp_time) };
            // Zero: that end knows no time of day (RFC 3550 section 6.4.1).
            self.hear_if(report.ntp_time != 0, Feedback::Clock(report.ssrc, clock));
        }
    }

    fn want_key_frame(&self, ssrc: u32) {
        self.hear_if(ssrc == self.video_ssrc, Feedback::KeyFrameWanted(MediaKind::Video));
        self.hear_if(ssrc == self.screen_ssrc, Feedback::KeyFrameWanted(MediaKind::Screen));
    }

    fn look_at_blocks(&self, blocks: &[ReceptionReport]) {
        for block in blocks {
            // Fixed point with the binary point at the left edge.
            let lost = f64::from(block.fraction_lost) / 256.0;
            self.hear_if(block.ssrc == self.video_ssrc, Feedback::Loss(lost));
            self.hear_if(block.ssrc == self.audio_ssrc, Feedback::SoundLoss(lost));
        }
    }

    fn hear_if(&self, meant: bool, feedback: Feedback) {
        if meant {
            // Full: the same was said moments ago, and the peer repeats what it needs.
            self.heard.try_send(feedback).ok();
        }
    }
}

/// Seconds with the binary point in the middle, as µs.
fn ntp_us(time: u64) -> u64 {
    (time >> 32) * 1_000_000 + (((time & 0xFFFF_FFFF) * 1_000_000) >> 32)
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for FeedbackTap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(compound) = &packet.message.packet {
            for part in compound {
                self.look(part.as_ref());
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

impl Interceptor for FeedbackTap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_report_tells_where_timestamps_stand_unless_its_end_knows_no_time() {
        let (heard, mut said) = mpsc::channel(4);
        let tap = FeedbackTap::new([1, 2, 3], heard);
        let mut report = SenderReport { ssrc: 7, rtp_time: 90_000, ..SenderReport::default() };
        tap.look(&report);
        assert!(said.try_recv().is_err());
        report.ntp_time = 5 << 32 | 0x8000_0000;
        tap.look(&report);
        let clock = SenderClock { timestamp: 90_000, wall_us: 5_500_000 };
        assert_eq!(said.try_recv(), Ok(Feedback::Clock(7, clock)));
    }
}
