//! What spares a message, or one recipient, from a rule.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{view::View, wildcard::Wildcard};
use crate::{
    language::Text,
    policy::{directory::MailboxKey, network},
    smtp::path::{Host, Mailbox, ReversePath},
    text,
};

/// A compiled `[rule.except]`.
#[derive(Debug, Default)]
pub(super) struct Except {
    /// Reverse-paths.
    pub senders: Vec<SenderPattern>,
    /// Mailboxes: each spares only itself.
    pub recipients: Vec<MailboxKey>,
    /// Phrases, folded word by word. Only the plain reading spares: honest words have no need of a disguise.
    pub words: Vec<Vec<String>>,
    /// List-Id identifiers, in lower case.
    pub lists: Vec<String>,
    /// Networks of the client.
    pub networks: Vec<IpNet>,
}

/// One line of `[rule.except]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExceptLine {
    /// `sender`.
    Sender,
    /// `recipient`.
    Recipient,
    /// `words`.
    Words,
    /// `list`.
    List,
    /// `networks`.
    Networks,
}

impl ExceptLine {
    /// Its key in the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Words => "words",
            Self::List => "list",
            Self::Networks => "networks",
        }
    }
}

/// What exceptions look at beside the subject.
#[derive(Clone, Debug)]
pub(super) struct Circumstances<'a> {
    /// The reverse-path in the form of [`comparable`]; none when an example leaves it open.
    pub sender: Option<String>,
    /// The identifiers of the List-Id fields.
    pub lists: &'a [String],
    /// The client; none when an example leaves it open.
    pub client: Option<IpAddr>,
}

/// One entry of `sender`: a pattern of reverse-paths.
#[derive(Clone, Debug)]
pub(in crate::policy) enum SenderPattern {
    /// `<>`.
    Null,
    /// An address with `*`.
    Address(Wildcard),
}

impl SenderPattern {
    /// As somebody wrote it; or what is wrong with it, and what to write.
    pub(in crate::policy) fn parse(written: &str) -> Result<Self, (Text, Text)> {
        let what = if written == "<>" {
            return Ok(Self::Null);
        } else if written.chars().all(|c| "*@.?".contains(c)) {
            text!("`{written}` would spare every sender", "`{written}` isentaria qualquer remetente")
        } else if !is_pattern_of_addresses(written) {
            text!("`{written}` is no address", "`{written}` não é um endereço")
        } else {
            return Ok(Self::Address(Wildcard::new(&comparable(written), '*', None)));
        };
        let help = match written.rsplit_once('@') {
            None if !written.contains(['<', '>']) && !written.contains(char::is_whitespace) => {
                let domain = written.trim_start_matches(['*', '.']);
                text!("for a whole domain write \"*@{domain}\"", "para um domínio inteiro escreva \"*@{domain}\"")
            }
            Some(("", domain)) => {
                text!("for a whole domain write \"*@{domain}\"", "para um domínio inteiro escreva \"*@{domain}\"")
            }
            _ => text!(
                "such as \"*@bank.example\", \"notice@bank.example\", or \"<>\" for bounces",
                "por exemplo \"*@banco.example\", \"aviso@banco.example\", ou \"<>\" para devoluções"
            ),
        };
        Err((what, help))
    }

    /// Whether it means this reverse-path, in the form of [`comparable_path`].
    pub(in crate::policy) fn holds(&self, sender: &str) -> bool {
        match self {
            Self::Null => sender.is_empty(),
            Self::Address(wildcard) => !sender.is_empty() && wildcard.find(sender).is_some(),
        }
    }
}

impl Except {
    /// The lines that are written, but for `recipient`.
    pub(super) fn lines(&self) -> Vec<ExceptLine> {
        let lines = [
            (ExceptLine::Sender, self.senders.is_empty()),
            (ExceptLine::Words, self.words.is_empty()),
            (ExceptLine::List, self.lists.is_empty()),
            (ExceptLine::Networks, self.networks.is_empty()),
        ];
        lines.into_iter().filter(|(_, empty)| !empty).map(|(line, _)| line).collect()
    }

