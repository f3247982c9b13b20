//! The media of one call: camera, microphone, speaker and the decoders, and the gates they leave through.
//!
//! Starting is quick; ending waits for device threads, and so is left to a thread that may wait.

use super::Viewer;
use super::inventory::Lists;
use super::screen::{Screen, WindowMeter};
use crate::media::audio::{AudioEngine, CaptureAnchor, SILENCE_DB};
use crate::media::camera::CameraSpec;
use crate::media::clock::MediaClock;
use crate::media::codec::VideoCodec;
use crate::media::frame::FrameSlot;
use crate::media::mic::MicSpec;
use crate::media::packet::{OutgoingPacket, PacketSink};
use crate::media::presenter::Presenter;
use crate::media::processing::AudioProcessing;
use crate::media::screen::{self, ScreenChoice, ScreenError};
use crate::media::speaker::SpeakerSpec;
use crate::media::tones::{Tone, TonePlayer};
use crate::media::video_receiver::VideoReceiver;
use crate::media::video_sender::{Stamps, VideoSender, VideoSenderOptions};
use crate::peer::{MediaKind, PacketHandler, PacketOutlet, Peer};
use crate::rate::START_BPS;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What device threads tell the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// The decoder of this kind of pictures lacks a key frame.
    KeyFrameNeeded(MediaKind),
    /// What of the screen can be shared, or why nothing can.
    Screens(Result<Vec<ScreenChoice>, ScreenError>),
    /// What is shared failed, or (`None`) came back.
    Screen(Option<String>),
    /// The camera failed, or (`None`) came back.
    Camera(Option<String>),
    /// Other devices are there than before.
    Lists(Lists),
}

/// Where packets of one track go: nowhere until a connection is there.
#[derive(Clone, Default)]
pub(super) struct Gate {
    outlet: Arc<Mutex<Option<PacketOutlet>>>,
    bytes: Arc<AtomicU64>,
}

impl Gate {
    pub(super) fn set(&self, outlet: Option<PacketOutlet>) {
        *self.outlet.lock().expect("no holder of the gate panics") = outlet;
    }

    fn is_open(&self) -> bool {
        self.outlet.lock().expect("no holder of the gate panics").is_some()
    }

    pub(super) fn sink(&self) -> PacketSink {
        let gate = self.clone();
        Box::new(move |packet: OutgoingPacket| {
            if let Some(outlet) = &*gate.outlet.lock().expect("no holder of the gate panics") {
                gate.bytes.fetch_add(packet.payload.len() as u64, Ordering::Relaxed);
                outlet.send(packet);
            }
        })
    }
}

/// What media is made of, for every call alike.
pub(super) struct MediaSource {
    pub(super) camera: CameraSpec,
    pub(super) mic: MicSpec,
    pub(super) speaker: SpeakerSpec,
    pub(super) processing: AudioProcessing,
    pub(super) viewer: Viewer,
    pub(super) clock: MediaClock,
    pub(super) remote_frames: Arc<FrameSlot>,
    pub(super) local_frames: Arc<FrameSlot>,
    pub(super) screen_frames: Arc<FrameSlot>,
    pub(super) window: WindowMeter,
    pub(super) notices: mpsc::Sender<Notice>,
}

/// The own camera, from the first ring on.
pub(super) struct Camera {
    sender: VideoSender,
    gate: Gate,
}

/// Sound, and the peer's pictures, from the first word of negotiation on.
pub(super) struct Conversation {
    pub(super) audio: Option<Arc<AudioEngine>>,
    pub(super) audio_fault: Option<String>,
    pub(super) receiver: Option<Arc<VideoReceiver>>,
    pub(super) screen: Option<Screen>,
    pub(super) peer_screen: PeerScreen,
    audio_gate: Gate,
}

impl MediaSource {
    /// Opens the camera; nothing leaves yet.
    pub(super) fn open_camera(&self, bits_max: u32) -> Camera {
        // A strip of data across a person's picture is for machines alone.
        let stamps = match &self.viewer {
            Viewer::Bot { .. } => Stamps::All,
            Viewer::Window => Stamps::Made,
        };
        let options = VideoSenderOptions { bitrate_bps: START_BPS.min(bits_max), stamps };
        let gate = Gate::default();
        let notices = self.notices.clone();
        let watch = Box::new(move |fault: Option<&crate::media::camera::CameraError>| {
            // Full: the engine is behind, and reads the state of the camera once a second anyway.
            notices.try_send(Notice::Camera(fault.map(ToString::to_string))).ok();
        });
        let preview = self.local_frames.clone();
        let sender =
            VideoSender::start(self.camera.clone(), options, self.clock, preview, gate.sink(), watch);
        Camera { sender, gate }
    }

