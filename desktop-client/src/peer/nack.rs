//! Asks the other end for packets that are missing (generic NACK, RFC 4585 section 6.2.1).
//!
//! Takes the place of the stack's own generator, which asks on a fixed beat whatever the round trip is: on a long path it
//! asks for the same packet again before an answer can be there, and gives up before the third answer could. Here each
//! packet is asked for as soon as it is missed, and again each half of a round trip, since requests and answers get lost
//! like anything else: one answer too many costs less than a picture that stands still for another round trip. What nobody
//! waits for any more is not asked for.

use super::codecs;
use super::estimator::Estimator;
use crate::media::assembler::MISSING_MAX;
use crate::media::codec::VideoCodec;
use crate::media::packet::SequenceUnwrapper;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A packet that overtook others is no loss: so long they may still come.
const OVERTAKEN: Duration = Duration::from_millis(8);
/// Bounds of half a round trip between two requests.
const AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
/// Of more that are missing at once none is asked for: a key frame is less than all of them, and a path that became too
/// narrow for what was sent would be filled by the answers.
const GAPS_MAX: usize = MISSING_MAX;
/// Nobody waits longer for a packet.
const PATIENCE: Duration = Duration::from_millis(900);
/// Requests for one packet.
const ASKED_MAX: u32 = 12;
/// Who asks for a key frame gave up what was missing for longer than this or a round trip and a half; newer gaps may be of
/// the key frame that was asked for before.
const GIVEN_UP: Duration = Duration::from_millis(200);
/// A key frame that began to come is waited for so long.
const KEY_FRAME_COMES: Duration = Duration::from_millis(1500);
/// A jump of the numbers beyond this is a restarted sender.
const MAX_JUMP: i64 = 3000;

/// What is missing of one stream. Pure.
#[derive(Debug, Default)]
struct Missing {
    unwrapper: SequenceUnwrapper,
    highest: Option<i64>,
    gaps: BTreeMap<i64, Gap>,
    /// Where the last key frame began, and when that came.
    key_frame: Option<(i64, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    noticed: Instant,
    due: Instant,
    asked: u32,
}

impl Missing {
    /// A packet came: new, late, or asked for.
    fn arrived(&mut self, now: Instant, sequence: u16, begins_key_frame: bool) {
        let number = self.unwrapper.unwrap(sequence);
        let Some(highest) = self.highest else {
            self.highest = Some(number);
            return;
        };
        if (number - highest).abs() > MAX_JUMP {
            *self = Self::default();
            return self.arrived(now, sequence, begins_key_frame);
        }
        self.gaps.remove(&number);
        if begins_key_frame && self.key_frame.is_none_or(|(last, _)| last < number) {
            // It makes good whatever is missing before it.
            self.gaps = self.gaps.split_off(&number);
            self.key_frame = Some((number, now));
        }
        if number <= highest {
            return;
        }
        self.highest = Some(number);
        if begins_key_frame {
            return;
        }
        if (number - highest - 1) as usize > GAPS_MAX - self.gaps.len() {
            self.gaps.clear();
            return;
        }
        let gap = Gap { noticed: now, due: now + OVERTAKEN, asked: 0 };
        self.gaps.extend((highest + 1..number).map(|missing| (missing, gap)));
    }

    /// The packets to ask for now.
    fn ask(&mut self, now: Instant, round_trip: Duration) -> Vec<u16> {
        self.gaps
            .retain(|_, gap| gap.asked < ASKED_MAX && now.saturating_duration_since(gap.noticed) < PATIENCE);
        let again = (round_trip / 2).clamp(AGAIN.0, AGAIN.1);
        let due = self.gaps.iter_mut().filter(|(_, gap)| gap.due <= now);
        due.map(|(number, gap)| {
            gap.asked += 1;
            gap.due = now + again;
            *number as u16
        })
        .collect()
    }

    /// A key frame is asked for.
    fn give_up(&mut self, now: Instant, round_trip: Duration) {
        let patience = GIVEN_UP.max(round_trip * 3 / 2);
        let coming = self.key_frame.filter(|(_, at)| now.saturating_duration_since(*at) < KEY_FRAME_COMES);
        self.gaps.retain(|number, gap| {
            now.saturating_duration_since(gap.noticed) < patience
                || coming.is_some_and(|(first, _)| *number > first)
        });
    }

