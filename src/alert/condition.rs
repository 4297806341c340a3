//! The closed list of conditions. To add one: a line in the list below, a function with its texts in `condition/`, and an arm where
//! it is seen (`src/door/alert/look.rs`; without it nothing compiles). The table in `docs/operations.md` is held to this list.

mod checks;
mod limits;
mod next_hop;
mod quarantine;
mod scanner;
mod storage;

use std::{fmt, time::Duration};

use crate::language::{Language, Text};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Mail flows; somebody should look.
    Warning,
    /// Mail is deferred or soon will be: somebody has to act.
    Critical,
}

impl Severity {
    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// As people read it.
    pub fn word(self, language: Language) -> &'static str {
        match (self, language) {
            (_, Language::En) => self.name(),
            (Self::Warning, Language::PtBr) => "aviso",
            (Self::Critical, Language::PtBr) => "crítico",
        }
    }
}

/// Everything that is to be known of a kind of condition, about one subject.
#[derive(Clone, Debug)]
pub struct Facts {
    /// How bad it is.
    pub severity: Severity,
    /// It is told when it lasts (or comes back, again and again) for this long.
    pub raise_after: Duration,
    /// It is over when nothing is seen of it for this long.
    pub clear_after: Duration,
    /// What happened, in one line: the subject of a mail.
    pub what: Text,
    /// What that means, and what to do next, with the command to type.
    pub next: Text,
}

/// One line a kind: the variant, its stable key, and the function that has its facts.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $key:literal by $facts:path),+ $(,)?) => {
        /// What there is to tell of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $variant),+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Stable: in JSON, metrics and mail.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// Its facts; `subject` is the name of the thing that it is about, or empty.
            pub fn facts(self, subject: &str) -> Facts {
                match self { $(Self::$variant => $facts(subject)),+ }
            }
        }
    };
}

kinds! {
    /// No address of a next hop takes mail. Subject: the next hop.
    NextHopDown = "next_hop_down" by next_hop::down,
    /// One of several addresses does not. Subject: next hop and address.
    NextHopAddressDown = "next_hop_address_down" by next_hop::address_down,
    /// No scanner of a group answers. Subject: the group.
    ScannerGroupDown = "scanner_group_down" by scanner::group_down,
    /// A scanner does not find the test file. Subject: the scanner.
    ScannerBlind = "scanner_blind" by scanner::blind,
    /// One of several scanners of a group does not answer. Subject: the scanner.
    ScannerDown = "scanner_down" by scanner::down,
    /// The definitions of a scanner are old. Subject: the scanner.
    DefinitionsOld = "definitions_old" by scanner::definitions_old,
    /// They are too old to call anything clean. Subject: the scanner.
    DefinitionsTooOld = "definitions_too_old" by scanner::definitions_too_old,
    /// Scanners are not asked, by order.
    Contingency = "contingency" by scanner::contingency,
    /// The disk is below its floor.
    DiskLow = "disk_low" by storage::disk_low,
    /// The journal cannot be written.
    JournalFailing = "journal_failing" by storage::journal_failing,
    /// The database does not take what the journal has.
    DatabaseBehind = "database_behind" by storage::database_behind,
    /// The database is damaged.
    DatabaseDamaged = "database_damaged" by storage::database_damaged,
    /// Rules or lists on the disk have faults, and the old ones are in force.
    RulesRefused = "rules_refused" by checks::rules_refused,
    /// The certificate on the disk cannot be used, and the old one is in force.
    CertificateRefused = "certificate_refused" by checks::certificate_refused,
    /// The certificate in force ends in 14 days or less.
    CertificateExpiresSoon = "certificate_expires_soon" by checks::certificate_expires_soon,
    /// It ends in 3 days or less, or has ended.
    CertificateExpiresNow = "certificate_expires_now" by checks::certificate_expires_now,
    /// The review of an application is due; it goes on. Subject: the application.
    ApplicationReviewDue = "application_review_due" by checks::application_review_due,
    /// All holds together have used up their memory.
    HoldMemoryFull = "hold_memory_full" by limits::hold_memory_full,
    /// Clients are turned away because there are too many connections in all.
    ConnectionsFull = "connections_full" by limits::connections_full,
    /// Held mail expires soon, and nobody has decided.
    QuarantineExpires = "quarantine_expires" by quarantine::expires,
    /// A release came to its end without everybody being known to have it.
    ReleaseUndelivered = "release_undelivered" by quarantine::undelivered,
    /// The quarantine is near its largest size.
    QuarantineFull = "quarantine_full" by quarantine::full,
    /// The last good backup is too old, or the last one failed.
    BackupMissing = "backup_missing" by storage::backup_missing,
    /// There is a backup, and something about it is to be seen to.
    BackupFlawed = "backup_flawed" by storage::backup_flawed,
    /// The audit trail's file is full, and no new one can be begun.
    AuditLogOverlong = "audit_log_overlong" by storage::audit_log_overlong,
    /// Nodes of one database hash subjects with different keys.
    SubjectKeysDiffer = "subject_keys_differ" by storage::subject_keys_differ,
    /// Held content waits for the bucket.
    ContentWaits = "content_waits" by quarantine::content_waits,
    /// Held content is not in the bucket any more.
    ContentMissing = "content_missing" by quarantine::content_missing,
}

impl Kind {
    /// The kind of this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.key() == key)
    }
}

/// One condition: a kind, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The kind.
    pub kind: Kind,
    /// The name of a next hop, a scanner, a group, from the configuration; empty where there is only one.
    pub subject: String,
}

impl Condition {
    /// Of the gateway as a whole.
    pub fn of(kind: Kind) -> Self {
        Self { kind, subject: String::new() }
    }

    /// About one of several. Nothing in the name acts on a terminal, breaks a line, or is without end.
    pub fn about(kind: Kind, subject: &str) -> Self {
        Self { kind, subject: super::notice::plain(subject) }
    }

    /// Its facts.
    pub fn facts(&self) -> Facts {
        self.kind.facts(&self.subject)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.key())?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, " ({})", self.subject) }
    }
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_what_to_do_in_both_languages() {
        for kind in Kind::ALL {
            let facts = kind.facts("NAME");
            assert_eq!(Kind::from_key(kind.key()), Some(*kind));
            for text in [&facts.what, &facts.next] {
                assert_ne!(text.en, text.pt, "{kind:?}");
                assert!(!text.en.is_empty() && text.en.is_ascii(), "{kind:?}");
            }
            // A subject line: short, and one line.
            assert!(
                facts.what.en.len() < 120 && facts.what.pt.len() < 140 && !facts.what.en.contains('\n'),
                "{kind:?}"
            );
            let types = |text: &str| text.contains("portaria ") || text.contains("systemctl ") || text.contains("df ");
            assert!(types(&facts.next.en) && types(&facts.next.pt), "a command to type: {kind:?}");
            assert!(facts.raise_after <= Duration::from_secs(300) && facts.clear_after <= Duration::from_secs(300));
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_line() {
        let condition = Condition::about(Kind::ScannerDown, "yara /rules\r\nBcc: x\u{202e}");
        assert_eq!(condition.to_string(), "scanner_down (yara /rules\\u{d}\\u{a}Bcc: x\\u{202e})");
    }
}
