//! Verdicts into what becomes of the message, for each recipient: one total function.
//!
//! In: what the subject rules say of each recipient, and the action that the scanners' reports come to (`verdict_action`).
//! Out: one [`Disposition`] of the whole transaction, because one reply speaks for all recipients (RFC 5321 §3.3).
//! How it is carried out, and in which words it is told, is not known here.
//!
//! Strength, per recipient: refuse (rule) > refuse (antivirus) > defer > quarantine > tag > relay. Over the recipients:
//! any *defer* defers all; all *refuse* refuse; *refuse* beside anything else becomes *quarantine* for those recipients.

use super::{
    rule::{Action, Judgement, RuleMatch},
    verdict_action::VerdictAction,
};

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// 5xx for all.
    Refuse(By),
    /// 4xx for all; nothing relayed, nothing held.
    Defer,
    /// Each recipient is relayed to or held for; at least one of them is something.
    Deliver(Vec<Delivery>),
}

/// Whose word it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The rule at this index of [`Judgement::matches`].
    Rule(usize),
    /// The scanners.
    Antivirus,
}

/// What becomes of one recipient's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The next hop gets it.
    Relay {
        /// With one more trace field that says why.
        tag: Option<By>,
    },
    /// The quarantine gets it.
    Hold {
        /// Why.
        by: By,
        /// The word was *refuse*, but another recipient got something else.
        downgraded: bool,
    },
}

/// What one check wants for one recipient, weakest first: the order is the strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Relay,
    Tag,
    Quarantine,
    Defer,
    RefuseByAntivirus,
    RefuseByRule,
}

/// Decides. `recipients` is their number, and `judgement.deciding` has an entry for each; a missing one counts as *no rule*.
pub fn decide(judgement: &Judgement, recipients: usize, scanners: VerdictAction) -> Disposition {
    let scanners = antivirus_wish(scanners);
    let wishes: Vec<(Wish, By)> = (0..recipients)
        .map(|recipient| {
            let by_scanners = (scanners, By::Antivirus);
            let Some((index, rule)) = deciding_rule(judgement, recipient) else { return by_scanners };
            let by_rule = (rule_wish(rule), By::Rule(index));
            // An equal wish is the scanners': malware wins the class of what a rule would have held anyway.
            if by_rule.0 > by_scanners.0 { by_rule } else { by_scanners }
        })
        .collect();
    combine(&wishes)
}

/// Whether the rules alone refuse every recipient, so that neither scanner nor next hop need be asked.
pub fn refused_by_rules(judgement: &Judgement, recipients: usize) -> Option<By> {
    let rejecting = |recipient| deciding_rule(judgement, recipient).filter(|(_, rule)| rule.action == Action::Reject);
    let first = rejecting(0)?;
    (0..recipients).all(|recipient| rejecting(recipient).is_some()).then_some(By::Rule(first.0))
}

/// Whether the rules alone let every recipient have it, tagged or not: only then may content flow before the verdict.
pub fn relayed_by_rules(judgement: &Judgement, recipients: usize) -> bool {
    (0..recipients)
        .all(|recipient| deciding_rule(judgement, recipient).is_none_or(|(_, rule)| rule_wish(rule) <= Wish::Tag))
}

/// The rule whose tag the message carries, if only rules speak: the first among the recipients'.
pub fn tag_by_rules(judgement: &Judgement, recipients: usize) -> Option<By> {
    (0..recipients)
        .filter_map(|recipient| deciding_rule(judgement, recipient))
        .find(|(_, rule)| rule.action == Action::Tag)
        .map(|(index, _)| By::Rule(index))
}

fn deciding_rule(judgement: &Judgement, recipient: usize) -> Option<(usize, &RuleMatch)> {
    let index = (*judgement.deciding.get(recipient)?)?;
    judgement.matches.get(index).map(|rule| (index, rule))
}

fn rule_wish(rule: &RuleMatch) -> Wish {
    match rule.action {
        Action::Observe => Wish::Relay,
        Action::Tag => Wish::Tag,
        Action::Quarantine => Wish::Quarantine,
        Action::Reject => Wish::RefuseByRule,
    }
}

fn antivirus_wish(action: VerdictAction) -> Wish {
    match action {
        VerdictAction::Relay => Wish::Relay,
        VerdictAction::Tag => Wish::Tag,
        VerdictAction::Quarantine => Wish::Quarantine,
        VerdictAction::Defer => Wish::Defer,
        VerdictAction::Refuse => Wish::RefuseByAntivirus,
    }
}

