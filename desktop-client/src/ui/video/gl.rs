//! The way through the graphics card: three planes as three textures, turned into RGB by a fragment shader.
//!
//! The only file that calls OpenGL, and so the only one with `unsafe` in the window's code. Planes are uploaded
//! straight from the decoder's strides, upright as they come: the extension for video orientation is not negotiated, so that
//! whoever sends has turned them (docs/PROTOCOL.md, RFC 7742 section 4). All objects belong to the window's context and go with it.

use crate::media::frame::{ColorMatrix, ColorRange, FrameInfo, Plane, VideoFrame};
use eframe::egui::PaintCallbackInfo;
use eframe::egui_glow::ShaderVersion;
use eframe::glow::{self, HasContext as _};
use std::sync::{Arc, Mutex, PoisonError};

/// Why frames cannot be drawn by shader here.
#[derive(Debug, thiserror::Error)]
pub(super) enum GlError {
    /// Too old: no one-channel textures, no vertex numbers.
    #[error("OpenGL 3.1 or OpenGL ES 3.0 is needed")]
    TooOld,
    /// An object could not be made.
    #[error("cannot make an OpenGL object: {0}")]
    Object(String),
    /// The driver refused the shader.
    #[error("cannot compile the shader: {0}")]
    Shader(String),
}

const VERTEX: &str = "
uniform float u_mirror;
out vec2 v_uv;
void main() {
    vec2 corner = vec2(float(gl_VertexID % 2), float(gl_VertexID / 2));
    v_uv = vec2(mix(corner.x, 1.0 - corner.x, u_mirror), 1.0 - corner.y);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}";

const FRAGMENT: &str = "
uniform sampler2D u_y;
uniform sampler2D u_u;
uniform sampler2D u_v;
uniform mat3 u_to_rgb;
uniform vec3 u_offset;
uniform vec2 u_size;
uniform float u_radius;
in vec2 v_uv;
out vec4 o_color;
void main() {
    vec3 yuv = vec3(texture(u_y, v_uv).r, texture(u_u, v_uv).r, texture(u_v, v_uv).r);
    vec3 rgb = clamp(u_to_rgb * (yuv - u_offset), 0.0, 1.0);
    vec2 inside = abs(v_uv - 0.5) * u_size - (0.5 * u_size - u_radius);
    float outside = length(max(inside, 0.0)) + min(max(inside.x, inside.y), 0.0) - u_radius;
    float alpha = clamp(0.5 - outside, 0.0, 1.0);
    o_color = vec4(rgb * alpha, alpha);
}";

/// Drivers that draw on the CPU, by what they call themselves.
const SOFTWARE: [&str; 4] = ["llvmpipe", "softpipe", "SwiftShader", "Microsoft Basic Render"];

/// Whether there is no graphics card behind the context.
pub(super) fn is_software(gl: &glow::Context) -> bool {
    #[expect(unsafe_code, reason = "OpenGL")]
    // SAFETY: the context is current; every version knows this name.
    let driver = unsafe { gl.get_parameter_string(glow::RENDERER) };
    SOFTWARE.iter().any(|name| driver.contains(name))
}

/// The compiled shader.
#[derive(Debug)]
pub(super) struct Program {
    shader: glow::Program,
    vertices: glow::VertexArray,
    mirror: Option<glow::UniformLocation>,
    to_rgb: Option<glow::UniformLocation>,
    offset: Option<glow::UniformLocation>,
    size: Option<glow::UniformLocation>,
    radius: Option<glow::UniformLocation>,
    planes: [Option<glow::UniformLocation>; 3],
}

impl Program {
    /// Compiles it; the window's context must be current.
    pub(super) fn new(gl: &glow::Context) -> Result<Self, GlError> {
        let header = match ShaderVersion::get(gl) {
            ShaderVersion::Gl140 => "#version 140\n",
            ShaderVersion::Es300 => "#version 300 es\nprecision highp float;\n",
            ShaderVersion::Gl120 | ShaderVersion::Es100 => return Err(GlError::TooOld),
        };
        let program = link(gl, header)?;
        #[expect(unsafe_code, reason = "OpenGL")]
        // SAFETY: the context is current, and `program` was linked in it.
        unsafe {
            let at = |name| gl.get_uniform_location(program, name);
            Ok(Self {
                shader: program,
                vertices: gl.create_vertex_array().map_err(GlError::Object)?,
                mirror: at("u_mirror"),
                to_rgb: at("u_to_rgb"),
                offset: at("u_offset"),
                size: at("u_size"),
                radius: at("u_radius"),
                planes: [at("u_y"), at("u_u"), at("u_v")],
            })
        }
    }
}

