//! Takes this machine's addresses out of what leaves it in a relay-only call. Pure text.
//!
//! A relay candidate names the relay, and by `raddr` the address behind it (RFC 8839 section 5.1): that one becomes
//! `0.0.0.0` and port 0, as RFC 8828 section 5.1 and W3C WebRTC section 4.8.1 have it for filtered addresses.

/// The candidate as it may leave; `None` for any but a relay's.
pub(super) fn candidate(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let kind = words.iter().position(|word| *word == "typ").and_then(|at| words.get(at + 1));
    if kind != Some(&"relay") {
        return None;
    }
    let mut scrubbed = Vec::with_capacity(words.len());
    let mut before = "";
    for word in words {
        scrubbed.push(match before {
            "raddr" => "0.0.0.0",
            "rport" => "0",
            _ => word,
        });
        before = word;
    }
    Some(scrubbed.join(" "))
}

/// Whether another machine could send to the candidate's address: neither loopback nor "any".
pub(super) fn is_reachable(line: &str) -> bool {
    let address = line.split_ascii_whitespace().nth(4).and_then(|word| word.parse::<std::net::IpAddr>().ok());
    address.is_none_or(|address| !address.is_loopback() && !address.is_unspecified())
}

/// The description as it may leave.
pub(super) fn description(sdp: &str) -> String {
    let mut scrubbed = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        let line = line.trim_end();
        let kept = if let Some(value) = line.strip_prefix("a=candidate:") {
            candidate(&format!("candidate:{value}")).map(|candidate| format!("a={candidate}"))
        } else if line.starts_with("c=") {
            Some("c=IN IP4 0.0.0.0".to_owned())
        } else if line.starts_with("a=rtcp:") {
            Some("a=rtcp:9 IN IP4 0.0.0.0".to_owned())
        } else if let Some(origin) = line.strip_prefix("o=") {
            let mut words: Vec<&str> = origin.split(' ').take(3).collect();
            words.extend(["IN", "IP4", "0.0.0.0"]);
            Some(format!("o={}", words.join(" ")))
        } else {
            Some(line.to_owned())
        };
        if let Some(kept) = kept {
            scrubbed.push_str(&kept);
            scrubbed.push_str("\r\n");
        }
    }
    scrubbed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_relays_candidate_leaves_and_names_no_address_behind_it() {
        for kind in ["host", "srflx raddr 10.0.0.7 rport 4000", "prflx raddr 10.0.0.7 rport 4000"] {
            assert_eq!(candidate(&format!("candidate:1 1 udp 1 192.0.2.1 5 typ {kind}")), None);
        }
        let line = "candidate:1 1 udp 1 198.51.100.1 5 typ relay raddr 10.0.0.7 rport 4000 ufrag x";
        let left = "candidate:1 1 udp 1 198.51.100.1 5 typ relay raddr 0.0.0.0 rport 0 ufrag x";
        assert_eq!(candidate(line).as_deref(), Some(left));
        assert_eq!(candidate(""), None);
        assert_eq!(candidate("candidate: typ"), None);
    }

    #[test]
    fn an_address_of_this_machine_alone_is_nobody_elses() {
        for (address, reachable) in [
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("::1", false),
            ("10.0.0.7", true),
            ("x.local", true),
        ] {
            assert_eq!(is_reachable(&format!("candidate:1 1 udp 1 {address} 5 typ host")), reachable);
        }
    }

    #[test]
    fn a_description_keeps_all_but_addresses() {
        let sdp = "v=0\r\no=- 1 2 IN IP4 10.0.0.7\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP6 fd00::7\r\n\
                   a=rtcp:4000 IN IP4 10.0.0.7\r\na=candidate:1 1 udp 1 10.0.0.7 5 typ host\r\n\
                   a=candidate:2 1 udp 1 198.51.100.1 6 typ relay raddr 10.0.0.7 rport 4000\r\na=mid:0\r\n";
        let left = description(sdp);
        assert!(!left.contains("10.0.0.7") && !left.contains("fd00"), "{left}");
        assert!(left.contains("a=candidate:2 1 udp 1 198.51.100.1 6 typ relay raddr 0.0.0.0 rport 0\r\n"));
        assert!(left.starts_with("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n") && left.ends_with("a=mid:0\r\n"));
    }
}
