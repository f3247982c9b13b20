//! "Check my connection": the doctor's checks with what this guest was given, line by line into the snapshot.

use crate::peer::IceServer;
use crate::signaling::ServerAddress;
use crate::view::{CheckLine, CheckOutcome, Checkup};
use castle_connectivity::doctor::{self, Finding, GrpcTarget, Outcome, Plan};
use castle_connectivity::relayed::Credential;
use castle_connectivity::trust::Trust;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Findings that may wait.
const FINDINGS_MAX: usize = 16;

/// An examination under way, or done. Dropping it ends it.
pub(super) struct Examination {
    pub(super) checkup: Checkup,
    findings: mpsc::Receiver<Finding>,
    _task: AbortOnDropHandle<()>,
}

impl Examination {
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
            trust: server.pin().map_or(Trust::System, |pin| Trust::Pinned(pin.digest())),
            clock_ahead_ms,
            credentials_until: None,
        };
        let (sender, findings) = mpsc::channel(FINDINGS_MAX);
        let task = AbortOnDropHandle::new(tokio::spawn(doctor::examine(plan, sender)));
        Self { checkup: Checkup::default(), findings, _task: task }
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
        self.checkup.lines.push(CheckLine {
            check: finding.check,
            outcome: match finding.outcome {
                Outcome::Pass => CheckOutcome::Pass,
                Outcome::Fail => CheckOutcome::Fail,
                Outcome::Skipped => CheckOutcome::Skipped,
            },
            detail: finding.detail,
            advice: finding.advice,
        });
    }
}