#[cfg(test)]
impl Program {
    /// One that draws nothing: there is no context behind it.
    pub(super) fn of_no_context() -> Self {
        let one = std::num::NonZeroU32::MIN;
        Self {
            shader: glow::NativeProgram(one),
            vertices: glow::NativeVertexArray(one),
            mirror: None,
            to_rgb: None,
            offset: None,
            size: None,
            radius: None,
            planes: [None, None, None],
        }
    }
}

#[expect(unsafe_code, reason = "OpenGL")]
fn link(gl: &glow::Context, header: &str) -> Result<glow::Program, GlError> {
    // SAFETY: the context is current; each object is used only after it was made in it.
    unsafe {
        let program = gl.create_program().map_err(GlError::Object)?;
        for (kind, body) in [(glow::VERTEX_SHADER, VERTEX), (glow::FRAGMENT_SHADER, FRAGMENT)] {
            let shader = gl.create_shader(kind).map_err(GlError::Object)?;
            gl.shader_source(shader, &format!("{header}{body}"));
            gl.compile_shader(shader);
            if !gl.get_shader_compile_status(shader) {
                return Err(GlError::Shader(gl.get_shader_info_log(shader)));
            }
            gl.attach_shader(program, shader);
            gl.delete_shader(shader);
        }
        gl.link_program(program);
        if !gl.get_program_link_status(program) {
            return Err(GlError::Shader(gl.get_program_info_log(program)));
        }
        Ok(program)
    }
}

/// The textures of one tile.
#[derive(Debug)]
pub(super) struct Surface {
    program: Arc<Program>,
    planes: Mutex<Planes>,
}

#[derive(Debug, Default)]
struct Planes {
    /// Texture and size of Y, U and V; none before the first frame.
    textures: [Option<(glow::Texture, (usize, usize))>; 3],
    /// Which frame is in them.
    serial: u64,
}

impl Surface {
    pub(super) fn new(program: Arc<Program>) -> Self {
        Self { program, planes: Mutex::default() }
    }

    /// Draws the frame over the whole viewport, which egui set to the picture's rectangle. Uploads it first if
    /// `serial` is new. `radius` is that of the corners, in pixels.
    pub(super) fn paint(
        &self,
        gl: &glow::Context,
        frame: &VideoFrame,
        serial: u64,
        mirror: bool,
        radius: f32,
        info: &PaintCallbackInfo,
    ) {
        let mut planes = self.planes.lock().unwrap_or_else(PoisonError::into_inner);
        if planes.serial != serial {
            if let Err(error) = planes.upload(gl, frame) {
                tracing::error!(%error, "a frame is not shown");
                return;
            }
            planes.serial = serial;
        }
        let viewport = info.viewport_in_pixels();
        let size = [viewport.width_px as f32, viewport.height_px as f32];
        let (to_rgb, offset) = coefficients(&frame.info);
        let program = &self.program;
        #[expect(unsafe_code, reason = "OpenGL")]
        // SAFETY: called while egui paints, so that the context is current; all objects were made in it. The
        // state that egui does not set again for itself (none but the texture units above 0) is not used by it.
        unsafe {
            gl.use_program(Some(program.shader));
            gl.bind_vertex_array(Some(program.vertices));
            for (unit, (texture, location)) in (0..).zip(planes.textures.iter().zip(&program.planes)) {
                gl.active_texture(glow::TEXTURE0 + unit);
                gl.bind_texture(glow::TEXTURE_2D, texture.map(|(texture, _)| texture));
                gl.uniform_1_i32(location.as_ref(), unit as i32);
            }
            gl.uniform_1_f32(program.mirror.as_ref(), if mirror { 1.0 } else { 0.0 });
            gl.uniform_matrix_3_f32_slice(program.to_rgb.as_ref(), false, &to_rgb);
            gl.uniform_3_f32_slice(program.offset.as_ref(), &offset);
            gl.uniform_2_f32_slice(program.size.as_ref(), &size);
            gl.uniform_1_f32(program.radius.as_ref(), radius);
            gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            gl.active_texture(glow::TEXTURE0);
        }
    }
}

impl Planes {
    fn upload(&mut self, gl: &glow::Context, frame: &VideoFrame) -> Result<(), GlError> {
        let (width, height) = (frame.width(), frame.height());
        let chroma = (width.div_ceil(2), height.div_ceil(2));
        let planes = [(frame.y(), (width, height)), (frame.u(), chroma), (frame.v(), chroma)];
        for (texture, (plane, size)) in self.textures.iter_mut().zip(planes) {
            upload_plane(gl, texture, plane, size)?;
        }
        Ok(())
    }
}

