//! The engine's turns, one by one, without a server: what it heeds is made here, and what it publishes is read at once.

use super::telling::Matter;
use super::*;
use crate::call::{CallInfo, Origin, Phase, Presence, Role, Route};
use crate::engine::SystemNotice;
use crate::error::ErrorKind;
use crate::media::camera::{CameraSpec, DeviceInfo};
use crate::media::codec::VideoCodec;
use crate::media::mic::MicSpec;
use crate::media::speaker::SpeakerSpec;
use crate::media::video_sender::VideoSenderStats;
use crate::signaling::{MatchNews, Topic};
use crate::view::{Availability, Command, DeviceKind, EndReason, Offer, Placing, Quality, Severity, Stage};
use castle::ids::GuestId;
use std::sync::Mutex;

mod devices;
mod withdrawn;

const CALL: CallId = CallId::from_bits(1);

/// An engine whose loop is turned by the story.
struct Turned {
    engine: Engine,
    published: watch::Receiver<Arc<Snapshot>>,
    _outside: (mpsc::Sender<Order>, mpsc::Receiver<Order>, mpsc::Receiver<DeviceNotice>),
}

impl Turned {
    fn new(config: EngineConfig) -> Self {
        let (sender, orders) = mpsc::channel(1);
        let (snapshot, published) = watch::channel(Arc::default());
        let slots = [(); 3].map(|()| FrameSlot::new());
        let [remote_frames, local_frames, screen_frames] = slots;
        let outside = Outside {
            orders,
            snapshot,
            record: watch::channel(Arc::default()).0,
            waker: Arc::new(|| ()),
            remote_frames,
            local_frames,
            screen_frames,
            window: WindowMeter::default(),
        };
        let (engine, orders, notices) = Engine::new(config, outside);
        Self { engine, published, _outside: (sender, orders, notices) }
    }

    /// One turn of the loop; what is published at its end.
    fn heeds(&mut self, wake: Wake) -> Arc<Snapshot> {
        assert!(self.engine.heed(wake).is_continue());
        self.engine.publish();
        self.published.borrow_and_update().clone()
    }

    /// Turns with each picture of the camera until its sender has come as far.
    fn until_sender(&mut self, holds: impl Fn(&VideoSenderStats) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds(&self.engine.record.sender) {
            assert!(Instant::now() < deadline, "{:?}", self.engine.record.sender);
            self.engine.source.local_frames.wait(TICK).expect("the camera films");
            self.heeds(Wake::Tick);
        }
    }

    fn is_asked(&mut self, command: Command) -> Arc<Snapshot> {
        self.heeds(Wake::Order(Some(Order::Person(command))))
    }

    fn finds(&mut self, mics: &[&str]) -> Arc<Snapshot> {
        let mics = mics.iter().map(|name| (*name).to_owned()).collect();
        let lists = Lists { mics, ..Lists::default() };
        self.heeds(Wake::Device(DeviceNotice::Lists(lists)))
    }
}

fn made_media() -> EngineConfig {
    EngineConfig {
        camera: Some(CameraSpec::default()),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        ..EngineConfig::default()
    }
}

fn info(phase: Phase) -> CallInfo {
    CallInfo {
        id: CALL,
        peer: "Bea".into(),
        peer_guest: Some(GuestId::from_bits(2)),
        peer_name: "bea".into(),
        phase,
        origin: Origin::Placed,
        relay_only: false,
        presence: Presence::Present,
        rings: None,
    }
}

#[tokio::test]
async fn a_call_whose_path_is_lost_is_poor_in_the_same_turn_and_says_that_a_new_way_is_looked_for() {
    let mut story = Turned::new(made_media());
    story.engine.drive(Input::Server(info(Phase::Connecting(Role::Offerer))));
    story.engine.drive(Input::PathUp(CALL, Route::Host));
    story.engine.drive(Input::BothUp(CALL));
    let good = CallStats { loss: Some(0.0), rtt_ms: Some(20.0), ..CallStats::default() };
    story.engine.talk.judge.second(good, false);
    let of = |snapshot: &Snapshot| {
        let call = snapshot.call.as_ref().expect("in a call");
        assert!(matches!(call.stage, Stage::Connected { .. }), "{:?}", call.stage);
        (call.path_lost, call.quality)
    };
    let other = story.heeds(Wake::Peer(CallId::from_bits(7), PeerEvent::Disconnected));
    assert_eq!(of(&other), (false, Quality::Good), "of an earlier call");
    let lost = story.heeds(Wake::Peer(CALL, PeerEvent::Disconnected));
    assert_eq!(of(&lost), (true, Quality::Poor));
    let figures = story.heeds(Wake::Tick);
    assert_eq!(figures.call.as_ref().and_then(|call| call.stats).and_then(|stats| stats.rtt_ms), None);
    let back = story.heeds(Wake::Peer(CALL, PeerEvent::Reconnected));
    assert!(!of(&back).0);
    drop(story);
}

