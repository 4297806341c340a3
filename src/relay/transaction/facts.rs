//! The record of a transaction: begun at MAIL, completed at its end.

use super::{Recipient, Transaction};
use crate::{
    policy::{Policy, disposition::By, rule::Judgement, verdict::ScanVerdict},
    record::{Cause, ClientFacts, Ending, Fate, RecipientFacts, Record, TransactionId, UnixMillis, unix_millis},
    relay::event::Moment,
    smtp::{envelope::MailFrom, path::ReversePath},
};

pub(super) fn begin(id: &TransactionId, policy: &Policy, client: ClientFacts, mail: &MailFrom, now: Moment) -> Record {
    Record {
        reverse_path: mail.path.to_string(),
        reverse_path_mailbox: match &mail.path {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => policy.directory.key_of(mailbox),
        },
        policy: policy.version.clone(),
        ..blank(id.clone(), client, unix_millis(now.wall))
    }
}

/// A record in which nothing has happened yet.
fn blank(id: TransactionId, client: ClientFacts, began: UnixMillis) -> Record {
    Record {
        id,
        began,
        ended: began,
        client,
        application: None,
        reverse_path: String::new(),
        reverse_path_mailbox: None,
        recipients: Vec::new(),
        subjects: Vec::new(),
        hidden_subjects: None,
        list_ids: None,
        message_id: None,
        size: None,
        sha256: None,
        policy: String::new(),
        rules: Vec::new(),
        scanners: Vec::new(),
        next_hop: None,
        ending: Ending::Abandoned,
        cause: Cause::Nothing,
        tagged: None,
        reply: None,
        quarantined: false,
    }
}

pub(super) fn cause(by: By, deciding: &ScanVerdict) -> Cause {
    match by {
        By::Rule(index) => Cause::Rule { index },
        By::Antivirus => Cause::Scanner { verdict: deciding.clone() },
    }
}

/// Why a message is held or tagged, on one line.
pub(super) fn reason(by: By, judgement: &Judgement, deciding: &ScanVerdict) -> String {
    match by {
        By::Rule(index) => {
            let rule = judgement.matches.get(index).map_or("?", |matched| matched.rule.as_str());
            format!("rule {rule}")
        }
        By::Antivirus => match deciding {
            ScanVerdict::Infected { signature }
            | ScanVerdict::Encrypted { signature }
            | ScanVerdict::Macro { signature } => format!("{} {signature}", deciding.name()),
            ScanVerdict::Ignored { signature, ticket } => format!("ignored {signature} ({ticket})"),
            ScanVerdict::Contingency { mode, reason, ticket } => {
                format!("contingency {} ({reason}; {ticket})", mode.name())
            }
            ScanVerdict::Outdated { reason }
            | ScanVerdict::Ambiguous { reason }
            | ScanVerdict::NotFullyScanned { reason }
            | ScanVerdict::Poison { reason } => {
                format!("{} ({reason})", deciding.name())
            }
            ScanVerdict::ScannerError { text } | ScanVerdict::Unavailable { text } => {
                format!("{} ({text})", deciding.name())
            }
            ScanVerdict::Clean | ScanVerdict::NotScanned => deciding.name().to_owned(),
        },
    }
}

/// The client's doing, or ours for what it did.
pub(super) fn by_client(ending: Ending, how: &str) -> (Ending, Cause) {
    (ending, Cause::Client { what: how.to_owned() })
}

impl Transaction {
    /// When every recipient that was named was refused, that is how the transaction ended, whatever the client did next: for
    /// good if one of them was, since its sender hears of that one.
    pub(super) fn refused_envelope(&self) -> Option<(Ending, Cause)> {
        if self.recipients.iter().any(Recipient::is_accepted) {
            return None;
        }
        let for_good = self.recipients.iter().find(|recipient| recipient.facts.reply.starts_with('5'));
        let told = &for_good.or(self.recipients.first())?.facts;
        let ending = if for_good.is_some() { Ending::Refused } else { Ending::Deferred };
        let cause = match &told.refusal {
            Some((name, reason)) => Cause::Policy { name: name.clone(), reason: reason.clone() },
            None if let Some(what) = &self.own_fault => Cause::Gateway { what: what.clone() },
            None => Cause::NextHop { what: told.reply.clone() },
        };
        Some((ending, cause))
    }

    /// Sets what became of every recipient that was accepted.
    pub(super) fn set_fates(&mut self, fate: Fate) {
        for recipient in self.recipients.iter_mut().filter(|recipient| recipient.is_accepted()) {
            recipient.facts.fate = fate;
        }
    }

    /// The record as far as it is known now.
    pub(super) fn record_now(&self, now: Moment) -> Box<Record> {
        let recipients = self.recipients.iter().map(|recipient| recipient.facts.clone()).collect();
        self.complete(self.record.clone(), recipients, now)
    }

    /// The record of a transaction that is over. It is given away and not copied: nothing is added to it any more, and a blank one stays
    /// in its place.
    pub(super) fn last_record(&mut self, now: Moment) -> Box<Record> {
        let client = ClientFacts {
            listener: String::new(),
            address: self.record.client.address,
            port: self.record.client.port,
            name: None,
            announced_by: None,
            hello: String::new(),
            tls: None,
        };
        let blank = Box::new(blank(self.id.clone(), client, self.record.began));
        let record = std::mem::replace(&mut self.record, blank);
        let recipients = std::mem::take(&mut self.recipients);
        self.complete(record, recipients.into_iter().map(|recipient| recipient.facts).collect(), now)
    }

    fn complete(&self, mut record: Box<Record>, recipients: Vec<RecipientFacts>, now: Moment) -> Box<Record> {
        // Not the clock's difference: it may have been set meanwhile, and nothing ends before it began.
        let took = now.monotonic.saturating_duration_since(self.began).as_millis();
        record.ended = record.began.saturating_add(UnixMillis::try_from(took).unwrap_or(UnixMillis::MAX));
        record.recipients = recipients;
        record.next_hop = self.handover.as_ref().map(|handover| handover.facts().clone());
        record
    }
}
