//! Reads the RTCP that concerns our encoders on its way through the stack: picture loss, full intra requests, and
//! the loss that receiver reports name (RFC 3550 section 6.4, RFC 4585 section 6.3.1, RFC 5104 section 3.5.1); what the other
//! end can take at most (REMB, draft-alvestrand-rmcat-remb-03), which ends say that do not acknowledge each packet; and where
//! sender reports say that the other end's timestamps stand on its wall clock.
//!
//! The stack keeps RTCP to itself; an interceptor of our own is the way it offers to look at it.

use super::{MediaKind, SenderClock};
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
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
    /// It can take so much at most, bit/s.
    Most(f64),
    /// Of the source with this number.
    Clock(u32, SenderClock),
}

/// The last command for a full intra picture of each stream of ours, of few: who gave it, and by which number. A command is
/// repeated under its number until it is obeyed (RFC 5104 section 4.3.1.2).
#[derive(Debug, Default)]
pub(super) struct Commands(Vec<(u32, (u32, u8))>);

impl Commands {
    /// Whether nobody gave it before.
    pub(super) fn is_new(&self, sender_ssrc: u32, entry: &FirEntry) -> bool {
        !self.0.contains(&(entry.ssrc, (sender_ssrc, entry.sequence_number)))
    }

    /// It is obeyed. Only for streams of ours.
    pub(super) fn note(&mut self, sender_ssrc: u32, entry: &FirEntry) {
        self.0.retain(|(ssrc, _)| *ssrc != entry.ssrc);
        self.0.push((entry.ssrc, (sender_ssrc, entry.sequence_number)));
    }
}

