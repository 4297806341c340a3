//! Both directions beside naive readings of them, over every short string and at every split.

#[path = "../../policy/rule/tests/chance.rs"]
#[allow(clippy::duplicate_mod, reason = "layers do not use one another, not even in tests")]
mod chance;

use self::chance::Chance;
use super::*;

/// What the pieces of a wire decode to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    content: Vec<u8>,
    ended: bool,
    bare_newline: bool,
    left: Vec<u8>,
}

fn decode(pieces: &[&[u8]]) -> Decoded {
    decode_with(BareNewlines::Refuse, pieces)
}

fn decode_with(policy: BareNewlines, pieces: &[&[u8]]) -> Decoded {
    let (mut decoder, mut wire, mut decoded) = (MailDataDecoder::with(policy), BytesMut::new(), Decoded::default());
    for piece in pieces {
        wire.extend_from_slice(piece);
        while !decoded.ended {
            match decoder.decode(&mut wire) {
                Some(MailData::Content(content)) => {
                    assert!(!content.is_empty());
                    decoded.content.extend_from_slice(&content);
                }
                Some(MailData::End) => decoded.ended = true,
                None => break,
            }
        }
    }
    assert!(decoded.ended || wire.len() <= 2, "only `.`, `. CR` and `CR` may wait");
    Decoded { bare_newline: decoder.saw_bare_newline(), left: wire.to_vec(), ..decoded }
}

/// The naive reading: split at CRLF, stop at the line that is a dot, remove a dot in front, and drop what is bare or put CRLF
/// in its place. `wire` has an end.
fn naive(policy: BareNewlines, wire: &[u8]) -> Decoded {
    let mut decoded = Decoded { ended: true, ..Decoded::default() };
    let mut rest = wire;
    loop {
        let line_end = rest.windows(2).position(|pair| pair == b"\r\n").expect("the wire has an end");
        let line = &rest[..line_end];
        rest = &rest[line_end + 2..];
        if line == b"." {
            decoded.left = rest.to_vec();
            return decoded;
        }
        for &octet in line.strip_prefix(b".").unwrap_or(line) {
            match (octet, policy) {
                (b'\r' | b'\n', BareNewlines::Refuse) => decoded.bare_newline = true,
                (b'\r' | b'\n', BareNewlines::Normalise) => decoded.content.extend_from_slice(b"\r\n"),
                _ => decoded.content.push(octet),
            }
        }
        decoded.content.extend_from_slice(b"\r\n");
    }
}

fn all_strings(alphabet: &[&[u8]], longest: usize) -> Vec<Vec<u8>> {
    let mut strings = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..longest {
        let to = strings.len();
        for index in from..to {
            strings.extend(alphabet.iter().map(|octets| [&strings[index][..], octets].concat()).collect::<Vec<_>>());
        }
        from = to;
    }
    strings
}

fn every_short_string_at_every_split(policy: BareNewlines) {
    let longest = if cfg!(debug_assertions) { 7 } else { 9 };
    for string in all_strings(&[b"\r", b"\n", b".", b"a"], longest) {
        let wire = [&string[..], b"\r\n.\r\n"].concat();
        let expected = naive(policy, &wire);
        assert_eq!(decode_with(policy, &[&wire]), expected, "{}", wire.escape_ascii());
        for split in 1..wire.len() {
            let (front, back) = wire.split_at(split);
            let decoded = decode_with(policy, &[front, back]);
            assert_eq!(decoded, expected, "{} at {split}", wire.escape_ascii());
        }
        let octets: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(decode_with(policy, &octets), expected, "{} by octet", wire.escape_ascii());
        if policy == BareNewlines::Normalise {
            sent_on_it_is_one_message(&expected.content);
        }
    }
}

/// What our encoder makes of mended content has no bare CR or LF and one end, at its end, for a reader of CRLF. Without bare ones
/// a reader of LF or of CR sees the same lines.
fn sent_on_it_is_one_message(content: &[u8]) {
    let wire = encode(&[content]);
    let read = naive(BareNewlines::Refuse, &wire);
    assert!(!read.bare_newline && read.left.is_empty(), "{}", wire.escape_ascii());
    assert_eq!(read.content, content, "{}", wire.escape_ascii());
}

