//! The shipped rules and the page that explains them: each rule's own examples are its tests.
#![expect(clippy::disallowed_methods, reason = "a test reads the shipped files")]

use std::path::{Path, PathBuf};

use portaria::{
    document::Faults,
    language::Language,
    policy::{
        directory::{Directory, MailboxKey, ServedDomain, class::Classes},
        route::NextHopName,
        rule::RuleSet,
    },
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

/// No domain is served: shipped rules must load whatever domains the reader serves.
fn no_mailbox(_: &str) -> Option<MailboxKey> {
    None
}

fn in_order(faults: &Faults) {
    assert_eq!(faults.render(Language::En), "");
}

#[test]
fn every_shipped_rule_is_in_order_and_none_acts_before_somebody_says_so() {
    let files: Vec<_> = std::fs::read_dir(folder().join("subjects"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    let (set, faults) = RuleSet::read_files(&files, &no_mailbox);
    in_order(&faults);
    assert!(set.len() >= files.len() && files.len() >= 3, "{} rules", set.len());
    for rule in set.rules() {
        assert_ne!(rule.mode().name(), "enforce", "{}", rule.id());
        assert!(rule.examples() >= 2, "{}", rule.id());
    }
}

#[test]
fn the_blocked_mailbox_list_is_shipped_empty() {
    let list = std::fs::read_to_string(folder().join("mailboxes.toml")).unwrap();
    assert!(list.contains("[[blocked]]") && list.lines().all(|line| line.starts_with('#')), "{list}");
}

#[test]
fn the_rules_on_the_page_are_in_order() {
    let page = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let blocks: Vec<_> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.starts_with("[[rule]]"))
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let resolve = |address: &str| address.ends_with("@tjpa.jus.br").then(|| MailboxKey(address.to_owned()));
        let (set, faults) = RuleSet::read(&[("README.md".into(), block.to_owned())], &resolve);
        in_order(&faults);
        assert_eq!(set.len(), 1);
    }
}

/// The two ways to write a directory are the same one, and its mailboxes are of classes that the table on the page knows.
#[test]
fn the_directories_on_the_page_are_in_order_and_the_same() {
    let domain = ServedDomain {
        name: "tjepa.jus.br".to_owned(),
        aliases: vec!["tjpa.jus.br".to_owned()],
        next_hop: "mailbox".into(),
    };
    let served = Directory::new(vec![domain], []).unwrap().with_next_hops(["mailbox2"].map(NextHopName::from));
    let page = std::fs::read_to_string(folder().join("directory.md")).unwrap();
    let samples = |language: &str| -> Vec<String> {
        let behind = format!("```{language}\n");
        page.split(&behind).skip(1).filter_map(|rest| rest.split("```").next().map(str::to_owned)).collect()
    };
    let [toml, classes]: [String; 2] = samples("toml").try_into().unwrap();
    let [csv]: [String; 1] = samples("csv").try_into().unwrap();
    let (classes, faults) = Classes::read(Path::new("classes.toml"), &classes, &served);
    in_order(&faults);
    let read = |file: &str, text: &String| {
        let (directory, faults) = served.clone().with_entries(Path::new(file), text);
        in_order(&faults);
        let mut entries = directory.entries().unwrap().all().to_vec();
        entries.iter_mut().for_each(|entry| entry.line = 0);
        entries
    };
    let entries = read("directory.toml", &toml);
    assert_eq!(entries, read("directory.csv", &csv));
    assert_eq!(entries.len(), 3);
    let all = portaria::policy::directory::norm::classes_of(&entries);
    assert!(all.keys().all(|class| classes.named(class).is_some()), "{all:?}");
}
