//! One rule of a scanner that matched, and what it asks for.
//!
//! In: what a rule says of itself in its metadata. Out: values for the record, and the action that the scanners' rules ask for
//! together. It does not know how a rule is written, nor what an action leads to (`disposition`).

use serde::{Deserialize, Serialize};

use super::{
    verdict::{ScanVerdict, ScannerReport},
    verdict_action::{VerdictAction, VerdictActions},
};

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
        self.action != Some(Asked::Observe)
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

impl VerdictActions {
    /// The verdict that decides and its action, when some scanner's rule asks for an action of its own; none when nobody does, and
    /// then the worst verdict decides as it always did.
    ///
    /// The strongest action of all counts, configured ones among them: a rule that asks for a tag cannot let through what another
    /// verdict would hold. Of equal ones the worst verdict speaks.
    pub fn asked(&self, reports: &[ScannerReport]) -> Option<(ScanVerdict, VerdictAction)> {
        let own = |finding: &Finding| finding.acts() && finding.action.is_some();
        if !reports.iter().any(|report| report.action.is_some() || report.findings.iter().any(own)) {
            return None;
        }
        let of_report = |report: &ScannerReport| {
            (report.verdict.clone(), report.action.unwrap_or_else(|| self.of(&report.verdict)))
        };
        let of_finding = |finding: &Finding| {
            let verdict = finding.verdict();
            let action = finding.action.and_then(Asked::action).unwrap_or_else(|| self.of(&verdict));
            (verdict, action)
        };
        let findings = reports.iter().flat_map(|report| &report.findings).filter(|finding| finding.acts());
        reports.iter().map(of_report).chain(findings.map(of_finding)).reduce(|strongest, other| {
            // Of one kind the first: `Ord` would compare their names.
            let worse = other.0.name() != strongest.0.name() && other.0 > strongest.0;
            if other.1 > strongest.1 || (other.1 == strongest.1 && worse) { other } else { strongest }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(class: Class, action: Option<Asked>) -> Finding {
        Finding { rule: format!("YARA.{}", class.name()), class, severity: None, action }
    }

    /// A report as a scanner makes it, with these findings.
    fn report(verdict: ScanVerdict, action: Option<VerdictAction>, findings: &[Finding]) -> ScannerReport {
        let (group, scanner) = ("g".to_owned(), "s".to_owned());
        ScannerReport { group, scanner, verdict, took_ms: 1, version: None, findings: findings.to_vec(), action }
    }

    #[test]
    fn while_no_rule_asks_for_anything_nothing_changes() {
        let macro_ = finding(Class::Macro, None);
        let watched = finding(Class::Malware, Some(Asked::Observe));
        for findings in [vec![], vec![macro_.clone()], vec![macro_.clone(), watched]] {
            let reports = [report(ScanVerdict::Clean, None, &[]), report(macro_.verdict(), None, &findings)];
            assert_eq!(VerdictActions::default().asked(&reports), None);
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
            let (decided, by) = VerdictActions::default().asked(&reports).unwrap();
            assert_eq!((decided.name(), by), (verdict, action), "{why}");
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
