//! What the two ends say to each other besides media, and how the call goes: chat, safety words, quality.

use super::{Engine, Link};
use crate::call::{Input, Role, State};
use crate::engine::SystemNotice;
use crate::engine::channel::Message;
use crate::engine::chat::Chat;
use crate::engine::identity;
use crate::engine::quality::{FreezeWatch, Judge};
use crate::engine::safety::{Association, Effect, Exchange, Hex, Word};
use crate::peer::Seal;
use crate::view::{DeviceStanding, Frozen, Safety, Severity};
use crate::words::say;
use castle::ids::CallId;
use std::time::Instant;

/// What belongs to one call.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) chat: Chat,
    /// The system told of a line, and nobody has looked since.
    told_of_chat: bool,
    pub(super) judge: Judge,
    freeze: FreezeWatch,
    frozen: Option<Frozen>,
    safety: Safety,
    exchange: Option<Exchange>,
    /// The other end's, once it is known.
    device: Option<Hex<32>>,
}

/// What the screen shows of it.
pub(in crate::engine) struct Shown<'a> {
    pub(in crate::engine) chat: &'a Chat,
    pub(in crate::engine) judge: &'a Judge,
    pub(in crate::engine) safety: &'a Safety,
    pub(in crate::engine) frozen: Option<Frozen>,
}

impl Talk {
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown { chat: &self.chat, judge: &self.judge, safety: &self.safety, frozen: self.frozen }
    }

    /// When the exchange of safety words is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.exchange.as_ref().and_then(Exchange::deadline)
    }

    /// So many pictures came in all.
    pub(super) fn look(&mut self, now: Instant, pictures: u64, camera_on: bool) {
        self.frozen = self.freeze.look(now, pictures, camera_on);
    }

    /// Nothing moves any more, and nobody waits for it.
    pub(super) fn end(&mut self) {
        self.frozen = None;
        self.exchange = None;
    }
}

impl Engine {
    pub(super) fn say(&self, message: &Message) {
        if let Some(live) = &self.live {
            live.say(message);
        }
    }

    /// Tells the person through the system, where they do not look at the window and want to be told; whether it did.
    pub(super) fn notify_system(&self, notice: SystemNotice) -> bool {
        let wanted = self.preferences.notifications && !self.in_front;
        if let Some(notifier) = self.config.notifier.as_ref().filter(|_| wanted) {
            notifier(notice);
            return true;
        }
        false
    }

    /// The other end wrote a line.
    pub(super) fn hear_chat(&mut self, now: Instant, number: u32, text: &str) {
        let before = self.talk.chat.heard();
        if let Some(taken) = self.talk.chat.hear(now, number, text) {
            self.say(&taken);
        }
        // Once, until the person looked: each line would be a way to pester them.
        if self.talk.chat.heard() > before && !self.talk.told_of_chat {
            let peer = self.machine.live().map(|call| call.peer.clone()).unwrap_or_default();
            self.talk.told_of_chat = self.notify_system(SystemNotice::Wrote { peer });
        }
    }

    /// The window came to the front, or is not there any more.
    pub(super) fn set_in_front(&mut self, in_front: bool) {
        self.in_front = in_front;
        self.talk.told_of_chat &= !in_front;
        if !in_front {
            self.tell_of_ringing();
        }
    }

    /// The data channel is open, sealed between two certificates.
    pub(super) fn sealed(&mut self, call: CallId, seal: Option<Seal>) {
        let Some(Seal { own, theirs }) = seal else {
            self.talk.safety = Safety::Unsupported;
            return;
        };
        if self.talk.exchange.is_some() || self.talk.safety != Safety::Pending {
            return;
        }
        let offers = self.record.role == Some(Role::Offerer);
        let association = Association { call, offers, own, theirs };
        let mut effects = Vec::new();
        let begun =
            Exchange::begin(Instant::now(), association, self.key.clone(), rand::random(), &mut effects);
        self.talk.exchange = Some(begun);
        self.follow_safety(effects);
    }

    pub(super) fn hear_safety(&mut self, word: Word) {
        let mut effects = Vec::new();
        if let Some(exchange) = &mut self.talk.exchange {
            exchange.hear(word, &mut effects);
        }
        self.follow_safety(effects);
    }

    pub(super) fn safety_is_due(&mut self) {
        let mut effects = Vec::new();
        if let Some(exchange) = &mut self.talk.exchange {
            exchange.tick(Instant::now(), &mut effects);
        }
        self.follow_safety(effects);
    }

    fn follow_safety(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(word) => self.say(&Message::Safety(word)),
                Effect::Unsupported => self.talk.safety = Safety::Unsupported,
                Effect::Words { words, device } => {
                    let mut standing = DeviceStanding::First;
                    if let Some(guest) = self.peer_label() {
                        self.config
                            .profile
                            .identity
                            .change(|identity| standing = identity.meet(&guest, device));
                    }
                    self.record.safety_words = Some(words.clone());
                    self.talk.device = Some(device);
                    self.talk.safety = Safety::Words { words, device: standing };
                }
                Effect::Mismatch => self.distrust(),
            }
        }
    }

    /// Who the other end is, to be found again in later calls.
    fn peer_label(&self) -> Option<String> {
        let Link::Session { server, .. } = &self.link else { return None };
        let guest = self.machine.live()?.peer_guest?;
        Some(identity::label(&server.to_string(), &guest.to_string()))
    }

    /// People compared the words aloud.
    pub(super) fn compared(&mut self, same: bool) {
        let (Some(device), Some(guest)) = (self.talk.device, self.peer_label()) else { return };
        self.config.profile.identity.change(|identity| identity.compared(&guest, device, same));
        if !same {
            self.distrust();
        } else if let Safety::Words { device, .. } = &mut self.talk.safety {
            *device = DeviceStanding::Verified;
        }
    }

    fn distrust(&mut self) {
        tracing::warn!("the two ends do not have the same safety words");
        self.drive(Input::HangUp);
        self.notify(Severity::Error, say("told-man-in-the-middle").into());
    }

    /// Levels and pictures, several times a second.
    pub(super) fn glance(&mut self) {
        let now = Instant::now();
        if let Some(rig) = &mut self.tryout {
            if let Some(over) = rig.look(now) {
                self.farewells.spawn_blocking(move || drop(over));
            }
            (self.devices.mic_fault, self.devices.speaker_fault) = (rig.mic_fault(), rig.speaker_fault());
        }
        let Some(live) =
            self.live.as_ref().filter(|_| matches!(self.machine.state(), State::Connected { .. }))
        else {
            return;
        };
        self.talk.look(now, live.pictures(), self.switches.peer_camera_on);
        if let Some(stats) = &mut self.stats {
            let (mic, peer) = live.levels();
            (stats.mic_level, stats.peer_level) =
                (crate::engine::snapshot::level(mic), crate::engine::snapshot::level(peer));
        }
    }
}
