//! What keys are called, in the language of the person. Owns no key's meaning: screens say what theirs do.

use crate::words::say;
use eframe::egui::{Key, Modifiers};

/// A key pressed with others held, as it stands on a keyboard.
pub fn name(modifiers: Modifiers, key: Key) -> String {
    let held = [
        (modifiers.command, if cfg!(target_os = "macos") { say("key-cmd") } else { say("key-ctrl") }),
        (modifiers.shift, say("key-shift")),
    ];
    let held = held.into_iter().filter(|(held, _)| *held).map(|(_, name)| name);
    held.chain([plain(key)]).collect::<Vec<_>>().join("+")
}

/// One that is pressed alone.
pub fn alone(key: Key) -> String {
    name(Modifiers::NONE, key)
}

fn plain(key: Key) -> &'static str {
    match key {
        Key::Escape => say("key-esc"),
        Key::Enter => say("key-enter"),
        Key::Space => say("key-space"),
        Key::Tab => say("key-tab"),
        key => key.symbol_or_name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::speaking;

    #[test]
    fn keys_are_called_as_they_are_on_keyboards_of_the_language() {
        let accept = Modifiers::COMMAND | Modifiers::SHIFT;
        assert_eq!(name(accept, Key::Enter), "Ctrl+Shift+Enter");
        assert_eq!((name(Modifiers::COMMAND, Key::Comma), alone(Key::F1)), ("Ctrl+,".into(), "F1".into()));
        speaking("de", || {
            assert_eq!(name(accept, Key::Enter), "Strg+Umschalt+Eingabe");
            assert_eq!((alone(Key::Space), alone(Key::M)), ("Leertaste".into(), "M".into()));
        });
    }
}