#[tokio::test]
async fn a_call_with_sound_alone_says_why_for_as_long_as_there_is_no_codec() {
    let mut story = Turned::new(made_media());
    story.engine.drive(Input::Server(info(Phase::Connecting(Role::Offerer))));
    story.engine.drive(Input::PathUp(CALL, Route::Host));
    story.engine.drive(Input::BothUp(CALL));
    let told = |snapshot: &Snapshot| snapshot.devices.camera_fault.clone();
    story.heeds(Wake::Peer(CallId::from_bits(7), PeerEvent::NoPictures));
    assert_eq!(told(&story.heeds(Wake::Tick)), None, "of an earlier call");
    story.heeds(Wake::Peer(CALL, PeerEvent::NoPictures));
    assert_eq!(told(&story.heeds(Wake::Tick)).as_deref(), Some(say("fault-no-pictures")));
    story.heeds(Wake::Peer(CALL, PeerEvent::Codec(VideoCodec::Vp8)));
    assert_eq!(told(&story.heeds(Wake::Tick)), None);
    drop(story);
}

#[tokio::test]
async fn why_a_call_has_sound_alone_is_told_before_what_else_the_camera_lacks_and_not_after_the_call() {
    let mut story = Turned::new(EngineConfig { camera: None, ..made_media() });
    let told = |snapshot: Arc<Snapshot>| snapshot.devices.camera_fault.clone().expect("something is told");
    let fault = || Wake::Device(DeviceNotice::Camera(Some("The camera is broken.".into())));
    story.finds(&[]);
    story.engine.drive(Input::Server(info(Phase::Connecting(Role::Offerer))));
    assert_eq!(told(story.heeds(Wake::Tick)), say("fault-no-camera"));
    story.heeds(Wake::Peer(CALL, PeerEvent::NoPictures));
    assert_eq!(told(story.heeds(Wake::Tick)), say("fault-no-pictures"));
    assert_eq!(told(story.heeds(fault())), say("fault-no-pictures"));
    assert_eq!(told(story.finds(&["headset"])), say("fault-no-pictures"));
    story.engine.drive(Input::HangUp);
    story.is_asked(Command::SetTryout(true));
    assert_eq!(told(story.finds(&[])), say("fault-no-camera"));
    drop(story);
}

#[tokio::test]
async fn pictures_leave_a_call_with_sound_alone_once_there_is_a_codec() {
    let mut story = Turned::new(made_media());
    story.engine.drive(Input::Server(info(Phase::Connecting(Role::Offerer))));
    story.engine.drive(Input::PathUp(CALL, Route::Host));
    story.heeds(Wake::Peer(CALL, PeerEvent::NoPictures));
    story.engine.drive(Input::BothUp(CALL));
    story.until_sender(|sender| sender.frames_captured > 30);
    assert_eq!(story.engine.record.sender.frames_sent, 0);
    story.heeds(Wake::Peer(CALL, PeerEvent::Codec(VideoCodec::Vp8)));
    story.until_sender(|sender| sender.frames_sent > 0);
    drop(story);
}

#[test]
fn a_call_is_shown_with_its_name_in_the_turn_in_which_it_is_asked_for() {
    let mut story = Turned::new(made_media());
    let guest = GuestId::from_bits(2);
    let row = HallRow {
        guest,
        name: "bea".into(),
        display_name: "Bea".into(),
        availability: Availability::Available,
    };
    (story.engine.me, story.engine.hall.0) = (Some(ada()), Arc::new(vec![row]));
    for (command, peer) in [
        (Command::Call(guest), Some("Bea")),
        (Command::CallName("cid".into()), Some("cid")),
        (Command::CallNextFree, None),
    ] {
        let placing = |given_up| Some(Placing { peer: peer.map(str::to_owned), given_up });
        assert_eq!(story.is_asked(command).placing, placing(false));
        assert_eq!(story.is_asked(Command::Cancel).placing, placing(true));
        story.engine.drive(Input::PlaceRefused);
        assert_eq!(story.is_asked(Command::CloseCall).placing, None);
    }
}

