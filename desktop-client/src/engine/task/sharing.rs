//! The screen of this machine shared with the other end, and the other end's shown here.

use super::super::devices::{Gate, Notice};
use super::Engine;
use super::telling::Matter;
use crate::call::State;
use crate::engine::Viewer;
use crate::media::camera::CameraError;
use crate::media::frame::{FrameSlot, Picture};
use crate::media::screen::{self, ScreenChoice, ScreenError, ScreenSpec};
use crate::media::video_receiver::VideoReceiverStats;
use crate::media::video_sender::{Stamps, VideoSender, VideoSenderOptions};
use crate::peer::PeerCommand;
use crate::rate::START_BPS;
use crate::view::Severity;
use crate::words::{say, say_with};
use std::sync::Arc;

/// What is shared, and where its pictures go. Dropping it waits for its threads.
pub(super) struct SharedScreen {
    sender: VideoSender,
    gate: Gate,
}

impl SharedScreen {
    pub(super) fn sender(&self) -> &VideoSender {
        &self.sender
    }
}

impl Engine {
    /// Asking the window system takes a moment, and is done where waiting is allowed.
    pub(super) fn look_for_screens(&mut self) {
        let notices = self.source.notices.clone();
        self.farewells.spawn_blocking(move || {
            // Closed: the engine is gone.
            notices.blocking_send(Notice::Screens(screen::list())).ok();
        });
    }

    pub(super) fn take_screens(&mut self, screens: Result<Vec<ScreenChoice>, ScreenError>) {
        let (choices, fault) = match screens {
            Ok(choices) => (choices, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        (self.devices.screens, self.devices.screen_fault) = (Arc::new(choices), fault);
    }

    /// Shares `spec`; what was shared before is shared no more.
    pub(super) fn share_screen(&mut self, spec: ScreenSpec) {
        let State::Connected { .. } = self.machine.state() else { return };
        self.is_over(&Matter::Screen);
        let Some(live) = &mut self.live else { return };
        if let Some(shared) = &live.screen {
            // The track stays: only what is on it changes.
            shared.sender.set_source(spec);
            return;
        }
        let notices = self.source.notices.clone();
        let watch = Box::new(move |fault: Option<&CameraError>| {
            // Full: the screen fails again at the next try.
            notices.try_send(Notice::Screen(fault.map(ToString::to_string))).ok();
        });
        let gate = Gate::default();
        // A strip of data across a person's screen is for machines alone.
        let stamps = match self.config.viewer {
            Viewer::Bot { .. } => Stamps::Made,
            Viewer::Window => Stamps::None,
        };
        let options = VideoSenderOptions { bitrate_bps: START_BPS, stamps };
        let nobody = FrameSlot::new();
        let sender = VideoSender::start(spec, options, self.source.clock, nobody, gate.sink(), watch);
        live.share(SharedScreen { sender, gate });
        live.tell_peer(PeerCommand::ShareScreen(true));
        self.switches.sharing = true;
    }

    /// The other end sees this screen no more.
    pub(super) fn stop_sharing(&mut self) {
        let Some(live) = &mut self.live else { return };
        live.fill(&mut self.record);
        let Some(shared) = live.screen.take() else { return };
        live.tell_peer(PeerCommand::ShareScreen(false));
        live.share_out();
        self.switches.sharing = false;
        self.farewells.spawn_blocking(move || drop(shared));
    }

    /// The other end takes pictures of this screen, or does not.
    pub(super) fn screen_taken(&mut self, taken: bool) {
        let Some(live) = &self.live else { return };
        let Some(shared) = &live.screen else { return };
        if taken {
            shared.gate.set(live.screen_outlet());
            shared.sender.set_sending(true);
        } else {
            self.stop_sharing();
            self.stand(Matter::Screen, Severity::Error, say("told-screen-refused").into());
        }
    }

    /// What is shared failed, or came back. A window that was closed does not: sharing ends with it.
    pub(super) fn screen_failed(&mut self, fault: Option<String>) {
        let sharing = self.live.as_ref().is_some_and(|live| live.screen.is_some());
        if let (Some(fault), true) = (fault, sharing) {
            self.stop_sharing();
            self.stand(Matter::Screen, Severity::Error, fault);
        }
    }

    /// The other end shares its screen, or no longer.
    pub(super) fn peer_shares(&mut self, shares: bool) {
        self.switches.peer_sharing = shares;
        self.peer_screen_is_fine();
        if !shares {
            self.source.screen_frames.set_picture(Picture::Waiting);
        }
    }

    fn peer_screen_is_fine(&mut self) {
        self.switches.peer_screen_refused = false;
        self.is_over(&Matter::PeerScreen);
    }

    /// Tells of pictures that came since `before` and are too large to be shown. While the screen's are, the face has the room.
    pub(super) fn look_at_sizes(&mut self, before: (VideoReceiverStats, VideoReceiverStats)) {
        let (camera, screen) = (self.record.receiver, self.record.screen_receiver);
        if let Some((width, height)) = too_large(before.0, camera) {
            let text =
                say_with("told-pictures-too-large", &[("width", width.into()), ("height", height.into())]);
            self.stand(Matter::Call, Severity::Error, text);
        }
        if screen.frames_decoded > before.1.frames_decoded {
            self.peer_screen_is_fine();
        } else if let Some((width, height)) = too_large(before.1, screen) {
            let text =
                say_with("told-screen-too-large", &[("width", width.into()), ("height", height.into())]);
            self.switches.peer_screen_refused = true;
            self.stand(Matter::PeerScreen, Severity::Error, text);
        }
    }
}

/// How wide and high the pictures of a stream are, in words, that were refused for it since `before`.
fn too_large(before: VideoReceiverStats, now: VideoReceiverStats) -> Option<(String, String)> {
    let (width, height) = now.refused_size.filter(|_| now.too_large > before.too_large)?;
    Some((width.to_string(), height.to_string()))
}
