//! Who reads what is said of a place in the queue: of each session the stream that came last.
//!
//! Owns the numbers of the streams. Knows nothing of places.

use super::handle::MatchLine;
use castle::ids::SessionId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;

/// A Match stream.
pub(super) struct MatchStream {
    /// Tells it from an earlier one of the same session.
    number: u64,
    pub(super) lines: mpsc::Sender<MatchLine>,
    /// Since when the place is waited for.
    pub(super) since: Duration,
}

/// All of them.
#[derive(Default)]
pub(super) struct MatchStreams {
    by_session: BTreeMap<SessionId, MatchStream>,
    session_of: BTreeMap<u64, SessionId>,
    begun: u64,
}

impl MatchStreams {
    /// A stream for the session, in the place of the one before, which is told so. Returns its number.
    pub(super) fn begin(&mut self, now: Duration, session: SessionId, lines: mpsc::Sender<MatchLine>) -> u64 {
        let older = self.end(session);
        let since = older.as_ref().map_or(now, |older| older.since);
        if let Some(older) = older {
            // It may have been lost already.
            older.lines.try_send(MatchLine::Superseded).ok();
        }
        self.begun += 1;
        self.session_of.insert(self.begun, session);
        self.by_session.insert(session, MatchStream { number: self.begun, lines, since });
        self.begun
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&MatchStream> {
        self.by_session.get(&session)
    }

    /// Nothing more is said on the session's stream.
    pub(super) fn end(&mut self, session: SessionId) -> Option<MatchStream> {
        let ended = self.by_session.remove(&session)?;
        self.session_of.remove(&ended.number);
        Some(ended)
    }

    /// The session goes on under a new id, and its stream with it.
    pub(super) fn rename(&mut self, old: SessionId, new: SessionId) {
        if let Some(stream) = self.by_session.remove(&old) {
            self.session_of.insert(stream.number, new);
            self.by_session.insert(new, stream);
        }
    }

    /// Nobody reads the stream of this number any more. Returns whose it was, unless it had ended.
    pub(super) fn lost(&mut self, number: u64) -> Option<SessionId> {
        let session = *self.session_of.get(&number)?;
        self.end(session);
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: [SessionId; 3] = [SessionId::from_bits(1), SessionId::from_bits(2), SessionId::from_bits(3)];

    fn stream() -> (mpsc::Sender<MatchLine>, mpsc::Receiver<MatchLine>) {
        mpsc::channel(1)
    }

    #[test]
    fn the_last_stream_of_a_session_is_read_and_the_one_before_is_told_and_lost_without_effect() {
        let mut streams = MatchStreams::default();
        let ((first, mut told), (second, _told)) = (stream(), stream());
        let before = streams.begin(Duration::from_secs(1), ON[0], first);
        let after = streams.begin(Duration::from_secs(9), ON[0], second);
        assert_eq!(told.try_recv(), Ok(MatchLine::Superseded));
        assert_eq!(streams.get(ON[0]).map(|stream| stream.since), Some(Duration::from_secs(1)));
        assert_eq!(streams.lost(before), None);
        assert_eq!(streams.lost(after), Some(ON[0]));
        assert!(streams.get(ON[0]).is_none() && streams.session_of.is_empty());
    }

    #[test]
    fn a_stream_goes_with_its_session_and_one_that_ended_leaves_nothing() {
        let mut streams = MatchStreams::default();
        let ((first, _told), (second, _heard)) = (stream(), stream());
        let number = streams.begin(Duration::ZERO, ON[0], first);
        streams.rename(ON[0], ON[1]);
        assert_eq!(streams.lost(number), Some(ON[1]));
        let number = streams.begin(Duration::ZERO, ON[2], second);
        streams.end(ON[2]);
        assert_eq!((streams.lost(number), streams.session_of.len()), (None, 0));
    }
}