/// Watches the RTCP of our streams; changes nothing.
pub(super) struct FeedbackTap {
    audio_ssrc: u32,
    video_ssrc: u32,
    screen_ssrc: u32,
    heard: mpsc::Sender<Feedback>,
    commands: Commands,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl FeedbackTap {
    pub(super) fn new(
        [audio_ssrc, video_ssrc, screen_ssrc]: [u32; 3],
        heard: mpsc::Sender<Feedback>,
    ) -> Self {
        let (commands, read, written) = Default::default();
        Self { audio_ssrc, video_ssrc, screen_ssrc, heard, commands, read, written }
    }

    fn look(&mut self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            self.want_key_frame(pli.media_ssrc);
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                self.command(fir.sender_ssrc, entry);
            }
        } else if let Some(remb) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
            let ours = remb.ssrcs.iter().any(|ssrc| [self.video_ssrc, self.screen_ssrc].contains(ssrc));
            self.hear_if(ours, Feedback::Most(remb.bitrate.into()));
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            self.look_at_blocks(&report.reports);
        } else if let Some(report) = any.downcast_ref::<SenderReport>() {
            self.look_at_blocks(&report.reports);
            let clock = SenderClock { timestamp: report.rtp_time, wall_us: ntp_us(report.ntp_time) };
            // Zero: that end knows no time of day (RFC 3550 section 6.4.1).
            self.hear_if(report.ntp_time != 0, Feedback::Clock(report.ssrc, clock));
        }
    }

    /// A command that nobody could hear is new again when it is repeated.
    fn command(&mut self, sender_ssrc: u32, entry: &FirEntry) {
        if self.commands.is_new(sender_ssrc, entry) && self.want_key_frame(entry.ssrc) {
            self.commands.note(sender_ssrc, entry);
        }
    }

    /// Whether it is heard: one of our streams is meant.
    fn want_key_frame(&self, ssrc: u32) -> bool {
        let of = |meant: u32, kind| self.hear_if(ssrc == meant, Feedback::KeyFrameWanted(kind));
        of(self.video_ssrc, MediaKind::Video) || of(self.screen_ssrc, MediaKind::Screen)
    }

    fn look_at_blocks(&self, blocks: &[ReceptionReport]) {
        // Fixed point with the binary point at the left edge.
        let lost = |block: &ReceptionReport| f64::from(block.fraction_lost) / 256.0;
        let pictures =
            blocks.iter().filter(|block| [self.video_ssrc, self.screen_ssrc].contains(&block.ssrc));
        // Both share one rate: the worse of them judges it.
        if let Some(worst) = pictures.map(lost).max_by(f64::total_cmp) {
            self.hear_if(true, Feedback::Loss(worst));
        }
        for block in blocks {
            self.hear_if(block.ssrc == self.audio_ssrc, Feedback::SoundLoss(lost(block)));
        }
    }

    /// Whether it was meant and is heard. Where nobody could: the same was said moments ago, and the peer repeats what it
    /// needs.
    fn hear_if(&self, meant: bool, feedback: Feedback) -> bool {
        meant && self.heard.try_send(feedback).is_ok()
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
        let mut tap = FeedbackTap::new([1, 2, 3], heard);
        let mut report = SenderReport { ssrc: 7, rtp_time: 90_000, ..SenderReport::default() };
        tap.look(&report);
        assert!(said.try_recv().is_err());
        report.ntp_time = 5 << 32 | 0x8000_0000;
        tap.look(&report);
        let clock = SenderClock { timestamp: 90_000, wall_us: 5_500_000 };
        assert_eq!(said.try_recv(), Ok(Feedback::Clock(7, clock)));
    }

    #[test]
    fn the_worse_of_camera_and_screen_says_what_is_lost() {
        let (heard, mut said) = mpsc::channel(4);
        let mut tap = FeedbackTap::new([1, 2, 3], heard);
        let block = |ssrc, fraction_lost| ReceptionReport { ssrc, fraction_lost, ..Default::default() };
        tap.look(&ReceiverReport { reports: vec![block(3, 64), block(2, 0)], ..Default::default() });
        assert_eq!((said.try_recv(), said.try_recv().ok()), (Ok(Feedback::Loss(0.25)), None));
    }

    #[test]
    fn a_command_that_nobody_could_hear_counts_when_it_is_repeated() {
        let (heard, mut said) = mpsc::channel(1);
        let mut tap = FeedbackTap::new([1, 2, 3], heard);
        let mut commanded = |sequence_number| {
            let fir = vec![FirEntry { ssrc: 2, sequence_number }];
            tap.look(&FullIntraRequest { sender_ssrc: 7, media_ssrc: 0, fir });
        };
        commanded(1);
        commanded(2);
        assert!(said.try_recv().is_ok() && said.try_recv().is_err(), "the second finds no room");
        commanded(2);
        assert_eq!(said.try_recv(), Ok(Feedback::KeyFrameWanted(MediaKind::Video)));
    }

    #[test]
    fn a_command_for_a_full_picture_that_is_repeated_under_its_number_is_no_new_one() {
        let (heard, mut said) = mpsc::channel(16);
        let mut tap = FeedbackTap::new([1, 2, 3], heard);
        let mut commanded = |sender_ssrc, numbers: &[(u32, u8)]| {
            let fir = numbers.iter().map(|&(ssrc, sequence_number)| FirEntry { ssrc, sequence_number });
            tap.look(&FullIntraRequest { sender_ssrc, media_ssrc: 0, fir: fir.collect() });
            std::iter::from_fn(|| said.try_recv().ok()).collect::<Vec<_>>()
        };
        let [camera, screen] = [MediaKind::Video, MediaKind::Screen].map(Feedback::KeyFrameWanted);
        assert_eq!(commanded(9, &[(2, 0)]), [camera]);
        assert_eq!(commanded(9, &[(2, 0)]), []);
        assert_eq!(commanded(9, &[(2, 0), (3, 0)]), [screen], "each stream has numbers of its own");
        assert_eq!(commanded(9, &[(7, 1), (2, 0)]), [], "another stream is none of ours");
        assert_eq!(commanded(9, &[(2, 255), (3, 0)]), [camera]);
        assert_eq!(commanded(9, &[(2, 0)]), [camera], "they come round");
        assert_eq!(commanded(8, &[(2, 0)]), [camera], "and each sender");
        assert_eq!(commanded(8, &[(2, 0)]), []);
    }

    #[test]
    fn what_the_other_end_can_take_of_our_pictures_is_heard() {
        let (heard, mut said) = mpsc::channel(4);
        let mut tap = FeedbackTap::new([1, 2, 3], heard);
        let mut told = |ssrcs: &[u32]| {
            let ssrcs = ssrcs.to_vec();
            tap.look(&ReceiverEstimatedMaximumBitrate { sender_ssrc: 9, bitrate: 500_000.0, ssrcs });
            said.try_recv().ok()
        };
        assert_eq!(told(&[7, 2]), Some(Feedback::Most(500_000.0)));
        assert_eq!(told(&[3]), Some(Feedback::Most(500_000.0)));
        assert_eq!(told(&[1, 7]), None, "sound is no matter");
    }
}
