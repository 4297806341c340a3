//! One line for each decision, with stable field names; nothing that a client or next hop sent goes in unescaped.

use super::contingency;
use crate::{
    policy::verdict::{ScanVerdict, ScannerReport},
    record::{Cause, Ending, Fate, Record},
    relay::event::HoldFault,
};

/// The line of a finished transaction. Text from outside is printed in Rust's quoted form, which escapes line ends, control
/// octets and invisible characters, so that one event stays one line and a terminal stays as it is. One whose record is `folded` into the
/// counts of its minute has a line only where somebody looks for every trifle: a flood must not fill the log either.
pub fn transaction(record: &Record, folded: bool) {
    let ending = ending_name(record.ending);
    metrics::counter!("portaria_transactions_total", "ending" => ending).increment(1);
    if let Some(size) = record.size {
        metrics::histogram!("portaria_message_octets").record(size as f64);
    }
    let seconds = record.ended.saturating_sub(record.began) as f64 / 1000.0;
    metrics::histogram!("portaria_transaction_seconds").record(seconds);
    if let Some(application) = &record.application {
        let (id, recipients) = (application.id.clone(), recipients_of(record));
        metrics::counter!("portaria_application_messages_total", "application" => id.clone(), "ending" => ending)
            .increment(1);
        for (reach, count) in recipients {
            metrics::counter!("portaria_application_recipients_total", "application" => id.clone(), "reach" => reach)
                .increment(count);
        }
    }
    for rule in &record.rules {
        let mode = if rule.mode == crate::policy::rule::Mode::Enforce { "enforce" } else { "observe" };
        metrics::counter!("portaria_rule_matches_total", "rule" => rule.rule.clone(), "mode" => mode).increment(1);
    }
    if folded {
        tracing::debug!(ending, client = %record.client.address, cause = ?cause(record), "a refused transaction, counted");
        return;
    }
    contingency::note(record, ending);
    let recipients: Vec<&str> = record.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
    tracing::info!(
        id = %record.id,
        ending,
        cause = ?cause(record),
        client = %record.client.address,
        application = record.application.as_ref().map(|application| application.id.as_str()),
        from = ?record.reverse_path,
        to = ?recipients,
        size = record.size.unwrap_or_default(),
        subject = ?record.first_subject(),
        reply = ?record.reply,
        "transaction"
    );
}

/// Recipients of what was taken of an application, in domains of ours and elsewhere.
fn recipients_of(record: &Record) -> [(&'static str, u64); 2] {
    let taken = record.recipients.iter().filter(|it| matches!(it.fate, Fate::Relayed | Fate::Held | Fate::Unknown));
    let (internal, internet): (Vec<_>, Vec<_>) = taken.partition(|recipient| recipient.mailbox.is_some());
    [("internal", internal.len() as u64), ("internet", internet.len() as u64)]
}

/// A stable name for metrics and logs.
pub fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Relayed => "relayed",
        Ending::Held => "held",
        Ending::RelayedAndHeld => "relayed_and_held",
        Ending::Refused => "refused",
        Ending::Deferred => "deferred",
        Ending::Abandoned => "abandoned",
        Ending::ClientGone => "client_gone",
        Ending::Unknown => "unknown",
    }
}

fn cause(record: &Record) -> String {
    match &record.cause {
        Cause::Nothing => String::new(),
        Cause::Rule { index } => {
            let rule = record.rules.get(*index).map_or("?", |rule| rule.rule.as_str());
            format!("rule {rule}")
        }
        Cause::Scanner { verdict } => match verdict {
            ScanVerdict::Infected { signature } => format!("infected {signature}"),
            other => other.name().to_owned(),
        },
        Cause::Policy { name, .. } => format!("policy {name}"),
        Cause::Limit { what } | Cause::Violation { what } | Cause::Gateway { what } | Cause::Client { what } => {
            what.clone()
        }
        Cause::NextHop { what } => format!("next hop: {what}"),
    }
}

/// The report of a scan that could not begin, because the content could not be given to any scanner.
pub fn no_content(fault: &HoldFault) -> ScannerReport {
    ScannerReport {
        group: "all".into(),
        scanner: "none".into(),
        verdict: ScanVerdict::Unavailable { text: fault.to_string() },
        took_ms: 0,
        version: None,
        findings: Vec::new(),
        action: None,
    }
}
