//! "Check my connection": the doctor's checks with what this guest was given, line by line into the snapshot.

use crate::peer::IceServer;
use crate::signaling::ServerAddress;
use crate::view::{CheckLine, CheckOutcome, Checkup};
use crate::words::{say, say_with};
use castle_connectivity::address::Transport;
use castle_connectivity::doctor::{self, About, Finding, GrpcTarget, Outcome, Plan};
use castle_connectivity::relayed::Credential;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Findings that may wait.
const FINDINGS_MAX: usize = 16;

/// An examination under way, or done. Dropping it ends it.
pub(super) struct Examination {
    pub(super) checkup: Checkup,
    findings: mpsc::Receiver<Finding>,
    /// Nobody is logged in, and so no relay was handed out that could be looked at.
    at_the_door: bool,
    _task: AbortOnDropHandle<()>,
}

impl Examination {
    /// Begins before anybody is logged in: the server, its certificate.
    pub(super) fn at_the_door(server: &ServerAddress) -> Self {
        Self { at_the_door: true, ..Self::begin(server, &[], None) }
    }

    /// Begins, with what the server handed out.
    pub(super) fn begin(server: &ServerAddress, ice: &[IceServer], clock_ahead_ms: Option<i64>) -> Self {
        let servers = ice.iter().map(|server| doctor::IceServer {
            urls: server.urls.clone(),
            credential: Credential { username: server.username.clone(), password: server.credential.clone() },
        });
        let plan = Plan {
            grpc: Some(GrpcTarget {
                host: server.host().to_owned(),
                port: server.port(),
                tls: server.is_tls(),
            }),
            servers: servers.collect(),
            pin: server.host_pin(),
            clock_ahead_ms,
        };
        let (sender, findings) = mpsc::channel(FINDINGS_MAX);
        let task = AbortOnDropHandle::new(tokio::spawn(doctor::examine(plan, sender)));
        Self { checkup: Checkup::default(), findings, at_the_door: false, _task: task }
    }

    /// Waits for the next finding and takes it; never ends while nothing is examined.
    pub(super) async fn progress(examination: &mut Option<Self>) {
        match examination {
            Some(examination) if !examination.checkup.done => {
                let finding = examination.findings.recv().await;
                examination.take(finding);
            }
            _ => std::future::pending().await,
        }
    }

    /// Takes a finding into the snapshot; none: all is done.
    fn take(&mut self, finding: Option<Finding>) {
        let Some(finding) = finding else {
            self.checkup.done = true;
            return;
        };
        if !(self.at_the_door && finding.about == Some(About::AnyRelay)) {
            self.checkup.lines.push(line(finding));
        }
    }
}

/// A finding in words for a guest, who has no say over the server.
fn line(finding: Finding) -> CheckLine {
    let by = |key: fn(&str) -> String, transport: Transport| key(&transport.name().to_uppercase());
    let (check, advice) = match finding.about {
        Some(About::Server) => (say("check-server").into(), say("check-server-fails").into()),
        Some(About::Certificate) => (say("check-certificate").into(), say("check-certificate-fails").into()),
        Some(About::Clock) => (say("check-clock").into(), say("check-clock-fails").into()),
        Some(About::Stun(transport)) => (
            by(|protocol| say_with("check-stun", &[("protocol", protocol.into())]), transport),
            by(|protocol| say_with("check-stun-fails", &[("protocol", protocol.into())]), transport),
        ),
        Some(About::Relay(transport)) => (
            by(|protocol| say_with("check-relay", &[("protocol", protocol.into())]), transport),
            by(|protocol| say_with("check-relay-fails", &[("protocol", protocol.into())]), transport),
        ),
        Some(About::AnyRelay) => (say("check-any-relay").into(), say("check-any-relay-fails").into()),
        Some(About::RelayPorts) => (say("check-ports").into(), say("check-ports-fails").into()),
        Some(About::Rate(transport)) => (
            by(|protocol| say_with("check-rate", &[("protocol", protocol.into())]), transport),
            say("check-rate-fails").into(),
        ),
        None => (finding.check.clone(), say("check-other-fails").into()),
    };
    let outcome = match finding.outcome {
        Outcome::Pass => CheckOutcome::Pass,
        Outcome::Fail => CheckOutcome::Fail,
        Outcome::Skipped => CheckOutcome::Skipped,
    };
    let advice = (outcome == CheckOutcome::Fail).then_some(advice);
    let also = finding.advice.map(|advice| format!(" {advice}")).unwrap_or_default();
    let technical = format!("{}: {}.{also}", finding.check, finding.detail);
    CheckLine { check, outcome, advice, technical }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn what_was_found_is_told_in_the_language_of_the_guest_and_kept_in_that_of_engineers() {
        let found = || Finding::fail("TURN over TLS at h:443", "no answer", "Let TCP port 443 through.");
        let told = |tag| words::speaking(tag, || line(found().about(About::Relay(Transport::Tls))));
        assert_eq!(told("en").check, "Relay over TLS");
        assert!(told("de").advice.unwrap().contains("Gastgeber"));
        assert_eq!(told("en").technical, "TURN over TLS at h:443: no answer. Let TCP port 443 through.");
        assert_eq!(line(Finding::pass("Clock", "right").about(About::Clock)).advice, None);
    }
}
