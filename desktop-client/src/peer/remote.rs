//! What the other end says of itself: descriptions, and candidates, which wait until they can be used. No address of the
//! other end is used before both agreed to talk, so that it learns nothing of this one.

use super::codecs::{self, Said};
use super::connection::{default_payload_type, local_track};
use super::task::Task;
use super::{MediaKind, PeerEvent, PeerFault, scrub};
use crate::call::Candidate;
use crate::media::codec::VideoCodec;
use crate::media::limits::Limits;
use bytes::Bytes;
use std::sync::Arc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{RTCIceCandidateInit, RTCSdpType, RTCSessionDescription};

/// Remote candidates taken in one call: a host with many interfaces and relays has some tens.
const CANDIDATES_MAX: usize = 128;

/// Who begins the DTLS handshake (RFC 8122 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setup {
    Active,
    Passive,
}

/// What is known of the other end, and its candidates that cannot be used yet. Pure.
#[derive(Debug, Default)]
pub(super) struct Remote {
    reachable: bool,
    described: bool,
    /// The other end's part in DTLS, by its first answer; it never changes (RFC 8842 section 5.5).
    setup: Option<Setup>,
    /// The ICE credentials of its last description.
    generation: String,
    /// What pictures are coded in, by its first description.
    pub(super) codec: Option<VideoCodec>,
    /// What its decoder takes, by its last description.
    limits: Limits,
    /// The parameter sets for its camera and its screen in its last description.
    parameter_sets: [Vec<Bytes>; 2],
    /// It had none that there is here: pictures are left out for as long as the call lasts.
    sound_alone: bool,
    waiting: Vec<Candidate>,
    taken: usize,
}

impl Remote {
    /// Its description was taken.
    pub(super) fn is_described(&self) -> bool {
        self.described
    }

    /// It may be sent to.
    pub(super) fn is_reachable(&self) -> bool {
        self.reachable
    }

    /// Whether this offer asks for a new way, and not only for other media over the one that stands.
    pub(super) fn restarts(&self, offer: &str) -> bool {
        generation(offer) != self.generation
    }

    /// Our answer, in which our part in DTLS is what it was from the first: the stack says `active` in every answer, also
    /// where the other end is that already, and browsers take that for the fault it is.
    pub(super) fn keep_setup(&self, answer: &str) -> String {
        match self.setup {
            Some(Setup::Active) => answer.replace("a=setup:active", "a=setup:passive"),
            Some(Setup::Passive) | None => answer.to_owned(),
        }
    }

    /// Takes a candidate; gives it back where it can be used now. More than [`CANDIDATES_MAX`] are dropped.
    fn take(&mut self, candidate: Candidate) -> Option<Candidate> {
        self.taken += 1;
        if self.taken > CANDIDATES_MAX {
            return None;
        }
        if self.reachable && self.described {
            return Some(candidate);
        }
        self.waiting.push(candidate);
        None
    }

    /// Those that wait are no longer good.
    fn withdraw(&mut self, gone: &[Candidate]) {
        self.waiting.retain(|waiting| !gone.contains(waiting));
    }

    /// A description was taken: a new generation may begin. The candidates that can be used now.
    fn describe(&mut self, sdp: &str) -> Vec<Candidate> {
        self.described = true;
        self.generation = generation(sdp);
        let setup = sdp.lines().find_map(|line| line.strip_prefix("a=setup:"));
        self.setup = self.setup.or(match setup.map(str::trim_end) {
            Some("active") => Some(Setup::Active),
            Some("passive") => Some(Setup::Passive),
            _ => None,
        });
        self.taken = self.waiting.len();
        self.ready()
    }

    /// Both agreed to talk. The candidates that can be used now.
    fn reach(&mut self) -> Vec<Candidate> {
        self.reachable = true;
        self.ready()
    }

    fn ready(&mut self) -> Vec<Candidate> {
        if self.reachable && self.described { std::mem::take(&mut self.waiting) } else { Vec::new() }
    }
}

/// The credentials of ICE in a description: of its first section, since there is one bundle.
fn generation(sdp: &str) -> String {
    let value =
        |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim_end();
    format!("{} {}", value("a=ice-ufrag:"), value("a=ice-pwd:"))
}

