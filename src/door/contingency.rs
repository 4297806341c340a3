//! The contingency switch as it is told: in status, in alerts, in the log.
//!
//! In: the order of the policy in force, and the time. Out: values and lines. It decides nothing.

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    policy::{scanning::Contingency, verdict::ScanVerdict},
    record::Record,
};

/// For `status --json`; null when there is no order, or it is over. `state`: `in_force`, or `not_begun`.
pub fn shown(order: Option<&Contingency>, now: SystemTime) -> Value {
    let Some(order) = order.filter(|order| !order.period.is_over(now)) else { return Value::Null };
    let left = order.period.expires.and_then(|expires| expires.duration_since(now).ok());
    json!({
        "state": if order.period.contains(now) { "in_force" } else { "not_begun" },
        "mode": order.mode,
        "groups": order.groups,
        "reason": order.reason,
        "ticket": order.ticket,
        "by": order.by,
        "starts": order.period.starts.map(rfc3339),
        "expires": order.period.expires.map(rfc3339),
        "left_seconds": left.map(|left| left.as_secs()),
    })
}

/// In one line, for an alert.
pub fn in_words(order: &Contingency) -> String {
    let groups = if order.groups.is_empty() { "all groups".to_owned() } else { order.groups.join(", ") };
    let expires = order.period.expires.map(rfc3339).unwrap_or_default();
    format!("{} ({groups}) until {expires}: {} ({}, {})", order.mode.name(), order.reason, order.ticket, order.by)
}

/// An instant as scripts read it, in UTC.
pub fn rfc3339(at: SystemTime) -> String {
    Timestamp::try_from(at).map(|at| at.to_string()).unwrap_or_default()
}

/// Counts, and says in the log, what a message met of the orders about scanning: each one that was not scanned, whatever became of it.
pub fn note(record: &Record, ending: &'static str) {
    let mut is_told = false;
    for report in &record.scanners {
        match &report.verdict {
            // Once for a message, however many groups were not asked.
            ScanVerdict::Contingency { mode, reason, ticket } if !is_told => {
                is_told = true;
                metrics::counter!("portaria_contingency_total", "mode" => mode.name()).increment(1);
                tracing::warn!(
                    id = %record.id,
                    ending,
                    mode = mode.name(),
                    reason = ?reason,
                    ticket = ?ticket,
                    from = ?record.reverse_path,
                    "not scanned by order: the contingency switch is in force"
                );
            }
            ScanVerdict::Ignored { signature, ticket } => {
                metrics::counter!("portaria_ignored_total", "ticket" => ticket.clone()).increment(1);
                tracing::warn!(id = %record.id, ending, signature = ?signature, ticket = ?ticket, "a find was ignored by an exception");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::policy::{entry::Period, scanning::Mode};

    #[test]
    fn an_order_is_told_until_it_is_over() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let order = Contingency {
            mode: Mode::Deliver,
            groups: vec!["clamd".into()],
            reason: "clamd crashes".into(),
            ticket: "REQ 1".into(),
            by: "s3b".into(),
            period: Period { starts: Some(at(10)), expires: Some(at(20)) },
        };
        let states = [9, 10, 19, 20].map(|second| shown(Some(&order), at(second))["state"].clone());
        assert_eq!(states, [json!("not_begun"), json!("in_force"), json!("in_force"), Value::Null]);
        assert_eq!(shown(None, at(10)), Value::Null);
        let told = shown(Some(&order), at(12));
        assert_eq!((&told["mode"], &told["left_seconds"]), (&json!("deliver"), &json!(8)));
        assert_eq!(told["expires"], "1970-01-01T00:00:20Z");
        assert_eq!(in_words(&order), "deliver (clamd) until 1970-01-01T00:00:20Z: clamd crashes (REQ 1, s3b)");
    }
}
