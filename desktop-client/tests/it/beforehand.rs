//! What a person meets before a call is up: a speaker that is not there, a server that is away or does not answer.

use crate::support::{Guest, TestServer, config, without_devices};
use castle_desktop::engine::EngineConfig;
use castle_desktop::media::frame::Picture;
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::view::{Command, Connection, EndReason, Placing};
use castle_server::config::MatchRoute;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

#[test]
fn a_speaker_that_is_not_there_is_told_when_it_is_tried() {
    let speaker = Some(SpeakerSpec::Device(977));
    let ada = Guest::of("ada", EngineConfig { speaker, ..without_devices() });
    ada.does(Command::SetTryout(true));
    ada.until("trying", |snapshot| snapshot.tryout.is_some());
    assert_eq!(ada.engine.snapshot().devices.speaker_fault, None, "nobody has tried it yet");
    ada.does(Command::TestSpeaker);
    let told = ada.until("told of the speaker", |snapshot| snapshot.devices.speaker_fault.is_some());
    let fault = told.devices.speaker_fault.as_deref().unwrap_or_default();
    assert!(fault.starts_with("No speaker was found."), "{fault}");
    assert!(told.tryout.is_some_and(|tryout| !tryout.speaker_playing), "nothing is said to play");
    ada.does(Command::SetTryout(false));
    ada.until("put away", |snapshot| snapshot.tryout.is_none() && snapshot.devices.speaker_fault.is_none());
}

#[test]
fn a_test_sound_that_is_heard_ends_by_itself_and_has_no_fault() {
    let ada = Guest::of("ada", without_devices());
    ada.does(Command::SetTryout(true));
    ada.does(Command::TestSpeaker);
    let playing = |playing| {
        let what = if playing { "playing" } else { "silent again" };
        ada.until(what, |snapshot| snapshot.tryout.is_some_and(|tryout| tryout.speaker_playing == playing))
    };
    assert_eq!(playing(true).devices.speaker_fault, None);
    assert_eq!(playing(false).devices.speaker_fault, None);
}

/// A way to a server that can be held up or be cut.
struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How it stands, and all that go through.
    state: Mutex<(Standing, Vec<TcpStream>)>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Open,
    /// What is said waits.
    Held,
    /// Nobody comes in.
    Cut,
}

impl Door {
    fn open(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let door = Self { address: listener.local_addr().expect("bound"), shared: Arc::default() };
        let shared = door.shared.clone();
        std::thread::spawn(move || {
            for guest in listener.incoming().flatten() {
                let mut state = shared.state.lock().expect("no holder panics");
                if state.0 == Standing::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                for (from, to) in [(&guest, &server), (&server, &guest)] {
                    let copy = |stream: &TcpStream| stream.try_clone().expect("a handle");
                    let (from, to, shared) = (copy(from), copy(to), shared.clone());
                    std::thread::spawn(move || shared.carry(from, to));
                }
                state.1.extend([guest, server]);
            }
        });
        door
    }

    fn stands(&self, standing: Standing) {
        let mut state = self.shared.state.lock().expect("no holder panics");
        state.0 = standing;
        if standing == Standing::Cut {
            for stream in state.1.drain(..) {
                stream.shutdown(Shutdown::Both).ok();
            }
        }
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let state = self.state.lock().expect("no holder panics");
            let held = |state: &mut (Standing, Vec<TcpStream>)| state.0 == Standing::Held;
            drop(self.changed.wait_while(state, held).expect("no holder panics"));
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    }
}

/// Ada, who comes by a door, and Bea.
fn by_a_door(server: &TestServer) -> (Guest, Guest, Door) {
    let door = Door::open(server.listening.grpc);
    let ada = Guest::new("ada");
    ada.register_by(format!("http://{}", door.address), server);
    ada.until("online", |snapshot| snapshot.me.is_some());
    (ada, Guest::online(server, "bea"), door)
}

#[test]
fn a_call_that_nobody_answers_for_is_shown_and_once_given_up_neither_rings_here_nor_opens_the_camera() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let (ada, bea, door) = by_a_door(&server);
    door.stands(Standing::Held);
    ada.calls("bea");
    let placing = |given_up| Some(Placing { peer: Some("bea".into()), given_up });
    ada.until("placing", |snapshot| snapshot.placing == placing(false));
    ada.does(Command::Cancel);
    ada.until("given up", |snapshot| snapshot.placing == placing(true));
    door.stands(Standing::Open);
    ada.until("in the hall", |snapshot| snapshot.placing.is_none());
    assert_eq!(ada.engine.snapshot().call, None);
    assert_eq!(ada.engine.local_frames().picture(), Picture::Waiting, "no camera was opened");
    bea.until_ended(EndReason::Cancelled);
}

#[test]
fn a_call_asked_for_while_the_server_is_away_is_refused_in_words_and_does_not_come_true_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let (ada, bea, door) = by_a_door(&server);
    door.stands(Standing::Cut);
    ada.until("away", |snapshot| matches!(snapshot.connection, Connection::Reconnecting { .. }));
    ada.calls("bea");
    ada.until_told("Nobody can be called before the connection to the server is back");
    assert_eq!(ada.engine.snapshot().placing, None);
    door.stands(Standing::Open);
    ada.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    // What is asked for now is heard after all that was asked for before.
    ada.calls("zoe");
    ada.until_told("cannot be reached");
    let (here, there) = (ada.engine.snapshot(), bea.engine.snapshot());
    assert_eq!((&here.call, &there.call, there.history.missed), (&None, &None, 0));
}
