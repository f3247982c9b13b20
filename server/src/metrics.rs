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
    /// Sessions, streams, frames.
    pub sessions: SessionMetrics,
    /// Calls and the queue.
    pub hall: HallMetrics,
    /// What lasts.
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
}

/// Who gets in.
#[derive(Debug)]
pub struct IdentityMetrics {
    /// Attempts to log in, by `result`.
    pub logins: CountBy,
    /// Password hashes that wait for their turn or are being computed.
    pub hashes_pending: Level,
    /// Password hashes that were computed.
    pub hashes: Count,
}

/// Sessions, streams, frames.
#[derive(Debug)]
pub struct SessionMetrics {
    /// Sessions by `state`: `attached` to a stream, or `suspended`.
    pub sessions: LevelBy,
    /// Open streams by `kind`.
    pub streams: LevelBy,
    /// Frames on those streams by `direction`.
    pub frames: CountBy,
}

/// Calls and the queue.
#[derive(Debug)]
pub struct HallMetrics {
    /// Calls by `state`.
    pub calls: LevelBy,
    /// Ended calls by `reason`.
    pub calls_ended: CountBy,
    /// Guests who wait for a match.
    pub match_queue: Level,
    /// How long those who were matched had waited.
    pub match_wait: Times,
}

/// What lasts.
#[derive(Debug)]
pub struct StoreMetrics {
    /// From a write to its flush.
    pub commit: Times,
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
            sessions: SessionMetrics::new(&mut to),
            hall: HallMetrics::new(&mut to),
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
        }
    }
}

impl IdentityMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            logins: to.count_by("logins", "result", "Attempts to log in"),
            hashes_pending: to.level("password_hashes_pending", "Password hashes waiting or being computed"),
            hashes: to.count("password_hashes", "Password hashes computed"),
        }
    }
}

impl SessionMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            sessions: to.level_by("sessions", "state", "Sessions, attached to a stream or suspended"),
            streams: to.level_by("streams", "kind", "Open streams"),
            frames: to.count_by("frames", "direction", "Frames on Signal streams"),
        }
    }
}

impl HallMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            calls: to.level_by("calls", "state", "Calls by state"),
            calls_ended: to.count_by("calls_ended", "reason", "Ended calls by reason"),
            match_queue: to.level("match_queue", "Guests waiting for a match"),
            match_wait: to.times(
                "match_wait",
                &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0],
                "How long guests who were matched had waited",
            ),
        }
    }
}

impl StoreMetrics {
    fn new(to: &mut Registrar<'_>) -> Self {
        Self {
            commit: to.times(
                "store_commit",
                &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0],
                "From a write to its flush",
            ),
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
        metrics.hall.match_wait.observe(Duration::from_millis(1500));
        metrics.identity.hashes.add();
        let text = metrics.text();
        for line in [
            concat!("castle_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "castle_refusals_total{reason=\"BAD_CREDENTIALS\"} 2",
            "castle_connections{protocol=\"http\"} 1",
            "castle_match_wait_seconds_bucket{le=\"1.0\"} 0",
            "castle_match_wait_seconds_bucket{le=\"2.0\"} 1",
            "castle_password_hashes_total 1",
            "castle_match_queue 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        drop(held);
        assert!(metrics.text().contains("castle_connections{protocol=\"http\"} 0"));
    }
}
