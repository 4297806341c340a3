//! `portaria explain ID`: what happened to one message and why, in plain words and in order. A record in, text or JSON out.

use super::{
    escape::{escape, with_carets},
    rendering::{Rendering, Style, json_line},
    words,
};
use crate::{
    language::Text,
    policy::rule::RuleMatch,
    record::{AnsweredBy, Cause, Fate, Item, NextHopFacts, RecipientFacts, Record, subject::Hidden},
    text,
};

/// The width of `2026-11-21 08:00:00.000` and two spaces.
const TIME: usize = 25;

/// The whole account; with the quarantine item, if there is one.
pub fn explain(record: &Record, item: Option<&Item>, style: &Style) -> Rendering {
    if style.json {
        return Rendering::done(json_line(record));
    }
    let mut account = Account { style, out: format!("{}\n\n", record.id), time: Some(record.began) };
    account.client(record);
    for recipient in &record.recipients {
        account.recipient(record, recipient);
    }
    account.content(record);
    account.rules(record);
    account.scanners(record);
    if let Some(next_hop) = &record.next_hop {
        account.next_hop(next_hop);
    }
    account.time = Some(record.ended);
    account.end(record, item);
    Rendering::done(account.out)
}

/// Lines; the first after a time was set carries it.
struct Account<'a> {
    style: &'a Style,
    out: String,
    time: Option<i64>,
}

