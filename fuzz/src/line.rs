//! `smtp::line` beside a naive reading of the whole stream at once.

use bytes::BytesMut;
use portaria::smtp::{
    limits::COMMAND_LINE,
    line::{Line, LineDecoder},
};

use crate::{
    choices::Choices,
    splits::{find, splits},
};

/// Any split reads as the naive reading does, and the buffer never keeps a line's worth of octets.
pub fn line(data: &[u8]) {
    let mut choices = Choices::of(data);
    // A line near the limit is too long for a mutator to find.
    let filled = [&vec![b'x'; COMMAND_LINE - choices.below(40)], data].concat();
    let filled = if choices.once_in(8) { filled.as_slice() } else { data };
    for data in [data, filled] {
        let expected = naive(data);
        for pieces in splits(data, &mut choices) {
            assert_eq!(read(&pieces), expected, "{}", data.escape_ascii());
        }
    }
}

fn read(pieces: &[&[u8]]) -> Vec<Line> {
    let (mut decoder, mut wire, mut lines) = (LineDecoder::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        wire.extend_from_slice(piece);
        while let Some(line) = decoder.decode(&mut wire) {
            let stop = line == Line::BareNewline;
            lines.push(line);
            if stop {
                return lines;
            }
        }
        assert!(wire.len() < COMMAND_LINE, "{} octets are kept", wire.len());
    }
    lines
}

/// Up to the first CR or LF that is not half of a CRLF.
fn naive(mut rest: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    loop {
        let end = find(rest, b"\r\n");
        let whole = &rest[..end.unwrap_or(rest.len())];
        match (whole.iter().position(|octet| b"\r\n".contains(octet)), end) {
            // It may become CRLF yet.
            (Some(at), None) if &whole[at..] == b"\r" => return lines,
            (Some(_), _) => {
                lines.push(Line::BareNewline);
                return lines;
            }
            (None, None) => return lines,
            (None, Some(end)) => {
                let fits = end + 2 <= COMMAND_LINE;
                let line = |octets: &[u8]| octets.to_vec().into();
                lines.push(if fits { Line::Whole(line(whole)) } else { Line::TooLong(line(&whole[..4])) });
                rest = &rest[end + 2..];
            }
        }
    }
}
