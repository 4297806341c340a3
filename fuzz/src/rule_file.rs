//! `policy::rule`: any text is read, its faults stand in it; a set without errors judges anything, as `try_out` says and as the
//! rules' own examples say.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portaria::{
    message::subject::Subject,
    policy::{
        directory::MailboxKey,
        rule::{Facts, RuleSet, Scope, Standing, Tried, text_of},
    },
    smtp::path::ReversePath,
};

use crate::{choices::Choices, places::check_faults};

/// The octets are a rule file.
pub fn rule_file(data: &[u8]) {
    let source = String::from_utf8_lossy(data).into_owned();
    let (set, faults) = read(&source);
    check_faults(&faults, &source);
    let (octets, said) = RuleSet::read_files(&[(PathBuf::from("a.toml"), data.to_vec())], &resolve);
    let alike = text_of(Path::new("a.toml"), data)
        .map(|text| read(&text))
        .map_or((0, 1), |(set, faults)| (set.len(), faults.0.len()));
    assert_eq!((octets.len(), said.0.len()), alike, "octets and text are read alike");
    if !faults.has_errors() {
        let (_, more) = read(&format!("{source}\n[zz_nobody_knows]\n"));
        assert!(more.has_errors(), "an unknown key is taken");
        let (_, twice) = read(&format!("{source}\n{source}"));
        assert!(set.is_empty() || twice.has_errors(), "an id is taken twice");
        examples_hold(&source, &set);
        judges(&set, &source, data);
    }
}

fn read(source: &str) -> (RuleSet, portaria::document::Faults) {
    RuleSet::read(&[(PathBuf::from("a.toml"), source.to_owned())], &resolve)
}

/// As a gateway that serves two names of one domain.
fn resolve(address: &str) -> Option<MailboxKey> {
    let (local, domain) = address.split_once('@').unwrap_or((address, "a.example"));
    ["a.example", "alias.example"].contains(&domain).then(|| MailboxKey(format!("{}@a.example", local.to_lowercase())))
}

/// Subjects made of the file's own words, and the file itself.
fn judges(set: &RuleSet, source: &str, data: &[u8]) {
    let mut choices = Choices::of(data);
    let words: Vec<&str> = source.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut subjects = vec![Subject::new(data.to_vec()), Subject::new(data.repeat(4))];
    for _ in 0..20 {
        let count = if words.is_empty() { 0 } else { choices.below(6) };
        let some: Vec<&str> = (0..count).map(|_| *choices.one_of(&words)).collect();
        subjects.push(Subject::new(some.join(" ").into_bytes()));
    }
    for pair in subjects.chunks(2) {
        let recipients =
            [(MailboxKey("noc@a.example".to_owned()), false), (MailboxKey("x@a.example".to_owned()), true)];
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + choices.below(200_000_000) as u64);
        let facts = facts(pair, &recipients, now);
        let judgement = set.judge(&facts);
        assert_eq!(judgement.deciding.len(), recipients.len());
        let tried = set.try_out(&facts);
        let count = |it: &&Tried| it.standing == Standing::Counts;
        let counting: Vec<&str> = tried.iter().filter(count).map(|tried| tried.found.rule.as_str()).collect();
        let matched: Vec<&str> = judgement.matches.iter().map(|found| found.rule.as_str()).collect();
        assert_eq!(matched, counting, "judge and try_out differ over {pair:?}");
        for found in &judgement.matches {
            let (start, end) = found.span;
            assert!(found.folded.get(start..end).is_some(), "{found:?}");
            assert!(pair.get(found.subject).is_some() && found.spared.iter().all(|at| *at < recipients.len()));
        }
        for (recipient, deciding) in judgement.deciding.iter().enumerate() {
            let spared = deciding.is_some_and(|at| judgement.matches[at].spared.contains(&recipient));
            assert!(!spared && (recipient == 0 || deciding.is_none()), "{judgement:?}");
        }
    }
}

fn facts<'a>(subjects: &'a [Subject], recipients: &'a [(MailboxKey, bool)], now: SystemTime) -> Facts<'a> {
    Facts {
        subjects,
        reverse_path: &ReversePath::Null,
        recipients,
        list_ids: &[],
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        scope: Scope::Relay,
        now,
    }
}

/// The examples, read a second time by another way: those that say nothing but a subject.
fn examples_hold(source: &str, set: &RuleSet) {
    let Ok(file) = source.parse::<toml::Table>() else { return };
    let rules = file.get("rule").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    assert_eq!(rules.len(), set.len(), "a rule is lost without a word");
    for rule in rules {
        let id = rule.get("id").and_then(toml::Value::as_str).expect("an id");
        let examples = rule.get("example").and_then(toml::Value::as_array).expect("examples");
        for example in examples.iter().filter_map(toml::Value::as_table).filter(|example| example.len() == 2) {
            let text = |key| example.get(key).and_then(toml::Value::as_str);
            let (Some(subject), Some(expect)) = (text("subject"), text("expect")) else { continue };
            let subject = [Subject::new(subject.as_bytes())];
            let tried = set.try_out(&facts(&subject, &[], UNIX_EPOCH));
            let tried = tried.iter().find(|tried| tried.found.rule == id);
            let spared = |tried: &Tried| matches!(tried.standing, Standing::Spared(_));
            // One that is off, or out of its dates or its scope, is said to be that before it is said to be spared.
            match expect {
                "match" => assert!(tried.is_some_and(|tried| !spared(tried)), "{id}: {subject:?}"),
                _ => assert!(tried.is_none_or(|tried| tried.standing != Standing::Counts), "{id}: {subject:?}"),
            }
        }
    }
}
