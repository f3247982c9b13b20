//! Lets packets leave at the pace of congestion control: sound at once, pictures as the path can take them.
//!
//! Takes the place of the stack's own pacer, in which a word waits behind a key frame. A leaky bucket of bits: sound
//! takes from it without asking, what is sent again comes next, since a picture waits for it at the other end, and new
//! pictures wait until there is enough for them as well. Those of the camera and of the screen leave in turn, and those of
//! the screen wait here while the path is filled: a key frame of a screen may be seconds of the path.

use super::codecs;
use super::estimator::Estimator;
use super::feedback::Commands;
use super::repeats::Repeats;
use crate::media::codec::VideoCodec;
use bytes::Bytes;
use rtc::interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::marshal::MarshalSize as _;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What may leave at once after a pause, at the pace: a frame, since congestion control learns from how bursts come
/// through; and what a busy machine was too late to let go.
const BURST: Duration = Duration::from_millis(100);
/// The bucket holds at least this, bits: a full packet.
const BURST_MIN_BITS: f64 = 1500.0 * 8.0;
/// Sound in a burst (a thread that was kept waiting) holds up pictures for this long at most.
const DEBT: Duration = Duration::from_millis(50);
/// Packets of each kind of pictures that may wait: some large key frames. More are lost, as in any full queue.
const QUEUE: usize = 2048;
/// Header extension for when a packet left (<http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time>): ends that do not
/// acknowledge each packet make of it what they say that they can take.
pub(super) const SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
/// It is in so many parts of a second, and comes round after 64 s.
const SEND_TIME_PARTS: u128 = 1 << 18;
/// How often it is looked whether the path has room for a screen again, besides when something is heard of it.
const LOOK: Duration = Duration::from_millis(10);

/// The bucket. Pure.
#[derive(Debug, Default)]
struct Bucket {
    bits: f64,
    filled: Option<Instant>,
}

impl Bucket {
    fn fill(&mut self, now: Instant, pace_bps: f64) {
        let most = (pace_bps * BURST.as_secs_f64()).max(BURST_MIN_BITS);
        let least = -pace_bps * DEBT.as_secs_f64();
        let since = self.filled.replace(now).map(|filled| now.saturating_duration_since(filled));
        let poured = since.map_or(most, |since| since.as_secs_f64() * pace_bps);
        self.bits = (self.bits + poured).clamp(least, most);
    }

    fn is_open(&self) -> bool {
        self.bits > 0.0
    }

    fn take(&mut self, bits: f64) {
        self.bits -= bits;
    }

    /// When it is open again.
    fn opens(&self, pace_bps: f64) -> Option<Instant> {
        let wait = (-self.bits).max(0.0) / pace_bps.max(1.0);
        // A moment later, so that it does not come out at zero by rounding.
        self.filled.map(|filled| filled + Duration::from_secs_f64(wait) + Duration::from_micros(50))
    }
}

/// New packets of one kind of pictures, in order, and their bytes.
#[derive(Default)]
struct Line {
    packets: VecDeque<TaggedPacket>,
    bytes: usize,
}

impl Line {
    fn push(&mut self, packet: TaggedPacket) {
        self.bytes += payload(&packet).len();
        self.packets.push_back(packet);
    }

    fn pop(&mut self) -> Option<TaggedPacket> {
        let packet = self.packets.pop_front()?;
        self.bytes -= payload(&packet).len();
        Some(packet)
    }
}

/// The pacer of one connection.
pub(super) struct Pacer {
    sound_ssrc: u32,
    camera_ssrc: u32,
    screen_ssrc: u32,
    commands: Commands,
    /// Of pictures.
    codec: VideoCodec,
    estimator: Estimator,
    bucket: Bucket,
    again: VecDeque<TaggedPacket>,
    camera: Line,
    screen: Line,
    /// The camera had its turn.
    screens_turn: bool,
    leaving: VecDeque<TaggedPacket>,
    /// The extension for when a packet left, by stream, and since when time is counted.
    send_time_ids: BTreeMap<u32, u8>,
    began: Option<Instant>,
    read: VecDeque<TaggedPacket>,
    repeats: Repeats,
    outages: u32,
    /// When a packet left by a relay. The stack hands it over only when it looks around once more (webrtc 0.21.1).
    handed_over: Option<Instant>,
}

