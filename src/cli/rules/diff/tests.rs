//! Two small sets, and everything that may differ between them.

use std::time::UNIX_EPOCH;

use jiff::tz::TimeZone;

use super::*;
use crate::language::Language;

const EXAMPLES: &str = "[[rule.example]]\nsubject = \"boleto vencido\"\nexpect = \"match\"\n\
                        [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n";

fn rule(id: &str, head: &str, block: &str, more: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\n{head}\n[[rule.match]]\n{block}\n{EXAMPLES}{more}"
    )
}

const OBSERVES: &str = "mode = \"observe\"\naction.kind = \"quarantine\"";
const HOLDS: &str = "mode = \"enforce\"\naction.kind = \"quarantine\"";
const TAGS: &str = "mode = \"enforce\"\naction.kind = \"tag\"";

fn resolve(address: &str) -> Option<MailboxKey> {
    Some(MailboxKey(address.to_lowercase()))
}

fn side(files: &[(&str, String)], lists: &[(&'static str, &str)]) -> Side {
    let files: Vec<_> = files.iter().map(|(name, text)| (PathBuf::from(name), text.clone().into_bytes())).collect();
    let (rules, faults) = RuleSet::read_files(&files, &resolve);
    assert!(!faults.has_errors(), "{}", faults.render(Language::En));
    Side {
        rules,
        written: written(&files),
        lists: lists.iter().map(|(name, text)| (*name, (*text).to_owned())).collect(),
    }
}

fn shown(old: &Side, new: &Side, json: bool) -> (String, u8) {
    let style = Style { json, language: Language::En, time_zone: TimeZone::UTC };
    let shown = shown::shown(&difference(old, new, &resolve, UNIX_EPOCH), &style);
    (shown.text, shown.exit_code)
}

fn one(rule: String) -> Side {
    side(&[("a.toml", rule)], &[])
}

#[test]
fn what_is_the_same_does_not_differ() {
    let both = || side(&[("a.toml", rule("R-1", HOLDS, "any_words = [\"boleto\"]", ""))], &[("mailboxes.toml", "")]);
    assert_eq!(shown(&both(), &both(), false), ("nothing differs\n".to_owned(), 0));
    // Comments and the order of keys say nothing.
    let text = rule("R-1", HOLDS, "any_words = [\"boleto\"]", "").replace("owner = \"o\"\n", "# why\n");
    let other = one(text.replace("ticket = \"t\"", "ticket = \"t\" # x\nowner = \"o\""));
    assert_eq!(shown(&both(), &other, false).1, 0);
}

#[test]
fn every_key_that_differs_is_told_and_what_it_does_to_the_examples() {
    let old = one(rule("R-1", OBSERVES, "any_words = [\"boleto\", \"fatura\"]", ""));
    let new = one(rule(
        "R-1",
        &format!("{HOLDS}\nstarts = 1969-01-01T00:00:00Z"),
        "any_words = [\"boleto\", \"cobrança\"]\nall_words = [\"vencido\"]",
        "[[rule.example]]\nsubject = \"cobrança vencido\"\nexpect = \"match\"\n",
    ));
    let expected = "\
~ R-1
    mode: observe → enforce
    starts: — → 1969-01-01T00:00:00Z
    match 1, all_words: + vencido
    match 1, any_words: − fatura, + cobrança
    example: + “cobrança vencido” match

examples that are decided otherwise: 2
    “boleto vencido”: no rule → held (R-1)
    “cobrança vencido”: no rule → held (R-1)
";
    assert_eq!(shown(&old, &new, false), (expected.to_owned(), 1));
    let lines: Vec<serde_json::Value> =
        shown(&old, &new, true).0.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["rule", "example", "example", "summary"]);
    assert_eq!(lines[0]["keys"][3]["removed"], serde_json::json!(["fatura"]));
    assert_eq!(lines[1]["new"], serde_json::json!({ "effect": "held", "rule": "R-1" }));
}

/// A block that moved is the same block; only what changed is compared.
#[test]
fn blocks_are_compared_wherever_they_stand() {
    let blocks = |first: &str, second: &str| {
        let more = format!("[[rule.match]]\n{second}\n");
        one(rule("R-1", OBSERVES, first, &more))
    };
    let (word, phrase, other) =
        ("all_words = [\"boleto\"]", "phrase = \"conta vencida\"", "phrase = \"conta atrasada\"");
    assert_eq!(shown(&blocks(word, phrase), &blocks(phrase, word), false).1, 0);
    let (text, _) = shown(&blocks(word, phrase), &blocks(other, word), false);
    assert_eq!(text, "~ R-1\n    match 1, phrase: conta vencida → conta atrasada\n");
}

#[test]
fn rules_that_came_and_went_are_named() {
    let old = one(rule("R-1", OBSERVES, "any_words = [\"boleto\"]", ""));
    let new = one(rule("R-2", OBSERVES, "any_words = [\"boleto\"]", ""));
    assert_eq!(shown(&old, &new, false), ("- R-1\n+ R-2\n".to_owned(), 1));
}

/// A file that is named otherwise is read at another place: nothing in the rules says so.
#[test]
fn an_order_that_matters_is_told_with_an_example_that_shows_it() {
    let tag = || {
        rule(
            "R-1",
            TAGS,
            "any_words = [\"boleto\"]",
            "[[rule.example]]\nsubject = \"boleto novo\"\nexpect = \"match\"\n",
        )
    };
    let hold = || {
        rule("R-2", HOLDS, "all_words = [\"vencido\"]", "[[rule.example]]\nsubject = \"vencido\"\nexpect = \"match\"\n")
    };
    let old = side(&[("a.toml", tag()), ("b.toml", hold())], &[]);
    let new = side(&[("c.toml", tag()), ("b.toml", hold())], &[]);
    let expected = "\
~ R-1
    file: a.toml → c.toml

examples that are decided otherwise: 1
    “boleto vencido”: tagged (R-1) → held (R-2)
order: R-2 stands before R-1 now, and both find “boleto vencido”
";
    assert_eq!(shown(&old, &new, false), (expected.to_owned(), 1));
    // Rules that have nothing in common may stand as they like.
    let apart = || rule("R-3", TAGS, "any_words = [\"multa\"]", "").replace("boleto vencido", "multa");
    let old = side(&[("a.toml", apart() + &tag())], &[]);
    let new = side(&[("a.toml", tag() + &apart())], &[]);
    assert_eq!(shown(&old, &new, false), ("nothing differs\n".to_owned(), 0));
}

#[test]
fn lists_are_told_by_name_and_nothing_in_them_but_names() {
    let rules = [("a.toml", rule("R-1", OBSERVES, "any_words = [\"boleto\"]", ""))];
    let blocked =
        |mailbox: &str, ticket: &str| format!("[[blocked]]\nmailbox = \"{mailbox}\"\nticket = \"{ticket}\"\n");
    let old = side(
        &rules,
        &[
            ("mailboxes.toml", &(blocked("ana", "1") + &blocked("ana", "2") + &blocked("rui", "3"))),
            (
                "applications.toml",
                "[[application]]\nid = \"pje\"\nlogin = \"a\"\npassword_hash = \"$argon2id$secret\"\n",
            ),
            ("directory.csv", "name;class\nx;y\nz;y\n"),
        ],
    );
    let new = side(
        &rules,
        &[
            ("mailboxes.toml", &(blocked("ana", "1") + &blocked("ana", "9") + &blocked("eva", "4"))),
            (
                "applications.toml",
                "[[application]]\nid = \"pje\"\nlogin = \"a\"\npassword_hash = \"$argon2id$other\"\n",
            ),
            ("directory.csv", "name;class\nx;w\nz;y\n"),
            ("antivirus.toml", "[contingency]\nmode = \"deliver\"\n"),
        ],
    );
    let (text, code) = shown(&old, &new, false);
    let expected = "\
antivirus.toml: 1 new, 0 gone, 0 changed
    + contingency
applications.toml: 0 new, 0 gone, 1 changed
    ~ pje
directory.csv: 0 new, 0 gone, 1 changed
    ~ x
mailboxes.toml: 1 new, 1 gone, 1 changed
    + eva
    - rui
    ~ ana (2)
";
    assert_eq!((text.as_str(), code), (expected, 1));
}

#[test]
fn nothing_of_a_rule_acts_on_the_terminal() {
    let bad = |word: &str| {
        one(rule("R-1", OBSERVES, "any_words = [\"boleto\"]", "").replace("\"d\"", &format!("\"{word}\"")))
    };
    for json in [false, true] {
        let (text, _) = shown(&bad("a\\u001b[2J"), &bad("b\\u202e"), json);
        assert!(!text.chars().any(|c| c != '\n' && crate::language::acts_or_hides(c)), "{text:?}");
    }
}
