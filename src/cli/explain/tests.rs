//! The account, word for word where it matters.

use jiff::tz::TimeZone;

use super::*;
use crate::{
    language::Language,
    policy::{
        finding::{Asked, Class, Finding, Severity},
        scanning::Mode,
        verdict::{ScanVerdict, ScannerReport},
    },
    record::{Cause, sample},
};

fn style(language: Language) -> Style {
    Style { json: false, language, time_zone: TimeZone::get("America/Belem").unwrap() }
}

/// The whole account, word for word: what a person reads when somebody asks why.
#[test]
fn a_mixed_outcome_is_explained() {
    let item = sample::item(1, b"", b"x");
    let text = explain(&sample::record(1), Some(&item), &style(Language::En)).text;
    let expected = include_str!("sample.txt");
    assert_eq!(text, expected);
}

#[test]
fn it_is_explained_in_portuguese() {
    let text = explain(&sample::record(1), None, &style(Language::PtBr)).text;
    for line in [
        "2026-11-21 08:00:00.001  192.0.2.25 porta 40125 conectou-se a 0.0.0.0:25 e se apresentou como mx.example",
        "o próximo salto respondeu: 250 2.1.5 Ok",
        "bloco match 2, padrão \"cobrança\", encontrado no campo Subject nº 1:",
        "como comparado:",
        "clamd unix:/run/clamav/clamd.ctl: uma macro (Heuristics.OLE2.ContainsMacros) (12 ms)",
        "2026-11-21 08:00:00.413  Fim: entregue a alguns destinatários, retida para os outros",
        "foi para a quarentena; o item já não existe",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

/// Each rule of a scanner that matched, with what it asks for.
#[test]
fn the_rules_of_a_scanner_are_told() {
    let mut record = sample::record(1);
    let finding = |rule: &str, severity, action| {
        let (rule, class) = (rule.to_owned(), Class::Malware);
        Finding { rule, class, severity, action, ignored: None }
    };
    record.scanners[1].findings = vec![
        finding("YARA.Held", Some(Severity::High), Some(Asked::Quarantine)),
        finding("YARA.Trial", None, Some(Asked::Observe)),
        finding("YARA.Plain", Some(Severity::Low), None),
        Finding { ignored: Some("REQ 7".into()), ..finding("YARA.Known", None, Some(Asked::Refuse)) },
    ];
    let told = explain(&record, None, &style(Language::En)).text;
    for line in [
        "YARA.Held: malware; severity high; asks for quarantine\n",
        "YARA.Trial: malware; only observed\n",
        "YARA.Plain: malware; severity low; handled as [antivirus] says\n",
        "YARA.Known: malware; ignored by an exception (REQ 7)\n",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    let told = explain(&record, None, &style(Language::PtBr)).text;
    assert!(told.contains("YARA.Held: malware; gravidade alta; pede quarentena\n"), "{told}");
}

/// Who said so, if the client was announced; else not a word about it.
#[test]
fn who_announced_the_client_is_told() {
    let mut record = sample::record(1);
    let text = |record: &Record| explain(record, None, &style(Language::En)).text;
    assert!(!text(&record).contains("XCLIENT"));
    (record.client.name, record.client.announced_by) = (Some("mx.example".to_owned()), Some([10, 0, 0, 8].into()));
    let told = text(&record);
    assert!(told.contains("so says 10.0.0.8, with XCLIENT; its name there: mx.example\n"), "{told}");
}

/// Hostile text in every place that a client, a next hop or a scanner can reach: nothing acts.
#[test]
fn nothing_in_a_record_acts() {
    let bad = "x\u{1b}[2J\u{202e}\r\n\u{9b}".to_owned();
    let mut record = sample::record(1);
    record.client.hello = bad.clone();
    record.client.tls = Some(bad.clone());
    (record.client.name, record.client.announced_by) = (Some(bad.clone()), Some([10, 0, 0, 8].into()));
    record.reverse_path = bad.clone();
    record.message_id = Some(bad.clone());
    record.subjects = vec![bad.clone()];
    record.rules[0].folded = bad.clone();
    record.rules[0].pattern = bad.clone();
    record.scanners[0].findings = vec![Finding {
        rule: bad.clone(),
        class: Class::Macro,
        severity: None,
        action: None,
        ignored: Some(bad.clone()),
    }];
    let verdicts = [
        ScanVerdict::ScannerError { text: bad.clone() },
        ScanVerdict::Ignored { signature: bad.clone(), ticket: bad.clone() },
        ScanVerdict::Contingency { mode: Mode::Hold, reason: bad.clone(), ticket: bad.clone() },
    ];
    let report = record.scanners[0].clone();
    record.scanners = verdicts.map(|verdict| ScannerReport { verdict, ..report.clone() }).into();
    record.recipients[0].address = bad.clone();
    record.recipients[0].reply = bad.clone();
    record.recipients[1].refusal = Some((bad.clone(), bad.clone()));
    record.next_hop.as_mut().unwrap().reply = Some(bad.clone());
    record.cause = Cause::NextHop { what: bad.clone() };
    record.tagged = Some(bad.clone());
    record.reply = Some(bad.clone());
    for json in [false, true] {
        let said = explain(&record, None, &Style { json, ..style(Language::En) }).text;
        let acting = said.chars().find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
        assert_eq!(acting, None);
    }
}

/// JSON is the record itself.
#[test]
fn json_is_the_whole_record() {
    let json = explain(&sample::record(1), None, &Style { json: true, ..style(Language::En) }).text;
    assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), sample::record(1));
}
