//! A rule with an example for each block and each word of `any_words` is hard to misspell without being told: a thousand times one
//! letter of a pattern is changed, and the checker must refuse the file nearly always.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads the shipped rules and the page")]

use std::{fs, path::Path};

use portaria::{
    document::Faults,
    language::Language,
    policy::{directory::MailboxKey, rule::RuleSet},
};

const MUTATIONS: usize = 1_000;

/// Of a hundred, so many must be refused.
const CAUGHT: usize = 95;

const SEED: u64 = 20_261_122;

/// xorshift64*: the same mutations in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % bound
    }
}

fn check(source: &str) -> Faults {
    let resolve = |address: &str| address.ends_with("@tjpa.jus.br").then(|| MailboxKey(address.to_owned()));
    RuleSet::read(&[("r.toml".into(), source.to_owned())], &resolve).1
}

/// The shipped rules and the one on the page, each rule a text of its own.
fn rules() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts: Vec<String> = fs::read_dir(root.join("rules/subjects"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let page = fs::read_to_string(root.join("rules/README.md")).unwrap();
    texts.push(page.split("```toml\n[[rule]]").nth(1).unwrap().split("```").next().unwrap().to_owned());
    texts.push(fs::read_to_string(root.join("src/cli/demo/files/subjects.toml")).unwrap());
    texts.sort();
    let split = |text: String| {
        let rules =
            if text.contains("[[rule]]") { text.split("[[rule]]").skip(1).collect() } else { vec![text.as_str()] };
        rules.into_iter().map(|rule| format!("[[rule]]{rule}")).collect::<Vec<_>>()
    };
    texts.into_iter().flat_map(split).collect()
}

/// Where the letters of the patterns stand. What stands behind a backslash in an expression is no letter.
fn letters(source: &str) -> Vec<usize> {
    let keys = ["all_words", "any_words", "phrase", "wildcard", "regex", "words"];
    let mut places = Vec::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let key = line.split('=').next().unwrap().trim();
        if keys.contains(&key) {
            let (mut quote, mut before) = (None, ' ');
            for (offset, c) in line.char_indices() {
                match (c, quote) {
                    ('"' | '\'', None) => quote = Some(c),
                    (c, Some(open)) if c == open => quote = None,
                    ('#', None) => break,
                    (c, Some(_)) if c.is_alphabetic() && before != '\\' => places.push(at + offset),
                    _ => {}
                }
                before = c;
            }
        }
        at += line.len();
    }
    places
}

#[test]
fn a_letter_that_is_wrong_is_found_by_the_examples() {
    let rules = rules();
    let mut places = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        assert_eq!(check(rule).render(Language::En), "", "only rules in order are tried:\n{rule}");
        places.extend(letters(rule).into_iter().map(|at| (number, at)));
    }
    assert!(rules.len() > 6 && places.len() > 400, "{} letters of {} rules", places.len(), rules.len());
    let mut chance = Chance(SEED);
    let mut survivors = Vec::new();
    for _ in 0..MUTATIONS {
        let (number, at) = places[chance.below(places.len())];
        let rule = &rules[number];
        let old = rule[at..].chars().next().unwrap();
        let new = loop {
            let new = char::from(b"abcdefghijklmnopqrstuvwxyz"[chance.below(26)]);
            // What folding makes equal is no change.
            if portaria::message::subject::Fold::default().pattern(&old.to_string()) != new.to_string() {
                break new;
            }
        };
        let (before, behind) = (&rule[..at], &rule[at + old.len_utf8()..]);
        if !check(&format!("{before}{new}{behind}")).has_errors() {
            let line = rule[..at].lines().count();
            survivors.push(format!("`{old}` to `{new}` in {}", rule.lines().nth(line - 1).unwrap().trim()));
        }
    }
    let caught = MUTATIONS - survivors.len();
    println!("seed {SEED}: {caught} of {MUTATIONS} changed letters are refused; not these:\n{}", survivors.join("\n"));
    assert!(
        caught * 100 >= MUTATIONS * CAUGHT,
        "{caught} of {MUTATIONS} with the seed {SEED}:\n{}",
        survivors.join("\n")
    );
}

/// Why the checker asks for an example for each word: a wrong letter in one that none tries is seen by nobody.
#[test]
fn a_word_that_no_example_tries_may_be_wrong_and_is_told_of() {
    let rule = |words: &str| {
        format!(
            "[[rule]]\nid = \"T-1\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"enforce\"\naction.kind = \"tag\"\n\
             [[rule.match]]\nall_words = [\"boleto\"]\nany_words = [{words}]\n\
             [[rule.example]]\nsubject = \"boleto vencido\"\nexpect = \"match\"\n\
             [[rule.example]]\nsubject = \"boleto\"\nexpect = \"no match\"\n"
        )
    };
    for words in ["\"vencido\", \"protesto\"", "\"vencido\", \"protexto\""] {
        let faults = check(&rule(words));
        assert!(!faults.has_errors());
        let codes: Vec<_> = faults.0.iter().filter_map(|fault| fault.code()).collect();
        assert_eq!(codes, ["A20"], "{}", faults.render(Language::En));
    }
    assert!(check(&rule("\"vencixo\", \"protesto\"")).has_errors());
}
