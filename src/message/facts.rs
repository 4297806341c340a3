//! What the rest of the gateway asks of the fields: how many hops, which subjects, which lists, which Message-ID.
//!
//! Everything here was written by the sender: it may be shown (escaped) and compared, and proves nothing.

use super::{field::Field, subject::Subject};

/// The longest Message-ID that is kept, in octets: RFC 5322 §2.1.1 allows no longer line, and the record is kept for weeks.
pub const MESSAGE_ID_LIMIT: usize = 998;

/// How many List-Id fields are kept, and how long each may be: RFC 2919 §2 and §3 allow one of 255 octets.
const LIST_IDS: usize = 16;
const LIST_ID_LIMIT: usize = 255;

/// How many `Received` fields there are: the hops so far (RFC 5321 §6.3, loop detection).
pub fn received_count<'s>(fields: impl IntoIterator<Item = Field<'s>>) -> usize {
    fields.into_iter().filter(|field| field.is("Received")).count()
}

/// Every Subject, in order. RFC 5322 §3.6 allows one; with several, mail readers differ in which they show.
pub fn subjects<'s>(fields: impl IntoIterator<Item = Field<'s>>) -> Vec<Subject> {
    fields.into_iter().filter(|field| field.is("Subject")).map(|field| Subject::new(field.body)).collect()
}

/// The identifiers of all `List-Id` fields: between the last pair of angle brackets, in lower case (RFC 2919 §6 compares them
/// without case). A field without brackets names no list.
pub fn list_ids<'s>(fields: impl IntoIterator<Item = Field<'s>>) -> Vec<String> {
    fields.into_iter().filter(|field| field.is("List-Id")).filter_map(|field| in_brackets(field.body)).collect()
}

/// The identifiers as they are kept in a record for weeks: all of them, or none when there are too many or one is too long. A part
/// would say of a list that the message was not of it.
pub fn few_list_ids(ids: Vec<String>) -> Option<Vec<String>> {
    (ids.len() <= LIST_IDS && ids.iter().all(|id| id.len() <= LIST_ID_LIMIT)).then_some(ids)
}

/// The first Message-ID with its angle brackets, as written, white space around it removed; cut at [`MESSAGE_ID_LIMIT`] octets.
/// What is no UTF-8 becomes U+FFFD. None: no such field, or an empty one.
pub fn message_id<'s>(fields: impl IntoIterator<Item = Field<'s>>) -> Option<String> {
    let body = fields.into_iter().find(|field| field.is("Message-ID"))?.trimmed();
    let kept = body.get(..MESSAGE_ID_LIMIT).unwrap_or(body);
    (!kept.is_empty()).then(|| String::from_utf8_lossy(kept).into_owned())
}

fn in_brackets(body: &[u8]) -> Option<String> {
    let open = body.iter().rposition(|&octet| octet == b'<')?;
    let inside = body.get(open..)?.get(1..)?;
    let close = inside.iter().position(|&octet| octet == b'>')?;
    let id = inside.get(..close)?.trim_ascii();
    (!id.is_empty()).then(|| String::from_utf8_lossy(id).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'s>(lines: &[&'s str]) -> Vec<Field<'s>> {
        lines.iter().filter_map(|line| Field::read(line.as_bytes())).collect()
    }

    #[test]
    fn hops_are_counted_whatever_the_case() {
        assert_eq!(received_count(fields(&["Received: a", "X-Received: b", "RECEIVED : c"])), 2);
        assert_eq!(received_count([]), 0);
    }

    /// What is kept of a list is kept whole, or said to be missing: a header section may hold thousands of these fields.
    #[test]
    fn the_lists_of_a_record_are_few_and_whole() {
        let ids = |count: usize, length: usize| vec!["x".repeat(length); count];
        for (few, kept) in [(ids(0, 0), true), (ids(16, 255), true), (ids(17, 1), false), (ids(1, 256), false)] {
            assert_eq!(few_list_ids(few.clone()), kept.then_some(few));
        }
    }

    #[test]
    fn every_subject_counts() {
        let subjects = subjects(fields(&["Subject: a", "From: b", "subject : =?utf-8?q?=C3=A7?="]));
        let decoded: Vec<_> = subjects.iter().map(|subject| subject.decoded.as_str()).collect();
        assert_eq!(decoded, ["a", "ç"]);
    }

    #[test]
    fn a_list_is_named_between_the_last_brackets() {
        let rows: &[(&str, &[&str])] = &[
            ("List-Id: <Lista.TJPA.example>", &["lista.tjpa.example"]),
            ("List-Id: \"a <b>\" < c.example >", &["c.example"]),
            ("List-Id: no.brackets.example", &[]),
            ("List-Id: <open.example", &[]),
            ("List-Id: <>", &[]),
            ("List-Id: >x<", &[]),
            ("List-Id:", &[]),
        ];
        for (line, expected) in rows {
            assert_eq!(list_ids(fields(&[line])), *expected, "{line}");
        }
    }

    #[test]
    fn the_first_message_id_is_kept_as_written_and_bounded() {
        let long = format!("Message-ID: <{}>", "x".repeat(2000));
        assert_eq!(message_id(fields(&["message-id:  <A@b> ", "Message-ID: <c@d>"])).as_deref(), Some("<A@b>"));
        assert_eq!(message_id(fields(&[&long])).map(|id| id.len()), Some(MESSAGE_ID_LIMIT));
        assert_eq!(message_id(fields(&["Message-ID:  "])), None);
        assert_eq!(message_id([]), None);
    }
}
