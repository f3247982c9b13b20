//! A real X server without a screen (Xvfb), windows of our own on it, and what is captured of them.

use super::*;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use x11rb::COPY_DEPTH_FROM_PARENT;
use x11rb::protocol::xproto::{ChangeWindowAttributesAux, ConfigureWindowAux, CreateWindowAux, PropMode};
use x11rb::wrapper::ConnectionExt as _;

const PATIENCE: Duration = Duration::from_secs(20);
/// Pixels across and down of the made-up display.
const DISPLAY: (usize, usize) = (640, 480);

/// The server; killed when dropped.
struct Xvfb {
    child: Child,
    display: String,
}

impl Xvfb {
    fn start() -> Self {
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{}x{}x24", DISPLAY.0, DISPLAY.1))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed (scripts/setup.sh test)");
        let mut number = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut number).expect("it tells its display");
        Self { child, display: format!(":{}", number.trim()) }
    }

    fn open(&self, spec: ScreenSpec) -> Result<X11Screen, ScreenError> {
        X11Screen::open_on(connect_to(&self.display)?, spec)
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }
}

/// A program with windows of one colour each.
struct Painter {
    connection: RustConnection,
    root: Window,
}

impl Painter {
    fn new(server: &Xvfb) -> Self {
        let (connection, screen) = connect_to(&server.display).expect("the server answers");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    /// A window at `at` with a title, filled with `color`.
    fn window(&self, at: (i16, i16), size: (u16, u16), title: &str, color: u32) -> Window {
        let id = self.connection.generate_id().expect("a number");
        let look = CreateWindowAux::new().background_pixel(color);
        let class = WindowClass::INPUT_OUTPUT;
        let (depth, visual) = (COPY_DEPTH_FROM_PARENT, 0);
        self.connection
            .create_window(depth, id, self.root, at.0, at.1, size.0, size.1, 0, class, visual, &look)
            .expect("sent");
        let name = AtomEnum::WM_NAME;
        self.connection
            .change_property8(PropMode::REPLACE, id, name, AtomEnum::STRING, title.as_bytes())
            .expect("sent");
        self.connection.map_window(id).expect("sent");
        self.sync();
        id
    }

    /// Calls a part of the display by this name, as if a monitor stood there.
    fn monitor(&self, name: &str, (x, y): (i16, i16), (width, height): (u16, u16)) {
        let name = self
            .connection
            .intern_atom(false, name.as_bytes())
            .expect("sent")
            .reply()
            .expect("a number")
            .atom;
        let monitor = randr::MonitorInfo { name, x, y, width, height, ..Default::default() };
        self.connection.randr_set_monitor(self.root, monitor).expect("sent").check().expect("a monitor");
    }

    fn unplug(&self, name: &str) {
        let name = self
            .connection
            .intern_atom(false, name.as_bytes())
            .expect("sent")
            .reply()
            .expect("a number")
            .atom;
        self.connection.randr_delete_monitor(self.root, name).expect("sent").check().expect("it was there");
    }

    /// Gives the window a pointer: by itself the server has none that is to be seen.
    fn point_with_a_cross(&self, window: Window) {
        /// The place of the cross in the font of pointers; its mask comes next.
        const CROSS: u16 = 30;
        let [font, cursor] = [(); 2].map(|()| self.connection.generate_id().expect("a number"));
        self.connection.open_font(font, b"cursor").expect("sent");
        let black_on_white = (0, 0, 0, u16::MAX, u16::MAX, u16::MAX);
        let (r, g, b, back_r, back_g, back_b) = black_on_white;
        self.connection
            .create_glyph_cursor(cursor, font, font, CROSS, CROSS + 1, r, g, b, back_r, back_g, back_b)
            .expect("sent");
        let look = ChangeWindowAttributesAux::new().cursor(cursor);
        self.connection.change_window_attributes(window, &look).expect("sent").check().expect("a pointer");
    }

    fn sync(&self) {
        self.connection.get_input_focus().expect("sent").reply().expect("answered");
    }
}

/// Looks until `wanted` holds of a picture.
fn until(screen: &mut X11Screen, clock: &MediaClock, wanted: impl Fn(&VideoFrame) -> bool) -> VideoFrame {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "it never came");
        if let Some(frame) = screen.next(clock, Duration::from_millis(100)).expect("the screen is there")
            && wanted(&frame)
        {
            return frame;
        }
    }
}

