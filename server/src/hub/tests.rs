//! Stories of the hub alone, by a clock that the test sets.

use super::handle::{Asked, Attached, ClientFrame, Opening};
use super::outgoing::{Body, Frame, Item, Outbox, OutboxReader, Welcome};
use super::{Around, Hub, HubConfig, ResumeRequest};
use crate::error::Error;
use crate::guest::Guest;
use crate::history::{Backstory, Keeper};
use crate::ice::{CREDENTIAL_TTL, IceServers, IceVendor, TurnSecret, TurnService};
use crate::lobby::{Command, Watch};
use crate::metrics::Metrics;
use crate::token::CallSigner;
use castle::ids::{CallId, GuestId, LoginId};
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

fn hub(ice: IceVendor) -> Hub {
    let signer = Arc::new(CallSigner::new([7; 32]));
    let around = Around { ice: Arc::new(ice), signer, metrics: Arc::new(Metrics::new()) };
    Hub::new(HubConfig::default(), around, Keeper::watched().0, [1; 32])
}

fn opens(
    hub: &mut Hub,
    now: Duration,
    resume: Option<ResumeRequest>,
) -> Result<(Attached, OutboxReader), Error> {
    let (outbox, stream) = Outbox::new(hub.config.sessions.unacked_frames_max);
    let attached = hub.open(now, Opening { resume, ..opening() }, Backstory::default(), outbox)?;
    Ok((attached, stream))
}

fn welcomed(stream: &mut OutboxReader) -> Box<Welcome> {
    match stream.items.try_recv().map(|first| first.item) {
        Ok(Item::Welcome(welcome)) => welcome,
        _ => panic!("the welcome comes first"),
    }
}

/// The stream asks for this, without a number.
fn asks(hub: &mut Hub, now: Duration, on: Attached, command: Command) {
    let asked = Some(Ok(Asked::Lobby(command)));
    let frame = ClientFrame { seq: 0, ack: 0, request_id: String::new(), command: asked };
    hub.frame(now, on.session, on.epoch, frame);
}

fn watch(number: u64) -> Command {
    Command::WatchHall(Watch { number, query: String::new(), after: None })
}

/// The watches that were shown since the last time.
fn shown(stream: &mut OutboxReader) -> Vec<u64> {
    let items = std::iter::from_fn(|| stream.items.try_recv().ok());
    let snapshots = items.filter_map(|outgoing| match outgoing.item {
        Item::HallSnapshot(hall) => Some(hall.watch),
        _ => None,
    });
    snapshots.collect()
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
    let mut hub = hub(ice);
    let (_, mut stream) = opens(&mut hub, Duration::ZERO, None).expect("the stream opens");
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

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn who_comes_again_and_again_sends_no_more_than_all_sessions_of_a_guest_may() {
    let mut hub = hub(IceVendor::new(vec![]));
    let limits = hub.config.sessions.clone();
    let sessions = u32::try_from(limits.per_guest_max).expect("a few");
    let mut performed = 0;
    let refused = loop {
        let (on, mut stream) = match opens(&mut hub, SECOND, None) {
            Ok(opened) => opened,
            Err(error) => break error,
        };
        welcomed(&mut stream);
        performed += performed_of(&mut hub, SECOND, on, limits.frames_burst);
        assert!(performed <= sessions * limits.frames_burst, "a new session is no new allowance");
        hub.bye(SECOND, on.session, on.epoch);
    };
    assert!(
        matches!(refused, Error::RateLimited { retry_after, .. } if retry_after <= SECOND),
        "{refused:?}"
    );
    let (_, mut stream) = opens(&mut hub, 2 * SECOND, None).expect("a second later there is room");
    let token = welcomed(&mut stream).resume_token;
    let refused = (2..1_000).find_map(|epoch| {
        let resume = ResumeRequest { token: token.clone(), received_seq: 0, epoch };
        opens(&mut hub, 2 * SECOND, Some(resume)).err()
    });
    assert!(matches!(refused, Some(Error::RateLimited { .. })), "nor is a resume: {refused:?}");
    opens(&mut hub, 600 * SECOND, None).expect("rested");
}

/// Sends so many frames and counts those that were performed.
fn performed_of(hub: &mut Hub, now: Duration, on: Attached, frames: u32) -> u32 {
    (0..frames).filter(|_| hub.sessions.spend(now, on.session).is_ok()).count().try_into().expect("a few")
}

#[test]
fn who_asks_for_the_hall_without_end_is_shown_it_five_times_a_second_as_it_is_then() {
    let mut hub = hub(IceVendor::new(vec![]));
    let (on, mut stream) = opens(&mut hub, SECOND, None).expect("the stream opens");
    for number in 1..=100 {
        asks(&mut hub, SECOND, on, watch(number));
    }
    assert_eq!(shown(&mut stream), [1], "the first at once");
    let due = hub.next_deadline().expect("the last is due");
    assert!(due <= SECOND + SECOND / 5);
    hub.tick(due);
    assert_eq!(shown(&mut stream), [100], "and of the others the last alone");
    hub.tick(2 * SECOND);
    assert_eq!(shown(&mut stream), [0; 0]);
}

#[test]
fn who_asks_for_the_hall_and_does_not_read_has_no_more_snapshots_in_line_than_fit() {
    let mut hub = hub(IceVendor::new(vec![]));
    let (on, mut stream) = opens(&mut hub, SECOND, None).expect("the stream opens");
    let mut now = SECOND;
    for number in 1..=1_000 {
        now += SECOND / 4;
        hub.tick(now);
        asks(&mut hub, now, on, watch(number));
    }
    assert!(stream.end.try_recv().is_err(), "the stream goes on");
    let in_line = shown(&mut stream);
    assert!(in_line.len() < 400 && in_line.last() != Some(&1_000), "{in_line:?}");
    hub.tick(now + SECOND);
    assert_eq!(shown(&mut stream), [1_000], "once there is room it is shown what it asked for last");
}

#[test]
fn a_stream_that_is_not_read_overflows_and_is_resumed_where_nothing_is_missing() {
    let mut hub = hub(IceVendor::new(vec![]));
    let (on, mut stream) = opens(&mut hub, SECOND, None).expect("the stream opens");
    let token = welcomed(&mut stream).resume_token;
    let mut now = SECOND;
    let why = loop {
        // Each is refused, in band and without a number: nothing that a resume would have to say again.
        asks(&mut hub, now, on, Command::AcceptCall(CallId::from_bits(1)));
        if let Ok(why) = stream.end.try_recv() {
            break why;
        }
        now += SECOND / 10;
        assert!(now < 100 * SECOND, "the line has an end");
    };
    assert!(matches!(why, Error::Overflow { .. }), "{why:?}");
    let resume = ResumeRequest { token, received_seq: 0, epoch: 2 };
    let (_, mut stream) = opens(&mut hub, now, Some(resume)).expect("it is resumed");
    assert!(welcomed(&mut stream).resumed, "nothing was lost");
}
