//! A real server in this process, and guests who live by the engine alone.

use crate::machine;
use castle_desktop::engine::{Engine, EngineConfig, EngineHandle, Viewer};
use castle_desktop::media::camera::CameraSpec;
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::view::{Command, Connection, EndReason, Secret, Snapshot, Stage};
use castle_server::config::{Config, MatchRoute};
use castle_server::moderation::{Asking, Inviting, Moderation};
use castle_server::server::{Listening, Server};
use castle_server::store::{AccountRef, Role};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// No step takes longer on one machine, however busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server on loopback at free ports. Dropping it stops it.
pub(crate) struct TestServer {
    runtime: Option<Runtime>,
    stop: CancellationToken,
    done: Receiver<()>,
    pub(crate) listening: Listening,
    /// What the host does; holds the store, and so goes before the server.
    moderation: Option<Moderation>,
    /// Good for many guests.
    pub(crate) invitation: String,
    _machine: machine::Share,
}

pub(crate) fn config(folder: &Path, match_route: MatchRoute) -> Config {
    Config { match_route, ..Config::for_test(folder) }
}

impl TestServer {
    pub(crate) fn start(config: Config) -> Self {
        let machine = machine::shared();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads");
        let stop = CancellationToken::new();
        let server = runtime.block_on(Server::bind(config)).expect("free ports and a folder");
        let listening = server.listening().clone();
        let moderation = Some(server.moderation().clone());
        let inviting =
            Inviting { uses: 50, good_for: Duration::from_hours(1), note: "test".into(), role: Role::Guest };
        let (_, invitation) = runtime
            .block_on(server.moderation().invite(&Asking::of_host("CreateInvitation"), inviting))
            .expect("an invitation");
        let (finished, done) = sync_channel(1);
        let stopping = stop.clone();
        // Drains are for guests who are told; a test that stops its server wants it gone.
        let force = stop.clone();
        runtime.spawn(async move {
            server.run(stopping, force).await.expect("serves until stopped");
            finished.send(()).expect("room for one word");
        });
        Self { runtime: Some(runtime), stop, done, listening, moderation, invitation, _machine: machine }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listening.grpc)
    }

    /// What a guest of this name asks for to register here.
    pub(crate) fn registering(&self, name: &str) -> Command {
        register(self.url(), &self.invitation, name)
    }

    /// A one-time code for a new password, as the host makes it.
    pub(crate) fn reset_code(&self, name: &str) -> String {
        let (asking, named) = (Asking::of_host("CreateResetCode"), AccountRef::Name(name.into()));
        let (runtime, moderation) = self.host();
        runtime.block_on(moderation.create_reset_code(&asking, &named)).expect("the guest is there").code
    }

    /// Makes a guest one of the hosts.
    pub(crate) fn make_admin(&self, name: &str) {
        let (asking, named) = (Asking::of_host("SetRole"), AccountRef::Name(name.into()));
        let (runtime, moderation) = self.host();
        runtime.block_on(moderation.set_role(&asking, &named, Role::Admin)).expect("the guest is there");
    }

    fn host(&self) -> (&Runtime, &Moderation) {
        let moderation = self.moderation.as_ref().expect("there until the end");
        (self.runtime.as_ref().expect("there until the end"), moderation)
    }

    /// Stops and waits until all is released.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.moderation = None;
        self.stop.cancel();
        self.done.recv_timeout(PATIENCE).ok();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a guest asks for to register with the password of all.
pub(crate) fn register(server: String, invitation: &str, name: &str) -> Command {
    Command::Register {
        server,
        invitation: invitation.into(),
        name: name.into(),
        password: Secret(PASSWORD.into()),
        remember: false,
    }
}

/// Waits for what an engine publishes, where another holds its handle.
pub(crate) fn until_published(
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    what: &str,
    holds: impl Fn(&Snapshot) -> bool,
) {
    let mut snapshots = snapshots.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let waited = runtime.block_on(async {
        let published = snapshots.wait_for(|snapshot| holds(snapshot));
        tokio::time::timeout(PATIENCE, published).await.map(|published| published.is_ok())
    });
    assert_eq!(waited, Ok(true), "never {what}: {:#?}", snapshots.borrow());
}

/// A guest at an engine, without devices: the pattern and a tone.
pub(crate) struct Guest {
    pub(crate) engine: EngineHandle,
    woken: Receiver<()>,
    name: String,
}

