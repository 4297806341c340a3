//! The file, and what it orders at which moment.

use super::*;
use crate::{
    language::Language,
    policy::{
        finding::{Asked, Class, Finding},
        verdict_action::{VerdictAction, VerdictActions},
    },
};

fn at(text: &str) -> SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn now() -> SystemTime {
    at("2026-11-21T12:00:00Z")
}

fn groups() -> [String; 2] {
    ["clamd".to_owned(), "yara".to_owned()]
}

fn read(source: &str) -> (Scanning, Faults) {
    Scanning::read(Path::new("antivirus.toml"), source, &groups(), now())
}

#[track_caller]
fn good(source: &str) -> Scanning {
    let (scanning, faults) = read(source);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    scanning
}

fn contingency(lines: &str) -> String {
    format!("[contingency]\nmode = \"deliver\"\nreason = \"clamd crashes\"\nticket = \"REQ 1\"\nby = \"s3b\"\n{lines}")
}

fn ignore(lines: &str) -> String {
    format!(
        "[[ignore]]\nsenders = [\"*@bank.example\"]\nnetworks = [\"192.0.2.0/24\"]\nreason = \"false alarm\"\n\
         ticket = \"REQ 2\"\nby = \"s3b\"\nexpires = 2026-12-01T00:00:00Z\n{lines}"
    )
}

const SPOOFED: &str = "signature = \"Heuristics.Phishing.Email.SpoofedDomain\"\n";

fn path(address: &str) -> ReversePath {
    ReversePath::parse_prefix(&format!("<{address}>")).unwrap().0
}

#[test]
fn a_contingency_is_in_force_from_its_first_instant_to_before_its_last() {
    let source = contingency("starts = 2026-11-21T12:00:00Z\nexpires = 2026-11-21T16:00:00Z\n");
    let scanning = good(&source);
    for (time, in_force) in [
        ("2026-11-21T11:59:59Z", false),
        ("2026-11-21T12:00:00Z", true),
        ("2026-11-21T15:59:59Z", true),
        ("2026-11-21T16:00:00Z", false),
        ("2026-11-22T12:00:00Z", false),
    ] {
        assert_eq!(scanning.contingency_at(at(time)).is_some(), in_force, "{time}");
    }
    let order = scanning.contingency_at(now()).unwrap();
    assert!(order.spares("clamd") && order.spares("yara"), "without groups: all");
    assert_eq!(order.report("yara").verdict.name(), "contingency");
}

#[test]
fn a_contingency_spares_the_groups_that_it_names() {
    let scanning = good(&contingency("groups = [\"clamd\"]\nexpires = 2026-11-21T16:00:00Z\n"));
    let order = scanning.contingency_at(now()).unwrap();
    assert_eq!([order.spares("clamd"), order.spares("yara")], [true, false]);
    assert!(scanning.contingency_of(&groups(), now()).is_some());
    assert_eq!(scanning.contingency_of(&["yara".to_owned()], now()), None);
    assert_eq!(scanning.contingency_of(&[], now()), None, "antivirus is off: nobody is spared");
    assert_eq!(scanning.contingency_of(&groups(), at("2026-11-21T16:00:00Z")), None);
}

#[test]
fn a_find_is_ignored_for_the_sender_and_the_network_that_an_exception_names() {
    let named = "Heuristics.Phishing.Email.SpoofedDomain";
    let whole = ignore(SPOOFED);
    let anywhere = whole.replace("networks = [\"192.0.2.0/24\"]\n", "");
    let prefix = ignore("signature = \"Heuristics.Phishing.*\"\n");
    for (source, signature, sender, client, ignored) in [
        (&whole, named, "a@bank.example", "192.0.2.7", true),
        (&whole, named, "A@BANK.example", "::ffff:192.0.2.7", true),
        (&whole, named, "a@bank.example", "198.51.100.7", false),
        (&whole, named, "a@bank.example.evil.test", "192.0.2.7", false),
        (&whole, named, "", "192.0.2.7", false),
        (&whole, "Heuristics.Phishing.Email.SpoofedDomain2", "a@bank.example", "192.0.2.7", false),
        (&whole, "Heuristics.Phishing.Email", "a@bank.example", "192.0.2.7", false),
        (&anywhere, named, "a@bank.example", "198.51.100.7", true),
        (&prefix, named, "a@bank.example", "192.0.2.7", true),
        (&prefix, "Heuristics.Phishing.Url", "a@bank.example", "192.0.2.7", true),
        (&prefix, "Win.Trojan.X", "a@bank.example", "192.0.2.7", false),
    ] {
        let scanning = good(source);
        let sender = if sender.is_empty() { ReversePath::Null } else { path(sender) };
        let found = ScannerReport {
            action: Some(VerdictAction::Refuse),
            ..report(ScanVerdict::Infected { signature: signature.to_owned() })
        };
        let weighed = scanning.weigh(found.clone(), &sender, client.parse().unwrap(), now());
        if ignored {
            let verdict = ScanVerdict::Ignored { signature: signature.to_owned(), ticket: "REQ 2".to_owned() };
            assert_eq!(weighed, report(verdict), "{signature} {sender:?} {client}: and its own action with it");
        } else {
            assert_eq!(weighed, found, "{signature} {sender:?} {client}");
        }
    }
}

