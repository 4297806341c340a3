//! Mail as a court gets it, made from a seed: the same octets on every machine, and no two messages alike.
//!
//! In: a seed, a size, how many. Out: messages with CRLF line ends, as a mail program makes them (Portuguese subjects as Q and B encoded words and
//! as plain UTF-8, a text in two forms, an attachment in base64 above 8 KiB), and each as it goes over the wire.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{archive, chance::Chance};

/// Of subjects and texts.
pub const WORDS: &[&str] = &[
    "reunião",
    "orçamento",
    "ação",
    "prestação",
    "contas",
    "relatório",
    "situação",
    "atenção",
    "não",
    "informação",
    "serviço",
    "município",
    "câmara",
    "licitação",
    "órgão",
    "três",
    "após",
    "licença",
    "férias",
    "servidor",
    "público",
    "prazo",
    "edital",
    "anexo",
    "conforme",
    "solicitado",
    "ofício",
    "memorando",
    "processo",
    "número",
    "diário",
    "oficial",
    "secretaria",
    "saúde",
];

/// Below that a message is text alone.
const ATTACHMENT_FROM: usize = 8 * 1024;
/// Octets of text beside an attachment.
const TEXT: usize = 1300;
/// Octets of a line of base64, and of what stands in it.
const LINE: usize = 78;
const IN_LINE: usize = 57;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// As it is stored, and scanned.
    pub content: Vec<u8>,
    /// As it follows 354: with transparency, and the end of mail data.
    pub wire: Vec<u8>,
    /// Its header section has letters beyond ASCII (RFC 6531).
    pub is_utf8: bool,
}

impl Mail {
    fn new(content: Vec<u8>, is_utf8: bool) -> Self {
        let mut wire = Vec::with_capacity(content.len() + 64);
        for line in content.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        wire.extend_from_slice(b".\r\n");
        Self { content, wire, is_utf8 }
    }
}

/// `count` messages of about `octets` each, with so many header fields more than they have by themselves.
pub fn corpus(seed: u64, octets: usize, count: usize, more_fields: usize) -> Vec<Mail> {
    let mut chance = Chance(seed);
    (0..count).map(|nth| message(&mut chance, nth, octets, more_fields)).collect()
}

fn message(chance: &mut Chance, nth: usize, octets: usize, more_fields: usize) -> Mail {
    let (header, is_utf8) = header(chance, nth, more_fields);
    let boundary = format!("=_{:016x}", chance.bits());
    let has_attachment = octets >= ATTACHMENT_FROM;
    let mut content = header.into_bytes();
    // A write to a String or a Vec cannot fail.
    let mut part = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n");
    let room = octets.saturating_sub(content.len() + part.len() + boundary.len() + 700);
    // Each letter beyond ASCII is six octets as quoted-printable, and the text stands there twice.
    let text = if has_attachment { TEXT } else { room * 10 / 28 };
    part.push_str(&alternative(chance, text));
    content.extend_from_slice(part.as_bytes());
    if has_attachment {
        let room = octets.saturating_sub(content.len() + 300);
        content.extend_from_slice(attachment(chance, nth, &boundary, room / LINE * IN_LINE).as_bytes());
    }
    content.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Mail::new(content, is_utf8)
}

/// The header section but for its last field, and whether it has letters beyond ASCII.
fn header(chance: &mut Chance, nth: usize, more_fields: usize) -> (String, bool) {
    let count = 3 + chance.below(6);
    let words = sentence(chance, count);
    let (subject, is_utf8) = match nth % 3 {
        0 => (q_encoded(&words), false),
        1 => (b_encoded(&words), false),
        _ => (words, true),
    };
    let (host, second) = (nth % 250 + 1, nth % 60);
    let mut header = format!(
        "Received: from mail{host}.example.net (mail{host}.example.net [192.0.2.{host}])\r\n\tby mx.example.org (Postfix) with ESMTPS id {:08X}\r\n\
         \tfor <b@y>; Fri, 20 Nov 2026 10:00:{second:02} -0300\r\nDate: Fri, 20 Nov 2026 10:00:{second:02} -0300\r\n\
         From: =?utf-8?b?Sm/Do28gZGEgQ29uY2Vpw6fDo28=?= <a@x>\r\nTo: <b@y>\r\nMessage-ID: <{:016x}@x>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n",
        chance.bits() as u32,
        chance.bits(),
    );
    for field in 0..more_fields {
        let _ = write!(header, "X-Field-{field}: {:016x}\r\n", chance.bits());
    }
    (header, is_utf8)
}

