//! Domain names (RFC 5321 §2.3.5, §4.1.2), by grammar only: whether one is ours or exists is not known here.
//!
//! The one liberty: a trailing dot, which §2.3.5 does not allow, is taken and dropped. A value that kept it would be another
//! domain to every comparison, and a way round a blocked mailbox.

use unicode_normalization::{char::is_combining_mark, is_nfkc};

/// A domain name as written by the client, valid by grammar (labels of letters, digits, hyphen; UTF-8 labels under
/// SMTPUTF8; no trailing dot; at most 255 octets, labels at most 63 characters).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(String);

impl Domain {
    /// Parses a whole text as a domain. One trailing dot is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let valid = name.len() <= 255 && name.split('.').all(is_label);
        valid.then(|| Self(name.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For comparing: lower case (ASCII and Unicode).
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

/// `sub-domain` (§4.1.2) or a U-label (RFC 5890 §2.3.2.1), the latter by a rule of thumb without the IDNA tables: letters,
/// digits and marks in NFKC, and the joiners. So that nothing which others map to a dot (U+3002, U+FF0E, U+FF61) or to an
/// ASCII letter (full-width forms) makes another domain of it behind us.
fn is_label(label: &str) -> bool {
    let is_part = |char: char| match char {
        '-' => true,
        _ if char.is_ascii() => char.is_ascii_alphanumeric(),
        '\u{b7}' | '\u{200c}' | '\u{200d}' | '\u{30fb}' => true,
        _ => char.is_alphanumeric() || is_combining_mark(char),
    };
    let length = label.chars().count();
    (1..=63).contains(&length)
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(is_part)
        && (label.is_ascii() || is_nfkc(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        let longest_label = "a".repeat(63);
        let longest = format!("{0}.{0}.{0}.{0}", longest_label.as_str());
        let rows = [
            // Labels of letters, digits, hyphen.
            ("tjpa.jus.br", Some("tjpa.jus.br")),
            ("localhost", Some("localhost")),
            ("3com.example", Some("3com.example")),
            ("xn--cmara-xqa.leg.br", Some("xn--cmara-xqa.leg.br")),
            ("a--b.example", Some("a--b.example")),
            // The spelling is kept; one trailing dot is dropped, so policy sees the same domain.
            ("TJPA.jus.BR", Some("TJPA.jus.BR")),
            ("tjpa.jus.br.", Some("tjpa.jus.br")),
            ("tjpa.jus.br..", None),
            // Empty labels, hyphens at an edge, anything else.
            ("", None),
            (".", None),
            (".br", None),
            ("a..b", None),
            ("-a.br", None),
            ("a-.br", None),
            ("a_b.example", None),
            ("a b.example", None),
            ("a.example\r", None),
            ("a.example\0", None),
            // At most 63 a label, 255 in all.
            (&longest_label, Some(&longest_label)),
            (&format!("{longest_label}a"), None),
            (&longest, Some(&longest)),
            (&format!("{longest}.a"), None),
            // U-labels, but nothing that others would map to ASCII or to a dot.
            ("câmara.leg.br", Some("câmara.leg.br")),
            ("例え.テスト", Some("例え.テスト")),
            ("ca\u{302}mara.leg.br", None),
            ("tjpa。jus.br", None),
            ("tjpa\u{ff0e}jus.br", None),
            ("ｔｊｐａ.jus.br", None),
            ("a\u{85}b.br", None),
            ("a\u{202e}b.br", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Domain::parse(text).as_ref().map(Domain::as_str), expected, "{text:?}");
        }
        assert_eq!(Domain::parse("TJPA.jus.BR").unwrap().folded(), "tjpa.jus.br");
        assert_eq!(Domain::parse("CÂMARA.leg.br").unwrap().folded(), "câmara.leg.br");
    }
}
