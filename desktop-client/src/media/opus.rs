//! Opus (RFC 6716) by libopus: the only file that names it.
//!
//! Mono 48 kHz in frames of 20 ms, set for speech: forward error correction in band, silence left out (DTX). The
//! decoder takes whatever a browser sends: any frame size, stereo folded to mono.

use crate::words::say_with;
use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Decoder, Encoder, ErrorCode};

/// Samples per second, of everything between the devices.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of one frame: 20 ms.
pub const FRAME_SAMPLES: usize = 960;
/// The same in microseconds.
pub const FRAME_US: u64 = 20_000;

/// Good wide-band speech; libopus spends part of it on error correction.
const BITRATE_BPS: i32 = 32_000;
/// The loss that error correction prepares for before any was seen, percent.
const FIRST_LOSS: u8 = 10;
/// The loss that error correction always prepares for, percent: the first lost packet comes unannounced.
const LEAST_LOSS: u8 = 5;
/// More than this, and the voice would be all correction, percent.
const MOST_LOSS: u8 = 30;
/// The longest frame there is: 120 ms.
const MAX_FRAME_SAMPLES: usize = 5760;
/// Encoded frames of 20 ms at our bitrate stay far below this.
const MAX_ENCODED_BYTES: usize = 1000;
/// Frames up to this size say "silence from here on" (libopus: they need not be sent).
const MAX_SILENCE_BYTES: usize = 2;

/// What libopus said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", say_with("fault-sound-codec", &[("reason", .0.into())]))]
pub struct OpusError(String);

impl From<opus::Error> for OpusError {
    fn from(error: opus::Error) -> Self {
        Self(error.to_string())
    }
}

/// Whether a payload says that silence begins, so that a gap after it is no loss.
pub fn announces_silence(payload: &[u8]) -> bool {
    payload.len() <= MAX_SILENCE_BYTES
}

/// An encoded frame and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodedSound {
    /// Send it; `first` after silence.
    Speech {
        /// The payload.
        payload: Bytes,
        /// Whether the one before was silence.
        first: bool,
    },
    /// Silence goes on: nothing to send.
    Silence,
}

/// Encodes one stream.
pub struct SoundEncoder {
    encoder: Encoder,
    silent: bool,
}

impl SoundEncoder {
    /// An encoder for speech.
    pub fn new() -> Result<Self, OpusError> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE_BPS))?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(FIRST_LOSS.into())?;
        encoder.set_dtx(true)?;
        Ok(Self { encoder, silent: true })
    }

    /// Prepares for this share of packets to be lost, percent: the more, the more of the voice is sent twice.
    pub fn set_loss(&mut self, percent: u8) -> Result<(), OpusError> {
        Ok(self.encoder.set_packet_loss_perc(percent.clamp(LEAST_LOSS, MOST_LOSS).into())?)
    }

    /// Encodes one frame.
    pub fn encode(&mut self, samples: &[f32; FRAME_SAMPLES]) -> Result<EncodedSound, OpusError> {
        let mut buffer = [0; MAX_ENCODED_BYTES];
        let length = self.encoder.encode_float(samples, &mut buffer)?;
        let silence = announces_silence(&buffer[..length]);
        let before = std::mem::replace(&mut self.silent, silence);
        if silence && before {
            return Ok(EncodedSound::Silence);
        }
        Ok(EncodedSound::Speech { payload: Bytes::copy_from_slice(&buffer[..length]), first: before })
    }
}

/// Decodes one stream.
pub struct SoundDecoder {
    decoder: Decoder,
    samples: Vec<f32>,
}

impl SoundDecoder {
    /// A decoder for a new stream.
    pub fn new() -> Result<Self, OpusError> {
        let decoder = Decoder::new(SAMPLE_RATE, Channels::Mono)?;
        Ok(Self { decoder, samples: vec![0.0; MAX_FRAME_SAMPLES] })
    }

