//! The exceptions of a rule, compiled: whose addresses, which lists, which networks, and what is wrong with how they are written.

use std::ops::Range;

use super::{
    Resolve, code,
    compile::Compiler,
    except::{Except, SenderPattern},
    file::WrittenExcept,
};
use crate::{
    document::{Document, Found},
    language::Text,
    policy::directory::MailboxKey,
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
        SenderPattern::parse(&found.value).map_err(|(what, help)| self.no_address(&found.span, what, help)).ok()
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
