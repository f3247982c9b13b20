//! What made-up cameras and screens show: drawn in flat shapes, which take little room in the kept pictures, and not alike on
//! both sides, so that a mirror is seen.

use super::*;
use castle_desktop::media::frame::{FrameInfo, FramePool, FrameSlot, Picture, VideoFrame};
use castle_desktop::ui::video::Screen;

/// Red, green and blue, 0 to 255.
type Ink = [f32; 3];

/// How somebody looks, and the room behind them.
struct Looks {
    wall: Ink,
    hair: Ink,
    skin: Ink,
    clothes: Ink,
}

const PEER: Looks = Looks {
    wall: [206.0, 194.0, 176.0],
    hair: [66.0, 42.0, 34.0],
    skin: [222.0, 172.0, 142.0],
    clothes: [46.0, 110.0, 104.0],
};

const OWN: Looks = Looks {
    wall: [150.0, 168.0, 186.0],
    hair: [32.0, 30.0, 38.0],
    skin: [168.0, 116.0, 84.0],
    clothes: [196.0, 104.0, 72.0],
};

const SKY: Ink = [236.0, 243.0, 247.0];
const WOOD: Ink = [122.0, 92.0, 70.0];
const BOOKS: [Ink; 4] =
    [[160.0, 72.0, 62.0], [70.0, 102.0, 140.0], [208.0, 170.0, 92.0], [92.0, 122.0, 86.0]];
const DARK: Ink = [44.0, 36.0, 38.0];
const PAPER: Ink = [250.0, 249.0, 245.0];
const WORDS: Ink = [132.0, 136.0, 142.0];

impl Looks {
    /// What is at a place of a picture that is 1.0 high, counted from the middle of its upper edge.
    fn at(&self, at: Vec2) -> Ink {
        let round = |x: f32, y: f32, wide: f32, high: f32| {
            ((at.x - x) / wide).powi(2) + ((at.y - y) / high).powi(2) < 1.0
        };
        let eyes = round(-0.065, 0.45, 0.016, 0.021) || round(0.065, 0.45, 0.016, 0.021);
        let smile = round(0.0, 0.51, 0.075, 0.07) && !round(0.0, 0.492, 0.085, 0.068) && at.y > 0.52;
        // From the front to the back.
        let layers = [
            (eyes || smile, DARK),
            (round(0.0, 0.35, 0.185, 0.16) && !round(0.07, 0.55, 0.2, 0.21), self.hair),
            (round(0.0, 0.47, 0.15, 0.2), self.skin),
            (at.x.abs() < 0.06 && (0.6..0.76).contains(&at.y), self.skin.map(|part| 0.86 * part)),
            (round(0.0, 1.06, 0.42, 0.34), self.clothes),
            (round(0.0, 0.44, 0.2, 0.25), self.hair),
        ];
        let seen = layers.into_iter().find(|(there, _)| *there).map(|(_, ink)| ink);
        seen.or_else(|| shelf(at)).unwrap_or_else(|| self.wall.map(|part| part * (1.0 - 0.1 * at.y)))
    }
}

/// A window on the one side, books on the other.
fn shelf(at: Vec2) -> Option<Ink> {
    let within = |x: std::ops::Range<f32>, y: std::ops::Range<f32>| x.contains(&at.x) && y.contains(&at.y);
    if within(-0.8..-0.4, 0.08..0.56) {
        let bar = (at.x + 0.6).abs() < 0.01 || (at.y - 0.3).abs() < 0.01;
        let frame = !within(-0.785..-0.415, 0.095..0.545);
        return Some(if bar || frame { PAPER } else { SKY });
    }
    if within(0.36..0.84, 0.56..0.58) {
        return Some(WOOD);
    }
    let book = ((at.x - 0.4) / 0.045).floor();
    let tall = 0.36 + 0.04 * (book % 3.0);
    within(0.4..0.76, tall..0.56).then(|| BOOKS[book as usize % BOOKS.len()])
}

/// A page of a plan: its name, lines of words, and bars.
fn page(at: Vec2) -> Ink {
    if at.y < 0.07 {
        return DARK;
    }
    if at.x.abs() > 0.62 {
        return SKY;
    }
    if (0.62..0.9).contains(&at.y) {
        let bar = ((at.x + 0.5) / 0.1).floor();
        let (tall, beside) = (0.06 + 0.05 * ((bar * 3.0) % 5.0), (at.x + 0.5) / 0.1 - bar);
        let there = (0.0..10.0).contains(&bar) && beside < 0.7 && at.y > 0.9 - tall;
        return if there { BOOKS[1] } else { PAPER };
    }
    let line = ((at.y - 0.14) / 0.05).floor();
    let (below, long) =
        ((at.y - 0.14) / 0.05 - line, if line == 0.0 { 0.4 } else { 0.85 + 0.07 * (line % 4.0) });
    let written = (0.0..9.0).contains(&line) && below < 0.4 && (0.0..long).contains(&(at.x + 0.53));
    if written { WORDS } else { PAPER }
}

/// A picture of what is at each place.
fn drawn(width: usize, height: usize, ink: impl Fn(Vec2) -> Ink) -> VideoFrame {
    let at = |column: usize, row: usize| {
        ink((vec2(column as f32, row as f32) + vec2(0.5 - width as f32 / 2.0, 0.5)) / height as f32)
    };
    let weigh = |ink: Ink, zero: f32, of: [f32; 3]| {
        (zero + ink.iter().zip(of).map(|(part, weight)| part * weight).sum::<f32>()).round() as u8
    };
    FramePool::new().draw(width, height, FrameInfo::default(), |planes| {
        for (row, line) in planes.y.chunks_mut(planes.y_stride).enumerate() {
            for (column, sample) in line.iter_mut().enumerate() {
                *sample = weigh(at(column, row), 16.0, [0.257, 0.504, 0.098]);
            }
        }
        for (plane, of) in
            [(&mut *planes.u, [-0.148, -0.291, 0.439]), (&mut *planes.v, [0.439, -0.368, -0.071])]
        {
            for (row, line) in plane.chunks_mut(planes.uv_stride).enumerate() {
                for (column, sample) in line.iter_mut().enumerate() {
                    *sample = weigh(at(2 * column, 2 * row), 128.0, of);
                }
            }
        }
    })
}

/// A picture as it comes from the other end's camera.
pub(super) fn frame(width: usize, height: usize) -> VideoFrame {
    drawn(width, height, |at| PEER.at(at))
}

/// A tile with a still picture in it.
pub(super) fn still(width: usize, height: usize) -> Tile {
    tile(frame(width, height))
}

fn tile(frame: VideoFrame) -> Tile {
    let slot = FrameSlot::new();
    slot.set_picture(Picture::Live);
    slot.put(frame);
    Screen::cpu().tile(slot, None)
}

/// The window of a state with all the pictures that come to it, which are those of a call or of the trial.
pub(super) fn with_faces(state: &states::State) -> Window {
    let mut window = state.window();
    if state.snapshot.call.is_some() || state.page == castle_desktop::ui::Page::Tryout {
        window.remote = still(640, 360);
        window.screen = tile(drawn(1280, 800, page));
        if state.own.is_none() {
            window.local = tile(drawn(320, 180, |at| OWN.at(at)));
        }
    }
    window
}
