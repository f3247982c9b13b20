//! Makes pictures smaller by averaging areas: each pixel of the result is the weighted mean of what it covers.
//!
//! Weights are computed once per pair of sizes; scaling allocates nothing afterwards.

use super::frame::{Plane, PlanesMut, VideoFrame};

/// Scales pictures from one size to another that is not larger.
#[derive(Debug, Default)]
pub struct Scaler {
    luma: PlaneScaler,
    chroma: PlaneScaler,
}

impl Scaler {
    /// A scaler that has not seen a picture yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws `frame` into `planes`, at the size of those.
    pub fn scale(&mut self, frame: &VideoFrame, planes: &mut PlanesMut<'_>) {
        let (from, into) = ((frame.width(), frame.height()), (planes.width, planes.height));
        if from == into {
            planes.copy_from(frame);
            return;
        }
        let half = |(width, height): (usize, usize)| (width.div_ceil(2), height.div_ceil(2));
        self.luma.prepare(from, into);
        self.chroma.prepare(half(from), half(into));
        self.luma.scale(frame.y(), planes.y, planes.y_stride);
        self.chroma.scale(frame.u(), planes.u, planes.uv_stride);
        self.chroma.scale(frame.v(), planes.v, planes.uv_stride);
    }
}

/// What one pixel of the result covers along one axis: the first source pixel, and how many with which weights.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    weights: (usize, usize),
}

/// Spans along one axis; the weights of each add up to [`ONE`].
#[derive(Debug, Default)]
struct Axis {
    spans: Vec<Span>,
    weights: Vec<u32>,
}

const ONE: u32 = 256;

impl Axis {
    fn new(from: usize, into: usize) -> Self {
        let (mut spans, mut weights) = (Vec::with_capacity(into), Vec::new());
        for at in 0..into {
            let (start, end) = (at * from, (at + 1) * from);
            let (first, last) = (start / into, (end - 1) / into);
            let begin = weights.len();
            let mut given = 0;
            for source in first..=last {
                let covered = end.min((source + 1) * into) - start.max(source * into);
                let weight = (covered * ONE as usize / from) as u32;
                weights.push(weight);
                given += weight;
            }
            weights[begin] += ONE - given;
            spans.push(Span { first, weights: (begin, weights.len()) });
        }
        Self { spans, weights }
    }

    fn weights(&self, span: Span) -> &[u32] {
        &self.weights[span.weights.0..span.weights.1]
    }
}

#[derive(Debug, Default)]
struct PlaneScaler {
    from: (usize, usize),
    into: (usize, usize),
    across: Axis,
    down: Axis,
    row: Vec<u32>,
}

impl PlaneScaler {
    fn prepare(&mut self, from: (usize, usize), into: (usize, usize)) {
        if (self.from, self.into) != (from, into) {
            let (across, down) = (Axis::new(from.0, into.0), Axis::new(from.1, into.1));
            *self = Self { from, into, across, down, row: vec![0; from.0] };
        }
    }

    fn scale(&mut self, from: Plane<'_>, into: &mut [u8], stride: usize) {
        for (into, span) in into.chunks_mut(stride).zip(&self.down.spans) {
            self.row.fill(0);
            for (source, weight) in (span.first..).zip(self.down.weights(*span)) {
                let line = &from.data[source * from.stride..][..self.from.0];
                for (sum, sample) in self.row.iter_mut().zip(line) {
                    *sum += u32::from(*sample) * weight;
                }
            }
            for (into, span) in into.iter_mut().zip(&self.across.spans) {
                let weights = self.across.weights(*span);
                let covered = self.row[span.first..].iter().zip(weights);
                let sum: u32 = covered.map(|(sum, weight)| sum * weight).sum();
                *into = ((sum + ONE * ONE / 2) / (ONE * ONE)) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::{FrameInfo, FramePool};

    fn scaled(from: &VideoFrame, width: usize, height: usize) -> VideoFrame {
        let mut scaler = Scaler::new();
        FramePool::new().draw(width, height, FrameInfo::default(), |planes| scaler.scale(from, planes))
    }

    fn picture(width: usize, height: usize, luma: impl Fn(usize, usize) -> u8) -> VideoFrame {
        FramePool::new().draw(width, height, FrameInfo::default(), |planes| {
            for (y, row) in planes.y.chunks_mut(planes.y_stride).enumerate() {
                for (x, sample) in row.iter_mut().enumerate() {
                    *sample = luma(x, y);
                }
            }
            planes.u.fill(77);
            planes.v.fill(200);
        })
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_ratio() {
        let from = picture(1280, 720, |_, _| 201);
        for (width, height) in [(960, 540), (640, 360), (638, 358), (1278, 718), (2, 2)] {
            let into = scaled(&from, width, height);
            assert!((0..height).all(|y| (0..width).all(|x| into.y().data[y * into.y().stride + x] == 201)));
            assert_eq!((into.u().data[0], into.v().data[0]), (77, 200));
        }
    }

    #[test]
    fn halving_averages_two_by_two() {
        let from = picture(8, 8, |x, y| if (x + y) % 2 == 0 { 0 } else { 100 });
        let into = scaled(&from, 4, 4);
        assert!((0..4).all(|y| (0..4).all(|x| into.y().data[y * into.y().stride + x] == 50)));
    }

    #[test]
    fn a_ramp_stays_a_ramp() {
        let into = scaled(&picture(240, 10, |x, _| x as u8), 180, 8);
        let error = |x: usize| (f64::from(into.y().data[x]) - (x as f64 + 0.5) * 4.0 / 3.0 + 0.5).abs();
        assert!((0..180).all(|x| error(x) <= 1.0));
    }
}
