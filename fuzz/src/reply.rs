//! `smtp::reply`: the decoder beside a naive reading; our own replies, whatever text is put in, stay one reply and come back.

use portaria::smtp::reply::{Enhanced, Reply, ReplyDecoder, ReplyFault};

use crate::{choices::Choices, splits::splits};

/// Octets of a line, octets of a reply, lines of a reply: as the decoder's own documentation says.
const BOUNDS: (usize, usize, usize) = (4096, 65536, 100);

/// The octets are what a next hop said, and the text of a reply of ours.
pub fn reply(data: &[u8]) {
    let mut choices = Choices::of(data);
    let expected = naive(data);
    for pieces in splits(data, &mut choices) {
        let (replies, fault) = read(&pieces);
        assert_eq!(replies.len(), expected.0.len(), "{}", data.escape_ascii());
        assert_eq!(fault.as_ref().map(std::mem::discriminant), expected.1.as_ref().map(std::mem::discriminant));
        for (reply, (code, lines)) in replies.iter().zip(&expected.0) {
            assert_eq!((reply.code(), reply.lines().count()), (*code, lines.len()));
            for (said, line) in reply.lines().zip(lines) {
                assert!(printable(line).contains(said), "{said:?} was not said: {line:?}");
            }
            comes_back(reply);
        }
    }
    ours(data, &mut choices);
}

fn read(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ReplyFault>) {
    let mut decoder = ReplyDecoder::default();
    let mut replies = Vec::new();
    for piece in pieces {
        decoder.receive(piece);
        while let Some(reply) = decoder.poll() {
            match reply {
                Ok(reply) => replies.push(reply),
                Err(fault) => {
                    decoder.receive(b"250 Too late\r\n");
                    assert!(decoder.poll().is_none(), "nothing is read behind a fault");
                    return (replies, Some(fault));
                }
            }
        }
    }
    (replies, None)
}

/// Codes and texts, and the fault that ends them.
fn naive(mut rest: &[u8]) -> (Vec<(u16, Vec<String>)>, Option<ReplyFault>) {
    let (mut replies, mut lines, mut octets, mut first) = (Vec::new(), Vec::new(), 0, None);
    loop {
        let Some(end) = rest.iter().position(|&octet| octet == b'\n') else {
            return (replies, (rest.len() >= BOUNDS.0).then_some(ReplyFault::LineTooLong));
        };
        if end + 1 > BOUNDS.0 {
            return (replies, Some(ReplyFault::LineTooLong));
        }
        octets += end + 1;
        if octets > BOUNDS.1 || lines.len() == BOUNDS.2 {
            return (replies, Some(ReplyFault::TooLong));
        }
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        let code = line.get(..3).and_then(|code| std::str::from_utf8(code).ok());
        let code =
            code.filter(|code| code.bytes().all(|octet| octet.is_ascii_digit())).and_then(|code| code.parse().ok());
        let code: u16 = match (code, line.get(3)) {
            (Some(code @ 200..=599), None | Some(b' ' | b'-')) => code,
            _ => return (replies, Some(ReplyFault::NotAReply(String::new()))),
        };
        if *first.get_or_insert(code) != code {
            return (replies, Some(ReplyFault::CodeChanged(0, 0)));
        }
        lines.push(String::from_utf8_lossy(line.get(4..).unwrap_or_default()).into_owned());
        if line.get(3) != Some(&b'-') {
            replies.push((code, std::mem::take(&mut lines)));
            (octets, first) = (0, None);
        }
    }
}

fn printable(text: &str) -> String {
    let shown = |char| match char {
        '\t' => ' ',
        ' '..='~' => char,
        _ => '?',
    };
    text.chars().map(shown).collect()
}

/// What we say is read as what we meant.
fn comes_back(reply: &Reply) {
    let wire = reply.encode();
    well_formed(&wire);
    let (replies, fault) = read(&[&wire]);
    assert_eq!((replies.len(), fault), (1, None), "{}", wire.escape_ascii());
    // Text that looks like an enhanced code, under a reply that has none, is read as one: no reader can know better.
    if reply.enhanced().is_some() || !reply.lines().next().unwrap().contains('.') {
        assert_eq!(replies[0], *reply, "{}", wire.escape_ascii());
    }
}

/// RFC 5321 §4.2, §4.5.3.1.5: lines of printable ASCII, at most 512 octets, one code, a hyphen on all but the last.
fn well_formed(wire: &[u8]) {
    let text = std::str::from_utf8(wire).expect("ASCII");
    let lines: Vec<&str> = text.strip_suffix("\r\n").expect("CRLF at the end").split("\r\n").collect();
    for (at, line) in lines.iter().enumerate() {
        assert!(line.len() <= 510 && line.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{line:?}");
        assert_eq!(line.get(..3), lines[0].get(..3));
        assert_eq!(line.as_bytes().get(3) == Some(&b'-'), at + 1 < lines.len(), "{text:?}");
    }
}

fn ours(data: &[u8], choices: &mut Choices) {
    let text = String::from_utf8_lossy(data);
    let code = choices.below(800) as u16;
    let enhanced = Enhanced(choices.below(10) as u8, choices.below(2000) as u16, choices.below(20) as u16);
    let one = Reply::new(code, (!choices.once_in(3)).then_some(enhanced), text.to_string());
    let many = Reply::multiline(code, text.split('\n').take(100));
    for reply in [&one, &many, &one.passed_on(), &many.passed_on()] {
        well_formed(&reply.encode());
        assert_eq!(reply.code(), if (200..600).contains(&code) { code } else { 451 });
        assert!(reply.enhanced().is_none_or(|enhanced| u16::from(enhanced.0) == reply.code() / 100), "{reply:?}");
        comes_back(reply);
        let id = "0190a5c1e7b07a7a8a8a8a8a8a8a8a8f";
        let last = reply.clone().with_suffix(id);
        comes_back(&last);
        assert!(last.encode().ends_with(format!("({id})\r\n").as_bytes()), "people search for the id: {last:?}");
    }
}
