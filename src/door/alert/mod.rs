//! Alerts, joined: the gateway is looked at once a second, what changed goes into the log and to every route.
//!
//! | file | what |
//! |---|---|
//! | this one | the routes, what waits for each, the two loops |
//! | `look` | where each condition is seen |
//! | `send` | one attempt by one route, and the test of all |
//! | `mail` | a message to a next hop |
//!
//! Mail never waits for any of it: each route has a task and a bounded outbox of its own, and a message for a mailbox takes one
//! connection of its next hop's, as any client's does.
#![expect(clippy::disallowed_methods, reason = "a door reads the clock and hands it on as a value")]

mod look;
mod mail;
mod send;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::gateway::{Gateway, now};
use crate::{
    alert::{Event, Kind, Letterhead, Next, Notice, Outbox, Plan, Report, Severity, Standing, Watch},
    smtp::path::Mailbox,
    webhook::Webhook,
};
pub use send::test;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Seven attempts in about ten minutes: who listens to a webhook is told now, or looks at something else.
const WEBHOOK: Plan = Plan {
    first_pause: Duration::from_secs(15),
    longest_pause: Duration::from_secs(240),
    patience: Duration::from_secs(600),
};

/// Mail may have to wait for the very next hop that it tells of. At most every five minutes, for half a day.
const MAIL: Plan = Plan {
    first_pause: Duration::from_secs(15),
    longest_pause: Duration::from_secs(300),
    patience: Duration::from_secs(12 * 60 * 60),
};

/// What stands, and whom it is told.
pub struct Alerts {
    watch: Mutex<Watch>,
    head: Letterhead,
    routes: Vec<Route>,
}

/// One way out. Each mailbox is one of its own: behind another next hop it must not wait for this one's.
struct Route {
    to: Destination,
    outbox: Mutex<Outbox<Arc<Notice>>>,
    /// Something was put into the outbox.
    more: Notify,
    /// How the last attempt ended.
    last: Mutex<Option<String>>,
}

enum Destination {
    Webhook(Webhook),
    Mail(Mailbox),
}

impl Destination {
    /// Stable, for metrics and JSON.
    fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Mail(_) => "mail",
        }
    }

    /// Without secrets.
    fn shown(&self) -> String {
        match self {
            Self::Webhook(webhook) => webhook.url().to_string(),
            Self::Mail(mailbox) => mailbox.to_string(),
        }
    }
}

impl Alerts {
    /// A route for the webhook, if there is one, and one for each mailbox of the letterhead. Without any, conditions are still
    /// watched: for the log, `portaria status` and the metrics.
    pub fn new(head: Letterhead, webhook: Option<Webhook>) -> Self {
        let webhook = webhook.map(|webhook| (Destination::Webhook(webhook), WEBHOOK));
        let mail = head.to.iter().map(|mailbox| (Destination::Mail(mailbox.clone()), MAIL));
        let route = |(to, plan)| Route {
            to,
            outbox: Mutex::new(Outbox::new(plan)),
            more: Notify::new(),
            last: Mutex::default(),
        };
        let routes = webhook.into_iter().chain(mail).map(route).collect();
        Self { watch: Mutex::default(), routes, head }
    }

    /// How many routes there are: each needs its [`deliver`].
    pub fn routes(&self) -> usize {
        self.routes.len()
    }

    /// What stands, for `portaria status` and `portaria alert list`. Texts are made where the person is, in their language.
    pub fn standing(&self) -> Vec<serde_json::Value> {
        let row = |standing: Standing| {
            serde_json::json!({
                "condition": standing.condition.kind.key(),
                "subject": standing.condition.subject,
                "severity": standing.condition.facts().severity.name(),
                "since": self.head.rfc3339(standing.since),
                "detail": standing.detail,
            })
        };
        lock(&self.watch).standing().map(row).collect()
    }

    /// Each route, for `portaria status`.
    pub fn routes_status(&self) -> Vec<serde_json::Value> {
        let row = |route: &Route| {
            serde_json::json!({
                "route": route.to.name(),
                "to": route.to.shown(),
                "waiting": lock(&route.outbox).waiting(),
                "last": *lock(&route.last),
            })
        };
        self.routes.iter().map(row).collect()
    }

