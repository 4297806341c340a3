//! `portaria rules history`: the sets that were in force, what changed from one to the next, and their files.

use std::collections::BTreeSet;

use serde_json::json;

use super::visible;
use crate::{
    audit::account_name,
    cli::{
        Common, Exit,
        rendering::{Style, json_line},
        show,
        table::Table,
    },
    policy::rule::text_of,
    rule_history::{
        Archive, ArchiveFault, Cause, Change, Difference, Entry, FileEntry,
        lines::{self, Line},
    },
    text,
};

/// Changes that a row of the table names; the others are counted.
const NAMED: usize = 4;

/// Every set, newest first; or the files of one, or how they differ from the set before.
pub(in crate::cli) fn history(common: &mut Common, wanted: Option<&str>, diff: bool) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    let archive = match Archive::read(&settings.gateway.data_dir) {
        Ok(archive) => archive,
        Err(fault) => return refuse(&style, &fault),
    };
    let shown = match wanted {
        None => listed(&archive, &style),
        Some(name) => {
            let Some(entry) = archive.find(name) else { return unknown(&style, name) };
            if diff { differing(&archive, entry, &style) } else { whole(&archive, entry, &style) }
        }
    };
    match shown {
        Ok(text) => show(&text, 0),
        Err(fault) => refuse(&style, &fault),
    }
}

fn refuse(style: &Style, fault: &ArchiveFault) -> Exit {
    let fault = visible(&fault.to_string());
    let told = text!(
        "{fault}; run this as the gateway's own user, or with sudo",
        "{fault}; rode como o usuário da Portaria, ou com sudo"
    );
    eprintln!("{}", style.say(&told));
    Exit::Faults
}

/// No such set is kept.
pub(super) fn unknown(style: &Style, name: &str) -> Exit {
    let name = visible(name);
    let told = text!(
        "{name} is no set of the history: `portaria rules history` lists them",
        "{name} não é um conjunto do histórico: `portaria rules history` os lista"
    );
    eprintln!("{}", style.say(&told));
    Exit::Faults
}

fn listed(archive: &Archive, style: &Style) -> Result<String, ArchiveFault> {
    let mut rows = Vec::new();
    for (nth, entry) in archive.entries().iter().enumerate() {
        rows.push((entry, nth == 0, archive.difference(archive.before(entry), entry)?));
    }
    if style.json {
        let line = |(entry, newest, difference): &(&Entry, bool, Difference)| {
            let mut object = object(entry, style);
            object.insert("newest".to_owned(), (*newest).into());
            object.insert("changes".to_owned(), changes(difference).map(row).collect());
            json_line(&object)
        };
        return Ok(rows.iter().map(line).collect());
    }
    if rows.is_empty() {
        let none = text!(
            "no set was kept yet: the gateway keeps each that comes into force",
            "nenhum conjunto foi guardado ainda: a Portaria guarda cada um que entra em vigor"
        );
        return Ok(style.say(&none).to_owned() + "\n");
    }
    let headings = [
        text!("number", "número"),
        text!("version", "versão"),
        text!("in force since", "em vigor desde"),
        text!("by", "por"),
        text!("rules", "regras"),
        text!("changed", "mudou"),
    ];
    let mut table = Table::new(headings.iter().map(|heading| style.say(heading).to_owned()));
    let oldest = archive.entries().last().map(|entry| entry.number);
    for (entry, newest, difference) in &rows {
        let mark = if *newest { " *" } else { "" };
        // Nobody knows what was before the first, and not how the oldest differs from one that is no longer kept.
        let changed = if Some(entry.number) == oldest { String::new() } else { in_words(difference, style) };
        table.row([
            format!("{}{mark}", entry.number),
            visible(&entry.policy),
            style.time(entry.at),
            style.say(&cause(entry.cause)).to_owned(),
            entry.rules.to_string(),
            changed,
        ]);
    }
    let legend = text!(
        "* in force, or the last one that was before the gateway stopped",
        "* em vigor, ou o último que esteve antes de a Portaria parar"
    );
    Ok(table.render() + style.say(&legend) + "\n")
}

