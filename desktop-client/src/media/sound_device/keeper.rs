//! Two threads that talk to the system's sound for as long as the program runs: one for microphones, one for speakers.
//!
//! Each keeps its connection to a sound server: one made at every attempt would stay open there, and after some
//! dozens of attempts the server refuses everybody. A system that hangs holds up these threads alone: who asks waits
//! a bounded time, and what comes later is thrown away.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, ErrorKind, Host};

use super::fault::{Refusal, SoundDeviceError, SoundEnd};
use super::{OPEN_TIMEOUT, Which};

/// How long who asks waits: a stream's opening, its start, and some for a busy machine.
const ANSWER_TIMEOUT: Duration = OPEN_TIMEOUT.saturating_add(Duration::from_secs(1));
/// Questions that may wait; more come only if the system hangs.
const QUEUE: usize = 4;

type Job = Box<dyn FnOnce(&Host) + Send>;

/// Has `job` done where the connection is.
pub(super) fn ask<T: Send + 'static>(
    end: SoundEnd,
    job: impl FnOnce(&Host) -> Result<T, SoundDeviceError> + Send + 'static,
) -> Result<T, SoundDeviceError> {
    static MICROPHONES: OnceLock<SyncSender<Job>> = OnceLock::new();
    static SPEAKERS: OnceLock<SyncSender<Job>> = OnceLock::new();
    let jobs = match end {
        SoundEnd::Microphone => MICROPHONES.get_or_init(|| spawn("sound-in")),
        SoundEnd::Speaker => SPEAKERS.get_or_init(|| spawn("sound-out")),
    };
    let (answer, answered) = sync_channel(1);
    let job = Box::new(move |host: &Host| drop(answer.try_send(job(host))));
    jobs.try_send(job).map_err(|_| SoundDeviceError::Silent(end))?;
    answered.recv_timeout(ANSWER_TIMEOUT).map_err(|_| SoundDeviceError::Silent(end))?
}

fn spawn(name: &str) -> SyncSender<Job> {
    let (jobs, queue) = sync_channel(QUEUE);
    let thread = std::thread::Builder::new().name(name.into());
    thread.spawn(move || keep(&queue)).expect("the system can start a thread");
    jobs
}

fn keep(queue: &Receiver<Job>) {
    let mut kept = None;
    for job in queue {
        hush();
        let host = kept.take().filter(is_connected).unwrap_or_else(cpal::default_host);
        job(&host);
        kept = Some(host);
    }
}

/// Whether this is a sound server that is still there. The others hold no connection, and are asked anew, since a
/// server may have come up meanwhile.
fn is_connected(host: &Host) -> bool {
    host.id().name() == PULSE && host.devices().is_ok()
}

/// cpal's name of PulseAudio, and of PipeWire that speaks like it.
const PULSE: &str = "PulseAudio";

/// Keeps the ALSA library from printing to this program's stderr what cpal returns as errors.
fn hush() {
    #[cfg(target_os = "linux")]
    if let Err(error) = alsa::Output::local_error_handler() {
        tracing::debug!(%error, "the ALSA library prints its errors");
    }
}

/// Finds a device, if there is one.
pub(super) fn find(host: &Host, end: SoundEnd, which: Which) -> Result<Device, SoundDeviceError> {
    let device = match (end, which) {
        (SoundEnd::Microphone, Which::Default) => host.default_input_device(),
        (SoundEnd::Speaker, Which::Default) => host.default_output_device(),
        (SoundEnd::Microphone, Which::Number(number)) => {
            host.input_devices().ok().and_then(|mut devices| devices.nth(number))
        }
        (SoundEnd::Speaker, Which::Number(number)) => {
            host.output_devices().ok().and_then(|mut devices| devices.nth(number))
        }
    };
    let real = |device: &Device| which != Which::Default || !stands_in(device);
    device.filter(real).ok_or(SoundDeviceError::NotFound(end))
}

/// Whether a sound server names this device only for want of a real one: what its speaker plays as a microphone
/// (the peer would hear themselves), or a speaker that leads nowhere.
fn stands_in(device: &Device) -> bool {
    device.id().is_ok_and(|id| {
        id.host().name() == PULSE && (id.id().ends_with(".monitor") || id.id() == "auto_null")
    })
}

/// What cpal says, as an error of ours.
pub(super) fn refused(end: SoundEnd) -> impl Fn(cpal::Error) -> SoundDeviceError {
    move |error| match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => SoundDeviceError::NotFound(end),
        ErrorKind::DeviceBusy => SoundDeviceError::Busy(end),
        ErrorKind::PermissionDenied => SoundDeviceError::Forbidden(end),
        kind => SoundDeviceError::Refused { end, why: meaning(kind), said: error.to_string() },
    }
}

fn meaning(kind: ErrorKind) -> Refusal {
    match kind {
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput => {
            Refusal::Form
        }
        ErrorKind::ResourceExhausted => Refusal::Exhausted,
        ErrorKind::StreamInvalidated | ErrorKind::DeviceChanged => Refusal::Changed,
        _ => Refusal::System,
    }
}

/// Names of the microphones, in the order of their numbers.
pub fn list_microphones() -> Vec<String> {
    let names = |host: &Host| {
        let devices = host.input_devices().map_err(refused(SoundEnd::Microphone))?;
        Ok(devices.map(|device| device.to_string()).collect())
    };
    ask(SoundEnd::Microphone, names).unwrap_or_default()
}

/// Names of the speakers, in the order of their numbers.
pub fn list_speakers() -> Vec<String> {
    let names = |host: &Host| {
        let devices = host.output_devices().map_err(refused(SoundEnd::Speaker))?;
        Ok(devices.map(|device| device.to_string()).collect())
    };
    ask(SoundEnd::Speaker, names).unwrap_or_default()
}