fn combine(wishes: &[(Wish, By)]) -> Disposition {
    if wishes.iter().any(|(wish, _)| *wish == Wish::Defer) {
        return Disposition::Defer;
    }
    if let Some((_, first)) = wishes.first().filter(|_| wishes.iter().all(|(wish, _)| *wish > Wish::Defer)) {
        // Where both refuse, the scanners speak: their copy is kept, and the class is theirs.
        let by_antivirus = wishes.iter().any(|(wish, _)| *wish == Wish::RefuseByAntivirus);
        return Disposition::Refuse(if by_antivirus { By::Antivirus } else { *first });
    }
    let delivery = |(wish, by): &(Wish, By)| match wish {
        Wish::Relay => Delivery::Relay { tag: None },
        Wish::Tag => Delivery::Relay { tag: Some(*by) },
        Wish::Quarantine | Wish::Defer => Delivery::Hold { by: *by, downgraded: false },
        Wish::RefuseByAntivirus | Wish::RefuseByRule => Delivery::Hold { by: *by, downgraded: true },
    };
    Disposition::Deliver(wishes.iter().map(delivery).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        rule::{Mode, Reading},
        scanning,
        verdict::ScanVerdict,
        verdict_action::VerdictActions,
    };

    fn rule(action: Action) -> RuleMatch {
        RuleMatch {
            rule: "R".into(),
            block: 1,
            pattern: "p".into(),
            subject: 0,
            reading: Reading::Plain,
            folded: "p".into(),
            span: (0, 1),
            decoded_span: Some((0, 1)),
            mode: Mode::Enforce,
            action,
            reply: None,
            spared: vec![],
        }
    }

    /// `deciding` names for each recipient the action of its rule, if it has one.
    fn judged(deciding: &[Option<Action>]) -> Judgement {
        let matches = deciding.iter().map(|action| rule(action.unwrap_or(Action::Observe))).collect();
        let deciding = deciding.iter().enumerate().map(|(index, action)| action.map(|_| index)).collect();
        Judgement { matches, deciding }
    }

    fn infected() -> ScanVerdict {
        ScanVerdict::Infected { signature: "Eicar".into() }
    }

    #[test]
    fn one_reply_speaks_for_all_recipients() {
        use Action::{Quarantine, Reject, Tag};
        let relay = Delivery::Relay { tag: None };
        let hold = |recipient, downgraded| Delivery::Hold { by: By::Rule(recipient), downgraded };
        let down = || ScanVerdict::Unavailable { text: "refused".into() };
        let rows = [
            ("nothing against it", vec![None, None], ScanVerdict::Clean, Disposition::Deliver(vec![relay, relay])),
            ("all refused", vec![Some(Reject), Some(Reject)], ScanVerdict::Clean, Disposition::Refuse(By::Rule(0))),
            (
                "refused beside relayed is held instead",
                vec![Some(Reject), None],
                ScanVerdict::Clean,
                Disposition::Deliver(vec![hold(0, true), relay]),
            ),
            (
                "held beside tagged",
                vec![Some(Quarantine), Some(Tag)],
                ScanVerdict::Clean,
                Disposition::Deliver(vec![hold(0, false), Delivery::Relay { tag: Some(By::Rule(1)) }]),
            ),
            ("any defer defers all", vec![Some(Reject), None], down(), Disposition::Defer),
            (
                "a rule's refuse does not wait for the scanner",
                vec![Some(Reject)],
                down(),
                Disposition::Refuse(By::Rule(0)),
            ),
            (
                "malware beside a rule's refusal is refused as malware",
                vec![Some(Reject), None],
                infected(),
                Disposition::Refuse(By::Antivirus),
            ),
            (
                "malware is refused for the held too",
                vec![Some(Quarantine), None],
                infected(),
                Disposition::Refuse(By::Antivirus),
            ),
        ];
        for (why, deciding, verdict, expected) in rows {
            let decided = decide(&judged(&deciding), deciding.len(), VerdictActions::default().of(&verdict));
            assert_eq!(decided, expected, "{why}");
        }
    }

    #[test]
    fn nothing_but_clean_is_ever_relayed_as_if_it_were_clean() {
        let verdicts = [
            ScanVerdict::NotFullyScanned { reason: "limit".into() },
            ScanVerdict::ScannerError { text: "error".into() },
            ScanVerdict::Unavailable { text: "gone".into() },
            ScanVerdict::Ambiguous { reason: "two boundaries".into() },
            ScanVerdict::Ignored { signature: "Heuristics.X".into(), ticket: "REQ 1".into() },
            ScanVerdict::Contingency {
                mode: scanning::Mode::Deliver,
                reason: "clamd crashes".into(),
                ticket: "REQ 1".into(),
            },
            infected(),
        ];
        for verdict in verdicts {
            let decided = decide(&judged(&[None]), 1, VerdictActions::default().of(&verdict));
            assert_ne!(decided, Disposition::Deliver(vec![Delivery::Relay { tag: None }]), "{verdict:?}");
        }
    }

    #[test]
    fn content_flows_early_only_when_no_rule_wants_to_keep_it() {
        assert!(relayed_by_rules(&judged(&[None, Some(Action::Tag)]), 2));
        assert!(!relayed_by_rules(&judged(&[None, Some(Action::Quarantine)]), 2));
        assert_eq!(refused_by_rules(&judged(&[Some(Action::Reject), None]), 2), None);
        assert_eq!(refused_by_rules(&judged(&[]), 0), None, "no recipient, nobody refused");
    }
}