    /// Opens the microphone to be tried out; nothing leaves.
    pub(super) fn rehearse(&self) -> Rehearsal {
        let nowhere: PacketSink = Box::new(|_| {});
        let started = AudioEngine::start(self.mic.clone(), SpeakerSpec::Off, self.clock, nowhere);
        let mut rehearsal = Rehearsal { audio: started.ok(), tone: None, speaker_fault: None };
        rehearsal.use_devices(self);
        rehearsal
    }

    /// Opens sound and decoders; nothing leaves yet.
    pub(super) fn open_conversation(&self) -> Conversation {
        let audio_gate = Gate::default();
        let sink = audio_gate.sink();
        let started = AudioEngine::start(self.mic.clone(), self.speaker.clone(), self.clock, sink);
        let (audio, audio_fault) = match started {
            Ok(audio) => {
                audio.set_processing(self.processing);
                (Some(Arc::new(audio)), None)
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let mut screen_fault = None;
        let (slot, screen) = match &self.viewer {
            Viewer::Window => {
                let sound = audio.as_ref().map(Arc::downgrade).unwrap_or_default();
                let screen = Screen::window(self.window.clone(), self.clock, sound);
                (self.remote_frames.clone(), Some(screen))
            }
            Viewer::Bot { reference, .. } => {
                let slot = FrameSlot::new();
                match Screen::bot(slot.clone(), self.clock, reference.as_ref(), audio.as_ref()) {
                    Ok(screen) => (slot, Some(screen)),
                    Err(error) => {
                        screen_fault = Some(error.to_string());
                        (slot, None)
                    }
                }
            }
        };
        let receiver = self.decode(MediaKind::Video, slot);
        if let (Some(receiver), Some(audio)) = (&receiver, &audio) {
            receiver.follow_sound(audio.lip_sync(), self.clock);
        }
        let peer_screen = self.open_peer_screen();
        let audio_fault = audio_fault.or(screen_fault);
        Conversation { audio, audio_fault, receiver, screen, peer_screen, audio_gate }
    }

    /// Decodes pictures of one kind into `slot`.
    fn decode(&self, kind: MediaKind, slot: Arc<FrameSlot>) -> Option<Arc<VideoReceiver>> {
        let notices = self.notices.clone();
        // Full: it is asked again while the need lasts.
        let needed = Box::new(move || drop(notices.try_send(Notice::KeyFrameNeeded(kind))));
        VideoReceiver::start(slot, needed)
            .inspect_err(|error| tracing::error!(%error, "pictures cannot be decoded"))
            .ok()
            .map(Arc::new)
    }

    /// What the peer may share: shown as it comes, there is no sound that belongs to it.
    fn open_peer_screen(&self) -> PeerScreen {
        let (slot, viewer) = match &self.viewer {
            Viewer::Window => (self.screen_frames.clone(), None),
            Viewer::Bot { screen_reference, .. } => {
                let slot = FrameSlot::new();
                let reference = screen_reference.and_then(screen::open_source);
                let viewer = Presenter::start(slot.clone(), self.clock, reference, Box::new(|| None));
                (slot, Some(viewer))
            }
        };
        PeerScreen { receiver: self.decode(MediaKind::Screen, slot), viewer }
    }
}

/// The screen that the peer may share.
pub(super) struct PeerScreen {
    pub(super) receiver: Option<Arc<VideoReceiver>>,
    /// A bot's.
    pub(super) viewer: Option<Presenter>,
}

/// Microphone and speaker, tried out.
pub(super) struct Rehearsal {
    audio: Option<AudioEngine>,
    tone: Option<TestSound>,
    /// Of the speaker that was last tried.
    speaker_fault: Option<(SpeakerSpec, String)>,
}

/// The test sound under way.
struct TestSound {
    player: TonePlayer,
    speaker: SpeakerSpec,
    /// Once it is heard.
    ends_at: Option<Instant>,
}

/// How long the test sound is.
const TEST_TONE: Duration = Duration::from_millis(1500);

impl Rehearsal {
    /// Loudness of the microphone, dB of full scale.
    pub(super) fn mic_db(&self) -> f64 {
        self.audio.as_ref().map_or(SILENCE_DB, |audio| audio.levels().mic_db)
    }

    /// What is wrong with the microphone.
    pub(super) fn mic_fault(&self) -> Option<String> {
        self.audio.as_ref().and_then(|audio| audio.stats().mic_fault)
    }

    /// What is wrong with the speaker that was last tried.
    pub(super) fn speaker_fault(&self) -> Option<String> {
        self.speaker_fault.as_ref().map(|(_, fault)| fault.clone())
    }

    /// Another speaker may be there: what was wrong with the last one holds no longer.
    pub(super) fn forget_speaker_fault(&mut self) {
        self.speaker_fault = None;
    }

    /// Plays the test sound, unless it plays.
    pub(super) fn play(&mut self, source: &MediaSource) {
        if self.tone.is_none() {
            self.speaker_fault = None;
            let speaker = source.speaker.clone();
            self.tone =
                Some(TestSound { player: TonePlayer::start(&speaker, Tone::Ring), speaker, ends_at: None });
        }
    }

    /// Whether the test sound is under way.
    pub(super) fn is_playing(&self) -> bool {
        self.tone.is_some()
    }

    /// Ends the test sound when it was heard for long enough, or is not heard. Dropping what is over waits for the device.
    pub(super) fn look(&mut self, now: Instant) -> Option<TonePlayer> {
        let TestSound { player, speaker, ends_at } = self.tone.as_mut()?;
        if player.is_heard() {
            ends_at.get_or_insert(now + TEST_TONE);
        }
        self.speaker_fault = player.fault().map(|fault| (speaker.clone(), fault));
        let over = self.speaker_fault.is_some() || ends_at.is_some_and(|at| now >= at);
        self.tone.take_if(|_| over).map(|tone| tone.player)
    }

    /// Goes on with the devices of `source`.
    pub(super) fn use_devices(&mut self, source: &MediaSource) {
        self.speaker_fault.take_if(|(speaker, _)| *speaker != source.speaker);
        if let Some(audio) = &self.audio {
            audio.set_mic(source.mic.clone());
            audio.set_processing(source.processing);
        }
    }
}

impl Camera {
    /// Goes on with the camera of `source`.
    pub(super) fn use_device(&self, source: &MediaSource) {
        self.sender.set_source(source.camera.clone());
    }

    /// Lets pictures leave where there is a way for them, or keeps them here.
    pub(super) fn set_sending(&self, sending: bool) {
        self.sender.set_sending(sending && self.gate.is_open());
    }

    /// The camera's own switches.
    pub(super) fn sender(&self) -> &VideoSender {
        &self.sender
    }

    /// Bytes handed to the network so far.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.gate.bytes.load(Ordering::Relaxed)
    }
}

impl Conversation {
    /// Goes on with the microphone and speaker of `source`, and with what is done to their sound.
    pub(super) fn use_devices(&self, source: &MediaSource) {
        if let Some(audio) = &self.audio {
            audio.set_mic(source.mic.clone());
            audio.set_speaker(source.speaker.clone());
            audio.set_processing(source.processing);
        }
    }

