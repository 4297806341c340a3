//! What a replay says of one record. That it says the same as the session did is shown by `tests/conversations.rs`, over every script.

use super::*;
use crate::{
    policy::directory::ServedDomain,
    record::{ApplicationFacts, RecipientFacts, sample, subject::Subjects},
};

/// 2026-11-21 11:00:00 UTC, when the sample's MAIL came.
const BEGAN: &str = "2026-11-21T11:00:00Z";

fn rule(id: &str, word: &str, mode: &str, kind: &str, more: &str, example: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"{mode}\"\n\
         action.kind = \"{kind}\"\n{more}\n[[rule.match]]\nany_words = [\"{word}\"]\n[[rule.example]]\nsubject = \"{word}\"\n\
         expect = \"match\"\n[[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n{example}\n"
    )
}

fn set(rules: &[String]) -> RuleSet {
    let directory = directory();
    let (set, faults) = RuleSet::read(&[("r.toml".into(), rules.concat())], &|address| directory.resolve(address));
    assert!(!faults.has_errors(), "{faults:?}");
    set
}

fn directory() -> Directory {
    let (name, aliases) = ("tjepa.jus.br".to_owned(), vec!["tjpa.jus.br".to_owned()]);
    Directory::new(vec![ServedDomain { name, aliases, next_hop: "mailbox".into() }], ["postmaster"]).unwrap()
}

fn recipient(address: &str) -> RecipientFacts {
    let mut recipient = sample::record(1).recipients.remove(2);
    address.clone_into(&mut recipient.address);
    recipient
}

/// A record of a message that no rule found anything in.
fn record(subject: &str, recipients: &[&str]) -> Record {
    let mut record = sample::record(1);
    record.subjects = vec![subject.to_owned()];
    record.recipients = recipients.iter().map(|address| recipient(address)).collect();
    record.rules = Vec::new();
    (record.ending, record.cause) = (Ending::Relayed, Cause::Nothing);
    record
}

/// The same after `rules` judged it.
fn judged(mut record: Record, rules: &RuleSet) -> Record {
    if let Replayed::Touched(touched) = Replay::new(rules, &directory(), None).of(record.clone()) {
        record.rules = touched.now.matches;
    }
    record
}

