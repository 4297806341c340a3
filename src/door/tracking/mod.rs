//! Tracking requests come in by the control socket, since the gateway alone writes the database; searches do not (`cli::track`). Where
//! records of a past period were laid out to be looked at, no gateway runs, and the command itself registers them.
//!
//! In: an order, the store, the directory, and the account that gives it. Out: what was registered, or the reason why not. Each order stands
//! in the audit trail before it is done.

mod retention;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::gateway::now;
use crate::{
    audit::{AuditFault, Trail},
    policy::directory::Directory,
    record::{
        UnixMillis,
        audit::{Action, Actor, Event},
        request::{Asked, Closed, Kind, Request, Scope, Wrong},
        unix_millis,
        window::{self, Span},
    },
    store::{Store, StoreFault},
};

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "order")]
pub enum Order {
    /// Register a request, or a hold.
    Open(Wanted),
    /// Close one.
    Close {
        /// Which.
        number: String,
        /// The person that the caller says it acts for.
        person: Option<String>,
    },
}

/// What is to be registered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// Its number.
    pub number: String,
    /// Who asks.
    pub who: String,
    /// Why.
    pub reason: Option<String>,
    /// Which days.
    pub days: Days,
    /// Mailboxes, as written.
    pub mailboxes: Vec<String>,
    /// Words of the subject.
    pub subject: Option<String>,
    /// The person that the caller says it acts for.
    pub person: Option<String>,
}

/// The days of a request.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Days {
    /// Counted back from the day on which it was received.
    Received(Date),
    /// From one day to another, both whole: records that are held.
    Held {
        /// The first.
        since: Date,
        /// The last.
        until: Date,
    },
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0:?}")]
    Wrong(Wrong),
    #[error("there is one with this number")]
    Taken(Box<Request>),
    #[error("no open request has this number")]
    NoneOpen,
    #[error("a day that no calendar has")]
    NoSuchDay,
    #[error("the audit trail cannot be written: {0}")]
    Audit(#[from] AuditFault),
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Refused {
    /// For scripts, and for the command that says it in words.
    fn word(&self) -> &'static str {
        match self {
            Self::Wrong(Wrong::Number) => "number",
            Self::Wrong(Wrong::Text) => "text",
            Self::Wrong(Wrong::Scope) => "scope",
            Self::Wrong(Wrong::ToCome) => "to_come",
            Self::Wrong(Wrong::Days) | Self::NoSuchDay => "days",
            Self::Taken(_) => "taken",
            Self::NoneOpen => "none_open",
            Self::Audit(_) => "audit",
            Self::Store(_) => "store",
        }
    }
}

/// How days are counted here, and how long records are kept.
#[derive(Clone, Debug)]
pub struct Tracking {
    /// `[gateway] timezone`
    pub time_zone: TimeZone,
    /// `[tracking] retention`
    pub retention: Duration,
    /// `[tracking] request_handling`
    pub handling: Duration,
    /// Where the audit trail is.
    pub data_dir: PathBuf,
}

impl Tracking {
    /// Does what an account orders, and says what became of it. `directory`: whose addresses belong together.
    pub async fn answer(&self, store: &Store, directory: &Directory, order: Order, account: String) -> Value {
        let at = unix_millis(now().wall);
        let done = match order {
            Order::Open(wanted) => self.open(store, directory, wanted, account, at).await,
            Order::Close { number, person } => self.close(store, &number, Actor { account, person }, at).await,
        };
        match done {
            Ok(request) => json!({ "ok": true, "request": request }),
            Err(refused) => {
                let present = match &refused {
                    Refused::Taken(request) => Some(request),
                    _ => None,
                };
                json!({ "ok": false, "refused": refused.word(), "error": refused.to_string(), "present": present })
            }
        }
    }

