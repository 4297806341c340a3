//! One attempt by one route.

use std::{sync::Arc, time::Duration};

use super::{Destination, mail};
use crate::{
    alert::Notice,
    door::gateway::{Gateway, now},
};

/// A next hop that is slow to answer gets this long for the whole message; a webhook has its own ten seconds.
const MAIL_TIMEOUT: Duration = Duration::from_secs(45);

/// Why it did not arrive. No text of it holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct SendFault {
    pub text: String,
    /// It would fail again.
    pub is_final: bool,
}

impl SendFault {
    /// It may go well another time.
    pub fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_final: false }
    }
}

impl Destination {
    /// What whoever took it said.
    pub(super) async fn send(&self, notice: &Notice, gateway: &Gateway) -> Result<String, SendFault> {
        let head = &gateway.alerts.head;
        match self {
            Self::Webhook(webhook) => match webhook.post(notice.json(head)).await {
                Ok(status) => Ok(status.to_string()),
                Err(fault) => Err(SendFault { text: fault.to_string(), is_final: fault.is_final() }),
            },
            Self::Mail(mailbox) => {
                let sending = mail::send(gateway, mailbox, notice.message(head));
                let late = |_| SendFault::passing("the next hop did not answer in time");
                tokio::time::timeout(MAIL_TIMEOUT, sending).await.map_err(late)?
            }
        }
    }
}

/// Sends a test by every route at once, one attempt each, whatever waits there: what each answered.
pub async fn test(gateway: &Arc<Gateway>) -> serde_json::Value {
    let notice = Arc::new(Notice::test(uuid::Uuid::new_v4().simple().to_string(), now().wall));
    let mut sending = tokio::task::JoinSet::new();
    for nth in 0..gateway.alerts.routes.len() {
        let (gateway, notice) = (gateway.clone(), notice.clone());
        sending.spawn(async move {
            let route = gateway.alerts.routes.get(nth)?;
            let sent = route.to.send(&notice, &gateway).await;
            let (result, words) = match &sent {
                Ok(words) => ("delivered", words.clone()),
                Err(fault) => ("failed", fault.to_string()),
            };
            route.count(if sent.is_ok() { "delivered" } else { "failed" });
            let row = serde_json::json!({
                "route": route.to.name(),
                "to": route.to.shown(),
                "result": result,
                "answer": words,
            });
            Some((nth, sent.is_ok(), row))
        });
    }
    let mut rows: Vec<_> = sending.join_all().await.into_iter().flatten().collect();
    rows.sort_by_key(|(nth, ..)| *nth);
    let ok = !rows.is_empty() && rows.iter().all(|(_, ok, _)| *ok);
    let rows: Vec<_> = rows.into_iter().map(|(.., row)| row).collect();
    serde_json::json!({ "ok": ok, "id": notice.id, "routes": rows })
}