/// A description without its candidates, and those candidates.
fn split(sdp: &str) -> (String, Vec<Candidate>) {
    let (mut rest, mut found, mut mids) = (String::with_capacity(sdp.len()), Vec::new(), Vec::new());
    for line in sdp.lines() {
        if line.starts_with("m=") {
            mids.push("");
        }
        if let (Some(mid), Some(name)) = (mids.last_mut(), line.strip_prefix("a=mid:")) {
            *mid = name.trim_end();
        }
        let value = line.strip_prefix("a=").filter(|value| value.starts_with("candidate:"));
        if let Some(value) = value {
            found.push((value.trim_end().to_owned(), mids.len().saturating_sub(1)));
        } else {
            rest.push_str(line.trim_end());
            rest.push_str("\r\n");
        }
    }
    let named = |(candidate, section): (String, usize)| Candidate {
        candidate,
        mid: mids.get(section).copied().unwrap_or_default().to_owned(),
        index: section as u32,
        ufrag: String::new(),
    };
    (rest, found.into_iter().map(named).collect())
}

/// Reads a description as a call does, from either side. For `untrusted`; nothing comes of it.
pub(crate) fn read_description(sdp: &str) {
    let (rest, candidates) = split(sdp);
    assert!(split(&rest).1.is_empty(), "no candidate stays");
    assert!(candidates.len() <= sdp.lines().count());
    let without = codecs::without_pictures(sdp);
    for said in [Said::InAnOffer, Said::InAnAnswer] {
        let codec = codecs::narrow(&without, said, None, VideoCodec::ALL).ok().and_then(|(_, codec)| codec);
        assert_eq!(codec, None, "pictures that are left out are in no codec");
        let Ok((narrow, codec)) = codecs::narrow(sdp, said, None, VideoCodec::ALL) else { continue };
        assert!(narrow.len() <= sdp.len(), "a description is never made longer");
        let sets = codecs::parameter_sets(&narrow);
        assert!(sets.iter().flatten().all(|set| set.len() <= narrow.len()), "a set is bounded");
        let again = codecs::narrow(&narrow, said, codec, VideoCodec::ALL);
        let limits = codecs::limits(&narrow);
        assert_eq!(again, Ok((narrow, codec)), "what was agreed on stays");
        assert!(codec.is_none() || limits.is_some(), "a codec comes with what its decoder takes");
    }
    let mut remote = Remote::default();
    remote.describe(&rest);
    assert!(!remote.restarts(sdp), "candidates are no new generation");
    remote.keep_setup(sdp);
    for line in scrub::description(sdp).lines() {
        let clean = match line.split_at_checked(2) {
            Some(("c=", address)) => address == "IN IP4 0.0.0.0",
            Some(("o=", origin)) => origin.ends_with("IN IP4 0.0.0.0"),
            _ if line.starts_with("a=rtcp:") => line == "a=rtcp:9 IN IP4 0.0.0.0",
            _ if line.starts_with("a=candidate:") => line.contains(" typ relay"),
            _ => true,
        };
        assert!(clean, "no own address leaves in a relay-only call: {line}");
    }
}

impl Task {
    /// The other end may be sent to from now on.
    pub(super) async fn reach(&mut self) {
        for candidate in self.remote.reach() {
            self.add_candidate(candidate).await;
        }
        self.settle();
    }

    pub(super) async fn take_candidate(&mut self, candidate: Candidate) {
        if let Some(candidate) = self.remote.take(candidate) {
            self.add_candidate(candidate).await;
        }
    }

    /// Those in use are dropped by the stack with the next description.
    pub(super) fn withdraw_candidates(&mut self, gone: &[Candidate]) {
        self.remote.withdraw(gone);
    }

    /// What is in the description of the other end's addresses waits like the rest of them.
    pub(super) fn without_addresses(&mut self, sdp: String) -> String {
        if self.remote.is_reachable() {
            return sdp;
        }
        let (sdp, candidates) = split(&sdp);
        for candidate in candidates {
            self.remote.take(candidate);
        }
        sdp
    }

