//! The pointer: no part of what the server draws, so it is painted over the picture.

use super::{Area, PIXEL, RustConnection, ScreenError, Window};
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::ConnectionExt as _;

/// The pointer as it was last seen.
#[derive(Default)]
pub(super) struct Cursor {
    at: (i16, i16),
    /// Width and height, and where the tip is.
    size: (usize, usize),
    tip: (i16, i16),
    serial: u32,
    /// Alpha, red, green and blue, the colours already weighed by alpha.
    pixels: Vec<u32>,
}

impl Cursor {
    /// Looks where it is and how it looks; whether that changed.
    pub(super) fn follow(&mut self, connection: &RustConnection, root: Window) -> Result<bool, ScreenError> {
        let pointer = connection.query_pointer(root)?.reply()?;
        let moved = std::mem::replace(&mut self.at, (pointer.root_x, pointer.root_y)) != self.at;
        if !moved && !self.pixels.is_empty() {
            return Ok(false);
        }
        let image = connection.xfixes_get_cursor_image()?.reply()?;
        let changed = moved || image.cursor_serial != self.serial;
        self.serial = image.cursor_serial;
        self.size = (usize::from(image.width), usize::from(image.height));
        self.tip = (image.xhot.cast_signed(), image.yhot.cast_signed());
        self.pixels = image.cursor_image;
        Ok(changed)
    }

    /// Paints it into `pixels`, which show `area`.
    pub(super) fn paint(&self, pixels: &mut [u8], area: Area) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let left = i32::from(self.at.0) - i32::from(self.tip.0) - i32::from(area.x);
        let top = i32::from(self.at.1) - i32::from(self.tip.1) - i32::from(area.y);
        for (at, color) in self.pixels.iter().enumerate() {
            let (across, down) = ((at % self.size.0.max(1)) as i32, (at / self.size.0.max(1)) as i32);
            let (Ok(x), Ok(y)) = (usize::try_from(left + across), usize::try_from(top + down)) else {
                continue;
            };
            if x >= width || y >= height {
                continue;
            }
            let [blue, green, red, alpha] = color.to_le_bytes();
            let place = (y * width + x) * PIXEL;
            for (below, above) in pixels[place..place + 3].iter_mut().zip([blue, green, red]) {
                let through = u32::from(*below) * u32::from(255 - alpha) / 255;
                *below = (u32::from(above) + through).min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_is_painted_where_it_is_and_cut_at_the_edges() {
        let area = Area { x: 100, y: 50, width: 4, height: 3 };
        let white = [255_u8; 4 * 3 * PIXEL];
        let painted = |at: (i16, i16)| {
            let pixels = vec![0xff00_0000, 0x8000_0000, 0, 0xff00_ff00];
            let cursor = Cursor { at, size: (2, 2), tip: (1, 0), serial: 1, pixels };
            let mut picture = white;
            cursor.paint(&mut picture, area);
            picture.chunks(PIXEL).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect::<Vec<_>>()
        };
        let full = painted((102, 51));
        assert_eq!((full[5], full[6], full[9], full[10]), ([0; 3], [127; 3], [255; 3], [0, 255, 0]));
        assert_eq!(painted((100, 52))[8], [127; 3], "its left half is outside");
        assert!(painted((-500, 7000)).iter().all(|pixel| *pixel == [255; 3]));
    }
}
