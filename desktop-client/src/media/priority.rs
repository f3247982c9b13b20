//! Which threads the system runs first when there is not enough time for all: those of sound. The only file that names
//! the library for it.
//!
//! A late picture is a hiccup, late sound is a word that is gone. Sound takes a percent of a core, so that putting it
//! first takes nothing from anybody. Where the system does not let a program do that, threads stay equal.

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// Of 100; the middle is where threads begin. A nice value of -11 on Linux.
const BEFORE_OTHERS: u8 = 75;

/// Puts the thread that calls before the others, if that is permitted.
pub fn before_others() {
    let value = ThreadPriorityValue::try_from(BEFORE_OTHERS).expect("it is below 100");
    if let Err(error) = set_current_thread_priority(ThreadPriority::Crossplatform(value)) {
        tracing::debug!(?error, "sound is not put before the rest");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
    use thread_priority::{ThreadPriority, get_current_thread_priority, thread_schedule_policy};

    #[test]
    fn asking_never_makes_a_thread_worse() {
        let asked = std::thread::spawn(|| {
            before_others();
            (thread_schedule_policy(), get_current_thread_priority())
        });
        let (policy, priority) = asked.join().expect("no panic");
        assert_eq!(policy, Ok(ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other)));
        assert!(matches!(priority, Ok(ThreadPriority::Crossplatform(_))), "{priority:?}");
    }
}
