//! `smtp::mail_data`: the decoders beside naive readings of the whole wire, the encoder against the decoder.

use bytes::{Bytes, BytesMut};
use portaria::smtp::mail_data::{
    BareNewlines, MailData, MailDataDecoder, MailDataEncoder,
    chunk::{ChunkData, ChunkDecoder},
};

use crate::{
    choices::Choices,
    splits::{find, only_crlf, splits},
};

/// What stands on the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// Content, dots undone, bare CR and LF gone or mended.
    pub content: Vec<u8>,
    /// A CR or LF stood alone and was not mended.
    pub bare_newline: bool,
    /// The octets behind the end, if it came.
    pub behind: Option<Vec<u8>>,
}

/// The octets are mail data on the wire; what is decoded is encoded again; and they are content.
pub fn mail_data(data: &[u8]) {
    let mut choices = Choices::of(data);
    let expected = naive(data);
    assert!(only_crlf(&expected.content));
    for pieces in splits(data, &mut choices) {
        assert_eq!(read(BareNewlines::Refuse, &pieces), expected, "{}", data.escape_ascii());
    }
    mended(data, &expected, &mut choices);
    by_chunks(data, &mut choices);
    let content = &expected.content;
    let wire = encoded(content, &mut choices);
    let ended = content.is_empty() || content.ends_with(b"\r\n");
    let whole = if ended { content.clone() } else { [content.as_slice(), b"\r\n"].concat() };
    let back = Reading { content: whole, bare_newline: false, behind: Some(Vec::new()) };
    assert_eq!(read(BareNewlines::Refuse, &[&wire]), back, "{}", content.escape_ascii());
    assert_eq!(naive(&wire), back);
    // No content, whoever made it, has an LF and a dot on a line of its own in it: whoever ends lines with LF is not led astray.
    let wire = encoded(data, &mut choices);
    let wire = [b"\n", wire.as_slice()].concat();
    for end in [b"\n.\r".as_slice(), b"\n.\n"] {
        let first = find(&wire, end).unwrap_or(wire.len());
        assert!(first >= wire.len() - b"\n.\r\n".len(), "{} in {}", end.escape_ascii(), wire.escape_ascii());
    }
}

/// The same octets where bare newlines are mended: the message ends at the same octet, and sent on it is one message with the mended
/// content, without a bare CR or LF for anyone to take for something.
fn mended(data: &[u8], refused: &Reading, choices: &mut Choices) {
    let expected = naive_with(BareNewlines::Normalise, data);
    assert!(only_crlf(&expected.content) && !expected.bare_newline);
    assert_eq!(expected.behind, refused.behind);
    for pieces in splits(data, choices) {
        assert_eq!(read(BareNewlines::Normalise, &pieces), expected, "{}", data.escape_ascii());
    }
    let wire = encoded(&expected.content, choices);
    let sent = naive(&wire);
    assert!(only_crlf(&wire) && sent.behind == Some(Vec::new()), "{}", data.escape_ascii());
    assert!(sent.content.starts_with(&expected.content), "{}", data.escape_ascii());
}

/// The same octets as the content of chunks, wherever it is cut into them.
fn by_chunks(data: &[u8], choices: &mut Choices) {
    for policy in [BareNewlines::Refuse, BareNewlines::Normalise] {
        let expected = naive_chunks(policy, data, true);
        assert!(only_crlf(&expected.content));
        for chunks in splits(data, choices) {
            let mut decoder = ChunkDecoder::with(policy);
            let mut content = Vec::new();
            for (at, chunk) in chunks.iter().enumerate() {
                decoder.begin(chunk.len() as u64, at + 1 == chunks.len());
                let (mut wire, mut ended) = (BytesMut::new(), false);
                for piece in choices.cut(&[chunk, &b"\nQUIT"[..]].concat(), 40) {
                    wire.extend_from_slice(piece);
                    while let Some(found) = decoder.decode(&mut wire).filter(|_| !ended) {
                        match found {
                            ChunkData::Content(octets) => content.extend_from_slice(&octets),
                            ChunkData::End => ended = true,
                        }
                    }
                }
                assert!(ended && wire == b"\nQUIT"[..], "{} {chunks:?}", wire.escape_ascii());
            }
            let reading = Reading { content, bare_newline: decoder.saw_bare_newline(), behind: None };
            assert_eq!(reading, expected, "{} {policy:?}", data.escape_ascii());
        }
        let wire = encoded(&expected.content, choices);
        assert_eq!(naive(&wire).content, expected.content, "sent on by DATA it is the same");
    }
}

