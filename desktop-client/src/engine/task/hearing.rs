//! What the session says, and the devices.

use super::telling::Matter;
use super::{Engine, Link, meanwhile};
use crate::call::{Input, State};
use crate::engine::Viewer;
use crate::engine::devices::Notice as DeviceNotice;
use crate::error::{ClientError, ErrorKind};
use crate::signaling::{Asked, Event, MatchNews};
use castle::v1::ErrorReason;
use std::time::Instant;

impl Engine {
    pub(super) fn hear(&mut self, event: Option<Event>) {
        match event.unwrap_or(Event::Ended(None)) {
            Event::Online { resumed, me, call, ice, clock_ahead_ms, missed } => {
                self.clock_ahead_ms = clock_ahead_ms;
                if let Link::Session { since, .. } = &mut self.link {
                    *since = None;
                }
                self.server_is_there();
                let first = self.me.replace(me).is_none();
                self.account.crowded = false;
                self.history.missed = u32::try_from(missed).unwrap_or(u32::MAX);
                self.take_ice(ice);
                if let Some(search) = self.search.as_mut().filter(|_| !resumed) {
                    // The place in line was the old session's: another is asked for.
                    (search.position, search.waiting, search.estimate) = (None, None, None);
                }
                match (resumed, call) {
                    (false, call) => self.drive(Input::SessionLost(call)),
                    (true, Some(call)) => self.drive(Input::Server(call)),
                    (true, None) => {}
                }
                if first && self.config.search_at_login {
                    self.begin_search();
                }
            }
            Event::Reconnecting { instead } => {
                self.account.crowded = false;
                // In a bot's report it would stand as an error, though a server that goes down looks so for a moment.
                let is_bot = matches!(self.config.viewer, Viewer::Bot { .. });
                match instead {
                    Some(error) if is_bot && error.kind == ErrorKind::NotCastle => {}
                    Some(error) => self.complain_of_way(Matter::Displaced, &error),
                    None => self.is_over(&Matter::Displaced),
                }
                if let Link::Session { since, .. } = &mut self.link {
                    since.get_or_insert_with(Instant::now);
                }
            }
            Event::Ice(servers) => self.take_ice(servers),
            Event::Hall { rows, more, count } => self.hall = (rows, more, count),
            Event::Me(me) => self.me = Some(me),
            Event::Call { info, ice } => {
                if let Some(servers) = ice {
                    self.take_ice(servers);
                }
                self.drive(Input::Server(info));
            }
            Event::Remote(call, what) => self.drive(Input::Remote(call, what)),
            Event::Refused { asked, error } => self.refused(asked, &error),
            Event::Match(news) => self.hear_match(news),
            Event::Answer { topic, answer } => self.hear_answer(topic, answer),
            Event::Crowded(error) => self.crowded(&error),
            Event::Ended(error) => self.session_ended(error.unwrap_or_else(|| ErrorKind::Unreachable.into())),
        }
    }

    fn session_ended(&mut self, error: ClientError) {
        if let (Link::Session { server, name, .. }, ErrorKind::Refused(_)) = (&self.link, error.kind) {
            let (server, name) = (server.to_string(), name.clone());
            let lost = [
                ErrorReason::RefreshInvalid,
                ErrorReason::RefreshReused,
                ErrorReason::LoginEnded,
                ErrorReason::Banned,
            ];
            if lost.map(ErrorKind::Refused).contains(&error.kind) {
                self.remember(|servers| servers.key_gone(&server, &name));
            }
        }
        self.forget_session();
        self.drive(Input::SessionLost(None));
        if matches!(error.kind, ErrorKind::Refused(_)) {
            // Nobody is logged in who could call again: what matters is why.
            self.drive(Input::Close);
        }
        self.complain(Matter::Door, &error);
    }

    fn refused(&mut self, asked: Asked, error: &ClientError) {
        if asked == Asked::Place {
            let given_up = matches!(self.machine.state(), State::Placing { cancelled: true });
            self.drive(Input::PlaceRefused);
            if given_up {
                return;
            }
        }
        // A frame that crossed the end of its call is nothing a person did.
        let late = [ErrorReason::NotInCall, ErrorReason::WrongState].map(ErrorKind::Refused);
        if asked != Asked::Other || !late.contains(&error.kind) {
            self.complain(Matter::Call, error);
        }
    }

    fn hear_match(&mut self, news: MatchNews) {
        match news {
            MatchNews::Queued { position, waiting, estimate } => {
                if let Some(search) = &mut self.search {
                    (search.position, search.waiting, search.estimate) =
                        (Some(position), Some(waiting), estimate);
                }
            }
            MatchNews::Found | MatchNews::Left => self.search = None,
            MatchNews::Refused(error) => {
                self.search = None;
                self.complain(Matter::Search, &error);
            }
        }
    }

    pub(super) fn hear_device(&mut self, notice: DeviceNotice) {
        match notice {
            DeviceNotice::KeyFrameNeeded(kind) => {
                if let Some(live) = &self.live {
                    live.request_key_frame(kind);
                }
            }
            DeviceNotice::Camera(fault) => {
                self.tell_of_camera(fault.map(|fault| meanwhile(fault, self.live.is_some())));
                self.apply_switches();
            }
            DeviceNotice::Lists(lists) => self.take_lists(lists),
            DeviceNotice::Screens(screens) => self.take_screens(screens),
            DeviceNotice::Screen(fault) => self.screen_failed(fault),
        }
    }
}
