//! What arrives, understood and told to the engine.

use super::super::transport::Transport;
use super::super::{Event, wire};
use super::{Broken, Done, FURTHER_EVERY, RENEWAL, SETTLE_TIMEOUT, Session};
use crate::call::Negotiation;
use castle::link::Arrival;
use castle::v1::{self, SignalResponse, signal_request, signal_response};
use rand::RngExt as _;
use std::time::Duration;
use tokio::time::Instant;

impl Session {
    /// A frame arrived.
    pub(super) async fn take(
        &mut self,
        transport: &Transport,
        response: SignalResponse,
    ) -> Result<(), Broken> {
        // A peer that breaks the rules of the link is asked to start from a point both know.
        self.link.acknowledge(response.ack).map_err(|_| Broken::Retry(Duration::ZERO))?;
        if response.seq > 0 {
            match self.link.receive(response.seq) {
                Ok(Arrival::Deliver) => {}
                Ok(Arrival::Duplicate) => return Ok(()),
                Err(_) => return Err(Broken::Retry(Duration::ZERO)),
            }
        }
        let Some(frame) = response.frame else { return Ok(()) };
        self.understand(transport, &response.in_reply_to, frame).await
    }

    async fn understand(
        &mut self,
        transport: &Transport,
        in_reply_to: &str,
        frame: signal_response::Frame,
    ) -> Result<(), Broken> {
        use signal_response::Frame as Wire;
        match frame {
            Wire::Ping(ping) => {
                let pong = v1::Pong { nonce: ping.nonce };
                return self.send_unsequenced(transport, signal_request::Frame::Pong(pong));
            }
            Wire::Pong(_) | Wire::Welcome(_) | Wire::TokenRenewed(_) => {}
            Wire::GoAway(away) => {
                let jitter = rand::rng().random_range(0..=away.jitter_ms);
                let wait = u64::from(away.reconnect_after_ms) + u64::from(jitter);
                return Err(Broken::Retry(Duration::from_millis(wait)));
            }
            // The stream cannot go on with the new token: another one begins with it.
            Wire::Error(_) if in_reply_to == RENEWAL => return Err(Broken::Retry(Duration::ZERO)),
            Wire::Error(error) => {
                let asked = wire::asked(in_reply_to);
                self.tell(Event::Refused { asked, error: error.into() }).await;
            }
            Wire::IceServers(servers) => self.tell(Event::Ice(wire::ice(servers))).await,
            Wire::HallSnapshot(snapshot) => self.replace_hall(snapshot).await,
            Wire::HallDelta(delta) => {
                let changed = delta.changed.into_iter().filter_map(wire::hall_row);
                let left = delta.left_guest_ids.iter().filter_map(|id| id.parse().ok());
                let versions = (delta.from_version, delta.hall_version);
                let count = delta.guest_count as usize;
                if self.hall.change(delta.watch, versions, changed, left, count) {
                    self.tell_hall().await;
                }
            }
            Wire::SelfUpdate(update) => {
                self.note_wish(update.availability());
                if let Some(me) = wire::me(update) {
                    self.tell(Event::Me(me)).await;
                }
            }
            Wire::CallUpdate(update) => {
                let Some(mut call) = update.call else { return Ok(()) };
                self.note_call(&call);
                let ice = call.ice_servers.take().map(wire::ice);
                if let Some(info) = wire::call(&call) {
                    self.tell(Event::Call { info, ice }).await;
                }
            }
            Wire::Offer(offer) => self.tell_remote(&offer.call_id, Negotiation::Offer(offer.sdp)).await,
            Wire::Answer(answer) => self.tell_remote(&answer.call_id, Negotiation::Answer(answer.sdp)).await,
            Wire::Candidate(candidate) => {
                let call_id = candidate.call_id.clone();
                self.tell_remote(&call_id, Negotiation::Candidate(wire::candidate(candidate))).await;
            }
            Wire::CandidatesRemoved(gone) => {
                let candidates = gone.candidates.into_iter().map(wire::candidate).collect();
                self.tell_remote(&gone.call_id, Negotiation::CandidatesRemoved(candidates)).await;
            }
            Wire::EndOfCandidates(end) => {
                let what = Negotiation::EndOfCandidates { ufrag: end.username_fragment };
                self.tell_remote(&end.call_id, what).await;
            }
        }
        Ok(())
    }

    async fn tell_remote(&self, call_id: &str, what: Negotiation) {
        if let Ok(call) = call_id.parse() {
            self.tell(Event::Remote(call, what)).await;
        }
    }

    pub(super) async fn replace_hall(&mut self, snapshot: v1::HallSnapshot) {
        let rows = snapshot.guests.into_iter().filter_map(wire::hall_row);
        let (version, count) = ((snapshot.watch, snapshot.hall_version), snapshot.guest_count as usize);
        self.hall.replace(version, rows, count, snapshot.next_page_token);
        self.tell_hall().await;
        self.ask_further();
    }

    pub(super) async fn take_done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Answer(topic, answer)) => self.tell(Event::Answer { topic, answer }).await,
            Ok(Done::Further { watch, pages: Ok((rows, next)) }) => {
                if self.hall.extend(watch, rows, !next.is_empty()) {
                    self.further_at = Some(Instant::now() + FURTHER_EVERY);
                    self.tell_hall().await;
                }
            }
            // What is shown already stays, and is asked for again.
            Ok(Done::Further { pages: Err(error), .. }) => {
                tracing::debug!(error = ?error.kind, "further pages of the hall");
                self.further_at = Some(Instant::now() + FURTHER_EVERY);
            }
            Err(error) => tracing::error!(%error, "a request broke"),
        }
    }

    /// Takes the answers that are still to come, the login being over.
    pub(super) async fn settle(&mut self) {
        let answered = async {
            while let Some(done) = self.requests.join_next().await {
                self.take_done(done).await;
            }
        };
        tokio::time::timeout(SETTLE_TIMEOUT, answered).await.ok();
    }

    async fn tell_hall(&self) {
        let (rows, more, count) = (self.hall.rows(), self.hall.more(), self.hall.count());
        self.tell(Event::Hall { rows, more, count }).await;
    }
}
