//! Tracking requests (clauses 10.1.1, 10.1.2) and records held by law: whose records may be looked at, of which days, and until when
//! they are kept (decision 43).
//!
//! In: what somebody asks for. Out: the request as it is registered, what may be searched for under it, or why not. It asks no clock.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    UnixMillis,
    term::{Sought, Term},
    window::Span,
};
use crate::policy::directory::MailboxKey;

/// Octets of a number.
const NUMBER: usize = 64;
/// Octets of any other text.
const TEXT: usize = 1000;
/// Mailboxes of one request.
const MAILBOXES: usize = 50;

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody wants to know: searches name it.
    Request,
    /// Records are kept beyond their time; nothing is searched under it.
    Hold,
}

/// A request, as it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The number that its people gave it.
    pub number: String,
    /// What it is for.
    pub kind: Kind,
    /// Who asks.
    pub who: String,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// The day on which it was received, which its window counts back from. None: a hold, which says its days itself.
    pub received: Option<Date>,
    /// The time zone of its days, as it was configured then.
    pub time_zone: String,
    /// What is kept as long as it is open, and may be searched.
    pub span: Span,
    /// Its window began before what retention keeps for sure: some of it may be gone already.
    pub late: bool,
    /// Whose records may be searched.
    pub scope: Scope,
    /// When it was registered.
    pub opened_at: UnixMillis,
    /// By which account.
    pub opened_by: String,
    /// Its end.
    pub closed: Option<Closed>,
}

/// The end of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: UnixMillis,
    /// By which account.
    pub by: String,
}

/// Whose records, and of which subject: any of the mailboxes, and all of the words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Mailboxes, of ours or elsewhere; none: everybody's.
    pub mailboxes: Vec<Asked>,
    /// Words of the subject; none: every subject.
    pub subject: Option<String>,
}

/// A mailbox that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// As it was written.
    pub written: String,
    /// The mailboxes that the directory said that is, when it was registered; none: it is not ours.
    pub keys: Vec<MailboxKey>,
}

/// Why something cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Empty, too long, or with control characters.
    Number,
    /// The same of who asks, or why.
    Text,
    /// Neither a mailbox nor a subject, or too many mailboxes, or one without a name.
    Scope,
    /// Received on a day to come.
    ToCome,
    /// A hold whose last day is before its first.
    Days,
}

impl Request {
    /// What is wrong with it, if something is; `today` in its time zone.
    pub fn wrong(&self, today: Date) -> Option<Wrong> {
        let plain = |text: &str, most: usize| {
            !text.trim().is_empty() && text.len() <= most && !text.contains(crate::language::acts_or_hides)
        };
        if !plain(&self.number, NUMBER) || self.number.trim() != self.number {
            return Some(Wrong::Number);
        }
        if ![Some(&self.who), self.reason.as_ref()].into_iter().flatten().all(|text| plain(text, TEXT)) {
            return Some(Wrong::Text);
        }
        if self.span.is_empty() {
            return Some(Wrong::Days);
        }
        if self.received.is_some_and(|received| received > today) {
            return Some(Wrong::ToCome);
        }
        (self.kind == Kind::Request && !self.scope.is_one()).then_some(Wrong::Scope)
    }
}

impl Scope {
    fn is_one(&self) -> bool {
        let subject = self.subject.as_deref();
        let says = !self.mailboxes.is_empty() || subject.is_some();
        let mailboxes = self.mailboxes.len() <= MAILBOXES && self.mailboxes.iter().all(Asked::is_said);
        let words = subject.is_none_or(|text| text.len() <= TEXT && Sought::words(text).is_some());
        says && mailboxes && words
    }

    /// What every record has that may be shown: at either end one of the mailboxes, and all of the words.
    pub fn sought(&self) -> Vec<Sought> {
        let mailboxes: Vec<Term> =
            self.mailboxes.iter().flat_map(|asked| [asked.sent(), asked.received()].concat()).collect();
        let mailboxes = (!mailboxes.is_empty()).then_some(Sought::AnyOf(mailboxes));
        let words = self.subject.as_deref().and_then(Sought::words).unwrap_or_default();
        mailboxes.into_iter().chain(words).collect()
    }
}