impl Account<'_> {
    /// One line; everything in it that came from outside is escaped already.
    fn say(&mut self, depth: usize, text: &Text) {
        let line = self.style.say(text).to_owned();
        self.line(depth, &line);
    }

    fn line(&mut self, depth: usize, line: &str) {
        let time = self.time.take().map(|at| self.style.time_to_the_millisecond(at)).unwrap_or_default();
        self.out += &format!("{time:TIME$}{}{line}\n", "  ".repeat(depth));
    }

    fn client(&mut self, record: &Record) {
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

    fn recipient(&mut self, record: &Record, recipient: &RecipientFacts) {
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

    fn content(&mut self, record: &Record) {
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

    fn rules(&mut self, record: &Record) {
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
        if record.hidden_subjects.is_none() {
            self.marked(&rule.folded, rule.span);
        }
    }

    fn marked(&mut self, text: &str, span: (usize, usize)) {
        let (text, carets) = with_carets(text, span.0..span.1);
        self.line(2, &text);
        self.line(2, &carets);
    }

    fn scanners(&mut self, record: &Record) {
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

    fn next_hop(&mut self, next_hop: &NextHopFacts) {
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

    fn end(&mut self, record: &Record, item: Option<&Item>) {
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

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        language::Language,
        policy::{
            finding::{Asked, Class, Finding, Severity},
            scanning::Mode,
            verdict::{ScanVerdict, ScannerReport},
        },
        record::sample,
    };

    fn style(language: Language) -> Style {
        Style { json: false, language, time_zone: TimeZone::get("America/Belem").unwrap() }
    }

    /// The whole account, word for word: what a person reads when somebody asks why.
    #[test]
    fn a_mixed_outcome_is_explained() {
        let item = sample::item(1, b"", b"x");
        let text = explain(&sample::record(1), Some(&item), &style(Language::En)).text;
        let expected = include_str!("explain_sample.txt");
        assert_eq!(text, expected);
    }

    #[test]
    fn it_is_explained_in_portuguese() {
        let text = explain(&sample::record(1), None, &style(Language::PtBr)).text;
        for line in [
            "2026-11-21 08:00:00.001  192.0.2.25 porta 40125 conectou-se a 0.0.0.0:25 e se apresentou como mx.example",
            "o próximo salto respondeu: 250 2.1.5 Ok",
            "bloco match 2, padrão \"cobrança\", encontrado no campo Subject nº 1:",
            "como comparado:",
            "clamd unix:/run/clamav/clamd.ctl: uma macro (Heuristics.OLE2.ContainsMacros) (12 ms)",
            "2026-11-21 08:00:00.413  Fim: entregue a alguns destinatários, retida para os outros",
            "foi para a quarentena; o item já não existe",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    /// Each rule of a scanner that matched, with what it asks for.
    #[test]
    fn the_rules_of_a_scanner_are_told() {
        let mut record = sample::record(1);
        let finding = |rule: &str, severity, action| {
            let (rule, class) = (rule.to_owned(), Class::Malware);
            Finding { rule, class, severity, action, ignored: None }
        };
        record.scanners[1].findings = vec![
            finding("YARA.Held", Some(Severity::High), Some(Asked::Quarantine)),
            finding("YARA.Trial", None, Some(Asked::Observe)),
            finding("YARA.Plain", Some(Severity::Low), None),
            Finding { ignored: Some("REQ 7".into()), ..finding("YARA.Known", None, Some(Asked::Refuse)) },
        ];
        let told = explain(&record, None, &style(Language::En)).text;
        for line in [
            "YARA.Held: malware; severity high; asks for quarantine\n",
            "YARA.Trial: malware; only observed\n",
            "YARA.Plain: malware; severity low; handled as [antivirus] says\n",
            "YARA.Known: malware; ignored by an exception (REQ 7)\n",
        ] {
            assert!(told.contains(line), "{line} is not in\n{told}");
        }
        let told = explain(&record, None, &style(Language::PtBr)).text;
        assert!(told.contains("YARA.Held: malware; gravidade alta; pede quarentena\n"), "{told}");
    }

    /// Who said so, if the client was announced; else not a word about it.
    #[test]
    fn who_announced_the_client_is_told() {
        let mut record = sample::record(1);
        let text = |record: &Record| explain(record, None, &style(Language::En)).text;
        assert!(!text(&record).contains("XCLIENT"));
        (record.client.name, record.client.announced_by) = (Some("mx.example".to_owned()), Some([10, 0, 0, 8].into()));
        let told = text(&record);
        assert!(told.contains("so says 10.0.0.8, with XCLIENT; its name there: mx.example\n"), "{told}");
    }

    /// Hostile text in every place that a client, a next hop or a scanner can reach: nothing acts.
    #[test]
    fn nothing_in_a_record_acts() {
        let bad = "x\u{1b}[2J\u{202e}\r\n\u{9b}".to_owned();
        let mut record = sample::record(1);
        record.client.hello = bad.clone();
        record.client.tls = Some(bad.clone());
        (record.client.name, record.client.announced_by) = (Some(bad.clone()), Some([10, 0, 0, 8].into()));
        record.reverse_path = bad.clone();
        record.message_id = Some(bad.clone());
        record.subjects = vec![bad.clone()];
        record.rules[0].folded = bad.clone();
        record.rules[0].pattern = bad.clone();
        record.scanners[0].findings = vec![Finding {
            rule: bad.clone(),
            class: Class::Macro,
            severity: None,
            action: None,
            ignored: Some(bad.clone()),
        }];
        let verdicts = [
            ScanVerdict::ScannerError { text: bad.clone() },
            ScanVerdict::Ignored { signature: bad.clone(), ticket: bad.clone() },
            ScanVerdict::Contingency { mode: Mode::Hold, reason: bad.clone(), ticket: bad.clone() },
        ];
        let report = record.scanners[0].clone();
        record.scanners = verdicts.map(|verdict| ScannerReport { verdict, ..report.clone() }).into();
        record.recipients[0].address = bad.clone();
        record.recipients[0].reply = bad.clone();
        record.recipients[1].refusal = Some((bad.clone(), bad.clone()));
        record.next_hop.as_mut().unwrap().reply = Some(bad.clone());
        record.cause = Cause::NextHop { what: bad.clone() };
        record.tagged = Some(bad.clone());
        record.reply = Some(bad.clone());
        for json in [false, true] {
            let said = explain(&record, None, &Style { json, ..style(Language::En) }).text;
            let acting = said.chars().find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
            assert_eq!(acting, None);
        }
    }

    /// JSON is the record itself.
    #[test]
    fn json_is_the_whole_record() {
        let json = explain(&sample::record(1), None, &Style { json: true, ..style(Language::En) }).text;
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), sample::record(1));
    }
}
