//! Pictures of screens, drawn on the CPU from what egui wants drawn, so that they are the same on every machine and need
//! neither a graphics card nor a window. Callbacks into OpenGL are left out.

use eframe::egui::{
    self, Color32, ColorImage, Mesh, Rect, TextureId, TexturesDelta,
    epaint::{ImageData, Primitive, Vertex},
    pos2, vec2,
};
use egui_kittest::TestRenderer;
use image::{Rgba, RgbaImage};
use std::collections::BTreeMap;

/// Keeps textures, and draws triangles of them.
#[derive(Default)]
pub(super) struct Raster {
    textures: BTreeMap<TextureId, ColorImage>,
}

impl TestRenderer for Raster {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut changes: Vec<_> = delta.set.drain().collect();
        changes.sort_by_key(|(id, _)| *id);
        for (id, images) in changes {
            for change in images {
                let ImageData::Color(image) = change.image;
                let Some([left, top]) = change.pos else {
                    self.textures.insert(id, (*image).clone());
                    continue;
                };
                let whole = self.textures.get_mut(&id).expect("a texture is made before it is patched");
                for y in 0..image.height() {
                    for x in 0..image.width() {
                        whole[(left + x, top + y)] = image[(x, y)];
                    }
                }
            }
        }
        delta.clear();
    }

    fn render(&mut self, ctx: &egui::Context, output: &egui::FullOutput) -> Result<RgbaImage, String> {
        let scale = ctx.pixels_per_point();
        let size = ctx.content_rect().size() * scale;
        let mut picture = RgbaImage::new(size.x.round() as u32, size.y.round() as u32);
        for primitive in ctx.tessellate(output.shapes.clone(), scale) {
            if let Primitive::Mesh(mesh) = &primitive.primitive {
                let texture = self.textures.get(&mesh.texture_id).ok_or("a mesh without its texture")?;
                let clip = Rect::from_min_max(
                    (primitive.clip_rect.min.to_vec2() * scale).round().to_pos2(),
                    (primitive.clip_rect.max.to_vec2() * scale).round().to_pos2(),
                );
                draw(&mut picture, mesh, texture, clip, scale);
            }
        }
        Ok(picture)
    }
}

fn draw(picture: &mut RgbaImage, mesh: &Mesh, texture: &ColorImage, clip: Rect, scale: f32) {
    let room = Rect::from_min_size(pos2(0.0, 0.0), vec2(picture.width() as f32, picture.height() as f32));
    let clip = clip.intersect(room);
    for corners in mesh.indices.chunks_exact(3) {
        let vertex = |place: usize| {
            let vertex = mesh.vertices[corners[place] as usize];
            Vertex { pos: (vertex.pos.to_vec2() * scale).to_pos2(), ..vertex }
        };
        let [a, mut b, mut c] = [vertex(0), vertex(1), vertex(2)];
        if edge(&a, &b, c.pos) < 0.0 {
            std::mem::swap(&mut b, &mut c);
        }
        let area = edge(&a, &b, c.pos);
        if area <= 0.0 {
            continue;
        }
        let bounds = Rect::from_points(&[a.pos, b.pos, c.pos]).intersect(clip);
        for y in bounds.top().floor().max(0.0) as u32..bounds.bottom().ceil().max(0.0) as u32 {
            for x in bounds.left().floor().max(0.0) as u32..bounds.right().ceil().max(0.0) as u32 {
                let at = pos2(x as f32 + 0.5, y as f32 + 0.5);
                let weights = [edge(&b, &c, at), edge(&c, &a, at), edge(&a, &b, at)];
                let inside = weights.iter().zip([(&b, &c), (&c, &a), (&a, &b)]);
                if clip.contains(at) && inside.into_iter().all(|(w, (p, q))| covers(*w, p, q)) {
                    let ink = shade([&a, &b, &c], weights.map(|weight| weight / area), texture);
                    blend(picture.get_pixel_mut(x, y), ink);
                }
            }
        }
    }
}

/// Twice the area of the triangle from the edge to a point, positive at its inner side.
fn edge(from: &Vertex, to: &Vertex, at: egui::Pos2) -> f32 {
    (to.pos.x - from.pos.x) * (at.y - from.pos.y) - (to.pos.y - from.pos.y) * (at.x - from.pos.x)
}

/// A point on an edge belongs to the triangle above or left of it, so that neighbours do not both draw it.
fn covers(weight: f32, from: &Vertex, to: &Vertex) -> bool {
    let (dx, dy) = (to.pos.x - from.pos.x, to.pos.y - from.pos.y);
    weight > 0.0 || (weight == 0.0 && (dy < 0.0 || (dy == 0.0 && dx > 0.0)))
}

/// Colour of the mesh times that of the texture, premultiplied.
fn shade(corners: [&Vertex; 3], weights: [f32; 3], texture: &ColorImage) -> [f32; 4] {
    let mut color = [0.0; 4];
    let mut uv = vec2(0.0, 0.0);
    for (corner, weight) in corners.into_iter().zip(weights) {
        uv += corner.uv.to_vec2() * weight;
        for (sum, channel) in color.iter_mut().zip(corner.color.to_array()) {
            *sum += f32::from(channel) * weight;
        }
    }
    let texel = sample(texture, uv);
    std::array::from_fn(|channel| color[channel] * texel[channel] / 255.0)
}

/// Between the four nearest texels.
fn sample(texture: &ColorImage, uv: egui::Vec2) -> [f32; 4] {
    let (width, height) = (texture.width(), texture.height());
    let (x, y) = (uv.x * width as f32 - 0.5, uv.y * height as f32 - 0.5);
    let (share_x, share_y) = (x - x.floor(), y - y.floor());
    let texel = |dx: f32, dy: f32| -> Color32 {
        let column = (x.floor() + dx).clamp(0.0, width as f32 - 1.0) as usize;
        let row = (y.floor() + dy).clamp(0.0, height as f32 - 1.0) as usize;
        texture[(column, row)]
    };
    let mut sum = [0.0; 4];
    for (dx, dy, share) in [
        (0.0, 0.0, (1.0 - share_x) * (1.0 - share_y)),
        (1.0, 0.0, share_x * (1.0 - share_y)),
        (0.0, 1.0, (1.0 - share_x) * share_y),
        (1.0, 1.0, share_x * share_y),
    ] {
        for (sum, channel) in sum.iter_mut().zip(texel(dx, dy).to_array()) {
            *sum += f32::from(channel) * share;
        }
    }
    sum
}

fn blend(pixel: &mut Rgba<u8>, ink: [f32; 4]) {
    let rest = 1.0 - ink[3] / 255.0;
    for (under, over) in pixel.0.iter_mut().zip(ink) {
        *under = (over + f32::from(*under) * rest).round().clamp(0.0, 255.0) as u8;
    }
}
