//! Screens: a track of its own for this one, offered when it is shared and taken back by renegotiation (RFC 9429 section
//! 4.1.8), and whether the other end shares one.

use super::connection::{LocalTrack, SCREEN_TRACK, default_payload_type, local_track};
use super::outlet::Queued;
use super::task::Task;
use super::{MediaKind, PeerEvent, PeerFault};
use std::sync::Arc;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver};

/// How this screen and the other end's stand.
#[expect(clippy::struct_excessive_bools, reason = "each becomes true and false by itself")]
pub(super) struct Sharing {
    wanted: bool,
    /// The other end was not offered what is wanted.
    unsaid: bool,
    /// The other end's answer to what is wanted is waited for.
    asked: bool,
    /// Once the screen was shared.
    transceiver: Option<(Arc<dyn RtpTransceiver>, Arc<TrackLocalStaticRTP>)>,
    /// Until there is somebody to write to.
    queue: Option<mpsc::Receiver<Queued>>,
    peer: bool,
}

impl Sharing {
    /// Of nothing; what will be sent of the screen comes by `queue`.
    pub(super) fn new(queue: mpsc::Receiver<Queued>) -> Self {
        Self {
            wanted: false,
            unsaid: false,
            asked: false,
            transceiver: None,
            queue: Some(queue),
            peer: false,
        }
    }

    /// An offer of ours leaves: it says all that is wanted.
    pub(super) fn said(&mut self) {
        self.asked |= std::mem::take(&mut self.unsaid);
    }

    /// An offer of ours came to nothing.
    pub(super) fn taken_back(&mut self) {
        self.unsaid |= std::mem::take(&mut self.asked);
    }
}

impl Task {
    /// A person shares the screen, or no longer.
    pub(super) async fn share_screen(&mut self, on: bool) -> Result<(), PeerFault> {
        if self.sharing.wanted == on {
            return Ok(());
        }
        (self.sharing.wanted, self.sharing.unsaid) = (on, true);
        self.follow_screens().await
    }

    /// After each exchange of descriptions: what was agreed upon, and what is still to be offered.
    pub(super) async fn follow_screens(&mut self) -> Result<(), PeerFault> {
        let remote = self.connection.pc.current_remote_description().await;
        let shares = remote.is_some_and(|remote| shares_screen(&remote.sdp));
        if std::mem::replace(&mut self.sharing.peer, shares) != shares {
            self.tell(PeerEvent::PeerScreen(shares)).await;
        }
        if self.offering || !self.remote.is_described() {
            return Ok(());
        }
        let followed = async {
            if std::mem::take(&mut self.sharing.asked) && self.sharing.wanted && !self.sharing.unsaid {
                self.begin_writing_screen().await?;
            }
            if self.sharing.unsaid && self.sharing.wanted && self.remote.codec.is_none() {
                (self.sharing.wanted, self.sharing.unsaid) = (false, false);
                self.tell(PeerEvent::ScreenTaken(false)).await;
            }
            if self.sharing.unsaid {
                self.offer_screen().await?;
            }
            Ok(())
        };
        followed.await.map_err(|error| self.refuse(PeerFault::Internal, &error))
    }

    /// Whether pictures are of a screen: the camera's section comes first in a description, but not always its packets.
    pub(super) async fn is_screen(&self, track: &dyn TrackRemote) -> bool {
        let id = track.track_id().await;
        let remote = self.connection.pc.remote_description().await;
        let camera = remote.as_ref().and_then(|remote| camera_mid(&remote.sdp));
        for transceiver in self.connection.pc.get_transceivers().await {
            if let Ok(Some(receiver)) = transceiver.receiver().await
                && receiver.track().track_id().await == id
            {
                let mid = transceiver.mid().await.ok().flatten();
                return mid.is_some() && mid.as_deref() != camera;
            }
        }
        false
    }

    /// The other end offers: whether a screen of its own comes by the section of ours. Browsers take one that is at hand.
    pub(super) async fn let_theirs_in(&self, offer: &str) -> Result<(), PeerFault> {
        let set = self.set_direction(Some(offer)).await;
        set.map_err(|error| self.refuse(PeerFault::Internal, &error))
    }

    async fn set_direction(&self, theirs: Option<&str>) -> Result<(), webrtc::error::Error> {
        let Some((transceiver, _)) = &self.sharing.transceiver else { return Ok(()) };
        let theirs = theirs.zip(transceiver.mid().await?).is_some_and(|(sdp, mid)| sends_by(sdp, &mid));
        transceiver.set_direction(direction((self.sharing.wanted, theirs))).await
    }

