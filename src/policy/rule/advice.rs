//! Advice about a set that its files alone do not give: it depends on the day, or on what this gateway itself sends.

use std::time::{Duration, SystemTime};

use super::{Mode, Rule, RuleSet, code, view::View};
use crate::{
    document::{Code, Fault, Faults, Place, Severity},
    language::Text,
    message::subject::Subject,
    text,
};

/// How long before a rule ends somebody is told.
const ENDS_SOON: Duration = Duration::from_secs(7 * 86_400);

/// A rule that begins later than this is told of: so long in advance nobody knows an outbreak.
const STARTS_LATE: Duration = Duration::from_secs(90 * 86_400);

impl RuleSet {
    /// Advice that depends on the day: rules that ended, end within a week, or begin in a quarter of a year. Rules that are off are
    /// passed over.
    pub fn due(&self, now: SystemTime) -> Faults {
        let due = |rule: &Rule| {
            let id = &rule.id;
            let ends = rule.expires.as_ref().zip(rule.expires_place.as_ref());
            let starts =
                rule.starts.as_ref().filter(|date| date.at.duration_since(now).is_ok_and(|left| left > STARTS_LATE));
            let (what, place) = match ends {
                Some((date, place)) if date.at < now => {
                    let date = &date.written;
                    let what = text!(
                        "the rule {id} ended at {date} and does nothing",
                        "a regra {id} terminou em {date} e não faz nada"
                    );
                    (what, place)
                }
                Some((date, place)) if date.at.duration_since(now).is_ok_and(|left| left < ENDS_SOON) => {
                    let date = &date.written;
                    (text!("the rule {id} ends soon, at {date}", "a regra {id} termina em breve, em {date}"), place)
                }
                _ => {
                    let date = &starts?.written;
                    let what = text!(
                        "the rule {id} begins in more than three months, at {date}",
                        "a regra {id} só começa daqui a mais de três meses, em {date}"
                    );
                    (what, rule.starts_place.as_ref()?)
                }
            };
            let help = text!("give it another date, or mode = \"off\"", "dê a ela outra data, ou mode = \"off\"");
            Some(rule.advice(place, code::DUE, what, help))
        };
        Faults(self.rules.iter().filter(|rule| rule.mode != Mode::Off).filter_map(due).collect())
    }

    /// Rules that would catch one of these subjects, those of our own alerts: whoever holds or refuses them hears nothing when the
    /// gateway needs him. Rules that are off are passed over.
    pub fn catching(&self, own_subjects: &[String]) -> Faults {
        let catches = |rule: &Rule, subject: &String| {
            let view = View::of(&Subject::new(subject.clone().into_bytes()), &rule.fold);
            rule.blocks.iter().any(|block| block.find(&view).is_some())
        };
        let catching = |rule: &Rule| {
            let subject = own_subjects.iter().find(|subject| catches(rule, subject))?;
            let what = text!(
                "our own alerts match this rule: “{subject}”",
                "os nossos próprios alertas casam com esta regra: “{subject}”"
            );
            let help =
                text!("say more, or make that subject an exception", "diga mais, ou faça desse assunto uma exceção");
            Some(rule.advice(&rule.place, code::OUR_OWN, what, help))
        };
        Faults(self.rules.iter().filter(|rule| rule.mode != Mode::Off).filter_map(catching).collect())
    }
}

impl Rule {
    fn advice(&self, place: &Place, code: Code, what: Text, help: Text) -> Fault {
        Fault {
            place: Some(place.clone()),
            severity: Severity::Warning,
            code: Some(code),
            rule: Some(self.id.clone()),
            help: Some(help),
            ..Fault::about_file(&self.file, what)
        }
    }
}
