//! Which codec the pictures of a call have: VP8 where both ends speak it, else H.264.
//!
//! The stack takes whatever both ends have in common, in the other end's order, and H.264 of kinds that are not made here.
//! So it is shown the other end's descriptions with one codec in each section of pictures, and its own say the same from then
//! on. Pure: knows descriptions as text (RFC 8866), and the formats of RFC 7741 and RFC 6184.

use crate::media::codec::VideoCodec;
use crate::media::h264;
use crate::media::limits::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Parameter sets that are taken of one section, and bytes of each: usual ones have some tens.
const SETS_MAX: usize = 8;
const SET_BYTES_MAX: usize = 1024;

/// Who wrote a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Whoever offers takes any of what is offered: we choose.
    InAnOffer,
    /// Whoever answers sends what comes first in the answer.
    InAnAnswer,
}

/// The other end has pictures, and none that can be read or made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoCodec;

/// The codec of this name, whatever its case.
fn named(name: &str) -> Option<VideoCodec> {
    [VideoCodec::Vp8, VideoCodec::H264].into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
}

/// The codec of a stream of pictures, by its type.
pub(super) fn of_type(mime_type: &str) -> Option<VideoCodec> {
    named(mime_type.strip_prefix("video/")?)
}

/// The description with one codec for pictures, and which: `agreed` if there is one, else one of `ours`, which are given
/// best first. Sections of which nothing is wanted, or nothing can be used, stay as they are: the stack turns them down.
pub(super) fn narrow(
    sdp: &str,
    said: Said,
    agreed: Option<VideoCodec>,
    ours: &[VideoCodec],
) -> Result<(String, Option<VideoCodec>), NoCodec> {
    let (mut narrowed, mut codec) = (String::with_capacity(sdp.len()), agreed);
    for section in sections(sdp) {
        let formats = if is_active(section) { formats(section) } else { None };
        let Some(formats) = formats else {
            narrowed.push_str(section);
            continue;
        };
        match choose(&formats, said, codec, ours) {
            Some(chosen) => {
                codec = chosen.codec.map(|(codec, _)| codec);
                write(&mut narrowed, section, &formats, chosen.payload_type);
            }
            None if codec.is_some() => narrowed.push_str(section),
            None => return Err(NoCodec),
        }
    }
    // An agreement of which this description says nothing stands.
    Ok((narrowed, codec))
}

/// What the decoder behind a description takes, which has one codec for pictures; `None` if it says nothing of pictures.
pub(super) fn limits(narrowed: &str) -> Option<Limits> {
    let section = sections(narrowed).find(|section| is_active(section))?;
    let format = formats(section)?.into_iter().next()?;
    let (codec, _) = format.codec?;
    let number = |name| parameter(format.parameters, name)?.parse::<u32>().ok();
    Some(match codec {
        // RFC 7741 section 6.1.
        VideoCodec::Vp8 => {
            let sized = number("max-fs").map_or(Limits::NONE, |frame| Limits::NONE.with_frame(frame));
            Limits { fps: number("max-fr").unwrap_or(sized.fps), ..sized }
        }
        // What is said beside the level only ever raises it (RFC 6184 section 8.1).
        VideoCodec::H264 => {
            let [_, constraints, level] = profile(format.parameters)?;
            let level = Limits::of_level(constraints, level);
            let sized = number("max-fs").map_or(level, |frame| level.with_frame(frame.max(level.frame)));
            Limits {
                per_second: number("max-mbps").unwrap_or(0).max(level.per_second),
                bps: number("max-br").unwrap_or(0).saturating_mul(1000).max(level.bps),
                ..sized
            }
        }
    })
}

/// The parameter sets of H.264 that a description with one codec for pictures gives for the camera and for the screen (RFC 6184
/// section 8.1, `sprop-parameter-sets`): some ends say there how their pictures are to be read, and never again. None where
/// anything about them is odd.
pub(super) fn parameter_sets(narrowed: &str) -> [Vec<Bytes>; 2] {
    let mut pictures = sections(narrowed).filter(|section| section.starts_with("m=video "));
    let camera = pictures.next();
    let screen = pictures.find(|section| is_active(section));
    [camera, screen].map(|section| section.and_then(sets_of).unwrap_or_default())
}

/// Those of one section.
fn sets_of(section: &str) -> Option<Vec<Bytes>> {
    let format = formats(section)?.into_iter().next()?;
    if !matches!(format.codec, Some((VideoCodec::H264, _))) {
        return None;
    }
    let said = parameter(format.parameters, "sprop-parameter-sets")?;
    if said.len() > SETS_MAX * SET_BYTES_MAX {
        return None;
    }
    let set = |said: &str| STANDARD.decode(said.trim()).ok().filter(|set| h264::is_parameter_set(set));
    let sets = said.split(',').map(set).collect::<Option<Vec<_>>>()?;
    let fine = sets.len() <= SETS_MAX && sets.iter().all(|set| set.len() <= SET_BYTES_MAX);
    fine.then(|| sets.into_iter().map(Bytes::from).collect())
}

