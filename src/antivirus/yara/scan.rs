//! One scan on its thread: the whole message, then each of its parts, by one set of rules.
//!
//! In: a set and octets. Out: every rule that matched, and what they make together. It looks at a clock, and knows of no other
//! scan and of no other set.

use std::{collections::HashSet, ops::ControlFlow, time::Duration};

use tokio::time::Instant;

use super::{
    attachments::{self, Part},
    rules::{PART_NAME, PART_TYPE, RuleSet, WHOLE_MESSAGE},
};
use crate::policy::{
    finding::{Asked, Class, Finding, MOST_FINDINGS},
    verdict::ScanVerdict,
    verdict_action::VerdictAction,
};

/// What came of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The worst class of what acts, or that it was not wholly looked at.
    pub verdict: ScanVerdict,
    /// What the rules ask for instead of the configured action.
    pub action: Option<VerdictAction>,
    /// The rules that matched, at most [`MOST_FINDINGS`]; nothing that would act is left out.
    pub findings: Vec<Finding>,
}

/// One scan.
pub struct Scan<'r> {
    rules: &'r RuleSet,
    until: Instant,
    seen: HashSet<String>,
    findings: Vec<Finding>,
    incomplete: Option<ScanVerdict>,
}

impl<'r> Scan<'r> {
    /// Until nine tenths of the time from `now` to `deadline`: the rest is for saying so.
    pub fn new(rules: &'r RuleSet, now: Instant, deadline: Instant) -> Self {
        let until = now + deadline.saturating_duration_since(now) / 10 * 9;
        Self { rules, until, seen: HashSet::new(), findings: Vec::new(), incomplete: None }
    }

    /// The whole message, then each of its parts.
    pub fn over_message(mut self, message: &[u8]) -> Self {
        if self.look(true, &Part { name: "", media_type: "", octets: message }).is_continue()
            && let Err(incomplete) = attachments::walk(message, &mut |part| self.look(false, part))
            // Stopped by `look`, which has said why.
            && incomplete != attachments::Incomplete::Stopped
        {
            self.not_fully(&incomplete.to_string());
        }
        self
    }

    /// One part alone.
    pub fn over_part(mut self, part: &Part<'_>) -> Self {
        let _ = self.look(false, part);
        self
    }

    /// Whether this rule matched.
    pub fn matched(&self, rule: &str) -> bool {
        self.seen.contains(rule)
    }

    /// The rules that matched, in no order.
    pub fn matching(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(String::as_str)
    }

    /// Why not all of it was looked at.
    pub fn incomplete(&self) -> Option<&str> {
        match self.incomplete.as_ref()? {
            ScanVerdict::NotFullyScanned { reason } => Some(reason),
            other => Some(other.name()),
        }
    }

    /// What came of it.
    pub fn conclude(self) -> Looked {
        conclude(self.findings, self.incomplete)
    }

    /// Breaks off when time is up, and for nothing else: every rule that matches is recorded.
    fn look(&mut self, whole_message: bool, part: &Part<'_>) -> ControlFlow<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.not_fully("time limit");
            return ControlFlow::Break(());
        }
        let (names, failed) = one_run(self.rules, whole_message, part, left);
        for name in names {
            if self.seen.insert(name.clone()) {
                self.findings.push(self.rules.meaning(&name).finding(&name));
            }
        }
        if let Some(why) = failed {
            self.not_fully(&why);
        }
        ControlFlow::Continue(())
    }

    fn not_fully(&mut self, why: &str) {
        self.incomplete.get_or_insert_with(|| not_fully(why));
    }
}

/// The rules that match one run of octets, and why they could not be asked to the end. What was found until then counts.
fn one_run(rules: &RuleSet, whole_message: bool, part: &Part<'_>, limit: Duration) -> (Vec<String>, Option<String>) {
    let mut scanner = rules.scanner.clone();
    scanner.set_scan_params(scanner.scan_params().clone().timeout_duration(Some(limit)));
    let defined = scanner
        .define_symbol(WHOLE_MESSAGE, whole_message)
        .and(scanner.define_symbol(PART_NAME, part.name))
        .and(scanner.define_symbol(PART_TYPE, part.media_type));
    let (result, failed) = match scanner.scan_mem(part.octets) {
        Ok(result) => (result, None),
        Err((error, result)) => (result, Some(error.to_string())),
    };
    let undefined = defined.is_err().then(|| "symbols of the rules".to_owned());
    (result.rules.iter().map(|rule| rule.name.to_owned()).collect(), failed.or(undefined))
}