    fn next_due(&self) -> Option<Instant> {
        self.gaps.values().map(|gap| gap.due).min()
    }
}

/// Watches the streams that promise to answer, and asks.
pub(super) struct Nack {
    own_ssrc: u32,
    estimator: Estimator,
    streams: BTreeMap<u32, (VideoCodec, Missing)>,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl Nack {
    pub(super) fn new(own_ssrc: u32, estimator: Estimator) -> Self {
        let (streams, read, written) = Default::default();
        Self { own_ssrc, estimator, streams, read, written }
    }

    fn ask(&mut self, now: Instant) {
        let round_trip = self.estimator.round_trip();
        for (&media_ssrc, (_, missing)) in &mut self.streams {
            let numbers = missing.ask(now, round_trip);
            if numbers.is_empty() {
                continue;
            }
            let nacks = nack_pairs_from_sequence_numbers(&numbers);
            let nack = TransportLayerNack { sender_ssrc: self.own_ssrc, media_ssrc, nacks };
            let message = Packet::Rtcp(vec![Box::new(nack)]).into();
            self.written.push_back(TaggedPacket { now, transport: TransportContext::default(), message });
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Nack {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some((codec, missing)) = self.streams.get_mut(&rtp.header.ssrc)
        {
            missing.arrived(packet.now, rtp.header.sequence_number, codec.begins_key_frame(&rtp.payload));
        }
        self.read.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(compound) = &packet.message.packet {
            let round_trip = self.estimator.round_trip();
            for part in compound {
                if let Some(request) = part.as_any().downcast_ref::<PictureLossIndication>()
                    && let Some((_, missing)) = self.streams.get_mut(&request.media_ssrc)
                {
                    missing.give_up(packet.now, round_trip);
                }
            }
        }
        self.written.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.ask(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.streams.values().filter_map(|(_, missing)| missing.next_due()).min()
    }
}

impl Interceptor for Nack {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if info.rtcp_feedback.iter().any(|feedback| feedback.typ == "nack" && feedback.parameter.is_empty()) {
            let codec = codecs::of_type(&info.mime_type).unwrap_or_default();
            self.streams.insert(info.ssrc, (codec, Missing::default()));
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.streams.remove(&info.ssrc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    const ROUND_TRIP: Duration = Duration::from_millis(100);

    /// Requests of the next second, each with when it left, ms.
    fn requests(missing: &mut Missing, start: Instant) -> Vec<(u128, Vec<u16>)> {
        let mut made = Vec::new();
        while let Some(due) = missing.next_due().filter(|due| *due < start + Duration::from_secs(2)) {
            let asked = missing.ask(due, ROUND_TRIP);
            if !asked.is_empty() {
                made.push(((due - start).as_millis(), asked));
            }
        }
        made
    }

    #[test]
    fn a_missing_packet_is_asked_for_at_once_and_again_at_the_pace_of_the_path() {
        let start = Instant::now();
        let mut missing = Missing::default();
        for sequence in [65_534, 65_535, 2] {
            missing.arrived(start, sequence, false);
        }
        let made = requests(&mut missing, start);
        let times: Vec<u128> = made.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, (0..u128::from(ASKED_MAX)).map(|n| 8 + 50 * n).collect::<Vec<_>>());
        assert!(made.iter().all(|(_, asked)| *asked == [0, 1]), "{made:?}");
    }

    #[test]
    fn what_came_is_not_asked_for_again() {
        let start = Instant::now();
        let mut missing = Missing::default();
        for sequence in [10, 13] {
            missing.arrived(start, sequence, false);
        }
        missing.arrived(start + OVERTAKEN / 2, 11, false);
        assert_eq!(missing.ask(start + OVERTAKEN, ROUND_TRIP), [12], "11 was only overtaken");
        missing.arrived(start + ROUND_TRIP / 3, 12, false);
        assert_eq!(missing.next_due(), None);
    }

    #[test]
    fn what_a_key_frame_makes_good_is_not_asked_for() {
        let start = Instant::now();
        let mut missing = Missing::default();
        for sequence in [10, 12] {
            missing.arrived(start, sequence, false);
        }
        missing.arrived(start + GIVEN_UP, 14, false);
        missing.give_up(start + GIVEN_UP, ROUND_TRIP);
        assert_eq!(missing.ask(start + GIVEN_UP * 2, ROUND_TRIP), [13]);
    }

    #[test]
    fn of_a_key_frame_that_comes_all_is_asked_for_and_nothing_before_it() {
        let start = Instant::now();
        let mut missing = Missing::default();
        for (sequence, begins) in [(10, false), (12, false), (14, true), (16, false)] {
            missing.arrived(start, sequence, begins);
        }
        assert_eq!(missing.ask(start + OVERTAKEN, ROUND_TRIP), [15]);
        missing.give_up(start + GIVEN_UP * 2, ROUND_TRIP);
        assert_eq!(
            missing.ask(start + GIVEN_UP * 2, ROUND_TRIP),
            [15],
            "another request gives up none of it"
        );
        missing.give_up(start + KEY_FRAME_COMES, ROUND_TRIP);
        assert_eq!(missing.next_due(), None);
    }

    #[test]
    fn after_an_outage_or_a_restart_nothing_is_asked_for() {
        let start = Instant::now();
        for next in [10 + GAPS_MAX as u16 + 2, 40_000] {
            let mut missing = Missing::default();
            for sequence in [8, 10, next] {
                missing.arrived(start, sequence, false);
            }
            assert_eq!(missing.next_due(), None, "{next}");
        }
    }

    #[test]
    fn no_peer_makes_it_grow_or_ask_without_end() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut now, mut missing, mut asked, mut arrived) = (Instant::now(), Missing::default(), 0, 0);
            for _ in 0..2000 {
                now += Duration::from_micros(rng.random_range(0..5000));
                missing.arrived(now, rng.random(), rng.random_bool(0.01));
                arrived += 1;
                asked += missing.ask(now, Duration::from_millis(rng.random_range(0..5000))).len();
                assert!(missing.gaps.len() <= GAPS_MAX, "seed {seed}");
            }
            assert!(asked <= arrived * GAPS_MAX * ASKED_MAX as usize, "seed {seed}");
        }
    }
}
