//! Threads that talk to the system's sound for as long as the program runs: one for microphones, one for speakers.
//!
//! Each keeps its connection to a sound server: one made at every attempt would stay open there, and after some
//! dozens of attempts the server refuses everybody. A system that hangs holds up one thread: who asks waits a bounded
//! time, and another thread takes its place, up to a bound; what comes of the one that hung is thrown away.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, ErrorKind, Host};

use super::super::device_names;
use super::Which;
use super::fault::{Refusal, SoundDeviceError, SoundEnd};

/// How long who asks for a list waits.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);
/// Questions that may wait; more come only if the system hangs.
const QUEUE: usize = 4;
/// Threads of one end at most, those that hang and the one that works.
const THREADS_MAX: usize = 4;
/// The same for who asks for a list, again and again: what is left is for those who want sound.
const THREADS_FOR_LISTS: usize = 2;

type Job<H> = Box<dyn FnOnce(&H) + Send>;

/// Has things done where the connection is, which is an `H`.
struct Keeper<H> {
    name: &'static str,
    /// Makes a connection, out of the one before if that still is one.
    connect: fn(Option<H>) -> H,
    state: Mutex<State<H>>,
    threads: AtomicUsize,
}

struct State<H> {
    jobs: Option<SyncSender<Job<H>>>,
    /// Threads there were before this one.
    number: u64,
}

/// One of the threads, from its beginning to its end.
struct Alive<'a>(&'a AtomicUsize);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<H: 'static> Keeper<H> {
    const fn new(name: &'static str, connect: fn(Option<H>) -> H) -> Self {
        let state = Mutex::new(State { jobs: None, number: 0 });
        Self { name, connect, state, threads: AtomicUsize::new(0) }
    }

    /// What `job` answers; `None` if it does not within `patience`, or if it took more than `threads` to ask.
    fn ask<T: Send + 'static>(
        &'static self,
        (patience, threads): (Duration, usize),
        job: impl FnOnce(&H) -> T + Send + 'static,
    ) -> Option<T> {
        let (jobs, number) = self.thread(threads)?;
        let (answer, answered) = sync_channel(1);
        let sent = jobs.try_send(Box::new(move |host: &H| drop(answer.try_send(job(host)))));
        drop(jobs);
        if let Err(TrySendError::Full(_)) = sent {
            // Those whose questions wait there see to it.
            return None;
        }
        let answer = answered.recv_timeout(patience).ok();
        if answer.is_none() {
            self.leave(number);
        }
        answer
    }

    fn locked(&self) -> MutexGuard<'_, State<H>> {
        self.state.lock().expect("no holder of the keeper's state panics")
    }

    /// The thread that works, and its number; `None` if so many hang that it would be one of more than `most`.
    fn thread(&'static self, most: usize) -> Option<(SyncSender<Job<H>>, u64)> {
        let mut state = self.locked();
        if state.jobs.is_none() {
            if self.threads.load(Ordering::Relaxed) >= most {
                return None;
            }
            let (jobs, queue) = sync_channel(QUEUE);
            let thread = std::thread::Builder::new().name(self.name.into());
            self.threads.fetch_add(1, Ordering::Relaxed);
            let alive = Alive(&self.threads);
            thread.spawn(move || self.keep(&queue, alive)).expect("the system can start a thread");
            state.jobs = Some(jobs);
        }
        state.jobs.clone().map(|jobs| (jobs, state.number))
    }

    /// Leaves a thread that hangs to itself: it ends when it can.
    fn leave(&self, number: u64) {
        let mut state = self.locked();
        if state.number == number {
            tracing::debug!(thread = self.name, "the system's sound does not answer");
            *state = State { jobs: None, number: number + 1 };
        }
    }

    fn keep(&self, queue: &Receiver<Job<H>>, _alive: Alive<'_>) {
        let mut kept = None;
        for job in queue {
            let host = (self.connect)(kept.take());
            job(&host);
            kept = Some(host);
        }
    }
}

/// Has `job` done where the connection is, within `patience`.
pub(super) fn ask<T: Send + 'static>(
    end: SoundEnd,
    patience: Duration,
    job: impl FnOnce(&Host) -> Result<T, SoundDeviceError> + Send + 'static,
) -> Result<T, SoundDeviceError> {
    ask_within(end, (patience, THREADS_MAX), job)
}

fn ask_within<T: Send + 'static>(
    end: SoundEnd,
    bounds: (Duration, usize),
    job: impl FnOnce(&Host) -> Result<T, SoundDeviceError> + Send + 'static,
) -> Result<T, SoundDeviceError> {
    static MICROPHONES: Keeper<Host> = Keeper::new("sound-in", connected);
    static SPEAKERS: Keeper<Host> = Keeper::new("sound-out", connected);
    let keeper = match end {
        SoundEnd::Microphone => &MICROPHONES,
        SoundEnd::Speaker => &SPEAKERS,
    };
    keeper.ask(bounds, job).unwrap_or(Err(SoundDeviceError::Silent(end)))
}

