//! What many records come to, from a database as the gateway writes it.
#![expect(clippy::disallowed_methods, reason = "a test writes a configuration and looks at the trail")]

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::{
    language::Language,
    policy::directory::{MailboxKey, ServedDomain},
    record::{Cause, Ending, Record, replay::Replayed, sample},
    store::{Change, JournalPosition},
};

fn rule(id: &str, word: &str, head: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\n{head}\n[[rule.match]]\nany_words = [\"{word}\"]\n\
         [[rule.example]]\nsubject = \"{word}\"\nexpect = \"match\"\n[[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n"
    )
}

const HOLDS: &str = "mode = \"enforce\"\naction.kind = \"quarantine\"";
const OBSERVES: &str = "mode = \"observe\"\naction.kind = \"quarantine\"";

fn set(rules: &[String]) -> RuleSet {
    let (set, faults) = RuleSet::read(&[("r.toml".into(), rules.concat())], &|a| Some(MailboxKey(a.to_owned())));
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    set
}

fn directory() -> Directory {
    let (name, aliases) = ("tjepa.jus.br".to_owned(), vec!["tjpa.jus.br".to_owned()]);
    Directory::new(vec![ServedDomain { name, aliases, next_hop: "mailbox".into() }], []).unwrap()
}

/// The record of message `number`, as `rules` judged it; a minute apart.
fn record(number: u64, subject: &str, sender: &str, rules: &RuleSet) -> Record {
    let mut record = sample::record(number);
    record.began = sample::BEGAN + 60_000 * number as i64;
    record.ended = record.began + 10;
    record.subjects = vec![subject.to_owned()];
    sender.clone_into(&mut record.reverse_path);
    record.recipients.truncate(1);
    record.rules = Vec::new();
    (record.ending, record.cause) = (Ending::Relayed, Cause::Nothing);
    let directory = directory();
    if let Replayed::Touched(touched) = Replay::new(rules, &directory, None).of(record.clone()) {
        record.rules = touched.now.matches;
        (record.ending, record.cause) = (Ending::Held, Cause::Rule { index: 0 });
    }
    record
}

fn style(json: bool, language: Language) -> Style {
    Style { json, language, time_zone: TimeZone::UTC }
}

