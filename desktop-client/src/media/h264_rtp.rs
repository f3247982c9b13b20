//! H.264 frames in RTP payloads and back (RFC 6184, packetization mode 1). Pure: no clock, no IO, no codec.

mod packetizer;
#[cfg(test)]
mod tests;

pub use packetizer::Packetizer;

use crate::media::assembler::Piece;
use crate::media::h264::{START_CODE, kind, unit};

/// Types of payloads that are no unit by themselves (RFC 6184 table 1).
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Types below it are units.
const UNITS_END: u8 = 24;
/// Bits of a unit's first byte that are not its type.
const NOT_KIND: u8 = 0xE0;
/// Flags of a fragment.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Whether the payload of a packet begins a key frame: with the parameter sets, since whoever lost them cannot read it.
pub fn begins_key_frame(payload: &[u8]) -> bool {
    parts(payload)
        .next()
        .is_some_and(|part| matches!(part, Some(Part::Unit(unit)) if kind(unit[0]) == unit::SPS))
}

/// What a payload is to its frame; `None` if it is cut short, or of a kind that this mode does not have.
pub fn piece(payload: &[u8]) -> Option<Piece> {
    let mut piece = Piece::default();
    for (at, part) in parts(payload).enumerate() {
        let (kind, body) = match part? {
            Part::Unit(unit) => (kind(unit[0]), &unit[1..]),
            Part::Start { header, body } => (kind(header), body),
            Part::Middle { kind, .. } => {
                piece.key |= kind == unit::IDR;
                continue;
            }
        };
        // `first_mb_in_slice` is the first of a slice, and zero is one bit that is set.
        let first_slice = body.first().is_some_and(|byte| byte & 0x80 != 0);
        let starts = match kind {
            unit::SLICE | unit::IDR => first_slice,
            _ => matches!(kind, unit::SEI | unit::SPS | unit::PPS | unit::DELIMITER),
        };
        piece.starts_frame |= at == 0 && starts;
        piece.key |= kind == unit::IDR;
        piece.predicted |= kind == unit::SLICE && first_slice;
        piece.describes |= kind == unit::SPS;
    }
    Some(piece)
}

/// Makes `frame` the one that these payloads make, as decoders take it: slices and parameter sets, each after a start code.
/// `None` if fragments do not fit each other.
pub fn join<'a>(payloads: impl Iterator<Item = &'a [u8]> + Clone, frame: &mut Vec<u8>) -> Option<()> {
    // Enough for a start code before each payload; one that holds many units may need more.
    let bytes: usize = payloads.clone().map(|payload| payload.len() + START_CODE.len()).sum();
    frame.clear();
    frame.reserve(bytes);
    let mut open = None;
    for part in payloads.flat_map(parts) {
        let part = part?;
        match part {
            Part::Unit(_) | Part::Start { .. } if open.is_some() => return None,
            Part::Unit(unit) => {
                if is_wanted(kind(unit[0])) {
                    frame.extend_from_slice(&START_CODE);
                    frame.extend_from_slice(unit);
                }
            }
            Part::Start { header, body } => {
                open = Some(kind(header));
                if is_wanted(kind(header)) {
                    frame.extend_from_slice(&START_CODE);
                    frame.push(header);
                    frame.extend_from_slice(body);
                }
            }
            Part::Middle { kind, body, ends } => {
                if open != Some(kind) {
                    return None;
                }
                if is_wanted(kind) {
                    frame.extend_from_slice(body);
                }
                open = open.filter(|_| !ends);
            }
        }
    }
    open.is_none().then_some(())
}

/// Whether a decoder needs units of this kind. The others tell of pictures what nobody here asks, or belong to extensions.
fn is_wanted(kind: u8) -> bool {
    matches!(kind, unit::SLICE | unit::IDR | unit::SPS | unit::PPS)
}

/// What is in a payload.
enum Part<'a> {
    /// A whole unit, its first byte and something behind it.
    Unit(&'a [u8]),
    /// The beginning of one.
    Start { header: u8, body: &'a [u8] },
    /// More of it, and perhaps its end.
    Middle { kind: u8, body: &'a [u8], ends: bool },
}

/// The parts of a payload, and `None` in place of one that is cut short or of another mode.
fn parts(payload: &[u8]) -> impl Iterator<Item = Option<Part<'_>>> {
    let header = payload.first().copied().unwrap_or_default();
    let aggregate = kind(header) == STAP_A;
    let mut rest = if aggregate { &payload[1..] } else { payload };
    let mut begun = false;
    std::iter::from_fn(move || {
        if begun && rest.is_empty() {
            return None;
        }
        begun = true;
        let part = if aggregate { aggregated(&mut rest) } else { alone(std::mem::take(&mut rest)) };
        if part.is_none() {
            rest = &[];
        }
        Some(part)
    })
}

/// The next unit of an aggregate.
fn aggregated<'a>(rest: &mut &'a [u8]) -> Option<Part<'a>> {
    let (length, behind) = rest.split_first_chunk()?;
    let (unit, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
    *rest = behind;
    whole(unit)
}

fn whole(unit: &[u8]) -> Option<Part<'_>> {
    let fine = unit.len() > 1 && (1..UNITS_END).contains(&kind(unit[0]));
    fine.then_some(Part::Unit(unit))
}

/// A payload with one unit, or a fragment of one.
fn alone(payload: &[u8]) -> Option<Part<'_>> {
    match payload {
        [indicator, flags, body @ ..] if kind(*indicator) == FU_A => {
            let unit_kind = kind(*flags);
            if body.is_empty() || !(1..UNITS_END).contains(&unit_kind) {
                return None;
            }
            Some(match flags & (FU_START | FU_END) {
                FU_START => Part::Start { header: indicator & NOT_KIND | unit_kind, body },
                // Both would be a whole unit, which is never sent so (section 5.8).
                both if both == FU_START | FU_END => return None,
                flags => Part::Middle { kind: unit_kind, body, ends: flags == FU_END },
            })
        }
        _ => whole(payload),
    }
}
