//! The contingency switch as it is told: in status, in alerts, in the log.
//!
//! In: the order of the policy in force, and the time. Out: values and lines. It decides nothing.

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    policy::{
        finding::Finding,
        scanning::Contingency,
        verdict::{ScanVerdict, ScannerReport},
    },
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

/// Counts, and says in the log, what a message met of the orders about scanning: each one that was not scanned, and each find that was
/// ignored, whatever became of it.
pub fn note(record: &Record, ending: &'static str) {
    let mut is_told = false;
    for report in &record.scanners {
        if let ScanVerdict::Contingency { mode, reason, ticket } = &report.verdict
            && !is_told
        {
            // Once for a message, however many groups were not asked.
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
        for (signature, ticket) in ignored(report) {
            metrics::counter!("portaria_ignored_total", "ticket" => ticket.to_owned()).increment(1);
            tracing::warn!(id = %record.id, ending, ?signature, ?ticket, "a find was ignored by an exception");
        }
    }
}

/// The finds of a report that exceptions name, and by which ticket. A scanner that names every rule that matched may have one ignored
/// and another that decides; one that names a single signature has it in the verdict alone.
fn ignored<'r>(report: &'r ScannerReport) -> Vec<(&'r str, &'r str)> {
    let by_exception = |finding: &'r Finding| Some((finding.rule.as_str(), finding.ignored.as_deref()?));
    let mut finds: Vec<_> = report.findings.iter().filter_map(by_exception).collect();
    if let ScanVerdict::Ignored { signature, ticket } = &report.verdict
        && !finds.iter().any(|(told, _)| told == signature)
    {
        finds.push((signature, ticket));
    }
    finds
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::{
        policy::{entry::Period, finding::Class, scanning::Mode},
        record::sample::record,
    };

    /// A find beside another that decides is ignored by somebody's word as well: who looks for an exception that is used must see it.
    #[test]
    fn every_find_that_is_ignored_is_counted_also_beside_one_that_decides() {
        let finding = |rule: &str, ignored: Option<&str>| Finding {
            rule: rule.into(),
            class: Class::Malware,
            severity: None,
            action: None,
            ignored: ignored.map(str::to_owned),
        };
        let report = |group: &str, verdict, findings| ScannerReport {
            group: group.into(),
            scanner: group.into(),
            verdict,
            took_ms: 1,
            version: None,
            findings,
            action: None,
        };
        let of =
            |signature: &str, ticket: &str| ScanVerdict::Ignored { signature: signature.into(), ticket: ticket.into() };
        let infected = ScanVerdict::Infected { signature: "YARA.b".into() };
        let mut record = record(1);
        record.scanners = vec![
            report("yara", infected, vec![finding("YARA.a", Some("REQ 1")), finding("YARA.b", None)]),
            report(
                "more",
                of("YARA.c", "REQ 2"),
                vec![finding("YARA.c", Some("REQ 2")), finding("YARA.d", Some("REQ 3"))],
            ),
            report("clamd", of("Eicar-Test", "REQ 2"), Vec::new()),
        ];
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || note(&record, "relayed"));
        let told = recorder.handle().render();
        for (ticket, count) in [("REQ 1", 1), ("REQ 2", 2), ("REQ 3", 1)] {
            assert!(told.contains(&format!("portaria_ignored_total{{ticket=\"{ticket}\"}} {count}\n")), "{told}");
        }
    }

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