    /// Whether it spares nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.lines().is_empty() && self.recipients.is_empty()
    }

    /// The first line that spares the whole message.
    pub(super) fn sparing(&self, view: &View, around: &Circumstances<'_>) -> Option<ExceptLine> {
        self.lines().into_iter().find(|line| self.holds(*line, view, around))
    }

    /// Whether `line` spares the whole message. `recipient` never does.
    pub(super) fn holds(&self, line: ExceptLine, view: &View, around: &Circumstances<'_>) -> bool {
        match line {
            ExceptLine::Sender => {
                around.sender.as_ref().is_some_and(|sender| self.senders.iter().any(|pattern| pattern.holds(sender)))
            }
            ExceptLine::Recipient => false,
            ExceptLine::Words => self.words.iter().any(|phrase| view.plain().find_phrase(phrase).is_some()),
            ExceptLine::List => around.lists.iter().any(|list| self.lists.contains(&list.trim().to_lowercase())),
            ExceptLine::Networks => around.client.is_some_and(|client| network::is_in(client, &self.networks)),
        }
    }

    /// Whether `recipient` is spared.
    pub(super) fn spares_recipient(&self, recipient: &MailboxKey) -> bool {
        self.recipients.contains(recipient)
    }
}

/// A reverse-path as exceptions compare it: unquoted, in lower case, domain as A-labels; empty for the null path.
pub(in crate::policy) fn comparable_path(path: &ReversePath) -> String {
    match path {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => {
            let local_part = mailbox.local_part.unquoted();
            match &mailbox.host {
                Host::Domain(domain) => comparable(&format!("{local_part}@{}", domain.as_str())),
                Host::Literal(literal) => comparable(&format!("{local_part}@{literal}")),
            }
        }
    }
}

/// An address, or a pattern of one, in lower case and with the labels of its domain as A-labels (RFC 5890).
pub(super) fn comparable(address: &str) -> String {
    let lower = address.to_lowercase();
    match lower.rsplit_once('@') {
        Some((local_part, domain)) => {
            let labels: Vec<_> = domain.split('.').map(a_label).collect();
            format!("{local_part}@{}", labels.join("."))
        }
        None => lower,
    }
}

/// Whether some address can be what the pattern describes: with a letter for each `*` it is one. A label with `*` beside letters
/// that are not ASCII has no A-label form, and would match nothing.
pub(super) fn is_pattern_of_addresses(written: &str) -> bool {
    let domain = written.rsplit_once('@').map_or("", |(_, domain)| domain);
    let lost = |label: &str| !label.is_ascii() && label.contains('*');
    !domain.split('.').any(lost) && Mailbox::parse(&comparable(&written.replace('*', "x"))).is_some()
}

/// A label with a `*` beside letters that are not ASCII has no A-label form; it stays, and matches nothing.
fn a_label(label: &str) -> String {
    if label.is_ascii() { label.to_owned() } else { idna::domain_to_ascii(label).unwrap_or_else(|_| label.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_compared_without_case_and_with_its_domain_as_a_labels() {
        for (pattern, sender, expected) in [
            ("*@bancoparceiro.example", "Cobranca@BancoParceiro.Example", true),
            ("*@bancoparceiro.example", "x@mail.bancoparceiro.example", false),
            ("*@*.example", "x@a.b.example", true),
            ("*@bancoparceiro.example", "x@bancoparceiro.example.evil.test", false),
            ("*@justiça.example", "a@xn--justia-0ua.example", true),
            ("*@justiça.example", "a@JUSTIÇA.example", true),
            ("a?@x.example", "ab@x.example", false),
            ("<>", "", true),
            ("<>", "a@x.example", false),
            ("*@*.example", "", false),
        ] {
            let holds = |written: &str| match SenderPattern::parse(written) {
                Ok(parsed) => parsed.holds(&comparable(sender)),
                Err(_) => panic!("{written}"),
            };
            assert_eq!(holds(pattern), expected, "{pattern} {sender}");
        }
    }

    #[test]
    fn an_ipv4_client_is_the_same_on_a_dual_stack_socket() {
        let except = Except { networks: vec!["10.0.0.0/8".parse().unwrap()], ..Except::default() };
        let view = View::new(String::new());
        for (client, expected) in [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("192.0.2.1", false)] {
            let around = Circumstances { sender: None, lists: &[], client: client.parse().ok() };
            assert_eq!(except.sparing(&view, &around).is_some(), expected, "{client}");
        }
    }

    #[test]
    fn a_list_is_compared_without_case() {
        let except = Except { lists: vec!["avisos.tjpa.jus.br".to_owned()], ..Except::default() };
        let lists = [" Avisos.TJPA.jus.br".to_owned()];
        let around = Circumstances { sender: None, lists: &lists, client: None };
        assert_eq!(except.sparing(&View::new(String::new()), &around), Some(ExceptLine::List));
    }
}
