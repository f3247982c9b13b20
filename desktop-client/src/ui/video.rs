//! Pictures on the screen: the newest frame of a slot, drawn into a rectangle with its right proportions.
//!
//! Owns the choice between the shader ([`gl`]) and the conversion on the CPU ([`cpu`]), and tells when a frame
//! went to the screen. Never turns a frame: whoever sends it does (docs/PROTOCOL.md). Never waits for a frame and never
//! holds back the one who made it; a frame that cannot be drawn ends nothing.

use crate::media::frame::{FramePool, FrameSlot, Picture, VideoFrame};
use crate::media::scale::Scaler;
use eframe::egui::{self, Color32, CornerRadius, Rect, Shape, Ui, Vec2, pos2};
use eframe::{egui_glow, glow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod cpu;
mod gl;

/// How frames become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Renderer {
    /// By shader where a graphics card runs it, else on the CPU: a shader that the CPU has to run costs more than
    /// its own conversion does.
    #[default]
    Auto,
    /// By shader wherever shaders compile.
    Shader,
    /// On the CPU.
    Cpu,
}

/// Told of each frame once, just after it was drawn into the window.
pub type Shown = Arc<dyn Fn(&VideoFrame) + Send + Sync>;

/// What tiles draw with; one for the window.
#[derive(Debug, Clone)]
pub struct Screen {
    program: Option<Arc<gl::Program>>,
}

impl Screen {
    /// With the window's OpenGL. Where shaders do not compile it draws on the CPU, and logs why.
    pub fn new(gl: Option<&Arc<glow::Context>>, renderer: Renderer) -> Self {
        let Some(gl) = gl.filter(|_| renderer != Renderer::Cpu) else {
            return Self::cpu();
        };
        if renderer == Renderer::Auto && gl::is_software(gl) {
            tracing::info!("OpenGL runs on the CPU here, and so does the conversion of pictures");
            return Self::cpu();
        }
        match gl::Program::new(gl) {
            Ok(program) => Self { program: Some(Arc::new(program)) },
            Err(error) => {
                tracing::warn!(%error, "pictures are converted on the CPU");
                Self::cpu()
            }
        }
    }

    /// Without shaders.
    pub fn cpu() -> Self {
        Self { program: None }
    }

    /// A tile for the pictures of a slot.
    pub fn tile(&self, slot: Arc<FrameSlot>, shown: Option<Shown>) -> Tile {
        let surface = match &self.program {
            Some(program) => Surface::Shader(Arc::new(gl::Surface::new(program.clone()))),
            None => Surface::cpu(),
        };
        let reducer = Reducer::default();
        let face = Face { frame: None, serial: 0, surface, reducer, broke: Arc::default() };
        Tile { slot, face: Arc::new(Mutex::new(face)), shown, last_shown: Arc::default() }
    }
}

enum Surface {
    Shader(Arc<gl::Surface>),
    /// The texture, once there is one, and what was last put into it.
    Cpu(Option<egui::TextureHandle>, Arc<egui::ColorImage>),
}

impl Surface {
    fn cpu() -> Self {
        Self::Cpu(None, Arc::default())
    }
}

/// Makes pictures smaller that are larger than a texture can be.
#[derive(Default)]
struct Reducer {
    scaler: Scaler,
    pool: FramePool,
}

impl Reducer {
    /// The picture with no side longer than `most`.
    fn fit(&mut self, frame: VideoFrame, most: usize) -> VideoFrame {
        let longest = frame.width().max(frame.height());
        if longest <= most {
            return frame;
        }
        let [width, height] = [frame.width(), frame.height()].map(|side| (side * most / longest).max(1));
        let Self { scaler, pool } = self;
        pool.draw(width, height, frame.info, |planes| scaler.scale(&frame, planes))
    }
}

/// The place of one picture: the remote one or the own one. Clones show the same picture, in whatever window.
#[derive(Clone)]
pub struct Tile {
    slot: Arc<FrameSlot>,
    face: Arc<Mutex<Face>>,
    shown: Option<Shown>,
    last_shown: Arc<AtomicU64>,
}

/// The picture there is, and how it comes to the screen.
struct Face {
    frame: Option<VideoFrame>,
    /// Counts frames taken from the slot, so that each is uploaded and told of once.
    serial: u64,
    surface: Surface,
    reducer: Reducer,
    /// Drawing broke: what a shader drew goes another way from now on.
    broke: Arc<AtomicBool>,
}

impl Face {
    /// Keeps the frame; as pixels, where no shader makes them. One that cannot be converted is left out.
    fn keep(&mut self, ctx: &egui::Context, frame: VideoFrame) {
        let frame = self.reducer.fit(frame, ctx.input(|input| input.max_texture_side));
        if let Surface::Cpu(texture, image) = &mut self.surface {
            if catch_unwind(AssertUnwindSafe(|| cpu::convert(&frame, image))).is_err() {
                return;
            }
            let (image, smooth) = (image.clone(), egui::TextureOptions::LINEAR);
            match texture {
                Some(texture) => texture.set(image, smooth),
                None => *texture = Some(ctx.load_texture("video", image, smooth)),
            }
        }
        self.frame = Some(frame);
    }

