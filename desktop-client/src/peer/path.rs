//! Figures of the path: by which way, how far, how much.

use super::task::Task;
use super::window::ReceiveWindow;
use super::{PathRoute, PathStats, RelayProtocol};
use castle_connectivity::address::Transport;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use webrtc::peer_connection::{RTCIceCandidateType, RTCStatsReport, RTCStatsReportEntry, StatsSelector};

impl Task {
    pub(super) async fn path(&self) -> PathStats {
        let report = self.connection.pc.get_stats(Instant::now(), StatsSelector::None).await;
        let selected = selected_path(&report);
        let relayed = selected.local.filter(|_| selected.route == Some(PathRoute::Relay));
        // While a new way is looked for, the one in use is still that of the last bridge.
        let mut bridges = std::iter::once(&self.bridge).chain(&self.retired);
        let carrier = relayed.and_then(|relayed| bridges.find_map(|b| Some((b, b.way_of(relayed)?))));
        let windows = self.counters.windows.lock().expect("no holder panics");
        let [audio, ..] = &*windows;
        PathStats {
            route: selected.route,
            relay_protocol: carrier.map(|(_, way)| match way {
                Transport::Udp => RelayProtocol::Udp,
                Transport::Tcp => RelayProtocol::Tcp,
                Transport::Tls => RelayProtocol::Tls,
            }),
            udp_failed: carrier.is_some_and(|(bridge, _)| bridge.udp_failed()),
            round_trip: selected.round_trip,
            sent_bytes: self.counters.sent_bytes.load(Ordering::Relaxed),
            received_bytes: self.counters.received_bytes.load(Ordering::Relaxed),
            expected_packets: windows.iter().map(ReceiveWindow::expected).sum(),
            received_packets: windows.iter().map(ReceiveWindow::received).sum(),
            audio_expected_packets: audio.expected(),
            audio_received_packets: audio.received(),
            video_lost_there: self.lost_there.1,
            audio_lost_there: self.lost_there.0,
        }
    }
}

#[derive(Default)]
struct SelectedPath {
    route: Option<PathRoute>,
    local: Option<SocketAddr>,
    round_trip: Option<Duration>,
}

/// The local candidate in use, and the last round trip of its checks.
fn selected_path(report: &RTCStatsReport) -> SelectedPath {
    let selected = report.transport().map(|transport| transport.selected_candidate_pair_id.as_str());
    let pair = report
        .candidate_pairs()
        .find(|pair| Some(pair.stats.id.as_str()) == selected)
        .or_else(|| report.candidate_pairs().find(|pair| pair.nominated));
    let Some(pair) = pair else { return SelectedPath::default() };
    // The report names a candidate by the pair's id for it behind a prefix.
    let local = report.iter().find_map(|entry| match entry {
        RTCStatsReportEntry::LocalCandidate(local) if local.stats.id.ends_with(&pair.local_candidate_id) => {
            Some(local)
        }
        _ => None,
    });
    let route = match local.map(|local| local.candidate_type) {
        Some(RTCIceCandidateType::Host) => Some(PathRoute::Host),
        Some(RTCIceCandidateType::Srflx) => Some(PathRoute::Srflx),
        Some(RTCIceCandidateType::Prflx) => Some(PathRoute::Prflx),
        Some(RTCIceCandidateType::Relay) => Some(PathRoute::Relay),
        _ => None,
    };
    let address = local
        .and_then(|local| Some(SocketAddr::new(local.address.as_ref()?.parse::<IpAddr>().ok()?, local.port)));
    let seconds = pair.current_round_trip_time;
    SelectedPath {
        route,
        local: address,
        round_trip: (seconds > 0.0).then(|| Duration::from_secs_f64(seconds)),
    }
}