/// What chunks have in them, in the words of a reader who has all of them before him. `whole`: the last one is among them; until
/// then a CR at the end may be half a CRLF.
pub fn naive_chunks(policy: BareNewlines, octets: &[u8], whole: bool) -> Reading {
    let octets = if whole { octets } else { octets.strip_suffix(b"\r").unwrap_or(octets) };
    let mut reading = Reading { content: Vec::new(), bare_newline: false, behind: None };
    let lines = lines(octets);
    let (last, lines) = lines.split_last().expect("there is always one");
    for line in lines {
        reading.add_all(policy, line);
        reading.content.extend_from_slice(b"\r\n");
    }
    reading.add_all(policy, last);
    if whole && !reading.content.is_empty() && !reading.content.ends_with(b"\r\n") {
        reading.content.extend_from_slice(b"\r\n");
    }
    reading
}

/// The size of a chunk, and whether it is the last one: `BDAT 1*18DIGIT [LAST]`, with spaces behind it.
pub fn chunk_command(line: &[u8]) -> Option<(usize, bool)> {
    let line = std::str::from_utf8(line).ok()?.trim_end_matches(' ').to_ascii_uppercase();
    let argument = line.strip_prefix("BDAT ")?;
    let digits = argument.strip_suffix(" LAST").unwrap_or(argument);
    let proper = (1..=18).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit());
    proper.then(|| digits.parse().ok().map(|size| (size, digits.len() < argument.len())))?
}

fn read(policy: BareNewlines, pieces: &[&[u8]]) -> Reading {
    let (mut decoder, mut wire) = (MailDataDecoder::with(policy), BytesMut::new());
    let (mut content, mut behind): (Vec<u8>, Option<Vec<u8>>) = (Vec::new(), None);
    for piece in pieces {
        if let Some(behind) = &mut behind {
            behind.extend_from_slice(piece);
            continue;
        }
        wire.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut wire) {
                Some(MailData::Content(octets)) => {
                    assert!(!octets.is_empty());
                    content.extend_from_slice(&octets);
                }
                Some(MailData::End) => {
                    behind = Some(wire.split().to_vec());
                    break;
                }
                None => {
                    assert!(wire.len() < 3, "{} octets cannot be decided", wire.len());
                    break;
                }
            }
        }
    }
    Reading { content, bare_newline: decoder.saw_bare_newline(), behind }
}

/// RFC 5321 §4.5.2 in the words of a reader who has everything before him.
pub fn naive(wire: &[u8]) -> Reading {
    naive_with(BareNewlines::Refuse, wire)
}

fn naive_with(policy: BareNewlines, wire: &[u8]) -> Reading {
    // DATA's own CRLF stands in front.
    let whole = [b"\r\n", wire].concat();
    let end = find(&whole, b"\r\n.\r\n");
    let text = &whole[2..end.map_or(whole.len(), |end| end.max(2))];
    let behind = end.map(|end| whole[end + 5..].to_vec());
    let mut reading = Reading { content: Vec::new(), bare_newline: false, behind };
    let lines = lines(text);
    let (last, lines) = lines.split_last().expect("there is always one");
    for line in lines {
        reading.add(policy, line);
        reading.content.extend_from_slice(b"\r\n");
    }
    match end {
        Some(0) => {}
        Some(_) => {
            reading.add(policy, last);
            reading.content.extend_from_slice(b"\r\n");
        }
        // What may still become an end, or a CRLF, is neither content nor a fault.
        None if last == b"." || last == b".\r" => {}
        None => reading.add(policy, last.strip_suffix(b"\r").unwrap_or(last)),
    }
    reading
}

impl Reading {
    fn add(&mut self, policy: BareNewlines, line: &[u8]) {
        self.add_all(policy, line.strip_prefix(b".").unwrap_or(line));
    }

    fn add_all(&mut self, policy: BareNewlines, line: &[u8]) {
        for octet in line {
            match (octet, policy) {
                (b'\r' | b'\n', BareNewlines::Refuse) => self.bare_newline = true,
                (b'\r' | b'\n', BareNewlines::Normalise) => self.content.extend_from_slice(b"\r\n"),
                (octet, _) => self.content.push(*octet),
            }
        }
    }
}

/// Split at CRLF; the last one is what follows the last CRLF.
fn lines(mut text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    while let Some(end) = find(text, b"\r\n") {
        lines.push(text[..end].to_vec());
        text = &text[end + 2..];
    }
    lines.push(text.to_vec());
    lines
}

fn encoded(content: &[u8], choices: &mut Choices) -> Vec<u8> {
    let wires = splits(content, choices).map(|pieces| {
        let mut encoder = MailDataEncoder::default();
        let mut wire = Vec::new();
        for piece in pieces {
            wire.extend_from_slice(&encoder.encode(Bytes::copy_from_slice(piece)));
        }
        wire.extend_from_slice(&encoder.end());
        wire
    });
    assert!(wires.iter().all(|wire| *wire == wires[0]), "the encoder sees how its content is cut");
    let [wire, ..] = wires;
    wire
}
