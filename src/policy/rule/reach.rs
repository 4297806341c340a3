//! What the examples of a rule leave untried: a block, a word of one, an exception. A letter that is wrong there would be seen by
//! nobody, and the rule would sleep, or catch whom it is to spare.
//!
//! A part counts as reached by an example that hangs on it alone: a subject that holds two words of `any_words`, or matches two
//! blocks, stays as its example says when one of them is misspelled.

use super::{
    block::{Block, Kind, Word},
    code,
    example::{Case, Trial},
    except::ExceptLine,
    file::Expect,
};
use crate::{
    document::{Found, Severity},
    language::Text,
    text,
};

impl Trial<'_, '_> {
    /// How much a part weighs that no example reaches: a rule that acts must not be loaded with it.
    fn severity(&self) -> Severity {
        if self.rule.mode == super::Mode::Enforce { Severity::Error } else { Severity::Warning }
    }

    pub(super) fn check_blocks_reached(&self, cases: &[Case<'_>]) {
        let matching: Vec<&Case<'_>> = cases.iter().filter(|case| case.written.expect == Expect::Match).collect();
        for (at, (block, written)) in self.rule.blocks.iter().zip(&self.written.blocks).enumerate() {
            let number = at + 1;
            let others = || self.rule.blocks.iter().enumerate().filter(|(other, _)| *other != at);
            let alone = |case: &Case<'_>| others().all(|(_, other)| other.find(&case.view).is_none());
            let reaching: Vec<_> = matching.iter().filter(|case| block.find(&case.view).is_some()).collect();
            let help = add_a_match(block);
            if reaching.is_empty() {
                let what =
                    text!("no example reaches match block {number}", "nenhum exemplo chega ao bloco de match {number}");
                self.document.note_as(code::BLOCK_UNREACHED, self.severity(), written.span.clone(), what, Some(help));
            } else if !reaching.iter().any(|case| alone(case)) {
                let what = text!(
                    "no example reaches match block {number} alone: with a wrong letter in it all would still match",
                    "nenhum exemplo chega só ao bloco de match {number}: com uma letra errada nele todos ainda casariam"
                );
                self.document.advise(code::BLOCK_UNREACHED, written.span.clone(), what, Some(help));
            } else {
                self.check_words_reached(block, &written.any_words, &reaching);
            }
        }
    }

    /// Each word of `any_words` has an example that holds it and none of the others.
    fn check_words_reached(&self, block: &Block, written: &[Found<String>], reaching: &[&&Case<'_>]) {
        let Some(words) = block.tests.iter().find_map(|test| match &test.kind {
            Kind::AnyWords(words) => Some(words),
            _ => None,
        }) else {
            return;
        };
        let holds = |word: &Word, case: &Case<'_>| word.find(&case.view).is_some();
        let tried = |word: &Word| {
            reaching
                .iter()
                .any(|case| words.iter().all(|other| holds(other, case) == (other.folded.plain == word.folded.plain)))
        };
        let untried: Vec<&Word> = words.iter().filter(|word| !tried(word)).collect();
        let Some(first) = untried.first() else { return };
        let listed = untried.iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(", ");
        let span = written.iter().find(|found| found.value == first.written).map(|found| found.span.clone());
        let what =
            text!("no example has only this of any_words: {listed}", "nenhum exemplo tem, de any_words, só: {listed}");
        let subject = [sure_text(block), first.written.clone()].join(" ");
        let help = one_more(subject.trim());
        self.document.advise(code::BLOCK_UNREACHED, span.unwrap_or(0..0), what, Some(help));
    }

    pub(super) fn check_exceptions_reached(&self, cases: &[Case<'_>]) {
        let recipient = (!self.rule.except.recipients.is_empty()).then_some(ExceptLine::Recipient);
        for line in self.rule.except.lines().into_iter().chain(recipient) {
            let holds = |case: &Case<'_>| case.surroundings.holds(&self.rule.except, line, &case.view);
            let matching = || cases.iter().filter(|case| self.block(case).is_some());
            if !matching().any(holds) {
                let key = line.key();
                let with = match line {
                    ExceptLine::Words => "subject",
                    ExceptLine::Networks => "client",
                    _ => key,
                };
                let what = text!("no example reaches except.{key}", "nenhum exemplo chega a except.{key}");
                let help = text!(
                    "add a [[rule.example]] that would match, with a `{with}` that spares it, and expect = \"no match\"",
                    "acrescente um [[rule.example]] que casaria, com um `{with}` que o isente, e expect = \"no match\""
                );
                let span = self.written.except.span_of(line);
                self.document.note_as(code::EXCEPTION_UNREACHED, self.severity(), span, what, Some(help));
            } else if line == ExceptLine::Words {
                self.check_phrases_reached(&matching().collect::<Vec<_>>());
            }
        }
    }

    /// Each phrase of `except.words` has an example that it alone spares.
    fn check_phrases_reached(&self, matching: &[&Case<'_>]) {
        let phrases = &self.rule.except.words;
        for (at, (phrase, written)) in phrases.iter().zip(&self.written.except.words).enumerate() {
            let alone = |case: &&&Case<'_>| {
                let holds = |phrase: &[String]| case.view.plain().find_phrase(phrase).is_some();
                holds(phrase) && phrases.iter().enumerate().all(|(other, phrase)| other == at || !holds(phrase))
            };
            if !matching.iter().any(|case| alone(&case)) {
                let shown = &written.value;
                let what = text!(
                    "no example is spared by this phrase alone: {shown}",
                    "nenhum exemplo é isento só por esta frase: {shown}"
                );
                let help = text!(
                    "add a [[rule.example]] that would match, with “{shown}” in its subject, and expect = \"no match\"",
                    "acrescente um [[rule.example]] que casaria, com “{shown}” no assunto, e expect = \"no match\""
                );
                self.document.advise(code::EXCEPTION_UNREACHED, written.span.clone(), what, Some(help));
            }
        }
    }
}

/// Words that a subject may be made of to match the block, but for its `any_words`.
fn sure_text(block: &Block) -> String {
    let parts = block.tests.iter().filter_map(|test| match &test.kind {
        Kind::AllWords(words) => Some(words.iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(" ")),
        Kind::Phrase(_) => Some(test.written.clone()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn add_a_match(block: &Block) -> Text {
    let any = block.tests.iter().find_map(|test| match &test.kind {
        Kind::AnyWords(words) => words.first().map(|word| word.written.clone()),
        _ => None,
    });
    let subject = [sure_text(block), any.unwrap_or_default()].join(" ");
    let only_words = !block.tests.iter().any(|test| matches!(test.kind, Kind::Wildcard(_) | Kind::Regex(_)));
    if only_words {
        return one_more(subject.trim());
    }
    text!(
        "add a [[rule.example]] with expect = \"match\" whose subject it matches",
        "acrescente um [[rule.example]] com expect = \"match\" cujo assunto case com ele"
    )
}

/// The lines to add; a subject that really came is better.
fn one_more(subject: &str) -> Text {
    text!(
        "add, better with a subject that came: [[rule.example]] subject = \"{subject}\" expect = \"match\", on three lines",
        "acrescente, melhor com um assunto que chegou: [[rule.example]] subject = \"{subject}\" expect = \"match\", em três linhas"
    )
}
