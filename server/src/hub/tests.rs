//! Stories of the hub alone, by a clock that the test sets.

use super::handle::{Asked, Attached, ClientFrame, Opening};
use super::outgoing::{Body, Frame, Item, Outbox, OutboxReader, Welcome};
use super::{Around, Hub, HubConfig, ResumeRequest};
use crate::error::Error;
use crate::guest::{Guest, Wish};
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
        wish: Wish::default(),
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
    hub.hello(now, opening().guest.id)?;
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
    Command::WatchHall(Watch { number, query: "guest".to_owned(), after: None })
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
    (0..frames).filter(|_| hub.sessions.spend(now, on.session, 0).is_ok()).count().try_into().expect("a few")
}

/// A hall of so many others, who are there and not read.
fn crowd(hub: &mut Hub, guests: u128) -> Vec<OutboxReader> {
    let comes = |number: u128| {
        let (id, name) = (GuestId::from_bits(100 + number), format!("guest{number}"));
        let guest = Arc::new(Guest { id, display_name: name.clone(), name });
        let (outbox, stream) = Outbox::new(hub.config.sessions.unacked_frames_max);
        let opening = Opening { guest, login: LoginId::from_bits(100 + number), ..opening() };
        hub.open(Duration::ZERO, opening, Backstory::default(), outbox).expect("the stream opens");
        stream
    };
    (0..guests).map(comes).collect()
}

#[test]
fn who_asks_for_the_hall_without_end_is_shown_it_five_times_a_second_as_it_is_then() {
    const CROWD: u128 = 300;
    let mut hub = hub(IceVendor::new(vec![]));
    let _crowd = crowd(&mut hub, CROWD);
    let (on, mut stream) = opens(&mut hub, SECOND, None).expect("the stream opens");
    hub.tick(2 * SECOND);
    let now = 5 * SECOND;
    hub.tick(now);
    hub.lobby.rows_looked_at_anew();
    for number in 1..=100 {
        asks(&mut hub, now, on, watch(number));
    }
    assert_eq!(shown(&mut stream), [1], "the first at once");
    assert!(hub.next_deadline().expect("the last is due") <= now + SECOND / 5);
    hub.tick(now + SECOND / 5);
    assert_eq!(shown(&mut stream), [100], "and of the others the last alone");
    hub.tick(2 * now);
    assert_eq!(shown(&mut stream), [0; 0]);
    assert_eq!(hub.lobby.rows_looked_at_anew(), 2 * CROWD as usize, "looked for as often as it is shown");
}

#[test]
fn all_devices_of_a_guest_together_are_shown_the_hall_no_more_often_than_one() {
    let mut hub = hub(IceVendor::new(vec![]));
    let _crowd = crowd(&mut hub, 300);
    let mut devices: Vec<_> = (0..5).map(|_| opens(&mut hub, SECOND, None).expect("it opens")).collect();
    let mut all = 0;
    for number in 1..=200 {
        let now = SECOND + SECOND * number / 100;
        hub.tick(now);
        for (on, stream) in &mut devices {
            asks(&mut hub, now, *on, watch(number.into()));
            all += shown(stream).len();
        }
    }
    assert!((10..=16).contains(&all), "shown {all} times in two seconds");
    hub.tick(10 * SECOND);
    for (_, stream) in &mut devices {
        assert_eq!(shown(stream).last(), Some(&200), "and each the last that it asked for");
    }
}

#[test]
fn who_did_not_read_while_the_hall_changed_is_shown_it_once_they_do() {
    let mut hub = hub(IceVendor::new(vec![]));
    let (on, mut stream) = opens(&mut hub, SECOND, None).expect("the stream opens");
    let mut now = SECOND;
    while hub
        .sessions
        .get_mut(on.session)
        .and_then(|session| session.outbox.as_ref())
        .expect("it is open")
        .has_slack()
    {
        // Each is refused, without a number.
        asks(&mut hub, now, on, Command::AcceptCall(CallId::from_bits(1)));
        now += SECOND / 10;
    }
    let _crowd = crowd(&mut hub, 1);
    hub.tick(now + SECOND);
    let items = std::iter::from_fn(|| stream.items.try_recv().ok());
    assert!(!items.map(|said| said.item).any(|item| matches!(item, Item::HallDelta(_))), "no room for it");
    hub.tick(now + 2 * SECOND);
    let items = std::iter::from_fn(|| stream.items.try_recv().ok());
    let halls = items.filter_map(|said| match said.item {
        Item::HallSnapshot(hall) => Some(hall.guest_count),
        _ => None,
    });
    assert_eq!(halls.collect::<Vec<_>>(), [1], "though nothing has changed since");
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

#[test]
fn who_never_heard_the_new_name_of_a_session_finds_it_by_the_former_one() {
    let mut hub = hub(IceVendor::new(vec![]));
    let (on, mut stream) = opens(&mut hub, SECOND, None).expect("the stream opens");
    let token = welcomed(&mut stream).resume_token;
    let mut now = SECOND;
    for seq in 1.. {
        // Each is answered with a number, and no answer is acknowledged.
        let command = Some(Ok(Asked::Lobby(Command::AcceptCall(CallId::from_bits(1)))));
        let frame = ClientFrame { seq, ack: 0, request_id: seq.to_string(), command };
        hub.frame(now, on.session, on.epoch, frame);
        if stream.end.try_recv().is_ok() {
            break;
        }
        now += SECOND / 10;
        assert!(now < 1000 * SECOND, "what may be unacknowledged has an end");
    }
    let resume = |epoch| Some(ResumeRequest { token: token.clone(), received_seq: 0, epoch });
    let (second, mut unheard) = opens(&mut hub, now, resume(2)).expect("it goes on");
    assert!(second.session != on.session, "under a new name");
    let (third, mut stream) = opens(&mut hub, now, resume(4)).expect("it goes on");
    assert!(matches!(unheard.end.try_recv(), Ok(Error::Superseded)), "it was the same session");
    assert_eq!(hub.sessions.len(), 1);
    let welcome = welcomed(&mut stream);
    assert!(!welcome.resumed && welcome.session == third.session && third.session != second.session);
    let late = opens(&mut hub, now, resume(3)).map(|(on, _)| on.session);
    assert!(matches!(late, Err(Error::Superseded)), "an older hello that was on its way: {late:?}");
}