/// By what a set came into force.
fn cause(cause: Cause) -> crate::language::Text {
    match cause {
        Cause::Start => text!("start", "início"),
        Cause::Signal => text!("signal", "sinal"),
        Cause::Command => text!("command", "comando"),
        Cause::Folder => text!("folder", "pasta"),
        Cause::Rollback => text!("rollback", "volta"),
    }
}

fn object(entry: &Entry, style: &Style) -> serde_json::Map<String, serde_json::Value> {
    let file = |file: &FileEntry| {
        json!({ "name": file.name, "sha256": file.sha256, "size": file.size, "owner": file.owner,
                "written": style.rfc3339(file.written) })
    };
    let files: Vec<_> = entry.files.iter().map(file).collect();
    let pairs = [
        ("number", json!(entry.number)),
        ("version", json!(entry.policy)),
        ("since", json!(style.rfc3339(entry.at))),
        ("by", json!(entry.cause.name())),
        ("rules", json!(entry.rules)),
        ("scanner_rules", json!(entry.scanner_rules)),
        ("files", json!(files)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Files first, then rules and entries of lists.
pub(super) fn changes(difference: &Difference) -> impl Iterator<Item = &Change> {
    difference.files.iter().chain(&difference.entries)
}

/// For `--json`.
pub(super) fn row(change: &Change) -> serde_json::Value {
    json!({ "what": change.what, "name": change.name, "change": change.kind.name() })
}

/// Rules and entries by name, then the files that have none of them: `+rule A, ~yara/x.yar`.
fn in_words(difference: &Difference, style: &Style) -> String {
    let one = |change: &Change| {
        let named =
            if change.what == "file" { change.name.clone() } else { format!("{} {}", change.what, change.name) };
        format!("{}{}", change.kind.sign(), visible(named.trim_end()))
    };
    let speaking: Vec<&Change> = difference
        .entries
        .iter()
        .chain(difference.files.iter().filter(|file| difference.entries.is_empty() || !file.name.ends_with(".toml")))
        .collect();
    if speaking.is_empty() {
        // Other settings in portaria.toml, or the same set again.
        return style.say(&text!("no file", "nenhum arquivo")).to_owned();
    }
    let mut words: Vec<String> = speaking.iter().take(NAMED).map(|change| one(change)).collect();
    let more = speaking.len().saturating_sub(NAMED);
    if more > 0 {
        words.push(style.say(&text!("and {more} more", "e mais {more}")).to_owned());
    }
    words.join(", ")
}

fn whole(archive: &Archive, entry: &Entry, style: &Style) -> Result<String, ArchiveFault> {
    let mut out = if style.json { String::new() } else { heading(entry, style) };
    for file in &entry.files {
        let text = readable(&file.name, &archive.content(entry, file)?);
        if style.json {
            out += &json_line(&json!({ "file": file.name, "owner": file.owner, "written": style.rfc3339(file.written),
                                       "text": text }));
            continue;
        }
        out += &format!("── {} ({}, {})\n", visible(&file.name), account(file.owner), style.time(file.written));
        out.extend(text.lines().map(|line| visible(line) + "\n"));
        out.push('\n');
    }
    Ok(out)
}

fn heading(entry: &Entry, style: &Style) -> String {
    let (number, version, since) = (entry.number, visible(&entry.policy), style.time(entry.at));
    let crate::language::Text { en: by, pt: por } = cause(entry.cause);
    let told = text!(
        "number {number}, version {version}, in force since {since} ({by})",
        "número {number}, versão {version}, em vigor desde {since} ({por})"
    );
    style.say(&told).to_owned() + "\n\n"
}

fn differing(archive: &Archive, entry: &Entry, style: &Style) -> Result<String, ArchiveFault> {
    let Some(before) = archive.before(entry) else {
        let none = text!("the oldest that is kept: there is none before it", "o mais antigo guardado: não há anterior");
        return Ok(if style.json { String::new() } else { style.say(&none).to_owned() + "\n" });
    };
    let difference = archive.difference(Some(before), entry)?;
    let mut out = if style.json { String::new() } else { heading(entry, style) };
    for change in &difference.files {
        let text = |entry: &Entry| match entry.file(&change.name) {
            Some(file) => archive.content(entry, file).map(|octets| readable(&change.name, &octets)),
            None => Ok(String::new()),
        };
        let (old, new) = (text(before)?, text(entry)?);
        let lines = lines::changed(&old, &new);
        if style.json {
            let line = |line: &Line<'_>| match line {
                Line::Old(number, text) => json!({ "old": number, "text": text }),
                Line::New(number, text) => json!({ "new": number, "text": text }),
            };
            let lines: Vec<_> = lines.iter().map(line).collect();
            out += &json_line(&json!({ "file": change.name, "change": change.kind.name(), "lines": lines }));
            continue;
        }
        out += &format!("── {}{}\n", change.kind.sign(), visible(&change.name));
        for line in lines {
            let (sign, number, text) = match line {
                Line::Old(number, text) => ('-', number, text),
                Line::New(number, text) => ('+', number, text),
            };
            out += &format!("{sign}{number:>4} {}\n", visible(text));
        }
        out.push('\n');
    }
    Ok(out)
}

/// A file as text; the hashes of passwords are not for a screen.
fn readable(name: &str, octets: &[u8]) -> String {
    let text =
        text_of(std::path::Path::new(name), octets).unwrap_or_else(|_| String::from_utf8_lossy(octets).into_owned());
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.split_once("$argon2") {
            Some((before, rest)) => {
                let end = rest.find(['"', '\'', '\n']).unwrap_or(rest.len());
                out += &format!("{before}$…{}", rest.get(end..).unwrap_or_default());
            }
            None => out += line,
        }
    }
    out
}

/// The user's name where this machine knows it, or the number.
fn account(owner: u32) -> String {
    account_name(owner)
}

/// The hashes of all contents that are kept: a rollback must not lose what is in none of them.
pub(super) fn kept_contents(archive: &Archive) -> BTreeSet<&str> {
    archive.entries().iter().flat_map(|entry| &entry.files).map(|file| file.sha256.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{language::Language, rule_history::Kind};

    #[test]
    fn the_hash_of_a_password_is_not_shown() {
        let file = b"[[application]]\nid = \"x\"\npassword_hash = \"$argon2id$v=19$m=1$c2Fs$aGFzaA\" # why\nlast = '$argon2id$x'\n";
        let shown = readable("applications.toml", file);
        let expected = "[[application]]\nid = \"x\"\npassword_hash = \"$…\" # why\nlast = '$…'\n";
        assert_eq!(shown, expected);
        assert_eq!(readable("x", b"a = \"$argon2id$cut"), "a = \"$…", "nor of a file that is cut off");
        assert_eq!(readable("x.yar", b"\xff\xfe"), "\u{fffd}\u{fffd}".to_owned());
    }

    #[test]
    fn what_changed_is_told_in_a_few_words() {
        let change = |what: &str, name: &str, kind| Change { what: what.into(), name: name.into(), kind };
        let style = Style { json: false, language: Language::En, time_zone: jiff::tz::TimeZone::UTC };
        let told = |files: &[Change], entries: &[Change]| {
            in_words(&Difference { files: files.to_vec(), entries: entries.to_vec() }, &style)
        };
        let file = |name: &str| change("file", name, Kind::Changed);
        assert_eq!(told(&[], &[]), "no file");
        assert_eq!(told(&[file("subjects/a.toml")], &[]), "~subjects/a.toml", "its comments");
        let rule = change("rule", "R-1\u{1b}", Kind::Added);
        let both = told(&[file("subjects/a.toml"), file("yara/x.yar")], std::slice::from_ref(&rule));
        assert_eq!(both, "+rule R-1\\u{1b}, ~yara/x.yar", "a file is told of where no entry of it is");
        let order = change("contingency", "", Kind::Removed);
        assert_eq!(told(&[file("antivirus.toml")], &[order]), "-contingency");
        assert_eq!(told(&[], &vec![rule; 9]).matches("rule").count(), NAMED);
        assert!(told(&[], &vec![file("x"); 9]).ends_with(", and 5 more"));
    }
}