    fn tell(&self, report: Report) {
        log(&report, &self.head);
        let notice = Arc::new(Notice::of(uuid::Uuid::new_v4().simple().to_string(), report));
        for route in &self.routes {
            if lock(&route.outbox).push(notice.clone(), now().monotonic).is_some() {
                route.count("dropped");
                tracing::warn!(
                    route = route.to.name(),
                    "an alert that could not be delivered had to make room for a newer one"
                );
            }
            route.more.notify_one();
        }
    }

    fn measure(&self) {
        let standing: Vec<Kind> = lock(&self.watch).standing().map(|standing| standing.condition.kind).collect();
        for kind in Kind::ALL {
            let count = standing.iter().filter(|standing| *standing == kind).count();
            metrics::gauge!("portaria_alerts", "condition" => kind.key()).set(count as f64);
        }
    }
}

/// Looks at the gateway once a second, until it drains.
pub async fn watch(gateway: Arc<Gateway>) {
    let mut look = look::Look::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = gateway.draining() => return,
        }
        let (alerts, moment) = (&gateway.alerts, now());
        let found = look.at(&gateway, moment.wall);
        let reports = lock(&alerts.watch).look(found, moment.monotonic, moment.wall);
        for report in reports {
            alerts.tell(report);
        }
        alerts.measure();
    }
}

/// Delivers what is put into the outbox of the n-th route, until the gateway drains. What waits then is lost, and said to be.
pub async fn deliver(gateway: Arc<Gateway>, nth: usize) {
    let Some(route) = gateway.alerts.routes.get(nth) else { return };
    tokio::select! {
        () = deliver_all(&gateway, route) => {}
        () = gateway.draining() => {
            let waiting = lock(&route.outbox).waiting();
            if waiting > 0 {
                tracing::warn!(route = route.to.name(), waiting, "the gateway stops with alerts that are not delivered");
            }
        }
    }
}

async fn deliver_all(gateway: &Gateway, route: &Route) {
    loop {
        let next = lock(&route.outbox).next(Instant::now());
        match next {
            Next::Nothing => route.more.notified().await,
            Next::Wait(until) => tokio::time::sleep_until(until.into()).await,
            Next::Try(number, notice) => route.attempt(number, &notice, gateway).await,
        }
    }
}

impl Route {
    async fn attempt(&self, number: u64, notice: &Notice, gateway: &Gateway) {
        let sent = self.to.send(notice, gateway).await;
        let (name, id, event) = (self.to.name(), &notice.id, notice.event());
        *lock(&self.last) = Some(match &sent {
            Ok(words) => words.clone(),
            Err(fault) => fault.to_string(),
        });
        match sent {
            Ok(words) => {
                lock(&self.outbox).done(number);
                self.count("delivered");
                tracing::info!(route = name, id, event, words, "an alert was delivered");
            }
            Err(fault) if fault.is_final => {
                lock(&self.outbox).done(number);
                self.count("given_up");
                tracing::error!(route = name, id, event, fault = ?fault.to_string(), "an alert cannot be delivered");
            }
            Err(fault) => {
                let given_up = lock(&self.outbox).failed(number, Instant::now());
                self.count(if given_up { "given_up" } else { "failed" });
                tracing::warn!(route = name, id, event, given_up, fault = ?fault.to_string(), "an alert was not delivered");
            }
        }
    }

    fn count(&self, result: &'static str) {
        metrics::counter!("portaria_alert_deliveries_total", "route" => self.to.name(), "result" => result)
            .increment(1);
    }
}

/// An alert that nobody is told of by any route stands in the log all the same.
fn log(report: &Report, head: &Letterhead) {
    let facts = report.condition.facts();
    let (condition, since) = (report.condition.to_string(), head.rfc3339(report.since));
    let (event, what, detail) = (report.event.name(), facts.what.en, &report.detail);
    match (report.event, facts.severity) {
        (Event::Cleared, _) => tracing::info!(condition, event, since, what, "alert"),
        (_, Severity::Critical) => tracing::error!(condition, event, since, what, detail = ?detail, "alert"),
        (_, Severity::Warning) => tracing::warn!(condition, event, since, what, detail = ?detail, "alert"),
    }
}

/// Nothing that panics runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
