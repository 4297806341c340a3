//! One rule of a scanner that matched, and what it asks for.
//!
//! In: what a rule says of itself in its metadata. Out: values for the record. It does not know how a rule is written, nor which
//! report decides (`verdict_action`).

use serde::{Deserialize, Serialize};

use super::{verdict::ScanVerdict, verdict_action::VerdictAction};

/// Rules that are recorded of one message and scanner.
pub const MOST_FINDINGS: usize = 16;

/// One rule that matched a message or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, as signatures are written: `YARA.EICAR_test_file`.
    pub rule: String,
    /// What a match means.
    pub class: Class,
    /// How bad its author thinks it is; for people, it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What the rule asks for; none: whatever is configured for its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Asked>,
    /// The ticket of the exception that names it: then it is a note like one that only observes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}

/// What a rule that matches means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Malware.
    Malware,
    /// A document with a macro.
    Macro,
    /// Something that cannot be looked into.
    Encrypted,
}

/// How bad it is, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a note.
    Low,
    /// Worth a look.
    Medium,
    /// Harm is likely.
    High,
    /// Harm is certain.
    Critical,
}

/// What a rule may ask for, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// To be recorded and counted, and nothing else: a rule on trial.
    Observe,
    /// One more trace field.
    Tag,
    /// To be held for review.
    Quarantine,
    /// 5xx, with a copy in the quarantine.
    Refuse,
}

impl Finding {
    /// The verdict that it is by its class.
    pub fn verdict(&self) -> ScanVerdict {
        let signature = self.rule.clone();
        match self.class {
            Class::Malware => ScanVerdict::Infected { signature },
            Class::Macro => ScanVerdict::Macro { signature },
            Class::Encrypted => ScanVerdict::Encrypted { signature },
        }
    }

    /// Whether it is more than a note.
    pub fn acts(&self) -> bool {
        self.action != Some(Asked::Observe) && self.ignored.is_none()
    }
}

impl Asked {
    /// The action; none for a rule that only observes.
    pub fn action(self) -> Option<VerdictAction> {
        match self {
            Self::Observe => None,
            Self::Tag => Some(VerdictAction::Tag),
            Self::Quarantine => Some(VerdictAction::Quarantine),
            Self::Refuse => Some(VerdictAction::Refuse),
        }
    }

    /// As written in a rule and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Tag => "tag",
            Self::Quarantine => "quarantine",
            Self::Refuse => "refuse",
        }
    }
}

impl Class {
    /// As written in a rule and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malware => "malware",
            Self::Macro => "macro",
            Self::Encrypted => "encrypted",
        }
    }
}

impl Severity {
    /// As written in a rule and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{verdict::ScannerReport, verdict_action::VerdictActions};

    fn finding(class: Class, action: Option<Asked>) -> Finding {
        Finding { rule: format!("YARA.{}", class.name()), class, severity: None, action, ignored: None }
    }

    /// A report as a scanner makes it, with these findings.
    fn report(verdict: ScanVerdict, action: Option<VerdictAction>, findings: &[Finding]) -> ScannerReport {
        let (group, scanner) = ("g".to_owned(), "s".to_owned());
        ScannerReport { group, scanner, verdict, took_ms: 1, version: None, findings: findings.to_vec(), action }
    }

    #[test]
    fn while_no_rule_asks_for_anything_what_is_configured_counts() {
        let macro_ = finding(Class::Macro, None);
        let watched = finding(Class::Malware, Some(Asked::Observe));
        let ignored = Finding { ignored: Some("REQ 1".into()), ..finding(Class::Malware, Some(Asked::Refuse)) };
        for findings in [vec![], vec![macro_.clone()], vec![macro_.clone(), watched, ignored]] {
            let reports = [report(ScanVerdict::Clean, None, &[]), report(macro_.verdict(), None, &findings)];
            let decided = VerdictActions::default().deciding(&reports);
            assert_eq!((decided.verdict, decided.action), (macro_.verdict(), VerdictAction::Tag));
        }
    }

    #[test]
    fn the_strongest_action_of_all_decides() {
        use Asked::{Observe, Quarantine, Refuse, Tag};
        let macro_ = |action| finding(Class::Macro, action);
        let malware = |action| finding(Class::Malware, action);
        let encrypted = |action| finding(Class::Encrypted, action);
        let partly = || ScanVerdict::NotFullyScanned { reason: "time".into() };
        let rows: Vec<(&str, Vec<ScannerReport>, &str, VerdictAction)> = vec![
            (
                "milder than configured, where it is alone",
                vec![report(malware(None).verdict(), Some(VerdictAction::Tag), &[malware(Some(Tag))])],
                "infected",
                VerdictAction::Tag,
            ),
            (
                "stronger than configured",
                vec![report(macro_(None).verdict(), Some(VerdictAction::Refuse), &[macro_(Some(Refuse))])],
                "macro",
                VerdictAction::Refuse,
            ),
            (
                "a tag lets nothing through that another rule of the same scanner would hold",
                vec![report(malware(None).verdict(), None, &[malware(Some(Tag)), macro_(Some(Quarantine))])],
                "infected",
                VerdictAction::Refuse,
            ),
            (
                "what a rule asks for beside one that is handled as configured",
                vec![report(macro_(None).verdict(), None, &[macro_(None), encrypted(Some(Quarantine))])],
                "encrypted",
                VerdictAction::Quarantine,
            ),
            (
                "nor what was not wholly looked at",
                vec![report(partly(), None, &[malware(Some(Tag))])],
                "not_fully_scanned",
                VerdictAction::Quarantine,
            ),
            (
                "nor what another scanner found",
                vec![
                    report(macro_(None).verdict(), Some(VerdictAction::Tag), &[macro_(Some(Tag))]),
                    report(malware(None).verdict(), None, &[]),
                ],
                "infected",
                VerdictAction::Refuse,
            ),
            (
                "what is only observed does not act, and what stands beside it does",
                vec![report(
                    macro_(None).verdict(),
                    Some(VerdictAction::Quarantine),
                    &[malware(Some(Observe)), macro_(Some(Quarantine))],
                )],
                "macro",
                VerdictAction::Quarantine,
            ),
        ];
        for (why, reports, verdict, action) in rows {
            let decided = VerdictActions::default().deciding(&reports);
            assert_eq!((decided.verdict.name(), decided.action), (verdict, action), "{why}");
        }
    }

    /// Old records have neither findings nor an action, and new ones without either look as they always did.
    #[test]
    fn a_report_without_findings_is_written_as_before() {
        let plain = report(ScanVerdict::Clean, None, &[]);
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!(text, r#"{"group":"g","scanner":"s","verdict":"clean","took_ms":1}"#);
        assert_eq!(serde_json::from_str::<ScannerReport>(&text).unwrap(), plain);
        let rich = report(
            finding(Class::Malware, None).verdict(),
            Some(VerdictAction::Quarantine),
            &[Finding { severity: Some(Severity::High), ..finding(Class::Malware, Some(Asked::Quarantine)) }],
        );
        let text = serde_json::to_string(&rich).unwrap();
        assert!(text.ends_with(
            r#""findings":[{"rule":"YARA.malware","class":"malware","severity":"high","action":"quarantine"}],"action":"quarantine"}"#
        ), "{text}");
        assert_eq!(serde_json::from_str::<ScannerReport>(&text).unwrap(), rich);
    }
}
