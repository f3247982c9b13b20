//! Every colour, size, distance and letter size of the app, light and dark.
//!
//! Screens take their looks from here and from nowhere else, so that a change of taste is a change of this file.
//! Pairs of ink and ground that carry text are listed in [`Palette::text_pairs`]; a test holds each to a
//! contrast of at least 4.5:1 (WCAG 2.2, success criterion 1.4.3).

#![expect(clippy::unreadable_literal, reason = "a colour is six hex digits, as in every tool that picks one")]

mod style;

pub use style::install;

use eframe::egui::{self, Color32, FontFamily, FontId};

/// Distances, in points.
pub mod space {
    /// Between things that belong together.
    pub const XS: f32 = 4.0;
    /// Between neighbours.
    pub const S: f32 = 8.0;
    /// Between groups.
    pub const M: f32 = 16.0;
    /// Between sections.
    pub const L: f32 = 24.0;
    /// Around a lone message.
    pub const XL: f32 = 48.0;
    /// Between a sign and its words.
    pub const SIGN: f32 = 6.0;
    /// Between the edge of a field and what stands in it.
    pub const FIELD: f32 = 12.0;
}

/// Sizes, in points.
pub mod size {
    /// Smallest window that shows everything: width.
    pub const WINDOW_MIN_W: f32 = 480.0;
    /// Smallest window that shows everything: height.
    pub const WINDOW_MIN_H: f32 = 640.0;
    /// Lowest window whose screens work, with everything larger than the system has it.
    pub const WINDOW_LOWEST_H: f32 = 360.0;
    /// First window: width.
    pub const WINDOW_W: f32 = 960.0;
    /// First window: height.
    pub const WINDOW_H: f32 = 720.0;
    /// Longest line of a form or a message.
    pub const COLUMN: f32 = 400.0;
    /// Widest notice over a call.
    pub const NOTICE: f32 = 440.0;
    /// Notices beside a card over a picture have at least so much width.
    pub const NOTICE_BESIDE: f32 = 300.0;
    /// Lowest room for a notice.
    pub const NOTICE_LEAST: f32 = 48.0;
    /// Widest list.
    pub const LIST: f32 = 720.0;
    /// Height of buttons and text fields: a finger's and a pointer's target.
    pub const CONTROL: f32 = 40.0;
    /// Width of buttons that stand one below the other.
    pub const STACKED: f32 = 220.0;
    /// Height of a small button inside a row.
    pub const CONTROL_SMALL: f32 = 32.0;
    /// Diameter of a round call button.
    pub const ROUND: f32 = 52.0;
    /// Width of a round call button with its caption.
    pub const ROUND_CELL: f32 = 76.0;
    /// Height of a round call button with its caption.
    pub const ROUND_CELL_H: f32 = 78.0;
    /// Width of one on a screen that waits, where captions are longer.
    pub const RING_CELL: f32 = 114.0;
    /// Height of one guest in the hall.
    pub const ROW: f32 = 60.0;
    /// From the middle of such a row to that of its second line.
    pub const ROW_BELOW: f32 = 9.75;
    /// Narrowest key in the list of shortcuts.
    pub const KEY: f32 = 28.0;
    /// Height of one.
    pub const KEY_H: f32 = 24.0;
    /// Room for keys before what they do, where they are no longer.
    pub const KEYS: f32 = 76.0;
    /// Room that two columns need.
    pub const TWO_COLUMNS: f32 = 560.0;
    /// Width of the button that calls, in a row.
    pub const CALL: f32 = 84.0;
    /// Height of the choice of screens, as far as there is room.
    pub const SHARE: f32 = 360.0;
    /// Diameter of the initials in a row.
    pub const AVATAR: f32 = 40.0;
    /// Diameter of the initials on a call screen.
    pub const AVATAR_LARGE: f32 = 120.0;
    /// Side of the sign of the house.
    pub const MARK: f32 = 32.0;
    /// Height of a caption, for what stands beside it.
    pub const CAPTION: f32 = 15.0;
    /// Radius of the disc that tells how many wait.
    pub const BADGE: f32 = 8.0;
    /// Narrowest field to search in beside buttons.
    pub const SEARCH_FIELD: f32 = 200.0;
    /// Radius of the dot that tells availability.
    pub const DOT: f32 = 5.0;
    /// Radius of the mark of one choice among others.
    pub const RADIO: f32 = 8.0;
    /// Radius of the dot in it.
    pub const RADIO_DOT: f32 = 4.0;
    /// Side of the sign of a list that opens.
    pub const ARROW: f32 = 14.0;
    /// Height of a list that opened, at most.
    pub const CHOICES: f32 = 320.0;
    /// Radius of the two circles that look for each other.
    pub const SEEKER: f32 = 9.6;
    /// Width of a line around things.
    pub const LINE: f32 = 1.0;
    /// The same around what is chosen, and of graphs.
    pub const LINE_CHOSEN: f32 = 1.5;
    /// The same of signs, and around pictures that lie over others.
    pub const LINE_SIGN: f32 = 2.0;
    /// Width to height of most pictures.
    pub const WIDE: f32 = 16.0 / 9.0;
    /// Own picture: never wider.
    pub const SELF_MAX: f32 = 240.0;
    /// Width of a face beside a shared screen.
    pub const TILE: f32 = 160.0;
    /// Stages at least so wide have a column of faces beside a shared screen.
    pub const TILES_BESIDE: f32 = 700.0;
    /// Others at least so high have a row of them below it.
    pub const TILES_BELOW: f32 = 380.0;
    /// Lower places have no room for words below a face.
    pub const FACE_WITH_WORDS: f32 = 180.0;
    /// Room between the own picture and the edge.
    pub const SELF_EDGE: f32 = 16.0;
    /// Narrower stages have the own picture below the line of the title, and not beside it.
    pub const TITLE_BESIDE: f32 = 640.0;
    /// Height of a bar that shows a level.
    pub const METER: f32 = 8.0;
    /// Width of a switch.
    pub const SWITCH: f32 = 40.0;
    /// Height of a switch.
    pub const SWITCH_H: f32 = 24.0;
    /// Between the knob of a switch and its edge.
    pub const SWITCH_EDGE: f32 = 3.0;
    /// Width of the panel beside a picture.
    pub const PANEL: f32 = 320.0;
    /// Height of what is said about a line of chat that is too long.
    pub const CHAT_WARNING: f32 = 50.7;
    /// Lowest panel of the chat below a picture: its head, a line, and the field to write in.
    pub const CHAT_LEAST: f32 = 152.0;
    /// Narrower stages have the panel below the picture.
    pub const PANEL_BESIDE: f32 = 760.0;
    /// Height of one graph.
    pub const GRAPH: f32 = 40.0;
    /// Sizes of everything to choose from.
    pub const ZOOMS: [f32; 5] = [ZOOM_MIN, 1.0, 1.25, 1.5, ZOOM_MAX];
    /// The smallest of them.
    pub const ZOOM_MIN: f32 = 0.75;
    /// The largest.
    pub const ZOOM_MAX: f32 = 2.0;
    /// About as high as the login form with all its fields.
    pub const FORM: f32 = 580.0;
    /// Below this height the hall scrolls as a whole, and not its list alone.
    pub const HALL_LOW: f32 = 520.0;
    /// The end of a call has no room for a large face below this height.
    pub const ENDED_LOW: f32 = 600.0;
    /// The search has no room for large circles below this height.
    pub const SEARCH_LOW: f32 = 520.0;
    /// And for none at all below this one.
    pub const SEARCH_LOWEST: f32 = 400.0;
    /// Room for the name of a choice before it.
    pub const NAME: f32 = 190.0;
    /// Narrower places have the name above.
    pub const NAMED: f32 = 520.0;
    /// Narrowest way to a list.
    pub const LIST_LEAST: f32 = 240.0;
    /// Width of a menu.
    pub const MENU: f32 = 220.0;
    /// Widest dialog.
    pub const DIALOG: f32 = 420.0;
    /// Picture in picture, first width.
    pub const PIP_W: f32 = 320.0;
    /// Picture in picture, first height.
    pub const PIP_H: f32 = 180.0;
    /// Radius of corners of keys.
    pub const RADIUS_S: u8 = 5;
    /// Radius of corners of controls.
    pub const RADIUS: u8 = 8;
    /// Radius of corners of cards and pictures.
    pub const RADIUS_L: u8 = 14;
    /// Width of the ring around what has the keyboard.
    pub const FOCUS: f32 = 2.5;
}

