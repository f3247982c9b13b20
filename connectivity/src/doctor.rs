//! Says what stands between a guest and a call: puts each server to the test as a guest's app would.
//!
//! Owns the checks, their order and their words. Never repairs anything, and never shows a credential. `castle-server
//! doctor` and the app's "Check my connection" run these same checks, each with its own [`Plan`].

use crate::address::{ServerUri, Service, Transport};
use crate::relayed::{Client, Credential, RelayError};
use crate::trust::{Pin, Trust};
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

mod certificate;
mod grpc;
mod transfer;

/// What to put to the test.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Where gRPC is served.
    pub grpc: Option<GrpcTarget>,
    /// As a guest is given them.
    pub servers: Vec<IceServer>,
    /// By which certificate the server is known, where it is not by an authority.
    pub pin: Option<Pin>,
    /// How far the server's clock is ahead of this one, milliseconds; `None` where that is not known.
    pub clock_ahead_ms: Option<i64>,
}

/// Where gRPC is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcTarget {
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// In TLS.
    pub tls: bool,
}

/// One server as a guest is given it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IceServer {
    /// `stun:` and `turn:` URIs.
    pub urls: Vec<String>,
    /// Empty for STUN alone.
    pub credential: Credential,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Pass,
    /// Something must be changed.
    Fail,
    /// Could not be told from here, for the reason given.
    Skipped,
}

/// What a check is about, for those who have words of their own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Whether the server answers.
    Server,
    /// Whether its certificate is believed.
    Certificate,
    /// Whether clocks agree.
    Clock,
    /// Whether STUN gets through.
    Stun(Transport),
    /// Whether the relay can be used.
    Relay(Transport),
    /// Whether there is one.
    AnyRelay,
    /// Whether what the relay opens can be reached.
    RelayPorts,
    /// Whether the relay carries enough for video.
    Rate(Transport),
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it is about; `None` for what only a host looks at.
    #[serde(skip)]
    pub about: Option<About>,
    /// What was looked at, such as `TURN over TCP at castle.example:3478`.
    pub check: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
    /// What to change; only where it failed.
    pub advice: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn pass(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { about: None, check: check.into(), outcome: Outcome::Pass, detail: detail.into(), advice: None }
    }

    /// Something must be changed, and what.
    pub fn fail(check: impl Into<String>, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { about: None, check: check.into(), outcome: Outcome::Fail, detail: detail.into(), advice }
    }

    /// It could not be told from here.
    pub fn skipped(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self { about: None, check: check.into(), outcome: Outcome::Skipped, detail: why.into(), advice: None }
    }

    /// What it is about, unless that is said already.
    #[must_use]
    pub fn about(mut self, about: About) -> Self {
        self.about.get_or_insert(about);
        self
    }
}

/// A clock further off than this breaks credentials before their time, and tokens with them.
const CLOCK_MAX: Duration = Duration::from_secs(60);