/// Luma, blue and red difference of one pixel.
fn color(frame: &VideoFrame, x: usize, y: usize) -> [u8; 3] {
    let (luma, u, v) = (frame.y(), frame.u(), frame.v());
    let chroma = y / 2 * u.stride + x / 2;
    [luma.data[y * luma.stride + x], u.data[chroma], v.data[chroma]]
}

fn near(color: [u8; 3], wanted: [u8; 3]) -> bool {
    color.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 3)
}

/// Pure red and pure blue in BT.601, limited range.
const RED: (u32, [u8; 3]) = (0xff_0000, [81, 90, 240]);
const BLUE: (u32, [u8; 3]) = (0x00_00ff, [41, 240, 110]);

#[test]
fn a_display_is_captured_as_it_is_and_left_alone_while_it_stands_still() {
    let (server, clock) = (Xvfb::start(), MediaClock::starting_at(Instant::now()));
    let painter = Painter::new(&server);
    painter.window((100, 100), (200, 100), "red", RED.0);
    let mut screen = server.open(ScreenSpec::Display(0)).expect("the display");
    let frame = until(&mut screen, &clock, |frame| near(color(frame, 150, 150), RED.1));
    assert_eq!((frame.width(), frame.height()), DISPLAY);
    assert!(near(color(&frame, 50, 50), [16, 128, 128]), "black around it: {:?}", color(&frame, 50, 50));
    painter.window((150, 120), (50, 40), "blue", BLUE.0);
    until(&mut screen, &clock, |frame| near(color(frame, 170, 140), BLUE.1));
    // Nothing moves: the same picture is sent on for a while, and then hardly ever.
    let mut sent = 0;
    for _ in 0..2 * STILL_EVERY {
        let look = screen.looks;
        while screen.looks == look {
            sent += u32::from(screen.next(&clock, Duration::from_millis(100)).expect("there").is_some());
        }
    }
    assert!((SHARPENING - 1..=SHARPENING + 3).contains(&sent), "{sent} pictures of a still screen");
    assert!(matches!(server.open(ScreenSpec::Display(7)).err(), Some(ScreenError::Gone)));
}

#[test]
fn a_window_is_captured_alone_wherever_it_is_and_ends_with_it() {
    let (server, clock) = (Xvfb::start(), MediaClock::starting_at(Instant::now()));
    let painter = Painter::new(&server);
    let red = painter.window((300, 50), (120, 80), "Plan for the garden", RED.0);
    let mut screen = server.open(ScreenSpec::Window(red)).expect("the window");
    let frame = until(&mut screen, &clock, |frame| near(color(frame, 60, 40), RED.1));
    assert_eq!((frame.width(), frame.height()), (120, 80));
    painter.window((290, 40), (150, 100), "over it", BLUE.0);
    until(&mut screen, &clock, |frame| near(color(frame, 60, 40), RED.1) && near(color(frame, 2, 2), RED.1));
    painter
        .connection
        .configure_window(red, &ConfigureWindowAux::new().width(201).height(160))
        .expect("sent");
    painter.sync();
    until(&mut screen, &clock, |frame| {
        (frame.width(), frame.height()) == (200, 160) && near(color(frame, 190, 150), RED.1)
    });
    painter.connection.destroy_window(red).expect("sent");
    painter.sync();
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        assert!(Instant::now() < deadline, "it is never missed");
        if let Err(error) = screen.next(&clock, Duration::from_millis(100)) {
            break error;
        }
    };
    assert!(matches!(error, CameraError::Screen(ScreenError::Gone)), "{error}");
    assert!(matches!(server.open(ScreenSpec::Window(red)).err(), Some(ScreenError::Gone)));
}

#[test]
fn displays_and_windows_are_listed_by_name() {
    let server = Xvfb::start();
    let painter = Painter::new(&server);
    let id = painter.window((0, 0), (120, 80), "Plan for the garden", RED.0);
    painter.window((0, 0), (120, 80), "", RED.0);
    painter.window((0, 0), (4, 4), "too small to be one", RED.0);
    let choices = list_on(&connect_to(&server.display).expect("it answers")).expect("a list");
    assert_eq!((choices[0].spec, choices[0].size), (ScreenSpec::Display(0), DISPLAY));
    let window =
        ScreenChoice { spec: ScreenSpec::Window(id), name: "Plan for the garden".into(), size: (120, 80) };
    assert_eq!(choices[1..], [window]);
}

