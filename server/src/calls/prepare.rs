//! What is said while it rings, so that media can flow the moment the call is accepted. PURE, see `calls`.
//!
//! The caller's words reach every device of the callee, also one that comes late. Those of the devices stay here,
//! device by device: at the accept the words of the accepting one go out, and those of the others never do. A new
//! offer takes the place of the one before, and with it go the answers to that one.

use super::call::{Call, Phase};
use super::{CallEffect, Negotiation, Side};
use crate::error::Error;
use castle::ids::SessionId;

/// Frames one session may say before the accept: an offer or answer, the candidates of many interfaces, and some
/// taken back.
pub const EARLY_FRAMES_MAX: usize = 64;

/// What one session said before the accept: its last description, then the rest in order. Bounded in frames and
/// bytes that were said, also those that hold no longer.
#[derive(Debug, Default)]
pub(super) struct Early {
    description: Option<Negotiation>,
    others: Vec<Negotiation>,
    frames: usize,
    bytes: usize,
}

impl Early {
    fn keep(&mut self, frame: Negotiation, bytes_max: usize) -> Result<(), Error> {
        let bytes = self.bytes + frame.bytes();
        if self.frames >= EARLY_FRAMES_MAX {
            return Err(Error::Limit { what: "frames_before_accept", limit: EARLY_FRAMES_MAX as u64 });
        }
        if bytes > bytes_max {
            return Err(Error::Limit { what: "bytes_before_accept", limit: bytes_max as u64 });
        }
        self.bytes = bytes;
        self.frames += 1;
        match frame {
            Negotiation::Offer(_) | Negotiation::Answer(_) => self.description = Some(frame),
            _ => self.others.push(frame),
        }
        Ok(())
    }

    /// Whether nothing was said at all.
    pub(super) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    pub(super) fn relay(&self, call: &Call, to: SessionId, effects: &mut Vec<CallEffect>) {
        let frames = self.description.iter().chain(&self.others).cloned();
        effects.extend(frames.map(|negotiation| CallEffect::Relay {
            session: to,
            call: call.id,
            negotiation,
        }));
    }
}

/// A device of the callee that rings.
#[derive(Debug, Default)]
pub(super) struct Device {
    pub(super) attached: bool,
    /// Held back until this device accepts.
    pub(super) early: Early,
    /// It has answered the caller's last offer.
    pub(super) answered: bool,
}

impl Device {
    pub(super) fn new(attached: bool) -> Self {
        Self { attached, ..Self::default() }
    }
}

impl Call {
    /// A session says something while it rings, `bytes_max` in all.
    pub(super) fn prepare(
        &mut self,
        session: SessionId,
        said: Negotiation,
        bytes_max: usize,
        effects: &mut Vec<CallEffect>,
    ) -> Result<(), Error> {
        let (id, offered) = (self.id, self.end(Side::First).offered);
        let Phase::Ringing { devices, early, .. } = &mut self.phase else { return Err(self.wrong_state()) };
        if let Some(device) = devices.get_mut(&session) {
            let answers = match &said {
                Negotiation::Offer(_) => return Err(self.wrong_state()),
                Negotiation::Answer(_) if !offered || device.answered => {
                    return Err(Error::WrongState { state: "no_offer" });
                }
                Negotiation::Answer(_) => true,
                _ => false,
            };
            device.early.keep(said, bytes_max)?;
            device.answered |= answers;
            return Ok(());
        }
        if matches!(said, Negotiation::Answer(_)) {
            return Err(Error::WrongState { state: "no_offer" });
        }
        early.keep(said.clone(), bytes_max)?;
        if matches!(said, Negotiation::Offer(_)) {
            for device in devices.values_mut() {
                device.answered = false;
                device.early.description = None;
            }
        }
        let told =
            devices.keys().map(|&session| CallEffect::Relay { session, call: id, negotiation: said.clone() });
        effects.extend(told);
        if matches!(said, Negotiation::Offer(_)) {
            self.end_mut(Side::First).offered = true;
        }
        Ok(())
    }

    /// Tells a device that came while it rings what the caller said.
    pub(super) fn catch_up(&self, device: SessionId, effects: &mut Vec<CallEffect>) {
        if let Phase::Ringing { early, .. } = &self.phase {
            early.relay(self, device, effects);
        }
    }
}