fn change(record: Record, rules: &RuleSet) -> Change {
    match Replay::new(rules, &directory(), None).of(record) {
        Replayed::Touched(touched) => touched.change,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_rules_alone_are_compared_recipient_by_recipient() {
    use Effect::{Held, Refused, Relayed, Tagged};
    let none = set(&[]);
    let plain = |kind: &str| set(&[rule("A", "boleto", "enforce", kind, "expires = 2026-12-01T00:00:00Z", "")]);
    let other = set(&[rule("B", "boleto", "enforce", "quarantine", "", "")]);
    let trial = set(&[rule("A", "boleto", "observe", "quarantine", "", "")]);
    let spares = set(&[rule(
        "A",
        "boleto",
        "enforce",
        "reject",
        "expires = 2026-12-01T00:00:00Z\nexcept.recipient = [\"noc@tjpa.jus.br\"]",
        "[[rule.example]]\nsubject = \"boleto\"\nrecipient = \"noc@tjepa.jus.br\"\nexpect = \"no match\"",
    )]);
    let (one, both) = (&["a@tjpa.jus.br"][..], &["a@tjpa.jus.br", "noc@tjpa.jus.br"][..]);
    let (held, refused, tagged) = (&plain("quarantine"), &plain("reject"), &plain("tag"));
    let rows = [
        ("as it was", one, held, held, Change::None),
        ("newly held", one, &none, held, Change::Effect { from: Relayed, to: Held }),
        ("held is refused now", one, held, refused, Change::Effect { from: Held, to: Refused }),
        ("no longer tagged", one, tagged, &none, Change::Effect { from: Tagged, to: Relayed }),
        ("another rule", one, held, &other, Change::Otherwise(Held)),
        ("on trial, and no more", one, held, &trial, Change::Effect { from: Held, to: Relayed }),
        ("newly on trial", one, &none, &trial, Change::Noted),
        ("spared is not refused", &both[1..], refused, &spares, Change::Effect { from: Refused, to: Relayed }),
        // One reply cannot refuse some: what is refused for one and relayed to the other is held for the first.
        ("refused for one of two is held", both, refused, &spares, Change::Effect { from: Refused, to: Held }),
        ("held for one of two", both, held, &spares, Change::Otherwise(Held)),
    ];
    for (name, recipients, then, now, expected) in rows {
        assert_eq!(change(judged(record("Um boleto", recipients), then), now), expected, "{name}");
    }
}

#[test]
fn whoever_was_refused_at_rcpt_was_not_judged_and_postmaster_is_spared() {
    let held = set(&[rule("A", "boleto", "enforce", "quarantine", "", "")]);
    let mut with_refused = record("boleto", &["x@tjpa.jus.br", "postmaster@tjpa.jus.br"]);
    with_refused.recipients[0].fate = Fate::RefusedAtRcpt;
    let Replayed::Touched(touched) = Replay::new(&held, &directory(), None).of(with_refused) else { panic!() };
    assert_eq!(touched.now.deciding, [None], "only postmaster is left, and is spared");
    let mut bare = record("boleto", &["postmaster"]);
    bare.recipients[0].mailbox = Some(MailboxKey("postmaster@tjepa.jus.br".to_owned()));
    assert_eq!(change(bare, &held), Change::Noted, "<postmaster> alone is no mailbox by grammar");
}

#[test]
fn a_door_is_known_by_whether_an_application_sent_it() {
    let applications = set(&[rule("A", "boleto", "enforce", "quarantine", "scope = [\"application\"]", "")]);
    let mut record = record("boleto", &["a@tjpa.jus.br"]);
    let replay = |record: Record| Replay::new(&applications, &directory(), None).of(record);
    assert_eq!(replay(record.clone()), Replayed::Untouched);
    let state = crate::policy::application::State::Active;
    record.application = Some(ApplicationFacts { id: "pje".to_owned(), state, login: None, would_be: None });
    assert!(matches!(replay(record), Replayed::Touched(_)));
}

/// Taken for none, a List-Id that is not there would hold every newsletter of the month.
#[test]
fn what_a_record_does_not_hold_is_named_and_not_guessed() {
    let spares = set(&[rule(
        "A",
        "boleto",
        "enforce",
        "quarantine",
        "except.list = [\"avisos.example\"]",
        "[[rule.example]]\nsubject = \"boleto\"\nlist = \"avisos.example\"\nexpect = \"no match\"",
    )]);
    let with = |lists: Option<&[&str]>| {
        let mut record = record("boleto", &["a@tjpa.jus.br"]);
        record.list_ids = lists.map(|lists| lists.iter().map(|&list| list.to_owned()).collect());
        Replay::new(&spares, &directory(), None).of(record)
    };
    assert_eq!(with(Some(&["avisos.example"])), Replayed::Untouched);
    let changes = [with(Some(&[])), with(None)].map(|replayed| match replayed {
        Replayed::Touched(touched) => touched.change,
        other => panic!("{other:?}"),
    });
    let untold = Untold { rule: "A".to_owned(), missing: Missing::Lists };
    let held = Change::Effect { from: Effect::Relayed, to: Effect::Held };
    assert_eq!(changes, [held, Change::CannotBeTold(vec![untold])]);
}

#[test]
fn dates_are_those_of_the_record_and_one_in_its_middle_cannot_be_told() {
    let from = |date: &str| set(&[rule("A", "boleto", "enforce", "quarantine", &format!("starts = {date}"), "")]);
    let record = || record("boleto", &["a@tjpa.jus.br"]);
    assert_eq!((record().began, record().ended - record().began), (moment_of(BEGAN) + 1, 412));
    let held = Change::Effect { from: Effect::Relayed, to: Effect::Held };
    assert_eq!(change(record(), &from(BEGAN)), held);
    let later = from("2026-11-21T11:00:01Z");
    assert_eq!(Replay::new(&later, &directory(), None).of(record()), Replayed::Untouched);
    let now = Some(UNIX_EPOCH + Duration::from_secs(1_795_345_200));
    assert!(matches!(Replay::new(&later, &directory(), now).of(record()), Replayed::Touched(_)), "as if it came later");
    let untold = Untold { rule: "A".to_owned(), missing: Missing::Moment };
    let mut long = record();
    long.ended += 60_000;
    assert_eq!(change(long, &later), Change::CannotBeTold(vec![untold]));
}

fn moment_of(written: &str) -> UnixMillis {
    written.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn without_content_or_subject_there_is_nothing_to_judge() {
    let held = set(&[rule("A", "boleto", "enforce", "quarantine", "", "")]);
    let replay = |change: fn(&mut Record)| {
        let mut record = record("boleto", &["a@tjpa.jus.br"]);
        change(&mut record);
        Replay::new(&held, &directory(), None).of(record)
    };
    assert_eq!(replay(|record| record.subjects.clear()), Replayed::WithoutSubject);
    // Not the same as none: a rule may well have matched it.
    assert_eq!(replay(|record| Subjects::Off.keep(record)), Replayed::SubjectNotKept);
    // Of one that hides its word behind ten thousand signs that no rule sees, the word is not there any more.
    let long: fn(&mut Record) = |record| {
        record.subjects = vec!["\u{200b}".repeat(10_000) + "boleto"];
        Subjects::Plain.keep(record);
    };
    assert_eq!(replay(long), Replayed::SubjectNotKept);
    let mut record = record("boleto", &["a@tjpa.jus.br"]);
    long(&mut record);
    let text = serde_json::to_string(&record).unwrap();
    let of_text = Replay::new(&held, &directory(), None).of_text(&text, &mut Memory::default()).unwrap();
    assert_eq!(of_text, Replayed::SubjectNotKept);
    let gone = |record: &mut Record| (record.subjects, record.size) = (Vec::new(), None);
    assert_eq!(replay(gone), Replayed::WithoutContent);
    assert_eq!(replay(|record| record.reverse_path = "a b".to_owned()), Replayed::Unreadable);
}

#[test]
fn what_no_rule_stopped_is_told_apart() {
    let held = set(&[rule("A", "boleto", "enforce", "quarantine", "", "")]);
    let stopped = |ending, cause| {
        let mut record = record("boleto", &["a@tjpa.jus.br"]);
        (record.ending, record.cause) = (ending, cause);
        match Replay::new(&held, &directory(), None).of(record) {
            Replayed::Touched(touched) => touched.stopped_otherwise,
            other => panic!("{other:?}"),
        }
    };
    assert!(!stopped(Ending::Relayed, Cause::Nothing));
    assert!(!stopped(Ending::Held, Cause::Rule { index: 0 }));
    assert!(stopped(Ending::Refused, Cause::NextHop { what: "550".to_owned() }));
    assert!(stopped(Ending::ClientGone, Cause::Client { what: "gone".to_owned() }));
}

/// The short way over a record's text says what the long way says, with what it remembers and without.
#[test]
fn a_glance_says_what_a_look_says() {
    let trial = set(&[
        rule("A", "boleto", "observe", "quarantine", "", ""),
        rule("B", "fatura", "off", "tag", "", ""),
        rule("C", "multa", "enforce", "tag", "scope = [\"application\"]", ""),
    ]);
    let directory = directory();
    let replay = Replay::new(&trial, &directory, None);
    let mut records: Vec<Record> = ["ata", "Boleto", "fatura", "multa", "ata", "", "BOLÉTO", "ata\u{1b}\"\\"]
        .map(|subject| record(subject, &["a@tjpa.jus.br"]))
        .to_vec();
    records.push(sample::record(7));
    records.push(Record { subjects: vec!["ata".to_owned(), "boleto".to_owned()], ..record("", &["a@tjpa.jus.br"]) });
    records.push(Record { subjects: Vec::new(), ..record("", &[]) });
    let mut hidden = sample::record(8);
    Subjects::Off.keep(&mut hidden);
    records.push(hidden);
    records.push(Record { subjects: Vec::new(), size: None, ..record("", &[]) });
    let mut memory = Memory::default();
    for record in records.iter().chain(&records) {
        let text = serde_json::to_string(record).unwrap();
        let glance = replay.of_text(&text, &mut memory).unwrap();
        assert_eq!(glance, replay.of(record.clone()), "{text}");
    }
    assert!(replay.of_text("{", &mut memory).is_err());
}
