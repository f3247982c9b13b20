//! The moving test pattern: a stand-in for a camera that exercises a codec as a room with a person in it does.
//!
//! A soft textured background pans slowly, colour bars stand still, a disc swings and a box crosses. Frame N
//! depends on N and the size alone, in whole numbers, so that any machine draws the same one. The stamp is no part
//! of it (`stamp.rs` writes that over the top strip).

use super::{CameraError, FrameSource, PictureFormat};
use crate::media::frame::{FrameInfo, FramePool, PlanesMut, VideoFrame};

/// The pattern of one size; draws into pooled frames.
pub struct Pattern {
    format: PictureFormat,
    pool: FramePool,
    /// Two periods of the panning background side by side, so that any row of it is one copy.
    background: Background,
}

struct Background {
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    /// Noise that each row of each frame takes from another place.
    grain: Vec<u8>,
}

/// Places in the noise at which a row can begin.
const GRAIN_PLACES: u32 = 4096;

/// Pixels that the background moves per frame.
const PAN: u32 = 2;
/// Cells of the coarse and of the fine texture across the picture's width.
const COARSE_CELLS: u32 = 7;
const FINE_CELLS: u32 = 79;
/// Grain changes from frame to frame, as a sensor's noise does: 0 to this, around the texture.
const GRAIN: u32 = 9;
/// The bars across the bottom: luma, blue and red difference of 75 % colour bars, BT.601 limited range.
const BARS: [[u8; 3]; 7] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
];

impl Pattern {
    /// Prepares the pattern for frames of `format`.
    pub fn new(format: PictureFormat) -> Self {
        Self { format, pool: FramePool::new(), background: Background::new(format.width, format.height) }
    }
}

impl FrameSource for Pattern {
    fn format(&self) -> PictureFormat {
        self.format
    }

    fn frame(&mut self, number: u32) -> Result<VideoFrame, CameraError> {
        let info = FrameInfo { number: Some(number), ..FrameInfo::default() };
        let background = &self.background;
        Ok(self.pool.draw(self.format.width, self.format.height, info, |planes| {
            background.draw(planes, number);
            draw_bars(planes);
            draw_box(planes, number);
            draw_disc(planes, number);
        }))
    }
}

impl Background {
    fn new(width: usize, height: usize) -> Self {
        let (coarse, fine) = (Texture::new(width, COARSE_CELLS, 1), Texture::new(width, FINE_CELLS, 2));
        let mut y = Vec::with_capacity(2 * width * height);
        for row in 0..height {
            let textures = coarse.row(row).zip(fine.row(row));
            y.extend(textures.map(|(coarse, fine)| (44 + coarse * 110 / 256 + fine * 48 / 256) as u8));
            y.extend_from_within(2 * width * row..);
        }
        let chroma = |seed| {
            let texture = Texture::new(width, COARSE_CELLS, seed);
            let mut plane = Vec::with_capacity(2 * (width / 2) * (height / 2));
            for row in 0..height / 2 {
                let halved = texture.row(2 * row).step_by(2).take(width / 2);
                plane.extend(halved.map(|level| (104 + level * 48 / 256) as u8));
                plane.extend_from_within(2 * (width / 2) * row..);
            }
            plane
        };
        let grains = width as u32 + GRAIN_PLACES;
        let grain = (0..grains).map(|at| (hash(at, 0, 5) * GRAIN / 256) as u8).collect();
        Self { y, u: chroma(3), v: chroma(4), grain }
    }

    fn draw(&self, planes: &mut PlanesMut<'_>, number: u32) {
        let width = planes.width;
        let pan = (u64::from(number) * u64::from(PAN) % width as u64) as usize;
        let rows = planes.y.chunks_mut(planes.y_stride).zip(self.y.chunks(2 * width));
        for (at, (row, from)) in (0_u32..).zip(rows) {
            let place = hash(at, number, 6) << 8 | hash(at, number, 7);
            let grain = &self.grain[(place % GRAIN_PLACES) as usize..][..width];
            for ((sample, texture), grain) in row.iter_mut().zip(&from[pan..pan + width]).zip(grain) {
                *sample = texture + grain;
            }
        }
        let (half, pan) = (width / 2, pan / 2);
        for (plane, from) in [(&mut *planes.u, &self.u), (&mut *planes.v, &self.v)] {
            for (row, from) in plane.chunks_mut(planes.uv_stride).zip(from.chunks(width)) {
                row[..half].copy_from_slice(&from[pan..pan + half]);
            }
        }
    }
}

/// Smooth value noise, 0 to 255, that repeats after the picture's width.
struct Texture {
    width: usize,
    cells: u32,
    seed: u32,
    /// For each pixel across: its cell, and how far it is into it.
    across: Vec<(u32, u32)>,
}

