//! The examples of a rule, run at every check: what an editor says of a rule is true, or the rule is not loaded.
//!
//! Examples look at patterns and exceptions only. Mode, dates and scope are the file's outside, and change without the
//! examples changing.

use std::net::IpAddr;

use super::{
    Resolve, Rule, addresses, code,
    except::{Circumstances, Except, ExceptLine, comparable, is_pattern_of_addresses},
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
pub(super) struct Case<'e> {
    pub written: &'e WrittenExample,
    pub view: View,
    pub surroundings: Surroundings,
}

/// What an example says beside its subject.
pub(super) struct Surroundings {
    lists: Vec<String>,
    sender: Option<String>,
    client: Option<IpAddr>,
    recipient: Option<MailboxKey>,
}

impl Surroundings {
    /// None when something in it is no address.
    pub(super) fn of(example: &WrittenExample, resolve: Resolve<'_>) -> Option<Self> {
        let mailbox = |address: &Found<String>| resolve(&address.value).ok_or(());
        let client = |client: &Found<String>| client.value.parse().map_err(|_| ());
        Some(Self {
            lists: example.list.iter().map(|list| list.value.clone()).collect(),
            sender: example.sender.as_ref().map(|sender| sender_of(&sender.value)),
            client: example.client.as_ref().map(client).transpose().ok()?,
            recipient: example.recipient.as_ref().map(mailbox).transpose().ok()?,
        })
    }

    fn around(&self) -> Circumstances<'_> {
        Circumstances { sender: self.sender.clone(), lists: &self.lists, client: self.client }
    }

    /// Whether this line spares the example.
    pub(super) fn holds(&self, except: &Except, line: ExceptLine, view: &View) -> bool {
        match line {
            ExceptLine::Recipient => self.recipient.as_ref().is_some_and(|key| except.spares_recipient(key)),
            _ => except.holds(line, view, &self.around()),
        }
    }

    /// The first line that spares it.
    pub(super) fn spared(&self, except: &Except, view: &View) -> Option<ExceptLine> {
        let recipient = || self.holds(except, ExceptLine::Recipient, view).then_some(ExceptLine::Recipient);
        except.sparing(view, &self.around()).or_else(recipient)
    }
}

impl Trial<'_, '_> {
    /// Runs the examples. Faults: an example that is not as it says, a kind without any, a block or exception that none reaches.
    pub(super) fn run(&self) {
        let before = self.document.errors();
        let examples = &self.written.examples;
        for (expect, name) in [(Expect::Match, "match"), (Expect::NoMatch, "no match")] {
            if !examples.iter().any(|example| example.expect == expect) {
                self.document.fault_as(
                    code::NO_EXAMPLE,
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
        self.check_surroundings(written);
        let subject = Subject::new(written.subject.value.clone().into_bytes());
        let surroundings = Surroundings::of(written, self.resolve)?;
        Some(Case { written, view: View::of(&subject, &self.rule.fold), surroundings })
    }

    fn check_surroundings(&self, written: &WrittenExample) {
        let fault = |found: &Found<String>, what| {
            self.document.fault_as(code::ADDRESS, found.span.clone(), what, None);
        };
        if let Some(client) = written.client.as_ref().filter(|client| client.value.parse::<IpAddr>().is_err()) {
            let address = &client.value;
            fault(client, text!("`{address}` is no IP address", "`{address}` não é um endereço IP"));
        }
        if let Some(recipient) = &written.recipient {
            addresses::mailbox(self.document, recipient, self.resolve);
        }
        let no_address = |sender: &&Found<String>| {
            !["", "<>"].contains(&sender.value.as_str())
                && (sender.value.contains('*') || !is_pattern_of_addresses(&sender.value))
        };
        if let Some(sender) = written.sender.as_ref().filter(no_address) {
            let address = &sender.value;
            fault(sender, text!("`{address}` is no address", "`{address}` não é um endereço"));
        }
    }

    /// The first block that holds of the example, from 0.
    pub(super) fn block(&self, case: &Case<'_>) -> Option<usize> {
        self.rule.blocks.iter().position(|block| block.find(&case.view).is_some())
    }

    fn check(&self, case: &Case<'_>) {
        let (what, why) =
            match (case.written.expect, self.block(case), case.surroundings.spared(&self.rule.except, &case.view)) {
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
            en: format!("as compared it is: {folded} · {en}"),
            pt: format!("como comparado: {folded} · {pt}"),
        };
        self.document.fault_as(code::EXAMPLE, case.written.subject.span.clone(), what, Some(help));
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
}

/// The sender of an example; both `""` and `"<>"` are the null reverse-path.
fn sender_of(written: &str) -> String {
    if written == "<>" { String::new() } else { comparable(written) }
}