#[test]
fn every_short_string_at_every_split_reads_as_rfc_5321_says() {
    every_short_string_at_every_split(BareNewlines::Refuse);
}

#[test]
fn every_short_string_at_every_split_ends_at_the_same_place_when_it_is_mended() {
    every_short_string_at_every_split(BareNewlines::Normalise);
}

#[test]
fn what_is_bare_becomes_crlf_and_a_dot_behind_it_is_content() {
    let rows: &[(&[u8], &[u8], &[u8])] = &[
        (b"a\nb\r\n.\r\n", b"a\r\nb\r\n", b"a\r\nb\r\n.\r\n"),
        (b"a\rb\r\n.\r\n", b"a\r\nb\r\n", b"a\r\nb\r\n.\r\n"),
        // Each is one of its own: LF CR is two, and so is CR CR LF.
        (b"a\n\rb\r\n.\r\n", b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n.\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
        // What others take for the end is a line with a dot, which goes on doubled.
        (b"a\n.\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\r\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"\n.\r\n.\r\n", b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        (b"a\r.\rb\r\n.\r\n", b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        // Behind CRLF the first dot is one of transparency, whatever follows; behind a bare one two dots are two.
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n.\r\n"),
        (b"a\r\n.\r\r\nb\r\n.\r\n", b"a\r\n\r\n\r\nb\r\n", b"a\r\n\r\n\r\nb\r\n.\r\n"),
        (b"a\n..b\r\n.\r\n", b"a\r\n..b\r\n", b"a\r\n...b\r\n.\r\n"),
    ];
    for (wire, content, sent) in rows {
        let expected = Decoded { content: content.to_vec(), ended: true, ..Decoded::default() };
        assert_eq!(decode_with(BareNewlines::Normalise, &[wire]), expected, "{}", wire.escape_ascii());
        assert_eq!(encode(&[content]), *sent, "{}", wire.escape_ascii());
    }
}

#[test]
fn the_end_of_mail_data() {
    type Row<'a> = (&'a [u8], &'a [u8], bool, &'a [u8]);
    let rows: &[Row<'_>] = &[
        // An empty message; what follows are commands again.
        (b".\r\n", b"", false, b""),
        (b".\r\nQUIT\r\n", b"", false, b"QUIT\r\n"),
        (b"a\r\n.\r\nRSET\r\n", b"a\r\n", false, b"RSET\r\n"),
        // Transparency: one dot is removed in front of anything else, also of nothing but dots.
        (b"..\r\n.a\r\n...\r\n.\r\n", b".\r\na\r\n..\r\n", false, b""),
        // What others have taken for the end is none here: CVE-2023-51764 and its kin.
        (b"a\n.\nb\r\n.\r\n", b"a.b\r\n", true, b""),
        (b"a\n.\r\nb\r\n.\r\n", b"a.\r\nb\r\n", true, b""),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\nb\r\n", true, b""),
        (b"a\r.\rb\r\n.\r\n", b"a.b\r\n", true, b""),
        (b"a\r\n.\rb\r\n.\r\n", b"a\r\nb\r\n", true, b""),
        (b"a\r\n.\r\r\nb\r\n.\r\n", b"a\r\n\r\nb\r\n", true, b""),
        (b"a\r\n\0.\r\n.\r\n", b"a\r\n\0.\r\n", false, b""),
        // CR CR LF is a bare CR and then a line end.
        (b"a\r\r\n.\r\n", b"a\r\n", true, b""),
    ];
    for (wire, content, bare_newline, left) in rows {
        let expected =
            Decoded { content: content.to_vec(), ended: true, bare_newline: *bare_newline, left: left.to_vec() };
        assert_eq!(decode(&[wire]), expected, "{}", wire.escape_ascii());
    }
}

/// Lines of any length, most of them honest: whole stretches are taken as they stand, and what is bare in them must not be.
#[test]
fn long_wires_read_as_the_naive_reading_reads_them() {
    const PARTS: [&str; 14] =
        ["\r\n", "\r\n", "line", "a", "LONG", "\r\n.", "\r\n..", ".", "\r\n.\r", "\n", "\r", "\n.", "\r\r\n", "\0"];
    let (mut chance, long) = (Chance(7), "x".repeat(200));
    let mut bare = 0;
    for _ in 0..4_000 {
        let mut wire = String::new();
        let honest = [3, 5, 9, PARTS.len()][chance.below(4)];
        for _ in 0..chance.below(80) {
            let part = chance.of(&PARTS[..honest]);
            wire += if part == "LONG" { &long } else { part };
        }
        let wire = [wire.as_bytes(), b"\r\n.\r\nQUIT\r\n"].concat();
        for policy in [BareNewlines::Refuse, BareNewlines::Normalise] {
            let expected = naive(policy, &wire);
            bare += usize::from(expected.bare_newline);
            for longest in [1, 9, 400, wire.len()] {
                let (mut pieces, mut rest) = (Vec::new(), &wire[..]);
                while !rest.is_empty() {
                    let (piece, behind) = rest.split_at(rest.len().min(1 + chance.below(longest)));
                    pieces.push(piece);
                    rest = behind;
                }
                assert_eq!(decode_with(policy, &pieces), expected, "{}", wire.escape_ascii());
            }
        }
    }
    assert!(bare > 500, "{bare}");
}

#[test]
fn content_comes_in_large_pieces() {
    // Untouched content is the buffer itself; a dot in front of each line makes it no smaller.
    for (line, kept) in [(&b"line\r\n"[..], &b"line\r\n"[..]), (b"..\r\n", b".\r\n"), (b"a\n", b"a")] {
        let mut wire = BytesMut::from(&line.repeat(1000)[..]);
        let buffer = wire.as_ptr();
        let mut decoder = MailDataDecoder::new();
        let Some(MailData::Content(content)) = decoder.decode(&mut wire) else { panic!("content was decided") };
        assert_eq!(content, kept.repeat(1000));
        assert_eq!(content.as_ptr(), buffer, "in place");
        assert_eq!(decoder.decode(&mut wire), None);
    }
    // Nor does a client that ends each line with LF cost a write for each.
    let mut wire = BytesMut::from(&b"a\n".repeat(1000)[..]);
    let content = MailDataDecoder::with(BareNewlines::Normalise).decode(&mut wire);
    assert_eq!(content, Some(MailData::Content(b"a\r\n".repeat(1000).into())));
}

fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoder = MailDataEncoder::default();
    let mut wire = Vec::new();
    for piece in pieces {
        wire.extend_from_slice(&encoder.encode(Bytes::copy_from_slice(piece)));
    }
    wire.extend_from_slice(&encoder.end());
    wire
}

