//! Which windows there are, what they are called, and where they are.

use super::{
    Area, AtomEnum, MapState, RustConnection, ScreenChoice, ScreenError, ScreenSpec, Window, WindowClass,
};
use x11rb::protocol::xproto::ConnectionExt as _;

/// Windows to choose from: more than anybody looks through.
const WINDOWS_MAX: usize = 50;
/// Smaller ones are no windows that a person knows of, pixels.
const SIDE_MIN: u16 = 16;
/// Longest title that is read, words of four bytes.
const TITLE_WORDS: u32 = 64;

/// The windows of the desktop, the newest first; where nobody manages them, those right below the root.
pub(super) fn list(connection: &RustConnection, root: Window) -> Result<Vec<ScreenChoice>, ScreenError> {
    let atom =
        |name: &str| Ok::<_, ScreenError>(connection.intern_atom(false, name.as_bytes())?.reply()?.atom);
    let (clients, title) = (atom("_NET_CLIENT_LIST")?, atom("_NET_WM_NAME")?);
    let managed = connection.get_property(false, root, clients, AtomEnum::WINDOW, 0, 1024)?.reply()?;
    let mut ids: Vec<Window> = managed.value32().into_iter().flatten().collect();
    if ids.is_empty() {
        ids = connection.query_tree(root)?.reply()?.children;
    }
    let mut choices = Vec::new();
    for id in ids.into_iter().rev().take(WINDOWS_MAX) {
        // One that is closed meanwhile is no fault of the list.
        if let Ok(area) = area(connection, id)
            && let Some(name) = name(connection, id, title)
        {
            let size = (usize::from(area.width), usize::from(area.height));
            choices.push(ScreenChoice { spec: ScreenSpec::Window(id), name, size });
        }
    }
    Ok(choices)
}

/// Its title; `None` for one without, which is no window that a person knows of.
fn name(connection: &RustConnection, id: Window, title: u32) -> Option<String> {
    [title, AtomEnum::WM_NAME.into()].into_iter().find_map(|property| {
        let reply =
            connection.get_property(false, id, property, AtomEnum::ANY, 0, TITLE_WORDS).ok()?.reply().ok()?;
        let text = String::from_utf8_lossy(&reply.value).trim().to_owned();
        (!text.is_empty()).then_some(text)
    })
}

/// Where the window is on the screen, if it is there to be seen.
pub(super) fn area(connection: &RustConnection, window: Window) -> Result<Area, ScreenError> {
    let attributes = connection.get_window_attributes(window)?.reply()?;
    if attributes.map_state != MapState::VIEWABLE || attributes.class == WindowClass::INPUT_ONLY {
        return Err(ScreenError::Gone);
    }
    let geometry = connection.get_geometry(window)?.reply()?;
    if geometry.width < SIDE_MIN || geometry.height < SIDE_MIN {
        return Err(ScreenError::Gone);
    }
    let border = geometry.border_width;
    let at = connection.translate_coordinates(window, geometry.root, 0, 0)?.reply()?;
    Ok(Area {
        x: at.dst_x,
        y: at.dst_y,
        width: geometry.width + 2 * border,
        height: geometry.height + 2 * border,
    })
}
