//! That something was not done, and why.

use crate::bytes::{Malformed, Problem, Reader, put_short};

/// How long the text for people may be, in bytes.
const MAX_TEXT: usize = 255;

/// Something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which subscription; 0 for the connection.
    pub subscription: u32,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people.
    pub text: String,
}

macro_rules! reasons {
    ($($number:literal $name:ident $text:literal, $doc:literal;)*) => {
        /// Why something was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Reason {
            $(#[doc = $doc] $name = $number,)*
        }

        impl Reason {
            /// A short name for counters and scripts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    1 Version "version", "The peers speak no common version.";
    2 NotBuilt "not-built", "This version does not do that yet.";
    3 Malformed "malformed", "The message could not be read.";
    4 OutOfTurn "out-of-turn", "The message does not belong here.";
    5 UnknownCamera "unknown-camera", "No camera of that name.";
    6 NotAllowed "not-allowed", "The speaker may not do that.";
    7 TooMany "too-many", "A limit was reached; later may work.";
    8 NotVerified "not-verified", "A record or frame did not verify.";
    9 Forked "forked", "Another frame with that session and sequence is held already.";
    10 Replaced "replaced", "The same camera connected again.";
    11 Stopping "stopping", "The relay is shutting down.";
    12 Storage "storage", "The relay cannot store at the moment.";
    13 Offline "offline", "The camera is not connected.";
    14 SignedOut "signed-out", "The ticket or the session that it stood for has ended.";
}

impl Refused {
    /// Everything behind the subscription's number. The text is cut and cleaned to what a reader takes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.reason as u16).to_be_bytes());
        let clean: String = self.text.chars().map(|c| if is_shown(c) { c } else { ' ' }).collect();
        put_short(out, cut(&clean, MAX_TEXT).as_bytes());
    }

    pub(super) fn read(subscription: u32, reader: &mut Reader) -> Result<Self, Malformed> {
        let reason = Reason::from_number(reader.u16("reason")?).ok_or(Malformed::new("reason", Problem::Unknown))?;
        let bytes = reader.short("text", MAX_TEXT)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Malformed::new("text", Problem::Text))?;
        if text.chars().all(is_shown) {
            Ok(Self { subscription, reason, text: text.to_owned() })
        } else {
            Err(Malformed::new("text", Problem::Text))
        }
    }
}

/// Whether a terminal or page may be sent this character: nothing that controls it, breaks its line, or turns the direction of writing.
fn is_shown(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The longest prefix of at most `most` bytes that ends between two characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ::bytes::Bytes;

    use super::*;
    use crate::message::Message;

    #[test]
    fn a_text_for_people_is_cut_and_cleaned_until_it_can_be_read() {
        let text = format!("line\nbreak \u{1b}[31m and \u{202e}{}", "ö".repeat(300));
        let refused = Refused { subscription: 1, reason: Reason::Offline, text };
        let Ok(Message::Refused(read)) = Message::decode(Message::Refused(refused).encode()) else { panic!("not read") };
        assert!(read.text.starts_with("line break  [31m and  öö"));
        assert!(read.text.len() <= MAX_TEXT);
    }

    #[test]
    fn a_text_that_moves_the_cursor_is_refused() {
        let mut bytes = Message::Refused(Refused { subscription: 1, reason: Reason::Offline, text: "a b".into() }).encode().to_vec();
        let at = bytes.len() - 2;
        bytes[at] = 0x1b;
        assert_eq!(Message::decode(Bytes::from(bytes)), Err(Malformed::new("text", Problem::Text)));
    }
}
