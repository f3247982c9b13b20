//! STUN messages and ChannelData over a stream (RFC 8656 sections 12.5 and 7.2.2 of RFC 8489). Pure.
//!
//! Each says its own length; ChannelData is padded to four bytes on a stream and need not be in a datagram.

/// Bytes of a STUN header.
const STUN_HEADER: usize = 20;
/// Bytes of a ChannelData header.
const CHANNEL_HEADER: usize = 4;
/// Largest message, padding included: a length of 16 bits behind the longer header.
pub const MESSAGE_MAX: usize = STUN_HEADER + 65_536;

/// The stream carries neither STUN nor ChannelData: nothing after this point can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream carries neither STUN nor ChannelData")]
pub struct NotFramed;

/// Length of the message that begins with these bytes: as it is, and as it lies in a stream. `None`: more is needed.
fn lengths(start: &[u8]) -> Result<Option<(usize, usize)>, NotFramed> {
    let [first, _, high, low, ..] = *start else { return Ok(None) };
    let said = usize::from(u16::from_be_bytes([high, low]));
    match first >> 6 {
        0 if said % 4 == 0 => Ok(Some((STUN_HEADER + said, STUN_HEADER + said))),
        1 => Ok(Some((CHANNEL_HEADER + said, (CHANNEL_HEADER + said).next_multiple_of(4)))),
        _ => Err(NotFramed),
    }
}

/// The datagram as it goes into a stream; `None` for one that is neither STUN nor ChannelData, or cut short.
pub fn to_stream(datagram: &[u8]) -> Option<Vec<u8>> {
    let (length, padded) = lengths(datagram).ok().flatten()?;
    let mut framed = datagram.get(..length)?.to_vec();
    framed.resize(padded, 0);
    Some(framed)
}

/// Cuts what a stream brings into messages. Holds at most one message that is not complete.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    start: usize,
}

impl Deframer {
    /// Takes what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.start));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message without its padding; `None` until more was fed.
    pub fn message(&mut self) -> Result<Option<&[u8]>, NotFramed> {
        let rest = &self.buffer[self.start..];
        match lengths(rest)? {
            Some((length, padded)) if rest.len() >= padded => {
                let begin = self.start;
                self.start += padded;
                Ok(Some(&self.buffer[begin..begin + length]))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    fn stun(length: usize) -> Vec<u8> {
        let mut message = vec![7; STUN_HEADER + length];
        message[..4].copy_from_slice(&[0, 1, (length >> 8) as u8, length as u8]);
        message
    }

    fn channel(length: usize) -> Vec<u8> {
        let mut message = vec![9; CHANNEL_HEADER + length];
        message[..4].copy_from_slice(&[0x40, 1, (length >> 8) as u8, length as u8]);
        message
    }

    #[test]
    fn channel_data_is_padded_and_stun_is_not() {
        assert_eq!(to_stream(&channel(5)).map(|framed| framed.len()), Some(12));
        assert_eq!(to_stream(&channel(4)).map(|framed| framed.len()), Some(8));
        assert_eq!(to_stream(&stun(8)).map(|framed| framed.len()), Some(28));
        // Padded in its datagram already, as it may be.
        let mut padded = channel(5);
        padded.extend([0; 3]);
        assert_eq!(to_stream(&padded), to_stream(&channel(5)));
    }

    #[test]
    fn what_is_neither_or_cut_short_does_not_enter_the_stream() {
        for bad in [&[][..], &[0, 1], &stun(8)[..27], &channel(5)[..8], &[0x80; 40], &[0, 1, 0, 3, 0]] {
            assert_eq!(to_stream(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_gives_back_what_went_in() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let messages: Vec<Vec<u8>> = (0..20)
                .map(|_| {
                    let length = rng.random_range(0..200);
                    if rng.random() { stun(length / 4 * 4) } else { channel(length) }
                })
                .collect();
            let stream: Vec<u8> = messages.iter().flat_map(|message| to_stream(message).unwrap()).collect();
            let (mut deframer, mut out, mut rest) = (Deframer::default(), Vec::new(), &stream[..]);
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rng.random_range(1..=rest.len().min(90)));
                deframer.feed(now);
                while let Some(message) = deframer.message().unwrap() {
                    out.push(message.to_vec());
                }
                rest = later;
            }
            assert_eq!(out, messages, "seed {seed}");
        }
    }

    #[test]
    fn a_stream_of_something_else_is_given_up() {
        let mut deframer = Deframer::default();
        // Its first letter passes for ChannelData of 21,584 bytes, which never come.
        deframer.feed(b"HTTP/1.1 400 Bad Request\r\n");
        assert_eq!(deframer.message(), Ok(None));
        let mut deframer = Deframer::default();
        deframer.feed(&[0xff; 8]);
        assert_eq!(deframer.message(), Err(NotFramed));
    }
}
