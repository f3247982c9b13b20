//! Who was called of late while they were away: a session that begins in the same moment is told of it.
//!
//! Owns the order of such calls and how far they are written. A guest waits for their own alone, so that nobody learns
//! by waiting whether somebody else was missed.

use crate::guest::Guest;
use crate::lobby::Callee;
use crate::names;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// A hello is at most this old when its session begins.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The calls of the last [`REMEMBERED`] to who could not be rung.
#[derive(Debug, Clone)]
pub(super) struct Late {
    calls: Arc<Mutex<Calls>>,
    written: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Calls {
    count: u64,
    last: BTreeMap<Callee, u64>,
    order: VecDeque<(SystemTime, Callee, u64)>,
}

impl Late {
    pub(super) fn new() -> Self {
        Self { calls: Arc::default(), written: Arc::new(watch::Sender::new(0)) }
    }

    /// Somebody called `callee` in vain.
    pub(super) fn note(&self, at: SystemTime, callee: &Callee) {
        let callee = match callee {
            Callee::Guest(guest) => Callee::Guest(*guest),
            Callee::Name(name) => Callee::Name(names::fold(name)),
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |since: SystemTime| at.duration_since(since).unwrap_or_default() > REMEMBERED;
        while let Some((_, callee, number)) = calls.order.pop_front_if(|(since, ..)| old(*since)) {
            if calls.last.get(&callee) == Some(&number) {
                calls.last.remove(&callee);
            }
        }
        calls.count += 1;
        let number = calls.count;
        calls.last.insert(callee.clone(), number);
        calls.order.push_back((at, callee, number));
    }

    /// The number of the last call to `guest`, by id or name; 0: there was none of late.
    pub(super) fn last(&self, guest: &Guest) -> u64 {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |callee: &Callee| calls.last.get(callee).copied().unwrap_or_default();
        of(&Callee::Guest(guest.id)).max(of(&Callee::Name(names::fold(&guest.name))))
    }

    /// So many more, in their order, are written.
    pub(super) fn wrote(&self, calls: usize) {
        self.written.send_modify(|written| *written += calls as u64);
    }

    /// Returns once the call with this number is written.
    pub(super) async fn written(&self, number: u64) {
        self.written.subscribe().wait_for(|&written| written >= number).await.expect("it has the sender");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use castle::ids::GuestId;
    use futures_util::FutureExt as _;
    use std::time::UNIX_EPOCH;

    fn guest(number: u128, name: &str) -> Guest {
        Guest { id: GuestId::from_bits(number), name: name.to_owned(), display_name: String::new() }
    }

    #[test]
    fn each_waits_for_calls_to_themselves_by_id_or_name_and_for_no_others() {
        let late = Late::new();
        let (ada, bea) = (guest(1, "ada"), guest(2, "stra\u{df}e"));
        late.note(UNIX_EPOCH, &Callee::Name("strasse".to_owned()));
        assert_eq!((late.last(&ada), late.last(&bea)), (0, 1));
        late.note(UNIX_EPOCH, &Callee::Guest(bea.id));
        assert_eq!((late.last(&ada), late.last(&bea)), (0, 2));
        assert!(late.written(late.last(&ada)).now_or_never().is_some());
        late.wrote(1);
        assert!(late.written(2).now_or_never().is_none());
        late.wrote(1);
        assert!(late.written(2).now_or_never().is_some());
        late.note(UNIX_EPOCH + REMEMBERED + Duration::from_secs(1), &Callee::Guest(ada.id));
        assert_eq!((late.last(&ada), late.last(&bea)), (3, 0), "what is long past is forgotten");
    }
}
