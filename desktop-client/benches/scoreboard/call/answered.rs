//! From accepting to the first picture shown, as a person meets it: it rings for a moment, during which both ends prepare.

use super::Fault;
use crate::relay::Process;
use crate::row::{Better, Row};
use castle_desktop::engine::{Engine, EngineConfig, EngineHandle, Viewer};
use castle_desktop::media::camera::CameraSpec;
use castle_desktop::media::mic::MicSpec;
use castle_desktop::media::speaker::SpeakerSpec;
use castle_desktop::view::{Command, Connection, Secret, Snapshot, Stage};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// Calls; the median of both ends of each is shown.
const CALLS: usize = 5;
/// How soon a person answers who waited for the call.
const RINGS: Duration = Duration::from_secs(2);
/// A step that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(20);

struct Guest {
    engine: EngineHandle,
    woken: Receiver<()>,
}

impl Guest {
    fn online(server: &Process, name: &str, camera: &CameraSpec) -> Result<Self, Fault> {
        let (wake, woken) = sync_channel(1);
        let config = EngineConfig {
            camera: Some(camera.clone()),
            mic: Some(MicSpec::Tone),
            speaker: Some(SpeakerSpec::Off),
            viewer: Viewer::Bot { reference: None, screen_reference: None },
            ..EngineConfig::default()
        };
        let engine = Engine::start(config, Arc::new(move || wake.try_send(()).unwrap_or_default()));
        engine.send(Command::Register {
            server: server.url.clone(),
            invitation: server.invitation.clone(),
            name: name.to_owned(),
            password: Secret("a long enough password".to_owned()),
            remember: false,
        });
        let guest = Self { engine, woken };
        guest.until(|snapshot| matches!(snapshot.connection, Connection::Online { .. }))?;
        Ok(guest)
    }

    fn until(&self, holds: impl Fn(&Snapshot) -> bool) -> Result<(), Fault> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.engine.snapshot()) {
            if Instant::now() >= deadline {
                return Err(format!("it never came to that: {:?}", self.engine.snapshot()).into());
            }
            self.woken.recv_timeout(Duration::from_millis(50)).ok();
        }
        Ok(())
    }

    fn until_stage(&self, holds: impl Fn(&Stage) -> bool) -> Result<(), Fault> {
        self.until(|snapshot| snapshot.call.as_ref().is_some_and(|call| holds(&call.stage)))
    }

    /// What the record says once the call is over.
    fn first_shown_ms(&self) -> Option<f64> {
        let record = self.engine.record();
        let waited = record.first_shown_at?.checked_duration_since(record.agreed_at?)?;
        Some(waited.as_secs_f64() * 1e3)
    }
}

/// One row for pictures of this size.
pub(super) fn row(server: &Process, label: &str, camera: &str) -> Result<Row, Fault> {
    let camera: CameraSpec = camera.parse().map_err(|fault| format!("{camera}: {fault}"))?;
    // Other names for each size.
    let name = |who: &str| format!("{who}-{}", label.len());
    let caller = Guest::online(server, &name("caller"), &camera)?;
    let callee = Guest::online(server, &name("callee"), &camera)?;
    let mut waits = Vec::new();
    for _ in 0..CALLS {
        caller.engine.send(Command::CallName(name("callee")));
        callee.until_stage(|stage| matches!(stage, Stage::Ringing { .. }))?;
        std::thread::sleep(RINGS);
        callee.engine.send(Command::Accept);
        for guest in [&caller, &callee] {
            guest.until_stage(|stage| matches!(stage, Stage::Connected { .. }))?;
        }
        std::thread::sleep(RINGS);
        caller.engine.send(Command::HangUp);
        for guest in [&caller, &callee] {
            guest.until_stage(|stage| matches!(stage, Stage::Ended { .. }))?;
            waits.push(guest.first_shown_ms().ok_or("a call without a picture")?);
            guest.engine.send(Command::CloseCall);
            guest.until(|snapshot| snapshot.call.is_none())?;
        }
    }
    let figure = format!("call {label}: accepted to first frame shown");
    Ok(Row::median(figure, "ms", Better::Lower, &mut waits).goal(300.0))
}
