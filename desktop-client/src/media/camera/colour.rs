//! Colours of a source to those that VP8 carries: BT.601, limited range (RFC 6386 section 9.2). Pure.
//!
//! What crosses says nothing about its colours, so that whatever a source gives is mapped before it leaves: the far end
//! would show black as grey, or faces too green. Most cameras give what is carried, and cost nothing here.

use crate::media::frame::{ColorMatrix, ColorRange, PlanesMut};

/// How the samples of a source are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Colours {
    pub(super) matrix: ColorMatrix,
    pub(super) range: ColorRange,
}

/// Fixed point of the shares below.
const BITS: i32 = 14;

/// A share in fixed point.
const fn share(of_one: f64) -> i32 {
    (of_one * (1 << BITS) as f64 + if of_one < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// What luma takes of the two chroma samples from BT.709 to BT.601, both of limited range: 219 steps of luma to 224 of chroma.
const LUMA: (i32, i32) = (share(0.101_59 * 219.0 / 224.0), share(0.196_10 * 219.0 / 224.0));
/// What blue difference becomes of itself and of the other, and red of itself and of the other.
const BLUE: (i32, i32) = (share(0.989_85), share(-0.110_66));
const RED: (i32, i32) = (share(0.983_38), share(-0.072_46));

impl Colours {
    /// Maps a picture in place.
    pub(super) fn carry(self, planes: &mut PlanesMut<'_>) {
        if self.range == ColorRange::Full {
            limit(planes);
        }
        if self.matrix == ColorMatrix::Bt709 {
            mix(planes);
        }
    }
}

/// Full range to limited range.
fn limit(planes: &mut PlanesMut<'_>) {
    let luma: [u8; 256] = std::array::from_fn(|sample| (16 + (sample * 219 + 127) / 255) as u8);
    let chroma: [u8; 256] = std::array::from_fn(|sample| {
        let off = (sample as i32 - 128) * 224;
        (128 + (off + off.signum() * 127) / 255) as u8
    });
    let map = |plane: &mut [u8], table: &[u8; 256]| {
        for sample in plane {
            *sample = table[usize::from(*sample)];
        }
    };
    map(planes.y, &luma);
    map(planes.u, &chroma);
    map(planes.v, &chroma);
}

/// BT.709 to BT.601, in limited range: each luma sample by the chroma of its four, then the chroma itself.
fn mix(planes: &mut PlanesMut<'_>) {
    const HALF: i32 = 1 << (BITS - 1);
    let near = |sum: i32, least: i32, most: i32| ((sum + HALF) >> BITS).clamp(least, most);
    let PlanesMut { y, u, v, y_stride, uv_stride, width, .. } = planes;
    let chroma = u.chunks_mut(*uv_stride).zip(v.chunks_mut(*uv_stride));
    for (rows, (blues, reds)) in y.chunks_mut(*y_stride * 2).zip(chroma) {
        for row in rows.chunks_mut(*y_stride) {
            for (pair, (blue, red)) in row[..*width].chunks_mut(2).zip(blues.iter().zip(reds.iter())) {
                let more = (i32::from(*blue) - 128) * LUMA.0 + (i32::from(*red) - 128) * LUMA.1;
                for sample in pair {
                    *sample = near((i32::from(*sample) << BITS) + more, 16, 235) as u8;
                }
            }
        }
        for (blue, red) in blues.iter_mut().zip(reds.iter_mut()) {
            let (b, r) = (i32::from(*blue) - 128, i32::from(*red) - 128);
            *blue = (128 + near(b * BLUE.0 + r * BLUE.1, -112, 112)) as u8;
            *red = (128 + near(r * RED.0 + b * RED.1, -112, 112)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::{FrameInfo, FramePool};

    /// The samples of a colour by a matrix (its shares of red and blue in luma) and a range.
    fn samples([r, g, b]: [f64; 3], (kr, kb): (f64, f64), range: ColorRange) -> [u8; 3] {
        let luma = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (blue, red) = ((b - luma) / (2.0 - 2.0 * kb), (r - luma) / (2.0 - 2.0 * kr));
        let (low, luma_span, chroma_span) = match range {
            ColorRange::Limited => (16.0, 219.0, 224.0),
            ColorRange::Full => (0.0, 255.0, 255.0),
        };
        let sample = |value: f64| value.round().clamp(0.0, 255.0) as u8;
        [
            sample(low + luma * luma_span),
            sample(128.0 + blue * chroma_span),
            sample(128.0 + red * chroma_span),
        ]
    }

    #[test]
    fn colours_of_every_source_are_carried_as_the_same() {
        let (of_601, of_709) = ((0.299, 0.114), (0.2126, 0.0722));
        let levels = [0.0, 0.3, 0.7, 1.0];
        let matrices = [(ColorMatrix::Bt601, of_601), (ColorMatrix::Bt709, of_709)];
        let mut pool = FramePool::new();
        for (matrix, shares) in matrices {
            for range in [ColorRange::Limited, ColorRange::Full] {
                for n in 0..64 {
                    let colour = [levels[n % 4], levels[n / 4 % 4], levels[n / 16]];
                    let given = samples(colour, shares, range);
                    let wanted = samples(colour, of_601, ColorRange::Limited);
                    let frame = pool.draw(5, 3, FrameInfo::default(), |planes| {
                        planes.y.fill(given[0]);
                        planes.u.fill(given[1]);
                        planes.v.fill(given[2]);
                        Colours { matrix, range }.carry(planes);
                    });
                    let last = |plane: crate::media::frame::Plane<'_>, x: usize, y: usize| {
                        plane.data[y * plane.stride + x]
                    };
                    for carried in [
                        [frame.y().data[0], frame.u().data[0], frame.v().data[0]],
                        [last(frame.y(), 4, 2), last(frame.u(), 2, 1), last(frame.v(), 2, 1)],
                    ] {
                        let apart = carried.iter().zip(wanted).map(|(a, b)| a.abs_diff(b)).max();
                        let most = if (matrix, range) == Default::default() { 0 } else { 2 };
                        assert!(
                            apart.is_some_and(|apart| apart <= most),
                            "{colour:?} by {matrix:?}, {range:?}: {given:?} became {carried:?} and not {wanted:?}"
                        );
                    }
                }
            }
        }
    }
}