    pub(super) async fn take_description(
        &mut self,
        description: Result<RTCSessionDescription, webrtc::error::Error>,
    ) -> Result<(), PeerFault> {
        let description = description.map_err(|error| self.refuse(PeerFault::BadDescription, &error))?;
        let description = self.narrow(&description).await?;
        let (sdp, answered) = (description.sdp.clone(), description.sdp_type == RTCSdpType::Answer);
        let taken = self.connection.pc.set_remote_description(description).await;
        taken.map_err(|error| self.refuse(PeerFault::BadDescription, &error))?;
        for candidate in self.remote.describe(&sdp) {
            self.add_candidate(candidate).await;
        }
        if self.remote.codec.is_none() {
            if answered {
                // Refused there, pictures would be offered again without a codec, which the stack does not do.
                self.leave_pictures_out().await.map_err(|error| self.refuse(PeerFault::Internal, &error))?;
            }
            self.tell(PeerEvent::NoPictures).await;
        }
        Ok(())
    }

    /// The description with one codec for pictures, which ours have from now on, or with none that the stack would take.
    async fn narrow(
        &mut self,
        description: &RTCSessionDescription,
    ) -> Result<RTCSessionDescription, PeerFault> {
        let offered = description.sdp_type == RTCSdpType::Offer;
        let said = if offered { Said::InAnOffer } else { Said::InAnAnswer };
        let narrowed = codecs::narrow(&description.sdp, said, self.remote.codec, self.config.codecs);
        let (sdp, codec) = match narrowed {
            Ok(narrowed) if !self.remote.sound_alone => narrowed,
            Ok(_) | Err(codecs::NoCodec) => {
                self.leave_pictures_out().await.map_err(|error| self.refuse(PeerFault::Internal, &error))?;
                (codecs::without_pictures(&description.sdp), None)
            }
        };
        let made =
            if offered { RTCSessionDescription::offer(sdp) } else { RTCSessionDescription::answer(sdp) };
        let narrow = made.map_err(|error| self.refuse(PeerFault::BadDescription, &error))?;
        if let Some(codec) = codec
            && self.remote.codec.replace(codec).is_none()
        {
            self.speak(codec).await.map_err(|error| self.refuse(PeerFault::Internal, &error))?;
        }
        let limits = codecs::limits(&narrow.sdp).filter(|limits| self.remote.limits != *limits);
        if let Some(limits) = limits.filter(|_| codec.is_some()) {
            self.remote.limits = limits;
            self.tell(PeerEvent::Limits(limits)).await;
        }
        let kinds = [MediaKind::Video, MediaKind::Screen].into_iter().enumerate();
        for ((at, kind), sets) in kinds.zip(codecs::parameter_sets(&narrow.sdp)) {
            if self.remote.parameter_sets[at] != sets {
                self.remote.parameter_sets[at].clone_from(&sets);
                self.tell(PeerEvent::ParameterSets(kind, sets)).await;
            }
        }
        Ok(narrow)
    }

    /// The stack turns pictures down only where there are none to be sent.
    async fn leave_pictures_out(&mut self) -> Result<(), webrtc::error::Error> {
        if std::mem::replace(&mut self.remote.sound_alone, true) {
            return Ok(());
        }
        tracing::warn!(call = %self.config.call, "the other end has none of our codecs for pictures");
        let video = &mut self.connection.video;
        self.connection.pc.remove_track(&video.sender).await?;
        // Whatever is written all the same goes to a track that leads nowhere.
        video.track = local_track(MediaKind::Video, video.ssrc, self.config.codecs[0]);
        Ok(())
    }

    /// Pictures are coded in this. The stack binds feedback and congestion control to the codec of a track, and so is shown one
    /// that has it; what is written goes by the first all the same.
    async fn speak(&mut self, codec: VideoCodec) -> Result<(), webrtc::error::Error> {
        let video = &mut self.connection.video;
        video.default_payload_type = default_payload_type(MediaKind::Video, codec);
        let track = local_track(MediaKind::Video, video.ssrc, codec);
        video.sender.replace_track(track as Arc<dyn TrackLocal>).await?;
        self.tell(PeerEvent::Codec(codec)).await;
        Ok(())
    }

    /// What pictures are coded in; before it is agreed upon, what is liked best.
    pub(super) fn codec(&self) -> VideoCodec {
        self.remote.codec.unwrap_or(self.config.codecs[0])
    }

