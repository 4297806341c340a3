//! A report in words, and as JSON for a webhook. The keys of the JSON are stable (`docs/operations.md` lists them).

use std::time::SystemTime;

use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde_json::json;

use super::{
    condition::Severity,
    watch::{Event, Report},
};
use crate::{
    language::{Language, Text, acts_or_hides},
    smtp::path::Mailbox,
    text,
};

/// Characters of a name or of somebody's words, at most.
const PLAIN: usize = 400;

/// What every notice of a gateway has in common.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// Our host name, ASCII.
    pub hostname: String,
    /// Whom a mail is from: `postmaster` of the first domain.
    pub from: Mailbox,
    /// Whom mails are for.
    pub to: Vec<Mailbox>,
    /// In which language.
    pub language: Language,
    /// For times.
    pub time_zone: TimeZone,
}

/// What is delivered, the same by every route and at every attempt.
#[derive(Clone, Debug)]
pub struct Notice {
    /// For whoever gets it twice, because our next attempt crossed a late answer.
    pub id: String,
    said: Said,
}

#[derive(Clone, Debug)]
enum Said {
    Report(Report),
    /// `portaria alert test`
    Test(SystemTime),
}

impl Notice {
    /// Of a condition.
    pub fn of(id: String, report: Report) -> Self {
        Self { id, said: Said::Report(report) }
    }

    /// That alerts arrive.
    pub fn test(id: String, at: SystemTime) -> Self {
        Self { id, said: Said::Test(at) }
    }

    /// `raised`, `reminder`, `cleared`, `test`.
    pub fn event(&self) -> &'static str {
        match &self.said {
            Said::Report(report) => report.event.name(),
            Said::Test(_) => "test",
        }
    }

    /// When.
    pub fn at(&self) -> SystemTime {
        match &self.said {
            Said::Report(report) => report.at,
            Said::Test(at) => *at,
        }
    }

    /// The stable key of the condition; none for a test.
    pub fn condition(&self) -> Option<&'static str> {
        self.report().map(|report| report.condition.kind.key())
    }

    /// How bad it is; a test is a warning.
    pub fn severity(&self) -> Severity {
        self.report().map_or(Severity::Warning, |report| report.condition.facts().severity)
    }

    /// In one line, without the words of others: chat systems that a webhook feeds read `<…>` and `@…` as commands.
    pub fn title(&self, head: &Letterhead) -> String {
        let hostname = &head.hostname;
        let title = match &self.said {
            Said::Test(_) => text!(
                "[Portaria {hostname}] test: alerts arrive here",
                "[Portaria {hostname}] teste: os alertas chegam aqui"
            ),
            Said::Report(report) => {
                let facts = report.condition.facts();
                let (what, severity) = (&facts.what, |language| facts.severity.word(language));
                let (en, pt) = match report.event {
                    Event::Raised => (severity(Language::En).to_owned(), severity(Language::PtBr).to_owned()),
                    Event::Reminder => {
                        (format!("still {}", severity(Language::En)), format!("ainda {}", severity(Language::PtBr)))
                    }
                    Event::Cleared => ("over".to_owned(), "resolvido".to_owned()),
                };
                Text {
                    en: format!("[Portaria {hostname}] {en}: {}", what.en),
                    pt: format!("[Portaria {hostname}] {pt}: {}", what.pt),
                }
            }
        };
        title.in_language(head.language).to_owned()
    }

    /// What it means, and what to do next.
    pub fn next(&self, head: &Letterhead) -> String {
        let next = match &self.said {
            Said::Test(_) => {
                text!("Nothing: somebody typed `portaria alert test`.", "Nada: alguém digitou `portaria alert test`.")
            }
            Said::Report(report) if report.event == Event::Cleared => text!(
                "Nothing more. `portaria alert list` shows what still stands.",
                "Mais nada. `portaria alert list` mostra o que ainda persiste."
            ),
            Said::Report(report) => report.condition.facts().next,
        };
        next.in_language(head.language).to_owned()
    }

    /// The body of a mail, lines ending in LF.
    pub fn body(&self, head: &Letterhead) -> String {
        let say = |text: Text| text.in_language(head.language).to_owned();
        let mut lines = vec![self.title(head), String::new()];
        if let Some(report) = self.report() {
            let (since, at) = (head.time(report.since), head.time(report.at));
            lines.push(say(text!("Since:   {since}", "Desde:    {since}")));
            if report.event == Event::Cleared {
                lines.push(say(text!("Over at: {at}", "Até:      {at}")));
            }
            let detail = &report.detail;
            if !detail.is_empty() {
                lines.push(say(text!("Cause:   {detail}", "Causa:    {detail}")));
            }
            lines.push(String::new());
        }
        let next = self.next(head);
        lines.push(say(text!("What to do: {next}", "O que fazer: {next}")));
        let (hostname, id) = (&head.hostname, &self.id);
        let condition = self.report().map_or_else(|| "test".to_owned(), |report| report.condition.to_string());
        lines.extend([String::new(), "-- ".to_owned()]);
        lines.push(say(text!(
            "Portaria at {hostname}; condition {condition}; {id}",
            "Portaria em {hostname}; condição {condition}; {id}"
        )));
        lines.join("\n") + "\n"
    }

    /// For a webhook. `text` alone is what most chat systems want.
    pub fn json(&self, head: &Letterhead) -> String {
        let report = self.report();
        let subject = report.map(|report| &report.condition.subject).filter(|subject| !subject.is_empty());
        let what = report.map(|report| report.condition.facts().what.in_language(head.language).to_owned());
        json!({
            "version": 1,
            "id": self.id,
            "gateway": head.hostname,
            "event": self.event(),
            "condition": self.condition(),
            "subject": subject,
            "severity": self.severity().name(),
            "since": report.map(|report| head.rfc3339(report.since)),
            "at": head.rfc3339(self.at()),
            "text": self.title(head),
            "what": what,
            "next": self.next(head),
            "detail": report.map(|report| &report.detail),
            "language": head.tag(),
        })
        .to_string()
    }

    fn report(&self) -> Option<&Report> {
        match &self.said {
            Said::Report(report) => Some(report),
            Said::Test(_) => None,
        }
    }
}

impl Letterhead {
    /// In the configured time zone; a time that no calendar has becomes the first of all.
    pub(super) fn zoned(&self, at: SystemTime) -> Zoned {
        Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.time_zone.clone())
    }

    pub(super) fn tag(&self) -> &'static str {
        match self.language {
            Language::PtBr => "pt-BR",
            Language::En => "en",
        }
    }

    fn time(&self, at: SystemTime) -> String {
        self.zoned(at).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// In the configured time zone, with its offset.
    pub fn rfc3339(&self, at: SystemTime) -> String {
        self.zoned(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

/// Somebody's words on one line, without anything that acts or hides, and not without end (promise 9).
pub(super) fn plain(words: &str) -> String {
    let mut plain = String::new();
    for (count, c) in words.trim().chars().enumerate() {
        if count == PLAIN {
            plain.push('…');
            break;
        }
        if acts_or_hides(c) { plain.extend(c.escape_unicode()) } else { plain.push(c) }
    }
    plain
}

#[cfg(test)]
pub(super) mod tests;