#[test]
fn what_is_encoded_decodes_to_the_same_content() {
    for content in all_strings(&[b"\r\n", b".", b"a"], 7) {
        let wire = encode(&[&content]);
        let decoded = decode(&[&wire]);
        let whole = if content.is_empty() || content.ends_with(b"\r\n") { &b""[..] } else { b"\r\n" };
        assert_eq!(decoded.content, [&content[..], whole].concat(), "{}", content.escape_ascii());
        assert!(decoded.ended && !decoded.bare_newline && decoded.left.is_empty());
        for split in 0..=content.len() {
            let (front, back) = content.split_at(split);
            assert_eq!(encode(&[front, b"", back]), wire, "{} at {split}", content.escape_ascii());
        }
    }
}

#[test]
fn dots_are_doubled_at_line_starts_and_nothing_else_changes() {
    let rows: &[(&[u8], &[u8])] = &[
        (b"", b".\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
        (b".\r\n..\r\n", b"..\r\n...\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        // Cannot come out of our decoder; a next hop that takes LF for a line end would see no dot alone.
        (b"a\n.\nb\r\n", b"a\n..\nb\r\n.\r\n"),
    ];
    for (content, wire) in rows {
        assert_eq!(encode(&[content]), *wire, "{}", content.escape_ascii());
    }
    let content = Bytes::from_static(b"nothing to double\r\n");
    let same = MailDataEncoder::default().encode(content.clone());
    assert_eq!(same.as_ptr(), content.as_ptr(), "not copied");
}
