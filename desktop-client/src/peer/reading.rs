//! What comes from the other end: messages of the data channel, and packets of its tracks, each once, as long as the
//! connection's task lives.

use super::task::{Message, RemoteTrack, Task};
use super::window::{Source, Whose};
use super::{CHANNEL_MESSAGE_MAX, MediaKind};
use crate::media::packet::IncomingPacket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

impl Task {
    pub(super) fn read_channel(&mut self, channel: Arc<dyn DataChannel>) {
        self.channel = Some(channel.clone());
        let messages = self.messages.0.clone();
        self.helpers.spawn(async move {
            while let Some(event) = channel.poll().await {
                let message = match event {
                    DataChannelEvent::OnOpen => Message::Open,
                    DataChannelEvent::OnMessage(message) if message.data.len() <= CHANNEL_MESSAGE_MAX => {
                        Message::Data(message.data.freeze())
                    }
                    DataChannelEvent::OnClose => return,
                    _ => continue,
                };
                if messages.send(message).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Reads this track from now on, in place of the one before it: who shares a screen again does so by another one.
    pub(super) fn read_track(&mut self, kind: MediaKind, track: Arc<dyn TrackRemote>) {
        let last = Arc::<AtomicU64>::default();
        let (read, ssrc) = (track.clone(), last.clone());
        while self.helpers.try_join_next().is_some() {}
        let (packets, counters) = (self.packets.clone(), self.counters.clone());
        let mut source = Source::default();
        let reader = self.helpers.spawn(async move {
            while let Some(event) = read.poll().await {
                let packet = match event {
                    TrackRemoteEvent::OnRtpPacket(packet) => packet,
                    TrackRemoteEvent::OnEnded => return,
                    _ => continue,
                };
                counters.received_bytes.fetch_add(packet.payload.len() as u64, Ordering::Relaxed);
                let whose = source.whose(packet.header.ssrc, Instant::now());
                if whose == Whose::Other {
                    continue;
                }
                ssrc.store(u64::from(packet.header.ssrc), Ordering::Relaxed);
                if let Some(sequence) = counters.accept(kind, whose, packet.header.sequence_number) {
                    packets(
                        kind,
                        IncomingPacket {
                            sequence,
                            timestamp: packet.header.timestamp,
                            marker: packet.header.marker,
                            payload: packet.payload,
                            arrived: Instant::now(),
                        },
                    );
                }
            }
        });
        let track = RemoteTrack { track, ssrc: last, reader };
        if let Some(before) = self.remote_tracks[kind as usize].replace(track) {
            before.reader.abort();
        }
    }
}
