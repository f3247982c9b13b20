//! A screen that is shared: a page of text now and then, small changes in between, and whoever looks at it.

use super::super::window::ReceiveWindow;
use crate::media::assembler::{Assembler, AssemblerEvent};
use crate::media::key_frame_floor::{KeyFrameFloor, KeyFramePace};
use crate::media::packet::{IncomingPacket, OutgoingPacket};
use crate::media::vp8_rtp::Packetizer;
use std::time::{Duration, Instant};

/// When it is shared.
const FROM: Duration = Duration::from_secs(5);
/// Between two pages.
const PAGE: Duration = Duration::from_secs(8);
/// Bytes of one: as fine as text is encoded, more than a second of a usual path.
const PAGE_BYTES: usize = 300_000;
/// Between two pictures.
const PICTURE: Duration = Duration::from_millis(200);

/// The sending half.
pub(super) struct Screen {
    packetizer: Packetizer,
    next: Duration,
    page: Duration,
    bps: u32,
    clogged: bool,
    pace: KeyFramePace,
}

impl Screen {
    pub(super) fn new() -> Self {
        let (packetizer, pace) = (Packetizer::new(), KeyFramePace::default());
        Self { packetizer, next: FROM, page: FROM, bps: 0, clogged: false, pace }
    }

    pub(super) fn take_rate(&mut self, bps: u32, clogged: bool) {
        (self.bps, self.clogged) = (bps, clogged);
    }

    pub(super) fn key_frame_wanted(&mut self, since: Duration, now: Instant, pause: Duration) {
        if self.pace.asked(now, pause).is_some() {
            self.page = since;
        }
    }

    /// The packets of the next picture, if it is time for one.
    pub(super) fn picture(&mut self, since: Duration) -> Vec<OutgoingPacket> {
        if since < self.next {
            return Vec::new();
        }
        self.next += PICTURE;
        if self.clogged {
            return Vec::new();
        }
        let page = since >= self.page;
        let bytes =
            if page { PAGE_BYTES } else { (f64::from(self.bps) / 8.0 * PICTURE.as_secs_f64()) as usize };
        if page {
            self.page = since + PAGE;
        }
        let mut frame = vec![1; bytes.max(2)];
        frame[0] = u8::from(!page);
        let mut packets = Vec::new();
        let timestamp = (since.as_micros() * 9 / 100) as u32;
        self.packetizer.packetize(&frame, timestamp, |packet| packets.push(packet));
        packets
    }
}

/// The receiving half.
pub(super) struct ScreenViewer {
    window: ReceiveWindow,
    assembler: Assembler,
    floor: KeyFrameFloor,
    /// When pictures were whole, s, and how long after capture, ms.
    whole: Vec<(f64, f64)>,
}

impl ScreenViewer {
    pub(super) fn new() -> Self {
        Self {
            window: ReceiveWindow::default(),
            assembler: Assembler::default(),
            floor: KeyFrameFloor::new(),
            whole: Vec::new(),
        }
    }

    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.assembler.set_round_trip(round_trip);
    }

    pub(super) fn take(&mut self, since: Duration, packet: IncomingPacket) {
        if self.window.accept(packet.sequence) {
            let mut ready = Vec::new();
            self.assembler.push(packet, &mut |event| ready.push(event));
            self.note(since, ready);
        }
    }

    fn note(&mut self, since: Duration, ready: Vec<AssemblerEvent>) {
        for event in ready {
            match event {
                AssemblerEvent::KeyFrameNeeded => self.floor.want(),
                AssemblerEvent::Frame(frame) => {
                    if frame.key {
                        self.floor.satisfied();
                    }
                    let captured = Duration::from_micros(u64::from(frame.timestamp) * 100 / 9);
                    let late = since.saturating_sub(captured).as_secs_f64() * 1000.0;
                    self.whole.push((since.as_secs_f64(), late));
                }
            }
        }
    }

    /// Time passes: what became whole, and whether a key frame is asked for.
    pub(super) fn look(&mut self, since: Duration, now: Instant) -> (Vec<(f64, f64)>, bool) {
        let mut ready = Vec::new();
        self.assembler.tick(now, &mut |event| ready.push(event));
        self.note(since, ready);
        (std::mem::take(&mut self.whole), self.floor.ask(now))
    }
}
