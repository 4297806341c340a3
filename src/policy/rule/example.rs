//! The examples of a rule, run at every check: what an editor says of a rule is true, or the rule is not loaded.
//!
//! Examples look at patterns and exceptions only. Mode, dates and scope are the file's outside, and change without the
//! examples changing.

use std::net::IpAddr;

use super::{
    Resolve, Rule, compile,
    except::{Circumstances, ExceptLine, comparable},
    file::{Expect, WrittenExample, WrittenRule},
    view::View,
};
use crate::{
    document::{Document, Found},
    language::Text,
    message::subject::Subject,
    policy::directory::MailboxKey,
    text,
};

/// A rule on trial.
pub(super) struct Trial<'t, 'd> {
    /// Takes the faults.
    pub document: &'t Document<'d>,
    /// As compiled, without a fault: its blocks are as many as the written ones.
    pub rule: &'t Rule,
    /// As written, for the places of faults.
    pub written: &'t WrittenRule,
    /// From an address to a mailbox.
    pub resolve: Resolve<'t>,
}

/// One example, ready to be looked at.
struct Case<'e> {
    written: &'e WrittenExample,
    view: View,
    lists: Vec<String>,
    sender: Option<String>,
    client: Option<IpAddr>,
    recipient: Option<MailboxKey>,
}

impl Trial<'_, '_> {
    /// Runs the examples. Faults: an example that is not as it says, a kind without any, a block or exception that none reaches.
    pub(super) fn run(&self) {
        let before = self.document.errors();
        let examples = &self.written.examples;
        for (expect, name) in [(Expect::Match, "match"), (Expect::NoMatch, "no match")] {
            if !examples.iter().any(|example| example.expect == expect) {
                self.document.fault(
                    self.written.span.clone(),
                    text!(
                        "the rule has no example with expect = \"{name}\"",
                        "a regra não tem exemplo com expect = \"{name}\""
                    ),
                    Some(text!(
                        "without one of each kind it is not loaded: [[rule.example]] subject = \"…\"",
                        "sem um de cada tipo ela não entra: [[rule.example]] subject = \"…\""
                    )),
                );
            }
        }
        let cases: Vec<_> = examples.iter().filter_map(|example| self.case(example)).collect();
        for case in &cases {
            self.check(case);
        }
        // While an example is wrong, what it does not reach says nothing.
        if self.document.errors() == before {
            self.check_blocks_reached(&cases);
            self.check_exceptions_reached(&cases);
        }
    }

