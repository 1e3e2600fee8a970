//! What each key does.

use winit::keyboard::{Key, KeyCode, NamedKey, PhysicalKey};

/// What somebody at the window asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lower all masks; lift them again.
    Masks,
    /// Lower or lift one label's masks, by its key from 0.
    Label(usize),
    /// Full screen, and back.
    FullScreen,
    /// The help, and away again.
    Help,
    /// Save the picture.
    Save,
    /// Close the window.
    Quit,
}

/// What a key asks for, if anything. Digits are also found by where they lie, since on some keyboards they need Shift.
#[must_use]
pub fn action(logical: &Key, physical: PhysicalKey) -> Option<Action> {
    match logical {
        Key::Named(NamedKey::Space) => return Some(Action::Masks),
        Key::Named(NamedKey::Escape) => return Some(Action::Quit),
        Key::Named(NamedKey::F1) => return Some(Action::Help),
        Key::Named(NamedKey::F11) => return Some(Action::FullScreen),
        Key::Character(text) => match text.to_lowercase().as_str() {
            " " | "u" => return Some(Action::Masks),
            "f" => return Some(Action::FullScreen),
            "h" | "?" => return Some(Action::Help),
            "s" => return Some(Action::Save),
            "q" => return Some(Action::Quit),
            digit => {
                if let Ok(number @ 1..=8) = digit.parse::<usize>() {
                    return Some(Action::Label(number - 1));
                }
            }
        },
        _ => {}
    }
    match physical {
        PhysicalKey::Code(KeyCode::Digit1) => Some(Action::Label(0)),
        PhysicalKey::Code(KeyCode::Digit2) => Some(Action::Label(1)),
        PhysicalKey::Code(KeyCode::Digit3) => Some(Action::Label(2)),
        PhysicalKey::Code(KeyCode::Digit4) => Some(Action::Label(3)),
        PhysicalKey::Code(KeyCode::Digit5) => Some(Action::Label(4)),
        PhysicalKey::Code(KeyCode::Digit6) => Some(Action::Label(5)),
        PhysicalKey::Code(KeyCode::Digit7) => Some(Action::Label(6)),
        PhysicalKey::Code(KeyCode::Digit8) => Some(Action::Label(7)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_what_the_help_says() {
        let elsewhere = PhysicalKey::Code(KeyCode::KeyZ);
        let typed = |text: &str| action(&Key::Character(text.into()), elsewhere);
        assert_eq!(action(&Key::Named(NamedKey::Space), elsewhere), Some(Action::Masks));
        assert_eq!(action(&Key::Named(NamedKey::Escape), elsewhere), Some(Action::Quit));
        for (text, wanted) in [
            ("u", Some(Action::Masks)),
            ("U", Some(Action::Masks)),
            ("1", Some(Action::Label(0))),
            ("8", Some(Action::Label(7))),
            ("f", Some(Action::FullScreen)),
            ("H", Some(Action::Help)),
            ("?", Some(Action::Help)),
            ("S", Some(Action::Save)),
            ("q", Some(Action::Quit)),
            ("0", None),
            ("9", None),
            ("11", None),
            ("x", None),
        ] {
            assert_eq!(typed(text), wanted, "{text}");
        }
        // A French keyboard: the third digit is a quotation mark unless Shift is held.
        assert_eq!(action(&Key::Character("\"".into()), PhysicalKey::Code(KeyCode::Digit3)), Some(Action::Label(2)));
    }
}