/// Shares of what there is, 0 to 1.
pub mod share {
    /// Above a lone message: of the height.
    pub const MESSAGE: f32 = 0.25;
    /// Above the login form: of the height that it leaves.
    pub const FORM: f32 = 0.4;
    /// Above the end of a call: of the height.
    pub const ENDED: f32 = 0.1;
    /// Above the search: of the height that it leaves.
    pub const SEARCH: f32 = 0.4;
    /// Middle of the face of whoever calls: of the height.
    pub const FACE: f32 = 0.36;
    /// What stands for a face where there is no picture, at most: of the height.
    pub const FACE_IN_TILE: f32 = 0.6;
    /// Below the buttons of a screen that waits: of the height.
    pub const BELOW: f32 = 0.06;
    /// Notices on a page, at most: with more of them they scroll.
    pub const NOTICES: f32 = 0.4;
    /// Own picture before a call, at most: of the window's height.
    pub const PREVIEW: f32 = 0.32;
    /// Own picture in a call: of the stage's width and height.
    pub const SELF: f32 = 0.3;
    /// What a picture takes at least of the stage to be laid over.
    pub const FILLED: f32 = 0.75;
    /// The picture, where the chat lies below it.
    pub const ABOVE_CHAT: f32 = 0.45;
    /// Widest line of chat.
    pub const BUBBLE: f32 = 0.85;
    /// A neighbour that comes into view with what has the keyboard.
    pub const NEIGHBOUR: f32 = 0.8;
    /// The sign on a round button.
    pub const SIGN: f32 = 0.46;
    /// The sign on a small button.
    pub const SIGN_SMALL: f32 = 0.5;
    /// The bars that tell how good a call is, on their ground.
    pub const BARS: f32 = 0.6;
    /// What is left open of a star that was not given.
    pub const HOLLOW: f32 = 0.7;
}