    /// Takes packets as they arrive. Holds nothing alive: the threads end when the engine says so.
    pub(super) fn packet_handler(&self) -> PacketHandler {
        let audio = self.audio.as_ref().map(Arc::downgrade);
        let video = self.receiver.as_ref().map(Arc::downgrade);
        let screen = self.peer_screen.receiver.as_ref().map(Arc::downgrade);
        Arc::new(move |kind, packet| match kind {
            MediaKind::Audio => {
                if let Some(audio) = audio.as_ref().and_then(std::sync::Weak::upgrade) {
                    audio.push(packet);
                }
            }
            MediaKind::Video | MediaKind::Screen => {
                let receiver = if kind == MediaKind::Video { &video } else { &screen };
                if let Some(receiver) = receiver.as_ref().and_then(std::sync::Weak::upgrade) {
                    receiver.push(packet);
                }
            }
        })
    }

    /// What comes is decoded as this from now on.
    pub(super) fn speak(&self, codec: VideoCodec) {
        let receivers = [&self.receiver, &self.peer_screen.receiver];
        receivers.into_iter().flatten().for_each(|receiver| receiver.set_codec(codec));
    }

    /// Lets sound leave by `peer`, and the pictures that are sent.
    pub(super) fn open_gates(&self, camera: &Camera, peer: &Peer) {
        camera.gate.set(Some(peer.video.clone()));
        self.audio_gate.set(Some(peer.audio.clone()));
        if let Some(audio) = &self.audio {
            audio.set_sending(true);
        }
    }

    /// Where our timestamps of sound stand.
    pub(super) fn anchor(&self) -> Option<CaptureAnchor> {
        self.audio.as_ref().and_then(|audio| audio.capture_anchor())
    }
}
