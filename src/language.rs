//! Texts for people, in the two languages that operators and reviewers read.
//!
//! In: a sentence in both languages, written side by side with [`text!`](crate::text) so that neither is forgotten.
//! Out: the one that the reader asked for. SMTP replies never come from here: they are ASCII and English
//! (RFC 5321 §4.2), and this module does not know them.

use std::fmt::{self, Write as _};

/// A language that the command line, the checker and the console speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Brazilian Portuguese, the default: the people it is for read it.
    #[default]
    PtBr,
    /// English.
    En,
}

impl Language {
    /// The language of a BCP 47 tag that we have, compared without case.
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag.to_ascii_lowercase().as_str() {
            "pt-br" | "pt" => Some(Self::PtBr),
            "en" | "en-us" | "en-gb" => Some(Self::En),
            _ => None,
        }
    }

    /// The language that the environment asks for: `LC_ALL`, `LC_MESSAGES` or `LANG`, the first that is set.
    /// A locale that is neither (`C`, `de_DE`) gets English, which more people read than Portuguese.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()))?;
        if locale.to_ascii_lowercase().starts_with("pt") { Some(Self::PtBr) } else { Some(Self::En) }
    }
}

/// Whether a character acts on a terminal, or hides: a text from outside is shown with such characters written as escapes
/// (promise 9). A line end is one of them: it would begin a line of the sender's choosing.
pub fn acts_or_hides(c: char) -> bool {
    c.is_control()                                              // C0, DEL, C1: U+009B is ESC [ in one character
        || matches!(c,
            '\u{2028}' | '\u{2029}'                             // line and paragraph separator
            | '\u{61c}' | '\u{200e}' | '\u{200f}'               // direction marks
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // embeddings, overrides, isolates (CVE-2021-42574)
            | '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{feff}'    // what is not seen
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// JSON for a terminal: the same characters as `\uXXXX`, which any reader of JSON takes for them. They can stand in strings only.
pub fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if acts_or_hides(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// One sentence in both languages. Build it with [`text!`](crate::text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// In English.
    pub en: String,
    /// In Brazilian Portuguese.
    pub pt: String,
}

impl Text {
    /// The sentence in `language`.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::PtBr => &self.pt,
            Language::En => &self.en,
        }
    }
}

/// Logs are in English whatever the operator reads: they are searched by tools.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

/// Writes one [`Text`]: the English sentence, then the Portuguese one. Both take inline captures as `format!` does.
///
/// ```
/// use portaria::{language::Language, text};
/// let port = 25;
/// let taken = text!("port {port} is taken", "a porta {port} está ocupada");
/// assert_eq!(taken.in_language(Language::PtBr), "a porta 25 está ocupada");
/// ```
#[macro_export]
macro_rules! text {
    ($en:literal, $pt:literal $(,)?) => {
        $crate::language::Text { en: format!($en), pt: format!($pt) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_only_when_it_is_set() {
        let lang = |value: &'static str| move |name: &str| (name == "LANG").then(|| value.to_owned());
        assert_eq!(Language::from_environment(lang("pt_BR.UTF-8")), Some(Language::PtBr));
        assert_eq!(Language::from_environment(lang("C.UTF-8")), Some(Language::En));
        assert_eq!(Language::from_environment(lang("")), None);
    }
}