/// Runs all checks of a plan, one after the other; each finding is handed out as it is made. Ends early when nobody
/// listens any more.
pub async fn examine(plan: Plan, findings: mpsc::Sender<Finding>) {
    let examination = async {
        if let Some(target) = &plan.grpc {
            for finding in grpc::check(target, Trust::at(&target.host, plan.pin.as_ref())).await {
                tell(&findings, finding.about(About::Server)).await?;
            }
        }
        if let Some(finding) = clock(&plan) {
            tell(&findings, finding.about(About::Clock)).await?;
        }
        let mut relays = 0;
        for server in &plan.servers {
            let mut ports = Ports::default();
            for url in &server.urls {
                let uri = match url.parse::<ServerUri>() {
                    Ok(uri) => uri,
                    Err(error) => {
                        let advice = "Correct the address of this server in the settings.";
                        tell(&findings, Finding::fail(url.clone(), error.to_string(), advice)).await?;
                        continue;
                    }
                };
                let trust = Trust::at(&uri.host, plan.pin.as_ref());
                match uri.service {
                    Service::Stun => {
                        let finding = stun(&uri, trust).await.about(About::Stun(uri.transport));
                        ports.udp_passes |=
                            uri.transport == Transport::Udp && finding.outcome == Outcome::Pass;
                        tell(&findings, finding).await?;
                    }
                    Service::Turn => {
                        relays += 1;
                        let test = Relaying { uri: &uri, credential: &server.credential, trust };
                        for finding in test.check(&mut ports).await {
                            tell(&findings, finding.about(About::Relay(uri.transport))).await?;
                        }
                    }
                }
            }
            if let Some(finding) = ports.untold() {
                tell(&findings, finding.about(About::RelayPorts)).await?;
            }
        }
        if relays == 0 {
            let detail = "no relay is handed out to guests";
            let advice = "Without one, guests behind strict firewalls cannot call: let the server listen with \
                          --turn-listen, or name one with --turn-url.";
            tell(&findings, Finding::fail("Relay", detail, advice).about(About::AnyRelay)).await?;
        }
        Some(())
    };
    if examination.await.is_none() {
        tracing::debug!("nobody waits for the findings any more");
    }
}

async fn tell(findings: &mpsc::Sender<Finding>, finding: Finding) -> Option<()> {
    findings.send(finding).await.ok()
}

/// Whether the clocks of both ends agree; nothing where the server's is not known.
fn clock(plan: &Plan) -> Option<Finding> {
    const CHECK: &str = "Clock";
    const ADVICE: &str = "Let both machines set their clocks by the network (NTP).";
    let seconds = plan.clock_ahead_ms? as f64 / 1e3;
    if seconds.abs() <= CLOCK_MAX.as_secs_f64() {
        return Some(Finding::pass(CHECK, format!("within {:.1} s of the server's", seconds.abs())));
    }
    let way = if seconds > 0.0 { "behind" } else { "ahead of" };
    let detail = format!("this clock is {:.0} s {way} the server's", seconds.abs());
    Some(Finding::fail(CHECK, detail, ADVICE))
}

/// Where a server is, as people write it.
fn place(uri: &ServerUri) -> String {
    if uri.host.contains(':') {
        format!("[{}]:{}", uri.host, uri.port)
    } else {
        format!("{}:{}", uri.host, uri.port)
    }
}

async fn stun(uri: &ServerUri, trust: Trust) -> Finding {
    let check = format!("STUN over {} at {}", uri.transport.name().to_uppercase(), place(uri));
    let begun = tokio::time::Instant::now();
    let answer = async { Client::open(uri, trust).await?.binding().await };
    match answer.await {
        Ok(mapped) => {
            let ms = begun.elapsed().as_secs_f64() * 1e3;
            Finding::pass(check, format!("answered in {ms:.0} ms; this machine is seen as {}", mapped.ip()))
        }
        Err(error) => Finding::fail(check, error.to_string(), unreachable(uri)),
    }
}

/// What to do about a server that is not reached.
fn unreachable(uri: &ServerUri) -> String {
    let protocol = match uri.transport {
        Transport::Udp => "UDP",
        _ => "TCP",
    };
    format!(
        "Let {protocol} port {} through the firewalls and NATs between here and {}, and check that the server listens \
         there.",
        uri.port, uri.host
    )
}

/// What is known of a server's relay ports while its addresses are tried. They are the same, by whichever way one asks
/// for them.
#[derive(Default)]
struct Ports {
    /// UDP from here reaches the server.
    udp_passes: bool,
    looked_at: bool,
    /// One that was opened, and could not be knocked at.
    opened: Option<u16>,
}

impl Ports {
    /// That nothing can be told, where it could not.
    fn untold(&self) -> Option<Finding> {
        let port = self.opened.filter(|_| !self.looked_at)?;
        Some(Finding::skipped(
            format!("Relay port {port}"),
            "UDP from here does not reach the server, so that only a guest elsewhere can tell whether the relay's ports \
             are open",
        ))
    }
}