impl Pacer {
    /// For sound, camera and screen of these numbers.
    pub(super) fn new([sound_ssrc, camera_ssrc, screen_ssrc]: [u32; 3], estimator: Estimator) -> Self {
        Self {
            sound_ssrc,
            camera_ssrc,
            screen_ssrc,
            commands: Commands::default(),
            codec: VideoCodec::default(),
            estimator,
            bucket: Bucket::default(),
            again: VecDeque::new(),
            camera: Line::default(),
            screen: Line::default(),
            screens_turn: false,
            leaving: VecDeque::new(),
            send_time_ids: BTreeMap::new(),
            began: None,
            read: VecDeque::new(),
            repeats: Repeats::default(),
            outages: 0,
            handed_over: None,
        }
    }

    /// The other end asks for key frames.
    fn hear(&mut self, now: Instant, compound: &[Box<dyn rtc::rtcp::Packet>]) {
        for part in compound {
            let any = part.as_any();
            if let Some(request) = any.downcast_ref::<PictureLossIndication>() {
                self.repeats.key_frame_asked(now, request.media_ssrc);
            } else if let Some(request) = any.downcast_ref::<FullIntraRequest>() {
                for entry in &request.fir {
                    let ours = [self.camera_ssrc, self.screen_ssrc].contains(&entry.ssrc);
                    if ours && self.commands.is_new(request.sender_ssrc, entry) {
                        self.commands.note(request.sender_ssrc, entry);
                        self.repeats.key_frame_asked(now, entry.ssrc);
                    }
                }
            } else {
                continue;
            }
            self.forget();
        }
    }

    /// Lets go what nobody waits for any more.
    fn forget(&mut self) {
        let repeats = &self.repeats;
        self.again
            .retain(|waiting| number(waiting).is_none_or(|(ssrc, number)| repeats.is_worth(ssrc, number)));
    }

    /// Takes a packet of a picture.
    fn take(&mut self, packet: TaggedPacket) {
        let now = packet.now;
        let Some((ssrc, of_stream)) = number(&packet) else { return };
        if is_repeat(&packet) {
            let outages = self.estimator.outages();
            if std::mem::replace(&mut self.outages, outages) != outages {
                self.repeats.outage(now);
                self.forget();
            }
            // One that waits to be sent again needs not be sent twice.
            let waits = self.again.iter().any(|waiting| number(waiting) == Some((ssrc, of_stream)));
            let worth = !waits && self.repeats.is_worth(ssrc, of_stream);
            if self.again.len() < QUEUE && worth && self.estimator.resend(now, bits(&packet)) {
                self.again.push_back(packet);
            }
            return;
        }
        let line = if ssrc == self.screen_ssrc { &mut self.screen } else { &mut self.camera };
        if line.packets.len() < QUEUE {
            let begins = self.codec.begins_key_frame(payload(&packet));
            self.repeats.sent(now, ssrc, of_stream, begins);
            line.push(packet);
            if begins {
                self.forget();
            }
        }
    }

    /// What leaves next.
    fn next(&mut self) -> Option<TaggedPacket> {
        if let Some(packet) = self.again.pop_front() {
            return Some(packet);
        }
        let screen_may = !self.screen.packets.is_empty() && !self.estimator.is_filled();
        let screen = screen_may && (self.screens_turn || self.camera.packets.is_empty());
        self.screens_turn = !screen;
        if screen { self.screen.pop() } else { self.camera.pop() }
    }

