//! `cli::escape`: nothing that comes out acts on a terminal or hides on it, and JSON means what it meant.

use portaria::cli::escape::{escape, escape_json, escape_octets, fit, width, with_carets};

use crate::choices::Choices;

/// The octets are text from outside.
pub fn terminal(data: &[u8]) {
    let mut choices = Choices::of(data);
    let text = String::from_utf8_lossy(data);
    let shown = escape(&text);
    harmless(&shown);
    harmless(&escape_octets(data));
    assert_eq!(escape(&shown), shown, "escaping once is enough");
    if std::str::from_utf8(data).is_ok() {
        assert_eq!(escape_octets(data), shown);
    }
    let start = choices.below(data.len() + 3);
    let end = choices.below(data.len() + 3);
    for span in [start..end, end..start, 0..text.len(), 0..0] {
        let (line, carets) = with_carets(&text, span);
        assert_eq!(line, shown);
        let marks = carets.trim_start_matches(' ');
        assert!(!marks.is_empty() && marks.bytes().all(|octet| octet == b'^'), "{carets:?}");
    }
    let columns = 1 + choices.below(100);
    let fitted = fit(&shown, columns);
    harmless(&fitted);
    assert_eq!(width(&fitted), columns, "{fitted:?}");
    let json = serde_json::json!({ "key": text, "list": [text.clone()] });
    let shown = escape_json(&json.to_string());
    harmless(&shown);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok(), Some(json), "{shown}");
}

/// By the lists of Unicode, not by ours: no control, no line or paragraph separator, nothing of `Bidi_Control`, no zero-width
/// character that hides between letters, no tag.
fn harmless(text: &str) {
    for c in text.chars() {
        let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let hidden = matches!(c, '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}');
        let tag = ('\u{e0000}'..='\u{e007f}').contains(&c);
        assert!(
            !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}') && !bidi && !hidden && !tag,
            "{c:?} in {text:?}"
        );
    }
}
