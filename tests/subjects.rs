//! What the rules see of a Subject, on the real way: octets of a header section, its field, its text, its two readings, the rules.
//! Both corpora are generated; each test prints its seed, and `PORTARIA_SUBJECTS_SEED` gives it another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads the shipped files"
)]

#[path = "subjects/chance.rs"]
mod chance;
#[path = "subjects/honest.rs"]
mod honest;
#[path = "subjects/spelling.rs"]
mod spelling;
#[path = "subjects/words.rs"]
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
    path::Path,
    time::UNIX_EPOCH,
};

use chance::Chance;
use portaria::{
    language::Language,
    message::{
        facts,
        header_section::{HeaderLimits, HeaderReader},
        subject::{Fold, Subject},
    },
    policy::{
        directory::MailboxKey,
        rule::{Facts, RuleMatch, RuleSet, Scope},
    },
    smtp::path::ReversePath,
};

/// The Subject of a message whose header section holds `body` behind `Subject:`.
fn received(body: &[u8]) -> Subject {
    let message = [b"From: a@example.com\r\nSubject:", body, b"\r\nTo: b@tjpa.jus.br\r\n\r\n"].concat();
    let mut reader = HeaderReader::new(HeaderLimits { size: 1 << 16, fields: 10 });
    reader.receive(&message).unwrap();
    let [subject] = &facts::subjects(reader.fields())[..] else { panic!("one Subject") };
    subject.clone()
}

fn matches(set: &RuleSet, subject: &Subject) -> Vec<RuleMatch> {
    let facts = Facts {
        subjects: std::slice::from_ref(subject),
        reverse_path: &ReversePath::Null,
        recipients: &[(MailboxKey("b@tjpa.jus.br".to_owned()), false)],
        list_ids: &[],
        client: IpAddr::from([192, 0, 2, 1]),
        scope: Scope::Relay,
        now: UNIX_EPOCH,
    };
    set.judge(&facts).matches
}

fn rules(source: &str) -> RuleSet {
    let (set, faults) = RuleSet::read(&[("r.toml".into(), source.to_owned())], &|_| None);
    // Words of three letters, and words that ordinary subjects have, are advised against, and are tried here on purpose.
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    set
}

fn rule(id: &str, block: &str, example: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"observe\"\n\
         action.kind = \"tag\"\n[[rule.match]]\n{block}\n[[rule.example]]\nsubject = \"{example}\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"qwerty\"\nexpect = \"no match\"\n"
    )
}

/// What is compared: the reading with look-alikes replaced, which is the plain one where there are none.
fn compared(subject: &Subject) -> String {
    let plain = Fold::default().subject(&subject.decoded);
    Fold::default().lookalike_subject(&subject.decoded, &plain).unwrap_or(plain)
}

#[test]
fn one_subject_written_in_hundreds_of_ways_is_one_subject() {
    let mut chance = Chance::seeded("spellings");
    let blocks = [
        "all_words = [\"cobrança\", \"boleto\"]\nany_words = [\"hoje\"]",
        "phrase = \"boleto de cobranca\"",
        "wildcard = \"seu bol?to*vence*\"",
    ];
    let source: String =
        blocks.iter().enumerate().map(|(at, block)| rule(&format!("R-{at}"), block, spelling::TEXT)).collect();
    let set = rules(&source);
    let spellings = spelling::all(&mut chance);
    let distinct: BTreeSet<_> = spellings.iter().map(|(_, body)| body).collect();
    println!("{} spellings, {} of them distinct", spellings.len(), distinct.len());
    assert!(distinct.len() >= 300);
    for (name, body) in &spellings {
        let subject = received(body);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(compared(&subject), spelling::FOLDED, "{name}: {shown}\n{:?}", subject.decoded);
        let found = matches(&set, &subject);
        assert_eq!(found.len(), blocks.len(), "{name}: {shown}");
        for found in found {
            let (start, end) = found.decoded_span.unwrap();
            assert!(!subject.decoded[start..end].is_empty(), "{name}: {shown}");
        }
    }
}

/// The rules that are shipped, as they are.
fn shipped() -> RuleSet {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/subjects");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    let (set, faults) = RuleSet::read_files(&files, &|_| None);
    assert_eq!(faults.render(Language::En), "");
    set
}

#[test]
fn no_honest_subject_in_six_languages_matches() {
    let mut chance = Chance::seeded("honest subjects");
    let subjects = honest::all(&mut chance);
    assert!(subjects.len() >= 2_000, "{}", subjects.len());
    let mut wide = String::new();
    for word in words::all() {
        wide.push_str(&rule(word, &format!("any_words = [\"{word}\"]"), word));
        // In the middle of a word too: that is how a rule in a hurry is written.
        if word.len() > 5 {
            wide.push_str(&rule(&format!("{word}-part"), &format!("wildcard = \"*{word}*\""), word));
        }
    }
    let (wide, shipped) = (rules(&wide), shipped());
    let mut matched = String::new();
    for (language, text) in &subjects {
        let subject = received(&[b" ", text.as_bytes()].concat());
        assert_eq!(&subject.decoded, text);
        for found in matches(&shipped, &subject).into_iter().chain(matches(&wide, &subject)) {
            // A write to a String cannot fail.
            let _ = writeln!(matched, "{language}: {text}: {} ({:?}: {})", found.rule, found.reading, found.folded);
        }
    }
    println!("{} honest subjects against {} rules", subjects.len(), wide.len() + shipped.len());
    assert!(matched.is_empty(), "these matched:\n{matched}");
}

/// Why the script of the subject counts: these words of honest subjects become rule words where most of a subject is Latin.
#[test]
fn honest_words_that_look_like_a_portuguese_one_are_known_and_left_alone() {
    let subjects = honest::all(&mut Chance::seeded("honest subjects"));
    let words = words::all();
    let mut coincidences: BTreeMap<(&str, String), String> = BTreeMap::new();
    for (language, text) in &subjects {
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_ascii()) {
            let among_latin = received(format!(" {word} qwertyuiop qwertyuiop").as_bytes());
            let alike = compared(&among_latin).split(' ').next().unwrap_or_default().to_owned();
            if words.contains(&alike.as_str()) {
                coincidences.insert((language, Fold::default().pattern(word)), alike);
            }
        }
    }
    println!("{coincidences:?}");
    let found: BTreeSet<&str> = coincidences.values().map(String::as_str).collect();
    for word in ["tema", "meta", "mala", "tapa", "cepa", "auto", "vai"] {
        assert!(found.contains(word), "{word} is not among {found:?}: nothing is shown by leaving it alone");
    }
}
