//! What a person asked for, done.

use super::telling::Matter;
use super::{Engine, Link};
use crate::call::{Input, Origin, State, Target};
use crate::engine::chat::Unsent;
use crate::engine::snapshot;
use crate::error::ErrorKind;
use crate::signaling::{self, Request};
use crate::view::{Availability, Command, Search, Severity};
use crate::words::say;
use castle::v1::ErrorReason;
use std::time::Instant;

/// Longest search of the hall, characters: the server's limit.
const QUERY_CHARS_MAX: usize = 64;
/// Ratings kept for the diagnostics.
const RATINGS_MAX: usize = 100;

impl Engine {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Register { .. }
            | Command::LogIn { .. }
            | Command::ResetPassword { .. }
            | Command::LogInRemembered { .. }
            | Command::ForgetServer { .. }
            | Command::CancelLogIn
            | Command::LeaveHall
            | Command::LogOut => self.obey_at_the_door(command),
            Command::ChangePassword { .. }
            | Command::SetDisplayName(_)
            | Command::LoadLogins
            | Command::EndLogin(_)
            | Command::ExportAccount { .. }
            | Command::EraseAccount { .. } => self.obey_about_me(command),
            Command::SearchHall(query) => self.search_hall(&query),
            Command::MoreOfHall => self.tell_server(signaling::Command::MoreOfHall),
            Command::SetPreferences(preferences) => self.set_preferences(*preferences),
            Command::SetTryout(on) => self.set_tryout(on),
            Command::TestSpeaker => self.test_speaker(),
            Command::ChooseDevices(choosing) => self.set_choosing_devices(choosing),
            Command::TakeOffer(id) => self.take_offer(id),
            Command::LoadHistory => self.ask(Request::Calls { page: String::new() }),
            Command::MoreOfHistory => self.more_of_history(),
            Command::EraseHistory => self.ask(Request::EraseCalls),
            Command::LoadBlocked => self.ask(Request::Blocked),
            Command::Block(guest) => self.block(guest),
            Command::Unblock(guest) => self.ask(Request::Unblock(guest)),
            Command::Report { guest, call, reason, words } => {
                self.do_once(Request::Report { guest, call, reason, words });
            }
            Command::SaveDiagnostics { file, with_names } => self.save_diagnostics(file, with_names),
            Command::SetInFront(in_front) => self.set_in_front(in_front),
            Command::SetWindowPlace(place) => {
                self.config.profile.settings.change(|settings| settings.window = Some(place));
            }
            Command::CheckConnection => self.check_connection(),
            Command::CheckServer(server) => self.check_server(&server),
            Command::CloseCheckup => self.examination = None,
            Command::Dismiss(id) => self.notices.retain(|notice| notice.id != id),
            Command::SetAvailability(availability) => self.set_availability(availability),
            Command::Search => self.begin_search(),
            Command::StopSearch => {
                if self.search.take().is_some() {
                    self.tell_server(signaling::Command::StopSearch);
                }
            }
            command => self.obey_in_call(command),
        }
    }

    fn obey_in_call(&mut self, command: Command) {
        match command {
            Command::Call(guest) => self.place(Target::Guest(guest)),
            Command::CallName(name) => self.place(Target::Name(name)),
            Command::CallNextFree => self.place(Target::NextFree),
            Command::CallAgain => self.call_again(),
            Command::Accept => self.drive(Input::Accept),
            Command::AcceptWithoutCamera => {
                if matches!(self.machine.state(), State::Ringing { .. }) {
                    self.switches.camera_on = false;
                    self.apply_switches();
                    self.drive(Input::Accept);
                }
            }
            Command::Decline => {
                // Who declined knows how it ended.
                self.drive(Input::Decline);
                self.drive(Input::Close);
            }
            Command::Cancel => self.drive(Input::Cancel),
            Command::HangUp => self.drive(Input::HangUp),
            Command::Next => {
                self.drive(Input::HangUp);
                self.drive(Input::Close);
                self.begin_search();
            }
            Command::SetMuted(muted) => {
                self.switches.muted = muted;
                self.apply_switches();
            }
            Command::SetCamera(on) => {
                self.switches.camera_on = on;
                self.apply_switches();
            }
            Command::LookForScreens => self.look_for_screens(),
            Command::ShareScreen(spec) => self.share_screen(spec),
            Command::StopSharing => self.stop_sharing(),
            Command::CloseCall => self.drive(Input::Close),
            Command::Chat(text) => self.write_chat(&text),
            Command::Compared { same } => self.compared(same),
            Command::Rate(stars) => self.rate(stars),
            other => unreachable!("{other:?} is no command of a call"),
        }
    }

    fn rate(&mut self, stars: u8) {
        if let Some(call) = snapshot::info(self.machine.state()).filter(|_| (1..=5).contains(&stars)) {
            let id = call.id;
            self.ratings.retain(|(rated, _)| *rated != id);
            self.ratings.push((id, stars));
            if self.ratings.len() > RATINGS_MAX {
                self.ratings.remove(0);
            }
        }
    }

    fn search_hall(&mut self, query: &str) {
        let query: String = query.trim().chars().take(QUERY_CHARS_MAX).collect();
        if query != self.query {
            self.query.clone_from(&query);
            self.tell_server(signaling::Command::SearchHall(query));
        }
    }

    /// Shown at once, also where the server hears of it only once it is back; a call is shown for as long as it lasts.
    fn set_availability(&mut self, availability: Availability) {
        if let Some(me) = self.me.as_mut().filter(|me| me.availability != Availability::InCall) {
            me.availability = availability;
        }
        self.tell_server(signaling::Command::SetAvailability(availability));
    }

    fn place(&mut self, target: Target) {
        if self.may_place() {
            self.is_over(&Matter::Call);
            self.placed = self.name_of(&target);
            self.record.asked_at = Some(Instant::now());
            self.drive(Input::Place(target));
        }
    }

    /// Not while the server is away: the call would be kept for its return, and ring when nobody waits for it any more.
    fn may_place(&mut self) -> bool {
        let away = matches!(self.link, Link::Session { since: Some(_), .. });
        if away {
            // Asked for once more, it is told once more.
            self.is_over(&Matter::NoCallYet);
            self.stand(Matter::NoCallYet, Severity::Error, say("told-no-call-yet").into());
        }
        self.me.is_some() && !away
    }

    /// What people see of whom a call goes to, as far as that is known here.
    fn name_of(&self, target: &Target) -> Option<String> {
        let guest = match target {
            Target::NextFree => return None,
            Target::Name(name) => return Some(name.clone()),
            Target::Guest(guest) => *guest,
        };
        let seen = self.hall.0.iter().find(|row| row.guest == guest).map(|row| row.display_name.clone());
        let past = self.history.calls.iter().flat_map(|calls| calls.iter());
        let mut past = past.filter(|call| call.peer == Some(guest)).map(|call| call.peer_name.clone());
        seen.or_else(|| past.next()).or_else(|| Some(String::new()))
    }

    /// Whom the call that is over was with.
    fn call_again(&mut self) {
        let State::Over { call, .. } = self.machine.state() else { return };
        // Who was matched has not given anybody a way to ring them.
        if call.origin == Origin::Matched && call.peer_guest.is_none() {
            self.is_over(&Matter::Call);
            return self.complain(Matter::Call, &ErrorKind::Refused(ErrorReason::PeerUnavailable).into());
        }
        let (peer, target) = (call.peer.clone(), call.peer_guest);
        let target = target.map_or_else(|| Target::Name(call.peer_name.clone()), Target::Guest);
        if self.may_place() {
            self.drive(Input::Close);
            self.place(target);
            self.placed = Some(peer);
        }
    }

    pub(super) fn begin_search(&mut self) {
        let free = matches!(self.machine.state(), State::Idle | State::Over { .. });
        if self.me.is_none() || self.search.is_some() || !free {
            return;
        }
        self.drive(Input::Close);
        self.is_over(&Matter::Search);
        self.is_over(&Matter::Call);
        let now = Instant::now();
        self.record.asked_at = Some(now);
        let (muted, camera_on) = (self.switches.muted, self.switches.camera_on);
        let search = Search { since: now, position: None, waiting: None, estimate: None, muted, camera_on };
        self.search = Some(search);
        let mut tags = self.config.tags.clone();
        tags.extend(self.preferences.tags.iter().filter(|tag| !self.config.tags.contains(tag)).cloned());
        let languages = self.preferences.languages.clone();
        self.tell_server(signaling::Command::Search { tags, languages });
    }

    fn write_chat(&mut self, text: &str) {
        let State::Connected { .. } = self.machine.state() else { return };
        self.is_over(&Matter::Chat);
        let told = match self.talk.chat.write(Instant::now(), text) {
            Ok(message) => return self.say(&message),
            Err(Unsent::Empty) => return,
            Err(Unsent::TooLong) => say("told-chat-too-long"),
            Err(Unsent::TooMany) => say("told-chat-too-many"),
        };
        self.stand(Matter::Chat, Severity::Error, told.into());
    }
}
