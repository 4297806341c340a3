//! What people ask of the quarantine through the control socket: release, approve, deny, delete, mark.
//!
//! In: an order, and the account at the other end of the socket, which the system vouches for. Out: what became of each of its objects.
//! An order is written into the audit trail before it takes effect; one that cannot be written is not carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Settings, state_name};
use crate::{
    audit::Trail,
    door::gateway::{Gateway, now},
    record::{
        TransactionId, UnixMillis,
        audit::{Action, Actor, Event},
        release::{Asked, Next, Release, ReleaseKind, ReleaseState, Word},
        unix_millis,
    },
    smtp::path::Mailbox,
    store::{Mark, OutboxFault, StoreFault},
};

/// An order about items or a release. All ids are whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "order")]
pub enum Order {
    /// Release items.
    Release {
        /// Which.
        items: Vec<TransactionId>,
        /// To analysts instead of the recipients, if there are any.
        #[serde(default)]
        analysts: Vec<String>,
        /// They know that the sender heard 5xx.
        #[serde(default)]
        copy_of_refused: bool,
        /// They know that an earlier release may have delivered it.
        #[serde(default)]
        again: bool,
    },
    /// The second person's yes.
    Approve {
        /// To which release.
        release: TransactionId,
    },
    /// The second person's no, or anybody's before it is sent again.
    Deny {
        /// To which release.
        release: TransactionId,
    },
    /// Delete items for ever.
    Delete {
        /// Which.
        items: Vec<TransactionId>,
    },
    /// Mark items.
    Mark {
        /// Which.
        items: Vec<TransactionId>,
        /// As what.
        mark: Mark,
    },
}

/// An order, by whom and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ordered {
    /// What.
    #[serde(flatten)]
    pub order: Order,
    /// The person that it is given for.
    #[serde(default)]
    pub person: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Carries out an order of an account. `ok` is true if all of it was done.
pub async fn carry_out(gateway: &Gateway, settings: &Settings, ordered: Ordered, account: String) -> Value {
    let actor = Actor { account, person: ordered.person.filter(|person| !person.trim().is_empty()) };
    let carrying = Carrying { gateway, settings, actor, reason: ordered.reason };
    let mut results = Vec::new();
    match ordered.order {
        Order::Release { items, analysts, copy_of_refused, again } => {
            for item in items {
                results.push(carrying.release(item, &analysts, copy_of_refused, again).await);
            }
        }
        Order::Approve { release } => results.push(carrying.decide(release, true).await),
        Order::Deny { release } => results.push(carrying.decide(release, false).await),
        Order::Delete { items } => {
            for item in items {
                results.push(carrying.delete(item).await);
            }
        }
        Order::Mark { items, mark } => {
            for item in items {
                results.push(carrying.mark(item, mark).await);
            }
        }
    }
    let all = results.iter().all(|result| result.get("ok").and_then(Value::as_bool) == Some(true));
    json!({ "ok": all, "results": results })
}

/// One order under way.
struct Carrying<'a> {
    gateway: &'a Gateway,
    settings: &'a Settings,
    actor: Actor,
    reason: String,
}