    /// Decodes a packet; rubbish is an error that leaves the decoder usable.
    pub fn decode(&mut self, payload: &[u8]) -> Result<&[f32], OpusError> {
        if payload.is_empty() {
            return Err(OpusError(ErrorCode::InvalidPacket.description().to_owned()));
        }
        let count = self.decoder.decode_float(payload, &mut self.samples, false)?;
        Ok(&self.samples[..count])
    }

    /// The frame before `payload`, from the error correction in it.
    pub fn recover(&mut self, payload: &[u8]) -> Result<&[f32], OpusError> {
        let count = self.decoder.decode_float(payload, &mut self.samples[..FRAME_SAMPLES], true)?;
        Ok(&self.samples[..count])
    }

    /// A frame that carries on what was heard, fading out when called again and again.
    pub fn conceal(&mut self) -> Result<&[f32], OpusError> {
        let count = self.decoder.decode_float(&[], &mut self.samples[..FRAME_SAMPLES], false)?;
        Ok(&self.samples[..count])
    }
}

/// How many samples a packet stands for; one frame of ours for rubbish.
pub fn packet_samples(payload: &[u8]) -> usize {
    opus::packet::get_nb_samples(payload, SAMPLE_RATE)
        .ok()
        .filter(|samples| (1..=MAX_FRAME_SAMPLES).contains(samples))
        .unwrap_or(FRAME_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frame: usize) -> [f32; FRAME_SAMPLES] {
        std::array::from_fn(|at| ((frame * FRAME_SAMPLES + at) as f32 * 0.06).sin() * 0.4)
    }

    fn energy(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    fn payloads(frames: usize, source: impl Fn(usize) -> [f32; FRAME_SAMPLES]) -> Vec<Option<Bytes>> {
        let mut encoder = SoundEncoder::new().expect("an encoder");
        let mut payload = |frame| match encoder.encode(&source(frame)).expect("encoded") {
            EncodedSound::Speech { payload, .. } => Some(payload),
            EncodedSound::Silence => None,
        };
        (0..frames).map(&mut payload).collect()
    }

    #[test]
    fn a_tone_arrives_with_its_energy_and_a_lost_frame_is_bridged() {
        let mut decoder = SoundDecoder::new().expect("a decoder");
        for (frame, payload) in payloads(50, tone).into_iter().enumerate() {
            let payload = payload.expect("a tone is no silence");
            assert_eq!(packet_samples(&payload), FRAME_SAMPLES);
            let samples = if frame == 30 { decoder.conceal() } else { decoder.decode(&payload) };
            let heard = energy(samples.expect("decoded"));
            // Frames swell in at the start and after the bridge.
            let swelling = frame < 5 || (31..34).contains(&frame);
            let bridged = frame == 30 && heard > 0.01;
            assert!(swelling || bridged || (0.06..0.1).contains(&heard), "frame {frame}: {heard}");
        }
    }

    #[test]
    fn silence_is_announced_once_and_then_costs_almost_nothing() {
        let sent = payloads(300, |frame| if frame < 50 { tone(frame) } else { [0.0; FRAME_SAMPLES] });
        let silent = &sent[100..];
        let packets = silent.iter().flatten().count();
        assert!(packets < silent.len() / 5, "{packets} packets in {} frames of silence", silent.len());
        assert!(sent.iter().flatten().any(|payload| announces_silence(payload)));
    }

    #[test]
    fn rubbish_is_an_error_and_the_decoder_goes_on() {
        let mut decoder = SoundDecoder::new().expect("a decoder");
        for rubbish in [&[][..], &[0xFF], &[0xFF; 700], &[3, 255, 255]] {
            let _ = decoder.decode(rubbish);
            let _ = decoder.recover(rubbish);
            let _ = packet_samples(rubbish);
        }
        let payload = payloads(1, tone).remove(0).expect("speech");
        assert_eq!(decoder.decode(&payload).expect("decoded").len(), FRAME_SAMPLES);
    }
}