impl Texture {
    fn new(width: usize, cells: u32, seed: u32) -> Self {
        let mut texture = Self { width, cells, seed, across: Vec::new() };
        texture.across = (0..width).map(|x| texture.place(x)).collect();
        texture
    }

    /// The cell that a pixel is in, and how far it is into it, 0 to 256.
    fn place(&self, at: usize) -> (u32, u32) {
        let scaled = at as u32 * self.cells * 256 / self.width as u32;
        (scaled / 256, ease(scaled % 256))
    }

    fn row(&self, y: usize) -> impl Iterator<Item = u32> {
        let (row, down) = self.place(y);
        let mix = |a: u32, b: u32, t: u32| (a * (256 - t) + b * t) / 256;
        let corners = |row| (0..self.cells).map(|column| hash(column, row, self.seed)).collect::<Vec<u32>>();
        let (upper, lower) = (corners(row), corners(row + 1));
        self.across.iter().map(move |&(column, across)| {
            let (left, right) = (column as usize, (column + 1) as usize % upper.len());
            mix(mix(upper[left], upper[right], across), mix(lower[left], lower[right], across), down)
        })
    }
}

/// The smoothstep curve on 0 to 256, so that cell borders do not show.
fn ease(t: u32) -> u32 {
    t * t * (768 - 2 * t) / 65_536
}

fn hash(x: u32, y: u32, seed: u32) -> u32 {
    let mut h = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    (h ^ (h >> 15)) & 255
}

fn draw_bars(planes: &mut PlanesMut<'_>) {
    let (width, height) = (planes.width, planes.height);
    let bar = |x: usize, across: usize| BARS[x * BARS.len() / across];
    let top = height - height / 10 / 2 * 2;
    for row in planes.y.chunks_mut(planes.y_stride).take(height).skip(top) {
        for (x, sample) in row[..width].iter_mut().enumerate() {
            *sample = bar(x, width)[0];
        }
    }
    for (component, plane) in [(1, &mut *planes.u), (2, &mut *planes.v)] {
        for row in plane.chunks_mut(planes.uv_stride).take(height / 2).skip(top / 2) {
            for (x, sample) in row[..width / 2].iter_mut().enumerate() {
                *sample = bar(x, width / 2)[component];
            }
        }
    }
}

/// Where a point is that runs from 0 to `range` and back, `step` per frame.
fn swing(number: u32, step: u32, range: usize) -> usize {
    let range = range.max(1) as u64;
    let at = u64::from(number) * u64::from(step) % (2 * range);
    at.min(2 * range - at) as usize
}

fn draw_box(planes: &mut PlanesMut<'_>, number: u32) {
    let (width, height) = (planes.width, planes.height);
    let (across, down) = (width / 8 / 2 * 2, height / 6 / 2 * 2);
    let left = swing(number, 4, width - across) / 2 * 2;
    let top = height / 4 / 2 * 2;
    for (y, row) in planes.y.chunks_mut(planes.y_stride).skip(top).take(down).enumerate() {
        for (x, sample) in row[left..left + across].iter_mut().enumerate() {
            *sample = if (x / 16 + y / 16) % 2 == 0 { 200 } else { 150 };
        }
    }
    for (plane, level) in [(&mut *planes.u, 90), (&mut *planes.v, 170)] {
        for row in plane.chunks_mut(planes.uv_stride).skip(top / 2).take(down / 2) {
            row[left / 2..][..across / 2].fill(level);
        }
    }
}

fn draw_disc(planes: &mut PlanesMut<'_>, number: u32) {
    let (width, height) = (planes.width, planes.height);
    let radius = height / 8;
    let center_x = radius + swing(number, 3, width - 2 * radius);
    let center_y = height * 3 / 5 + swing(number, 1, height / 8);
    let inside = |x: usize, y: usize| {
        let (dx, dy) = (x.abs_diff(center_x), y.abs_diff(center_y));
        let distance = dx * dx + dy * dy;
        (distance <= radius * radius).then_some(distance)
    };
    let (left, right) = ((center_x - radius) / 2 * 2, (center_x + radius).min(width));
    let (top, bottom) = ((center_y - radius) / 2 * 2, (center_y + radius).min(height));
    for y in top..bottom {
        let row = &mut planes.y[y * planes.y_stride..];
        for (x, sample) in row.iter_mut().enumerate().take(right).skip(left) {
            if let Some(distance) = inside(x, y) {
                *sample = (215 - distance * 110 / (radius * radius).max(1)) as u8;
            }
        }
    }
    for y in top / 2..bottom / 2 {
        for x in left / 2..right / 2 {
            if inside(2 * x, 2 * y).is_some() {
                planes.u[y * planes.uv_stride + x] = 100;
                planes.v[y * planes.uv_stride + x] = 160;
            }
        }
    }
}