    fn case<'e>(&self, written: &'e WrittenExample) -> Option<Case<'e>> {
        let subject = Subject::new(written.subject.value.clone().into_bytes());
        let mailbox = |address| compile::mailbox(self.document, address, self.resolve).ok_or(());
        Some(Case {
            written,
            view: View::of(&subject, &self.rule.fold),
            lists: written.list.iter().map(|list| list.value.clone()).collect(),
            sender: written.sender.as_ref().map(|sender| sender_of(&sender.value)),
            client: written.client.as_ref().map(|client| self.client(client)).transpose().ok()?,
            recipient: written.recipient.as_ref().map(mailbox).transpose().ok()?,
        })
    }

    fn client(&self, written: &Found<String>) -> Result<IpAddr, ()> {
        written.value.parse().map_err(|_| {
            let address = &written.value;
            let what = text!("`{address}` is no IP address", "`{address}` não é um endereço IP");
            self.document.fault(written.span.clone(), what, None);
        })
    }

    /// The first block that holds of the example, from 0.
    fn block(&self, case: &Case<'_>) -> Option<usize> {
        self.rule.blocks.iter().position(|block| block.find(&case.view).is_some())
    }

    fn spared_by(&self, case: &Case<'_>) -> Option<ExceptLine> {
        let recipient = || case.recipient.as_ref().is_some_and(|key| self.rule.except.spares_recipient(key));
        self.rule.except.sparing(&case.view, &case.around()).or_else(|| recipient().then_some(ExceptLine::Recipient))
    }

    fn check(&self, case: &Case<'_>) {
        let (what, why) = match (case.written.expect, self.block(case), self.spared_by(case)) {
            (Expect::Match, Some(_), None) | (Expect::NoMatch, None, _) | (Expect::NoMatch, _, Some(_)) => return,
            (Expect::Match, Some(_), Some(line)) => {
                let line = line.key();
                (
                    text!(
                        "this example does not match: an exception spares it",
                        "este exemplo não casa: uma exceção o isenta"
                    ),
                    text!("except.{line} holds", "except.{line} vale"),
                )
            }
            (Expect::Match, None, _) => {
                (text!("this example does not match", "este exemplo não casa"), self.why_not(&case.view))
            }
            (Expect::NoMatch, Some(at), None) => (
                text!("this example matches, and should not", "este exemplo casa, e não devia"),
                self.why(at, &case.view),
            ),
        };
        let texts = case.view.readings().map(|(_, folded)| folded.text.as_str()).collect::<Vec<_>>().join(" | ");
        let folded: String = texts.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
        let Text { en, pt } = why;
        let help = Text {
            en: format!("as compared it is: {folded}\n         {en}"),
            pt: format!("como comparado: {folded}\n         {pt}"),
        };
        self.document.fault(case.written.subject.span.clone(), what, Some(help));
    }

    fn why(&self, at: usize, view: &View) -> Text {
        let number = at + 1;
        let pattern =
            self.rule.blocks.get(at).and_then(|block| block.find(view)).map(|hit| hit.pattern).unwrap_or_default();
        text!("block {number} holds: {pattern}", "o bloco {number} vale: {pattern}")
    }

    fn why_not(&self, view: &View) -> Text {
        let lacks = self.rule.blocks.iter().enumerate().filter_map(|(at, block)| Some((at + 1, block.lacks(view)?)));
        let lacks: Vec<_> = lacks.collect();
        let joined = |part: fn(&Text) -> &String, block: &str| {
            lacks.iter().map(|(at, lack)| format!("{block} {at}: {}", part(lack))).collect::<Vec<_>>().join("; ")
        };
        Text { en: joined(|text| &text.en, "block"), pt: joined(|text| &text.pt, "bloco") }
    }

    fn check_blocks_reached(&self, cases: &[Case<'_>]) {
        for (at, (block, written)) in self.rule.blocks.iter().zip(&self.written.blocks).enumerate() {
            let reached = |case: &Case<'_>| case.written.expect == Expect::Match && block.find(&case.view).is_some();
            if !cases.iter().any(reached) {
                let number = at + 1;
                self.document.fault(
                    written.span.clone(),
                    text!("no example reaches match block {number}", "nenhum exemplo chega ao bloco de match {number}"),
                    Some(text!(
                        "add a [[rule.example]] with expect = \"match\" whose subject it matches",
                        "acrescente um [[rule.example]] com expect = \"match\" cujo assunto case com ele"
                    )),
                );
            }
        }
    }

    fn check_exceptions_reached(&self, cases: &[Case<'_>]) {
        let recipient = (!self.rule.except.recipients.is_empty()).then_some(ExceptLine::Recipient);
        for line in self.rule.except.lines().into_iter().chain(recipient) {
            let holds = |case: &Case<'_>| match line {
                ExceptLine::Recipient => {
                    case.recipient.as_ref().is_some_and(|key| self.rule.except.spares_recipient(key))
                }
                _ => self.rule.except.holds(line, &case.view, &case.around()),
            };
            if !cases.iter().any(|case| self.block(case).is_some() && holds(case)) {
                let key = line.key();
                let with = match line {
                    ExceptLine::Words => "subject",
                    ExceptLine::Networks => "client",
                    _ => key,
                };
                self.document.fault(
                    self.written.except.span_of(line),
                    text!("no example reaches except.{key}", "nenhum exemplo chega a except.{key}"),
                    Some(text!(
                        "add a [[rule.example]] that would match, with a `{with}` that spares it, and expect = \"no match\"",
                        "acrescente um [[rule.example]] que casaria, com um `{with}` que o isente, e expect = \"no match\""
                    )),
                );
            }
        }
    }
}

impl Case<'_> {
    fn around(&self) -> Circumstances<'_> {
        Circumstances { sender: self.sender.clone(), lists: &self.lists, client: self.client }
    }
}

/// The sender of an example; both `""` and `"<>"` are the null reverse-path.
fn sender_of(written: &str) -> String {
    if written == "<>" { String::new() } else { comparable(written) }
}
