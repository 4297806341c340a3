//! Who came, what was said at MAIL and at each RCPT, and what became of each recipient.

use super::Account;
use crate::{
    cli::{escape::escape, words},
    record::{AnsweredBy, Fate, RecipientFacts, Record},
    text,
};

impl Account<'_> {
    pub(super) fn client(&mut self, record: &Record) {
        let client = &record.client;
        let (address, port) = (client.address, client.port);
        let (listener, hello) = (escape(&client.listener), escape(&client.hello));
        self.say(
            0,
            &text!(
                "{address} port {port} connected to {listener} and called itself {hello}",
                "{address} porta {port} conectou-se a {listener} e se apresentou como {hello}"
            ),
        );
        match client.tls.as_deref().map(escape) {
            Some(tls) => self.say(1, &text!("under TLS: {tls}", "com TLS: {tls}")),
            None => self.say(1, &text!("without TLS", "sem TLS")),
        }
        if let Some(by) = client.announced_by {
            let name = client.name.as_deref().map_or("?".to_owned(), escape);
            self.say(
                1,
                &text!(
                    "so says {by}, with XCLIENT; its name there: {name}",
                    "é o que diz {by}, com XCLIENT; nome lá: {name}"
                ),
            );
        }
        if let Some(application) = &record.application {
            let (id, state) = (escape(&application.id), application.state.name());
            let login = application.login.as_deref().map(|login| format!(", login {}", escape(login)));
            let login = login.unwrap_or_default();
            self.say(1, &text!("the application {id} ({state}{login})", "a aplicação {id} ({state}{login})"));
        }
        self.line(0, &format!("MAIL FROM:<{}>", escape(&record.reverse_path)));
    }

    pub(super) fn recipient(&mut self, record: &Record, recipient: &RecipientFacts) {
        let address = escape(&recipient.address);
        match recipient.mailbox.as_ref().map(|mailbox| escape(&mailbox.0)) {
            Some(mailbox) => self
                .say(0, &text!("RCPT TO:<{address}>, the mailbox {mailbox}", "RCPT TO:<{address}>, a caixa {mailbox}")),
            None => self.line(0, &format!("RCPT TO:<{address}>")),
        }
        let reply = escape(&recipient.reply);
        match recipient.answered_by {
            AnsweredBy::Gateway => self.say(1, &text!("the gateway answered: {reply}", "o gateway respondeu: {reply}")),
            AnsweredBy::NextHop => {
                self.say(1, &text!("the next hop answered: {reply}", "o próximo salto respondeu: {reply}"));
            }
        }
        if let Some((name, reason)) = &recipient.refusal {
            let (name, reason) = (escape(name), escape(reason));
            self.say(1, &text!("because: {reason} ({name})", "porque: {reason} ({name})"));
        }
        if recipient.fate != Fate::RefusedAtRcpt {
            self.say(1, &words::fate(recipient.fate));
        }
        let deciding = recipient.decided_by_rule.and_then(|index| record.rules.get(index));
        if let Some(rule) = deciding.map(|rule| escape(&rule.rule)) {
            self.say(1, &text!("decided by rule {rule}", "decidido pela regra {rule}"));
        }
        if recipient.downgraded {
            self.say(
                1,
                &text!(
                    "the rule says reject; it became quarantine, because one reply cannot refuse some recipients only",
                    "a regra diz reject; virou quarantine, pois uma resposta não pode recusar só alguns destinatários"
                ),
            );
        }
    }
}
