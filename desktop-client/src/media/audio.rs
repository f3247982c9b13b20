//! The sound of a call, both directions in one place.
//!
//! Owns two threads: `audio-capture` (source, encoder, packets) and `audio-playout` (jitter buffer, decoder, speaker).
//! They share nothing but counters. A device that is missing or fails is a state, not an error: the call goes on
//! without, and the device is tried again. Timestamps of sound are tied to the media clock by anchors, so that both
//! ends can say how long a word took from mouth to ear.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use super::clock::MediaClock;
use super::echo::SharedEcho;
use super::jitter::JitterStats;
use super::lip_sync::{Reference, SharedLipSync};
use super::mic::{Mic, MicError, MicSpec, SoundFileError};
use super::opus::{OpusError, SoundDecoder, SoundEncoder};
use super::packet::{IncomingPacket, PacketSink};
use super::processing::AudioProcessing;
use super::sound_device::Waking;
use super::speaker::{Speaker, SpeakerError, SpeakerSpec};

mod capture;
mod cleaning;
mod level;
mod playout;
#[cfg(test)]
mod tests;
mod voice;

#[cfg(test)]
pub(crate) use cleaning::Cleaning;
pub use level::SILENCE_DB;
pub(crate) use voice::Voice;

/// Packets between the transport and the playout thread: two seconds.
const QUEUE_PACKETS: usize = 100;

/// A point where a timestamp of sound meets the media clock of the end that captured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureAnchor {
    /// RTP timestamp of a sample, 48 kHz.
    pub timestamp: u32,
    /// When it was captured, µs of the capturing end's media clock.
    pub capture_us: u64,
}

impl CaptureAnchor {
    /// When the sample `timestamp` was captured, for samples within half a day; `None` before the clock's origin.
    pub fn capture_us(self, timestamp: u32) -> Option<u64> {
        let samples = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        self.capture_us.checked_add_signed(samples * 1000 / 48)
    }
}

/// A sound that was played: when it was captured there, and when it was heard here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayedSound {
    /// Capture, µs of the peer's media clock.
    pub capture_us: u64,
    /// Hearing, µs of our media clock.
    pub heard_us: u64,
}

/// Loudness of the last moments, dB of full scale; [`SILENCE_DB`] for none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoundLevels {
    /// What the microphone hears, muted or not.
    pub mic_db: f64,
    /// What is played.
    pub speaker_db: f64,
}

/// What the sound has done so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AudioStats {
    /// Packets that left.
    pub packets_sent: u64,
    /// When the first packet left.
    pub first_sent_at: Option<Instant>,
    /// The playout buffer: received, lost, late, concealed, delay.
    pub jitter: JitterStats,
    /// Loudness of everything played so far, dB of full scale; `None` if nothing was.
    pub level_db: Option<f64>,
    /// Packets that the decoder refused.
    pub corrupt_packets: u64,
    /// Packets dropped because the playout thread did not keep up.
    pub dropped_packets: u64,
    /// What is wrong with the microphone, in words, while something is.
    pub mic_fault: Option<String>,
    /// What is wrong with the speaker, in words, while something is.
    pub speaker_fault: Option<String>,
}

