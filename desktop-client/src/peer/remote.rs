//! What the other end says of itself: descriptions, and candidates, which wait until they can be used. No address of the
//! other end is used before both agreed to talk, so that it learns nothing of this one.

use super::PeerFault;
use super::task::Task;
use crate::call::Candidate;
use webrtc::peer_connection::{RTCIceCandidateInit, RTCSessionDescription};

/// Remote candidates taken in one call: a host with many interfaces and relays has some tens.
const CANDIDATES_MAX: usize = 128;

/// The other end's candidates that cannot be used yet. Pure.
#[derive(Debug, Default)]
pub(super) struct Remote {
    reachable: bool,
    described: bool,
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

    /// A description was taken: a new generation begins. The candidates that can be used now.
    fn describe(&mut self) -> Vec<Candidate> {
        self.described = true;
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
        let taken = self.connection.pc.set_remote_description(description).await;
        taken.map_err(|error| self.refuse(PeerFault::BadDescription, &error))?;
        for candidate in self.remote.describe() {
            self.add_candidate(candidate).await;
        }
        Ok(())
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

    fn candidate(port: usize) -> Candidate {
        let candidate = format!("candidate:1 1 udp 1 192.0.2.1 {port} typ host");
        Candidate { candidate, mid: "0".into(), index: 0, ufrag: String::new() }
    }

    #[test]
    fn no_address_of_the_other_end_is_used_before_both_agreed_and_it_is_described() {
        for described_first in [true, false] {
            let mut remote = Remote::default();
            assert_eq!(remote.take(candidate(1)), None);
            assert_eq!(if described_first { remote.describe() } else { remote.reach() }, []);
            assert_eq!(remote.take(candidate(2)), None);
            remote.withdraw(&[candidate(1)]);
            let ready = if described_first { remote.reach() } else { remote.describe() };
            assert_eq!(ready, [candidate(2)]);
            assert_eq!(remote.take(candidate(3)), Some(candidate(3)));
        }
    }

    #[test]
    fn a_flood_of_candidates_is_bounded_in_each_generation() {
        let mut remote = Remote::default();
        (0..1000).for_each(|port| drop(remote.take(candidate(port))));
        assert_eq!(remote.waiting.len(), CANDIDATES_MAX);
        remote.reach();
        assert_eq!(remote.describe().len(), CANDIDATES_MAX);
        assert_eq!(remote.take(candidate(1)), None);
        remote.describe();
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