fn ada() -> Me {
    Me {
        guest: GuestId::from_bits(1),
        name: "ada".into(),
        display_name: "Ada".into(),
        availability: Availability::Available,
    }
}

fn comes_online(resumed: bool) -> Wake {
    Wake::Session(Some(Event::Online {
        resumed,
        me: ada(),
        call: None,
        ice: Vec::new(),
        clock_ahead_ms: None,
        missed: 0,
    }))
}

#[test]
fn how_one_wishes_to_be_seen_is_shown_at_once_and_a_call_for_as_long_as_it_lasts() {
    let mut story = Turned::new(made_media());
    story.engine.me = Some(ada());
    let mut shown = |wished| {
        let me = story.is_asked(Command::SetAvailability(wished)).me.clone();
        me.expect("ada").availability
    };
    assert_eq!(shown(Availability::Invisible), Availability::Invisible);
    assert_eq!(shown(Availability::DoNotDisturb), Availability::DoNotDisturb);
    let in_call = Me { availability: Availability::InCall, ..ada() };
    story.heeds(Wake::Session(Some(Event::Me(in_call))));
    let wished = story.is_asked(Command::SetAvailability(Availability::Invisible));
    assert_eq!(wished.me.as_ref().map(|me| me.availability), Some(Availability::InCall));
}

#[test]
fn whoever_waits_for_a_match_goes_on_waiting_in_a_new_session_for_a_place_that_is_not_known_yet() {
    let mut story = Turned::new(made_media());
    story.engine.me = Some(ada());
    story.is_asked(Command::Search);
    let queued = || {
        let estimate = Some(Duration::from_secs(20));
        Wake::Session(Some(Event::Match(MatchNews::Queued { position: 2, waiting: 5, estimate })))
    };
    let place = |snapshot: Arc<Snapshot>| {
        let search = snapshot.search.clone().expect("still waiting");
        (search.position, search.waiting, search.estimate)
    };
    let known = place(story.heeds(queued()));
    assert_eq!(known, (Some(2), Some(5), Some(Duration::from_secs(20))));
    assert_eq!(place(story.heeds(comes_online(true))), known, "the session went on");
    assert_eq!(place(story.heeds(comes_online(false))), (None, None, None));
    assert_eq!(place(story.heeds(queued())), known);
}

#[tokio::test]
async fn a_block_ends_the_call_before_the_server_has_answered() {
    let mut story = Turned::new(made_media());
    story.engine.drive(Input::Server(info(Phase::Connecting(Role::Offerer))));
    story.engine.drive(Input::PathUp(CALL, Route::Host));
    story.engine.drive(Input::BothUp(CALL));
    let stage = |snapshot: &Snapshot| snapshot.call.as_ref().expect("a call").stage.clone();
    let another = story.is_asked(Command::Block(GuestId::from_bits(3)));
    assert!(matches!(stage(&another), Stage::Connected { .. }), "it is not with them");
    let blocked = story.is_asked(Command::Block(GuestId::from_bits(2)));
    let hung_up = matches!(stage(&blocked), Stage::Ended { reason: EndReason::HungUp, .. });
    assert!(hung_up && story.engine.live.is_none(), "{:?}", stage(&blocked));
    drop(story);
}

fn told(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.notices.iter().map(|notice| notice.text.as_str()).collect()
}

