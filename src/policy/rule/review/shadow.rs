//! Rules in whose place an earlier one decides. The first enforcing rule that matches does, so a later one for the same subjects
//! sleeps; its own examples show it.

use super::Review;
use crate::{
    document::Severity,
    message::subject::Subject,
    policy::rule::{
        Mode, Rule, code,
        example::Surroundings,
        file::{Expect, WrittenExample},
        view::View,
    },
    text,
};

impl Review<'_, '_, '_> {
    /// Whether earlier rules decide the examples of this one that are to match: all of them, and it never acts; some, and they are
    /// not treated as this rule says.
    pub(super) fn check_shadowed(&self, at: usize) {
        let (Some(rule), Some(entry)) = (self.rules.get(at), self.entries.get(at)) else { return };
        if rule.mode == Mode::Off {
            return;
        }
        let examples = entry.written.examples.iter().filter(|example| example.expect == Expect::Match);
        let mut taken = Vec::new();
        let mut all = true;
        for example in examples {
            match self.taken_by(at, rule, example) {
                Some(by) => taken.push((example, by)),
                None => all = false,
            }
        }
        let Some((_, first)) = taken.first() else { return };
        if all {
            // Whoever an exception of the earlier rule spares, this one may still be for; and where both do the same, nothing is lost.
            let harmful = |by: &usize| {
                self.rules.get(*by).is_some_and(|other| other.except.is_empty() && other.action != rule.action)
            };
            let sleeps = rule.decides() && taken.iter().all(|(_, by)| harmful(by));
            let severity = if sleeps { Severity::Error } else { Severity::Warning };
            let (name, count) = (self.name(*first), taken.len());
            let what = text!(
                "an earlier rule decides all {count} examples that match, {name} the first",
                "uma regra anterior decide todos os {count} exemplos que casam; o primeiro, {name}"
            );
            let help = text!(
                "files are read in name order, rules from top to bottom: put the stricter one first, or make one rule of both",
                "os arquivos são lidos em ordem de nome, as regras de cima para baixo: ponha antes a mais estrita, ou junte as duas"
            );
            return self.note(at, (code::SHADOWED, severity), entry.written.id.span.clone(), what, Some(help));
        }
        for (example, by) in taken {
            let Some(other) = self.rules.get(by).filter(|other| other.action != rule.action && rule.decides()) else {
                continue;
            };
            let (name, action) = (self.name(by), other.action.name());
            let what = text!(
                "the earlier rule {name} decides this example: {action}",
                "a regra anterior {name} decide este exemplo: {action}"
            );
            let help = text!(
                "put this rule before it, if it is to decide",
                "ponha esta regra antes, se é ela que deve decidir"
            );
            self.note(at, (code::SHADOWED, Severity::Warning), example.subject.span.clone(), what, Some(help));
        }
    }

    /// The first rule before `at` that decides this example wherever and whenever `rule` could.
    fn taken_by(&self, at: usize, rule: &Rule, example: &WrittenExample) -> Option<usize> {
        let subject = Subject::new(example.subject.value.clone().into_bytes());
        let surroundings = Surroundings::of(example, self.resolve)?;
        let takers = self.groups.iter().filter_map(|group| {
            let view = View::of(&subject, &group.fold);
            let takes = |&(earlier, block): &(usize, usize)| {
                let other =
                    self.rules.get(earlier).filter(|other| earlier < at && other.decides() && other.covers(rule));
                other.is_some_and(|other| {
                    other.blocks.get(block).is_some_and(|block| block.find(&view).is_some())
                        && surroundings.spared(&other.except, &view).is_none()
                })
            };
            self.candidates(group, &view).into_iter().find(takes).map(|(earlier, _)| earlier)
        });
        takers.min()
    }
}
