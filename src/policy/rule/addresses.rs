//! The exceptions of a rule, compiled: whose addresses, which lists, which networks, and what is wrong with how they are written.

use std::ops::Range;

use super::{
    Resolve, code,
    compile::Compiler,
    except::{Except, SenderPattern, comparable},
    file::WrittenExcept,
};
use crate::{
    document::{Document, Found},
    language::Text,
    policy::directory::MailboxKey,
    smtp::path::Mailbox,
    text,
};

/// Where anybody gets an address: an exception for one of these spares whoever wants to be spared. The large ones that Brazil uses.
const FREE_MAIL: [&str; 18] = [
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "hotmail.com.br",
    "outlook.com",
    "outlook.com.br",
    "live.com",
    "msn.com",
    "yahoo.com",
    "yahoo.com.br",
    "icloud.com",
    "uol.com.br",
    "bol.com.br",
    "terra.com.br",
    "ig.com.br",
    "globo.com",
    "proton.me",
    "protonmail.com",
];

impl Compiler<'_, '_> {
    /// The exceptions. What is wrong is in the document.
    pub(super) fn except(&self, written: &WrittenExcept, resolve: Resolve<'_>) -> Except {
        self.advise_on_senders(written);
        Except {
            senders: written.sender.iter().filter_map(|sender| self.sender(sender)).collect(),
            recipients: written
                .recipient
                .iter()
                .filter_map(|address| mailbox(self.document, address, resolve))
                .collect(),
            words: written.words.iter().filter_map(|phrase| self.phrase(phrase)).collect(),
            lists: written.list.iter().filter_map(|list| self.list(list)).collect(),
            networks: written.networks.iter().map(|network| network.value).collect(),
        }
    }

    /// Whoever sends writes the reverse-path himself. The null path is no name that one could borrow.
    fn advise_on_senders(&self, written: &WrittenExcept) {
        for sender in &written.sender {
            let domain = sender.value.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default();
            if FREE_MAIL.contains(&domain.as_str()) && sender.value.contains('*') {
                let what = text!(
                    "anybody can have an address at {domain}: this spares whoever wants it",
                    "qualquer um pode ter um endereço em {domain}: isto isenta quem quiser"
                );
                let help = text!("name whole addresses", "dê endereços inteiros");
                self.document.advise(code::FORGEABLE, sender.span.clone(), what, Some(help));
            }
        }
        let Some(first) = written.sender.iter().find(|sender| sender.value != "<>") else { return };
        if written.networks.is_empty() {
            let what = text!(
                "anybody can write this sender: an exception by sender alone can be forged",
                "qualquer um pode escrever este remetente: uma exceção só por remetente pode ser forjada"
            );
            let help = text!(
                "add networks = [\"…\"], from which this sender's mail comes; when mail from there is spared, take `sender` out",
                "acrescente networks = [\"…\"], de onde vem o correio desse remetente; quando bastar, retire `sender`"
            );
            self.document.advise(code::FORGEABLE, first.span.clone(), what, Some(help));
        }
    }

    fn sender(&self, found: &Found<String>) -> Option<SenderPattern> {
        let written = &found.value;
        let what = if written == "<>" {
            return Some(SenderPattern::Null);
        } else if written.chars().all(|c| "*@.?".contains(c)) {
            text!("`{written}` would spare every sender", "`{written}` isentaria qualquer remetente")
        } else if !is_pattern_of_addresses(written) {
            text!("`{written}` is no address", "`{written}` não é um endereço")
        } else {
            return Some(SenderPattern::new(written));
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
        self.no_address(&found.span, what, help);
        None
    }

    fn list(&self, found: &Found<String>) -> Option<String> {
        let odd = |c: char| c.is_whitespace() || "<>@*".contains(c);
        if found.value.is_empty() || found.value.contains(odd) {
            let written = &found.value;
            self.no_address(
                &found.span,
                text!("`{written}` is no list identifier", "`{written}` não é um identificador de lista"),
                text!(
                    "what stands between < and > in List-Id, such as \"notices.example.org\"",
                    "o que está entre < e > em List-Id, como \"avisos.example.org\""
                ),
            );
            return None;
        }
        Some(found.value.to_lowercase())
    }

    fn no_address(&self, span: &Range<usize>, what: Text, help: Text) {
        self.document.fault_as(code::ADDRESS, span.clone(), what, Some(help));
    }
}

/// Whether some address can be what the pattern describes: with a letter for each `*` it is one. A label with `*` beside letters
/// that are not ASCII has no A-label form, and would match nothing.
pub(super) fn is_pattern_of_addresses(written: &str) -> bool {
    let domain = written.rsplit_once('@').map_or("", |(_, domain)| domain);
    let lost = |label: &str| !label.is_ascii() && label.contains('*');
    !domain.split('.').any(lost) && Mailbox::parse(&comparable(&written.replace('*', "x"))).is_some()
}

/// The mailbox that an address names; an address that names none is a fault.
pub(super) fn mailbox(document: &Document<'_>, address: &Found<String>, resolve: Resolve<'_>) -> Option<MailboxKey> {
    let key = resolve(&address.value);
    if key.is_none() {
        let written = &address.value;
        document.fault_as(
            code::ADDRESS,
            address.span.clone(),
            text!("`{written}` is no address of a served domain", "`{written}` não é um endereço de domínio atendido"),
            Some(text!(
                "write the whole address of one mailbox, without `*`",
                "escreva o endereço inteiro de uma caixa, sem `*`"
            )),
        );
    }
    key
}
