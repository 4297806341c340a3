//! CSV (RFC 4180): lines end with CRLF, every line has the same number of fields, one line a recipient.

use super::{super::shown::direction, Statement};
use crate::{
    cli::{
        rendering::{Style, word},
        track::query::Found,
    },
    record::Record,
};

const COLUMNS: [&str; 19] = [
    "began",
    "ended",
    "id",
    "direction",
    "client",
    "hello",
    "reverse_path",
    "reverse_path_mailbox",
    "recipient",
    "recipient_mailbox",
    "fate",
    "recipient_reply",
    "subject",
    "message_id",
    "size",
    "ending",
    "reply",
    "rules",
    "quarantined",
];

/// Name and value a line, filled up with empty fields.
pub(super) fn statement(statement: &Statement) -> String {
    let line = |(name, _, value): &(&'static str, _, String)| {
        let mut fields = vec![(*name).to_owned(), value.clone()];
        fields.resize(COLUMNS.len(), String::new());
        row(&fields)
    };
    statement.0.iter().map(line).collect()
}

/// The names of the columns, then the records.
pub(super) fn records(found: &Found, style: &Style) -> String {
    let header = row(&COLUMNS.map(str::to_owned));
    found.records.iter().fold(header, |out, record| out + &lines(found, record, style))
}

fn lines(found: &Found, record: &Record, style: &Style) -> String {
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let rules: Vec<&str> = record.rules.iter().map(|matched| matched.rule.as_str()).collect();
    let line = |address: String, mailbox: String, fate: String, reply: String| {
        row(&[
            style.rfc3339(record.began),
            style.rfc3339(record.ended),
            record.id.to_string(),
            direction(&found.request, record).name().to_owned(),
            record.client.address.to_string(),
            record.client.hello.clone(),
            record.reverse_path.clone(),
            text(record.reverse_path_mailbox.as_ref().map(|key| &key.0)),
            address,
            mailbox,
            fate,
            reply,
            record.subject_line(),
            text(record.message_id.as_ref()),
            record.size.map(|size| size.to_string()).unwrap_or_default(),
            word(&record.ending),
            text(record.reply.as_ref()),
            rules.join(" "),
            record.quarantined.to_string(),
        ])
    };
    if record.recipients.is_empty() {
        return line(String::new(), String::new(), String::new(), String::new());
    }
    let of = |recipient: &crate::record::RecipientFacts| {
        let mailbox = text(recipient.mailbox.as_ref().map(|key| &key.0));
        line(recipient.address.clone(), mailbox, word(&recipient.fate), recipient.reply.clone())
    };
    record.recipients.iter().map(of).collect()
}

fn row(fields: &[String]) -> String {
    fields.iter().map(|field| cell(field)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A field. A sender chooses what stands in a subject: what a spreadsheet would take for a formula gets an apostrophe in front, which makes
/// it text there (OWASP, CSV injection); what acts or hides is written as an escape.
fn cell(field: &str) -> String {
    let mut text = crate::cli::escape::escape(field);
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_field_and_no_formula() {
        for (field, written) in [
            ("", ""),
            ("a b", "a b"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM", "'@SUM"),
            ("\t=1", "\\u{9}=1"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            (" =1", "\" =1\""),
            ("2ª via", "2ª via"),
        ] {
            assert_eq!(cell(field), written);
        }
    }
}
