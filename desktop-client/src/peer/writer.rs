//! Puts RTP headers on outgoing packets.

use super::connection::LocalTrack;
use super::outlet::{Numbers, Queued};
use super::task::Counters;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal as _;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

pub(super) async fn negotiated_payload_type(track: &LocalTrack) -> u8 {
    let parameters = track.sender.get_parameters().await.ok();
    let codec = parameters.and_then(|parameters| parameters.rtp_parameters.codecs.first().cloned());
    codec.map_or(track.default_payload_type, |codec| codec.payload_type)
}

/// Puts RTP headers on the packets of one track.
pub(super) struct Writer {
    pub(super) track: Arc<TrackLocalStaticRTP>,
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
}

impl Writer {
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Queued>, counters: Arc<Counters>) {
        // RFC 3550 section 5.1: the first number is random; half the range keeps the wrap out of the first minutes.
        let mut numbers = Numbers::from(rand::random::<u16>() >> 1);
        while let Some(queued) = queue.recv().await {
            let sequence_number = numbers.next(&queued);
            let packet = queued.packet;
            counters.sent_bytes.fetch_add(packet.payload.len() as u64, Ordering::Relaxed);
            let header = rtc::rtp::Header {
                version: 2,
                marker: packet.marker,
                payload_type: self.payload_type,
                sequence_number,
                timestamp: packet.timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            };
            let packet = rtc::rtp::Packet { header, payload: packet.payload };
            if let Err(error) = self.track.write_rtp(packet).await {
                tracing::trace!(%error, "a packet was not sent");
            }
        }
    }
}