#[test]
fn the_pointer_is_in_the_picture_where_it_moves() {
    let (server, clock) = (Xvfb::start(), MediaClock::starting_at(Instant::now()));
    let painter = Painter::new(&server);
    let window = painter.window((0, 0), (640, 480), "red", RED.0);
    painter.point_with_a_cross(window);
    let mut screen = server.open(ScreenSpec::Display(0)).expect("the display");
    let plain = |frame: &VideoFrame, x: usize| {
        (x..x + 16).all(|x| (200..216).all(|y| near(color(frame, x, y), RED.1)))
    };
    for (x, other) in [(200, 400), (400, 200)] {
        let at = i16::try_from(x).expect("small");
        painter.connection.warp_pointer(x11rb::NONE, painter.root, 0, 0, 0, 0, at, 200).expect("sent");
        painter.sync();
        until(&mut screen, &clock, |frame| !plain(frame, x) && plain(frame, other));
    }
}

#[test]
fn a_server_that_ends_is_an_error_and_no_hang() {
    let (server, clock) = (Xvfb::start(), MediaClock::starting_at(Instant::now()));
    let mut screen = server.open(ScreenSpec::Display(0)).expect("the display");
    until(&mut screen, &clock, |_| true);
    drop(server);
    let deadline = Instant::now() + PATIENCE;
    while screen.next(&clock, Duration::from_millis(100)).is_ok() {
        assert!(Instant::now() < deadline, "it is never missed");
    }
}

#[test]
fn a_display_is_found_again_by_its_name_wherever_it_stands_and_sharing_ends_once_it_is_gone() {
    let (server, clock) = (Xvfb::start(), MediaClock::starting_at(Instant::now()));
    let painter = Painter::new(&server);
    painter.window((0, 0), (320, 480), "red", RED.0);
    painter.window((320, 0), (320, 480), "blue", BLUE.0);
    painter.monitor("left", (0, 0), (320, 480));
    painter.monitor("right", (320, 0), (320, 480));
    let choices = list_on(&connect_to(&server.display).expect("it answers")).expect("a list");
    let right = choices.iter().find(|choice| choice.name == "right").expect("it is there").spec;
    let mut screen = server.open(right).expect("the display");
    let shows = |frame: &VideoFrame, size, wanted| {
        let seen = color(frame, frame.width() / 2, frame.height() / 2);
        (frame.width(), frame.height()) == size && near(seen, wanted)
    };
    until(&mut screen, &clock, |frame| shows(frame, (320, 480), BLUE.1));
    // The other one is unplugged, and this one takes its place.
    painter.unplug("left");
    painter.unplug("right");
    painter.monitor("right", (0, 0), (200, 100));
    until(&mut screen, &clock, |frame| shows(frame, (200, 100), RED.1));
    painter.unplug("right");
    painter.monitor("left", (0, 0), (320, 480));
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        assert!(Instant::now() < deadline, "it is never missed");
        match screen.next(&clock, Duration::from_millis(100)) {
            Ok(frame) => assert!(frame.is_none_or(|frame| frame.width() == 200), "another one is shown"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CameraError::Screen(ScreenError::Gone)), "{error}");
}

#[test]
fn a_display_that_is_set_up_anew_is_waited_for_and_one_that_stays_away_is_gone() {
    let area = |x| Area { x, y: 0, width: 100, height: 50 };
    let (other, mut away) = (("other".to_owned(), area(0)), 0);
    let both = [other.clone(), ("shared".to_owned(), area(100))];
    assert_eq!(find_again(&both, "shared", &mut away).ok(), Some(Some(area(100))));
    for _ in 0..AWAY_MAX {
        assert_eq!(find_again(std::slice::from_ref(&other), "shared", &mut away).ok(), Some(None));
    }
    assert_eq!(find_again(&both, "shared", &mut away).ok(), Some(Some(area(100))), "it is back");
    let gone =
        (0..=AWAY_MAX).find_map(|_| find_again(std::slice::from_ref(&other), "shared", &mut away).err());
    assert_eq!(gone, Some(ScreenError::Gone));
}
