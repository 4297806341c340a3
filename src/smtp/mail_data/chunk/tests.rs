//! The decoder beside a naive reading, over every short string, in all chunks and at every split.

use super::{super::MailDataEncoder, *};

/// What chunks decode to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    content: Vec<u8>,
    bare_newline: bool,
}

/// `chunks` on one wire with a command behind each, which comes in pieces of `size`.
fn decode(policy: BareNewlines, chunks: &[&[u8]], size: usize) -> Decoded {
    const COMMAND: &[u8] = b"\nBDAT\r";
    let stream: Vec<u8> = chunks.iter().flat_map(|chunk| [chunk, COMMAND].concat()).collect();
    let (mut decoder, mut wire, mut decoded) = (ChunkDecoder::with(policy), BytesMut::new(), Decoded::default());
    let mut pieces = stream.chunks(size);
    for (at, chunk) in chunks.iter().enumerate() {
        decoder.begin(chunk.len() as u64, at + 1 == chunks.len());
        loop {
            match decoder.decode(&mut wire) {
                Some(ChunkData::Content(content)) => {
                    assert!(!content.is_empty());
                    decoded.content.extend_from_slice(&content);
                }
                Some(ChunkData::End) => break,
                None => {
                    assert!(wire.is_empty(), "nothing of a chunk waits in the buffer");
                    wire.extend_from_slice(pieces.next().expect("the chunk is on the wire"));
                }
            }
        }
        while wire.len() < COMMAND.len() {
            wire.extend_from_slice(pieces.next().expect("the command is on the wire"));
        }
        assert_eq!(wire.split_to(COMMAND.len()), COMMAND, "what is behind a chunk is left");
    }
    decoded.bare_newline = decoder.saw_bare_newline();
    decoded
}

/// The naive reading of all octets at once.
fn naive(policy: BareNewlines, octets: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let mut rest = octets;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, rest, policy) {
            (b'\r', [b'\n', behind @ ..], _) => {
                decoded.content.extend_from_slice(b"\r\n");
                rest = behind;
            }
            (b'\r' | b'\n', _, BareNewlines::Refuse) => decoded.bare_newline = true,
            (b'\r' | b'\n', _, BareNewlines::Normalise) => decoded.content.extend_from_slice(b"\r\n"),
            _ => decoded.content.push(*first),
        }
    }
    if !decoded.content.is_empty() && !decoded.content.ends_with(b"\r\n") {
        decoded.content.extend_from_slice(b"\r\n");
    }
    decoded
}

fn all_strings(alphabet: &[u8], longest: usize) -> Vec<Vec<u8>> {
    let mut strings = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..longest {
        let to = strings.len();
        for at in from..to {
            strings.extend(alphabet.iter().map(|&octet| [&strings[at][..], &[octet]].concat()).collect::<Vec<_>>());
        }
        from = to;
    }
    strings
}

#[test]
fn every_short_string_in_any_chunks_at_any_split_reads_the_same() {
    let longest = if cfg!(debug_assertions) { 5 } else { 8 };
    for policy in [BareNewlines::Refuse, BareNewlines::Normalise] {
        for string in all_strings(b"\r\n.a", longest) {
            let expected = naive(policy, &string);
            let shown = string.escape_ascii();
            let octets: Vec<&[u8]> = string.chunks(1).chain([&b""[..]]).collect();
            for size in [1, 2, 3, 100] {
                assert_eq!(decode(policy, &[&string], size), expected, "{shown} by {size}");
                assert_eq!(decode(policy, &octets, size), expected, "{shown}, a chunk an octet, by {size}");
                for cut in 0..=string.len() {
                    let (front, back) = string.split_at(cut);
                    assert_eq!(decode(policy, &[front, b"", back], size), expected, "{shown} at {cut} by {size}");
                }
            }
        }
    }
}

#[test]
fn the_size_decides_and_a_dot_is_a_dot() {
    type Row<'a> = (&'a [&'a [u8]], &'a [u8], bool);
    let rows: &[Row<'_>] = &[
        // What ends mail data behind DATA is content.
        (&[b"a\r\n.\r\nb\r\n"], b"a\r\n.\r\nb\r\n", false),
        (&[b"..a\r\n.\r\n"], b"..a\r\n.\r\n", false),
        // An empty message has no line to end; a line that its client did not end is ended, once.
        (&[b""], b"", false),
        (&[b"a\r\n", b""], b"a\r\n", false),
        (&[b"a"], b"a\r\n", false),
        (&[b"a\r\nb", b""], b"a\r\nb\r\n", false),
        // CR and LF in two chunks are a pair; anything between them, or the end, and the CR is bare.
        (&[b"a\r", b"\nb\r\n"], b"a\r\nb\r\n", false),
        (&[b"a\r", b"", b"\n"], b"a\r\n", false),
        (&[b"a\r", b"b\r\n"], b"ab\r\n", true),
        (&[b"a\r", b"\r\n"], b"a\r\n", true),
        (&[b"a\r", b""], b"a\r\n", true),
        (&[b"a\r\n", b"\n"], b"a\r\n", true),
        (&[b"\r"], b"", true),
        // NUL and octets above 127 are content.
        (&[b"\0\xff\r\n"], b"\0\xff\r\n", false),
    ];
    for (chunks, content, bare_newline) in rows {
        for size in [1, 2, 100] {
            let expected = Decoded { content: content.to_vec(), bare_newline: *bare_newline };
            assert_eq!(decode(BareNewlines::Refuse, chunks, size), expected, "{chunks:?} by {size}");
        }
    }
}

/// What goes on by DATA is what came by chunks, for a reader of CRLF, of LF and of CR.
#[test]
fn mended_and_sent_on_by_data_it_has_one_end() {
    for string in all_strings(b"\r\n.a", 6) {
        let content = decode(BareNewlines::Normalise, &[&string], 3).content;
        let mut encoder = MailDataEncoder::default();
        let mut wire = [b"\r\n", &encoder.encode(Bytes::from(content))[..]].concat();
        wire.extend_from_slice(&encoder.end());
        assert!(has_only_crlf(&wire), "{}", wire.escape_ascii());
        let end = memchr::memmem::find(&wire, b"\r\n.\r\n");
        assert_eq!(end, Some(wire.len() - b"\r\n.\r\n".len()), "{}", wire.escape_ascii());
    }
}

#[test]
fn content_without_bare_newlines_is_not_copied() {
    let content = b"line\r\n.\r\n".repeat(1000);
    let mut wire = BytesMut::from(&content[..]);
    let buffer = wire.as_ptr();
    let mut decoder = ChunkDecoder::with(BareNewlines::Refuse);
    decoder.begin(content.len() as u64, true);
    let Some(ChunkData::Content(decoded)) = decoder.decode(&mut wire) else { panic!("content was decided") };
    assert_eq!((decoded.as_ptr(), &decoded[..]), (buffer, &content[..]), "in place");
    assert_eq!(decoder.decode(&mut wire), Some(ChunkData::End));
    // A size that no memory holds is only a number.
    decoder.begin(999_999_999_999_999_999, true);
    assert_eq!(decoder.decode(&mut wire), None);
}
