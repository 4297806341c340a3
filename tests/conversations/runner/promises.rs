//! The promises of the gateway that can be seen from outside (`docs/promises.md`), checked at every output.
//!
//! In: what the session asked for and how the world answered. Out: a fault for each promise that is broken. It does not know
//! scripts.

use std::collections::{BTreeMap, BTreeSet};

use portaria::{
    policy::{
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::{VerdictAction, VerdictActions},
    },
    record::{Intent, Item, Record, TransactionId},
};

/// What happened in the transaction under way, as far as the promises ask.
#[derive(Debug, Default)]
struct Deeds {
    /// What the scanners said, once they did.
    verdicts: Option<Vec<(String, ScanVerdict)>>,
    /// An intent stands in the journal.
    intended: bool,
    dotted: bool,
    /// The next hop's answer to our dot was 2xx, for so many recipients.
    relayed: Option<usize>,
    refused_by_next_hop: bool,
    /// An item is durable, for so many recipients, and the client is to hear 250 for it.
    kept: Option<usize>,
}

/// What a script lets through that a scanner did not call clean.
#[derive(Clone, Debug, Default)]
pub struct Leave {
    /// Groups that the switch, on *deliver*, does not ask.
    pub spared: Vec<String>,
    /// Signatures that an exception names.
    pub ignored: Vec<String>,
}

/// Keeps the books over one session.
#[derive(Debug)]
pub struct Promises {
    groups: Vec<String>,
    actions: VerdictActions,
    leave: Leave,
    deeds: Deeds,
    /// Every transaction that was seen, and how many records there are of it.
    records: BTreeMap<TransactionId, usize>,
    seen: BTreeSet<TransactionId>,
    /// The last record: the reply to the client follows on it.
    last: Option<Record>,
    accepted_mails: usize,
    pub recorded: usize,
    /// Records of transactions that were refused at MAIL.
    refused_mails: usize,
    faults: Vec<String>,
}

impl Promises {
    pub fn new(groups: Vec<String>, actions: VerdictActions, leave: Leave) -> Self {
        Self {
            groups,
            actions,
            leave,
            deeds: Deeds::default(),
            records: BTreeMap::new(),
            seen: BTreeSet::new(),
            last: None,
            accepted_mails: 0,
            recorded: 0,
            refused_mails: 0,
            faults: Vec::new(),
        }
    }

    /// The first promise that was broken.
    pub fn fault(&mut self) -> Option<String> {
        (!self.faults.is_empty()).then(|| self.faults.remove(0))
    }

    fn hold(&mut self, holds: bool, what: &str) {
        if !holds {
            self.faults.push(format!("promise broken: {what}; {:?}", self.deeds));
        }
    }

    pub fn scanned(&mut self, reports: &[ScannerReport]) {
        let said = reports.iter().map(|report| (report.group.clone(), report.verdict.clone()));
        self.deeds.verdicts = Some(said.collect());
    }

    pub fn intent(&mut self, intent: &Intent, durable: bool) {
        self.seen.insert(intent.record.id.clone());
        self.hold(!self.deeds.dotted, "5: the intent stands before the dot");
        self.deeds.intended |= durable;
    }

    pub fn kept(&mut self, item: &Item, durable: bool) {
        self.seen.insert(item.id.clone());
        if durable && item.acknowledged {
            self.deeds.kept = Some(item.recipients.len());
        }
    }

    pub fn withdrawn(&mut self) {
        self.deeds.kept = None;
    }

    /// A connection is asked for: after our dot no second address is ever tried.
    pub fn opening(&mut self) {
        self.hold(!self.deeds.dotted, "2: no second address after the dot");
    }

