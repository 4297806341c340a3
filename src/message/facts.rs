//! What the rest of the gateway asks of the fields: how many hops, which subjects, which lists, which Message-ID.
//!
//! Everything here was written by the sender: it may be shown (escaped) and compared, and proves nothing.

use super::{field::Field, subject::Subject};

/// The longest Message-ID that is kept, in octets: RFC 5322 §2.1.1 allows no longer line, and the record is kept for weeks.
pub const MESSAGE_ID_LIMIT: usize = 998;

/// How many `Received` fields there are: the hops so far (RFC 5321 §6.3, loop detection).
pub fn received_count(fields: &[Field]) -> usize {
    fields.iter().filter(|field| field.is("Received")).count()
}

/// Every Subject, in order. RFC 5322 §3.6 allows one; with several, mail readers differ in which they show.
pub fn subjects(fields: &[Field]) -> Vec<Subject> {
    fields.iter().filter(|field| field.is("Subject")).map(|field| Subject::new(field.body.clone())).collect()
}

/// The identifiers of all `List-Id` fields: between the last pair of angle brackets, in lower case (RFC 2919 §6 compares them
/// without case). A field without brackets names no list.
pub fn list_ids(fields: &[Field]) -> Vec<String> {
    fields.iter().filter(|field| field.is("List-Id")).filter_map(|field| in_brackets(&field.body)).collect()
}

/// The first Message-ID with its angle brackets, as written, white space around it removed; cut at [`MESSAGE_ID_LIMIT`] octets.
/// What is no UTF-8 becomes U+FFFD. None: no such field, or an empty one.
pub fn message_id(fields: &[Field]) -> Option<String> {
    let body = fields.iter().find(|field| field.is("Message-ID"))?.trimmed();
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

    fn fields(lines: &[&str]) -> Vec<Field> {
        lines.iter().filter_map(|line| Field::read(line.as_bytes())).collect()
    }

    #[test]
    fn hops_are_counted_whatever_the_case() {
        assert_eq!(received_count(&fields(&["Received: a", "X-Received: b", "RECEIVED : c"])), 2);
        assert_eq!(received_count(&[]), 0);
    }

    #[test]
    fn every_subject_counts() {
        let subjects = subjects(&fields(&["Subject: a", "From: b", "subject : =?utf-8?q?=C3=A7?="]));
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
            assert_eq!(list_ids(&fields(&[line])), *expected, "{line}");
        }
    }

    #[test]
    fn the_first_message_id_is_kept_as_written_and_bounded() {
        let long = format!("Message-ID: <{}>", "x".repeat(2000));
        assert_eq!(message_id(&fields(&["message-id:  <A@b> ", "Message-ID: <c@d>"])).as_deref(), Some("<A@b>"));
        assert_eq!(message_id(&fields(&[&long])).map(|id| id.len()), Some(MESSAGE_ID_LIMIT));
        assert_eq!(message_id(&fields(&["Message-ID:  "])), None);
        assert_eq!(message_id(&[]), None);
    }
}
