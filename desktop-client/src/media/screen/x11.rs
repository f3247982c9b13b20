//! Displays and windows of X11: the only part that names it.
//!
//! Looks only when something was drawn (DAMAGE) or the pointer moved, so that a still screen costs next to nothing. The
//! server writes the picture into shared memory (MIT-SHM). A window is read from its own storage (Composite), not from what
//! lies over it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::ReplyError;
use x11rb::protocol::composite::{self, Redirect};
use x11rb::protocol::damage::{self, ReportLevel};
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::shm;
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, ImageFormat, MapState, Window,
    WindowClass,
};
use x11rb::protocol::{Event, xfixes};
use x11rb::rust_connection::RustConnection;

use super::{ScreenChoice, ScreenError, ScreenSpec};
use crate::media::camera::{Camera, CameraError, FrameRate, PictureFormat};
use crate::media::clock::MediaClock;
use crate::media::convert::from_bgra;
use crate::media::frame::{FrameInfo, FramePool, VideoFrame};
use crate::words::{say, say_with};

mod cursor;
#[cfg(test)]
mod tests;
mod windows;

/// Looks at the screen per second: text that scrolls is read, and the encoder has time.
const LOOKS: FrameRate = FrameRate::whole(15);
/// A still screen is sent on for so many looks, while the encoder makes it sharp ...
const SHARPENING: u32 = 15;
/// ... and then once in so many, in case something was lost.
const STILL_EVERY: u32 = 30;
/// A display that is not there is waited for through so many looks, two seconds: to be set up anew it is switched off and on.
const AWAY_MAX: u32 = 30;
/// Bytes of a pixel: blue, green, red, and one that is not used.
const PIXEL: usize = 4;

impl From<ReplyError> for ScreenError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(_) => Self::Gone,
            ReplyError::X11Error(error) => match error.error_kind {
                x11rb::protocol::ErrorKind::Window
                | x11rb::protocol::ErrorKind::Drawable
                | x11rb::protocol::ErrorKind::Match => Self::Gone,
                kind => {
                    tracing::warn!(?kind, "the window system refused");
                    Self::System(format!("X11 {}", error.error_code))
                }
            },
        }
    }
}

impl From<x11rb::errors::ConnectionError> for ScreenError {
    fn from(_: x11rb::errors::ConnectionError) -> Self {
        Self::Gone
    }
}

impl From<x11rb::errors::ReplyOrIdError> for ScreenError {
    fn from(error: x11rb::errors::ReplyOrIdError) -> Self {
        match error {
            x11rb::errors::ReplyOrIdError::ConnectionError(error) => error.into(),
            x11rb::errors::ReplyOrIdError::X11Error(error) => ReplyError::X11Error(error).into(),
            x11rb::errors::ReplyOrIdError::IdsExhausted => Self::System(say("reason-no-numbers").into()),
        }
    }
}

/// A connection to a display server, and which of its screens is meant.
type Server = (RustConnection, usize);

/// Connects to the display server, unless it is one that shows us nothing.
fn connect() -> Result<Server, ScreenError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("WAYLAND_DISPLAY") {
        return Err(ScreenError::Wayland);
    }
    match std::env::var("DISPLAY") {
        Ok(display) if !display.is_empty() => connect_to(&display),
        _ => Err(ScreenError::NoDisplay),
    }
}

fn connect_to(display: &str) -> Result<Server, ScreenError> {
    x11rb::connect(Some(display)).map_err(|_| ScreenError::NoDisplay)
}

pub(super) fn open(spec: ScreenSpec) -> Result<Box<dyn Camera>, ScreenError> {
    Ok(Box::new(X11Screen::open_on(connect()?, spec)?))
}

/// Part of a drawable that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    x: i16,
    y: i16,
    width: u16,
    height: u16,
}

/// The displays, as RandR 1.5 has them; the whole of it where there is none.
fn displays(connection: &RustConnection, root: Window) -> Result<Vec<(String, Area)>, ScreenError> {
    let monitors = connection.randr_get_monitors(root, true).ok().and_then(|cookie| cookie.reply().ok());
    let mut found = Vec::new();
    for monitor in monitors.into_iter().flat_map(|reply| reply.monitors) {
        let name = connection.get_atom_name(monitor.name)?.reply()?.name;
        let area = Area { x: monitor.x, y: monitor.y, width: monitor.width, height: monitor.height };
        found.push((String::from_utf8_lossy(&name).into_owned(), area));
    }
    if found.is_empty() {
        let whole = connection.get_geometry(root)?.reply()?;
        found.push(("screen".into(), Area { x: 0, y: 0, width: whole.width, height: whole.height }));
    }
    Ok(found)
}

/// Asks to be told when displays come, go or move: by RandR, or as a change of the root where only their names are given anew.
fn hear_of_displays(connection: &RustConnection, root: Window) -> Result<(), ScreenError> {
    let moves = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
    connection.change_window_attributes(root, &moves)?.check()?;
    if connection.extension_information(randr::X11_EXTENSION_NAME)?.is_some() {
        use randr::NotifyMask;
        connection.randr_query_version(1, 5)?.reply()?;
        let mask = NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE | NotifyMask::OUTPUT_CHANGE;
        connection.randr_select_input(root, mask)?.check()?;
    }
    Ok(())
}

