//! Whether anybody sets this machine's clock. No machine can tell by itself that its clock is right; its kernel knows whether
//! a client of the network's time (NTP) vouches for it, and how far off it is then at most.
//!
//! A clock that nobody vouches for fails, although it may be right today: it drifts, and credentials, logins and invitations
//! end too early or too late by as much. Only where this process is not at the machine itself, or cannot ask, is it left open.

use castle_connectivity::doctor::Finding;
use std::path::Path;
use std::time::Duration;

const CHECK: &str = "Clock";
const NTP: &str = "`timedatectl set-ntp true` where systemd is, else chrony (with `rtcsync` in its settings: it does not \
                   tell the kernel without)";
/// Such files are there in containers …
const MARKS: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
/// … and such variables.
const VARIABLES: [&str; 2] = ["container", "KUBERNETES_SERVICE_HOST"];

/// What the kernel says of the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelClock {
    /// It is set by the network.
    Kept {
        /// No further off than this.
        within: Duration,
    },
    /// Nobody vouches for it.
    Unkept {
        /// It is that of the machine around this container, where nobody could set it.
        contained: bool,
    },
    /// The kernel cannot be asked, and why.
    Untold(String),
}

impl KernelClock {
    /// Asks the kernel, and changes nothing.
    pub fn read() -> Self {
        match ask() {
            Err(error) => Self::Untold(error.to_string()),
            Ok(Some(within)) => Self::Kept { within },
            Ok(None) => {
                let contained = MARKS.iter().any(|mark| Path::new(mark).exists())
                    || VARIABLES.iter().any(|name| std::env::var_os(name).is_some());
                Self::Unkept { contained }
            }
        }
    }

    pub(super) fn finding(&self) -> Finding {
        match self {
            Self::Kept { within } => Finding::pass(
                CHECK,
                format!("it is set by the network, and off by {:.3} s at most", within.as_secs_f64()),
            ),
            Self::Unkept { contained: false } => Finding::fail(
                CHECK,
                "nobody sets it: the kernel calls it unsynchronised, and it drifts until credentials and logins end at \
                 the wrong time",
                format!("Let it be set by the network (NTP): {NTP}. A few minutes later the kernel knows."),
            ),
            Self::Unkept { contained: true } => Finding::skipped(
                CHECK,
                format!(
                    "the kernel calls it unsynchronised, which nobody in this container can change: let the machine \
                     around it be set by the network (NTP): {NTP}. \"Check my connection\" in the app compares the clock \
                     with a guest's"
                ),
            ),
            Self::Untold(why) => Finding::skipped(
                CHECK,
                format!(
                    "the system does not say whether it is set by the network ({why}): see to it that it is (NTP). \
                     \"Check my connection\" in the app compares it with a guest's"
                ),
            ),
        }
    }
}

/// How far off the clock is at most; `None`: nobody vouches for it.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "adjtimex has no safe form in the standard library")]
fn ask() -> std::io::Result<Option<Duration>> {
    use nix::libc;
    let mut state = std::mem::MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the pointer is to a timex of ours, which the call fills; zeroed, it is valid, and asks to change nothing.
    let state = unsafe {
        if libc::adjtimex(state.as_mut_ptr()) < 0 {
            return Err(std::io::Error::last_os_error());
        }
        state.assume_init()
    };
    let kept = state.status & libc::STA_UNSYNC == 0;
    Ok(kept.then(|| Duration::from_micros(u64::try_from(state.maxerror).unwrap_or(0))))
}

#[cfg(not(target_os = "linux"))]
fn ask() -> std::io::Result<Option<Duration>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use castle_connectivity::doctor::Outcome;

    #[test]
    fn a_clock_passes_when_it_is_kept_fails_when_not_and_is_left_open_where_that_cannot_be_told_or_changed() {
        let kept = KernelClock::Kept { within: Duration::from_micros(31_250) }.finding();
        assert_eq!(kept.outcome, Outcome::Pass);
        assert!(kept.detail.ends_with("off by 0.031 s at most"), "{kept:?}");
        let unkept = KernelClock::Unkept { contained: false }.finding();
        assert_eq!(unkept.outcome, Outcome::Fail);
        assert!(unkept.advice.as_deref().unwrap().contains("timedatectl set-ntp true"), "{unkept:?}");
        let contained = KernelClock::Unkept { contained: true }.finding();
        assert_eq!(contained.outcome, Outcome::Skipped);
        assert!(contained.detail.contains("the machine around it"), "{contained:?}");
        let untold = KernelClock::Untold("not permitted".to_owned()).finding();
        assert_eq!(untold.outcome, Outcome::Skipped);
        assert!(untold.detail.contains("(not permitted)"), "{untold:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_is_asked_and_answers() {
        match ask() {
            // The kernel calls it unsynchronised itself when it may be further off.
            Ok(Some(within)) => assert!(within <= Duration::from_secs(16), "{within:?}"),
            Ok(None) => {}
            Err(error) => println!("not told: {error}"),
        }
    }
}
