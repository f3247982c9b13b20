//! The connection of a call: prepared while it rings, let loose when both agreed, up when both ends say so. PURE, see
//! `call`.

use super::{
    CONNECT_TIMEOUT, CallInfo, CallMachine, Effect, Frame, Negotiation, Path, Phase, Reason, Role, Route,
    State, Way,
};
use castle::ids::CallId;
use std::time::Instant;

impl CallMachine {
    /// Begins the connection. Before both agreed it only gathers, and what it says the server keeps from the other end.
    pub(super) fn prepare(&mut self, call: &CallInfo, offers: bool, effects: &mut Vec<Effect>) {
        if matches!(std::mem::take(&mut self.path), Path::Open(_)) {
            effects.push(Effect::ClosePeer);
        }
        self.path = Path::Open(Way { offers, described: false, offer: None });
        effects.push(Effect::OpenPeer { call: call.id, offers, relay_only: call.relay_only });
    }

    /// Both agreed to talk.
    pub(super) fn negotiate(&mut self, now: Instant, info: CallInfo, role: Role, effects: &mut Vec<Effect>) {
        let offers = role == Role::Offerer;
        match &self.path {
            Path::Broken => return self.hang_up(now, Reason::Failed, effects),
            Path::Open(way) if way.offers == offers => {}
            Path::Open(_) | Path::None => self.prepare(&info, offers, effects),
        }
        effects.push(Effect::Converse);
        let peer_up = matches!(info.phase, Phase::Connected(_));
        self.state =
            State::Negotiating { call: info, deadline: now + CONNECT_TIMEOUT, path_up: false, peer_up };
    }

    /// The other end says something.
    pub(super) fn remote(&mut self, id: CallId, what: Negotiation, effects: &mut Vec<Effect>) {
        if !self.has_peer(id) {
            return;
        }
        let Path::Open(way) = &mut self.path else { return };
        let repeated = matches!(&what, Negotiation::Offer(sdp) if way.offer.as_deref() == Some(&**sdp));
        // Of the end of candidates: connectivity checks run on what is there; the stack needs no mark.
        if repeated || matches!(what, Negotiation::EndOfCandidates { .. }) {
            return;
        }
        // From the first answer on either end may look for a new way, and offer it.
        let expected = match (&what, &self.state) {
            (_, State::Calling { .. }) | (Negotiation::Answer(_), State::Ringing { .. }) => false,
            (Negotiation::Offer(_), _) => !way.offers || way.described,
            (Negotiation::Answer(_), _) => way.offers || way.described,
            _ => true,
        };
        if !expected {
            return;
        }
        // The caller began anew while it rings: what was prepared for the first offer is of no use.
        if way.described
            && matches!(what, Negotiation::Offer(_))
            && let State::Ringing { call, .. } = &self.state
        {
            let call = call.clone();
            self.prepare(&call, false, effects);
        }
        let Path::Open(way) = &mut self.path else { return };
        if let Negotiation::Offer(sdp) = &what {
            way.offer = Some(sdp.clone());
        }
        way.described |= matches!(what, Negotiation::Offer(_) | Negotiation::Answer(_));
        effects.push(Effect::ToPeer(what));
    }

    /// The own connection is up.
    pub(super) fn path_is_up(&mut self, now: Instant, id: CallId, route: Route, effects: &mut Vec<Effect>) {
        if let State::Negotiating { call, path_up, .. } = &mut self.state
            && call.id == id
            && !std::mem::replace(path_up, true)
        {
            effects.push(Effect::Send(Frame::MediaConnected(id, route)));
            self.connect(now, effects);
        }
    }

    /// The other end is up.
    pub(super) fn peer_is_up(&mut self, now: Instant, id: CallId, effects: &mut Vec<Effect>) {
        if let State::Negotiating { call, peer_up, .. } = &mut self.state
            && call.id == id
        {
            *peer_up = true;
            self.connect(now, effects);
        }
    }

    fn connect(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let State::Negotiating { call, path_up: true, peer_up: true, .. } = &self.state {
            self.state = State::Connected { call: call.clone(), since: now, alive: now };
            effects.push(Effect::OpenGates);
        }
    }
}