    fn release(&mut self, now: Instant) {
        self.bucket.fill(now, self.estimator.pace_bps());
        while self.bucket.is_open()
            && let Some(mut packet) = self.next()
        {
            self.bucket.take(bits(&packet));
            packet.now = now;
            self.stamp(&mut packet);
            if !is_repeat(&packet) {
                self.estimator.sent(now, payload(&packet).len());
            }
            self.leaving.push_back(packet);
        }
        self.estimator.waiting([self.camera.bytes, self.screen.bytes]);
    }

    /// Writes when the packet leaves into it.
    fn stamp(&mut self, packet: &mut TaggedPacket) {
        let began = *self.began.get_or_insert(packet.now);
        let Packet::Rtp(rtp) = &mut packet.message.packet else { return };
        let Some(id) = self.send_time_ids.get(&rtp.header.ssrc) else { return };
        let parts = packet.now.saturating_duration_since(began).as_micros() * SEND_TIME_PARTS / 1_000_000;
        let [.., high, middle, low] = (parts as u32).to_be_bytes();
        if let Err(error) = rtp.header.set_extension(*id, Bytes::copy_from_slice(&[high, middle, low])) {
            tracing::trace!(%error, "a packet does not say when it left");
        }
    }

    /// When something may leave that waits.
    fn opens(&self) -> Option<Instant> {
        let opens = self.bucket.opens(self.estimator.pace_bps())?;
        if !self.again.is_empty() || !self.camera.packets.is_empty() {
            return Some(opens);
        }
        let looks = self.bucket.filled.filter(|_| self.estimator.is_filled()).map(|looked| looked + LOOK);
        (!self.screen.packets.is_empty()).then_some(looks.map_or(opens, |looks| opens.max(looks)))
    }
}

/// Whether the packet answers a request for it.
fn is_repeat(packet: &TaggedPacket) -> bool {
    packet.message.has(&Attribute::Retransmission)
}

/// Which packet of its stream it is.
fn number(packet: &TaggedPacket) -> Option<(u32, u16)> {
    match &packet.message.packet {
        Packet::Rtp(rtp) => Some((rtp.header.ssrc, rtp.header.sequence_number)),
        _ => None,
    }
}

fn payload(packet: &TaggedPacket) -> &[u8] {
    match &packet.message.packet {
        Packet::Rtp(rtp) => &rtp.payload,
        _ => &[],
    }
}

