//! One report in every form.

use std::time::Duration;

use super::*;
use crate::alert::{Condition, Kind};

pub(in crate::alert) fn head(language: Language) -> Letterhead {
    let mailbox = |text| Mailbox::parse(text).unwrap();
    Letterhead {
        hostname: "mx.tjpa.jus.br".into(),
        from: mailbox("postmaster@tjepa.jus.br"),
        to: vec![mailbox("noc@tjpa.jus.br"), mailbox("plantao@tjpa.jus.br")],
        language,
        time_zone: TimeZone::get("America/Belem").unwrap(),
    }
}

/// 2026-11-21 20:00:00 UTC, and so many seconds.
fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_291_200 + seconds)
}

pub(in crate::alert) fn notice(event: Event, detail: &str) -> Notice {
    let condition = Condition::about(Kind::NextHopDown, "mailbox");
    let report = Report { event, condition, detail: plain(detail), since: time(0), at: time(30) };
    Notice::of("0f1e2d3c".into(), report)
}

#[test]
fn the_json_has_stable_keys() {
    let told = notice(Event::Raised, "mbx1:25: cannot connect").json(&head(Language::En));
    let next = Kind::NextHopDown.facts("mailbox").next.en;
    let expected = json!({
        "version": 1,
        "id": "0f1e2d3c",
        "gateway": "mx.tjpa.jus.br",
        "event": "raised",
        "condition": "next_hop_down",
        "subject": "mailbox",
        "severity": "critical",
        "since": "2026-11-21T17:00:00-03:00",
        "at": "2026-11-21T17:00:30-03:00",
        "text": "[Portaria mx.tjpa.jus.br] critical: the next hop mailbox takes no mail",
        "what": "the next hop mailbox takes no mail",
        "next": next,
        "detail": "mbx1:25: cannot connect",
        "language": "en",
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap(), expected);
    let test: serde_json::Value =
        serde_json::from_str(&Notice::test("1".into(), time(0)).json(&head(Language::PtBr))).unwrap();
    assert_eq!(test["event"], "test");
    assert_eq!(test["text"], "[Portaria mx.tjpa.jus.br] teste: os alertas chegam aqui");
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&test), keys(&expected), "a test has the keys that an alert has");
}

#[test]
fn titles_say_what_happened_to_it() {
    for (event, en, pt) in [
        (Event::Raised, "critical: ", "crítico: "),
        (Event::Reminder, "still critical: ", "ainda crítico: "),
        (Event::Cleared, "over: ", "resolvido: "),
    ] {
        for (language, word) in [(Language::En, en), (Language::PtBr, pt)] {
            let title = notice(event, "").title(&head(language));
            assert!(title.starts_with(&format!("[Portaria mx.tjpa.jus.br] {word}")), "{title}");
        }
    }
}

/// What a next hop says reaches a chat system through `detail` alone, which is not what chat systems show.
#[test]
fn the_words_of_others_are_not_in_the_title() {
    let told = notice(Event::Raised, "<!channel> 554 go <http://away.example|here>");
    assert!(!told.title(&head(Language::En)).contains("channel"));
    assert!(told.json(&head(Language::En)).contains("<!channel>"));
}

#[test]
fn words_of_others_are_plain_and_bounded() {
    assert_eq!(plain(" a\r\nb\u{9b}\u{202e}ç "), "a\\u{d}\\u{a}b\\u{9b}\\u{202e}ç");
    assert_eq!(plain(&"x".repeat(10_000)).chars().count(), PLAIN + 1);
}
