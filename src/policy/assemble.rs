//! From the texts of the rule files to one [`Policy`] with a version.
//!
//! In: the directory (the domains of `portaria.toml`, with the entries of its own file), the scanner groups, the text of
//! `mailboxes.toml`, `antivirus.toml`, `applications.toml` and the rule files, and the time. Out: a policy and everything that is wrong with its files.
//! It reads no file itself, and it does not decide whether a policy with faults may be used: the caller keeps the one that it has
//! (decision 16).

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws_lc_rs::digest;

use super::{
    Policy,
    application::{self, Applications},
    blocked_mailbox::BlockedMailboxes,
    directory::Directory,
    rule::RuleSet,
    scanning::Scanning,
};
use crate::document::Faults;

/// What a policy is made of.
#[derive(Clone, Debug, Default)]
pub struct Sources<'s> {
    /// Domains, aliases, always-reachable local parts.
    pub directory: Directory,
    /// The groups of all scanners; none when antivirus is switched off.
    pub scanner_groups: &'s [String],
    /// `mailboxes.toml`, file and text; none when there is no such file: then nobody is blocked.
    pub mailboxes: Option<(&'s Path, &'s str)>,
    /// `antivirus.toml`; none: every scanner is asked, and no find is ignored.
    pub antivirus: Option<(&'s Path, &'s str)>,
    /// `applications.toml`; none: nobody is an application.
    pub applications: Option<(&'s Path, &'s str)>,
    /// What `portaria.toml` says for all applications.
    pub application_settings: application::Settings,
    /// The rule files in name order.
    pub rules: &'s [(PathBuf, String)],
}

impl Policy {
    /// Reads all files of a policy. With any error among the faults the policy must not be used in place of a good one.
    pub fn assemble(sources: Sources<'_>, now: SystemTime) -> (Self, Faults) {
        let version = version(&sources);
        let Sources { directory, scanner_groups, mailboxes, antivirus, applications, application_settings, rules } =
            sources;
        let mut faults = Faults::default();
        let blocked = mailboxes.map_or_else(BlockedMailboxes::default, |(file, text)| {
            let (blocked, found) = BlockedMailboxes::read(file, text, &directory, now);
            faults.append(found);
            blocked
        });
        let scanning = antivirus.map_or_else(Scanning::default, |(file, text)| {
            let (scanning, found) = Scanning::read(file, text, scanner_groups, now);
            faults.append(found);
            scanning
        });
        let (rules, found) = RuleSet::read(rules, &|address| directory.resolve(address));
        faults.append(found);
        faults.append(rules.due(now));
        let applications = applications.map_or_else(Applications::default, |(file, text)| {
            let (applications, found) = Applications::read(file, text, &directory, &application_settings, now);
            faults.append(found);
            applications
        });
        (Self { version, directory, blocked, applications, rules, scanning }, faults)
    }
}

/// 12 hex digits of SHA-256 over the directory, the file names (without folders: two machines that keep the same files
/// elsewhere have the same policy) and the texts. Each part stands behind its length, so that no two sets give the same octets.
fn version(sources: &Sources<'_>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |octets: &[u8]| {
        context.update(&(octets.len() as u64).to_be_bytes());
        context.update(octets);
    };
    part(sources.directory.fingerprint_text().as_bytes());
    if sources.applications.is_some() {
        part(format!("{:?}", sources.application_settings).as_bytes());
    }
    let lists = sources.mailboxes.into_iter().chain(sources.antivirus).chain(sources.applications);
    for (file, text) in lists.chain(sources.rules.iter().map(|(file, text)| (file.as_path(), text.as_str()))) {
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
        let of = |file: &str, text: &str| {
            version(&Sources { rules: &[(PathBuf::from(file), text.to_owned())], ..Sources::default() })
        };
        let first = of("/etc/portaria/rules/a.toml", "x");
        assert_eq!(first.len(), 12);
        assert_eq!(first, of("/srv/a.toml", "x"));
        assert_ne!(first, of("/srv/b.toml", "x"), "another name is another order");
        assert_ne!(first, of("/srv/a.toml", "y"));
        let rules = [(PathBuf::from("b"), String::new())];
        let list = Some((Path::new("a.toml"), "x"));
        assert_ne!(first, version(&Sources { mailboxes: list, rules: &rules, ..Sources::default() }));
        let orders =
            |text| version(&Sources { antivirus: Some((Path::new("antivirus.toml"), text)), ..Sources::default() });
        assert_ne!(orders("x"), orders("y"), "what is ordered about scanning is part of it");
        assert_ne!(orders(""), version(&Sources::default()));
        let registry = |text, contact: &str| {
            let application_settings = application::Settings { contact: contact.into(), ..Default::default() };
            let applications = Some((Path::new("applications.toml"), text));
            version(&Sources { applications, application_settings, ..Sources::default() })
        };
        assert_ne!(registry("x", ""), registry("y", ""), "who may send is part of it");
        assert_ne!(registry("x", ""), registry("x", "S3B"), "and what they are told");
        assert_ne!(registry("", ""), version(&Sources::default()));
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
        let (policy, faults) =
            Policy::assemble(Sources { directory: directory.clone(), rules: &rules, ..Sources::default() }, now);
        assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
        assert_eq!(policy.rules.len(), 1);

        let elsewhere = rule.replace("NOC+x@tjpa.jus.br", "noc@example.com");
        let list = "[[blocked]]\nmailbox = \"a@example.com\"\n";
        let rules = [(PathBuf::from("subjects/a.toml"), elsewhere)];
        let mailboxes = Some((Path::new("mailboxes.toml"), list));
        let antivirus = Some((Path::new("antivirus.toml"), "[contingency]\nmode = \"relay\"\n"));
        let (_, faults) =
            Policy::assemble(Sources { directory, mailboxes, antivirus, rules: &rules, ..Sources::default() }, now);
        let shown = faults.render(Language::En);
        let places = [
            "mailboxes.toml:2:11: error: the domain example.com is not served here",
            "antivirus.toml:2:8: error: `mode` is one of deliver | hold | defer, not `relay`",
            "subjects/a.toml:",
        ];
        for file in places {
            assert!(shown.contains(file), "{file} is not in:\n{shown}");
        }
    }
}
