//! What people and scripts read of applications.

use std::path::Path;

use super::*;
use crate::{
    language::Language,
    policy::{
        application::{Settings as ApplicationSettings, State},
        directory::{Directory, ServedDomain},
    },
    record::{ApplicationFacts, Cause, Ending, Fate, Record, WouldBe, sample},
};

fn style(json: bool, language: Language) -> Style {
    Style { json, language, time_zone: TimeZone::UTC }
}

fn registry() -> Applications {
    let text = "[[application]]\nid = 'pje'\nstate = 'active'\nowner = \"Coord\\u001b[2J\"\nrequester = 'Fulano'\n\
                evaluator = 'S3B'\nevaluated = 2026-01-01\nticket = 'REQ 1'\nreview_by = 2026-02-01\n\
                networks = ['10.0.0.0/28']\nlogin = 'svc'\n\
                password_hash = '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQxMjM$AAAAAAAAAAAAAAAAAAAAAA'\n\
                senders = ['pje@tjpa.jus.br']\nreach = 'internet'\ninternet_domains = ['oab.example']\n\
                max_recipients = 5\nmax_per_hour = 100\n";
    let domain = ServedDomain { name: "tjpa.jus.br".into(), aliases: Vec::new(), next_hop: "mailbox".into() };
    let directory = Directory::new(vec![domain], []).unwrap();
    let settings =
        ApplicationSettings { internet_next_hop: Some("internet".into()), contact: "S3B, noc@tjpa.jus.br".into() };
    let (applications, faults) = Applications::read(Path::new("a.toml"), text, &directory, &settings, now().wall);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    applications
}

#[test]
fn the_list_shows_what_is_due_and_acts_on_no_terminal() {
    let entries = registry();
    let day: Date = "2026-03-01".parse().unwrap();
    for (language, due) in [(Language::En, "2026-02-01 DUE"), (Language::PtBr, "2026-02-01 VENCIDA")] {
        let text = listed(entries.entries(), day, &style(false, language)).text;
        assert!(text.contains(due) && text.contains("internet: oab.example") && !text.contains('\u{1b}'), "{text}");
        assert!(listed(&[], day, &style(false, language)).text.lines().count() == 1);
    }
    let line = listed(entries.entries(), day, &style(true, Language::En)).text;
    let json: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&json["id"], &json["review_due"], &json["login"]), (&json!("pje"), &json!(true), &json!("svc")));
    assert!(!line.contains("argon2"), "{line}");
}

/// Clause 8.1.6: everything that somebody has to set, in their language, and nothing that is nobody else's business.
#[test]
fn the_sheet_says_what_has_to_be_set() {
    let entries = registry();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/applications.toml");
    let settings = config::load(&file).unwrap().settings;
    for (language, words) in [
        (Language::En, ["STARTTLS required", "internet: oab.example", "AUTH PLAIN or LOGIN, under TLS only, as svc"]),
        (
            Language::PtBr,
            ["STARTTLS obrigatório", "internet: oab.example", "AUTH PLAIN ou LOGIN, só sob TLS, como svc"],
        ),
    ] {
        let text = sheet::sheet(&entries.entries()[0], &settings, &style(false, language)).text;
        let always =
            ["mx.tjpa.jus.br", "2587", "pje@tjpa.jus.br", "10.0.0.0/28", "S3B, noc@tjpa.jus.br", "REQ 1", "24 MiB"];
        for word in words.into_iter().chain(always) {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
        assert!(!text.contains("argon2") && !text.contains('\u{1b}'), "{text}");
    }
    let line = sheet::sheet(&entries.entries()[0], &settings, &style(true, Language::En)).text;
    let json: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["listeners"], json!([{ "port": 2587, "tls": "starttls-required" }]));
}

fn sent(number: u64, ending: Ending, would_be: Option<Ending>) -> Record {
    let mut record = sample::record(number);
    record.ending = ending;
    let would_be = would_be.map(|ending| WouldBe { ending, cause: Cause::Nothing, reply: String::new() });
    let state = if would_be.is_some() { State::Observe } else { State::Active };
    record.application = Some(ApplicationFacts { id: "pje".to_owned(), state, login: None, would_be });
    record
}

#[test]
fn the_report_counts_who_got_it_inside_and_outside() {
    let mut tally = report::Tally::default();
    let english = style(false, Language::En);
    let mut outside = sent(1, Ending::Relayed, None);
    for recipient in &mut outside.recipients {
        (recipient.fate, recipient.mailbox) = (Fate::Relayed, None);
        recipient.address = "parte@example.org".to_owned();
    }
    for record in [
        outside,
        sent(2, Ending::RelayedAndHeld, None),
        sent(3, Ending::Refused, None),
        sent(4, Ending::Deferred, Some(Ending::Relayed)),
        sample::record(5),
    ] {
        tally.add(&record, &english);
    }
    let line = tally.render(30, &style(true, Language::En)).text;
    let json: Value = serde_json::from_str(&line).unwrap();
    let numbers = ["messages", "taken", "refused", "deferred", "would_be_taken", "internet"]
        .map(|key| json[key].as_u64().unwrap());
    assert_eq!(numbers[..5], [4, 2, 1, 1, 1], "{line}");
    assert_eq!(json["day"], "2026-11-21");
    assert_eq!(json["internet_recipients"]["parte@example.org"], json!(numbers[5]));
    assert!(json["internal"].as_u64().unwrap() > 0);
    let table = tally.render(30, &english).text;
    assert!(table.contains("parte@example.org") && table.contains("would be taken"), "{table}");
    let none = report::Tally::default().render(30, &style(false, Language::PtBr)).text;
    assert_eq!(none, "nenhuma aplicação enviou nada em 30 dias\n");
}