/// What the rules make together. The configured actions are not known here: where they might be stronger than what a rule asks
/// for, the verdict is one that they decide, and the findings say the rest.
fn conclude(findings: Vec<Finding>, incomplete: Option<ScanVerdict>) -> Looked {
    let acting = findings.iter().filter(|finding| finding.acts());
    let verdicts = acting.map(|finding| (finding.verdict(), finding.action)).chain(incomplete.map(|it| (it, None)));
    let (mut worst, mut unasked, mut strongest) = (None, None, None);
    for (verdict, action) in verdicts {
        worse(&mut worst, &verdict);
        if action.is_none() {
            worse(&mut unasked, &verdict);
        }
        strongest = strongest.max(action);
    }
    let action = strongest.and_then(Asked::action);
    let (verdict, action) = match (worst, unasked) {
        (None, _) => (ScanVerdict::Clean, None),
        (Some(worst), None) => (worst, action),
        (Some(worst), _) if strongest == Some(Asked::Refuse) => (worst, action),
        (_, Some(unasked)) => (unasked, None),
    };
    Looked { verdict, action, findings: bounded(findings) }
}

/// Keeps the worse of the two; of two of one kind the first, since `Ord` would compare their names.
fn worse(kept: &mut Option<ScanVerdict>, other: &ScanVerdict) {
    if kept.as_ref().is_none_or(|kept| kept.name() != other.name() && other > kept) {
        *kept = Some(other.clone());
    }
}

/// The first [`MOST_FINDINGS`], one of each class and action before a second of any: of these pairs there are fewer.
fn bounded(findings: Vec<Finding>) -> Vec<Finding> {
    let mut pairs: HashSet<(Class, Option<Asked>)> = HashSet::new();
    let (mut kept, more): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| pairs.insert((finding.class, finding.action)));
    kept.extend(more);
    kept.truncate(MOST_FINDINGS);
    kept
}

/// The verdict of what was not looked at to the end.
pub fn not_fully(reason: &str) -> ScanVerdict {
    ScanVerdict::NotFullyScanned { reason: format!("YARA: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(nth: usize, class: Class, action: Option<Asked>) -> Finding {
        Finding { rule: format!("YARA.R{nth}"), class, severity: None, action, ignored: None }
    }

    #[test]
    fn what_rules_ask_for_makes_one_verdict_and_one_action() {
        use Asked::{Observe, Quarantine, Refuse, Tag};
        use Class::{Encrypted, Macro, Malware};
        let partly = || Some(not_fully("time limit"));
        type Row<'r> = (&'r [(Class, Option<Asked>)], Option<ScanVerdict>, &'r str, Option<VerdictAction>);
        let rows: Vec<Row<'_>> = vec![
            (&[], None, "clean", None),
            (&[(Malware, Some(Observe))], None, "clean", None),
            (&[(Macro, None), (Malware, None)], None, "infected", None),
            (&[(Malware, Some(Tag)), (Macro, Some(Quarantine))], None, "infected", Some(VerdictAction::Quarantine)),
            (&[(Macro, None), (Malware, Some(Refuse))], None, "infected", Some(VerdictAction::Refuse)),
            // What is configured for a macro may be more than a tag.
            (&[(Macro, None), (Malware, Some(Tag))], None, "macro", None),
            (&[(Malware, None), (Encrypted, Some(Quarantine))], None, "infected", None),
            // Nothing that was not looked at passes because a rule wants no more than a tag.
            (&[(Malware, Some(Tag))], partly(), "not_fully_scanned", None),
            (&[(Malware, Some(Observe))], partly(), "not_fully_scanned", None),
            (&[(Malware, None)], partly(), "infected", None),
            (&[(Macro, Some(Refuse))], partly(), "not_fully_scanned", Some(VerdictAction::Refuse)),
        ];
        for (findings, incomplete, verdict, action) in rows {
            let made =
                findings.iter().enumerate().map(|(nth, (class, action))| finding(nth, *class, *action)).collect();
            let looked = conclude(made, incomplete.clone());
            assert_eq!((looked.verdict.name(), looked.action), (verdict, action), "{findings:?} {incomplete:?}");
            assert_eq!(looked.findings.len(), findings.len());
        }
    }

    #[test]
    fn of_many_findings_sixteen_are_kept_and_one_of_each_kind_among_them() {
        let mut many: Vec<Finding> = (0..40).map(|nth| finding(nth, Class::Macro, Some(Asked::Observe))).collect();
        many.push(finding(40, Class::Malware, Some(Asked::Refuse)));
        many.push(finding(41, Class::Encrypted, None));
        let kept = conclude(many, None).findings;
        let names: Vec<&str> = kept.iter().map(|it| it.rule.as_str()).collect();
        assert_eq!((kept.len(), &names[..4]), (16, &["YARA.R0", "YARA.R40", "YARA.R41", "YARA.R1"][..]));
    }
}