/// Letter sizes, in points.
pub mod letters {
    /// On the disc that tells how many wait.
    pub const BADGE: f32 = 11.0;
    /// Captions and figures.
    pub const SMALL: f32 = 13.0;
    /// Height of a line of them.
    pub const SMALL_LINE: f32 = 16.9;
    /// Running text.
    pub const BODY: f32 = 15.5;
    /// Buttons.
    pub const BUTTON: f32 = 15.5;
    /// Names in a call.
    pub const TITLE: f32 = 20.0;
    /// Heading of a screen.
    pub const HEADING: f32 = 28.0;
    /// Initials on a call screen.
    pub const INITIALS: f32 = 44.0;
}

/// How long changes take, in seconds. egui's own switch for less motion sets all of them to nothing.
pub mod motion {
    /// A switch that moves, a menu that opens.
    pub const QUICK: f32 = 0.12;
}

/// The colours of one theme: castle stone and verdigris by day, slate and candle by night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Color32,
    /// Cards and rows.
    pub raised: Color32,
    /// A row or quiet button under the pointer.
    pub hover: Color32,
    /// Text fields.
    pub field: Color32,
    /// Lines between things and around fields.
    pub line: Color32,
    /// Text.
    pub ink: Color32,
    /// Text of less weight.
    pub soft: Color32,
    /// What to press first.
    pub accent: Color32,
    /// The same under the pointer.
    pub accent_hover: Color32,
    /// Text on it.
    pub on_accent: Color32,
    /// Accent as text.
    pub accent_ink: Color32,
    /// What ends something.
    pub danger: Color32,
    /// The same under the pointer.
    pub danger_hover: Color32,
    /// Text on it.
    pub on_danger: Color32,
    /// Danger as text.
    pub danger_ink: Color32,
    /// Behind an error.
    pub error_ground: Color32,
    /// An error's text.
    pub error_ink: Color32,
    /// Behind something to know.
    pub info_ground: Color32,
    /// Its text.
    pub info_ink: Color32,
    /// Dot: can be called.
    pub free: Color32,
    /// Dot: in a call.
    pub busy: Color32,
    /// Dot: do not disturb.
    pub away: Color32,
    /// Ring around what has the keyboard.
    pub focus: Color32,
    /// Behind initials.
    pub avatar: Color32,
    /// Initials.
    pub on_avatar: Color32,
}

/// By day.
pub const LIGHT: Palette = Palette {
    ground: rgb(0xF4F1EA),
    raised: rgb(0xFFFDF9),
    hover: rgb(0xEBE6DA),
    field: rgb(0xFFFFFF),
    line: rgb(0xD3CCBD),
    ink: rgb(0x1F2430),
    soft: rgb(0x5A5F6B),
    accent: rgb(0x1E6B5E),
    accent_hover: rgb(0x175A4F),
    on_accent: rgb(0xFFFFFF),
    accent_ink: rgb(0x1A6155),
    danger: rgb(0xA83A2C),
    danger_hover: rgb(0x8F2F23),
    on_danger: rgb(0xFFFFFF),
    danger_ink: rgb(0x9A3023),
    error_ground: rgb(0xF8E0DA),
    error_ink: rgb(0x7A2015),
    info_ground: rgb(0xDDEBE6),
    info_ink: rgb(0x164B42),
    free: rgb(0x2C8A5B),
    busy: rgb(0xB9772A),
    away: rgb(0xA83A2C),
    focus: rgb(0x2360C4),
    avatar: rgb(0xDCE5E0),
    on_avatar: rgb(0x1B5348),
};

