//! What the content was, as far as it is kept, and what the rules found in its subject.

use super::Account;
use crate::{
    cli::{
        escape::{escape, with_carets},
        words,
    },
    policy::rule::RuleMatch,
    record::{Record, subject::Hidden},
    text,
};

impl Account<'_> {
    pub(super) fn content(&mut self, record: &Record) {
        match record.size {
            Some(size) => self.say(0, &text!("Content: {size} octets", "Conteúdo: {size} octetos")),
            None => self.say(0, &text!("The content did not come whole", "O conteúdo não chegou inteiro")),
        }
        if let Some(sha256) = record.sha256.as_deref().map(escape) {
            self.line(1, &format!("SHA-256 {sha256}"));
        }
        if let Some(message_id) = record.message_id.as_deref().map(escape) {
            self.line(1, &format!("Message-ID: {message_id}"));
        }
        for subject in record.subjects.iter().map(|subject| escape(subject)) {
            self.line(1, &format!("Subject: {subject}"));
        }
        match &record.hidden_subjects {
            None => {}
            Some(Hidden::Hashed { whole, .. }) => {
                for hash in whole.iter().map(|hash| escape(hash)) {
                    self.say(
                        1,
                        &text!("Subject: #{hash} (only its hash is kept)", "Subject: #{hash} (guarda-se só o hash)"),
                    );
                }
            }
            Some(Hidden::Off) => self.say(1, &text!("Subject: not kept", "Subject: não se guarda")),
        }
    }

    pub(super) fn rules(&mut self, record: &Record) {
        let version = escape(&record.policy);
        if record.rules.is_empty() {
            self.say(0, &text!("No rule matched (policy {version})", "Nenhuma regra casou (política {version})"));
            return;
        }
        self.say(0, &text!("Rules that matched (policy {version})", "Regras que casaram (política {version})"));
        for rule in &record.rules {
            self.rule(record, rule);
        }
    }

    fn rule(&mut self, record: &Record, rule: &RuleMatch) {
        let (id, mode, action) = (escape(&rule.rule), words::mode(rule.mode), words::action(rule.action));
        let mode = self.style.say(&mode).to_owned();
        let (block, pattern, subject) = (rule.block, escape(&rule.pattern), rule.subject.saturating_add(1));
        self.line(1, &format!("{id} ({mode}; {action})"));
        self.say(
            2,
            &text!(
                "match block {block}, pattern \"{pattern}\", found in Subject {subject}:",
                "bloco match {block}, padrão \"{pattern}\", encontrado no campo Subject nº {subject}:"
            ),
        );
        self.found_place(record, rule);
        let spared: Vec<String> = rule
            .spared
            .iter()
            .filter_map(|&index| record.recipients.get(index))
            .map(|one| escape(&one.address))
            .collect();
        if !spared.is_empty() {
            let spared = spared.join(", ");
            self.say(2, &text!("its exceptions spare {spared}", "as suas exceções poupam {spared}"));
        }
    }

    /// Where in the subject, as far as it was kept.
    fn found_place(&mut self, record: &Record, rule: &RuleMatch) {
        if let Some((decoded, span)) = record.subjects.get(rule.subject).zip(rule.decoded_span) {
            self.marked(decoded, span);
        }
        self.say(2, &words::reading(rule.reading));
        if !rule.folded.is_empty() {
            self.marked(&rule.folded, rule.span);
        }
    }

    fn marked(&mut self, text: &str, span: (usize, usize)) {
        let (text, carets) = with_carets(text, span.0..span.1);
        self.line(2, &text);
        self.line(2, &carets);
    }
}