/// An engine without devices.
pub(crate) fn without_devices() -> EngineConfig {
    EngineConfig {
        camera: Some(CameraSpec::default()),
        mic: Some(MicSpec::Tone),
        speaker: Some(SpeakerSpec::Off),
        viewer: Viewer::Bot { reference: None, screen_reference: None },
        ..EngineConfig::default()
    }
}

impl Guest {
    /// A guest who is not logged in.
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, false)
    }

    /// A guest who is not logged in, and may want all calls relayed.
    pub(crate) fn with(name: &str, relay_only: bool) -> Self {
        Self::of(name, EngineConfig { relay_only, ..without_devices() })
    }

    /// A guest with an engine of their own making.
    pub(crate) fn of(name: &str, config: EngineConfig) -> Self {
        Self::watched(name, config, || {})
    }

    /// The same; whatever is published, `seen` is called.
    pub(crate) fn watched(name: &str, config: EngineConfig, seen: impl Fn() + Send + Sync + 'static) -> Self {
        let (wake, woken) = sync_channel(1);
        let waker = move || {
            wake.try_send(()).unwrap_or_default();
            seen();
        };
        let engine = Engine::start(config, Arc::new(waker));
        Self { engine, woken, name: name.into() }
    }

    /// A guest who registered and is online.
    pub(crate) fn online(server: &TestServer, name: &str) -> Self {
        Self::online_by(server, name, false)
    }

    /// The same; who may want all calls relayed.
    pub(crate) fn online_by(server: &TestServer, name: &str, relay_only: bool) -> Self {
        let guest = Self::with(name, relay_only);
        guest.register(server);
        guest.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
        guest
    }

    pub(crate) fn register(&self, server: &TestServer) {
        self.register_by(server.url(), server);
    }

    /// The same, by another way to that server.
    pub(crate) fn register_by(&self, url: String, server: &TestServer) {
        self.engine.send(register(url, &server.invitation, &self.name));
    }

    pub(crate) fn log_in(&self, url: &str, password: &str) {
        let (server, name) = (url.to_owned(), self.name.clone());
        self.engine.send(Command::LogIn { remember: false, server, name, password: Secret(password.into()) });
    }

    pub(crate) fn does(&self, command: Command) {
        assert!(self.engine.send(command));
    }

    pub(crate) fn calls(&self, name: &str) {
        self.does(Command::CallName(name.into()));
    }

    /// Waits for a snapshot.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let snapshot = self.engine.snapshot();
            if holds(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < deadline, "{}: never {what}: {snapshot:#?}", self.name);
            self.woken.recv_timeout(Duration::from_millis(50)).ok();
        }
    }

    pub(crate) fn until_stage(&self, what: &str, holds: impl Fn(&Stage) -> bool) -> Arc<Snapshot> {
        self.until(what, |snapshot| snapshot.call.as_ref().is_some_and(|call| holds(&call.stage)))
    }

    pub(crate) fn until_ringing(&self) {
        self.until_stage("ringing", |stage| matches!(stage, Stage::Ringing { .. }));
    }

    pub(crate) fn until_calling(&self) {
        self.until_stage("calling", |stage| matches!(stage, Stage::Calling { .. }));
    }

    pub(crate) fn until_connected(&self) {
        self.until_stage("connected", |stage| matches!(stage, Stage::Connected { .. }));
    }

    pub(crate) fn until_ended(&self, reason: EndReason) {
        let ended = self.until_stage("ended", |stage| matches!(stage, Stage::Ended { .. }));
        let stage = &ended.call.as_ref().expect("waited for above").stage;
        assert!(matches!(stage, Stage::Ended { reason: r, .. } if *r == reason), "{}: {stage:?}", self.name);
    }

    /// Waits for a notice with these words.
    pub(crate) fn until_told(&self, words: &str) {
        self.until(words, |snapshot| snapshot.notices.iter().any(|notice| notice.text.contains(words)));
    }

    /// Waits until pictures of the peer are shown.
    pub(crate) fn until_seeing(&self) {
        self.until_shown(10);
    }

    /// Waits until more pictures of the peer are shown than there were.
    pub(crate) fn until_seeing_more(&self) {
        self.until_shown(self.engine.record().figures.frames_shown + 10);
    }

    fn until_shown(&self, frames: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.engine.record().figures.frames_shown < frames {
            assert!(Instant::now() < deadline, "{}: no pictures: {:#?}", self.name, self.engine.record());
            self.woken.recv_timeout(Duration::from_millis(50)).ok();
        }
    }
}
