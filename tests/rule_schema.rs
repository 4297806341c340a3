//! The schemas for editors say what the readers of the files say: the same keys in the same tables, the same ones required, the same
//! values of closed lists. The validator here knows the words that the schemas use, and no other.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test reads the schemas and the shipped rules, and fails where they are not as it thinks"
)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use portaria::{
    document::Faults,
    language::Language,
    policy::{
        blocked_mailbox::BlockedMailboxes,
        directory::{Directory, MailboxKey, ServedDomain},
        rule::RuleSet,
    },
};
use serde_json::{Value, json};

const RULE: &str = "[[rule]]\nid = \"T-1\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"off\"\n\
                    starts = 2026-11-20T00:00:00-03:00\nexpires = 2026-12-20T23:59:59-03:00\nscope = [\"relay\"]\n\
                    [rule.fold]\ncase = true\n[[rule.match]]\nall_words = [\"boleto\", \"vencido\"]\n\
                    [rule.except]\nlist = [\"avisos.example\"]\n\
                    [rule.action]\nkind = \"quarantine\"\nreply = \"Retida ({id})\"\n\
                    [[rule.example]]\nsubject = \"boleto vencido\"\nexpect = \"match\"\n\
                    [[rule.example]]\nsubject = \"boleto vencido\"\nexpect = \"no match\"\nlist = \"avisos.example\"\n";

const BLOCKED: &str = "[[blocked]]\nmailbox = \"fulano.tal\"\ndirection = \"send\"\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n\
                       starts = 2026-11-21T08:00:00-03:00\nexpires = 2026-12-21T08:00:00-03:00\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(name)).unwrap()).unwrap()
}

fn rules(source: &str) -> Faults {
    let resolve = |address: &str| address.ends_with("@tjpa.jus.br").then(|| MailboxKey(address.to_owned()));
    RuleSet::read(&[("r.toml".into(), source.to_owned())], &resolve).1
}

fn blocked(source: &str) -> Faults {
    let domain = ServedDomain { name: "tjpa.jus.br".to_owned(), aliases: vec![], next_hop: "mailbox".into() };
    let directory = Directory::new(vec![domain], []).unwrap();
    BlockedMailboxes::read(Path::new("m.toml"), source, &directory, UNIX_EPOCH).1
}

/// TOML as editors hand it to a schema: dates are texts.
fn as_json(source: &str) -> Value {
    fn convert(value: toml::Value) -> Value {
        match value {
            toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, convert(value))).collect(),
            toml::Value::Array(array) => array.into_iter().map(convert).collect(),
            toml::Value::Datetime(date) => json!(date.to_string()),
            toml::Value::String(text) => json!(text),
            toml::Value::Integer(number) => json!(number),
            toml::Value::Float(number) => json!(number),
            toml::Value::Boolean(value) => json!(value),
        }
    }
    convert(toml::Value::Table(source.parse().unwrap()))
}

/// Each expression is compiled once: that takes most of the time.
fn is_like(text: &str, pattern: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, regex::Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        let new = || regex::Regex::new(pattern).unwrap();
        compiled.entry(pattern.to_owned()).or_insert_with(new).is_match(text)
    })
}