#[test]
fn what_answers_in_place_of_the_server_is_told_once_and_until_that_is_over() {
    let mut story = Turned::new(made_media());
    let instead = |kind: ErrorKind| {
        Wake::Session(Some(Event::Reconnecting { instead: Some(crate::error::ClientError::from(kind)) }))
    };
    let portal = story.heeds(instead(ErrorKind::NoTls));
    assert_eq!(told(&portal), [say("error-no-tls")]);
    story.is_asked(Command::Dismiss(portal.notices[0].id));
    assert_eq!(told(&story.heeds(instead(ErrorKind::NoTls))).len(), 0, "put away, it does not come back");
    assert_eq!(told(&story.heeds(instead(ErrorKind::NotCastle))), [say("error-not-castle")]);
    let silent = story.heeds(Wake::Session(Some(Event::Reconnecting { instead: None })));
    assert_eq!(told(&silent).len(), 0);
    story.heeds(instead(ErrorKind::NoTls));
    assert_eq!(told(&story.heeds(comes_online(true))).len(), 0);
}

#[test]
fn why_nothing_can_be_done_yet_is_told_until_it_can_be_done() {
    let mut story = Turned::new(made_media());
    story.engine.stand(Matter::NoCallYet, Severity::Error, say("told-no-call-yet").into());
    assert_eq!(told(&story.heeds(comes_online(true))).len(), 0);
    let refused = || Err(ErrorKind::Timeout.into());
    let about = Topic::Account(crate::view::Act::List);
    let in_vain = Wake::Session(Some(Event::Answer { topic: about.clone(), answer: refused() }));
    let in_vain = story.heeds(in_vain);
    assert_eq!((told(&in_vain), in_vain.unanswered.logins), (vec![say("error-timeout")], true));
    let answer = Ok(crate::signaling::Answer::Logins(Vec::new()));
    let came = story.heeds(Wake::Session(Some(Event::Answer { topic: about, answer })));
    assert_eq!((told(&came).len(), came.unanswered.logins), (0, false));
    let ended = story.heeds(Wake::Session(Some(Event::Ended(Some(ErrorKind::Protocol.into())))));
    assert_eq!(told(&ended), [say("error-protocol")]);
    let command = Command::LogIn {
        server: "nonsense of an address".into(),
        name: "ada".into(),
        password: crate::view::Secret("x".into()),
        remember: false,
    };
    assert_eq!(told(&story.is_asked(command)), [say("error-bad-address")], "of the last try alone");
}

#[test]
fn a_page_of_older_calls_that_did_not_come_is_there_to_be_asked_for_again() {
    let mut story = Turned::new(made_media());
    let page = |page: &str| Topic::Calls { page: page.into() };
    let answer = |topic, answer| Wake::Session(Some(Event::Answer { topic, answer }));
    let first =
        crate::signaling::Answer::Calls { first: true, calls: Vec::new(), until: None, next: "older".into() };
    assert!(story.heeds(answer(page(""), Ok(first))).history.more);
    let in_vain = story.is_asked(Command::MoreOfHistory);
    assert_eq!(told(&in_vain), [say("error-unreachable")], "there is no server");
    assert!(in_vain.history.more && !in_vain.unanswered.calls, "the newest are there");
    assert_eq!(story.engine.history_next, "older");
    let first = story.heeds(answer(page(""), Err(ErrorKind::Timeout.into())));
    assert!(first.unanswered.calls);
}

#[test]
fn a_page_of_older_calls_that_comes_after_the_newest_anew_does_not_follow_them() {
    use crate::signaling::Answer;
    let mut story = Turned::new(made_media());
    let page = |page: &str| Topic::Calls { page: page.into() };
    let answer = |topic, answer| Wake::Session(Some(Event::Answer { topic, answer }));
    let calls =
        |first, next: &str| Ok(Answer::Calls { first, calls: Vec::new(), until: None, next: next.into() });
    story.heeds(answer(page(""), calls(true, "second")));
    // The second page is on its way when the history is opened once more.
    story.engine.history_awaited = Some("second".into());
    story.engine.history_next.clear();
    story.is_asked(Command::LoadHistory);
    story.heeds(answer(page(""), calls(true, "second of today")));
    story.heeds(answer(page("second"), Err(ErrorKind::Timeout.into())));
    assert_eq!(story.engine.history_next, "second of today");
    story.heeds(answer(page("second"), calls(false, "third")));
    assert_eq!(story.engine.history_next, "second of today");
}

