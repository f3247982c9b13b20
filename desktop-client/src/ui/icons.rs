//! The signs on the round buttons, drawn with strokes. Owns shapes only; names and colours come from the caller.

use crate::words::right_to_left;
use eframe::egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, vec2};
use std::f32::consts::PI;

/// A sign that a round button can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A microphone.
    Mic,
    /// A microphone, struck through.
    MicOff,
    /// A camera.
    Camera,
    /// A camera, struck through.
    CameraOff,
    /// A handset lying down.
    HangUp,
    /// A handset held up.
    Answer,
    /// On to the next.
    Next,
    /// Away with it.
    Close,
    /// Two sheets, one before the other.
    Copy,
    /// Somebody, no matter who.
    Person,
    /// Something was written.
    Chat,
    /// A screen that goes out.
    Share,
    /// More to choose from.
    More,
    /// A list opens below.
    Open,
    /// A call that went out.
    Out,
    /// A call that came in.
    In,
    /// A call that nobody answered.
    Missed,
    /// One of five for a good call.
    Star,
    /// Good enough to talk: one to three bars.
    Bars(u8),
}

impl Icon {
    /// Draws the sign into a square around `center`; `size` is the length of its side.
    /// `behind` is the colour of the ground, to cut a gap beside a stroke.
    pub fn paint(self, painter: &Painter, center: Pos2, size: f32, ink: Color32, behind: Color32) {
        let stroke = Stroke::new(size / 11.0, ink);
        let pen = Pen { painter, center, unit: size / 24.0, way: 1.0, stroke };
        match self {
            Self::Mic => pen.mic(),
            Self::MicOff => {
                pen.mic();
                pen.strike(behind);
            }
            Self::Camera => pen.camera(),
            Self::CameraOff => {
                pen.camera();
                pen.strike(behind);
            }
            Self::HangUp => pen.handset(0.0),
            Self::Answer => pen.handset(-PI * 0.75),
            Self::Next => pen.along_text().next(),
            Self::Close => {
                pen.line(&[vec2(-6.0, -6.0), vec2(6.0, 6.0)]);
                pen.line(&[vec2(-6.0, 6.0), vec2(6.0, -6.0)]);
            }
            Self::Copy => pen.sheets(behind),
            Self::Person => pen.person(),
            Self::Chat => pen.chat(behind),
            Self::Share => pen.screen(),
            Self::More => {
                for x in [-7.0, 0.0, 7.0] {
                    painter.circle_filled(pen.at(vec2(x, 0.0)), 2.2 * pen.unit, ink);
                }
            }
            Self::Open => pen.line(&[vec2(-8.0, -4.0), vec2(0.0, 4.0), vec2(8.0, -4.0)]),
            Self::Out => pen.along_text().arrow(-1.0),
            Self::In => pen.along_text().arrow(1.0),
            Self::Missed => {
                let pen = pen.along_text();
                pen.line(&[vec2(-9.0, -4.0), vec2(0.0, 5.0), vec2(9.0, -4.0)]);
                pen.line(&[vec2(-9.0, 3.0), vec2(-9.0, -4.0), vec2(-2.0, -4.0)]);
            }
            Self::Star => pen.star(),
            Self::Bars(good) => {
                for (place, x) in [(1, -8.0), (2, -2.0), (3, 4.0)] {
                    let top = 8.0 - 5.0 * f32::from(place);
                    let bar = Rect::from_min_max(pen.at(vec2(x, top)), pen.at(vec2(x + 4.0, 8.0)));
                    let color = if place <= good { ink } else { ink.gamma_multiply(0.3) };
                    painter.rect_filled(bar, pen.unit, color);
                }
            }
        }
    }
}

/// The sign of the house: a gate between two towers, in a square of `side` with its left top corner at `at`.
pub fn castle_mark(painter: &Painter, at: Pos2, side: f32, ink: Color32, behind: Color32) {
    let unit = side / 24.0;
    let block = |x: f32, y: f32, width: f32, height: f32, color| {
        painter.rect_filled(
            Rect::from_min_size(at + vec2(x, y) * unit, vec2(width, height) * unit),
            0.0,
            color,
        );
    };
    for tower in [0.0, 16.0] {
        for merlon in [0.0, 3.0, 6.0] {
            block(tower + merlon, 1.0, 2.0, 4.0, ink);
        }
        block(tower, 4.0, 8.0, 19.0, ink);
    }
    block(7.5, 10.0, 9.0, 13.0, ink);
    for merlon in [8.6, 11.0, 13.4] {
        block(merlon, 7.5, 2.0, 3.0, ink);
    }
    painter.circle_filled(at + vec2(12.0, 17.0) * unit, 3.0 * unit, behind);
    block(9.0, 17.0, 6.0, 6.1, behind);
}

