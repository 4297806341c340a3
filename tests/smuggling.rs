//! Smuggling: every way to write what somebody takes for the end of mail data, and a second transaction pipelined behind it.
//!
//! A message is smuggled when the gateway and its neighbour disagree about where a message ends (CVE-2023-51764,
//! CVE-2023-51765, CVE-2023-51766). So the client's octets are read by a naive reader of RFC 5321 and RFC 3030, who has them
//! all before him, and played to the real relay session, cut at every octet; the wires of a recording next hop are read
//! again, by that reader and by the most gullible of servers, and all must have the same messages. On no wire is there ever a
//! bare CR or LF.
//!
//! | what | file |
//! |---|---|
//! | the two readers | `reader` |
//! | session, client, next hop | `gateway` |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "smuggling/gateway.rs"]
mod gateway;
#[path = "smuggling/reader.rs"]
mod reader;

use gateway::{Seen, Way, relayed};
use portaria::smtp::mail_data::BareNewlines::{self, Normalise, Refuse};
use reader::{Message, bare, by_rfc_5321, by_the_gullible};

/// What may stand before the dot, and (read from its own end) behind it: line ends, what only looks like one, what stands in the way of
/// one. Some together are the true end, and then the second transaction is a second transaction.
const BEFORE: [&str; 16] = [
    "\r\n", "\n", "\r", "", "\r\r\n", "\n\r", "\n\n", "\r\r", "\r\n\n", "\r\n\r", "\r\n\0", "\r\0\n", "\r\n ",
    "\r\n\t", "\r\n.", "\u{85}",
];
const BEHIND: [&str; 15] = [
    "\r\n", "\n", "\r", "", "\r\r\n", "\n\r", "\n\n", "\r\r", "\n\r\n", "\r\n\n", "\0\r\n", "\r\0\n", " \r\n",
    "\t\r\n", "\u{85}",
];

const WAYS: [Way; 4] = [
    Way { bare: Refuse, cut_through: false },
    Way { bare: Refuse, cut_through: true },
    Way { bare: Normalise, cut_through: false },
    Way { bare: Normalise, cut_through: true },
];

/// One message with `end` in it, a second transaction with `newline` behind each command, the true end, and an honest message.
fn octets(end: &str, newline: &str) -> Vec<u8> {
    let smuggled = ["MAIL FROM:<f@b.example>", "RCPT TO:<j@b.example>", "DATA", "forged"].join(newline);
    let honest = "MAIL FROM:<h@a.example>\r\nRCPT TO:<k@b.example>\r\nDATA\r\nhonest\r\n.\r\nQUIT\r\n";
    let opening = "EHLO c\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<j@b.example>\r\nDATA\r\n";
    format!("{opening}a{end}{smuggled}\r\n.\r\n{honest}").into_bytes()
}

/// The same content by chunks, between two honest messages by DATA; `how` says where it is cut. What is in it a whole message, or a
/// command, is content.
fn octets_by_chunks(end: &str, newline: &str, how: usize) -> Vec<u8> {
    let envelope = "MAIL FROM:<a@a.example>\r\nRCPT TO:<j@b.example>\r\n";
    let honest = |text: &str| format!("{envelope}DATA\r\n{text}\r\n.\r\n");
    let smuggled = ["MAIL FROM:<f@b.example>", "RCPT TO:<j@b.example>", "BDAT 3 LAST", "abc"].join(newline);
    let content = format!("a{end}{smuggled}").into_bytes();
    let chunk = |octets: &[u8], last: &str| [format!("BDAT {}{last}\r\n", octets.len()).as_bytes(), octets].concat();
    let chunks = match how {
        0 => chunk(&content, " LAST"),
        // Within what only looks like an end.
        1..=5 => {
            let (front, back) = content.split_at(how.min(content.len()));
            [chunk(front, ""), chunk(back, " LAST")].concat()
        }
        6 => [content[..8].chunks(1).flat_map(|octet| chunk(octet, "")).collect(), chunk(&content[8..], " LAST")]
            .concat(),
        // An empty one at the end, and its octets once more behind the last: they are nobody's.
        7 => [chunk(&content, ""), chunk(b"", " LAST"), chunk(&content, " LAST")].concat(),
        // Begun, dropped by RSET or by DATA, and sent again.
        8 => [&chunk(&content, ""), &b"RSET\r\n"[..], envelope.as_bytes(), &chunk(&content, " LAST")].concat(),
        _ => [&chunk(&content, ""), &b"DATA\r\n"[..], envelope.as_bytes(), &chunk(&content, " LAST")].concat(),
    };
    [b"EHLO c\r\n", honest("before").as_bytes(), envelope.as_bytes(), &chunks, honest("behind").as_bytes(), b"QUIT\r\n"]
        .concat()
}

