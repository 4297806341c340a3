//! `policy::directory`: any text is read as TOML and as CSV, its faults stand in it; whose an address is, is what a linear search of
//! the entries finds, and what one format says, the other says too.

use std::path::Path;

use portaria::policy::{
    directory::{Directory, Entry, Kind, MailboxKey, ServedDomain},
    route::NextHopName,
};
use portaria::smtp::path::Mailbox;

use crate::places::check_faults;

/// The octets are a directory: CSV behind a line `csv`, else TOML.
pub fn directory_file(data: &[u8]) {
    let (file, text) = match data.strip_prefix(b"csv\n") {
        Some(text) => ("directory.csv", text),
        None => ("directory.toml", data),
    };
    let source = String::from_utf8_lossy(text).into_owned();
    let (directory, faults) = served().with_entries(Path::new(file), &source);
    check_faults(&faults, &source);
    if faults.has_errors() {
        return;
    }
    let entries = directory.entries().expect("there is a directory").all();
    assert!(!entries.is_empty(), "a directory of nobody is taken");
    for (nth, entry) in entries.iter().enumerate() {
        check_entry(&directory, entries, nth, entry, source.split('\n').count());
    }
    written_anew(entries, &directory);
}

fn served() -> Directory {
    let domain = |name: &str, aliases: &[&str]| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        next_hop: "one".into(),
    };
    let domains = vec![domain("a.example", &["alias.example"]), domain("b.example", &[])];
    let names = ["one", "two"].map(NextHopName::from);
    Directory::new(domains, ["abuse"]).expect("two domains").with_next_hops(names)
}

/// Each of its addresses names it, and no other entry has the same key.
fn check_entry(directory: &Directory, entries: &[Entry], nth: usize, entry: &Entry, lines: usize) {
    assert!((1..=lines).contains(&entry.line), "line {} of {lines}", entry.line);
    assert_eq!(entries.iter().position(|other| other.key == entry.key), Some(nth), "{entry:?} stands twice");
    assert_eq!(directory.entry_of(&entry.key), Some(entry));
    for (place, written) in entry.addresses.iter().enumerate() {
        let mailbox = Mailbox::parse(written.trim_end_matches('.')).expect("it was taken for an address");
        match directory.look_up(&mailbox) {
            Some(named) => {
                assert_eq!((&named.key, named.entry, named.is_unknown), (&entry.key, Some(entry), false), "{written}");
            }
            None => assert!(place > 0, "{written} is the primary address, and in no served domain"),
        }
    }
    if let Kind::List { internal_senders_only: true } = entry.kind {
        assert!(!directory.is_always_reachable(&entry.key), "{entry:?} shuts out whom nobody may");
    }
    assert!(entry.next_hop.as_ref().is_none_or(|name| ["one", "two"].contains(&&*name.0)), "{entry:?}");
}

/// The same entries, written as TOML by us, are the same directory.
fn written_anew(entries: &[Entry], directory: &Directory) {
    let mut toml = String::new();
    for entry in entries {
        let quoted = |text: &str| format!("{text:?}");
        let addresses: Vec<String> = entry.addresses.iter().skip(1).map(|it| quoted(it)).collect();
        let primary = quoted(entry.addresses.first().expect("the primary one"));
        match &entry.kind {
            Kind::Mailbox { name, class } => {
                toml +=
                    &format!("[[mailbox]]\nname = {}\nclass = {}\nprimary = {primary}\n", quoted(name), quoted(class));
                toml += &format!("addresses = [{}]\n", addresses.join(", "));
                toml += &entry.next_hop.as_ref().map_or(String::new(), |name| format!("next_hop = {:?}\n", &*name.0));
            }
            Kind::List { internal_senders_only } => {
                toml += &format!("[[list]]\naddress = {primary}\ninternal_senders_only = {internal_senders_only}\n");
            }
        }
    }
    // Where Rust and TOML do not escape alike.
    if toml.contains("\\u{") || toml.contains("\\0") {
        return;
    }
    let (again, faults) = served().with_entries(Path::new("directory.toml"), &toml);
    assert!(!faults.has_errors(), "{toml}\n{faults:?}");
    let keys = |directory: &Directory| -> Vec<MailboxKey> {
        let mut keys: Vec<_> =
            directory.entries().expect("entries").all().iter().map(|entry| entry.key.clone()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&again), keys(directory));
}