    async fn offer_screen(&mut self) -> Result<(), webrtc::error::Error> {
        if self.sharing.transceiver.is_some() {
            let remote = self.connection.pc.current_remote_description().await;
            self.set_direction(remote.as_ref().map(|remote| remote.sdp.as_str())).await?;
        } else if !self.sharing.wanted {
            self.sharing.unsaid = false;
            return Ok(());
        } else {
            let track = local_track(MediaKind::Screen, self.connection.screen_ssrc, self.codec());
            // Without a receiver from the start nothing could ever come by this section (rtc 0.21.1).
            let init = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Sendrecv,
                streams: vec![SCREEN_TRACK.to_owned()],
                ..Default::default()
            };
            let local = track.clone() as Arc<dyn TrackLocal>;
            let transceiver = self.connection.pc.add_transceiver_from_track(local, Some(init)).await?;
            transceiver.set_direction(direction((true, false))).await?;
            self.sharing.transceiver = Some((transceiver, track));
        }
        let offer = self.connection.pc.create_offer(None).await?;
        self.send_offer(offer).await
    }

    /// The other end answered the offer of our screen.
    async fn begin_writing_screen(&mut self) -> Result<(), webrtc::error::Error> {
        let Some((transceiver, track)) = self.sharing.transceiver.clone() else { return Ok(()) };
        let agreed = transceiver.current_direction().await?;
        let taken =
            matches!(agreed, RTCRtpTransceiverDirection::Sendonly | RTCRtpTransceiverDirection::Sendrecv);
        if taken
            && let Some(queue) = self.sharing.queue.take()
            && let Some(sender) = transceiver.sender().await?
        {
            let ssrc = self.connection.screen_ssrc;
            let default_payload_type = default_payload_type(MediaKind::Screen, self.codec());
            let local = LocalTrack { track, sender, ssrc, default_payload_type };
            self.spawn_writer(queue, &local).await;
        }
        self.tell(PeerEvent::ScreenTaken(taken)).await;
        Ok(())
    }
}

/// The sections of a description that are pictures; the camera's is the first.
fn pictures(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.split("\nm=").skip(1).filter(|section| section.starts_with("video "))
}

/// How a section is named.
fn mid(section: &str) -> Option<&str> {
    section.lines().find_map(|line| line.trim_end().strip_prefix("a=mid:"))
}

/// How a description names the section of the camera.
fn camera_mid(sdp: &str) -> Option<&str> {
    pictures(sdp).next().and_then(mid)
}

/// Whether something comes by a section.
fn sends(section: &str) -> bool {
    let closed = section.starts_with("video 0 ");
    let silent = |line: &str| matches!(line.trim_end(), "a=recvonly" | "a=inactive");
    !closed && !section.lines().any(silent)
}

/// Whether pictures come by the section of this name.
fn sends_by(sdp: &str, name: &str) -> bool {
    pictures(sdp).any(|section| mid(section) == Some(name) && sends(section))
}

/// Whether a description has pictures to come besides those of the camera.
fn shares_screen(sdp: &str) -> bool {
    pictures(sdp).skip(1).any(sends)
}

/// What our section is for: our screen while it is wanted, and theirs where it comes by the same.
fn direction(ours_and_theirs: (bool, bool)) -> RTCRtpTransceiverDirection {
    match ours_and_theirs {
        (true, true) => RTCRtpTransceiverDirection::Sendrecv,
        (true, false) => RTCRtpTransceiverDirection::Sendonly,
        (false, true) => RTCRtpTransceiverDirection::Recvonly,
        (false, false) => RTCRtpTransceiverDirection::Inactive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(sections: &[&str]) -> String {
        let head = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned();
        sections.iter().fold(head, |sdp, section| format!("{sdp}m={section}\r\na=mid:x\r\n"))
    }

    #[test]
    fn pictures_besides_the_camera_are_a_screen() {
        let audio = "audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv";
        let camera = "video 9 UDP/TLS/RTP/SAVPF 96";
        let channel = "application 9 UDP/DTLS/SCTP webrtc-datachannel";
        let screen = |direction: &str| format!("{camera}\r\na={direction}");
        assert!(!shares_screen(&described(&[audio, camera, channel])));
        for (direction, shared) in
            [("sendonly", true), ("sendrecv", true), ("recvonly", false), ("inactive", false)]
        {
            assert_eq!(shares_screen(&described(&[audio, camera, channel, &screen(direction)])), shared);
        }
        assert!(
            shares_screen(&described(&[audio, camera, channel, camera])),
            "sendrecv is what goes without saying"
        );
        let refused = "video 0 UDP/TLS/RTP/SAVPF 96\r\na=sendonly";
        assert!(!shares_screen(&described(&[camera, refused])));
        for rubbish in ["", "m=", "video ", "\nm=video \nm=video", "\u{0}"] {
            shares_screen(rubbish);
            assert_eq!(camera_mid(rubbish), None);
        }
    }

    #[test]
    fn a_screen_of_theirs_that_comes_by_the_section_of_ours_is_taken_there() {
        let sdp = |way: &str| {
            format!("v=0\r\nm=video 9 x 96\r\na=mid:1\r\nm=video 9 x 96\r\na={way}\r\na=mid:3\r\n")
        };
        let ours = |offer: &str| direction((true, sends_by(offer, "3")));
        assert_eq!(ours(&sdp("sendrecv")), RTCRtpTransceiverDirection::Sendrecv);
        assert_eq!(ours(&sdp("recvonly")), RTCRtpTransceiverDirection::Sendonly);
        assert_eq!(direction((false, sends_by(&sdp("sendonly"), "3"))), RTCRtpTransceiverDirection::Recvonly);
        assert_eq!(direction((false, sends_by(&sdp("inactive"), "3"))), RTCRtpTransceiverDirection::Inactive);
        assert!(!sends_by(&sdp("sendrecv"), "4"), "another section says nothing of ours");
    }

    #[test]
    fn the_camera_is_the_first_section_of_pictures() {
        let sdp = "v=0\r\nm=audio 9 x 111\r\na=mid:0\r\nm=video 9 x 96\r\na=mid:cam\r\nm=video 9 x 96\r\na=mid:2\r\n";
        assert_eq!(camera_mid(sdp), Some("cam"));
    }
}
