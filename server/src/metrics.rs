//! Every figure that the server keeps about itself: name, unit and help text, and how all are written out.
//!
//! Write-only for the parts that count: nobody decides by a metric. No label ever carries a guest, a name or an
//! address, and every label has few values, all known beforehand. The one place that names prometheus_client.

mod kinds;

pub use kinds::{Count, CountBy, Held, Level, LevelBy, Times};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All figures. Each part has its own group and is handed the whole in an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    /// Connections, handshakes, certificates.
    pub transport: TransportMetrics,
    /// Who gets in.
    pub identity: IdentityMetrics,
    /// Sessions, calls and the queue.
    pub hub: HubMetrics,
    /// The embedded relay.
    pub relay: RelayMetrics,
    /// The store.
    pub store: StoreMetrics,
    registry: Registry,
}

/// Connections, handshakes, certificates, refused requests.
#[derive(Debug)]
pub struct TransportMetrics {
    /// Open TCP connections by `protocol`: `http`, and what else ALPN names.
    pub connections: LevelBy,
    /// Connections that were closed at once, by `why`.
    pub connections_refused: CountBy,
    /// Connections that were given up before their first request, by `why`.
    pub handshakes_failed: CountBy,
    /// Reads of a changed certificate, by `result`.
    pub certificate_reloads: CountBy,
    /// When the certificate ends; 0 without TLS.
    pub certificate_expires: Level,
    /// Requests that were refused, by the `reason` that the client was given.
    pub refusals: CountBy,
    /// From a request to the beginning of its answer.
    pub answers: Times,
}

/// Who gets in.
#[derive(Debug)]
pub struct IdentityMetrics {
    /// Attempts to log in, by `result`.
    pub logins: CountBy,
    /// Password hashes that were computed.
    pub hashes: Level,
    /// Those who wait for one.
    pub hashes_waiting: Level,
}

/// Sessions, calls and the queue.
#[derive(Debug)]
pub struct HubMetrics {
    /// Sessions, attached to a stream or within their resume window.
    pub sessions: Level,
    /// Those that are attached.
    pub streams: Level,
    /// Frames of sessions by `direction`: `in` from clients, `out` to them.
    pub frames: CountBy,
    /// Rows of the hall that were put on streams.
    pub hall_rows: Count,
    /// Calls by `state`.
    pub calls: LevelBy,
    /// Calls that ended, by `reason`.
    pub calls_ended: CountBy,
    /// Guests who wait for a match.
    pub match_queue: Level,
    /// How long those who were matched had waited.
    pub match_waits: Times,
}

/// The store.
#[derive(Debug)]
pub struct StoreMetrics {
    /// One sync of the disk, for all who wait for it.
    pub commits: Times,
}

/// The embedded relay, or others'.
#[derive(Debug)]
pub struct RelayMetrics {
    /// TURN services that guests may be given: the embedded one, or each of others' servers.
    pub services: Level,
    /// Those of them that work.
    pub services_usable: Level,
    /// Live allocations.
    pub allocations: Level,
    /// Allocations made.
    pub allocations_made: Count,
    /// Packets relayed.
    pub packets: Count,
    /// Bytes relayed, without headers of TURN.
    pub bytes: Count,
    /// Packets dropped without an answer, by `why`.
    pub dropped: CountBy,
    /// Requests refused, by the `code` of the answer.
    pub refused: CountBy,
}

impl Metrics {
    /// With every figure at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("castle");
        registry.register(
            "build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let mut to = Registrar(&mut registry);
        Self {
            transport: TransportMetrics::new(&mut to),
            identity: IdentityMetrics::new(&mut to),
            hub: HubMetrics::new(&mut to),
            relay: RelayMetrics::new(&mut to),
            store: StoreMetrics::new(&mut to),
            registry,
        }
    }

    /// All figures in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes all");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a group makes its figures known under their names.
pub struct Registrar<'a>(&'a mut Registry);