/// What is wrong with `value`, each with its path. Words that this does not know are a failure of the test.
fn faults_of(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut say = |what: String| faults.push(format!("{path}: {what}"));
    let mut inner = Vec::new();
    for (word, argument) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "title" | "description" | "definitions" => {}
            "$ref" => {
                let there = root.pointer(argument.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                inner.extend(faults_of(root, there, value, path));
            }
            "type" => {
                let right = match argument.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    other => panic!("the type {other}"),
                };
                if !right {
                    say(format!("no {argument}"));
                }
            }
            "enum" if !argument.as_array().unwrap().contains(value) => say("none of the list".to_owned()),
            "format" => {
                assert_eq!(argument, "date-time");
                let text = value.as_str().unwrap_or_default();
                if !text.parse::<toml::value::Datetime>().is_ok_and(|date| date.offset.is_some()) {
                    say("no moment".to_owned());
                }
            }
            "pattern" => {
                let pattern = argument.as_str().unwrap();
                if value.as_str().is_some_and(|text| !is_like(text, pattern)) {
                    say(format!("not like {pattern}"));
                }
            }
            "maxLength" => {
                let most = usize::try_from(argument.as_u64().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| text.chars().count() > most) {
                    say("too long".to_owned());
                }
            }
            "minItems" | "minProperties" => {
                let least = usize::try_from(argument.as_u64().unwrap()).unwrap();
                let count = value.as_array().map(Vec::len).or(value.as_object().map(serde_json::Map::len));
                if count.is_some_and(|count| count < least) {
                    say("too few".to_owned());
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    inner.extend(faults_of(root, argument, item, &format!("{path}[{at}]")));
                }
            }
            "required" => {
                for key in argument.as_array().unwrap().iter().map(|key| key.as_str().unwrap()) {
                    if value.as_object().is_some_and(|table| !table.contains_key(key)) {
                        say(format!("no {key}"));
                    }
                }
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = argument.get(key) {
                        inner.extend(faults_of(root, schema, item, &format!("{path}.{key}")));
                    }
                }
            }
            "additionalProperties" => {
                assert_eq!(argument, &json!(false));
                for key in value.as_object().into_iter().flat_map(|table| table.keys()) {
                    if schema["properties"].get(key).is_none() {
                        say(format!("unknown {key}"));
                    }
                }
            }
            "enum" => {}
            other => panic!("the schema uses {other}, which this validator does not know"),
        }
    }
    faults.extend(inner);
    faults
}

fn validate(name: &str, source: &str) -> Vec<String> {
    let schema = schema(name);
    faults_of(&schema, &schema, &as_json(source), "")
}

/// An unknown key in a table makes the reader list the keys that it knows there.
fn known_keys(read: fn(&str) -> Faults, source: &str, head: &str) -> BTreeSet<String> {
    let with = if head.is_empty() {
        format!("zzzzzzzzzzzzzzzzzzzz = 1\n{source}")
    } else {
        assert!(source.contains(head), "{head}");
        source.replacen(head, &format!("{head}\nzzzzzzzzzzzzzzzzzzzz = 1"), 1)
    };
    let faults = read(&with);
    let fault = faults.0.iter().find(|fault| fault.what.en.contains("unknown key `zzzz")).unwrap();
    let listed = &fault.help.as_ref().unwrap().en;
    listed.strip_prefix("known here: ").unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schemas_know_the_keys_that_the_readers_know_and_no_other() {
    let (rule, mailboxes) = (schema("rule.schema.json"), schema("mailboxes.schema.json"));
    let keys = |schema: &Value, place: &str| -> BTreeSet<String> {
        let table = schema.pointer(place).unwrap();
        assert_eq!(table["additionalProperties"], json!(false), "{place}");
        table["properties"].as_object().unwrap().keys().cloned().collect()
    };
    for (head, place) in [
        ("", ""),
        ("[[rule]]", "/definitions/rule"),
        ("[rule.fold]", "/definitions/fold"),
        ("[[rule.match]]", "/definitions/match"),
        ("[rule.except]", "/definitions/except"),
        ("[rule.action]", "/definitions/action"),
        ("[[rule.example]]", "/definitions/example"),
    ] {
        assert_eq!(keys(&rule, place), known_keys(rules, RULE, head), "{head}");
    }
    assert_eq!(keys(&mailboxes, ""), known_keys(blocked, BLOCKED, ""));
    assert_eq!(keys(&mailboxes, "/definitions/blocked"), known_keys(blocked, BLOCKED, "[[blocked]]"));
}

#[test]
fn what_is_shipped_validates_and_names_its_schema() {
    for entry in fs::read_dir(folder().join("subjects")).unwrap() {
        let file = entry.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(validate("rule.schema.json", &text), Vec::<String>::new(), "{}", file.display());
        let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap();
        assert!(file.parent().unwrap().join(named).exists(), "{named}");
    }
    let list = fs::read_to_string(folder().join("mailboxes.toml")).unwrap();
    assert!(folder().join(list.lines().next().unwrap().strip_prefix("#:schema ").unwrap()).exists());
    let sample: String = list
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.contains(" = ") || line.starts_with('['))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(sample.contains("direction"), "{sample}");
    assert_eq!(validate("mailboxes.schema.json", &sample), Vec::<String>::new(), "{sample}");
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let sample = page.split("```toml\n").find(|rest| rest.contains("[[rule]]")).unwrap().split("```").next().unwrap();
    assert_eq!(validate("rule.schema.json", sample), Vec::<String>::new());
}

