//! One end of the call: an encoder and a microphone that follow their rates, the interceptors of a real connection, and
//! who looks and listens.

use super::super::MediaKind;
use super::super::connection::media;
use super::super::estimator::Estimator;
use super::super::feedback::Feedback;
use super::super::window::ReceiveWindow;
use super::screen::{Screen, ScreenViewer};
use super::{Ends, Seen};
use crate::media::assembler::{Assembler, AssemblerEvent};
use crate::media::codec::VideoCodec;
use crate::media::key_frame_floor::{KeyFrameFloor, KeyFramePace, pause};
use crate::media::ladder::{Ladder, split};
use crate::media::packet::{IncomingPacket, OutgoingPacket, SequenceUnwrapper};
use crate::media::video_playout::VideoPlayout;
use crate::media::vp8_rtp::Packetizer;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rtc::interceptor::{Interceptor, Packet, RTCPFeedback, RTPHeaderExtension, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::shared::TransportContext;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Both ends use the same: nobody compares them.
const SOUND: u32 = 1;
const PICTURES: u32 = 2;
const SCREEN: u32 = 3;
const TWCC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Bytes of 20 ms of sound.
const SOUND_BYTES: usize = 90;
/// The smallest key frame of 360p that can still be looked at, bytes.
const KEY_FRAME_MIN: f64 = 9_000.0;
/// A key frame is at most this many times a usual picture.
const KEY_FRAME_FACTOR: f64 = 3.0;

pub(super) struct End {
    began: Instant,
    rng: ChaCha8Rng,
    chain: Box<dyn Interceptor>,
    pub(super) estimator: Estimator,
    feedback: mpsc::Receiver<Feedback>,
    encoder: Encoder,
    screen: Option<(Screen, ScreenViewer)>,
    numbers: [u16; 3],
    next_sound: Duration,
    next_look: Duration,
    receiver: Receiver,
}

struct Encoder {
    packetizer: Packetizer,
    ladder: Ladder,
    bps: u32,
    clogged: bool,
    outages: u32,
    next: Duration,
    key_wanted_at: Option<Instant>,
    key_pace: KeyFramePace,
    /// Bytes spent beyond the rate.
    debt: f64,
    key_frames: u32,
    frames: u32,
}

struct Receiver {
    windows: [ReceiveWindow; 2],
    assembler: Assembler,
    floor: KeyFrameFloor,
    playout: VideoPlayout,
    held: VecDeque<(Duration, Duration)>,
    round_trip_due: Duration,
    gaps: VecDeque<f64>,
    sound: SequenceUnwrapper,
    last_sound: Option<i64>,
}

impl End {
    pub(super) fn new(of: Ends, began: Instant, seed: u64) -> Self {
        let (heard, feedback) = mpsc::channel(64);
        let estimator = Estimator::new(began);
        let ssrcs = [SOUND, PICTURES, SCREEN];
        let (_, registry) = media(ssrcs, heard, estimator.clone(), VideoCodec::ALL).expect("codecs register");
        let mut chain: Box<dyn Interceptor> = Box::new(registry.build());
        for ssrc in ssrcs.into_iter().filter(|ssrc| of.sharing || *ssrc != SCREEN) {
            let stream = stream(ssrc, of.silent);
            chain.bind_local_stream(&stream);
            chain.bind_remote_stream(&stream);
        }
        let encoder = Encoder {
            packetizer: Packetizer::new(),
            ladder: Ladder::new(1_000_000),
            bps: 1_000_000,
            clogged: false,
            outages: 0,
            next: Duration::ZERO,
            key_wanted_at: Some(began),
            key_pace: KeyFramePace::default(),
            debt: 0.0,
            key_frames: 0,
            frames: 0,
        };
        let receiver = Receiver {
            windows: Default::default(),
            assembler: Assembler::default(),
            floor: KeyFrameFloor::new(),
            playout: VideoPlayout::default(),
            held: VecDeque::new(),
            round_trip_due: Duration::from_secs(1),
            gaps: VecDeque::new(),
            sound: SequenceUnwrapper::default(),
            last_sound: None,
        };
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let (numbers, next_sound, next_look) = Default::default();
        let screen = of.sharing.then(|| (Screen::new(), ScreenViewer::new()));
        Self {
            began,
            rng,
            chain,
            estimator,
            feedback,
            encoder,
            screen,
            numbers,
            next_sound,
            next_look,
            receiver,
        }
    }

    pub(super) fn key_frames(&self) -> u32 {
        self.encoder.key_frames
    }

    pub(super) fn given_up(&self) -> u64 {
        self.receiver.assembler.stats().losses
    }

    /// A millisecond passes.
    pub(super) fn step(&mut self, since: Duration, seen: &mut Seen) {
        let now = self.began + since;
        if self.chain.poll_timeout().is_some_and(|due| due <= now) {
            self.chain.handle_timeout(now).expect("time passes");
        }
        if since >= self.next_look {
            self.next_look += Duration::from_millis(25);
            let rate = self.estimator.rate(now);
            let outage = rate.outages > std::mem::replace(&mut self.encoder.outages, rate.outages);
            (self.encoder.bps, self.encoder.clogged) = (rate.picture_bps, rate.clogged);
            if let Some((screen, _)) = &mut self.screen {
                let screen_bps;
                (self.encoder.bps, screen_bps) = split(rate.picture_bps);
                screen.take_rate(screen_bps, rate.screen_clogged);
            }
            if outage {
                self.want_key_frame(since);
            }
        }
        if since >= self.next_sound {
            self.next_sound += Duration::from_millis(20);
            let payload = vec![0; SOUND_BYTES].into();
            self.write(now, SOUND, OutgoingPacket { timestamp: 0, marker: false, payload });
        }
        while let Ok(feedback) = self.feedback.try_recv() {
            match feedback {
                Feedback::KeyFrameWanted(MediaKind::Video) => self.want_key_frame(since),
                Feedback::KeyFrameWanted(_) => {
                    if let Some((screen, _)) = &mut self.screen {
                        let pause = pause(self.encoder.bps, self.estimator.round_trip());
                        screen.key_frame_wanted(since, now, pause);
                    }
                }
                Feedback::Loss(lost) => self.estimator.lost(now, lost),
                Feedback::SoundLoss(_) | Feedback::Most(_) | Feedback::Clock(..) => {}
            }
        }
        self.picture(since);
        let pages = self.screen.as_mut().map(|(screen, _)| screen.picture(since));
        for packet in pages.into_iter().flatten() {
            self.write(now, SCREEN, packet);
        }
        self.look(since, seen);
    }

    /// As the engine does.
    fn want_key_frame(&mut self, since: Duration) {
        let pause = pause(self.encoder.bps, self.estimator.round_trip());
        if let Some(at) = self.encoder.key_pace.asked(self.began + since, pause) {
            let before = self.encoder.key_wanted_at.get_or_insert(at);
            *before = at.min(*before);
        }
    }

    fn write(&mut self, now: Instant, ssrc: u32, packet: OutgoingPacket) {
        let number = &mut self.numbers[(ssrc - 1) as usize];
        *number = number.wrapping_add(1);
        let header = rtc::rtp::Header {
            version: 2,
            ssrc,
            sequence_number: *number,
            timestamp: packet.timestamp,
            marker: packet.marker,
            ..Default::default()
        };
        let packet = Packet::Rtp(rtc::rtp::Packet { header, payload: packet.payload });
        self.chain.handle_write(tagged(now, packet)).expect("taken");
    }

    fn picture(&mut self, since: Duration) {
        let (encoder, now) = (&mut self.encoder, self.began + since);
        if since < encoder.next {
            return;
        }
        encoder.next += Duration::from_micros(33_333);
        let fps = encoder.ladder.rung(now, encoder.bps).fps;
        encoder.frames += 1;
        if encoder.clogged || fps < 30 && encoder.frames % 2 == 0 {
            return;
        }
        let usual = f64::from(encoder.bps) / 8.0 / f64::from(fps);
        let key = encoder.key_wanted_at.take_if(|at| *at <= now).is_some();
        if encoder.debt > usual * f64::from(fps) / 2.0 && !key {
            encoder.debt -= usual;
            return;
        }
        let bytes = if key {
            encoder.key_frames += 1;
            (usual * KEY_FRAME_FACTOR).max(KEY_FRAME_MIN)
        } else {
            usual * self.rng.random_range(0.7..1.3) * if encoder.debt > 0.0 { 0.8 } else { 1.0 }
        };
        encoder.debt = (encoder.debt + bytes - usual).max(0.0);
        let mut frame = vec![1; bytes as usize];
        frame[0] = u8::from(!key);
        let mut packets = Vec::new();
        let timestamp = (since.as_micros() * 9 / 100) as u32;
        encoder.packetizer.packetize(&frame, timestamp, |packet| packets.push(packet));
        for packet in packets {
            self.write(now, PICTURES, packet);
        }
    }

    pub(super) fn leaving(&mut self) -> Option<TaggedPacket> {
        self.chain.poll_write()
    }

    pub(super) fn arrived(&mut self, since: Duration, packet: TaggedPacket) {
        let now = self.began + since;
        self.chain.handle_read(TaggedPacket { now, ..packet }).expect("taken");
    }

    /// Takes what came, and shows what is due.
    fn look(&mut self, since: Duration, seen: &mut Seen) {
        let now = self.began + since;
        let receiver = &mut self.receiver;
        if since >= receiver.round_trip_due {
            receiver.round_trip_due += Duration::from_secs(1);
            receiver.assembler.set_round_trip(self.estimator.round_trip());
            if let Some((_, viewer)) = &mut self.screen {
                viewer.set_round_trip(self.estimator.round_trip());
            }
        }
        let mut ready = Vec::new();
        while let Some(packet) = self.chain.poll_read() {
            let Packet::Rtp(rtp) = packet.message.packet else { continue };
            if let Some((_, viewer)) = self.screen.as_mut().filter(|_| rtp.header.ssrc == SCREEN) {
                viewer.take(since, incoming(now, rtp));
                continue;
            }
            if !receiver.windows[(rtp.header.ssrc - 1) as usize].accept(rtp.header.sequence_number) {
                continue;
            }
            if rtp.header.ssrc == SOUND {
                receiver.hear(since, rtp.header.sequence_number, seen);
                continue;
            }
            receiver.assembler.push(incoming(now, rtp), &mut |event| ready.push(event));
        }
        receiver.assembler.tick(now, &mut |event| ready.push(event));
        for event in ready {
            match event {
                AssemblerEvent::KeyFrameNeeded => receiver.floor.want(),
                AssemblerEvent::Frame(frame) => {
                    if frame.key {
                        receiver.floor.satisfied();
                    }
                    let captured = Duration::from_micros(u64::from(frame.timestamp) * 100 / 9);
                    let due = receiver.playout.due_us(frame.timestamp, since.as_micros() as u64);
                    receiver.held.push_back((Duration::from_micros(due), captured));
                }
            }
        }
        receiver.show(since, seen);
        let mut lacking = Vec::new();
        if receiver.floor.ask(now) {
            seen.key_frames_asked += 1;
            lacking.push(PICTURES);
        }
        if let Some((_, viewer)) = &mut self.screen {
            let (whole, asks) = viewer.look(since, now);
            seen.screen.extend(whole);
            lacking.extend(asks.then_some(SCREEN));
        }
        for media_ssrc in lacking {
            let request = PictureLossIndication { sender_ssrc: PICTURES, media_ssrc };
            self.chain.handle_write(tagged(now, Packet::Rtcp(vec![Box::new(request)]))).expect("taken");
        }
    }
}

impl Receiver {
    fn show(&mut self, since: Duration, seen: &mut Seen) {
        let Some(newest) = self.held.iter().rposition(|(due, _)| *due <= since) else { return };
        let Some((_, captured)) = self.held.drain(..=newest).next_back() else { return };
        let now = since.as_secs_f64();
        if let Some((last, _)) = seen.shown.last() {
            let gap = now - last;
            if !self.gaps.is_empty() {
                let mean = self.gaps.iter().sum::<f64>() / self.gaps.len() as f64;
                if gap >= (3.0 * mean).max(mean + 0.150) {
                    seen.freezes.push((now, gap));
                }
            }
            if self.gaps.len() == 30 {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
        }
        seen.shown.push((now, since.saturating_sub(captured).as_secs_f64() * 1000.0));
    }

    /// Of packets that are missing the last can be made of the one behind it (in-band FEC of Opus).
    fn hear(&mut self, since: Duration, sequence: u16, seen: &mut Seen) {
        let number = self.sound.unwrap(sequence);
        let missing = self.last_sound.map_or(0, |last| number - last - 1);
        seen.sound.extend((0..missing).map(|at| (since.as_secs_f64(), at < missing - 1)));
        seen.sound.push((since.as_secs_f64(), false));
        self.last_sound = Some(number);
    }
}

fn incoming(now: Instant, rtp: rtc::rtp::Packet) -> IncomingPacket {
    IncomingPacket {
        sequence: rtp.header.sequence_number,
        timestamp: rtp.header.timestamp,
        marker: rtp.header.marker,
        payload: rtp.payload,
        arrived: now,
    }
}

/// As it is agreed upon; with an end that is `silent` without numbers for transport-wide feedback.
fn stream(ssrc: u32, silent: bool) -> StreamInfo {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    let pictures = ssrc != SOUND;
    let numbered = RTPHeaderExtension { uri: TWCC.into(), id: 3 };
    StreamInfo {
        ssrc,
        clock_rate: if pictures { 90_000 } else { 48_000 },
        rtp_header_extensions: if silent { Vec::new() } else { vec![numbered] },
        rtcp_feedback: if pictures {
            vec![feedback("nack", ""), feedback("nack", "pli")]
        } else {
            Vec::new()
        },
        ..StreamInfo::default()
    }
}

fn tagged(now: Instant, packet: Packet) -> TaggedPacket {
    TaggedPacket { now, transport: TransportContext::default(), message: packet.into() }
}