impl Registrar<'_> {
    /// What only grows.
    pub fn count(&mut self, name: &str, help: &str) -> Count {
        let made = Count::default();
        self.0.register(name, help, made.0.clone());
        made
    }

    /// What only grows, apart by `label`.
    pub fn count_by(&mut self, name: &str, label: &'static str, help: &str) -> CountBy {
        let made = CountBy::new(label);
        self.0.register(name, help, made.family.clone());
        made
    }

    /// What goes up and down.
    pub fn level(&mut self, name: &str, help: &str) -> Level {
        let made = Level::default();
        self.0.register(name, help, made.0.clone());
        made
    }

    /// What goes up and down, apart by `label`.
    pub fn level_by(&mut self, name: &str, label: &'static str, help: &str) -> LevelBy {
        let made = LevelBy::new(label);
        self.0.register(name, help, made.family.clone());
        made
    }

    /// How long things take, with these bounds in seconds.
    pub fn times(&mut self, name: &str, bounds: &[f64], help: &str) -> Times {
        let made = Times::new(bounds);
        self.0.register_with_unit(name, help, Unit::Seconds, made.0.clone());
        made
    }
}

impl TransportMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            connections: to.level_by("connections", "protocol", "Open TCP connections"),
            connections_refused: to.count_by("connections_refused", "why", "Connections closed at once"),
            handshakes_failed: to.count_by(
                "handshakes_failed",
                "why",
                "Connections given up before their first request",
            ),
            certificate_reloads: to.count_by(
                "certificate_reloads",
                "result",
                "Reads of a changed certificate",
            ),
            certificate_expires: to.level(
                "certificate_expires_timestamp_seconds",
                "When the certificate ends, in Unix time; 0 without TLS",
            ),
            refusals: to.count_by("refusals", "reason", "Requests refused, by the reason given"),
            answers: to.times(
                "answer",
                &[0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0],
                "From a request to the beginning of its answer",
            ),
        }
    }
}

impl IdentityMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            logins: to.count_by("logins", "result", "Attempts to log in"),
            hashes: to.level("password_hashes_done", "Password hashes computed since the start"),
            hashes_waiting: to.level("password_hashes_waiting", "Attempts waiting for a password hash"),
        }
    }
}

impl HubMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            sessions: to.level("sessions", "Sessions, attached or within their resume window"),
            streams: to.level("streams", "Sessions attached to a stream"),
            frames: to.count_by("frames", "direction", "Frames of sessions, in from clients and out to them"),
            hall_rows: to.count("hall_rows", "Rows of the hall put on streams"),
            calls: to.level_by("calls", "state", "Calls that ring, connect or are connected"),
            calls_ended: to.count_by("calls_ended", "reason", "Calls that ended"),
            match_queue: to.level("match_queue", "Guests waiting for a match"),
            match_waits: to.times(
                "match_wait",
                &[0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0],
                "How long those who were matched had waited",
            ),
        }
    }
}

impl StoreMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            commits: to.times(
                "store_commit",
                &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5],
                "One sync of the disk, for all writes that wait for it",
            ),
        }
    }
}

impl RelayMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            services: to
                .level("turn_services", "TURN services: the embedded one, or each of others' servers"),
            services_usable: to.level("turn_services_usable", "TURN services that worked when last tried"),
            allocations: to.level("relay_allocations", "Live allocations of the embedded relay"),
            allocations_made: to.count("relay_allocations_made", "Allocations made by the embedded relay"),
            packets: to.count("relay_packets", "Packets relayed"),
            bytes: to.count("relay_bytes", "Bytes relayed, without headers of TURN"),
            dropped: to.count_by("relay_dropped", "why", "Packets dropped without an answer"),
            refused: to.count_by("relay_refused", "code", "Requests for the relay refused, by error code"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn figures_come_out_under_their_names() {
        let metrics = Metrics::new();
        metrics.transport.refusals.add("BAD_CREDENTIALS");
        metrics.transport.refusals.add("BAD_CREDENTIALS");
        let held = metrics.transport.connections.hold("http");
        metrics.transport.answers.observe(Duration::from_millis(30));
        metrics.identity.hashes.set(1);
        let text = metrics.text();
        for line in [
            concat!("castle_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "castle_refusals_total{reason=\"BAD_CREDENTIALS\"} 2",
            "castle_connections{protocol=\"http\"} 1",
            "castle_answer_seconds_bucket{le=\"0.02\"} 0",
            "castle_answer_seconds_bucket{le=\"0.05\"} 1",
            "castle_password_hashes_done 1",
            "castle_match_queue 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        drop(held);
        assert!(metrics.text().contains("castle_connections{protocol=\"http\"} 0"));
    }
}