/// Why sound did not start. Devices are no reason; see [`AudioStats::mic_fault`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The file to play or to record to cannot be used.
    #[error(transparent)]
    File(#[from] SoundFileError),
    /// The codec does not start.
    #[error(transparent)]
    Codec(#[from] OpusError),
}

#[derive(Default)]
struct State {
    stopping: bool,
    muted: bool,
    sending: bool,
    processing: AudioProcessing,
    /// The share of our packets that is lost on the way, percent, if it is news.
    loss_percent: Option<u8>,
    /// Of a speaker that was just opened.
    echo: Option<SharedEcho>,
    /// Devices to go on with.
    next_mic: Option<MicSpec>,
    next_speaker: Option<SpeakerSpec>,
    anchor: Option<CaptureAnchor>,
    remote_anchor: Option<CaptureAnchor>,
    /// The same on the peer's wall clock, as its sender reports say.
    reported_anchor: Option<CaptureAnchor>,
    played: Option<PlayedSound>,
    mic_level: level::Level,
    speaker_level: level::Level,
    stats: AudioStats,
}

impl State {
    /// When a sample of the peer was captured, and by which of its clocks: the one that pictures count, if it is known.
    fn captured_us(&self, timestamp: u32) -> Option<(Reference, u64)> {
        let told = self.remote_anchor.map(|anchor| (Reference::Media, anchor));
        let (reference, anchor) =
            told.or_else(|| self.reported_anchor.map(|anchor| (Reference::Wall, anchor)))?;
        Some((reference, anchor.capture_us(timestamp)?))
    }
}

type Shared = Arc<Mutex<State>>;

fn locked(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().expect("no holder of the sound's state panics")
}

/// The sound of one call. Dropping it ends its threads and releases the devices.
pub struct AudioEngine {
    shared: Shared,
    lip_sync: SharedLipSync,
    packets: Option<SyncSender<IncomingPacket>>,
    threads: Vec<JoinHandle<()>>,
}

impl AudioEngine {
    /// Starts both directions. Packets go to `sink` once [`set_sending`](Self::set_sending) says so.
    pub fn start(
        mic: MicSpec,
        speaker: SpeakerSpec,
        clock: MediaClock,
        sink: PacketSink,
    ) -> Result<Self, AudioError> {
        let (shared, lip_sync) = (Shared::default(), SharedLipSync::default());
        // Files are opened here, so that a wrong path is an error at once; devices on their own threads.
        let opened_mic = match &mic {
            MicSpec::File(_) => Some(Mic::open(&mic, Waking::FIRST)),
            _ => None,
        };
        let opened_mic = match opened_mic.transpose() {
            Ok(opened) => opened,
            Err(MicError::File(error)) => return Err(error.into()),
            Err(MicError::Device(_)) => None,
        };
        let opened_speaker = match &speaker {
            SpeakerSpec::File(_) => Some(Speaker::open(&speaker, Waking::FIRST)),
            _ => None,
        };
        let opened_speaker = match opened_speaker.transpose() {
            Ok(opened) => opened,
            Err(SpeakerError::File(error)) => return Err(error.into()),
            Err(SpeakerError::Device(_)) => None,
        };
        let (packets, queue) = sync_channel(QUEUE_PACKETS);
        let (encoder, decoder) = (SoundEncoder::new()?, SoundDecoder::new()?);
        let capture = capture::Capture::new(shared.clone(), mic, clock, encoder, sink);
        let playout =
            playout::Playout::new(shared.clone(), speaker, clock, (decoder, lip_sync.clone()), queue);
        let threads = vec![
            spawn("audio-capture", move || capture.run(opened_mic)),
            spawn("audio-playout", move || playout.run(opened_speaker)),
        ];
        Ok(Self { shared, lip_sync, packets: Some(packets), threads })
    }

    /// Mutes the microphone: silence is sent instead.
    pub fn set_muted(&self, muted: bool) {
        locked(&self.shared).muted = muted;
    }

    /// What is done to the sound of a microphone from now on; all of it unless told otherwise. Sound that is made or
    /// read from a file is left as it is.
    pub fn set_processing(&self, processing: AudioProcessing) {
        locked(&self.shared).processing = processing;
    }

    /// Tells what share of our packets is lost on the way, 0 to 1: error correction prepares for it.
    pub fn set_loss(&self, lost: f64) {
        locked(&self.shared).loss_percent = Some((lost.clamp(0.0, 1.0) * 100.0).round() as u8);
    }

    /// What keeps pictures in step with this sound.
    pub fn lip_sync(&self) -> SharedLipSync {
        self.lip_sync.clone()
    }

    /// Goes on with another source; the far end hears the same stream. The one in use already changes nothing.
    pub fn set_mic(&self, spec: MicSpec) {
        locked(&self.shared).next_mic = Some(spec);
    }

    /// Goes on with another sink.
    pub fn set_speaker(&self, spec: SpeakerSpec) {
        locked(&self.shared).next_speaker = Some(spec);
    }

    /// Lets sound leave, or keeps it here (while it rings).
    pub fn set_sending(&self, sending: bool) {
        locked(&self.shared).sending = sending;
    }

    /// Takes a packet. Never blocks; drops it if the playout thread is far behind.
    pub fn push(&self, packet: IncomingPacket) {
        let queue = self.packets.as_ref().expect("the queue lives as long as the engine");
        if queue.try_send(packet).is_err() {
            locked(&self.shared).stats.dropped_packets += 1;
        }
    }

    /// Loudness of both directions now.
    pub fn levels(&self) -> SoundLevels {
        let state = locked(&self.shared);
        SoundLevels { mic_db: state.mic_level.now_db(), speaker_db: state.speaker_level.now_db() }
    }

    /// What has been done so far.
    pub fn stats(&self) -> AudioStats {
        let state = locked(&self.shared);
        AudioStats { level_db: state.speaker_level.overall_db(), ..state.stats.clone() }
    }

    /// Where our timestamps stand, for the peer; `None` before the first frame. Worth sending once a second.
    pub fn capture_anchor(&self) -> Option<CaptureAnchor> {
        locked(&self.shared).anchor
    }

    /// Where the peer's timestamps stand, as the peer said.
    pub fn set_remote_anchor(&self, anchor: CaptureAnchor) {
        locked(&self.shared).remote_anchor = Some(anchor);
    }

    /// Where the peer's timestamps stand on its wall clock, as its sender reports say: good for keeping pictures in step
    /// where the peer says nothing better.
    pub fn set_reported_anchor(&self, anchor: CaptureAnchor) {
        locked(&self.shared).reported_anchor = Some(anchor);
    }

    /// The last sound that was played, once the peer's anchor is known.
    pub fn last_played(&self) -> Option<PlayedSound> {
        locked(&self.shared).played
    }
}

impl Drop for AudioEngine {
    fn drop(&mut self) {
        locked(&self.shared).stopping = true;
        self.packets = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("the threads of sound do not panic");
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(run).expect("the system can start a thread")
}
