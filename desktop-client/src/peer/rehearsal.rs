//! The interceptors of a connection without a network, as they hear what anybody may report of what they send. For
//! `untrusted`: knows what is promised about them whatever they hear, and decides nothing.

use super::connection::media;
use super::estimator::Estimator;
use super::feedback::Feedback;
use crate::media::codec::VideoCodec;
use crate::rate::{MAX_DIRECT_BPS, MIN_BPS};
use bytes::Bytes;
use rtc::interceptor::{Interceptor, Packet, RTCPFeedback, RTPHeaderExtension, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::shared::TransportContext;
use rtc::shared::marshal::MarshalSize as _;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Sound, camera and screen of both ends; nobody compares them.
const SSRCS: [u32; 3] = [1, 2, 3];
const TWCC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Bytes of a report at most: what one datagram holds.
const REPORT_BYTES_MAX: usize = 1500;
/// Of the rate, what may be sent again at most, and the least bit/s that may (`estimator`).
const RESENT_SHARE: f64 = 0.4;
/// No packet that was sent here has more bits.
const PACKET_BITS: f64 = 1200.0 * 8.0;
/// Bytes of a record before its report: time and length (little-endian).
const HEADER_BYTES: usize = 3;
/// Records that are read: what is written meanwhile finds room to wait.
const RECORDS_MAX: usize = 500;
/// In so many seconds all leaves that waits.
const PATIENCE_S: u32 = 60;

struct Rehearsal {
    began: Instant,
    now: Instant,
    chain: Box<dyn Interceptor>,
    estimator: Estimator,
    feedback: mpsc::Receiver<Feedback>,
    number: u16,
    /// Packets of media that were written, those of them that left, and bits of what left once more.
    written: usize,
    left: BTreeSet<(u32, u16)>,
    again_bits: f64,
}

impl Rehearsal {
    fn begin() -> Self {
        let began = Instant::now();
        let (heard, feedback) = mpsc::channel(64);
        let estimator = Estimator::new(began);
        let (_, registry) = media(SSRCS, heard, estimator.clone(), VideoCodec::ALL).expect("codecs register");
        let mut chain: Box<dyn Interceptor> = Box::new(registry.build());
        for ssrc in SSRCS {
            chain.bind_local_stream(&stream(ssrc));
            chain.bind_remote_stream(&stream(ssrc));
        }
        let (number, written, left, again_bits) = Default::default();
        Self { began, now: began, chain, estimator, feedback, number, written, left, again_bits }
    }

    /// A packet of each kind leaves, and one of each comes.
    fn talk(&mut self) {
        self.number = self.number.wrapping_add(1);
        for ssrc in SSRCS {
            let header = rtp::Header { version: 2, ssrc, sequence_number: self.number, ..Default::default() };
            let packet = rtp::Packet { header, payload: Bytes::from_static(&[0; 300]) };
            let comes = self.tagged(Packet::Rtp(packet.clone()));
            self.chain.handle_read(comes).expect("taken");
            let leaves = self.tagged(Packet::Rtp(packet));
            self.chain.handle_write(leaves).expect("taken");
            self.written += 1;
        }
        self.settle();
    }

    fn hear(&mut self, report: &[u8]) {
        let Ok(compound) = rtc::rtcp::packet::unmarshal(&mut &report[..]) else { return };
        let parts = compound.len();
        let report = self.tagged(Packet::Rtcp(compound));
        self.chain.handle_read(report).expect("taken");
        let said = std::iter::from_fn(|| self.feedback.try_recv().ok()).count();
        assert!(said <= parts.max(1) * REPORT_BYTES_MAX / 8, "no more is said than was heard: {said}");
        self.settle();
    }

    fn tagged(&self, packet: Packet) -> TaggedPacket {
        TaggedPacket { now: self.now, transport: TransportContext::default(), message: packet.into() }
    }

    /// Lets go what leaves and what came, and looks at what is promised.
    fn settle(&mut self) {
        while let Some(packet) = self.chain.poll_write() {
            if let Packet::Rtp(rtp) = &packet.message.packet
                && !self.left.insert((rtp.header.ssrc, rtp.header.sequence_number))
            {
                self.again_bits += rtp.marshal_size() as f64 * 8.0;
            }
        }
        while self.chain.poll_read().is_some() {}
        let rate = self.estimator.rate(self.now);
        assert!(rate.picture_bps <= MAX_DIRECT_BPS, "the rate is bounded: {rate:?}");
        let pace = self.estimator.pace_bps();
        assert!((f64::from(MIN_BPS)..=f64::from(MAX_DIRECT_BPS) * 2.5).contains(&pace), "{pace} bit/s");
        assert!(self.estimator.round_trip() <= Duration::from_secs(2), "what is waited for is bounded");
    }

    fn passes(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.chain.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now + Duration::from_micros(1)).min(until);
            self.chain.handle_timeout(self.now).expect("time passes");
            self.settle();
            if self.now == until {
                break;
            }
        }
        self.now = until;
        self.settle();
    }

    /// All that was written leaves, and what was sent again took no more than its share.
    fn end(mut self) {
        for _ in 0..PATIENCE_S {
            self.passes(Duration::from_secs(1));
            if self.left.len() == self.written {
                break;
            }
        }
        assert_eq!(self.left.len(), self.written, "all that was written leaves");
        let seconds = (self.now - self.began).as_secs_f64() + 1.0;
        let most = f64::from(MAX_DIRECT_BPS) * RESENT_SHARE * seconds + PACKET_BITS;
        assert!(self.again_bits <= most, "{} bits were sent again in {seconds} s", self.again_bits);
    }
}

fn stream(ssrc: u32) -> StreamInfo {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    let sound = ssrc == SSRCS[0];
    StreamInfo {
        ssrc,
        clock_rate: if sound { 48_000 } else { 90_000 },
        mime_type: if sound { "audio/opus" } else { "video/VP8" }.into(),
        rtp_header_extensions: vec![RTPHeaderExtension { uri: TWCC.into(), id: 3 }],
        rtcp_feedback: if sound { Vec::new() } else { vec![feedback("nack", ""), feedback("nack", "pli")] },
        ..StreamInfo::default()
    }
}

/// Hears reports, each with the time before it and its length, while it sends and is sent to.
pub(crate) fn hear_reports(mut bytes: &[u8]) {
    let mut rehearsal = Rehearsal::begin();
    rehearsal.talk();
    for _ in 0..RECORDS_MAX {
        let Some(([after_ms, low, high], rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { break };
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()).min(REPORT_BYTES_MAX);
        let (report, rest) = rest.split_at(length);
        bytes = rest;
        rehearsal.passes(Duration::from_millis((*after_ms).into()));
        rehearsal.talk();
        rehearsal.hear(report);
    }
    rehearsal.end();
}
