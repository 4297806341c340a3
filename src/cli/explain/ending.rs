//! What scanners and the next hop said, how it ended, and why.

use super::Account;
use crate::{
    cli::{escape::escape, words},
    language::Text,
    record::{Cause, Item, NextHopFacts, Record},
    text,
};

impl Account<'_> {
    pub(super) fn scanners(&mut self, record: &Record) {
        if record.scanners.is_empty() {
            self.say(0, &text!("No scanner was asked", "Nenhum antivírus foi consultado"));
            return;
        }
        self.say(0, &text!("Scanners", "Antivírus"));
        for report in &record.scanners {
            let verdict = words::verdict(&report.verdict);
            let (scanner, verdict, took) = (escape(&report.scanner), self.style.say(&verdict), report.took_ms);
            let line = format!("{scanner}: {verdict} ({took} ms)");
            self.line(1, &line);
            if let Some(version) = report.version.as_deref().map(escape) {
                self.line(2, &version);
            }
            for finding in &report.findings {
                let (rule, said) = (escape(&finding.rule), words::finding(finding));
                let said = self.style.say(&said).to_owned();
                let ticket = finding.ignored.as_deref().map_or_else(String::new, |it| format!(" ({})", escape(it)));
                self.line(2, &format!("{rule}: {said}{ticket}"));
            }
        }
    }

    pub(super) fn next_hop(&mut self, next_hop: &NextHopFacts) {
        let name = escape(&next_hop.name);
        match next_hop.address.as_deref().map(escape) {
            Some(address) => self.say(0, &text!("Next hop {name} at {address}", "Próximo salto {name} em {address}")),
            None => self.say(0, &text!("Next hop {name}, not reached", "Próximo salto {name}, não alcançado")),
        }
        if let Some(tls) = next_hop.tls.as_deref().map(escape) {
            self.say(1, &text!("under TLS: {tls}", "com TLS: {tls}"));
        }
        let attempts = next_hop.attempts;
        if attempts > 1 {
            self.say(1, &text!("{attempts} connections were tried", "{attempts} conexões foram tentadas"));
        }
        if next_hop.cut_through {
            let said = text!(
                "content flowed before the end of mail data (it is large); the final dot waited for the verdict",
                "o conteúdo fluiu antes do fim (é grande); o ponto final esperou o veredito"
            );
            self.say(1, &said);
        }
        if let Some(fault) = next_hop.fault.as_deref().map(escape) {
            self.say(1, &text!("what went wrong: {fault}", "o que deu errado: {fault}"));
        }
        match next_hop.reply.as_deref().map(escape) {
            Some(reply) => self.say(1, &text!("it said to the message: {reply}", "disse da mensagem: {reply}")),
            None => self.say(
                1,
                &text!("it never said anything to the whole message", "nunca disse nada sobre a mensagem inteira"),
            ),
        }
    }

    pub(super) fn end(&mut self, record: &Record, item: Option<&Item>) {
        let ending = words::ending(record.ending);
        let (en, pt) = (&ending.en, &ending.pt);
        self.say(0, &text!("Ended: {en}", "Fim: {pt}"));
        if let Some(cause) = cause(&record.cause, record) {
            self.say(1, &cause);
        }
        if let Some(tag) = record.tagged.as_deref().map(escape) {
            self.say(1, &text!("this field was put in front: {tag}", "este campo foi posto na frente: {tag}"));
        }
        self.would_be(record);
        match record.reply.as_deref().map(escape) {
            Some(reply) => self.say(1, &text!("the client heard: {reply}", "o cliente ouviu: {reply}")),
            None => self.say(1, &text!("the client heard nothing about it", "o cliente nada ouviu sobre ela")),
        }
        match item {
            Some(item) => {
                let (state, class) = (words::state(item.state), words::class(item.class));
                let (state_en, state_pt, class_en, class_pt) = (state.en, state.pt, class.en, class.pt);
                let Text { en: reason_en, pt: reason_pt } = words::reason(&item.reason);
                self.say(
                    1,
                    &text!(
                        "in the quarantine: {state_en}, class {class_en}, {reason_en}",
                        "na quarentena: {state_pt}, classe {class_pt}, {reason_pt}"
                    ),
                );
            }
            None if record.quarantined => self.say(
                1,
                &text!(
                    "it was put into the quarantine; its item is gone",
                    "foi para a quarentena; o item já não existe"
                ),
            ),
            None => {}
        }
    }

    /// What was decided of an application on trial, and not carried out.
    fn would_be(&mut self, record: &Record) {
        let Some(would_be) = record.application.as_ref().and_then(|application| application.would_be.as_ref()) else {
            return;
        };
        let (ending, reply) = (words::ending(would_be.ending), escape(&would_be.reply));
        let (en, pt) = (ending.en, ending.pt);
        self.say(1, &text!("on trial; it would have been {en}: {reply}", "em observação; teria sido {pt}: {reply}"));
        if let Some(cause) = cause(&would_be.cause, record) {
            self.say(2, &cause);
        }
    }
}

/// Why it ended so, as a sentence.
fn cause(cause: &Cause, record: &Record) -> Option<Text> {
    Some(match cause {
        Cause::Nothing => return None,
        Cause::Rule { index } => {
            let rule = record.rules.get(*index).map(|rule| escape(&rule.rule)).unwrap_or_default();
            text!("because of rule {rule}", "por causa da regra {rule}")
        }
        Cause::Scanner { verdict } => {
            let Text { en, pt } = words::verdict(verdict);
            text!("because of the scanner: {en}", "por causa do antivírus: {pt}")
        }
        Cause::Policy { name, reason } => {
            let (name, reason) = (escape(name), escape(reason));
            text!("because of policy: {reason} ({name})", "por causa da política: {reason} ({name})")
        }
        Cause::Limit { what } => {
            let what = escape(what);
            text!("because of a limit: {what}", "por causa de um limite: {what}")
        }
        Cause::Violation { what } => {
            let what = escape(what);
            text!("because the client broke the protocol: {what}", "porque o cliente violou o protocolo: {what}")
        }
        Cause::NextHop { what } => {
            let what = escape(what);
            text!("because of the next hop: {what}", "por causa do próximo salto: {what}")
        }
        Cause::Gateway { what } => {
            let what = escape(what);
            text!("because something of ours failed: {what}", "porque algo nosso falhou: {what}")
        }
        Cause::Client { what } => {
            let what = escape(what);
            text!("because of the client: {what}", "por causa do cliente: {what}")
        }
    })
}