    async fn open(
        &self,
        store: &Store,
        directory: &Directory,
        wanted: Wanted,
        account: String,
        at: UnixMillis,
    ) -> Result<Request, Refused> {
        let actor = Actor { account: account.clone(), person: wanted.person.clone() };
        let request = self.request(wanted, directory, account, at)?;
        let today = self.date(at).ok_or(Refused::NoSuchDay)?;
        if let Some(wrong) = request.wrong(today) {
            return Err(Refused::Wrong(wrong));
        }
        if let Some(present) = store.request(&request.number).await? {
            return Err(Refused::Taken(Box::new(present)));
        }
        let action = match request.kind {
            Kind::Request => Action::TrackingRequestOpened,
            Kind::Hold => Action::RecordsHeld,
        };
        self.audit(actor, action, &request, at).await?;
        if store.open_request(&request).await? { Ok(request) } else { Err(Refused::Taken(Box::new(request))) }
    }

    fn request(
        &self,
        wanted: Wanted,
        directory: &Directory,
        account: String,
        at: UnixMillis,
    ) -> Result<Request, Refused> {
        let (kind, received, span) = match wanted.days {
            Days::Received(received) => (Kind::Request, Some(received), window::of_request(received, &self.time_zone)),
            Days::Held { since, until } => (Kind::Hold, None, Span::of_days(since, until, &self.time_zone)),
        };
        let span = span.ok_or(Refused::NoSuchDay)?;
        let kept = window::horizon(at, self.retention, self.handling, &self.time_zone).ok_or(Refused::NoSuchDay)?;
        let asked = |written: String| {
            let keys = directory.mailboxes_written(&written).unwrap_or_default();
            Asked { written, keys }
        };
        Ok(Request {
            number: wanted.number,
            kind,
            who: wanted.who,
            reason: wanted.reason,
            received,
            time_zone: self.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            span,
            late: span.from < kept,
            scope: Scope { mailboxes: wanted.mailboxes.into_iter().map(asked).collect(), subject: wanted.subject },
            opened_at: at,
            opened_by: account,
            closed: None,
        })
    }

    async fn close(&self, store: &Store, number: &str, actor: Actor, at: UnixMillis) -> Result<Request, Refused> {
        let present = store.request(number).await?.filter(|request| request.closed.is_none());
        let request = present.ok_or(Refused::NoneOpen)?;
        let action = match request.kind {
            Kind::Request => Action::TrackingRequestClosed,
            Kind::Hold => Action::RecordsNoLongerHeld,
        };
        let closed = Closed { at, by: actor.account.clone() };
        self.audit(actor, action, &request, at).await?;
        store.close_request(number, &closed).await?.ok_or(Refused::NoneOpen)
    }

    async fn audit(&self, actor: Actor, action: Action, request: &Request, at: UnixMillis) -> Result<(), Refused> {
        let written: Vec<&str> = request.scope.mailboxes.iter().map(|asked| asked.written.as_str()).collect();
        let mut detail = BTreeMap::from([
            ("who".to_owned(), request.who.clone()),
            ("from".to_owned(), Timestamp::from_millisecond(request.span.from).unwrap_or_default().to_string()),
            ("until".to_owned(), Timestamp::from_millisecond(request.span.until).unwrap_or_default().to_string()),
        ]);
        let more = [
            ("reason", request.reason.clone()),
            ("received", request.received.map(|day| day.to_string())),
            ("mailboxes", (!written.is_empty()).then(|| written.join(" "))),
            ("subject", request.scope.subject.clone()),
        ];
        detail.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let event = Event { at, actor, action, object: request.number.clone(), detail };
        let data_dir = self.data_dir.clone();
        let written = tokio::task::spawn_blocking(move || Trail::open(&data_dir)?.append(&event)).await;
        match written {
            Ok(written) => Ok(written.map(|_| ())?),
            Err(fault) => {
                let source = std::io::Error::other(fault);
                Err(AuditFault::Io { path: self.data_dir.clone(), source }.into())
            }
        }
    }

    fn date(&self, at: UnixMillis) -> Option<Date> {
        Some(Timestamp::from_millisecond(at).ok()?.to_zoned(self.time_zone.clone()).date())
    }
}
