//! The encode thread: the newest picture, at the size and rate that the bitrate carries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::media::codec::{CodecError, Content, MIN_BITRATE_BPS, Packetizer, VideoCodec, VideoEncoder};
use crate::media::frame::{FramePool, VideoFrame};
use crate::media::ladder::Ladder;
use crate::media::limits::Limits;
use crate::media::packet::PacketSink;
use crate::media::scale::Scaler;
use crate::media::stamp::Stamp;

/// How often the thread looks at its orders when no picture comes.
const IDLE: Duration = Duration::from_millis(250);
/// RTP clock of video.
const TICKS_PER_SECOND: u32 = 90_000;

pub(super) struct Encode {
    shared: Arc<Shared>,
    content: Content,
    stamped: bool,
    sink: PacketSink,
    ladder: Ladder,
    codec: VideoCodec,
    limits: Limits,
    encoder: Option<SizedEncoder>,
    packetizer: Packetizer,
    scaler: Scaler,
    pool: FramePool,
    /// When the next picture is due, of those at the step's rate.
    next_pts: u64,
    last_pts: Option<u64>,
    /// The last picture that was left out because the path was full. Its time is not the encoder's: it would be made good
    /// by a picture as large as all that were left out, and that would fill the path again.
    left_out: Option<u64>,
    /// The encoder's clock.
    encoder_pts: u64,
}

struct SizedEncoder {
    encoder: VideoEncoder,
    size: (usize, usize),
    /// What the stream that it makes keeps to, and says so.
    limits: Limits,
    bitrate_bps: u32,
}

impl Encode {
    pub(super) fn new(shared: Arc<Shared>, content: Content, stamped: bool, sink: PacketSink) -> Self {
        let (ladder, codec) = {
            let state = shared.locked();
            let ladder = match content {
                Content::Motion => Ladder::new(state.target_bps),
                Content::Detail => Ladder::of_screen(state.target_bps),
            };
            (ladder, state.codec)
        };
        Self {
            shared,
            content,
            stamped,
            sink,
            ladder,
            codec,
            limits: Limits::NONE,
            encoder: None,
            packetizer: Packetizer::new(codec),
            scaler: Scaler::new(),
            pool: FramePool::new(),
            next_pts: 0,
            last_pts: None,
            left_out: None,
            encoder_pts: 0,
        }
    }

    pub(super) fn run(mut self) {
        let captured = self.shared.captured.clone();
        while !captured.is_closed() {
            let Some(frame) = captured.wait(IDLE) else { continue };
            let (sending, target_bps, key_frame, codec, limits) = {
                let mut state = self.shared.locked();
                state.stats.frames_dropped += u64::from(state.sending && state.clogged);
                let sending = state.sending && !state.clogged;
                (sending, state.target_bps, state.key_frame_due(), state.codec, state.limits)
            };
            self.speak(codec);
            self.limits = limits;
            if !sending {
                self.left_out = Some(pts(&frame));
                continue;
            }
            if let Err(error) = self.send(&frame, target_bps, key_frame) {
                tracing::error!(%error, "encoder failed; a new one is made for the next picture");
                self.encoder = None;
            }
        }
    }

    /// Goes on in this codec.
    fn speak(&mut self, codec: VideoCodec) {
        if self.codec != codec {
            (self.codec, self.encoder, self.packetizer) = (codec, None, Packetizer::new(codec));
        }
    }

