//! What the gateway may put in front of a message, and the ids in texts.

use aws_lc_rs::digest::{SHA256, digest};

/// Splits content behind its first header field (with its folded lines): the field and all that follows.
pub fn split_first_field(content: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    loop {
        match memchr::memchr(b'\n', &content[end..]) {
            Some(newline) => end += newline + 1,
            None => return (content, &[]),
        }
        if !matches!(content.get(end), Some(b' ' | b'\t')) {
            return content.split_at(end);
        }
    }
}

/// Takes exactly one `Received:` off the front; fails the test if something else stands there.
#[track_caller]
pub fn behind_our_received(content: &[u8]) -> &[u8] {
    let (field, rest) = split_first_field(content);
    assert!(field.starts_with(b"Received: "), "the first field is not our Received: {}", excerpt(content, 0));
    rest
}

/// Fails the test unless what arrived is what was sent behind exactly one `Received:`.
///
/// What was sent may itself begin with white space and so look like more of our field: that is why its length decides.
#[track_caller]
pub fn assert_arrived(what: &str, arrived: &[u8], sent: &[u8]) {
    if let Some(field) = arrived.strip_suffix(sent)
        && field.starts_with(b"Received: ")
        && split_first_field(field).1.is_empty()
    {
        return;
    }
    assert_same_octets(what, behind_our_received(arrived), sent);
}

/// The first run of exactly 32 lower-case hex digits: the id of a transaction.
pub fn find_id(text: &str) -> Option<String> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.split(|c| !hex(c)).find(|run| run.len() == 32).map(str::to_owned)
}

/// The id at the end of a reply, `… (ID)` or `… (ID; 1 of 3 recipients held)`; fails the test if there is none.
#[track_caller]
pub fn id_of_reply(reply: &str) -> String {
    let id = reply.rsplit_once('(').and_then(|(_, last)| find_id(last));
    assert!(reply.ends_with(')'), "a reply after DATA ends with its id in parentheses: {reply:?}");
    id.unwrap_or_else(|| panic!("a reply after DATA ends with its id in parentheses: {reply:?}"))
}

/// SHA-256 in lower-case hex.
pub fn sha256(octets: &[u8]) -> String {
    digest(&SHA256, octets).as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Fails the test when the octets differ, and says where.
#[track_caller]
pub fn assert_same_octets(what: &str, got: &[u8], expected: &[u8]) {
    if got == expected {
        return;
    }
    let at = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
    panic!(
        "{what}: {} octets arrived, {} were sent, the first difference is at octet {at}\n  arrived:  {}\n  expected: {}",
        got.len(),
        expected.len(),
        excerpt(got, at),
        excerpt(expected, at)
    );
}

/// Some octets around a place, escaped.
fn excerpt(octets: &[u8], at: usize) -> String {
    let from = at.saturating_sub(40).min(octets.len());
    let to = (at + 60).min(octets.len());
    format!("…{}…", octets[from..to].escape_ascii())
}

#[test]
fn the_first_field_ends_where_no_folded_line_follows() {
    let content = b"Received: from a\r\n\tby b;\r\n date\r\nSubject: x\r\n\r\nbody\r\n";
    assert_eq!(split_first_field(content).1, b"Subject: x\r\n\r\nbody\r\n");
    assert_eq!(split_first_field(b"Received: x\r\n").1, b"");
    assert_eq!(behind_our_received(b"Received: x\r\n\r\n"), b"\r\n");
    assert_arrived("a folded line first", b"Received: x\r\n y\r\nz\r\n", b" y\r\nz\r\n");
}

#[test]
fn the_id_of_a_reply_is_the_one_in_its_last_parentheses() {
    let id = "0190a5c1e7b07a7a8a8a8a8a8a8a8a8a";
    assert_eq!(id_of_reply(&format!("250 2.0.0 held ({id}; 1 of 3 recipients held)")), id);
    assert_eq!(id_of_reply(&format!("550 5.7.1 (no) refused ({id})")), id);
    assert_eq!(find_id("no id 0190a5c1e7b07a7a8a8a8a8a8a8a8a8a0 here"), None);
}