impl Asked {
    /// Nothing would be the null reverse-path: a request about all bounces, instead of about whom it forgot.
    fn is_said(&self) -> bool {
        !self.written.trim().is_empty() && self.written.len() <= TEXT
    }

    /// What the mailbox sent: under any alias as its mailbox was known then, and under this address.
    pub fn sent(&self) -> Vec<Term> {
        self.keys.iter().map(Term::from_mailbox).chain([Term::from_address(&self.written)]).collect()
    }

    /// What was meant for it.
    pub fn received(&self) -> Vec<Term> {
        self.keys.iter().map(Term::to_mailbox).chain([Term::to_address(&self.written)]).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{sample, term};

    /// For a mailbox, received on the day of the samples.
    pub(crate) fn request(number: &str, written: &str) -> Request {
        let received = jiff::civil::date(2026, 11, 21);
        let zone = jiff::tz::TimeZone::get("America/Belem").unwrap();
        let keys = vec![MailboxKey(written.replace("@tjpa.", "@tjepa."))];
        Request {
            number: number.to_owned(),
            kind: Kind::Request,
            who: "Corregedoria".to_owned(),
            reason: None,
            received: Some(received),
            time_zone: "America/Belem".to_owned(),
            span: crate::record::window::of_request(received, &zone).unwrap(),
            late: false,
            scope: Scope { mailboxes: vec![Asked { written: written.to_owned(), keys }], subject: None },
            opened_at: sample::BEGAN,
            opened_by: "root".to_owned(),
            closed: None,
        }
    }

    #[test]
    fn a_request_says_who_asks_about_whom_and_is_of_no_day_to_come() {
        let today = jiff::civil::date(2026, 11, 21);
        let good = request("REQ 2026/1", "fulano.tal@tjpa.jus.br");
        assert_eq!(good.wrong(today), None);
        let wrong = |change: &dyn Fn(&mut Request)| {
            let mut request = good.clone();
            change(&mut request);
            request.wrong(today)
        };
        assert_eq!(wrong(&|request| request.number = " ".to_owned()), Some(Wrong::Number));
        assert_eq!(wrong(&|request| request.number = "1\n2".to_owned()), Some(Wrong::Number));
        assert_eq!(wrong(&|request| request.number = "1".repeat(65)), Some(Wrong::Number));
        assert_eq!(wrong(&|request| request.who = String::new()), Some(Wrong::Text));
        assert_eq!(wrong(&|request| request.scope = Scope::default()), Some(Wrong::Scope));
        assert_eq!(wrong(&|request| request.scope.subject = Some("—".to_owned())), Some(Wrong::Scope));
        assert_eq!(wrong(&|request| request.scope.mailboxes[0].written = " ".to_owned()), Some(Wrong::Scope));
        assert_eq!(wrong(&|request| request.received = Some(today.tomorrow().unwrap())), Some(Wrong::ToCome));
        assert_eq!(wrong(&|request| request.span.until = request.span.from), Some(Wrong::Days));
        assert_eq!(wrong(&|request| (request.scope, request.kind) = (Scope::default(), Kind::Hold)), None);
    }

    /// Both directions, any alias, and nobody else's.
    #[test]
    fn the_scope_is_the_mailbox_at_either_end() {
        let mut record = sample::record(1);
        let sought = |written: &str| request("1", written).scope.sought();
        let shown = |record: &super::super::Record, written: &str| {
            sought(written).iter().all(|sought| sought.is_in(&term::of(record)))
        };
        assert!(shown(&record, "fulano.tal@tjpa.jus.br"));
        assert!(shown(&record, "remetente@example.com"));
        assert!(!shown(&record, "outra@tjpa.jus.br"));
        record.reverse_path = "alias@tjpa.jus.br".to_owned();
        record.reverse_path_mailbox = Some(MailboxKey("outra@tjepa.jus.br".to_owned()));
        assert!(shown(&record, "outra@tjpa.jus.br"));
    }
}
