//! The peer's voice: packets in, samples at the pace of a speaker out. Pure but for the decoder's own state.
//!
//! Joins the jitter buffer, the decoder, the stretching of single frames and the speed that two clocks differ by. Time
//! comes in; nothing here waits.

use bytes::Bytes;

use crate::media::jitter::{JitterBuffer, JitterStats, Pace, Pull};
use crate::media::opus::{FRAME_SAMPLES, SoundDecoder};
use crate::media::resample::Varispeed;
use crate::media::stretch::{Stretch, stretch};

/// What a frame was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// RTP timestamp of the first sample, if it came from a packet.
    pub(crate) timestamp: Option<u32>,
    /// The stream has begun.
    pub(crate) begun: bool,
    /// The decoder refused the packet.
    pub(crate) refused: bool,
}

/// The voice of one peer.
pub(crate) struct Voice {
    jitter: JitterBuffer,
    decoder: SoundDecoder,
    varispeed: Varispeed,
    /// A stretched frame; kept for its capacity.
    stretched: Vec<f32>,
}

impl Voice {
    pub(crate) fn new(decoder: SoundDecoder) -> Self {
        let (jitter, varispeed) = (JitterBuffer::new(), Varispeed::new());
        Self { jitter, decoder, varispeed, stretched: Vec::with_capacity(2 * FRAME_SAMPLES) }
    }

    /// Takes a packet that arrived at `now_us`.
    pub(crate) fn push(&mut self, timestamp: u32, payload: Bytes, now_us: u64) {
        self.jitter.push(timestamp, payload, now_us);
    }

    /// See [`JitterBuffer::set_floor_us`].
    pub(crate) fn set_floor_us(&mut self, floor_us: u64) {
        self.jitter.set_floor_us(floor_us);
    }

    /// Appends the next frame, of about 20 ms, to `samples`.
    pub(crate) fn play(&mut self, now_us: u64, samples: &mut Vec<f32>) -> Frame {
        self.varispeed.set_speed(self.jitter.speed());
        let pull = self.jitter.pull(now_us);
        let decoded = match &pull {
            Pull::Packet { payload, .. } => self.decoder.decode(payload),
            Pull::Recover { payload } => self.decoder.recover(payload),
            Pull::Conceal | Pull::Comfort => self.decoder.conceal(),
            Pull::Nothing => Ok(&[0.0; FRAME_SAMPLES][..]),
        };
        let refused = decoded.is_err();
        let mut frame = decoded.unwrap_or(&[0.0; FRAME_SAMPLES]);
        if let Pull::Packet { pace, .. } = pull
            && let Some(how) = stretch_of(pace)
        {
            self.stretched.clear();
            let shortened = stretch(frame, how, &mut self.stretched);
            self.jitter.note_shortened(shortened);
            frame = &self.stretched;
        }
        self.varispeed.process(frame, |sample| samples.push(sample));
        let timestamp = match pull {
            Pull::Packet { timestamp, .. } => Some(timestamp),
            _ => None,
        };
        Frame { timestamp, begun: pull != Pull::Nothing, refused }
    }

    /// Counters, and the delay at `now_us`.
    pub(crate) fn stats(&self, now_us: u64) -> JitterStats {
        self.jitter.stats(now_us)
    }
}