/// By night.
pub const DARK: Palette = Palette {
    ground: rgb(0x171A21),
    raised: rgb(0x20242D),
    hover: rgb(0x2B303B),
    field: rgb(0x12151A),
    line: rgb(0x3B414E),
    ink: rgb(0xECE8DF),
    soft: rgb(0xA9ADB8),
    accent: rgb(0x63C2AC),
    accent_hover: rgb(0x7DD3BF),
    on_accent: rgb(0x0E211D),
    accent_ink: rgb(0x76CFBA),
    danger: rgb(0xE2796B),
    danger_hover: rgb(0xEC9184),
    on_danger: rgb(0x2A0D08),
    danger_ink: rgb(0xF0A095),
    error_ground: rgb(0x43231F),
    error_ink: rgb(0xF6C4BB),
    info_ground: rgb(0x1D3631),
    info_ink: rgb(0xBFE4DA),
    free: rgb(0x5CC98F),
    busy: rgb(0xE0A65A),
    away: rgb(0xE2796B),
    focus: rgb(0xF2C45C),
    avatar: rgb(0x2C3F3B),
    on_avatar: rgb(0xA9DDD0),
};

/// Behind a picture: the same by day and by night, since a bright frame would outshine the face.
pub const STAGE: Palette = Palette {
    ground: rgb(0x0E1014),
    raised: rgb(0x23272F),
    hover: rgb(0x343A45),
    field: rgb(0x0E1014),
    line: rgb(0x3B414E),
    ink: rgb(0xF3F0E9),
    soft: rgb(0xB4B8C2),
    ..DARK
};

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

impl Palette {
    /// The palette of the theme in force.
    pub fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    /// Every pair of text and ground that a screen puts together, with a name for the test that measures them.
    pub fn text_pairs(&self) -> [(&'static str, Color32, Color32); 30] {
        [
            ("ink on ground", self.ink, self.ground),
            ("ink on raised", self.ink, self.raised),
            ("ink on hover", self.ink, self.hover),
            ("ink on field", self.ink, self.field),
            ("soft on ground", self.soft, self.ground),
            ("soft on raised", self.soft, self.raised),
            ("soft on hover", self.soft, self.hover),
            ("soft on field", self.soft, self.field),
            ("what cannot be pressed", self.soft, self.hover),
            ("accent", self.on_accent, self.accent),
            ("accent under the pointer", self.on_accent, self.accent_hover),
            ("accent as text", self.accent_ink, self.ground),
            ("accent as text on raised", self.accent_ink, self.raised),
            ("accent as text under the pointer", self.accent_ink, self.hover),
            ("a sign on an error", self.soft, self.error_ground),
            ("a sign on information", self.soft, self.info_ground),
            ("danger", self.on_danger, self.danger),
            ("danger under the pointer", self.on_danger, self.danger_hover),
            ("error", self.error_ink, self.error_ground),
            ("information", self.info_ink, self.info_ground),
            ("initials", self.on_avatar, self.avatar),
            ("error on ground", self.error_ink, self.ground),
            ("error on raised", self.error_ink, self.raised),
            ("danger as text", self.danger_ink, self.raised),
            ("danger as text on ground", self.danger_ink, self.ground),
            ("danger as text under the pointer", self.danger_ink, self.hover),
            ("selected in a field", self.ink, self.field.blend(self.selected())),
            ("selected in a list", self.ink, self.raised.blend(self.selected())),
            ("switched off", self.ground, self.ink),
            ("switched off, under the pointer", self.ground, self.soft),
        ]
    }

    /// Signs that are not text: dots, stars and the focus ring, each against what lies behind it.
    pub fn sign_pairs(&self) -> [(&'static str, Color32, Color32); 7] {
        [
            ("free", self.free, self.raised),
            ("busy", self.busy, self.raised),
            ("away", self.away, self.raised),
            ("a star not given", self.soft, self.ground),
            ("a star given", self.busy, self.ground),
            ("focus on ground", self.focus, self.ground),
            ("focus on raised", self.focus, self.raised),
        ]
    }

    /// Over what is selected.
    fn selected(&self) -> Color32 {
        self.accent.gamma_multiply(0.35)
    }
}

/// The app's face at a size of [`letters`].
pub fn font(points: f32) -> FontId {
    FontId::new(points, FontFamily::Proportional)
}

#[cfg(test)]
mod tests;