    /// A candidate that cannot be used is no fault of the call: others may be good (RFC 8838 section 9).
    async fn add_candidate(&self, candidate: Candidate) {
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: Some(candidate.mid),
            sdp_mline_index: u16::try_from(candidate.index).ok(),
            username_fragment: (!candidate.ufrag.is_empty()).then_some(candidate.ufrag),
            url: None,
        };
        if let Err(error) = self.connection.pc.add_ice_candidate(init).await {
            tracing::debug!(call = %self.config.call, %error, "a candidate was not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\na=setup:actpass\r\n";

    fn candidate(port: usize) -> Candidate {
        let candidate = format!("candidate:1 1 udp 1 192.0.2.1 {port} typ host");
        Candidate { candidate, mid: "0".into(), index: 0, ufrag: String::new() }
    }

    #[test]
    fn no_address_of_the_other_end_is_used_before_both_agreed_and_it_is_described() {
        for described_first in [true, false] {
            let mut remote = Remote::default();
            assert_eq!(remote.take(candidate(1)), None);
            assert_eq!(if described_first { remote.describe(SDP) } else { remote.reach() }, []);
            assert_eq!(remote.take(candidate(2)), None);
            remote.withdraw(&[candidate(1)]);
            let ready = if described_first { remote.reach() } else { remote.describe(SDP) };
            assert_eq!(ready, [candidate(2)]);
            assert_eq!(remote.take(candidate(3)), Some(candidate(3)));
        }
    }

    #[test]
    fn an_offer_with_the_same_credentials_looks_for_no_new_way() {
        let mut remote = Remote::default();
        remote.describe(SDP);
        assert!(!remote.restarts(&format!("{SDP}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n")));
        for (old, new) in [("abcd", "efgh"), ("secret", "other")] {
            assert!(remote.restarts(&SDP.replace(old, new)));
        }
    }

    #[test]
    fn an_end_that_began_dtls_does_not_hear_later_that_it_did_not() {
        let ours = "a=setup:active\r\nm=video\r\na=setup:active\r\n";
        let kept = ours.replace("active", "passive");
        let mut remote = Remote::default();
        remote.describe(SDP);
        assert_eq!(remote.keep_setup(ours), ours, "nothing is agreed on yet");
        remote.describe(&SDP.replace("actpass", "active"));
        assert_eq!(remote.keep_setup(ours), kept);
        remote.describe(SDP);
        assert_eq!(remote.keep_setup(ours), kept, "whoever offers");
        let mut other = Remote::default();
        other.describe(&SDP.replace("actpass", "passive"));
        assert_eq!(other.keep_setup(ours), ours);
    }

    #[test]
    fn a_flood_of_candidates_is_bounded_in_each_generation() {
        let mut remote = Remote::default();
        (0..1000).for_each(|port| drop(remote.take(candidate(port))));
        assert_eq!(remote.waiting.len(), CANDIDATES_MAX);
        remote.reach();
        assert_eq!(remote.describe(SDP).len(), CANDIDATES_MAX);
        assert_eq!(remote.take(candidate(1)), None);
        remote.describe(SDP);
        assert!(remote.take(candidate(1)).is_some(), "of the next generation");
    }

    #[test]
    fn the_candidates_of_a_description_are_taken_out_and_know_their_section() {
        let sdp = "v=0\r\ns=-\r\nm=audio 9 x 111\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\na=mid:a\r\n\
                   m=video 9 x 96\r\na=mid:v\r\na=candidate:2 1 udp 1 192.0.2.1 6 typ host\r\n";
        let (rest, found) = split(sdp);
        assert_eq!(rest, "v=0\r\ns=-\r\nm=audio 9 x 111\r\na=mid:a\r\nm=video 9 x 96\r\na=mid:v\r\n");
        let found: Vec<_> = found.iter().map(|c| (&c.candidate[..], &c.mid[..], c.index)).collect();
        assert_eq!(
            found,
            [
                ("candidate:1 1 udp 1 192.0.2.1 5 typ host", "a", 0),
                ("candidate:2 1 udp 1 192.0.2.1 6 typ host", "v", 1)
            ]
        );
        assert_eq!(split("m=audio\na=mid:0\n").1, []);
    }
}
