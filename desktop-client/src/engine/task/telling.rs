//! What a person is told in notices, and how long it stays: what is good to know goes by itself, what was wrong goes when
//! it is wrong no longer, and all else stays until it is put away.

use super::Engine;
use crate::error::{ClientError, ErrorKind};
use crate::signaling::{Distrust, Topic};
use crate::view::{NOTICES_MAX, Notice, Severity};
use castle::ids::GuestId;
use std::time::{Duration, Instant};

/// What is good to know stays for so long: enough to be read slowly, or aloud.
const INFO_STAYS: Duration = Duration::from_secs(30);

/// What a notice is about, where it goes once that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matter {
    /// Why nobody is logged in: until the next try.
    Door,
    /// Something answers in place of the server: until it is back, or does not answer at all.
    Displaced,
    /// A certificate that is not the server's: until the server is there with its own. What may be somebody in between stays
    /// until the person puts it away.
    Distrusted(Distrust),
    /// No call while the server is away: until it is back.
    NoCallYet,
    /// A call that could not be placed, or what went wrong in one: until the next.
    Call,
    /// Looking for somebody: until the next try.
    Search,
    /// A line of chat that was not sent: until the next.
    Chat,
    /// The shared screen: until it is shared again.
    Screen,
    /// The other end's screen: until it is shown, or shared no more.
    PeerScreen,
    /// What was asked of the server in vain: until it is asked again, or done.
    Asked(Topic),
    /// Somebody was blocked: until that is taken back.
    Blocked(GuestId),
    /// The file for the host: until the next try.
    Diagnostics,
    /// Where the key to the login went: until it goes somewhere.
    Key,
    /// Files that cannot be written: until they can.
    Unsaved,
}

impl Matter {
    /// Whether it is over with the session.
    fn is_of_session(&self) -> bool {
        let stays = matches!(self, Self::Door | Self::Diagnostics | Self::Key | Self::Unsaved);
        !stays && *self != Self::Distrusted(Distrust::Changed)
    }
}

/// A notice that goes once its matter is over.
pub(super) struct Standing {
    of: Matter,
    id: u64,
    text: String,
}

impl Engine {
    /// Says what was refused or failed, until that is over.
    pub(super) fn complain(&mut self, of: Matter, error: &ClientError) {
        tracing::info!(kind = ?error.kind, "refused or failed");
        self.stand(of, Severity::Error, error.sentence());
    }

    /// Says what keeps the app from its server; a certificate that is not believed is a matter of its own.
    pub(super) fn complain_of_way(&mut self, of: Matter, error: &ClientError) {
        match error.kind {
            ErrorKind::Certificate(why) => self.complain(Matter::Distrusted(why), error),
            _ => self.complain(of, error),
        }
    }

    /// The server is there, and with its own certificate.
    pub(super) fn server_is_there(&mut self) {
        self.all_over(|matter| match matter {
            Matter::Distrusted(why) => *why != Distrust::Changed,
            matter => matches!(matter, Matter::Displaced | Matter::NoCallYet),
        });
    }

    /// Tells something until it is over. The same again adds nothing, even where it was put away meanwhile; two matters that
    /// are told in the same words share a notice, which stays until both are over.
    pub(super) fn stand(&mut self, of: Matter, severity: Severity, text: String) {
        if self.standing.iter().any(|standing| standing.of == of && standing.text == text) {
            return;
        }
        self.is_over(&of);
        self.notify(severity, text.clone());
        self.standing.push(Standing { of, id: self.notice_count, text });
    }

    /// What was told of it holds no longer.
    pub(super) fn is_over(&mut self, of: &Matter) {
        self.all_over(|matter| matter == of);
    }

    /// The session is over, and what was wrong in it.
    pub(super) fn session_is_over(&mut self) {
        self.all_over(Matter::is_of_session);
    }

    pub(super) fn all_over(&mut self, over: impl Fn(&Matter) -> bool) {
        let ended: Vec<_> = self.standing.extract_if(.., |standing| over(&standing.of)).collect();
        let stands = |id| self.standing.iter().any(|standing| standing.id == id);
        self.notices
            .retain(|notice| stands(notice.id) || ended.iter().all(|standing| standing.id != notice.id));
    }

    pub(super) fn notify(&mut self, severity: Severity, text: String) {
        // Said already and not put away: once is enough.
        let same: Vec<_> =
            self.notices.extract_if(.., |notice| notice.text == text).map(|notice| notice.id).collect();
        self.notice_count += 1;
        for standing in self.standing.iter_mut().filter(|standing| same.contains(&standing.id)) {
            standing.id = self.notice_count;
        }
        if severity == Severity::Info {
            self.passing.push((self.notice_count, Instant::now()));
        }
        if self.notices.len() == NOTICES_MAX {
            let passes = self.notices.iter().position(|notice| notice.severity == Severity::Info);
            let dropped = self.notices.remove(passes.unwrap_or(0));
            // Nobody put it away: it is told again where it comes again.
            self.standing.retain(|standing| standing.id != dropped.id);
        }
        self.notices.push(Notice { id: self.notice_count, severity, text, offer: None, gone: None });
    }

    /// Puts away what was good to know and has been there for a while.
    pub(super) fn let_notices_pass(&mut self, now: Instant) {
        let over =
            self.passing.extract_if(.., |(_, told)| now.saturating_duration_since(*told) >= INFO_STAYS);
        for (id, _) in over {
            self.notices.retain(|notice| notice.id != id);
        }
    }
}
