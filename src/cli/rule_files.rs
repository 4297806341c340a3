//! `portaria rules check | test`: reads what they are about.
#![expect(clippy::disallowed_methods, reason = "a command reads the files that it is given")]

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _},
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use super::{
    Common, Exit,
    rules::{self, Form, mail},
};
use crate::{
    alert::Kind,
    config,
    document::{Colours, Faults},
    door::gateway::now,
    message::{facts, header_section::HeaderReader, subject::Subject},
    policy::{
        directory::{Directory, MailboxKey},
        rule::{Facts, Resolve, RuleSet, Scope},
    },
    smtp::path::{Mailbox, ReversePath},
    text,
};

/// What `rules test` is to try.
pub(super) struct Trial {
    pub subjects: Vec<String>,
    pub message: Option<PathBuf>,
    pub sender: Option<String>,
    pub recipients: Vec<String>,
    pub lists: Vec<String>,
    pub client: Option<IpAddr>,
}

pub(super) fn check(common: &mut Common, files: &[PathBuf]) -> Exit {
    let at = now().wall;
    let colours = colours();
    let checked = |common: &Common, read: &[(PathBuf, Vec<u8>)], unreadable: Faults, resolve: Resolve<'_>| {
        let form = Form { json: common.json, language: common.language };
        let files = rules::Files { read, unreadable };
        let shown = rules::check(files, resolve, at, &own_subjects(), form, colours);
        super::show(&shown.text, shown.exit_code)
    };
    if files.is_empty() {
        let Some(settings) = common.settings() else { return Exit::Faults };
        let (read, mut unreadable) = config::rule_octets(&settings.gateway.rules_dir);
        let (directory, found) = config::load_directory(&settings);
        unreadable.append(found);
        return checked(common, &read, unreadable, &|address| directory.resolve(address));
    }
    let (read, unreadable) = config::octets_of(files);
    // Without a configuration nobody knows the aliases of an address: it stands for itself.
    checked(common, &read, unreadable, &|address| Mailbox::parse(address).map(|_| MailboxKey(address.to_lowercase())))
}

/// Colours are for a terminal, and for whoever did not turn them off (no-color.org).
fn colours() -> Colours {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && io::stdout().is_terminal() { Colours::On } else { Colours::Off }
}

/// The subjects of our own alerts, in both languages.
fn own_subjects() -> Vec<String> {
    let title = |kind: &Kind| {
        let what = kind.facts("").what;
        [format!("[Portaria] {}", what.en), format!("[Portaria] {}", what.pt)]
    };
    Kind::ALL.iter().flat_map(title).collect()
}

pub(super) fn test(common: &mut Common, trial: &Trial) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let (policy, faults) = config::load_policy(&settings, now().wall);
    let Some((reverse_path, recipients)) = envelope(common, trial, &policy.directory) else { return Exit::Usage };
    let form = Form { json: common.json, language: common.language };
    let with_facts = |subjects: &[Subject], lists: &[String], act: &mut dyn FnMut(&Facts<'_>)| {
        act(&Facts {
            subjects,
            reverse_path: &reverse_path,
            recipients: &recipients,
            list_ids: lists,
            client: trial.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            scope: Scope::Relay,
            now: now().wall,
        });
    };
    let rules: &RuleSet = &policy.rules;
    let typed: Vec<_> = trial.subjects.iter().map(|subject| Subject::new(subject.clone().into_bytes())).collect();
    if let Some(path) = trial.message.as_deref().filter(|path| is_several(path)) {
        eprint!("{}", faults.render(common.language));
        return several(common, path, &mut |name, header, many| {
            let (mut subjects, mut lists) = (facts::subjects(header.fields()), trial.lists.clone());
            subjects.extend(typed.iter().cloned());
            lists.extend(facts::list_ids(header.fields()));
            let mut line = String::new();
            with_facts(&subjects, &lists, &mut |facts| line = many.message(name, rules, facts, form));
            line
        });
    }
    let (mut subjects, mut lists) = (Vec::new(), trial.lists.clone());
    if let Some(file) = &trial.message {
        match header_of(file) {
            Ok(reader) => {
                subjects.extend(facts::subjects(reader.fields()));
                lists.extend(facts::list_ids(reader.fields()));
            }
            Err(fault) => return unreadable(common, file, &fault),
        }
    }
    subjects.extend(typed);
    eprint!("{}", faults.render(common.language));
    let mut exit = Exit::Done;
    with_facts(&subjects, &lists, &mut |facts| {
        let shown = rules::test(rules, facts, form);
        exit = super::show(&shown.text, shown.exit_code);
    });
    exit
}

/// Whether it is a folder, or a file of many messages.
fn is_several(path: &Path) -> bool {
    let is_mailbox = || {
        let mut beginning = [0; 5];
        fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut beginning).is_ok()) && beginning == *b"From "
    };
    path.is_dir() || (path.is_file() && is_mailbox())
}

/// A line for each message, as it is read, and the sum.
fn several(
    common: &Common,
    path: &Path,
    line: &mut dyn FnMut(&str, &HeaderReader, &mut rules::Many) -> String,
) -> Exit {
    let mut many = rules::Many::default();
    let read = mail::each_message(path, &mut |name, header| match header {
        Ok(header) => drop(super::show(&line(name, &header, &mut many), 0)),
        Err(fault) => {
            many.unreadable();
            unreadable(common, Path::new(name), &fault);
        }
    });
    if let Err(fault) = read {
        return unreadable(common, path, &fault);
    }
    let (sum, exit_code) = many.sum(Form { json: common.json, language: common.language });
    super::show(&sum, exit_code)
}

fn envelope(common: &Common, trial: &Trial, directory: &Directory) -> Option<(ReversePath, Vec<(MailboxKey, bool)>)> {
    let parsed = |address: &str| {
        let mailbox = Mailbox::parse(address);
        if mailbox.is_none() {
            let told = text!("`{address}` is no address", "`{address}` não é um endereço");
            eprintln!("{}", told.in_language(common.language));
        }
        mailbox
    };
    let reverse_path = match trial.sender.as_deref() {
        None | Some("") => ReversePath::Null,
        Some(sender) => ReversePath::Mailbox(parsed(sender)?),
    };
    let mut recipients = Vec::new();
    for address in &trial.recipients {
        let mailbox = parsed(address)?;
        let named = directory.look_up(&mailbox).map(|named| (named.key, named.always_reachable));
        recipients.push(named.unwrap_or_else(|| (MailboxKey(address.to_lowercase()), false)));
    }
    Some((reverse_path, recipients))
}

/// The header section of a message in a file.
fn header_of(file: &Path) -> io::Result<HeaderReader> {
    if file == Path::new("-") {
        return mail::header(&mut io::stdin().lock());
    }
    mail::header(&mut io::BufReader::new(fs::File::open(file)?))
}

fn unreadable(common: &Common, file: &Path, fault: &io::Error) -> Exit {
    let file = file.display();
    let told = text!("{file} cannot be read: {fault}", "não é possível ler {file}: {fault}");
    eprintln!("{}", told.in_language(common.language));
    Exit::Faults
}
