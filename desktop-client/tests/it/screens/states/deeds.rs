//! A screen as it is brought about: what it shows, and what is done on it until it looks as wanted.

use super::*;
use castle_desktop::media::frame::FrameSlot;
use castle_desktop::ui::video::Screen;
use egui::accesskit::Role;

/// A screen as it is brought about.
#[derive(Clone)]
pub(in super::super) struct State {
    pub(in super::super) name: &'static str,
    pub(in super::super) snapshot: Snapshot,
    pub(in super::super) prefill: Prefill,
    pub(in super::super) page: Page,
    /// Keys that are pressed then.
    pub(in super::super) keys: Vec<(egui::Modifiers, Key)>,
    /// What is chosen on the page after that, by its key in the translations.
    pub(in super::super) chosen: Option<&'static str>,
    /// What is clicked then, which opens a question.
    pub(in super::super) clicks: Vec<&'static str>,
    /// Asked to close.
    pub(in super::super) closing: bool,
    /// The link that a second start of the app brought.
    pub(in super::super) link: Option<&'static str>,
    /// Its screen broke.
    pub(in super::super) broken: bool,
    /// What stands behind the own picture, where it is not told to be there.
    pub(in super::super) own: Option<Picture>,
    /// What is done last.
    pub(in super::super) deeds: Vec<Deed>,
}

/// Something that is done on a screen; what it is done to is called as screen readers say it.
#[derive(Debug, Clone)]
pub(in super::super) enum Deed {
    /// Chooses or presses what opens nothing.
    Press(String),
    /// Opens a list or a menu, which lies over all else.
    Open(String),
    /// Writes into a field, in place of what is there.
    Write(&'static str, String),
    /// Goes down a page as far as to this.
    ScrollTo(&'static str),
}

impl State {
    /// A window before anything was done in it.
    pub(in super::super) fn window(&self) -> Window {
        let mut window = Window::new(self.snapshot.clone(), self.prefill.clone());
        if let Some(own) = self.own {
            let slot = FrameSlot::new();
            slot.set_picture(own);
            window.local = Screen::cpu().tile(slot, None);
        }
        window
    }

    /// A window that shows it.
    pub(in super::super) fn show(self, size: Vec2) -> Shown {
        let mut shown = built(Harness::builder(), self.window(), size);
        self.prepare(&mut shown);
        shown
    }

    /// A question, a list or a menu lies over all else.
    pub(in super::super) fn is_dialog(&self) -> bool {
        let opens = self.deeds.iter().any(|deed| matches!(deed, Deed::Open(_)));
        self.closing || self.link.is_some() || !self.clicks.is_empty() || opens
    }

    /// Opens the page, presses the keys, clicks, and does the rest.
    pub(in super::super) fn prepare(&self, shown: &mut Shown) {
        let window = shown.state_mut();
        window.screens.open(self.page, &window.snapshot, &mut window.commands);
        if self.closing {
            window.screens.may_close(&window.snapshot);
        }
        if let Some(link) = self.link {
            window.screens.bring_link(link.to_owned());
        }
        if self.broken {
            window.screens.tell_broken();
        }
        shown.run();
        for (modifiers, key) in &self.keys {
            shown.key_press_modifiers(*modifiers, *key);
            shown.run();
        }
        for name in self.chosen.iter().chain(&self.clicks) {
            click(shown, say(name));
        }
        let of_help = (self.page == Page::Help).then_some("keys-in-hall");
        if let Some(first) = of_help.or((self.name == "call-help").then_some("keys-in-call")) {
            name_file(shown);
            shown.get_by_label(say(first)).scroll_to_me();
            shown.run();
        }
        for deed in &self.deeds {
            deed.take(shown);
        }
        shown.state_mut().commands.clear();
    }
}

/// A state that needs nothing more to be brought about.
pub(super) fn state(name: &'static str, snapshot: Snapshot) -> State {
    State {
        name,
        snapshot,
        prefill: Prefill::default(),
        page: Page::Hall,
        keys: Vec::new(),
        chosen: None,
        clicks: Vec::new(),
        closing: false,
        link: None,
        broken: false,
        own: None,
        deeds: Vec::new(),
    }
}

impl Deed {
    fn take(&self, shown: &mut Shown) {
        match self {
            Self::Press(name) => {
                click(shown, name);
            }
            Self::Open(name) => {
                let opens = |role| shown.query_by_role_and_label(role, name);
                let opener = opens(Role::ComboBox).or_else(|| opens(Role::Button));
                opener.expect("something that opens").click_accesskit();
                shown.run();
            }
            Self::Write(field, text) => write(shown, say(field), text),
            Self::ScrollTo(key) => {
                let last = shown.query_all_by_label_contains(say(key)).last();
                last.expect("something to scroll to").scroll_to_me();
                shown.run();
            }
        }
    }
}

/// Writes into a field, in place of what is there.
fn write(shown: &mut Shown, field: &str, text: &str) {
    shown.get_by_label(field).focus();
    shown.run();
    press(shown, egui::Modifiers::COMMAND, Key::A);
    type_text(shown, text);
}

/// Where files go differs from machine to machine, and would be seen.
fn name_file(shown: &mut Shown) {
    write(shown, say("help-diagnostics-file"), "/home/noor/castle-diagnostics.txt");
    shown.ctx.memory_mut(egui::Memory::stop_text_input);
    shown.run();
}