struct Relaying<'a> {
    uri: &'a ServerUri,
    credential: &'a Credential,
    trust: Trust,
}

impl Relaying<'_> {
    async fn check(&self, ports: &mut Ports) -> Vec<Finding> {
        let uri = self.uri;
        let over = uri.transport.name().to_uppercase();
        let check = format!("TURN over {over} at {}", place(uri));
        let mut findings = Vec::new();
        let client = match Client::open(uri, self.trust).await {
            Ok(client) => client,
            Err(error) => {
                let advice = match certificate::advice(&error) {
                    Some(advice) => advice,
                    None => unreachable(uri),
                };
                return vec![Finding::fail(check, error.to_string(), advice)];
            }
        };
        findings.extend(certificate::check(&place(uri), &client.certificates));
        let mut one = match client.allocate(self.credential).await {
            Ok(allocation) => allocation,
            Err(error) => {
                findings.push(Finding::fail(check, error.to_string(), self.refused(&error)));
                return findings;
            }
        };
        findings.push(Finding::pass(check, format!("relays from {}", one.relayed)));
        ports.udp_passes |= uri.transport == Transport::Udp;
        ports.opened = Some(one.relayed.port());
        // Where no UDP gets out of here, no knock does: it would tell of this network, and not of the relay.
        if ports.udp_passes && !ports.looked_at {
            findings.push(transfer::port(&mut one).await.about(About::RelayPorts));
            ports.looked_at = true;
        }
        findings.push(self.carry(&mut one).await.about(About::Rate(uri.transport)));
        if let Err(error) = one.release().await {
            tracing::debug!(%error, "an allocation was not given back");
        }
        findings
    }

    /// Three seconds of media, by its size, from one relayed address to another.
    async fn carry(&self, one: &mut crate::relayed::Allocation) -> Finding {
        let check = format!("Relayed transfer over {}", self.uri.transport.name().to_uppercase());
        let other = async { Client::open(self.uri, self.trust).await?.allocate(self.credential).await };
        let mut other = match other.await {
            Ok(allocation) => allocation,
            Err(error) => return Finding::fail(check, error.to_string(), self.refused(&error)),
        };
        let carried = transfer::run(one, &mut other).await;
        if let Err(error) = other.release().await {
            tracing::debug!(%error, "an allocation was not given back");
        }
        match carried {
            Ok(carried) => carried.finding(check, self.uri.transport),
            Err(error) => Finding::fail(check, error.to_string(), self.refused(&error)),
        }
    }

    fn refused(&self, error: &RelayError) -> String {
        match error {
            RelayError::Refused(401 | 431) => {
                "The relay does not take the credentials that guests get: both must share one secret (--turn-secret, \
                 coturn's static-auth-secret), and their clocks must agree."
            }
            RelayError::Refused(403) => {
                "The relay does not relay between two of its own addresses: allow its own address as a peer."
            }
            RelayError::Refused(486) => "The quota of the relay is used up: raise it, or wait.",
            RelayError::Refused(508) => {
                "The relay has no port or capacity left: give it a wider range of ports (--turn-port-range) or more \
                 allocations (--turn-allocations)."
            },
            RelayError::Silent | RelayError::Broken(_) | RelayError::Dial(_) => return unreachable(self.uri),
            _ => "Look into the relay's log: what it answers is not what a TURN server says.",
        }
        .to_owned()
    }
}

/// Whether nothing failed.
pub fn healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.outcome != Outcome::Fail)
}

/// For people: one line a finding, and what to change below it.
pub fn line(finding: &Finding) -> String {
    let mark = match finding.outcome {
        Outcome::Pass => "ok  ",
        Outcome::Fail => "FAIL",
        Outcome::Skipped => "-   ",
    };
    let mut line = format!("{mark}  {}: {}", finding.check, finding.detail);
    if let Some(advice) = &finding.advice {
        line.push_str("\n      ");
        line.push_str(advice);
    }
    line
}

/// The address of a peer that only this machine has.
fn is_private(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