    fn send(&mut self, frame: &VideoFrame, target_bps: u32, key_frame: bool) -> Result<(), CodecError> {
        let target_bps = self.limits.bitrate(target_bps);
        let rung = self.ladder.rung(Instant::now(), target_bps);
        let (size, fps) = self.limits.keep(rung, frame.width(), frame.height());
        let pts = pts(frame);
        if !self.is_due(pts, fps) && !key_frame {
            return Ok(());
        }
        let began = Instant::now();
        let picture = self.prepare(frame, size);
        let mut sized = match self.encoder.take() {
            Some(sized) if sized.size == size && sized.limits == self.limits => sized,
            _ => {
                let most_fps = self.limits.rate_of(size);
                let encoder = VideoEncoder::up_to(most_fps, self.codec, size, target_bps, self.content)?;
                SizedEncoder { encoder, size, limits: self.limits, bitrate_bps: target_bps }
            }
        };
        if sized.bitrate_bps != target_bps {
            sized.encoder.set_bitrate(target_bps)?;
            sized.bitrate_bps = target_bps;
        }
        let duration = TICKS_PER_SECOND / fps;
        self.next_pts = self.next_pts.max(pts.saturating_sub(tolerance(fps))) + u64::from(duration);
        self.encoder_pts += pts - self.last_pts.max(self.left_out).unwrap_or(pts).min(pts);
        self.last_pts = Some(pts);
        match sized.encoder.encode(&picture, self.encoder_pts as i64, duration, key_frame)? {
            None => self.shared.locked().stats.frames_dropped += 1,
            Some(encoded) => {
                let (sink, mut bytes) = (&mut self.sink, 0);
                self.packetizer.packetize(encoded.data, pts as u32, |packet| {
                    bytes += packet.payload.len();
                    sink(packet);
                });
                if !encoded.key {
                    self.ladder.spent(bytes);
                }
                self.count(size, bytes, encoded.key);
            }
        }
        self.encoder = Some(sized);
        let now = Instant::now();
        self.ladder.encoded(now, now - began);
        Ok(())
    }

    /// Keeps to the step's frame rate, also where the camera keeps to none.
    fn is_due(&self, pts: u64, fps: u32) -> bool {
        self.last_pts.is_none_or(|last| pts > last) && pts + tolerance(fps) >= self.next_pts
    }

    /// The picture at the size to send, stamped if it is to be.
    fn prepare(&mut self, frame: &VideoFrame, size: (usize, usize)) -> VideoFrame {
        let stamp = match (self.stamped, frame.info.number, frame.info.capture_us) {
            (true, Some(number), Some(capture_us)) => Some(Stamp { number, capture_us }),
            _ => None,
        };
        if stamp.is_none() && size == (frame.width(), frame.height()) {
            return frame.clone();
        }
        let scaler = &mut self.scaler;
        self.pool.draw(size.0, size.1, frame.info, |planes| {
            scaler.scale(frame, planes);
            if let Some(stamp) = stamp {
                stamp.write(planes);
            }
        })
    }

    fn count(&self, size: (usize, usize), bytes: usize, key: bool) {
        let now = Instant::now();
        let mut state = self.shared.locked();
        if key {
            let leaves = bytes as f64 * 8.0 / f64::from(state.target_bps.max(MIN_BITRATE_BPS));
            state.last_key_frame = Some((now, Duration::from_secs_f64(leaves)));
            state.key_frame_at = None;
        }
        state.frames.add(now, 1);
        state.bits.add(now, bytes as u64 * 8);
        let stats = &mut state.stats;
        stats.frames_sent += 1;
        stats.key_frames += u64::from(key);
        stats.first_frame_at.get_or_insert(now);
        (stats.width, stats.height) = size;
    }
}

/// When it was captured, in ticks of RTP.
fn pts(frame: &VideoFrame) -> u64 {
    let capture_us = frame.info.capture_us.expect("cameras and placeholders set the capture time");
    capture_us * u64::from(TICKS_PER_SECOND) / 1_000_000
}

/// How much sooner than due a picture may come: at the full rate a whole frame, since cameras are read late on a busy
/// machine; below it a quarter, so that the pictures that are left out are evenly spread.
fn tolerance(fps: u32) -> u64 {
    let interval = u64::from(TICKS_PER_SECOND / fps);
    if fps >= 30 { interval } else { interval / 4 }
}
