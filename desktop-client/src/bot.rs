//! A guest without a window, on the same engine: logs in, holds one call, reports.
//!
//! Decides as a person would, from the snapshot alone. Everything is bounded by the duration and [`MARGIN`].

use crate::engine::{Engine, EngineConfig, EngineHandle, Viewer};
use crate::media::camera::CameraSpec;
use crate::media::mic::MicSpec;
use crate::media::screen::ScreenSpec;
use crate::media::speaker::SpeakerSpec;
use crate::report::Report;
use crate::signals;
use crate::ui::text;
use crate::view::{Command, Connection, Secret, Snapshot, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// What a bot is told.
#[derive(Debug, Clone)]
pub struct BotOptions {
    /// `http://host:port` or an invitation link.
    pub server: String,
    /// Login name.
    pub name: String,
    /// Password.
    pub password: Secret,
    /// Registers with this code if the guest is not there yet.
    pub invitation: Option<String>,
    /// What to do once logged in.
    pub errand: Errand,
    /// Where pictures come from.
    pub camera: CameraSpec,
    /// What to share once connected.
    pub screen: Option<ScreenSpec>,
    /// Where sound comes from.
    pub mic: MicSpec,
    /// Where sound goes.
    pub speaker: SpeakerSpec,
    /// From connected; for [`Errand::Answer`] from login.
    pub duration: Duration,
    /// Take only relayed ways.
    pub relay_only: bool,
    /// What the peer sends, to compare with.
    pub reference: Option<CameraSpec>,
    /// What the peer shares, to compare with.
    pub screen_reference: Option<ScreenSpec>,
}

/// What to do once logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Wait for a match.
    Match {
        /// Interests.
        tags: Vec<String>,
    },
    /// Call this guest.
    Call(String),
    /// Take the first call.
    Answer,
}

/// How it went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What there is to say.
    pub report: Report,
    /// A call was held, or a bot that answers was never rung.
    pub success: bool,
}

/// All of a bot's life takes at most this much longer than its duration.
pub const MARGIN: Duration = Duration::from_secs(30);
/// Kept of the margin for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(3);
/// Between two looks at the clock when nothing changes.
const PATIENCE: Duration = Duration::from_millis(100);
/// Errors kept for the report: more would say no more.
const ERRORS_MAX: usize = 32;

/// Lives a bot's life. `started` is when the process was. Blocks.
pub fn run(options: BotOptions, started: Instant) -> Outcome {
    let (wake, woken) = sync_channel(1);
    let tags = match &options.errand {
        Errand::Match { tags } => tags.clone(),
        Errand::Call(_) | Errand::Answer => Vec::new(),
    };
    let config = EngineConfig {
        camera: Some(options.camera.clone()),
        mic: Some(options.mic.clone()),
        speaker: Some(options.speaker.clone()),
        tags,
        relay_only: options.relay_only,
        viewer: Viewer::Bot {
            reference: options.reference.clone(),
            screen_reference: options.screen_reference,
        },
        ..EngineConfig::default()
    };
    // Full: a wake-up is on its way already.
    let engine = Engine::start(config, Arc::new(move || wake.try_send(()).unwrap_or_default()));
    let mut bot = Bot {
        deadline: started + options.duration + MARGIN.saturating_sub(GOODBYE),
        options,
        engine,
        logged_in_at: None,
        asked: false,
        until: None,
        held: false,
        rung: false,
        errors: Vec::new(),
        last_notice: 0,
        way: None,
        ended: Arc::default(),
    };
    let ended = bot.ended.clone();
    signals::on_end(move || ended.store(true, Ordering::Relaxed));
    bot.begin();
    bot.live(&woken);
    bot.report(started)
}

struct Bot {
    options: BotOptions,
    engine: EngineHandle,
    deadline: Instant,
    logged_in_at: Option<Instant>,
    asked: bool,
    /// When to hang up.
    until: Option<Instant>,
    held: bool,
    rung: bool,
    errors: Vec<String>,
    last_notice: u64,
    /// By which way media goes, as it is shown.
    way: Option<String>,
    /// The system wants the bot to end.
    ended: Arc<AtomicBool>,
}

enum Next {
    GoOn,
    Done,
}

impl Bot {
    fn begin(&self) {
        let BotOptions { server, name, password, invitation, .. } = &self.options;
        let (server, name, password) = (server.clone(), name.clone(), password.clone());
        self.engine.send(match invitation.clone() {
            Some(invitation) => Command::Register { server, invitation, name, password, remember: false },
            None => Command::LogIn { server, name, password, remember: false },
        });
    }