#[test]
fn only_finds_are_ignored_and_only_in_time() {
    let scanning = good(&ignore(SPOOFED));
    let signature = || "Heuristics.Phishing.Email.SpoofedDomain".to_owned();
    let weighed = |verdict, time: &str| {
        let client = "192.0.2.7".parse().unwrap();
        scanning.weigh(report(verdict), &path("a@bank.example"), client, at(time)).verdict.name()
    };
    for (verdict, name) in [
        (ScanVerdict::Infected { signature: signature() }, "ignored"),
        (ScanVerdict::Macro { signature: signature() }, "ignored"),
        (ScanVerdict::Encrypted { signature: signature() }, "ignored"),
        (ScanVerdict::NotFullyScanned { reason: signature() }, "not_fully_scanned"),
        (ScanVerdict::ScannerError { text: signature() }, "scanner_error"),
        (ScanVerdict::Unavailable { text: signature() }, "unavailable"),
        (ScanVerdict::Clean, "clean"),
    ] {
        assert_eq!(weighed(verdict, "2026-11-21T12:00:00Z"), name);
    }
    let infected = ScanVerdict::Infected { signature: signature() };
    assert_eq!(weighed(infected, "2026-12-01T00:00:00Z"), "infected", "the exception is over");
}

/// A scanner that names every rule: what nobody ignores acts, and of a list that may have been cut nothing is ignored.
#[test]
fn an_exception_for_one_rule_hides_no_other() {
    let scanning = good(&ignore("signature = \"YARA.Bank_form\"\n"));
    let finding = |rule: &str, class| {
        let action = Some(Asked::Refuse);
        Finding { rule: rule.to_owned(), class, severity: None, action, ignored: None }
    };
    let form = || finding("YARA.Bank_form", Class::Malware);
    let weigh = |findings: Vec<Finding>| {
        let verdict = ScanVerdict::Infected { signature: "YARA.Bank_form".to_owned() };
        let report = ScannerReport { findings, action: Some(VerdictAction::Refuse), ..report(verdict) };
        let weighed = scanning.weigh(report, &path("news@bank.example"), [192, 0, 2, 7].into(), now());
        VerdictActions::default().deciding(&[weighed])
    };
    let ignored = weigh(vec![form()]);
    assert_eq!((ignored.verdict.name(), ignored.action), ("ignored", VerdictAction::Tag));
    let other = weigh(vec![form(), finding("YARA.Macro", Class::Macro)]);
    assert_eq!((other.verdict.name(), other.action), ("macro", VerdictAction::Refuse));
    let many = weigh(vec![form(); MOST_FINDINGS]);
    assert_eq!((many.verdict.name(), many.action), ("infected", VerdictAction::Refuse), "there may be more");
}

fn report(verdict: ScanVerdict) -> ScannerReport {
    let (group, scanner) = ("clamd".to_owned(), "clamd".to_owned());
    ScannerReport { group, scanner, verdict, took_ms: 1, version: None, findings: Vec::new(), action: None }
}