    fn size(&self) -> Option<Vec2> {
        self.frame.as_ref().map(|frame| egui::vec2(frame.width() as f32, frame.height() as f32))
    }
}

impl std::fmt::Debug for Tile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tile")
            .field("picture", &self.picture())
            .field("serial", &self.face().serial)
            .finish_non_exhaustive()
    }
}

impl Tile {
    /// A tile that no pictures come to.
    pub fn empty() -> Self {
        Screen::cpu().tile(FrameSlot::new(), None)
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        self.face.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the newest frame, if there is one. Forgets the last one when no more come.
    pub fn poll(&self, ctx: &egui::Context) {
        let mut face = self.face();
        if self.slot.picture() != Picture::Live {
            face.frame = None;
        }
        let falls = face.broke.load(Ordering::Relaxed) && matches!(face.surface, Surface::Shader(_));
        if falls {
            tracing::warn!("pictures are converted on the CPU from now on");
            face.surface = Surface::cpu();
        }
        if let Some(frame) = self.slot.take() {
            face.serial += 1;
            face.keep(ctx, frame);
        } else if falls && let Some(frame) = face.frame.take() {
            face.keep(ctx, frame);
        }
    }

    /// Forgets the picture: the next call does not begin with the face of the last.
    pub fn forget(&self) {
        self.slot.take();
        self.face().frame = None;
    }

    /// What stands behind the picture.
    pub fn picture(&self) -> Picture {
        self.slot.picture()
    }

    /// Width and height of the picture there is, in pixels.
    pub fn size(&self) -> Option<Vec2> {
        self.face().size()
    }

    /// Draws the picture as large as fits into the middle of `room`, and says where. `None` without a picture.
    pub fn paint(&self, ui: &Ui, room: Rect, mirror: bool, radius: u8) -> Option<Rect> {
        let face = self.face();
        let rect = fit(room, face.size()?);
        match &face.surface {
            Surface::Shader(surface) => {
                let (surface, frame, serial) = (surface.clone(), face.frame.clone()?, face.serial);
                self.callback(ui, rect, &face, move |info, gl| {
                    surface.paint(
                        gl,
                        &frame,
                        serial,
                        mirror,
                        f32::from(radius) * info.pixels_per_point,
                        &info,
                    );
                });
            }
            Surface::Cpu(texture, _) => {
                let (left, right) = if mirror { (1.0, 0.0) } else { (0.0, 1.0) };
                let uv = Rect::from_min_max(pos2(left, 0.0), pos2(right, 1.0));
                let shape = egui::epaint::RectShape::filled(rect, CornerRadius::same(radius), Color32::WHITE);
                ui.painter().add(shape.with_texture(texture.as_ref()?.id(), uv));
                self.callback(ui, rect, &face, |_, _| {});
            }
        }
        Some(rect)
    }

    /// Runs `draw` while the window is drawn, and then tells of the frame.
    fn callback(
        &self,
        ui: &Ui,
        rect: Rect,
        face: &Face,
        draw: impl Fn(egui::PaintCallbackInfo, &glow::Context) + Send + Sync + 'static,
    ) {
        let told = self.shown.clone().zip(face.frame.clone());
        let (serial, last_shown) = (face.serial, self.last_shown.clone());
        let (broke, ctx) = (face.broke.clone(), ui.ctx().clone());
        let callback = egui_glow::CallbackFn::new(move |info, painter| {
            unless_broken(&broke, &ctx, || {
                draw(info, painter.gl());
                if let Some((shown, frame)) = &told
                    && last_shown.swap(serial, Ordering::Relaxed) != serial
                {
                    shown(frame);
                }
            });
        });
        ui.painter().add(Shape::Callback(egui::PaintCallback { rect, callback: Arc::new(callback) }));
    }
}

/// Draws. What breaks there ends neither the window nor the call: it is marked in `broke`, and the window is drawn anew.
fn unless_broken(broke: &AtomicBool, ctx: &egui::Context, draw: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(draw)).is_err() && !broke.swap(true, Ordering::Relaxed) {
        ctx.request_repaint_of(egui::ViewportId::ROOT);
    }
}