    fn live(&mut self, woken: &Receiver<()>) {
        loop {
            // Disconnected cannot be: the engine holds the other end and outlives this loop.
            woken.recv_timeout(PATIENCE).ok();
            let snapshot = self.engine.snapshot();
            let now = Instant::now();
            self.note_errors(&snapshot);
            self.note_way(&snapshot);
            if matches!(self.step(&snapshot, now), Next::Done) {
                return;
            }
            if self.ended.load(Ordering::Relaxed) {
                self.errors.push("The bot was told to end before the call was over.".into());
                return;
            }
            if now >= self.deadline {
                self.errors.push("Time was up before the call was over.".into());
                return;
            }
        }
    }

    fn step(&mut self, snapshot: &Snapshot, now: Instant) -> Next {
        match &snapshot.connection {
            Connection::Online { .. } => {}
            Connection::LoggedOut if !self.errors.is_empty() => return Next::Done,
            Connection::LoggedOut | Connection::LoggingIn { .. } | Connection::Reconnecting { .. } => {
                return self.follow_call(snapshot, now);
            }
        }
        if self.logged_in_at.is_none() {
            self.logged_in_at = Some(now);
            if self.options.errand == Errand::Answer {
                self.until = Some(now + self.options.duration);
            }
        }
        if !self.asked {
            self.asked = true;
            match &self.options.errand {
                Errand::Match { .. } => self.engine.send(Command::Search),
                Errand::Call(name) => self.engine.send(Command::CallName(name.clone())),
                Errand::Answer => true,
            };
            return Next::GoOn;
        }
        self.follow_call(snapshot, now)
    }

    fn follow_call(&mut self, snapshot: &Snapshot, now: Instant) -> Next {
        let answers = self.options.errand == Errand::Answer;
        let Some(call) = &snapshot.call else {
            // Refused, or nobody there: the error says so.
            let refused = self.asked && !answers && !self.errors.is_empty() && snapshot.search.is_none();
            let over = answers && self.until.is_some_and(|until| now >= until);
            return if refused || over { Next::Done } else { Next::GoOn };
        };
        match &call.stage {
            Stage::Ringing { .. } => {
                self.rung = true;
                self.engine.send(if answers { Command::Accept } else { Command::Decline });
            }
            Stage::Calling { .. } | Stage::Connecting => {}
            Stage::Connected { since } => {
                if !std::mem::replace(&mut self.held, true)
                    && let Some(screen) = self.options.screen
                {
                    self.engine.send(Command::ShareScreen(screen));
                }
                let until = *self.until.get_or_insert(*since + self.options.duration);
                if now >= until {
                    self.engine.send(Command::HangUp);
                }
            }
            Stage::Ended { .. } if self.held => return Next::Done,
            Stage::Ended { .. } => return self.call_came_to_nothing(),
        }
        Next::GoOn
    }

    /// A call ended that never was connected: whom to call was told, but others may still come.
    fn call_came_to_nothing(&mut self) -> Next {
        match self.options.errand {
            Errand::Call(_) => return Next::Done,
            Errand::Answer => self.engine.send(Command::CloseCall),
            Errand::Match { .. } => self.engine.send(Command::Next),
        };
        Next::GoOn
    }

    fn note_errors(&mut self, snapshot: &Snapshot) {
        for notice in &snapshot.notices {
            if notice.id > self.last_notice {
                self.last_notice = notice.id;
                self.note(notice.text.clone());
            }
        }
        let devices = &snapshot.devices;
        for fault in [&devices.camera_fault, &devices.mic_fault, &devices.speaker_fault].into_iter().flatten()
        {
            self.note(fault.clone());
        }
    }

    /// The report has the way, and not why it is none better: what a person would read of it goes to the log.
    fn note_way(&mut self, snapshot: &Snapshot) {
        let way = snapshot.call.as_ref().and_then(|call| text::way(call.stats.as_ref()?));
        if way.is_some() && way != self.way {
            tracing::info!(way, "media goes");
            self.way = way;
        }
    }

    fn note(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    fn report(mut self, started: Instant) -> Outcome {
        let record = self.engine.record();
        if let Some(fault) = record.fault.clone() {
            self.note(fault);
        }
        let Self { options, engine, logged_in_at, held, rung, errors, .. } = self;
        let matched = matches!(options.errand, Errand::Match { .. });
        // The processor time of the goodbye is part of the call's.
        engine.stop();
        let report = Report::new(&options.name, &record, (started, logged_in_at), matched, errors);
        let never_rung = options.errand == Errand::Answer && logged_in_at.is_some() && !rung;
        Outcome { report, success: held || never_rung }
    }
}
