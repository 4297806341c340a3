//! From the texts of the rule files to one [`Policy`] with a version.
//!
//! In: the directory (from `portaria.toml`), the text of `mailboxes.toml` and of the rule files, and the time. Out: a policy and
//! everything that is wrong with its files. It reads no file itself, and it does not decide whether a policy with faults
//! may be used: the caller keeps the one that it has (decision 16).

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws_lc_rs::digest;

use super::{Policy, blocked_mailbox::BlockedMailboxes, directory::Directory, rule::RuleSet};
use crate::document::Faults;

impl Policy {
    /// Reads all files of a policy. With any error among the faults the policy must not be used in place of a good one.
    ///
    /// `mailboxes` is none when there is no such file: then nobody is blocked. `rule_files` stand in name order.
    pub fn assemble(
        directory: Directory,
        mailboxes: Option<(&Path, &str)>,
        rule_files: &[(PathBuf, String)],
        now: SystemTime,
    ) -> (Self, Faults) {
        let version = version(&directory, mailboxes, rule_files);
        let mut faults = Faults::default();
        let blocked = mailboxes.map_or_else(BlockedMailboxes::default, |(file, text)| {
            let (blocked, found) = BlockedMailboxes::read(file, text, &directory, now);
            faults.append(found);
            blocked
        });
        let (rules, found) = RuleSet::read(rule_files, &|address| directory.resolve(address));
        faults.append(found);
        faults.append(rules.due(now));
        (Self { version, directory, blocked, rules }, faults)
    }
}

/// 12 hex digits of SHA-256 over the directory, the file names (without folders: two machines that keep the same files
/// elsewhere have the same policy) and the texts. Each part stands behind its length, so that no two sets give the same octets.
fn version(directory: &Directory, mailboxes: Option<(&Path, &str)>, rule_files: &[(PathBuf, String)]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |octets: &[u8]| {
        context.update(&(octets.len() as u64).to_be_bytes());
        context.update(octets);
    };
    part(directory.fingerprint_text().as_bytes());
    let rules = rule_files.iter().map(|(file, text)| (file.as_path(), text.as_str()));
    for (file, text) in mailboxes.into_iter().chain(rules) {
        part(file.file_name().unwrap_or_default().as_encoded_bytes());
        part(text.as_bytes());
    }
    context.finish().as_ref().iter().take(6).map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{language::Language, policy::directory::ServedDomain};

    #[test]
    fn the_version_changes_with_every_text_and_name_and_not_with_the_folder() {
        let of =
            |file: &str, text: &str| version(&Directory::default(), None, &[(PathBuf::from(file), text.to_owned())]);
        let first = of("/etc/portaria/rules/a.toml", "x");
        assert_eq!(first.len(), 12);
        assert_eq!(first, of("/srv/a.toml", "x"));
        assert_ne!(first, of("/srv/b.toml", "x"), "another name is another order");
        assert_ne!(first, of("/srv/a.toml", "y"));
        assert_ne!(
            first,
            version(&Directory::default(), Some((Path::new("a.toml"), "x")), &[(PathBuf::from("b"), String::new())])
        );
    }

    /// One directory stands behind blocks and rules: an exception written for one name of a mailbox spares all its names.
    #[test]
    fn rules_and_blocks_share_one_directory() {
        let domain = ServedDomain {
            name: "tjepa.jus.br".to_owned(),
            aliases: vec!["tjpa.jus.br".to_owned()],
            next_hop: "mailbox".into(),
        };
        let directory = Directory::new(vec![domain], []).unwrap();
        let now: SystemTime = "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
        let rule = r#"
            [[rule]]
            id = "R-1"
            description = "d"
            owner = "o"
            ticket = "t"
            mode = "enforce"
            [[rule.match]]
            any_words = ["boleto"]
            [rule.except]
            recipient = ["NOC+x@tjpa.jus.br"]
            [rule.action]
            kind = "quarantine"
            [[rule.example]]
            subject = "boleto"
            expect = "match"
            [[rule.example]]
            subject = "boleto"
            recipient = "noc@tjepa.jus.br"
            expect = "no match"
            [[rule.example]]
            subject = "ata"
            expect = "no match"
        "#;
        let rules = [(PathBuf::from("subjects/a.toml"), rule.to_owned())];
        let (policy, faults) = Policy::assemble(directory.clone(), None, &rules, now);
        assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
        assert_eq!(policy.rules.len(), 1);

        let elsewhere = rule.replace("NOC+x@tjpa.jus.br", "noc@example.com");
        let list = "[[blocked]]\nmailbox = \"a@example.com\"\n";
        let rules = [(PathBuf::from("subjects/a.toml"), elsewhere)];
        let (_, faults) = Policy::assemble(directory, Some((Path::new("mailboxes.toml"), list)), &rules, now);
        let shown = faults.render(Language::En);
        for file in ["mailboxes.toml:2:11: error: the domain example.com is not served here", "subjects/a.toml:"] {
            assert!(shown.contains(file), "{file} is not in:\n{shown}");
        }
    }
}
