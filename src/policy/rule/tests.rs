//! The rule language as a whole: what the checker says, and what the rules say of messages.

mod bounds;
pub(super) mod chance;
mod faults;
mod judge;
mod lookalikes;
mod oracle;
mod sample;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::language::Language;

/// One address of the mailbox `noc` under another name, and every address of tjpa.jus.br.
fn resolve(address: &str) -> Option<MailboxKey> {
    match address.to_lowercase().as_str() {
        "suporte@tjpa.jus.br" => Some(MailboxKey("noc@tjpa.jus.br".to_owned())),
        other => other.ends_with("@tjpa.jus.br").then(|| MailboxKey(other.to_owned())),
    }
}

/// The set of one file and its faults as an English text.
fn read(source: &str) -> (RuleSet, String) {
    let (set, faults) = RuleSet::read(&[("r.toml".into(), source.to_owned())], &resolve);
    assert_eq!(faults.has_errors(), faults.0.iter().any(|fault| fault.severity == crate::document::Severity::Error));
    (set, faults.render(Language::En))
}

/// The set of a file that is in order.
fn good(source: &str) -> RuleSet {
    let (set, faults) = read(source);
    assert_eq!(faults, "");
    set
}

/// The set of a file without an error; advice may be given.
fn usable(source: &str) -> RuleSet {
    let (set, faults) = read(source);
    assert!(!faults.contains(": error: "), "{faults}");
    set
}

/// A rule that is in order, but for what a test changes: `body` stands between the head and the match block.
fn rule(id: &str, head: &str, blocks: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\n{head}\n{blocks}\n")
}

/// 2026-11-21 12:00 UTC.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_262_400)
}

/// Facts about a message from the null reverse-path with these subjects.
struct Message {
    subjects: Vec<Subject>,
    recipients: Vec<(MailboxKey, bool)>,
    lists: Vec<String>,
}

impl Message {
    fn with(subjects: &[&str]) -> Self {
        let subjects = subjects.iter().map(|subject| Subject::new(subject.as_bytes())).collect();
        Self { subjects, recipients: vec![(MailboxKey("a@tjpa.jus.br".to_owned()), false)], lists: Vec::new() }
    }

    fn to(mut self, recipients: &[(&str, bool)]) -> Self {
        self.recipients = recipients.iter().map(|(key, always)| (MailboxKey((*key).to_owned()), *always)).collect();
        self
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            subjects: &self.subjects,
            reverse_path: &ReversePath::Null,
            recipients: &self.recipients,
            list_ids: &self.lists,
            client: IpAddr::from([192, 0, 2, 1]),
            scope: Scope::Relay,
            now: now(),
        }
    }
}
