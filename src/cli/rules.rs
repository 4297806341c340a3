//! `portaria rules check` and `portaria rules test`: what they print.
//!
//! In: rule files already read, and the facts of a message. Out: a text, or JSON objects one a line, and an exit code. Reading
//! files and arguments is the caller's; what the rules mean is `policy::rule`'s.

mod check;
mod test;

pub use check::check;
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

/// A text of the sender's, or of a file, with nothing in it that moves a terminal's cursor or hides: controls, directional
/// marks and zero-width characters are written as escapes.
fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        other => other.escape_debug().to_string(),
    };
    text.chars().map(shown).collect()
}

/// One object as one line.
fn json_line(object: &serde_json::Value) -> String {
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_message_moves_the_cursor() {
        for (text, expected) in [
            ("Olá, \"você\" \\ '2ª'", "Olá, \"você\" \\ '2ª'"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("bo\u{200b}leto \u{202e}x", "bo\\u{200b}leto \\u{202e}x"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }
}
