//! What an exported document says, and that its hash is the one of what stands in it.

use jiff::tz::TimeZone;

use super::*;
use crate::{
    language::Language,
    record::{audit::Actor, request::tests::request, sample},
    store::RefusedAttempts,
};

fn style(language: Language) -> Style {
    Style { json: false, language, time_zone: TimeZone::get("America/Belem").unwrap() }
}

fn found(count: u64) -> Found {
    let mut request = request("REQ 2026/1", "fulano.tal@tjpa.jus.br");
    request.who = "Corregedoria, São José".to_owned();
    Found {
        span: request.span,
        request,
        filters: [("subject".to_owned(), "bolet*".to_owned())].into(),
        records: (0..count).map(sample::record).collect(),
        more: false,
        refused: RefusedAttempts::default(),
        missing_before: None,
        hidden: None,
        actor: Actor { account: "root".to_owned(), person: Some("ana".to_owned()) },
        at: sample::BEGAN,
    }
}

/// As the help tells people to do it: what stands behind the statement has the hash that the statement says.
#[test]
fn the_hash_is_the_one_of_what_stands_behind_the_statement() {
    for (format, last) in [("csv", "\nrecords,"), ("json", "\"records\":")] {
        let (document, hash) = document(&found(3), format, &style(Language::En));
        let document = String::from_utf8(document).unwrap();
        let end = document.find(last).unwrap() + 1;
        let behind = end + document[end..].find('\n').unwrap() + 1;
        let again: String = digest(&SHA256, &document.as_bytes()[behind..])
            .as_ref()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        assert_eq!(again, hash);
        assert!(document[..behind].contains(&hash));
    }
}

/// 9.2.30 AC3: period and counting rule stand in the header.
#[test]
fn csv_states_period_and_counting_rule_and_every_line_has_as_many_fields() {
    let (document, _) = document(&found(2), "csv", &style(Language::PtBr));
    let document = String::from_utf8(document).unwrap();
    for said in [
        "request,REQ 2026/1,",
        "who,\"Corregedoria, São José\",",
        "received,2026-11-21,",
        "from,2026-10-22T00:00:00.000-03:00,",
        "until,2026-11-22T00:00:00.000-03:00,",
        "time_zone,America/Belem,",
        "item 10.1.2: 30 dias corridos",
        "filters,subject=bolet*,",
        "exported_by,root (ana),",
        "records,2,",
    ] {
        assert!(document.contains(said), "{said}: {document}");
    }
    let mut reader = csv_core::Reader::new();
    let (mut fields, mut lines, mut input) = (0, Vec::new(), document.as_bytes());
    loop {
        let (result, read, _) = reader.read_field(input, &mut [0; 4096]);
        input = &input[read..];
        match result {
            csv_core::ReadFieldResult::Field { record_end } => {
                fields += 1;
                if record_end {
                    lines.push(fields);
                    fields = 0;
                }
            }
            csv_core::ReadFieldResult::End => break,
            csv_core::ReadFieldResult::InputEmpty => {}
            csv_core::ReadFieldResult::OutputFull => panic!("a field of more than 4096 octets"),
        }
    }
    // The statement, the names of the columns, three recipients of each.
    assert_eq!(lines, vec![19; 15 + 1 + 6]);
    assert!(!document.replace("\r\n", "").contains(['\r', '\n']));
}

/// The same octets each time, a page more when one is full, the hash on each of them, accents in the font's own encoding.
#[test]
fn a_pdf_is_the_same_each_time_and_has_the_hash_on_every_page() {
    let (first, hash) = document(&found(30), "pdf", &style(Language::PtBr));
    assert_eq!(
        (&first, &hash),
        (
            &document(&found(30), "pdf", &style(Language::PtBr)).0,
            &document(&found(30), "csv", &style(Language::PtBr)).1
        )
    );
    assert!(first.starts_with(b"%PDF-"));
    let found_in = |needle: &[u8]| memchr::memmem::find_iter(&first, needle).count();
    // A line that is not all ASCII stands there in hexadecimal.
    let count = |text: &[u8]| {
        found_in(text) + found_in(text.iter().map(|octet| format!("{octet:02X}")).collect::<String>().as_bytes())
    };
    let pages = found_in(b"/Type /Page\n");
    assert!(pages > 3, "{pages}");
    assert_eq!(count(hash.as_bytes()), pages + 1, "on each page, and in the statement");
    assert_eq!(count(b"S\xe3o Jos\xe9"), 1);
    assert_eq!((count("\u{202e}".as_bytes()), count(br"\u{202e}")), (0, 30), "what acts on a reader is shown");
}