fn bits(packet: &TaggedPacket) -> f64 {
    match &packet.message.packet {
        Packet::Rtp(rtp) => rtp.marshal_size() as f64 * 8.0,
        _ => 0.0,
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Pacer {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(compound) = &packet.message.packet {
            self.hear(packet.now, compound);
            if !self.screen.packets.is_empty() {
                self.release(packet.now);
            }
        }
        self.read.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        let now = packet.now;
        match &packet.message.packet {
            Packet::Rtp(rtp) if rtp.header.ssrc != self.sound_ssrc => {
                self.take(packet);
                self.release(now);
            }
            _ => {
                self.bucket.fill(now, self.estimator.pace_bps());
                self.bucket.take(bits(&packet));
                if let Packet::Rtp(rtp) = &packet.message.packet {
                    self.estimator.sent(now, rtp.payload.len());
                }
                // Before pictures that may leave as well.
                self.leaving.push_front(packet);
            }
        }
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        let packet = self.leaving.pop_front()?;
        if self.handed_over.is_none() && self.estimator.is_relayed() {
            self.handed_over = Some(packet.now);
        }
        Some(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.handed_over = None;
        self.release(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.opens().into_iter().chain(self.handed_over).min()
    }
}

impl Interceptor for Pacer {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.codec = codecs::of_type(&info.mime_type).unwrap_or(self.codec);
        let send_time = info.rtp_header_extensions.iter().find(|extension| extension.uri == SEND_TIME);
        let id = send_time.and_then(|extension| u8::try_from(extension.id).ok()).filter(|id| *id != 0);
        self.send_time_ids.extend(id.map(|id| (info.ssrc, id)));
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.send_time_ids.remove(&info.ssrc);
    }

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::shared::TransportContext;

    const SOUND: u32 = 1;
    const PICTURES: u32 = 2;
    const SCREEN: u32 = 3;
    const SSRCS: [u32; 3] = [SOUND, PICTURES, SCREEN];

    fn packet(now: Instant, ssrc: u32, number: u16, bytes: usize) -> TaggedPacket {
        let header = rtc::rtp::Header { version: 2, ssrc, sequence_number: number, ..Default::default() };
        let packet = rtc::rtp::Packet { header, payload: vec![0; bytes].into() };
        TaggedPacket { now, transport: TransportContext::default(), message: Packet::Rtp(packet).into() }
    }

    fn left(pacer: &mut Pacer) -> Vec<(u32, u16)> {
        std::iter::from_fn(|| pacer.poll_write())
            .map(|packet| match packet.message.packet {
                Packet::Rtp(rtp) => (rtp.header.ssrc, rtp.header.sequence_number),
                other => unreachable!("not given: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_key_frame_leaves_over_time_in_order_and_a_word_does_not_wait_for_it() {
        let start = Instant::now();
        let mut pacer = Pacer::new(SSRCS, Estimator::new(start));
        for number in 0..76 {
            pacer.handle_write(packet(start, PICTURES, number, 1200)).expect("taken");
        }
        let at_once = left(&mut pacer);
        assert!((20..30).contains(&at_once.len()), "{at_once:?}");
        pacer.handle_write(packet(start, SOUND, 7, 100)).expect("taken");
        assert_eq!(left(&mut pacer), [(SOUND, 7)], "past 50 packets of a picture");
        let (mut now, mut pictures) = (start, at_once);
        while let Some(due) = pacer.poll_timeout() {
            assert!(due > now, "time goes on");
            now = due;
            pacer.handle_timeout(now).expect("released");
            let leaving = left(&mut pacer);
            assert!((1..=3).contains(&leaving.len()), "no burst: {leaving:?}");
            pictures.extend(leaving);
        }
        assert!(pictures.iter().map(|(_, number)| *number).eq(0..76), "{pictures:?}");
        // About 50 packets of 1,212 bytes at 2.5 Mb/s.
        let took = (now - start).as_millis();
        assert!((150..220).contains(&took), "{took} ms");
    }

    #[test]
    fn the_camera_and_the_screen_leave_in_turn_and_the_camera_first() {
        let start = Instant::now();
        let estimator = Estimator::new(start);
        let mut pacer = Pacer::new(SSRCS, estimator.clone());
        for number in 0..500 {
            pacer.handle_write(packet(start, SCREEN, number, 1200)).expect("taken");
        }
        assert!(left(&mut pacer).iter().all(|(ssrc, _)| *ssrc == SCREEN));
        assert!(estimator.rate(start).screen_clogged && !estimator.rate(start).clogged);
        for number in 0..4 {
            pacer.handle_write(packet(start, PICTURES, number, 1200)).expect("taken");
        }
        let mut leaving = Vec::new();
        while leaving.len() < 10 {
            let due = pacer.poll_timeout().expect("they wait");
            pacer.handle_timeout(due).expect("released");
            leaving.extend(left(&mut pacer).into_iter().map(|(ssrc, _)| ssrc));
        }
        let in_turn = [PICTURES, SCREEN, PICTURES, SCREEN, PICTURES, SCREEN, PICTURES, SCREEN, SCREEN];
        assert_eq!(leaving[..9], in_turn, "past 400 packets of a key frame");
    }

    #[test]
    fn a_picture_says_when_it_left_where_that_is_agreed_on() {
        use rtc::interceptor::RTPHeaderExtension;
        let start = Instant::now();
        let mut pacer = Pacer::new(SSRCS, Estimator::new(start));
        let rtp_header_extensions = vec![RTPHeaderExtension { uri: SEND_TIME.into(), id: 5 }];
        pacer.bind_local_stream(&StreamInfo { ssrc: PICTURES, rtp_header_extensions, ..Default::default() });
        let mut said_at = |now, ssrc| {
            pacer.handle_write(packet(now, ssrc, 1, 100)).expect("taken");
            let Packet::Rtp(rtp) = pacer.poll_write().expect("it leaves").message.packet else {
                unreachable!("none is given")
            };
            rtp.header.get_extension(5).map(|said| said.to_vec())
        };
        assert_eq!(said_at(start, PICTURES), Some(vec![0, 0, 0]));
        let later = start + Duration::from_millis(1500);
        assert_eq!(said_at(later, PICTURES), Some(vec![6, 0, 0]), "a second and a half, in 2^-18 s");
        assert_eq!(said_at(later + Duration::from_secs(64), PICTURES), Some(vec![6, 0, 0]), "it comes round");
        assert_eq!(said_at(later, SCREEN), None);
    }

    #[test]
    fn pictures_make_room_for_sound_but_not_for_ever() {
        let start = Instant::now();
        let mut pacer = Pacer::new(SSRCS, Estimator::new(start));
        for number in 0..200 {
            pacer.handle_write(packet(start, SOUND, number, 1000)).expect("taken");
        }
        assert_eq!(left(&mut pacer).len(), 200);
        pacer.handle_write(packet(start, PICTURES, 0, 1000)).expect("taken");
        assert!(left(&mut pacer).is_empty(), "sound took what there was");
        let due = pacer.poll_timeout().expect("it waits");
        assert!(due - start <= DEBT + Duration::from_millis(1), "{:?}", due - start);
        pacer.handle_timeout(due).expect("released");
        assert_eq!(left(&mut pacer), [(PICTURES, 0)]);
    }

    #[test]
    fn who_asks_for_a_key_frame_in_either_way_is_sent_nothing_older_again() {
        use rtc::rtcp::payload_feedbacks::full_intra_request::FirEntry;
        let asks: [fn() -> Box<dyn rtc::rtcp::Packet>; 2] = [
            || Box::new(PictureLossIndication { sender_ssrc: 9, media_ssrc: PICTURES }),
            || {
                let fir = vec![FirEntry { ssrc: PICTURES, sequence_number: 1 }];
                Box::new(FullIntraRequest { sender_ssrc: 9, media_ssrc: 0, fir })
            },
        ];
        for ask in asks {
            let start = Instant::now();
            let mut pacer = Pacer::new(SSRCS, Estimator::new(start));
            pacer.handle_write(packet(start, PICTURES, 7, 100)).expect("taken");
            assert!(pacer.repeats.is_worth(PICTURES, 7));
            let message = Packet::Rtcp(vec![ask()]).into();
            let heard = TaggedPacket { now: start, transport: TransportContext::default(), message };
            pacer.handle_read(heard).expect("passed on");
            assert!(!pacer.repeats.is_worth(PICTURES, 7));
        }
    }

    #[test]
    fn the_stack_looks_around_once_more_for_what_goes_by_a_relay() {
        let start = Instant::now();
        let estimator = Estimator::new(start);
        let mut pacer = Pacer::new(SSRCS, estimator.clone());
        pacer.handle_write(packet(start, SOUND, 0, 100)).expect("taken");
        assert_eq!((left(&mut pacer).len(), pacer.poll_timeout()), (1, None), "straight to the network");
        estimator.take_path(start, true);
        pacer.handle_write(packet(start, SOUND, 1, 100)).expect("taken");
        assert_eq!((left(&mut pacer).len(), pacer.poll_timeout()), (1, Some(start)));
        pacer.handle_timeout(start).expect("nothing waits");
        assert_eq!(pacer.poll_timeout(), None, "once");
    }
}