/// What the schema refuses the reader refuses, and what the reader takes the schema takes.
#[test]
fn schema_and_reader_refuse_the_same_shapes() {
    assert_eq!(rules(RULE).render(Language::En), "");
    assert_eq!(validate("rule.schema.json", RULE), Vec::<String>::new());
    assert_eq!(blocked(BLOCKED).render(Language::En), "");
    assert_eq!(validate("mailboxes.schema.json", BLOCKED), Vec::<String>::new());
    // Each line away: the two agree on whether it may be missing.
    for (source, read, name) in
        [(RULE, rules as fn(&str) -> Faults, "rule.schema.json"), (BLOCKED, blocked, "mailboxes.schema.json")]
    {
        for line in source.lines().filter(|line| line.contains('=')) {
            let without = source.replacen(&format!("{line}\n"), "", 1);
            // An exception without its line is no fault of shape, but of the examples; nor is a match that has none left.
            if ["list = ", "subject = "].iter().any(|key| line.starts_with(key)) {
                continue;
            }
            assert_eq!(read(&without).has_errors(), !validate(name, &without).is_empty(), "without {line}");
        }
    }
    for (from, bad) in [
        ("\"T-1\"", "\"T 1\""),
        ("\"T-1\"", "\"\""),
        ("\"off\"", "\"ativo\""),
        ("\"d\"", "\"  \""),
        ("\"d\"", "1"),
        ("2026-12-20T23:59:59-03:00", "2026-12-20"),
        ("2026-12-20T23:59:59-03:00", "2026-12-20T23:59:59"),
        ("[\"relay\"]", "[]"),
        ("[\"relay\"]", "[\"outbound\"]"),
        ("case = true", "case = 1"),
        ("case = true", "prefixes = [\" \"]"),
        ("all_words = [\"boleto\", \"vencido\"]", ""),
        ("all_words = [\"boleto\", \"vencido\"]", "all_words = []"),
        ("all_words = [\"boleto\", \"vencido\"]", "all_words = \"boleto\""),
        ("\"quarantine\"", "\"discard\""),
        ("\"Retida ({id})\"", "\"Dúvidas\""),
        ("\"Retida ({id})\"", "\" \""),
        ("\"no match\"", "\"nao casa\""),
        ("kind =", "knd ="),
    ] {
        let source = RULE.replacen(from, bad, 1);
        assert_ne!(source, RULE, "{from}");
        assert!(rules(&source).has_errors(), "the reader takes {bad}");
        assert!(!validate("rule.schema.json", &source).is_empty(), "the schema takes {bad}");
    }
    for mode in ["off", "observe", "enforce"] {
        for kind in ["observe", "tag", "quarantine", "reject"] {
            for scope in ["relay", "application", "submission"] {
                let source = RULE
                    .replace("\"off\"", &format!("\"{mode}\""))
                    .replace("\"quarantine\"", &format!("\"{kind}\""))
                    .replace("\"relay\"", &format!("\"{scope}\""));
                assert!(!rules(&source).has_errors(), "{source}");
                assert!(validate("rule.schema.json", &source).is_empty(), "{source}");
            }
        }
    }
}