/// Where the display of this name is now; `None` while it is away, and an error once that is for too long.
fn find_again(displays: &[(String, Area)], name: &str, away: &mut u32) -> Result<Option<Area>, ScreenError> {
    let found = displays.iter().find(|(known, _)| known == name).map(|(_, area)| *area);
    *away = if found.is_some() { 0 } else { *away + 1 };
    if *away > AWAY_MAX { Err(ScreenError::Gone) } else { Ok(found) }
}

pub(super) fn list() -> Result<Vec<ScreenChoice>, ScreenError> {
    list_on(&connect()?)
}

fn list_on((connection, screen): &Server) -> Result<Vec<ScreenChoice>, ScreenError> {
    let root = connection.setup().roots[*screen].root;
    let mut choices = Vec::new();
    for (number, (name, area)) in displays(connection, root)?.into_iter().enumerate() {
        let size = (usize::from(area.width), usize::from(area.height));
        choices.push(ScreenChoice { spec: ScreenSpec::Display(number), name, size });
    }
    choices.extend(windows::list(connection, root)?);
    Ok(choices)
}

/// Shared memory that the server draws into.
struct Segment {
    id: shm::Seg,
    memory: File,
    bytes: usize,
}

impl Segment {
    fn new(connection: &RustConnection, bytes: usize) -> Result<Self, ScreenError> {
        let id = connection.generate_id()?;
        let size = u32::try_from(bytes).map_err(|_| ScreenError::System(say("reason-too-large").into()))?;
        let reply = shm::create_segment(connection, id, size, false)?.reply()?;
        Ok(Self { id, memory: File::from(reply.shm_fd), bytes })
    }
}

/// What is shared.
enum Shared {
    /// The display of this name, wherever it stands among the others.
    Display { name: String, away: u32 },
    /// One window.
    Window(Window),
}

/// A display or window that is shared.
struct X11Screen {
    connection: RustConnection,
    root: Window,
    shared: Shared,
    area: Area,
    /// What is read: the root, or the window's own storage.
    drawable: u32,
    damage: damage::Damage,
    segment: Segment,
    /// The last look, pixel by pixel.
    pixels: Vec<u8>,
    cursor: cursor::Cursor,
    pool: FramePool,
    last: Option<VideoFrame>,
    start_us: Option<u64>,
    looks: u64,
    /// Looks since something changed.
    still: u32,
}

impl X11Screen {
    fn open_on((connection, screen): Server, spec: ScreenSpec) -> Result<Self, ScreenError> {
        let setup = connection.setup();
        let bits = setup.pixmap_formats.iter().find(|format| format.depth == setup.roots[screen].root_depth);
        if bits.is_none_or(|format| usize::from(format.bits_per_pixel) != 8 * PIXEL)
            || setup.image_byte_order != x11rb::protocol::xproto::ImageOrder::LSB_FIRST
        {
            return Err(ScreenError::System(say("reason-other-pixels").into()));
        }
        let root = setup.roots[screen].root;
        for extension in [
            shm::X11_EXTENSION_NAME,
            damage::X11_EXTENSION_NAME,
            xfixes::X11_EXTENSION_NAME,
            composite::X11_EXTENSION_NAME,
        ] {
            if connection.extension_information(extension)?.is_none() {
                return Err(ScreenError::System(say_with("reason-lacks", &[("what", extension.into())])));
            }
        }
        damage::query_version(&connection, 1, 1)?.reply()?;
        connection.xfixes_query_version(5, 0)?.reply()?;
        composite::query_version(&connection, 0, 4)?.reply()?;
        let (shared, area, watched) = match spec {
            ScreenSpec::Window(id) => {
                let area = windows::area(&connection, id)?;
                composite::redirect_window(&connection, id, Redirect::AUTOMATIC)?.check()?;
                (Shared::Window(id), area, id)
            }
            ScreenSpec::Pattern | ScreenSpec::Display(_) => {
                let number = if let ScreenSpec::Display(number) = spec { number } else { 0 };
                hear_of_displays(&connection, root)?;
                let (name, area) =
                    displays(&connection, root)?.into_iter().nth(number).ok_or(ScreenError::Gone)?;
                (Shared::Display { name, away: 0 }, area, root)
            }
        };
        let damage = connection.generate_id()?;
        damage::create(&connection, damage, watched, ReportLevel::NON_EMPTY)?.check()?;
        let segment = Segment::new(&connection, bytes(area))?;
        let mut screen = Self {
            connection,
            root,
            shared,
            area,
            drawable: watched,
            damage,
            segment,
            pixels: Vec::new(),
            cursor: cursor::Cursor::default(),
            pool: FramePool::new(),
            last: None,
            start_us: None,
            looks: 0,
            still: 0,
        };
        screen.take_storage()?;
        Ok(screen)
    }