/// Puts records into a database and replays them, as the command does.
async fn looked<'l>(records: &[Record], rules: &'l RuleSet, only: Option<&str>, samples: usize) -> Looked<'l> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let changes: Vec<Change> = records.iter().map(|record| Change::Outcome(Box::new(record.clone()))).collect();
    store.load(&changes, JournalPosition { segment: 1, offset: 1 }).await.unwrap();
    store.close().await;
    let view = Store::open_read_only(folder.path()).await.unwrap();
    let directory = directory();
    let replay = Replay::new(rules, &directory, None);
    let (since, until) = (sample::BEGAN, sample::BEGAN + 86_400_000);
    let run = Run { replay: &replay, since, until, tally: Tally::new(samples, only.map(str::to_owned)) };
    let (tally, stopped_of) = run.over(&view, &style(false, Language::En)).await.unwrap();
    Looked { since, until, at: None, folder: Path::new("rules"), rules, stopped_of, tally }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_rules_that_were_in_force_nothing_differs() {
    let rules = set(&[rule("R-1", "boleto", HOLDS), rule("R-2", "fatura", OBSERVES)]);
    let subjects = ["Boleto", "ata", "fatura", "Sua fatura, seu boleto", "ata"];
    let records: Vec<_> =
        (1..).zip(subjects).map(|(nth, subject)| record(nth, subject, "a@example.com", &rules)).collect();
    let looked = looked(&records, &rules, None, 5).await;
    assert_eq!((looked.tally.looked_at, looked.tally.same, looked.tally.groups.len()), (5, 5, 0));
    assert_eq!(looked.tally.rules.get("R-1").map(|part| (part.matched_then, part.decides_now)), Some((2, 2)));
    assert_eq!(looked.tally.rules.get("R-2").map(|part| (part.matches_now, part.decides_now)), Some((2, 0)));
    let shown = shown::shown(&looked, &style(false, Language::En));
    assert!(shown.text.contains("  as it was: 5 of 5\n"), "{}", shown.text);
    assert_eq!(shown.exit_code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_other_rules_exactly_what_they_change_differs() {
    let then = set(&[rule("R-1", "boleto", HOLDS), rule("R-2", "fatura", OBSERVES)]);
    let now = set(&[rule("R-2", "fatura", HOLDS), rule("R-3", "multa", OBSERVES)]);
    let messages = [
        ("Boleto", "a@example.com"),
        ("ata", "a@example.com"),
        ("A fatura \u{202e}de maio", "b@example.com"),
        ("FATURA", "B@example.com"),
        ("boleto e fatura", "c@example.com"),
        ("multa", ""),
    ];
    let mut records: Vec<_> =
        (1..).zip(messages).map(|(nth, (subject, sender))| record(nth, subject, sender, &then)).collect();
    // Refused by the mailbox server: held or not, it did not arrive.
    (records[3].ending, records[3].cause) = (Ending::Refused, Cause::NextHop { what: "550".to_owned() });
    records.push(Record { subjects: Vec::new(), ..record(7, "", "a@example.com", &then) });
    let looked = looked(&records, &now, None, 1).await;
    let shown = shown::shown(&looked, &style(false, Language::En));
    let id = |number| sample::id(number);
    let expected = format!(
        "\
records from 2026-11-21 11:00:00 to 2026-11-22 11:00:00: 7 looked at
  without a subject: 1; ended before there was content: 0; unreadable: 0
rules of rules: 2
  as it was: 1 of 6

newly held: 2 (reverse-paths: 1; 1 did not arrive anyhow)
  2026-11-21 11:04:00  {}  <B@example.com>  relayed (R-2) → held (R-2)
    FATURA
    ^^^^^^
  … and 1 more

no longer held: 1 (reverse-paths: 1)
  2026-11-21 11:01:00  {}  <a@example.com>  held (R-1) → relayed
    Boleto
    ^^^^^^

the same, by another rule or for others: 1 (reverse-paths: 1)
  2026-11-21 11:05:00  {}  <c@example.com>  held (R-1) → held (R-2)
    boleto e fatura
             ^^^^^^

the same; other rules would only note them: 1 (reverse-paths: 1)
  2026-11-21 11:06:00  {}  <>  relayed → relayed (R-3)
    multa
    ^^^^^

rule  mode       matched  would match  decided  would decide
────────────────────────────────────────────────────────────
R-1   not there  2        0            2        0
R-2   enforce    3        3            0        3
R-3   observe    0        1            0        0
",
        id(4),
        id(1),
        id(5),
        id(6)
    );
    assert_eq!(shown.text, expected);
    let json = shown::shown(&looked, &style(true, Language::En)).text;
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changes: Vec<_> = lines
        .iter()
        .filter(|line| line["kind"] == "change")
        .map(|line| (line["change"].clone(), line["count"].clone()))
        .collect();
    let pair = |name: &str, count: u64| (name.into(), count.into());
    assert_eq!(changes, [pair("newly_held", 2), pair("no_longer_held", 1), pair("otherwise", 1), pair("noted", 1)]);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["looked_at"], &summary["same"], &summary["complete"]), (&7.into(), &1.into(), &true.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rule_can_be_asked_for() {
    let none = set(&[]);
    let rules = set(&[rule("R-1", "boleto", HOLDS), rule("R-2", "fatura", HOLDS)]);
    let records: Vec<_> = (1..)
        .zip(["boleto", "fatura", "ata"])
        .map(|(nth, subject)| record(nth, subject, "a@b.example", &none))
        .collect();
    let looked = looked(&records, &rules, Some("R-2"), 5).await;
    let counts: Vec<_> = looked.tally.groups.values().map(|group| group.count).collect();
    assert_eq!((counts, looked.tally.same), (vec![1], 2));
    assert_eq!(looked.tally.rules.keys().collect::<Vec<_>>(), ["R-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_without_any_subject_says_that_nothing_was_tried() {
    let rules = set(&[]);
    let records = [Record { subjects: Vec::new(), ..record(1, "", "a@b.example", &rules) }];
    let looked = looked(&records, &rules, None, 5).await;
    let shown = shown::shown(&looked, &style(false, Language::PtBr));
    assert_eq!(shown.exit_code, 2);
    assert!(shown.text.contains("nenhum registro deste período tem assunto"), "{}", shown.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_no_fault() {
    let rules = set(&[rule("R-1", "boleto", &format!("{HOLDS}\nstarts = 2026-11-21T20:00:00Z"))]);
    let looked = looked(&[], &rules, None, 5).await;
    let shown = shown::shown(&looked, &style(false, Language::En));
    assert_eq!(shown.exit_code, 0);
    assert!(shown.text.contains("0 looked at"), "{}", shown.text);
    assert!(shown.text.contains("  R-1 starts 2026-11-21 20:00:00: records before that"), "{}", shown.text);
}

/// Every record is in exactly one part, whatever the period's length: a millisecond that two parts share would be counted twice.
#[test]
fn the_parts_are_the_whole_and_none_overlaps() {
    for (first, last) in [(0, 0), (5, 6), (1_795_258_800_000, 1_797_850_800_123), (0, i64::MAX - 1), (-7, 900)] {
        let mut at = first;
        for part in 0..PARTS {
            let (since, until) = bounds(first, last, part);
            assert_eq!(since, at, "{first} {last} {part}");
            assert!(until >= since);
            at = until;
        }
        assert_eq!(at, last + 1, "{first} {last}");
    }
}

/// What a sender writes must not grow with the mail: samples and senders are bounded, and the newest are shown.
#[test]
fn a_tally_is_bounded_and_shows_the_newest_of_each_kind() {
    let (none, rules) = (set(&[]), set(&[rule("R-1", "boleto", HOLDS)]));
    let directory = directory();
    let replay = Replay::new(&rules, &directory, None);
    let mut tallies = [Tally::new(3, None), Tally::new(3, None)];
    for number in 0..100 {
        let record = record(number, "boleto", &format!("{number}@example.com"), &none);
        tallies[number as usize % 2].add(Some(replay.of(record)));
    }
    let [mut whole, other] = tallies;
    whole.merge(other);
    let group = whole.groups.values().next().unwrap();
    assert_eq!((whole.looked_at, group.count, group.senders()), (100, 100, 100));
    let shown: Vec<_> = group.samples().map(|sample| sample.reverse_path.as_str()).collect();
    assert_eq!(shown, ["99@example.com", "98@example.com", "97@example.com"]);
    assert_eq!(whole.rules["R-1"].matches_now, 100);
}

/// A subject of 100 KB is shown where something was found in it.
#[test]
fn a_long_subject_is_shown_around_what_was_found() {
    let (none, rules) = (set(&[]), set(&[rule("R-1", "boleto", HOLDS)]));
    let directory = directory();
    let long = format!("{} boleto {}", "é".repeat(600), "x".repeat(100_000));
    let mut tally = Tally::new(1, None);
    tally.add(Some(Replay::new(&rules, &directory, None).of(record(1, &long, "a@b.example", &none))));
    let looked =
        Looked { since: 0, until: 1, at: Some(0), folder: Path::new("r"), rules: &rules, stopped_of: Some(9), tally };
    let text = shown::shown(&looked, &style(false, Language::En)).text;
    assert!(text.lines().all(|line| line.chars().count() < 400), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(" boleto ")).unwrap();
    let (shown, carets) = (lines[at], lines[at + 1]);
    let place = shown.chars().take_while(|c| *c != 'b').count();
    assert_eq!(carets.chars().take_while(|c| *c == ' ').count(), place, "{shown}\n{carets}");
    assert!(text.contains("STOPPED before the end: 8 records"), "{text}");
}

#[test]
fn a_period_is_typed_as_people_do() {
    let now = UNIX_EPOCH + Duration::from_secs(1_795_262_400);
    let asked = |since: &str, until: Option<&str>, at: Option<&str>| {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let (since, until, at) = (since.to_owned(), own(until), own(at));
        let asked = Asked { since, until, at, rule: None, folder: None, samples: 5, by: None };
        Moments::read(&asked, now, &TimeZone::UTC)
    };
    let ago = |hours: u64| now - Duration::from_secs(hours * 3600);
    assert_eq!(asked("30d", None, None), Ok(Moments { since: ago(30 * 24), until: now, at: None }));
    assert_eq!(asked("2d", Some("1d"), Some("now")), Ok(Moments { since: ago(48), until: ago(24), at: Some(now) }));
    // A day's end is the next one's beginning: `--since 2026-11-20 --until 2026-11-20` is that day.
    let day = asked("2026-11-20", Some("2026-11-20"), Some("2026-12-01")).unwrap();
    assert_eq!(day.until.duration_since(day.since).unwrap(), Duration::from_secs(86_400));
    for (since, until) in [("1d", Some("2d")), ("yesterday", None), ("1d", Some("x")), ("", None)] {
        assert!(asked(since, until, None).is_err(), "{since} {until:?}");
    }
}

/// A rule that somebody writes for the purpose finds the mail of whomever he likes. So nobody looks without a line that says it.
#[test]
fn a_replay_stands_in_the_audit_trail_and_without_it_nothing_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (data, rules) = (folder.path().join("data"), folder.path().join("rules"));
    std::fs::create_dir_all(rules.join("subjects")).unwrap();
    std::fs::write(rules.join("subjects/a.toml"), rule("R-1", "boleto", HOLDS)).unwrap();
    let config = folder.path().join("portaria.toml");
    let text = format!(
        "[gateway]\nhostname = \"mx.tjpa.jus.br\"\ndata_dir = \"{}\"\nrules_dir = \"{}\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         [[domain]]\nname = \"tjpa.jus.br\"\n[[next_hop]]\nname = \"mailbox\"\naddress = [\"127.0.0.1:25\"]\n[antivirus]\nenabled = false\n",
        data.display(),
        rules.display()
    );
    std::fs::write(&config, text).unwrap();
    let asked = Asked {
        since: "7d".to_owned(),
        until: None,
        at: None,
        rule: Some("R-1".to_owned()),
        folder: None,
        samples: 3,
        by: Some("ana".to_owned()),
    };
    let mut common = Common { config, json: true, language: Language::En };
    assert_eq!(replay(&mut common, &asked), Exit::Faults, "there is no database");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { Store::open(&data).await.unwrap().close().await });
    assert_eq!(replay(&mut common, &asked), Exit::Done);
    let trail = std::fs::read_to_string(data.join("audit.log")).unwrap();
    assert_eq!(trail.lines().count(), 1, "{trail}");
    for part in ["\"rules_replayed\"", "\"ana\"", "\"since\":\"7d\"", "\"rule\":\"R-1\"", "\"shown\":\"3\""] {
        assert!(trail.contains(part), "{part}: {trail}");
    }
    std::fs::remove_file(data.join("audit.log")).unwrap();
    std::fs::create_dir(data.join("audit.log")).unwrap();
    assert_eq!(replay(&mut common, &asked), Exit::Faults, "nothing without the trail");
    let wrong = Asked { since: "yesterday".to_owned(), ..asked };
    assert_eq!(replay(&mut common, &wrong), Exit::Usage);
}