fn upload_plane(
    gl: &glow::Context,
    texture: &mut Option<(glow::Texture, (usize, usize))>,
    plane: Plane<'_>,
    size: (usize, usize),
) -> Result<(), GlError> {
    let (width, height) = size;
    assert!(
        plane.stride >= width && plane.data.len() >= plane.stride * (height - 1) + width,
        "a plane holds all its rows"
    );
    let pixels = glow::PixelUnpackData::Slice(Some(plane.data));
    let (columns, rows) = (width as i32, height as i32);
    #[expect(unsafe_code, reason = "OpenGL")]
    // SAFETY: the context is current. OpenGL reads `rows` rows of `columns` bytes, `stride` apart, which the
    // assertion above found inside `plane.data`. The unpack state is put back to what egui counts on.
    unsafe {
        gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
        gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, plane.stride as i32);
        if let Some((texture, had)) = *texture
            && had == size
        {
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            let (format, kind) = (glow::RED, glow::UNSIGNED_BYTE);
            gl.tex_sub_image_2d(glow::TEXTURE_2D, 0, 0, 0, columns, rows, format, kind, pixels);
        } else {
            if let Some((old, _)) = texture.take() {
                gl.delete_texture(old);
            }
            let new = gl.create_texture().map_err(GlError::Object)?;
            gl.bind_texture(glow::TEXTURE_2D, Some(new));
            for (name, value) in [
                (glow::TEXTURE_MIN_FILTER, glow::LINEAR),
                (glow::TEXTURE_MAG_FILTER, glow::LINEAR),
                (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
                (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
            ] {
                gl.tex_parameter_i32(glow::TEXTURE_2D, name, value as i32);
            }
            let (inside, format, kind) = (glow::R8 as i32, glow::RED, glow::UNSIGNED_BYTE);
            gl.tex_image_2d(glow::TEXTURE_2D, 0, inside, columns, rows, 0, format, kind, pixels);
            *texture = Some((new, size));
        }
        gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, 0);
    }
    Ok(())
}

/// Matrix (column by column) and offset that turn samples in 0 to 1 into RGB: ITU-R BT.601-7 section 2.5,
/// BT.709-6 section 3.
fn coefficients(info: &FrameInfo) -> ([f32; 9], [f32; 3]) {
    let (kr, kb) = match info.matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
    };
    let (luma, chroma, black) = match info.range {
        ColorRange::Limited => (255.0 / 219.0, 255.0 / 224.0, 16.0 / 255.0),
        ColorRange::Full => (1.0, 1.0, 0.0),
    };
    let kg = 1.0 - kr - kb;
    let (from_u, from_v) = (2.0 * (1.0 - kb) * chroma, 2.0 * (1.0 - kr) * chroma);
    let matrix = [luma, luma, luma, 0.0, -from_u * kb / kg, from_u, from_v, -from_v * kr / kg, 0.0];
    (matrix, [black, 128.0 / 255.0, 128.0 / 255.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::FramePool;

    /// What the shader computes, without the card.
    fn shade(info: &FrameInfo, yuv: [u8; 3]) -> [u8; 3] {
        let (matrix, offset) = coefficients(info);
        let sample: Vec<f32> = (0..3).map(|i| f32::from(yuv[i]) / 255.0 - offset[i]).collect();
        [0, 1, 2].map(|row| {
            let sum: f32 = (0..3).map(|column| matrix[column * 3 + row] * sample[column]).sum();
            (sum.clamp(0.0, 1.0) * 255.0).round() as u8
        })
    }

    #[test]
    fn shader_and_cpu_agree_on_every_matrix_and_range() {
        let samples =
            [[16, 128, 128], [235, 128, 128], [81, 90, 240], [145, 54, 34], [41, 240, 110], [120, 100, 160]];
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
            for range in [ColorRange::Limited, ColorRange::Full] {
                let info = FrameInfo { matrix, range, ..FrameInfo::default() };
                for yuv in samples {
                    let frame = FramePool::new().draw(16, 16, info, |planes| {
                        planes.y.fill(yuv[0]);
                        planes.u.fill(yuv[1]);
                        planes.v.fill(yuv[2]);
                    });
                    let mut image = Arc::default();
                    super::super::cpu::convert(&frame, &mut image);
                    let cpu = image.pixels[0].to_array();
                    for (ours, theirs) in shade(&info, yuv).into_iter().zip(cpu) {
                        assert!(
                            ours.abs_diff(theirs) <= 2,
                            "{matrix:?} {range:?} {yuv:?}: {ours} and {theirs}"
                        );
                    }
                }
            }
        }
    }
}
