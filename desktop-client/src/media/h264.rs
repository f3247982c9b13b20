//! H.264 (ITU-R H.264): the units that a stream is made of, as encoders give and decoders take them (Annex B).
//!
//! Pure, but for [`engine`], which is the codec itself.

#[cfg_attr(not(feature = "h264"), path = "h264/left_out.rs")]
pub mod engine;
pub mod sps;

/// Types of units (table 7-1).
pub(super) mod unit {
    /// Part of a picture that is predicted from others.
    pub(in crate::media) const SLICE: u8 = 1;
    /// Part of a picture with which decoding can begin.
    pub(in crate::media) const IDR: u8 = 5;
    /// What is good to know about a picture.
    pub(in crate::media) const SEI: u8 = 6;
    /// How the pictures of a stream are to be read.
    pub(in crate::media) const SPS: u8 = 7;
    /// How some of them are.
    pub(in crate::media) const PPS: u8 = 8;
    /// That a picture begins.
    pub(in crate::media) const DELIMITER: u8 = 9;
}

/// The type of the unit that begins with this byte.
pub(super) fn kind(header: u8) -> u8 {
    header & 0x1F
}

/// The units of a stream in which a start code stands before each, without those codes and the zeros around them.
pub fn units(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    stream = after_start_code(stream).unwrap_or_default();
    std::iter::from_fn(move || {
        while !stream.is_empty() {
            let rest = after_start_code(stream);
            let end = rest.map_or(stream.len(), |rest| stream.len() - rest.len() - START_CODE.len());
            let unit = without_zeros(&stream[..end]);
            stream = rest.unwrap_or_default();
            if !unit.is_empty() {
                return Some(unit);
            }
        }
        None
    })
}

/// Whether a unit says how pictures are to be read, and no more.
pub fn is_parameter_set(bytes: &[u8]) -> bool {
    bytes.len() > 1 && matches!(kind(bytes[0]), unit::SPS | unit::PPS)
}

/// What stands before each unit.
pub(super) const START_CODE: [u8; 3] = [0, 0, 1];

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(START_CODE.len()).position(|window| window == START_CODE)?;
    Some(&stream[at + START_CODE.len()..])
}

/// No unit ends with a zero.
fn without_zeros(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_stand_between_start_codes_of_either_length() {
        let found = |stream| units(stream).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let stream = [0, 0, 0, 1, 0x67, 7, 0, 0, 1, 0x68, 0, 0, 3, 1, 0, 0, 0, 0, 1, 0x65, 9];
        assert_eq!(found(&stream), [&[0x67, 7][..], &[0x68, 0, 0, 3, 1], &[0x65, 9]]);
        assert_eq!(found(&[0x67, 7, 0, 0, 1, 0x68]), [[0x68]], "what stands before the first is none");
        for empty in [&[][..], &[0, 0], &[0, 0, 1], &[0, 0, 1, 0, 0, 1], &[0; 40]] {
            assert!(found(empty).is_empty(), "{empty:?}");
        }
    }
}
