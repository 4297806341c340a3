//! `message::encoded_word`: total and bounded on anything; what an honest encoder wrote comes back whole.

use portaria::message::encoded_word::decode;

use crate::choices::Choices;

/// The octets are read as a body, and as text that is encoded in every way that we know and must come back.
pub fn encoded_word(data: &[u8]) {
    let decoded = decode(data);
    assert!(decoded.len() <= 3 * data.len(), "{} octets of {}", decoded.len(), data.len());
    if data.is_ascii() && !data.windows(2).any(|two| two == b"=?") {
        assert_eq!(decoded.as_bytes(), data, "text without an encoded word stays");
    }
    let mut choices = Choices::of(data);
    // A byte order mark in front is no text: it would be dropped. U+FFFE is one in the other order.
    let text = String::from_utf8_lossy(data);
    let text = text.trim_start_matches(['\u{feff}', '\u{fffe}']);
    comes_back(text, &utf8_words(text, &mut choices));
    comes_back(text, &utf16_words(text, &mut choices));
    comes_back(text, &utf7_words(text, &mut choices));
    comes_back(text, &one_base64_in_two_words(text, &mut choices));
    let latin: String = text.chars().filter(|&c| matches!(c, ' '..='~' | '\u{a0}'..='\u{ff}')).collect();
    comes_back(&latin, &latin_words(&latin, &mut choices));
}

fn comes_back(text: &str, words: &[u8]) {
    assert_eq!(decode(words), text, "{}", words.escape_ascii());
    // Glued to other text, and with text beside it.
    if !text.is_empty() {
        assert_eq!(decode(&[b"vi", words, b" x"].concat()), format!("vi{text} x"), "{}", words.escape_ascii());
    }
}

/// The octets cut anywhere, inside a character too; each word in Q or B.
fn utf8_words(text: &str, choices: &mut Choices) -> Vec<u8> {
    let name = *choices.one_of(&["utf-8", "UTF8", "Utf-8*pt-BR"]);
    words(name, &choices.cut(text.as_bytes(), 45), choices)
}

fn utf16_words(text: &str, choices: &mut Choices) -> Vec<u8> {
    let little = choices.once_in(2);
    let octets = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    let octets: Vec<u8> = text.encode_utf16().flat_map(octets).collect();
    words(if little { "utf-16le" } else { "utf-16be" }, &choices.cut(&octets, 45), choices)
}

fn latin_words(text: &str, choices: &mut Choices) -> Vec<u8> {
    let octets: Vec<u8> = text.chars().map(|c| c as u8).collect();
    words("iso-8859-1", &choices.cut(&octets, 45), choices)
}

/// Every character shifted, each word whole.
fn utf7_words(text: &str, choices: &mut Choices) -> Vec<u8> {
    let characters: Vec<char> = text.chars().collect();
    let shifted: Vec<Vec<u8>> = choices
        .cut(&characters, 20)
        .into_iter()
        .map(|piece| {
            let text: String = piece.iter().collect();
            let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let end: &[u8] = if choices.once_in(2) { b"-" } else { b"" };
            [b"+", base64(&octets, false).as_slice(), end].concat()
        })
        .collect();
    words("utf-7", &shifted.iter().map(Vec::as_slice).collect::<Vec<_>>(), choices)
}

/// The base64 of the whole, cut anywhere: inside a quantum, before its padding.
fn one_base64_in_two_words(text: &str, choices: &mut Choices) -> Vec<u8> {
    let base64 = base64(text.as_bytes(), true);
    let (first, second) = base64.split_at(choices.below(base64.len() + 1));
    [b"=?utf-8?b?", first, b"?= =?utf-8?b?", second, b"?="].concat()
}

fn words(charset: &str, pieces: &[&[u8]], choices: &mut Choices) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        if !out.is_empty() {
            out.extend_from_slice(choices.one_of(&["", " ", "\t", "  ", "\r\n "]).as_bytes());
        }
        let (letter, encoded) = match choices.below(3) {
            0 => ("B", base64(piece, true)),
            // A last word without padding: one in the middle might be the beginning of a quantum.
            1 if std::ptr::eq(*piece, *pieces.last().unwrap()) => ("b", base64(piece, false)),
            _ => ("q", q(piece, choices)),
        };
        out.extend_from_slice(format!("=?{charset}?{letter}?").as_bytes());
        out.extend_from_slice(&encoded);
        out.extend_from_slice(b"?=");
    }
    out
}

fn q(octets: &[u8], choices: &mut Choices) -> Vec<u8> {
    let mut out = Vec::new();
    for &octet in octets {
        match octet {
            b' ' if choices.once_in(2) => out.push(b'_'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(octet),
            _ if choices.once_in(2) => out.extend_from_slice(format!("={octet:02X}").as_bytes()),
            _ => out.extend_from_slice(format!("={octet:02x}").as_bytes()),
        }
    }
    out
}

fn base64(octets: &[u8], padded: bool) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for three in octets.chunks(3) {
        let bits = three.iter().enumerate().fold(0_u32, |bits, (at, &octet)| bits | u32::from(octet) << (16 - 8 * at));
        let sextets = (0..=three.len()).map(|at| ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]);
        out.extend(sextets);
        if padded {
            out.extend(std::iter::repeat_n(b'=', 3 - three.len()));
        }
    }
    out
}
