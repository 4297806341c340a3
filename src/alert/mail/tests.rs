//! Written here, read by another reader.

use mail_parser::{HeaderValue, MessageParser, MimeHeaders as _};

use super::*;
use crate::{
    alert::{
        Event,
        notice::tests::{head, notice},
    },
    language::Language,
};

#[test]
fn a_message_as_it_goes_out() {
    let message = notice(Event::Raised, "mbx1:25: cannot connect: Connection refused (os error 111)")
        .message(&head(Language::PtBr));
    assert_eq!(message.replace("\r\n", "\n"), include_str!("sample.eml"));
}

/// Read by somebody else's reader.
#[test]
fn a_message_reads_as_it_was_meant() {
    for (language, event) in [(Language::PtBr, Event::Raised), (Language::En, Event::Cleared)] {
        let (head, told) = (head(language), notice(event, "não há conexão = \"x\""));
        let written = told.message(&head);
        let read = MessageParser::default().parse(&written).unwrap();
        assert_eq!(read.subject(), Some(told.title(&head).as_str()));
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), told.body(&head));
        assert_eq!(read.from().unwrap().first().unwrap().address(), Some("postmaster@tjepa.jus.br"));
        let to: Vec<_> = read.to().unwrap().iter().map(|one| one.address().unwrap()).collect();
        assert_eq!(to, ["noc@tjpa.jus.br", "plantao@tjpa.jus.br"]);
        assert_eq!(read.date().unwrap().to_rfc3339(), "2026-11-21T17:00:30-03:00");
        assert_eq!(read.message_id(), Some("0f1e2d3c@mx.tjpa.jus.br"));
        assert_eq!(read.header("Auto-Submitted"), Some(&HeaderValue::Text("auto-generated".into())));
        assert!(read.content_type().unwrap().attribute("charset") == Some("utf-8"));
    }
}

#[test]
fn every_next_hop_can_take_it() {
    let message = notice(Event::Raised, &"ção = ".repeat(100)).message(&head(Language::PtBr));
    assert!(message.is_ascii());
    for line in message.split_inclusive('\n') {
        assert!(line.ends_with("\r\n") && line.len() <= 78, "{line:?}");
        assert!(!line.trim_end_matches("\r\n").ends_with(' '), "{line:?}");
    }
}

/// Nothing that a next hop, a scanner or a name in the configuration says adds a field, ends the header section, or is lost.
#[test]
fn nothing_breaks_out_of_its_field() {
    for hostile in ["x\r\nBcc: all@tjpa.jus.br", "x\n\n<script>", "x\r", "=?utf-8?Q?x?=", "\u{0}\u{85}\u{2028}", ""] {
        let subject = unstructured(hostile);
        let unfolded = subject.replace("\r\n ", "");
        assert!(!unfolded.contains(['\r', '\n']) && unfolded.is_ascii(), "{subject:?}");
        let written = format!("Subject: {subject}\r\n\r\n");
        let read = MessageParser::default().parse(&written).unwrap();
        assert_eq!(read.headers().len(), 1);
        assert_eq!(read.subject().unwrap_or_default(), hostile, "{subject:?}");

        let message = notice(Event::Raised, hostile).message(&head(Language::En));
        let (fields, _) = message.split_once("\r\n\r\n").unwrap();
        assert!(!fields.contains("Bcc") && !fields.contains("script"), "{fields}");
        assert_eq!(MessageParser::default().parse(&message).unwrap().headers().len(), 12);
    }
}

#[test]
fn quoted_printable_is_undone() {
    for text in ["a\n", "=\n", "a \n", "\n\nx\n", "ç\u{1f600}\n", &("x".repeat(200) + "\n"), &("ç".repeat(100) + " \n")]
    {
        let message = format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
            quoted_printable(text)
        );
        let read = MessageParser::default().parse(&message).unwrap();
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), text);
    }
}
