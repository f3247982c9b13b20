//! Panics: written to the log, and counted, so that the engine can tell the person. What broke ends alone where it can.

use std::sync::atomic::{AtomicU64, Ordering};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Has every panic of this process logged and counted, besides what is done about it already.
pub fn install() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("something that is no text");
        tracing::error!(thread = thread.name().unwrap_or("nameless"), place, what, "a thread broke");
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
}

/// Panics so far.
pub fn count() -> u64 {
    PANICS.load(Ordering::Relaxed)
}