    /// A window's storage is another one after each change of its size.
    fn take_storage(&mut self) -> Result<(), ScreenError> {
        if let Shared::Window(window) = self.shared {
            if self.drawable != window {
                self.connection.free_pixmap(self.drawable)?;
            }
            let pixmap = self.connection.generate_id()?;
            composite::name_window_pixmap(&self.connection, window, pixmap)?.check()?;
            self.drawable = pixmap;
        }
        if self.segment.bytes < bytes(self.area) {
            shm::detach(&self.connection, self.segment.id)?;
            self.segment = Segment::new(&self.connection, bytes(self.area))?;
        }
        Ok(())
    }

    /// Whether anything changed since the last time; never while there is nothing to be seen.
    fn has_changed(&mut self) -> Result<bool, ScreenError> {
        let (mut changed, mut rearranged) = (self.last.is_none(), false);
        while let Some(event) = self.connection.poll_for_event()? {
            match event {
                Event::DamageNotify(_) => {
                    damage::subtract(&self.connection, self.damage, x11rb::NONE, x11rb::NONE)?;
                    changed = true;
                }
                Event::RandrScreenChangeNotify(_) | Event::RandrNotify(_) | Event::ConfigureNotify(_) => {
                    rearranged = true;
                }
                _ => {}
            }
        }
        let area = match &mut self.shared {
            Shared::Window(window) => windows::area(&self.connection, *window)?,
            Shared::Display { away: 0, .. } if !rearranged => self.area,
            Shared::Display { name, away } => {
                let Some(area) = find_again(&displays(&self.connection, self.root)?, name, away)? else {
                    self.last = None;
                    return Ok(false);
                };
                changed |= area != self.area;
                area
            }
        };
        if (area.width, area.height) != (self.area.width, self.area.height) {
            self.area = area;
            self.take_storage()?;
            changed = true;
        }
        self.area = area;
        Ok(self.cursor.follow(&self.connection, self.root)? || changed)
    }

    /// Takes the picture of now.
    fn look(&mut self, capture_us: u64) -> Result<VideoFrame, ScreenError> {
        let Area { x, y, width, height } = self.area;
        // A window's storage begins with the window.
        let (x, y) = if matches!(self.shared, Shared::Window(_)) { (0, 0) } else { (x, y) };
        let format = u8::from(ImageFormat::Z_PIXMAP);
        let (drawable, segment) = (self.drawable, self.segment.id);
        shm::get_image(&self.connection, drawable, x, y, width, height, u32::MAX, format, segment, 0)?
            .reply()?;
        self.pixels.resize(bytes(self.area), 0);
        let unread = |error: io::Error| ScreenError::System(error.to_string());
        self.segment.memory.read_exact_at(&mut self.pixels, 0).map_err(unread)?;
        self.cursor.paint(&mut self.pixels, self.area);
        let info = FrameInfo { capture_us: Some(capture_us), ..FrameInfo::default() };
        // Even sides, as the encoder's 4:2:0 has them.
        let (across, down) = (even(width), even(height));
        let (pixels, stride) = (&self.pixels, usize::from(width) * PIXEL);
        self.pool.try_draw(across, down, info, |planes| {
            let converted = from_bgra(pixels, stride, planes);
            converted.map_err(|error| {
                tracing::warn!(%error, "the window system gives other pictures than it said");
                ScreenError::System(say("reason-other-pixels").into())
            })
        })
    }
}

impl Camera for X11Screen {
    fn format(&self) -> PictureFormat {
        PictureFormat { width: even(self.area.width), height: even(self.area.height), rate: LOOKS }
    }

    fn next(&mut self, clock: &MediaClock, patience: Duration) -> Result<Option<VideoFrame>, CameraError> {
        let start_us = *self.start_us.get_or_insert_with(|| clock.now_us());
        let early =
            Duration::from_micros((start_us + LOOKS.due_us(self.looks)).saturating_sub(clock.now_us()));
        std::thread::sleep(early.min(patience));
        if early > patience {
            return Ok(None);
        }
        let now_us = clock.now_us();
        while start_us + LOOKS.due_us(self.looks) <= now_us {
            self.looks += 1;
        }
        if self.has_changed()? {
            self.still = 0;
            let frame = self.look(now_us)?;
            self.last = Some(frame.clone());
            return Ok(Some(frame));
        }
        self.still = self.still.saturating_add(1);
        if self.still > SHARPENING && !self.still.is_multiple_of(STILL_EVERY) {
            return Ok(None);
        }
        let mut frame = self.last.clone();
        if let Some(frame) = &mut frame {
            frame.info.capture_us = Some(now_us);
        }
        Ok(frame)
    }
}

fn bytes(area: Area) -> usize {
    usize::from(area.width) * usize::from(area.height) * PIXEL
}

/// The next lower even number, at least 2.
fn even(side: u16) -> usize {
    (usize::from(side) & !1).max(2)
}