    /// The final dot goes out. `sent` is the content before it, `held` what the hold has, of which `trace` octets are our trace
    /// field, and `said` is what the client sent.
    pub fn dot(&mut self, sent: &[u8], held: &[u8], trace: usize, said: &[u8]) {
        self.hold(!self.deeds.dotted, "2: one dot a transaction");
        self.hold(self.deeds.intended, "5: an intent stands in the journal before the dot");
        let relay = |verdict: &ScanVerdict| {
            let ignored = verdict.signature().is_some_and(|it| self.leave.ignored.iter().any(|leave| leave == it));
            ignored || matches!(self.actions.of(verdict), VerdictAction::Relay | VerdictAction::Tag)
        };
        let verdicts = self.deeds.verdicts.as_deref().unwrap_or_default();
        let spoke =
            |group: &String| self.leave.spared.contains(group) || verdicts.iter().any(|(speaker, _)| speaker == group);
        let judged = self.groups.iter().all(spoke) && verdicts.iter().all(|(_, verdict)| relay(verdict));
        self.hold(judged, "2: the dot only for what all scanners let pass");
        let (front, back) = held.split_at(trace);
        self.hold(back == said, "3: the hold has what the client sent");
        self.hold(front.starts_with(b"Received: from "), "3: our trace field stands first");
        let added = sent.strip_prefix(front).and_then(|rest| rest.strip_suffix(said));
        let tag = |added: &[u8]| added.is_empty() || added.starts_with(b"X-Portaria: ") && added.ends_with(b"\r\n");
        self.hold(added.is_some_and(tag), "3: the next hop gets what the client sent, behind trace fields of ours");
        self.deeds.dotted = true;
    }

    /// The next hop answered our dot; `recipients` were accepted on that connection.
    pub fn dot_answered(&mut self, positive: bool, recipients: usize) {
        self.deeds.relayed = positive.then_some(recipients);
        self.deeds.refused_by_next_hop = !positive;
    }

    pub fn record(&mut self, record: &Record) {
        self.seen.insert(record.id.clone());
        *self.records.entry(record.id.clone()).or_default() += 1;
        self.recorded += 1;
        self.refused_mails += usize::from(
            // 421 ends a transaction whose MAIL was taken.
            record.reply.as_ref().is_some_and(|reply| !reply.starts_with("421"))
                && record.recipients.is_empty()
                && record.size.is_none(),
        );
        self.last = Some(record.clone());
        if self.deeds.relayed.is_some() || self.deeds.kept.is_some() {
            let said = serde_json::to_value(record.ending).unwrap();
            let true_endings = ["relayed", "held", "relayed_and_held"];
            let kept_only = self.deeds.relayed.is_none() && self.deeds.kept.is_some();
            let honest = true_endings.iter().any(|ending| said == *ending) || kept_only && said == "client_gone";
            self.hold(honest, &format!("5: the record says what happened, not {said}"));
        }
        if record.reply.is_none() {
            // Nobody is answered: whatever follows belongs to another transaction.
            self.deeds = Deeds::default();
        }
    }

    /// One line to the client.
    pub fn said(&mut self, line: &str) {
        if line.starts_with("250 2.1.0 Sender OK") {
            self.accepted_mails += 1;
            self.deeds = Deeds::default();
        }
        let Some(last) = self.last.take_if(|last| line.contains(&format!("({}", last.id.as_str()))) else { return };
        let accepted = last.recipients.iter().filter(|recipient| recipient.reply.starts_with('2')).count();
        if line.starts_with('2') {
            let reached = self.deeds.relayed.unwrap_or(0) + self.deeds.kept.unwrap_or(0);
            self.hold(accepted > 0 && reached == accepted, "1: 2xx only when everyone's copy is somewhere durable");
        } else {
            self.hold(self.deeds.relayed.is_none(), "5: never worse than what the next hop said");
        }
        self.deeds = Deeds::default();
    }

    /// The session is over: nothing may be outstanding, and every transaction has exactly one record.
    pub fn finished(&mut self) {
        let twice = self.records.values().any(|count| *count != 1);
        let missing = self.seen.iter().any(|id| !self.records.contains_key(id));
        self.hold(!twice && !missing, "5: exactly one record a transaction");
        let begun = self.accepted_mails + self.refused_mails;
        self.hold(begun == self.recorded, &format!("5: {begun} transactions, {} records", self.recorded));
    }
}