/// What went out is what the readers say, and nothing of it is open to another reading.
fn check(seen: &Seen, expected: &[Message], shown: impl Fn() -> String) {
    let (mut by_rfc, mut by_gullible) = (Vec::new(), Vec::new());
    for wire in &seen.wires {
        assert_eq!(bare(wire), 0, "{}\na bare CR or LF: {}", shown(), wire.escape_ascii());
        by_rfc.extend(by_rfc_5321(wire, Refuse).into_iter().map(Message::without_trace));
        by_gullible.extend(by_the_gullible(wire).into_iter().map(Message::without_trace));
    }
    assert_eq!(by_rfc, expected, "{}", shown());
    assert_eq!(by_gullible, expected, "{}", shown());
    // What the record tells is the content as it was relayed.
    let sizes: Vec<u64> = expected.iter().map(|message| message.content.len() as u64).collect();
    assert_eq!(seen.sizes, sizes, "{}", shown());
    assert_eq!(bare(&seen.replies), 0, "{}", shown());
}

/// Plays it whole, octet by octet, and in two pieces cut at every octet. How many plays that were.
fn play(client: &[u8], way: Way) -> usize {
    let expected = by_rfc_5321(client, way.bare);
    let shown = |how: &str| format!("{} {way:?} {how}", client.escape_ascii());
    let whole = relayed(&[client], way);
    check(&whole, &expected, || shown("whole"));
    let octets: Vec<&[u8]> = client.chunks(1).collect();
    let halves = (1..client.len()).map(|cut| [&client[..cut], &client[cut..]]);
    let plays = halves.map(|halves| halves.to_vec()).chain([octets]);
    for pieces in plays {
        let seen = relayed(&pieces, way);
        // The same octets need no second reading. (Of a message that is refused more or less may have flowed already.)
        if seen != whole {
            check(&seen, &expected, || shown(&format!("{} pieces, the first of {}", pieces.len(), pieces[0].len())));
        }
    }
    client.len() + 1
}

fn every_end_in_every_way(bare: BareNewlines) {
    let (mut cases, mut plays) = (0, 0);
    for (number, before) in BEFORE.iter().enumerate() {
        for (other, behind) in BEHIND.iter().enumerate() {
            for (third, newline) in ["\r\n", "\n"].iter().enumerate() {
                // Which of them flows on at once alternates.
                let way = Way { bare, cut_through: (number + other + third) % 2 == 0 };
                plays += play(&octets(&format!("{before}.{behind}"), newline), way);
                cases += 1;
            }
        }
    }
    println!("{bare:?}: {cases} cases, {plays} plays");
    assert!(cases == 480 && plays > 90_000, "{cases} cases, {plays} plays");
}

#[test]
fn the_next_hop_sees_the_messages_that_rfc_5321_says_and_no_other() {
    every_end_in_every_way(Refuse);
}

#[test]
fn the_next_hop_sees_them_where_bare_newlines_are_mended() {
    every_end_in_every_way(Normalise);
}

fn every_end_by_chunks(bare: BareNewlines) {
    let (mut cases, mut plays) = (0, 0);
    for (number, before) in BEFORE.iter().enumerate() {
        for (other, behind) in BEHIND.iter().enumerate() {
            // Where it is cut, what ends its lines and which of them flows on at once alternate.
            let case = number * BEHIND.len() + other;
            let newline = ["\r\n", "\n", "\r"][case % 3];
            let way = Way { bare, cut_through: (case / 10).is_multiple_of(2) };
            plays += play(&octets_by_chunks(&format!("{before}.{behind}"), newline, case % 10), way);
            cases += 1;
        }
    }
    println!("{bare:?}: {cases} cases by chunks, {plays} plays");
    assert!(cases == 240 && plays > 60_000, "{cases} cases, {plays} plays");
}

#[test]
fn the_next_hop_sees_what_came_by_chunks_as_rfc_3030_says_and_no_other() {
    every_end_by_chunks(Refuse);
}

#[test]
fn the_next_hop_sees_chunks_whose_bare_newlines_are_mended() {
    every_end_by_chunks(Normalise);
}

/// NUL, octets above 127 and lines of any length are content like any other (RFC 5321 §4.5.3.1.6: lines above 1000 octets may
/// be refused; we leave it to the mailbox server). No number of dots but one is the end.
#[test]
fn whole_lines_arrive_unchanged_whatever_stands_in_them() {
    let lengths = [0, 1, 997, 998, 999, 1000, 1001, 2049, 5000];
    let long: Vec<String> = lengths.iter().map(|&length| "x".repeat(length)).collect();
    let dots = (2..12).map(|length| ".".repeat(length));
    let odd =
        ["\0", "\0.", ".\0", "a\0b", "é\u{85}\u{2028}", "\u{7f}\u{1b}[0m", "From a", "DATA", ". "].map(str::to_owned);
    for line in long.into_iter().chain(dots).chain(odd) {
        let opening = "EHLO c\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<j@b.example>\r\nDATA\r\n";
        // A field in front: a line that begins with a space would be read as part of our trace field.
        let client = format!("{opening}Subject: x\r\n{line}\r\n{line}\r\n.\r\nQUIT\r\n").into_bytes();
        let content = line.strip_prefix('.').unwrap_or(&line);
        let expected = by_rfc_5321(&client, Refuse);
        assert_eq!(expected[0].content, format!("Subject: x\r\n{content}\r\n{content}\r\n").into_bytes());
        for way in WAYS {
            for size in [client.len(), 1, 3, 500] {
                let pieces: Vec<&[u8]> = client.chunks(size).collect();
                check(&relayed(&pieces, way), &expected, || format!("{line:.20} ({}) {way:?} by {size}", line.len()));
            }
        }
    }
}