/// Straight pieces that a bow is made of.
const STEPS: u8 = 20;

/// Draws on a grid of 24 by 24 around the centre.
struct Pen<'a> {
    painter: &'a Painter,
    center: Pos2,
    unit: f32,
    /// 1, or -1 for what is drawn as in a mirror.
    way: f32,
    stroke: Stroke,
}

impl Pen<'_> {
    fn at(&self, grid: Vec2) -> Pos2 {
        self.center + vec2(grid.x * self.way, grid.y) * self.unit
    }

    /// For signs that point where text goes on, or from where it came.
    fn along_text(self) -> Self {
        Self { way: if right_to_left() { -1.0 } else { 1.0 }, ..self }
    }

    fn line(&self, grid: &[Vec2]) {
        self.line_with(grid, self.stroke);
    }

    fn line_with(&self, grid: &[Vec2], stroke: Stroke) {
        let points: Vec<Pos2> = grid.iter().map(|point| self.at(*point)).collect();
        for end in [points.first(), points.last()].into_iter().flatten() {
            self.painter.circle_filled(*end, stroke.width / 2.0, stroke.color);
        }
        self.painter.add(Shape::line(points, stroke));
    }

    fn arc(&self, center: Vec2, radius: f32, from: f32, to: f32) {
        let points: Vec<Vec2> = (0..=STEPS)
            .map(|step| from + (to - from) * f32::from(step) / f32::from(STEPS))
            .map(|angle| center + radius * vec2(angle.cos(), angle.sin()))
            .collect();
        self.line(&points);
    }

    fn mic(&self) {
        let body = Rect::from_center_size(self.at(vec2(0.0, -4.0)), vec2(7.0, 13.0) * self.unit);
        self.painter.rect_filled(body, 3.5 * self.unit, self.stroke.color);
        self.arc(vec2(0.0, -2.5), 7.0, PI * 0.06, PI * 0.94);
        self.line(&[vec2(0.0, 4.5), vec2(0.0, 9.0)]);
        self.line(&[vec2(-4.0, 9.5), vec2(4.0, 9.5)]);
    }

    fn camera(&self) {
        let body = Rect::from_min_max(self.at(vec2(-10.5, -6.5)), self.at(vec2(4.0, 6.5)));
        self.painter.rect_filled(body, 2.5 * self.unit, self.stroke.color);
        let lens = [vec2(5.5, -1.5), vec2(10.5, -5.5), vec2(10.5, 5.5), vec2(5.5, 1.5)];
        let lens = lens.into_iter().map(|point| self.at(point)).collect();
        self.painter.add(Shape::convex_polygon(lens, self.stroke.color, Stroke::NONE));
    }

    /// Two sheets of paper, the one before hiding a corner of the other.
    fn sheets(&self, behind: Color32) {
        let corners = [vec2(-8.5, -9.5), vec2(3.5, -9.5), vec2(3.5, 4.5), vec2(-8.5, 4.5), vec2(-8.5, -9.5)];
        self.line(&corners);
        let before = corners.map(|corner| corner + vec2(5.0, 5.0));
        let sheet = Rect::from_min_max(self.at(before[0]), self.at(before[2]));
        self.painter.rect_filled(sheet.expand(self.stroke.width), 0.0, behind);
        self.line(&before);
    }

    /// Head and shoulders.
    fn person(&self) {
        self.painter.circle_filled(self.at(vec2(0.0, -4.5)), 4.6 * self.unit, self.stroke.color);
        let bow = (0..=STEPS).map(|step| PI * (1.0 + f32::from(step) / f32::from(STEPS)));
        let shoulders = bow.map(|at| self.at(vec2(0.0, 10.0) + 8.6 * vec2(at.cos(), at.sin()))).collect();
        self.painter.add(Shape::convex_polygon(shoulders, self.stroke.color, Stroke::NONE));
    }

    /// A screen on its foot, and an arrow out of it.
    fn screen(&self) {
        let frame =
            [vec2(-10.0, -8.0), vec2(10.0, -8.0), vec2(10.0, 6.0), vec2(-10.0, 6.0), vec2(-10.0, -8.0)];
        self.line(&frame);
        self.line(&[vec2(-4.0, 10.0), vec2(4.0, 10.0)]);
        self.line(&[vec2(0.0, 3.0), vec2(0.0, -4.5)]);
        self.line(&[vec2(-3.5, -1.5), vec2(0.0, -5.0), vec2(3.5, -1.5)]);
    }

    fn strike(&self, behind: Color32) {
        let (from, to) = (vec2(-9.5, -9.5), vec2(9.5, 9.5));
        let gap = Stroke::new(self.stroke.width * 2.6, behind);
        self.line_with(&[from, to], gap);
        self.line(&[from, to]);
    }

    /// A handset: a bent grip with two ends, turned by `angle`.
    fn handset(&self, angle: f32) {
        let turn = |point: Vec2| {
            let (sin, cos) = angle.sin_cos();
            vec2(point.x * cos - point.y * sin, point.x * sin + point.y * cos)
        };
        let grip: Vec<Vec2> = (0..=STEPS)
            .map(|step| PI * (1.18 + 0.64 * f32::from(step) / f32::from(STEPS)))
            .map(|at| turn(vec2(0.0, 6.5) + 10.0 * vec2(at.cos(), at.sin())))
            .collect();
        self.line_with(&grip, Stroke::new(4.6 * self.unit, self.stroke.color));
        for side in [-1.0, 1.0] {
            let ear = [vec2(10.8, -0.6), vec2(10.8, 5.0), vec2(5.6, 4.0), vec2(5.6, -1.4)];
            let ear = ear.into_iter().map(|point| self.at(turn(vec2(point.x * side, point.y)))).collect();
            self.painter.add(Shape::convex_polygon(
                ear,
                self.stroke.color,
                Stroke::new(self.unit, self.stroke.color),
            ));
        }
    }

    fn next(&self) {
        for left in [-8.0, 0.0] {
            let triangle = [vec2(left, -6.5), vec2(left + 8.0, 0.0), vec2(left, 6.5)];
            let triangle = triangle.into_iter().map(|point| self.at(point)).collect();
            self.painter.add(Shape::convex_polygon(triangle, self.stroke.color, Stroke::NONE));
        }
        let bar = Rect::from_two_pos(self.at(vec2(8.5, -6.5)), self.at(vec2(10.5, 6.5)));
        self.painter.rect_filled(bar, 0.0, self.stroke.color);
    }

    fn chat(&self, behind: Color32) {
        let bubble = Rect::from_min_max(self.at(vec2(-10.0, -9.0)), self.at(vec2(10.0, 5.0)));
        self.painter.rect_filled(bubble, 3.0 * self.unit, self.stroke.color);
        let tail =
            [vec2(-6.0, 4.0), vec2(0.0, 4.0), vec2(-6.0, 10.0)].into_iter().map(|point| self.at(point));
        self.painter.add(Shape::convex_polygon(tail.collect(), self.stroke.color, Stroke::NONE));
        for y in [-4.5, 0.5] {
            let line = Rect::from_min_max(self.at(vec2(-6.0, y - 0.9)), self.at(vec2(6.0, y + 0.9)));
            self.painter.rect_filled(line, 0.0, behind);
        }
    }

    /// An arrow along the diagonal: down and in with 1, up and out with -1.
    fn arrow(&self, way: f32) {
        let tip = vec2(-6.0, 6.0) * way;
        self.line(&[-tip, tip]);
        self.line(&[tip + vec2(0.0, -8.0) * way, tip, tip + vec2(8.0, 0.0) * way]);
    }

    fn star(&self) {
        for ray in 0..5_u8 {
            let at = |turn: f32| Vec2::angled(PI * (0.4 * (f32::from(ray) + turn) - 0.5));
            let points = [Vec2::ZERO, at(-0.5) * 4.6, at(0.0) * 11.0, at(0.5) * 4.6];
            let points = points.into_iter().map(|point| self.at(point)).collect();
            let seam = Stroke::new(0.5 * self.unit, self.stroke.color);
            self.painter.add(Shape::convex_polygon(points, self.stroke.color, seam));
        }
    }
}