impl Carrying<'_> {
    async fn release(&self, item: TransactionId, analysts: &[String], copy_of_refused: bool, again: bool) -> Value {
        let object = item.to_string();
        let policy = self.gateway.policy();
        let is_served = |address: &&String| {
            Mailbox::parse(address).is_some_and(|mailbox| policy.directory.key_of(&mailbox).is_some())
        };
        if let Some(foreign) = analysts.iter().find(|address| !is_served(address)) {
            let error = format!("{foreign} is in no domain that is served here");
            return json!({ "ok": false, "object": object, "refused": "analyst_not_served", "address": foreign, "error": error });
        }
        let kind = if analysts.is_empty() { ReleaseKind::Original } else { ReleaseKind::Analyst };
        let requested = self.word();
        let chance = uuid::Uuid::new_v4().as_u128();
        let id = TransactionId::new(u64::try_from(requested.at).unwrap_or_default(), chance);
        let mut detail = vec![("release", id.to_string())];
        detail.extend((!analysts.is_empty()).then(|| ("analysts", analysts.join(" "))));
        detail.extend(copy_of_refused.then(|| ("copy_of_refused", "true".to_owned())));
        detail.extend(again.then(|| ("again", "true".to_owned())));
        if let Err(fault) = self.audit(Action::ReleaseRequested, &object, &detail) {
            return refused(&object, "audit", &fault);
        }
        let asked = Asked { id, kind, analysts: analysts.to_vec(), requested, copy_of_refused, again };
        match self.gateway.store.request_release(&item, asked).await {
            Ok(release) => {
                tracing::info!(id = %release.id, item = %item, by = ?self.actor.account, "a release was asked for");
                json!({ "ok": true, "item": object, "release": release.id, "state": release.state })
            }
            Err(fault) => self.not_done(Action::ReleaseRequested, &object, self.outbox_fault(&object, &fault)),
        }
    }

    async fn decide(&self, id: TransactionId, approves: bool) -> Value {
        let object = id.to_string();
        let action = if approves { Action::ReleaseApproved } else { Action::ReleaseDenied };
        if let Err(fault) = self.audit(action, &object, &[]) {
            return refused(&object, "audit", &fault);
        }
        match self.gateway.store.decide_release(&id, approves, self.word()).await {
            Ok(release) => {
                // Stopped after somebody had it: a restore has to read that in the trail, or that one gets it again.
                if matches!(release.state, ReleaseState::Partly | ReleaseState::Unknown) {
                    note_end(self.settings, &release, Next::Over(release.state));
                }
                json!({ "ok": true, "release": object, "item": release.item, "state": release.state })
            }
            Err(fault) => self.not_done(action, &object, self.outbox_fault(&object, &fault)),
        }
    }

    async fn delete(&self, item: TransactionId) -> Value {
        let object = item.to_string();
        if self.reason.trim().is_empty() {
            return refused(&object, "no_reason", "a reason is wanted");
        }
        if let Err(fault) = self.audit(Action::ItemDeleted, &object, &[]) {
            return refused(&object, "audit", &fault);
        }
        let deleted = self.gateway.store.delete_item(&item, &self.actor.account, &self.reason, self.at()).await;
        match deleted {
            Ok(()) => json!({ "ok": true, "item": object, "state": "deleted" }),
            Err(fault) => self.not_done(Action::ItemDeleted, &object, store_fault(&object, &fault)),
        }
    }

    async fn mark(&self, item: TransactionId, mark: Mark) -> Value {
        let object = item.to_string();
        let by = self.actor.person.as_ref().unwrap_or(&self.actor.account);
        match self.gateway.store.mark_item(&item, mark, by, self.at()).await {
            Ok(()) => json!({ "ok": true, "item": object }),
            Err(fault) => store_fault(&object, &fault),
        }
    }

    /// An order that stands in the trail and was not carried out has a second entry, which says so.
    fn not_done(&self, action: Action, object: &str, refused: Value) -> Value {
        let code = refused.get("refused").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Err(fault) = self.audit(action, object, &[("outcome", format!("not done: {code}"))]) {
            tracing::error!(object, fault, "that an order was not carried out is missing in the audit trail");
        }
        refused
    }

    fn outbox_fault(&self, object: &str, fault: &OutboxFault) -> Value {
        match fault {
            OutboxFault::Refused(refusal) => {
                let code = serde_json::to_value(refusal).ok().and_then(|code| Some(code.as_str()?.to_owned()));
                refused(object, &code.unwrap_or_default(), &refusal.to_string())
            }
            OutboxFault::Store(fault) => store_fault(object, fault),
        }
    }

    fn word(&self) -> Word {
        Word { at: self.at(), actor: self.actor.clone(), reason: self.reason.clone() }
    }

    fn at(&self) -> UnixMillis {
        unix_millis(now().wall)
    }

    fn audit(&self, action: Action, object: &str, detail: &[(&str, String)]) -> Result<(), String> {
        let mut all = BTreeMap::from([("reason".to_owned(), self.reason.clone())]);
        all.extend(detail.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        write(self.settings, self.at(), self.actor.clone(), action, object, all)
    }
}

/// The end of a release in the trail. That it happened cannot be taken back: what cannot be written is told.
pub(super) fn note_end(settings: &Settings, release: &Release, next: Next) {
    let Next::Over(state) = next else { return };
    let detail = BTreeMap::from([
        ("release".to_owned(), release.id.to_string()),
        ("outcome".to_owned(), state_name(state).to_owned()),
        ("said".to_owned(), release.said.clone()),
    ]);
    let at = release.settled_at.unwrap_or_default();
    let actor = release.requested.actor.clone();
    if let Err(fault) = write(settings, at, actor, Action::Released, release.item.as_str(), detail) {
        tracing::error!(id = %release.id, fault, "the end of a release could not be written into the audit trail");
    }
}

fn write(
    settings: &Settings,
    at: UnixMillis,
    actor: Actor,
    action: Action,
    object: &str,
    detail: BTreeMap<String, String>,
) -> Result<(), String> {
    let event = Event { at, actor, action, object: object.to_owned(), detail };
    // It waits for the disk, and perhaps for another process: the worker hands its sessions to another one before.
    let written = tokio::task::block_in_place(|| Trail::open(&settings.data_dir)?.append(&event));
    written.map(drop).map_err(|fault| format!("the audit trail cannot be written: {fault}"))
}

fn store_fault(object: &str, fault: &StoreFault) -> Value {
    match fault {
        StoreFault::NotFound => refused(object, "not_found", &fault.to_string()),
        StoreFault::Settled { .. } => refused(object, "state", &fault.to_string()),
        fault => {
            tracing::error!(object, %fault, "an order could not be carried out");
            refused(object, "store", &fault.to_string())
        }
    }
}

fn refused(object: &str, code: &str, error: &str) -> Value {
    json!({ "ok": false, "object": object, "refused": code, "error": error })
}