fn stretch_of(pace: Pace) -> Option<Stretch> {
    match pace {
        Pace::Steady => None,
        Pace::Faster => Some(Stretch::Shorten),
        Pace::MuchFaster => Some(Stretch::ShortenMore),
        Pace::Slower => Some(Stretch::Lengthen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::opus::{EncodedSound, FRAME_US, SoundEncoder};
    use crate::media::talk::talk;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// What a path does to packets.
    struct Trace {
        jitter_us: u64,
        loss_percent: u32,
        /// From when to when nothing arrives, µs; then all of it does.
        stall: (u64, u64),
        drift_ppm: f64,
    }

    const CALM: Trace = Trace { jitter_us: 1, loss_percent: 0, stall: (0, 0), drift_ppm: 0.0 };

    /// Sends `said` over the path and plays it, all in virtual time.
    fn heard(said: &[f32], trace: &Trace) -> (Vec<f32>, JitterStats) {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut encoder = SoundEncoder::new().expect("an encoder");
        encoder.set_loss(trace.loss_percent as u8).expect("set");
        let mut packets = Vec::new();
        for (n, frame) in said.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
            let sent = encoder.encode(frame).expect("encoded");
            let EncodedSound::Speech { payload, .. } = sent else { continue };
            let mut at = n as u64 * FRAME_US + u64::from(rng.next_u32()) % trace.jitter_us;
            if (trace.stall.0..trace.stall.1).contains(&at) {
                at = trace.stall.1;
            }
            if rng.next_u32() % 100 >= trace.loss_percent {
                packets.push((at, (n * FRAME_SAMPLES) as u32, payload));
            }
        }
        packets.sort_by_key(|(at, ..)| *at);
        let end_us = (said.len() / FRAME_SAMPLES) as f64 * FRAME_US as f64;
        let mut voice = Voice::new(SoundDecoder::new().expect("a decoder"));
        let (mut samples, mut now, mut packets) = (Vec::new(), 0.0, packets.into_iter().peekable());
        while now < end_us {
            while let Some((at, timestamp, payload)) = packets.next_if(|(at, ..)| *at as f64 <= now) {
                voice.push(timestamp, payload, at);
            }
            let before = samples.len();
            voice.play(now as u64, &mut samples);
            now += (samples.len() - before) as f64 / 48e-3 * (1.0 + trace.drift_ppm / 1e6);
        }
        (samples, voice.stats(end_us as u64))
    }

    /// Loudness of each 10 ms.
    fn loudness(samples: &[f32]) -> Vec<f32> {
        let power = |chunk: &[f32]| chunk.iter().map(|sample| sample * sample).sum::<f32>();
        samples.chunks_exact(480).map(power).map(f32::sqrt).collect()
    }

    /// How alike the loudness of two sounds is over each second, at the best shift within 400 ms: the median.
    fn likeness(said: &[f32], heard: &[f32]) -> f32 {
        let (said, heard) = (loudness(said), loudness(heard));
        let mut scores: Vec<f32> = (100..heard.len().min(said.len()) - 100)
            .step_by(100)
            .map(|at| {
                let window = &heard[at..at + 100];
                (0..40).map(|shift| alike(&said[at - shift..at - shift + 100], window)).fold(0.0, f32::max)
            })
            .collect();
        scores.sort_by(f32::total_cmp);
        scores[scores.len() / 2]
    }

    fn alike(a: &[f32], b: &[f32]) -> f32 {
        let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        let power = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
        product / (power(a) * power(b)).sqrt().max(f32::EPSILON)
    }

    #[test]
    fn words_cross_bad_paths_and_are_still_words() {
        let said = talk(1, 30);
        let paths = [
            ("calm", CALM, 0.95),
            ("jitter of 60 ms", Trace { jitter_us: 60_000, ..CALM }, 0.93),
            ("jitter of 150 ms", Trace { jitter_us: 150_000, ..CALM }, 0.9),
            ("5 % loss", Trace { loss_percent: 5, jitter_us: 20_000, ..CALM }, 0.9),
            ("20 % loss", Trace { loss_percent: 20, jitter_us: 20_000, ..CALM }, 0.8),
            ("a stall", Trace { stall: (10_000_000, 10_600_000), ..CALM }, 0.93),
            ("drift", Trace { drift_ppm: 300.0, ..CALM }, 0.95),
        ];
        for (name, trace, least) in paths {
            let (heard, stats) = heard(&said, &trace);
            let likeness = likeness(&said, &heard);
            eprintln!("{name}: likeness {likeness:.3}, {stats:?}");
            assert!(likeness > least, "{name}: likeness {likeness}, {stats:?}");
        }
    }

    #[test]
    fn five_percent_loss_is_repaired_rather_than_made_up() {
        let said = talk(1, 60);
        let (_, stats) = heard(&said, &Trace { loss_percent: 5, ..CALM });
        let concealed = stats.concealed_ms as f64 / 60_000.0;
        assert!(stats.packets_lost > 50 && concealed < 0.03, "{concealed}: {stats:?}");
    }

    #[test]
    fn a_delay_that_is_too_long_is_worn_away_in_seconds() {
        let (_, stats) = heard(&talk(1, 30), &Trace { stall: (3_000_000, 3_900_000), ..CALM });
        assert!(stats.delay_ms < stats.target_ms + 30.0, "{stats:?}");
    }
}
