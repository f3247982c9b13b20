//! What the session is told, as frames and requests.

use super::super::requests::{Desk, HallPages, Request};
use super::super::{Command, matching, wire};
use super::{Done, NEWS_MAX, REQUESTS_MAX, Search, Session};
use crate::call;
use crate::error::ErrorKind;
use castle::link::Overflow;
use castle::v1::{self, ErrorReason, MatchRequest, SignalRequest, signal_request};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

impl Session {
    /// Takes a command; the frame to send for it, kept until it is acknowledged.
    pub(super) fn prepare(&mut self, command: Command) -> Result<Option<SignalRequest>, Overflow> {
        let (request_id, frame) = match command {
            Command::Send(frame) => {
                if let call::Frame::HangUp { call, .. } = &frame {
                    self.call.take_if(|(id, _)| *id == call.to_string());
                }
                (wire::frame_request_id(&frame, self.frames + 1), wire::frame(frame))
            }
            Command::SetAvailability(availability) => {
                self.wish = wire::availability(availability);
                let availability = self.wish.into();
                let frame = signal_request::Frame::SetAvailability(v1::SetAvailability { availability });
                (format!("availability-{}", self.frames + 1), frame)
            }
            Command::MissedSeen(until) => {
                let until = Some(until.into());
                let frame = signal_request::Frame::MissedCallsSeen(v1::MissedCallsSeen { until });
                (format!("seen-{}", self.frames + 1), frame)
            }
            Command::SearchHall(query) => {
                self.query = query;
                return self.watch_hall().map(Some);
            }
            Command::MoreOfHall => {
                self.hall.want_more();
                self.ask_further();
                return Ok(None);
            }
            Command::Ask(request) => {
                self.ask(request);
                return Ok(None);
            }
            Command::Search { tags, languages } => {
                self.start_search((tags, languages));
                return Ok(None);
            }
            Command::StopSearch => {
                if self.search.take().is_none() {
                    return Ok(None);
                }
                (format!("leave-{}", self.frames + 1), signal_request::Frame::LeaveMatch(v1::LeaveMatch {}))
            }
            Command::Leave | Command::LogOut | Command::Redial => return Ok(None),
        };
        self.number(request_id, frame).map(Some)
    }

    /// Numbers a frame, and keeps it until it is acknowledged.
    fn number(
        &mut self,
        request_id: String,
        frame: signal_request::Frame,
    ) -> Result<SignalRequest, Overflow> {
        self.frames += 1;
        let ack = self.link.ack();
        let sent = self.link.send(|seq| {
            let frame = SignalRequest { seq, ack, request_id, frame: Some(frame) };
            let bytes = frame.encoded_len();
            (frame, bytes)
        })?;
        Ok(sent.clone())
    }

    /// Watches the part of the hall that is searched for.
    pub(super) fn watch_hall(&mut self) -> Result<SignalRequest, Overflow> {
        self.watch += 1;
        let (watch, query) = (self.watch, self.query.clone());
        let frame =
            signal_request::Frame::WatchHall(v1::WatchHall { watch, query, page_token: String::new() });
        self.number(format!("watch-{watch}"), frame)
    }

    fn desk(&self) -> Desk {
        Desk { client: self.account.client.clone(), bearer: self.bearer.subscribe() }
    }

    pub(super) fn ask(&mut self, request: Request) {
        let (desk, topic) = (self.desk(), request.topic());
        if self.requests.len() < REQUESTS_MAX {
            self.requests.spawn(async move { Done::Answer(topic, desk.ask(request).await) });
        } else {
            let refused = ErrorKind::Refused(ErrorReason::RateLimited);
            self.requests.spawn(async move { Done::Answer(topic, Err(refused.into())) });
        }
    }

    /// Asks for the further pages of the hall that are shown.
    pub(super) fn ask_further(&mut self) {
        self.further_at = None;
        let Some((after, count)) = self.hall.wanted() else { return };
        let (desk, watch) = (self.desk(), self.hall.watch());
        let wanted = HallPages { query: self.query.clone(), after, count };
        self.requests.spawn(async move { Done::Further { watch, pages: desk.pages(wanted).await } });
    }

    /// Begins a wait for a match. Without a session it begins with the next, as does whatever waits when one begins anew.
    pub(super) fn start_search(&mut self, wish: (Vec<String>, Vec<String>)) {
        // What an earlier wait may still say is not of this one.
        self.news = mpsc::channel(NEWS_MAX);
        let wait = self.resume.as_ref().map(|attached| {
            let request = MatchRequest {
                session_id: attached.session_id.clone(),
                request_id: wire::new_request_id(),
                tags: wish.0.clone(),
                languages: wish.1.clone(),
                ..MatchRequest::default()
            };
            let (client, news) = (self.account.client.clone(), self.news.0.clone());
            matching::wait(client, self.bearer.subscribe(), request, news)
        });
        self.search =
            Some(Search { wish, _task: wait.map(|wait| AbortOnDropHandle::new(tokio::spawn(wait))) });
    }
}