/// Each row: a file, and all that is said of it, in English.
#[test]
fn whatever_is_wrong_is_said_with_its_place() {
    let expires = "expires = 2026-11-21T16:00:00Z\n";
    let rows = [
        (contingency(""), ":1:1: error: `expires` is missing here"),
        (contingency("expires = 2026-11-28T12:00:01Z\n"), ":6:11: error: a contingency lasts 7 days at most"),
        (
            contingency("starts = 2026-11-25T12:00:00Z\nexpires = 2026-12-02T12:00:01Z\n"),
            ":7:11: error: a contingency lasts 7 days at most",
        ),
        (contingency("expires = 2026-11-21\n"), ":6:11: error: `expires` needs date, time and offset"),
        (contingency("expires = 2026-11-21T12:00:00Z\n"), ":6:11: warning: this contingency is over"),
        (
            contingency("starts = 2026-11-21T17:00:00Z\nexpires = 2026-11-21T16:00:00Z\n"),
            "error: `expires` is not after",
        ),
        (contingency("groups = [\"clam\"]\n") + expires, ":6:11: error: there is no scanner group `clam`"),
        (contingency("groups = []\n") + expires, ":6:10: error: `groups` names no group"),
        (contingency("grups = [\"clamd\"]\n") + expires, ":6:1: error: unknown key `grups`"),
        (contingency(expires).replace("deliver", "refuse"), ":2:8: error: `mode` is one of deliver | hold | defer"),
        (contingency(expires).replace("clamd crashes", " "), ":3:10: error: `reason` is empty"),
        (contingency(expires).replace("s3b", &"x".repeat(501)), ":5:6: error: `by` is longer than 500 letters"),
        (contingency(expires).replace("ticket = \"REQ 1\"\n", ""), ":1:1: error: `ticket` is missing here"),
        (contingency(expires) + "end_reason = \"\"\n", ":7:14: error: `end_reason` is empty"),
        (contingency(expires) + "[ignore]\n", "error: `ignore` is repeated: write it as [[ignore]]"),
        ("[contingancy]\n".to_owned(), ":1:2: error: unknown key `contingancy`"),
        (ignore(""), ":1:1: error: `signature` is missing here"),
        (ignore("signature = \"*\"\n"), ":8:13: error: `*` is no signature"),
        (ignore("signature = \"Heur.*\"\n"), ":8:13: error: `Heur.*` names too many signatures"),
        (ignore("signature = \"A*Trojan.Banker\"\n"), ":8:13: error: `A*Trojan.Banker` is no signature"),
        (ignore("signature = \"Heuristics.Limits.Exceeded*\"\n"), "is a limit and no find"),
        (ignore(SPOOFED).replace("[\"*@bank.example\"]", "[]"), ":2:11: error: `senders` is missing here"),
        (ignore(SPOOFED).replace("*@bank.example", "*@*"), ":2:12: error: `*@*` would spare every sender"),
        (ignore(SPOOFED).replace("*@bank.example", "bank"), ":2:12: error: `bank` is no address"),
        (ignore(SPOOFED).replace("0/24", "0/240"), ":3:13: error: a network is needed here"),
        (
            ignore(SPOOFED).replace("networks = [\"192.0.2.0/24\"]\n", ""),
            ":1:1: warning: an exception by sender alone can be forged: add `networks`",
        ),
        (ignore(SPOOFED).replace("expires = 2026-12-01T00:00:00Z\n", ""), ":1:1: error: `expires` is missing here"),
        (ignore(SPOOFED).replace("2026-12-01", "2026-11-01"), ":7:11: warning: this exception is over"),
    ];
    for (source, expected) in rows {
        let (_, faults) = read(&source);
        let shown = faults.render(Language::En);
        assert!(shown.contains(&format!("antivirus.toml{expected}")) || shown.contains(expected), "{source}\n{shown}");
        assert_eq!(faults.0.len(), 1, "{source}\n{shown}");
        assert!(faults.0.iter().all(|fault| fault.what.en != fault.what.pt), "in both languages: {shown}");
    }
}

#[test]
fn seven_days_to_the_second_are_not_too_long() {
    good(&contingency("expires = 2026-11-28T12:00:00Z\n"));
    good(&contingency("starts = 2026-11-25T12:00:00Z\nexpires = 2026-12-02T12:00:00Z\n"));
}

#[test]
fn an_order_that_was_ended_still_loads() {
    let ended = contingency(
        "starts = 2026-11-21T08:00:00Z\nexpires = 2026-11-21T11:00:00Z\nend_reason = \"mended\"\nended_by = \"noc\"\n",
    );
    assert_eq!(good(&ended).contingency_at(now()), None);
}

#[test]
fn without_antivirus_a_switch_is_pointed_out() {
    let source = contingency("expires = 2026-11-21T16:00:00Z\n");
    let (_, faults) = Scanning::read(Path::new("antivirus.toml"), &source, &[], now());
    assert!(!faults.has_errors() && faults.render(Language::En).contains("antivirus is switched off"));
}