/// The description with formats for pictures that the stack knows none of, so that it turns them down and sound goes on
/// alone: it would take H.264 of any kind.
pub(super) fn without_pictures(sdp: &str) -> String {
    let mut without = String::with_capacity(sdp.len());
    for section in sections(sdp) {
        let active = is_active(section);
        for line in section.split_inclusive('\n') {
            let map = line.strip_prefix("a=rtpmap:").and_then(|map| map.split_once(' '));
            let Some((payload_type, format)) = map.filter(|_| active) else {
                without.push_str(line);
                continue;
            };
            let behind_name = &format[format.find('/').unwrap_or(0)..];
            without.extend(["a=rtpmap:", payload_type, " ", UNKNOWN, behind_name]);
        }
    }
    without
}

/// No codec has this name.
const UNKNOWN: &str = "unknown";

/// A description cut before each `m=`; joined they are what they were.
fn sections(sdp: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(sdp);
    std::iter::from_fn(move || {
        let all = rest.take()?;
        let Some(at) = all.find("\nm=") else { return Some(all) };
        let (section, next) = all.split_at(at + 1);
        rest = Some(next);
        Some(section)
    })
}

/// Whether pictures are to go by this section.
fn is_active(section: &str) -> bool {
    let Some(media) = section.strip_prefix("m=video ") else { return false };
    // A port of zero is a refusal, but for a section that goes by another's (RFC 9143 section 6).
    let refused = media.split_ascii_whitespace().next().is_none_or(|port| port == "0");
    !refused || section.lines().any(|line| line.trim_end() == "a=bundle-only")
}

/// One payload type of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format<'a> {
    payload_type: &'a str,
    parameters: &'a str,
    /// What it is, if it can be used here, and whether it is exactly what is made here.
    codec: Option<(VideoCodec, bool)>,
}

/// The formats of a section of pictures, in their order.
fn formats(section: &str) -> Option<Vec<Format<'_>>> {
    let media = section.lines().next()?;
    let of = |name: &'static str, payload_type: &str| {
        let found = section.lines().find_map(|line| {
            let (number, value) = line.strip_prefix(name)?.trim_end().split_once(' ')?;
            (number == payload_type).then_some(value)
        });
        found.unwrap_or_default().trim()
    };
    let format = |payload_type| {
        let (map, parameters) = (of("a=rtpmap:", payload_type), of("a=fmtp:", payload_type));
        let codec = match named(map.split('/').next().unwrap_or_default()) {
            Some(VideoCodec::H264) => exactness(parameters).map(|exact| (VideoCodec::H264, exact)),
            other => other.map(|codec| (codec, true)),
        };
        Format { payload_type, parameters, codec }
    };
    // Media, port and protocol stand before them.
    Some(media.split_ascii_whitespace().skip(3).map(format).collect())
}

/// The value of one of the parameters of a format.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Profile, constraints and level of H.264. Where nothing is said it is baseline (RFC 6184 section 8.1), and of level 3.1, as
/// browsers take it: by the letter it would be a stamp of 176 x 144.
fn profile(parameters: &str) -> Option<[u8; 3]> {
    let said = parameter(parameters, "profile-level-id").unwrap_or("42001f");
    let byte = |at: usize| u8::from_str_radix(said.get(at..at + 2)?, 16).ok();
    Some([byte(0)?, byte(2)?, byte(4)?])
}

/// Whether H.264 of these parameters is constrained baseline, which is made here. `None` if it cannot be used: other profiles,
/// and packetization mode 0, in which a key frame would have to be cut into slices of a packet each.
fn exactness(parameters: &str) -> Option<bool> {
    if parameter(parameters, "packetization-mode") != Some("1") {
        return None;
    }
    let [profile, constraints, _] = profile(parameters)?;
    (profile == 0x42).then_some(constraints & 0x40 != 0)
}

/// The format that pictures shall have.
fn choose<'a>(
    formats: &[Format<'a>],
    said: Said,
    agreed: Option<VideoCodec>,
    ours: &[VideoCodec],
) -> Option<Format<'a>> {
    let usable = |format: &&Format<'a>| {
        format.codec.is_some_and(|(codec, _)| agreed.map_or(ours.contains(&codec), |agreed| agreed == codec))
    };
    let liking = |format: &&Format<'a>| {
        let (codec, exact) = format.codec.unwrap_or_default();
        (ours.iter().position(|other| *other == codec), !exact)
    };
    let mut usable = formats.iter().filter(usable);
    match said {
        Said::InAnOffer => usable.min_by_key(liking).copied(),
        Said::InAnAnswer => usable.next().copied(),
    }
}

/// Writes a section with this one of its formats.
fn write(into: &mut String, section: &str, formats: &[Format<'_>], chosen: &str) {
    let is_other = |line: &str| {
        let value = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|name| line.strip_prefix(name));
        let number = value.and_then(|value| value.split_ascii_whitespace().next());
        number.is_some_and(|number| {
            number != chosen && formats.iter().any(|format| format.payload_type == number)
        })
    };
    for (at, line) in section.split_inclusive('\n').enumerate() {
        if at == 0 {
            let end = &line[line.trim_end().len()..];
            let words: Vec<&str> = line.split_ascii_whitespace().take(3).chain([chosen]).collect();
            into.push_str(&words.join(" "));
            into.push_str(end);
        } else if !is_other(line) {
            into.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests;