#[test]
fn two_matters_told_in_the_same_words_are_told_once_and_until_both_are_over() {
    let mut story = Turned::new(made_media());
    let tell = |story: &mut Turned, of| story.engine.stand(of, Severity::Error, "the same".into());
    tell(&mut story, Matter::Call);
    tell(&mut story, Matter::Chat);
    assert_eq!(told(&story.heeds(Wake::Tick)), ["the same"]);
    story.engine.is_over(&Matter::Chat);
    assert_eq!(told(&story.heeds(Wake::Tick)), ["the same"], "the call is not better for it");
    story.engine.is_over(&Matter::Call);
    assert_eq!(told(&story.heeds(Wake::Tick)).len(), 0);
}

#[test]
fn what_holds_outlasts_what_is_good_to_know_and_is_told_again_where_it_had_to_go() {
    let mut story = Turned::new(made_media());
    story.engine.stand(Matter::Unsaved, Severity::Error, "holds".into());
    for word in ["a", "b", "c", "d"] {
        story.engine.notify(Severity::Info, word.into());
    }
    assert_eq!(told(&story.heeds(Wake::Tick)), ["holds", "b", "c", "d"]);
    for word in ["e", "f", "g", "h"] {
        story.engine.notify(Severity::Error, word.into());
    }
    assert_eq!(told(&story.heeds(Wake::Tick)), ["e", "f", "g", "h"]);
    story.engine.stand(Matter::Unsaved, Severity::Error, "holds".into());
    assert_eq!(told(&story.heeds(Wake::Tick)), ["f", "g", "h", "holds"]);
}

#[tokio::test]
async fn diagnostics_are_written_beside_the_turns_of_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let mut story = Turned::new(made_media());
    for (file, words) in [("castle.txt", "were saved as"), ("no/such/folder.txt", "could not be saved as")] {
        let file = folder.path().join(file);
        let asked = story.is_asked(Command::SaveDiagnostics { file: file.clone(), with_names: false });
        assert_eq!(told(&asked).iter().filter(|text| text.contains(words)).count(), 0, "nobody waits for it");
        let saved = story.engine.saved.1.recv().await.expect("it is told");
        let saved = story.heeds(Wake::Saved(saved));
        let last = *told(&saved).last().expect("told");
        assert!(last.contains(words) && last.contains(&file.display().to_string()), "{last}");
    }
}

#[tokio::test]
async fn the_system_tells_who_rings_when_the_person_looks_away_while_it_rings() {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = noted.clone();
    let notifier = Arc::new(move |notice| notes.lock().unwrap().push(notice));
    let mut story = Turned::new(EngineConfig { notifier: Some(notifier), ..made_media() });
    story.is_asked(Command::SetInFront(true));
    let rings = CallInfo { origin: Origin::Received, ..info(Phase::Ringing) };
    story.engine.drive(Input::Server(rings));
    assert!(noted.lock().unwrap().is_empty(), "they look at it");
    for in_front in [false, true, false] {
        story.is_asked(Command::SetInFront(in_front));
    }
    story.is_asked(Command::Decline);
    let rang = SystemNotice::Ringing { peer: "Bea".into() };
    assert_eq!(*noted.lock().unwrap(), [rang, SystemNotice::RingingOver], "once");
    drop(story);
}

#[test]
fn what_became_of_a_report_is_known_whether_or_not_it_could_be_sent() {
    use crate::error::ErrorKind;
    use crate::signaling::Answer;
    use crate::view::{Act, ReportReason, Reports};
    let mut turned = Turned::new(EngineConfig::default());
    let guest = GuestId::from_bits(2);
    let report = Command::Report { guest, call: None, reason: ReportReason::Other, words: "words".into() };
    let reports = |turned: &Turned| turned.engine.account.reports;
    turned.is_asked(report);
    assert_eq!(reports(&turned), Reports { taken: 0, lost: 1 }, "there is no server to send it to");
    turned.engine.hear_answer(Topic::Account(Act::Report), Err(ErrorKind::Timeout.into()));
    assert_eq!(reports(&turned), Reports { taken: 0, lost: 2 });
    turned.engine.hear_answer(Topic::Account(Act::Report), Ok(Answer::Reported));
    assert_eq!(reports(&turned), Reports { taken: 1, lost: 2 });
    turned.engine.hear_answer(Topic::Block(guest), Ok(Answer::Blocks(guest, true)));
    let told = |turned: &Turned, words| turned.engine.notices.iter().any(|notice| notice.text == words);
    assert!(told(&turned, say("told-reported")) && told(&turned, say("told-blocked")));
}