fn sentence(chance: &mut Chance, words: usize) -> String {
    let mut out = String::new();
    for nth in 0..words {
        let word = chance.of(WORDS);
        if nth == 0 {
            out.extend(word.chars().take(1).flat_map(char::to_uppercase));
            out.extend(word.chars().skip(1));
        } else {
            out.push(' ');
            out.push_str(word);
        }
    }
    out
}

/// ISO 8859-1, a word of the subject to each encoded word, in two lines when it is long (RFC 2047 §2, §4.2).
fn q_encoded(text: &str) -> String {
    let mut out = String::new();
    for (nth, word) in text.split(' ').enumerate() {
        out.push_str(if nth == 0 { "=?iso-8859-1?Q?" } else { "_" });
        if nth > 0 && nth % 3 == 0 {
            out.push_str("?=\r\n =?iso-8859-1?Q?");
        }
        for letter in word.chars() {
            if letter.is_ascii_alphanumeric() {
                out.push(letter);
            } else {
                let _ = write!(out, "={:02X}", u32::from(letter));
            }
        }
    }
    out + "?="
}

/// UTF-8, folded between encoded words of at most 75 octets.
fn b_encoded(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.floor_char_boundary(42));
        words.push(format!("=?utf-8?b?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\r\n ")
}

/// A text, plain and as HTML, both quoted-printable.
fn alternative(chance: &mut Chance, octets: usize) -> String {
    let boundary = format!("=_alt{:012x}", chance.bits() >> 16);
    let (mut text, mut html) = (String::new(), String::from("<html><body>"));
    while text.len() < octets {
        let count = 6 + chance.below(9);
        let line = sentence(chance, count) + ".";
        let _ = writeln!(html, "<p>{line}</p>");
        text.push_str(&line);
        text.push('\n');
    }
    html.push_str("</body></html>\n");
    let part = |kind: &str, text: &str| {
        format!(
            "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n",
            quoted_printable(text)
        )
    };
    format!(
        "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n{}{}--{boundary}--\r\n",
        part("plain", &text),
        part("html", &html)
    )
}

/// RFC 2045 §6.7: lines of at most 76 octets.
fn quoted_printable(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for octet in text.bytes() {
        if octet == b'\n' {
            out.push_str("\r\n");
            column = 0;
            continue;
        }
        let is_plain = (b' '..=b'~').contains(&octet) && octet != b'=';
        let width = if is_plain { 1 } else { 3 };
        if column + width > 75 {
            out.push_str("=\r\n");
            column = 0;
        }
        if is_plain {
            out.push(char::from(octet));
        } else {
            let _ = write!(out, "={octet:02X}");
        }
        column += width;
    }
    out
}

/// About so many octets before base64: an archive, a PDF's or a picture's beginning and noise.
fn attachment(chance: &mut Chance, nth: usize, boundary: &str, octets: usize) -> String {
    let (kind, ending, data) = match nth % 3 {
        0 => ("application/zip", "zip", zip(chance, octets)),
        1 => ("application/pdf", "pdf", noise(chance, b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", octets)),
        _ => ("image/jpeg", "jpeg", noise(chance, b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01", octets)),
    };
    let mut out = format!(
        "--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename*=utf-8''presta%C3%A7%C3%A3o-{nth}.{ending}\r\n\r\n"
    );
    for line in data.chunks(IN_LINE) {
        STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out
}

fn zip(chance: &mut Chance, octets: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < octets / 2 {
        text.push_str(&sentence(chance, 12));
        text.push('\n');
    }
    let rest = octets.saturating_sub(text.len() + 300);
    let image = noise(chance, b"", rest);
    archive::stored(&[("word/document.xml", text.as_bytes()), ("word/media/image1.bin", &image)])
}

fn noise(chance: &mut Chance, beginning: &[u8], octets: usize) -> Vec<u8> {
    let mut data = beginning.to_vec();
    while data.len() < octets {
        data.extend_from_slice(&chance.bits().to_le_bytes());
    }
    data
}