/// The readers could agree with the gateway by a common error: these are written out by hand.
#[test]
fn the_readers_read_as_a_person_does() {
    let contents = |end: &str, bare: BareNewlines| -> Vec<String> {
        let messages = by_rfc_5321(&octets(end, "\r\n"), bare);
        messages.iter().map(|message| message.content.escape_ascii().to_string()).collect()
    };
    let smuggled = |first: &str| {
        let commands = r"MAIL FROM:<f@b.example>\r\nRCPT TO:<j@b.example>\r\nDATA\r\nforged\r\n";
        vec![format!("{first}{commands}"), r"honest\r\n".to_owned()]
    };
    let none: Vec<String> = Vec::new();
    let three = [r"a\r\n", r"forged\r\n", r"honest\r\n"].map(str::to_owned).to_vec();
    let rows: [(&str, Vec<String>, Vec<String>); 11] = [
        ("\r\n.\r\n", three.clone(), three),
        ("\n.\n", none.clone(), smuggled(r"a\r\n.\r\n")),
        ("\n.\r\n", none.clone(), smuggled(r"a\r\n.\r\n")),
        ("\r\n.\n", none.clone(), smuggled(r"a\r\n\r\n")),
        ("\r\n.\r", none.clone(), smuggled(r"a\r\n\r\n")),
        ("\r.\r", none.clone(), smuggled(r"a\r\n.\r\n")),
        ("\r.\r\n", none.clone(), smuggled(r"a\r\n.\r\n")),
        ("\r\n.\r\r\n", none.clone(), smuggled(r"a\r\n\r\n\r\n")),
        ("\r\n\0.\r\n", smuggled(r"a\r\n\x00.\r\n"), smuggled(r"a\r\n\x00.\r\n")),
        ("\r\n. \r\n", smuggled(r"a\r\n \r\n"), smuggled(r"a\r\n \r\n")),
        // CR CR LF . CR LF ends it, for it has CR LF . CR LF in it; the first CR is bare.
        ("\r\r\n.\r\n", none.clone(), vec![r"a\r\n\r\n".into(), r"forged\r\n".into(), r"honest\r\n".into()]),
    ];
    for (end, refused, mended) in rows {
        assert_eq!(contents(end, Refuse), refused, "{} refused", end.escape_debug());
        assert_eq!(contents(end, Normalise), mended, "{} mended", end.escape_debug());
    }
    // By chunks: nothing in them ends them.
    let by_chunks = |end: &str, how: usize, bare: BareNewlines| -> Vec<String> {
        let messages = by_rfc_5321(&octets_by_chunks(end, "\r\n", how), bare);
        messages.iter().map(|message| message.content.escape_ascii().to_string()).collect()
    };
    let commands = r"MAIL FROM:<f@b.example>\r\nRCPT TO:<j@b.example>\r\nBDAT 3 LAST\r\nabc\r\n";
    for how in 0..10 {
        let whole = [r"before\r\n".into(), format!(r"a\r\n.\r\n{commands}"), r"behind\r\n".into()];
        assert_eq!(by_chunks("\r\n.\r\n", how, Refuse), whole, "{how}");
        assert_eq!(by_chunks("\n.\n", how, Refuse), whole[..1], "{how}");
        assert_eq!(by_chunks("\n.\r", how, Normalise), whole, "{how}");
    }
    // Wires that could not be ours are found out.
    assert_eq!(bare(b"a\r\r\nb\nc\r\n"), 2);
    assert_eq!(by_the_gullible(b"MAIL FROM:<a>\r\nDATA\r\na\n.\nMAIL FROM:<b>\rDATA\nb\r\n.\r\n").len(), 2);
}

/// In commands a bare CR or LF is refused whatever the listener does with it in mail data, and nothing behind it runs.
#[test]
fn a_bare_newline_in_a_command_ends_the_session_in_every_way() {
    for newline in ["\n", "\r", "\r\r\n", "\n\r"] {
        let client = format!("EHLO c\r\nMAIL FROM:<a@a.example>{newline}RCPT TO:<j@b.example>\r\nDATA\r\na\r\n.\r\n");
        for way in WAYS {
            let seen = relayed(&[client.as_bytes()], way);
            assert!(seen.wires.is_empty(), "{way:?} {seen:?}");
            assert!(seen.replies.ends_with(b"500 5.5.2 Lines end with CRLF\r\n"), "{}", seen.replies.escape_ascii());
        }
    }
}
