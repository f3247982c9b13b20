//! Stories of the hub alone, by a clock that the test sets.

use super::handle::Opening;
use super::outgoing::{Body, Frame, Item, Outbox, OutboxReader};
use super::{Around, Hub, HubConfig};
use crate::guest::Guest;
use crate::history::{Backstory, Keeper};
use crate::ice::{CREDENTIAL_TTL, IceServers, IceVendor, TurnSecret, TurnService};
use crate::metrics::Metrics;
use crate::token::CallSigner;
use castle::ids::{GuestId, LoginId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

const TWO_DAYS: Duration = Duration::from_hours(48);

fn opening() -> Opening {
    let (id, name) = (GuestId::from_bits(1), "bea".to_owned());
    Opening {
        guest: Arc::new(Guest { id, display_name: name.clone(), name }),
        login: LoginId::from_bits(2),
        resume: None,
        call_token: String::new(),
        access_expires_at: UNIX_EPOCH + TWO_DAYS,
    }
}

/// The servers that were said since the last time.
fn said(stream: &mut OutboxReader) -> Vec<IceServers> {
    let said = std::iter::from_fn(|| stream.items.try_recv().ok());
    let servers = said.filter_map(|outgoing| match outgoing.item {
        Item::Welcome(welcome) => Some(welcome.ice),
        Item::Frame(frame) => match &*frame {
            Frame { body: Body::Ice(servers), .. } => Some(servers.clone()),
            _ => None,
        },
        _ => None,
    });
    servers.collect()
}

#[test]
fn who_stays_for_two_days_always_holds_a_credential_that_is_good_for_half_an_hour() {
    let passed_s = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&passed_s);
    let urls = vec!["turn:192.0.2.1:3478".to_owned()];
    let relay = TurnService::new(Vec::new(), urls, TurnSecret::new("north"));
    let ice = IceVendor::new(vec![Arc::new(relay)])
        .by(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)));
    let signer = Arc::new(CallSigner::new([7; 32]));
    let around = Around { ice: Arc::new(ice), signer, metrics: Arc::new(Metrics::new()) };
    let (keeper, _kept) = Keeper::watched();
    let mut hub = Hub::new(HubConfig::default(), around, keeper, [1; 32]);

    let (outbox, mut stream) = Outbox::new(hub.config.sessions.unacked_frames_max);
    hub.open(Duration::ZERO, opening(), Backstory::default(), outbox).expect("the stream opens");
    let mut held = said(&mut stream);
    assert_eq!(held.len(), 1, "with the welcome");
    let good_until = |held: &[IceServers]| {
        let last: &IceServers = held.last().expect("one at least");
        last.expires_at.duration_since(UNIX_EPOCH).expect("after the beginning")
    };
    assert_eq!(good_until(&held), CREDENTIAL_TTL);

    let mut now = Duration::ZERO;
    while now < TWO_DAYS {
        now = hub.next_deadline().expect("the next are due some time");
        assert!(now > CREDENTIAL_TTL / 4 && now + CREDENTIAL_TTL / 2 <= good_until(&held), "{now:?}");
        passed_s.store(now.as_secs(), Ordering::Relaxed);
        hub.tick(now);
        held.extend(said(&mut stream));
    }
    assert_eq!(held.len(), 1 + 2 * 48, "one at each half hour");
    assert_eq!(good_until(&held), TWO_DAYS + CREDENTIAL_TTL);
    let mut names: Vec<_> = held.iter().map(|given| given.servers[0].username.clone()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), held.len(), "each is another");
}
