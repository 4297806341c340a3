//! `portaria rules check` and `portaria rules test`: what they print; `replay`, `diff`, `history` and `rollback` as a whole.
//!
//! In: rule files already read, and the facts of a message. Out: a text, or JSON objects one a line, and an exit code. Reading
//! files and arguments is the caller's; what the rules mean is `policy::rule`'s.

mod check;
mod diff;
pub(super) mod history;
pub(super) mod looking;
pub(super) mod mail;
mod many;
mod replay;
pub(super) mod rollback;
mod test;
pub(super) mod typed;

pub use check::{Files, check};
pub use many::Many;
pub use test::test;

use crate::language::Language;

/// How the answer is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// JSON objects, one a line, instead of a text for people.
    pub json: bool,
    /// The language of sentences, in JSON too.
    pub language: Language,
}

/// What a command prints, and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whole lines.
    pub text: String,
    /// 0: done. 1: faults found.
    pub exit_code: u8,
}

/// A text of the sender's, or of a file, with nothing in it that moves a terminal's cursor or hides.
fn visible(text: &str) -> String {
    super::escape::escape(text)
}

/// One object as one line that does nothing to a terminal: JSON itself leaves U+009B and direction marks as they are.
fn json_line(object: &serde_json::Value) -> String {
    super::rendering::json_line(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_message_moves_the_cursor() {
        for (text, expected) in [
            ("Olá, \"você\" \\ '2ª'", "Olá, \"você\" \\ '2ª'"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("bo\u{200b}leto \u{202e}x", "bo\\u{200b}leto \\u{202e}x"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }
}
