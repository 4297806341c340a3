//! `[alert]`: whom somebody's trouble is told.

use super::super::settings::Alert;
use crate::{
    document::{Found, Table},
    policy::directory::Directory,
    smtp::path::{Host, Mailbox},
    text,
    webhook::{Url, UrlFault},
};

/// Mailboxes at most: each is a task, and a connection to a next hop for each alert. More people are a list's business.
const MAILBOXES: usize = 20;

/// `[alert]`; `directory` is none when it has faults itself.
pub(super) fn read(root: &Table<'_, '_>, directory: Option<&Directory>) -> Alert {
    let Some(table) = root.table("alert") else { return Alert::default() };
    let webhook = table.optional::<String>("webhook").and_then(|found| webhook(&table, &found));
    let written = table.list::<String>("mail_to");
    if written.len() > MAILBOXES {
        let what = text!(
            "`mail_to` has more than {MAILBOXES} addresses: write to a list",
            "`mail_to` tem mais de {MAILBOXES} endereços: escreva para uma lista"
        );
        table.document().fault(table.span_of("mail_to"), what, None);
    }
    let mail_to = written.iter().filter_map(|found| mailbox(&table, found, directory)).collect();
    table.finish();
    Alert { webhook, mail_to }
}

fn webhook(table: &Table<'_, '_>, written: &Found<String>) -> Option<Url> {
    let what = match Url::parse(&written.value) {
        Ok(url) => {
            if url.is_in_clear() {
                let what = text!(
                    "`webhook` is http://: alerts, and a secret in the address, can be read on the way",
                    "`webhook` é http://: os alertas, e um segredo no endereço, podem ser lidos no caminho"
                );
                table.document().warning(written.span.clone(), what, None);
            }
            return Some(url);
        }
        Err(UrlFault::NotHttp) => {
            text!("`webhook` is an https:// or http:// address", "`webhook` é um endereço https:// ou http://")
        }
        Err(UrlFault::User) => text!(
            "`webhook` has a user in it: a secret belongs into the path or the query",
            "`webhook` traz um usuário: o segredo fica no caminho ou na consulta"
        ),
    };
    table.document().fault(written.span.clone(), what, None);
    None
}

fn mailbox(table: &Table<'_, '_>, written: &Found<String>, directory: Option<&Directory>) -> Option<Mailbox> {
    let address = &written.value;
    let what = match Mailbox::parse(address) {
        None => text!("`{address}` is not a mail address", "`{address}` não é um endereço de correio"),
        Some(mailbox) if !mailbox.is_ascii() => text!(
            "`{address}` is not ASCII: not every next hop takes such an address",
            "`{address}` não é ASCII: nem todo próximo salto aceita um endereço assim"
        ),
        Some(mailbox) if directory.is_some_and(|directory| !serves(directory, &mailbox)) => text!(
            "`{address}` is in no [[domain]]: alerts leave through the next hop of their domain; for others there is `webhook`",
            "`{address}` não está em nenhum [[domain]]: os alertas saem pelo próximo salto do domínio; para os outros há `webhook`"
        ),
        Some(mailbox) => return Some(mailbox),
    };
    table.document().fault(written.span.clone(), what, None);
    None
}

fn serves(directory: &Directory, mailbox: &Mailbox) -> bool {
    matches!(&mailbox.host, Host::Domain(domain) if directory.domain_named(domain.as_str()).is_some())
}