fn connected(before: Option<Host>) -> Host {
    hush();
    before.filter(is_connected).unwrap_or_else(cpal::default_host)
}

/// Whether this is a sound server that is still there. The others hold no connection, and are asked anew, since a
/// server may have come up meanwhile.
fn is_connected(host: &Host) -> bool {
    host.id().name() == PULSE && host.devices().is_ok()
}

/// cpal's name of PulseAudio, and of PipeWire that speaks like it.
const PULSE: &str = "PulseAudio";
/// cpal's name of the sound of Linux without a sound server.
const ALSA: &str = "ALSA";

/// Keeps the ALSA library from printing to this program's stderr what cpal returns as errors.
fn hush() {
    #[cfg(target_os = "linux")]
    if let Err(error) = alsa::Output::local_error_handler() {
        tracing::debug!(%error, "the ALSA library prints its errors");
    }
}

/// Finds a device, if there is one.
pub(super) fn find(host: &Host, end: SoundEnd, which: Which) -> Result<Device, SoundDeviceError> {
    let devices = |host: &Host| match end {
        SoundEnd::Microphone => host.input_devices(),
        SoundEnd::Speaker => host.output_devices(),
    };
    let device = match (end, &which) {
        (SoundEnd::Microphone, Which::Default) => host.default_input_device(),
        (SoundEnd::Speaker, Which::Default) => host.default_output_device(),
        (_, Which::Number(number)) => devices(host).ok().and_then(|mut devices| devices.nth(*number)),
        (_, Which::Named(name)) => {
            let devices: Vec<_> = devices(host).into_iter().flatten().collect();
            let place = named(&devices).iter().position(|known| known == name);
            place.and_then(|place| devices.into_iter().nth(place))
        }
    };
    let real = |device: &Device| which != Which::Default || !stands_in(device);
    device.filter(real).ok_or(SoundDeviceError::NotFound(end))
}

/// What devices call themselves, each by a name of its own.
fn named(devices: &[Device]) -> Vec<String> {
    device_names::told_apart(devices.iter().map(ToString::to_string))
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

/// The microphones or speakers that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SoundDevices {
    /// Their names, in the order of their numbers.
    pub names: Vec<String>,
    /// Which of them the system prefers; `None` where it does not say.
    pub preferred: Option<String>,
}

impl SoundDevices {
    fn of(host: &Host, devices: &[Device], preferred: Option<Device>) -> Self {
        let names = named(devices);
        // ALSA's is a name for whichever it is.
        let preferred = preferred.filter(|_| host.id().name() != ALSA);
        let place = preferred.and_then(|preferred| devices.iter().position(|device| *device == preferred));
        Self { preferred: place.map(|place| names[place].clone()), names }
    }
}

/// The microphones; an error if the system does not say, which is not that there are none.
pub fn list_microphones() -> Result<SoundDevices, SoundDeviceError> {
    ask_within(SoundEnd::Microphone, (LIST_TIMEOUT, THREADS_FOR_LISTS), |host| {
        let devices = host.input_devices().map_err(refused(SoundEnd::Microphone))?;
        Ok(SoundDevices::of(host, &devices.collect::<Vec<_>>(), host.default_input_device()))
    })
}

/// The speakers; an error as of microphones.
pub fn list_speakers() -> Result<SoundDevices, SoundDeviceError> {
    ask_within(SoundEnd::Speaker, (LIST_TIMEOUT, THREADS_FOR_LISTS), |host| {
        let devices = host.output_devices().map_err(refused(SoundEnd::Speaker))?;
        Ok(SoundDevices::of(host, &devices.collect::<Vec<_>>(), host.default_output_device()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const PATIENT: (Duration, usize) = (Duration::from_secs(30), THREADS_MAX);
    /// Of one who asks what hangs.
    const IMPATIENT: (Duration, usize) = (Duration::from_millis(20), THREADS_MAX);

    #[test]
    fn a_call_that_hangs_holds_up_one_thread_and_others_take_its_place_up_to_a_bound() {
        static KEEPER: Keeper<u32> = Keeper::new("test", |before| before.map_or(1, |uses| uses + 1));
        assert_eq!(KEEPER.ask(PATIENT, |uses| *uses), Some(1));
        assert_eq!(KEEPER.ask(PATIENT, |uses| *uses), Some(2), "one connection is kept");
        let mut holds = Vec::new();
        for _ in 0..THREADS_MAX {
            assert_eq!(KEEPER.ask(PATIENT, |_| 7), Some(7), "a thread that works is there");
            let (hold, held) = channel::<()>();
            holds.push(hold);
            let hung = KEEPER.ask(IMPATIENT, move |_| held.recv().is_ok());
            assert_eq!(hung, None);
            assert_eq!(KEEPER.ask((PATIENT.0, 1), |_| 7), None, "a list is not worth another thread");
        }
        assert_eq!(KEEPER.ask(PATIENT, |_| 7), None, "no more are started");
        drop(holds);
        while KEEPER.threads.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        assert_eq!(KEEPER.ask(PATIENT, |uses| *uses), Some(1), "what hung came to an end");
    }
}