/// The largest rectangle with the proportions of `picture` in the middle of `room`.
pub fn fit(room: Rect, picture: Vec2) -> Rect {
    let scale = (room.width() / picture.x).min(room.height() / picture.y);
    Rect::from_center_size(room.center(), picture * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::FrameInfo;
    use eframe::egui::vec2;

    #[test]
    fn a_picture_keeps_its_proportions_in_any_room() {
        let wide = fit(Rect::from_min_size(pos2(0.0, 0.0), vec2(1000.0, 400.0)), vec2(640.0, 360.0));
        assert_eq!((wide.height(), wide.center()), (400.0, pos2(500.0, 200.0)));
        let tall = fit(Rect::from_min_size(pos2(0.0, 0.0), vec2(320.0, 900.0)), vec2(640.0, 360.0));
        assert_eq!((tall.width(), tall.height()), (320.0, 180.0));
    }

    #[test]
    fn a_forgotten_picture_is_gone_even_if_it_was_not_yet_taken() {
        let slot = FrameSlot::new();
        let tile = Screen::cpu().tile(slot.clone(), None);
        let ctx = egui::Context::default();
        let mut pool = FramePool::new();
        slot.put(pool.draw(64, 48, FrameInfo::default(), |_| {}));
        tile.poll(&ctx);
        slot.put(pool.draw(64, 48, FrameInfo::default(), |_| {}));
        tile.forget();
        tile.poll(&ctx);
        assert_eq!(tile.size(), None);
    }

    #[test]
    fn a_tile_shows_the_newest_frame_and_forgets_it_when_the_camera_goes_off() {
        let slot = FrameSlot::new();
        let tile = Screen::cpu().tile(slot.clone(), None);
        let ctx = egui::Context::default();
        tile.poll(&ctx);
        assert_eq!(tile.size(), None);
        let mut pool = FramePool::new();
        slot.put(pool.draw(64, 48, FrameInfo::default(), |_| {}));
        slot.put(pool.draw(32, 16, FrameInfo::default(), |_| {}));
        tile.poll(&ctx);
        assert_eq!(tile.size(), Some(vec2(32.0, 16.0)));
        tile.poll(&ctx);
        assert_eq!(tile.size(), Some(vec2(32.0, 16.0)), "the last frame stays until the next");
        slot.set_picture(Picture::Off);
        tile.poll(&ctx);
        assert_eq!(tile.size(), None);
    }

    #[test]
    fn a_picture_that_cannot_be_converted_is_left_out_and_the_next_one_is_shown() {
        let slot = FrameSlot::new();
        let tile = Screen::cpu().tile(slot.clone(), None);
        let ctx = egui::Context::default();
        let mut pool = FramePool::new();
        slot.put(pool.draw(64, 48, FrameInfo::default(), |_| {}));
        tile.poll(&ctx);
        // Without a pixel, there is nothing that could be converted.
        slot.put(pool.draw(0, 0, FrameInfo::default(), |_| {}));
        tile.poll(&ctx);
        assert_eq!(tile.size(), Some(vec2(64.0, 48.0)), "the one before it stays");
        slot.put(pool.draw(32, 16, FrameInfo::default(), |_| {}));
        tile.poll(&ctx);
        assert_eq!(tile.size(), Some(vec2(32.0, 16.0)));
    }

    #[test]
    fn a_screen_that_is_larger_than_a_texture_can_be_is_shown_as_large_as_one_is() {
        let (ctx, mut pool) = (egui::Context::default(), FramePool::new());
        let most = ctx.input(|input| input.max_texture_side);
        for screen in [Screen::cpu(), Screen { program: Some(Arc::new(gl::Program::of_no_context())) }] {
            let slot = FrameSlot::new();
            let tile = screen.tile(slot.clone(), None);
            slot.put(pool.draw(2 * most, most, FrameInfo::default(), |_| {}));
            tile.poll(&ctx);
            assert_eq!(tile.size(), Some(vec2(most as f32, most as f32 / 2.0)));
        }
    }

    #[test]
    fn pictures_on_the_cpu_are_written_over_those_that_egui_is_done_with() {
        let (slot, mut pool, ctx) = (FrameSlot::new(), FramePool::new(), egui::Context::default());
        let tile = Screen::cpu().tile(slot.clone(), None);
        let place = |tile: &Tile| match &tile.face().surface {
            Surface::Cpu(Some(_), image) => image.pixels.as_ptr(),
            _ => panic!("nothing is drawn"),
        };
        let paint = || ctx.run_ui(egui::RawInput::default(), |_| {}).textures_delta.clear();
        let mut show = |width| {
            slot.put(pool.draw(width, 48, FrameInfo::default(), |_| {}));
            tile.poll(&ctx);
            place(&tile)
        };
        let first = show(64);
        let second = show(64);
        assert_ne!(first, second, "the first is still to be painted");
        paint();
        assert_eq!(show(64), second);
        paint();
        show(32);
        assert_eq!(tile.size(), Some(vec2(32.0, 48.0)), "one of another size has another place");
    }

    #[test]
    fn pictures_that_a_shader_breaks_over_are_converted_from_then_on() {
        let slot = FrameSlot::new();
        let screen = Screen { program: Some(Arc::new(gl::Program::of_no_context())) };
        let tile = screen.tile(slot.clone(), None);
        let ctx = egui::Context::default();
        slot.put(FramePool::new().draw(64, 48, FrameInfo::default(), |_| {}));
        tile.poll(&ctx);
        let converted = |tile: &Tile| matches!(tile.face().surface, Surface::Cpu(Some(_), _));
        assert!(!converted(&tile), "a shader is to draw it");
        let broke = tile.face().broke.clone();
        unless_broken(&broke, &ctx, || {});
        tile.poll(&ctx);
        assert!(!converted(&tile), "it drew it");
        unless_broken(&broke, &ctx, || panic!("as this test wants it"));
        tile.poll(&ctx);
        assert!(converted(&tile), "the one that there was is not lost");
        assert_eq!(tile.size(), Some(vec2(64.0, 48.0)));
    }
}
