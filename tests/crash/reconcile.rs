//! What the clients heard against what stands at the mailbox server and in the quarantine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use serde_json::Value;

use crate::{
    kept,
    letters::{self, Kind},
    mta::{Attempt, Journey},
    support::{
        gateway::Gateway,
        scratch::files_under,
        sink::{Captured, Sink},
        trace::{find_id, id_of_reply, sha256, split_first_field},
        waiting::eventually,
    },
};

/// What arrived at the mailbox server: for each message the ids of its copies. The content is compared and not kept.
#[derive(Debug, Default)]
pub struct Arrivals {
    copies: BTreeMap<usize, Vec<String>>,
    /// What arrived and should not have, or not so.
    pub faults: Vec<String>,
    /// Octets of content.
    pub octets: usize,
}

impl Arrivals {
    /// Takes over what has arrived since the last call.
    pub fn take_from(&mut self, sink: &Sink) {
        let arrived = std::mem::take(&mut sink.state().messages);
        for message in arrived {
            if let Err(fault) = self.take(&message) {
                self.faults.push(fault);
            }
        }
    }

    /// Whether the message of this number arrived under this id.
    pub fn has(&self, number: usize, id: &str) -> bool {
        self.copies.get(&number).is_some_and(|ids| ids.iter().any(|copy| copy == id))
    }

    fn take(&mut self, message: &Captured) -> Result<(), String> {
        self.octets += message.content.len();
        let number = letters::number(&message.reverse_path).ok_or_else(|| format!("<{}>?", message.reverse_path))?;
        let (kind, _) = letters::kind(number);
        if kind != Kind::Clean {
            return Err(format!("message {number} is {kind:?} and arrived all the same"));
        }
        let letter = letters::letter(number);
        if message.recipients != letter.recipients {
            return Err(format!("message {number} arrived for {:?}", message.recipients));
        }
        let (field, rest) = split_first_field(&message.content);
        if rest != letter.content || !field.starts_with(b"Received: ") {
            let (arrived, sent) = (rest.len(), letter.content.len());
            return Err(format!("message {number}: {arrived} octets behind the first field, {sent} were sent"));
        }
        let id = find_id(&String::from_utf8_lossy(field)).ok_or_else(|| format!("message {number}: no id"))?;
        self.copies.entry(number).or_default().push(id);
        Ok(())
    }
}

/// What the reconciliation counted, and what it found wrong.
#[derive(Debug, Default)]
pub struct Account {
    /// Messages by what the client was told in the end.
    pub acknowledged: HashMap<Kind, usize>,
    /// Acknowledged, and neither at the mailbox server nor in the quarantine; each with its number. To be empty.
    pub lost: Vec<String>,
    /// Second copies at the mailbox server: the id, and what its record says.
    pub duplicates: BTreeMap<&'static str, usize>,
    /// Second copies in the quarantine, of messages whose reply was cut off.
    pub held_twice: usize,
    /// Records that were looked at one by one.
    pub records: usize,
    /// Everything else that should not be. To be empty.
    pub faults: Vec<String>,
}

/// What the command line lists and what stands in the folder, both by id.
#[derive(Debug)]
struct Quarantine {
    items: HashMap<String, Value>,
    files: HashMap<String, PathBuf>,
}

/// Reconciles everything. The gateway runs and has nothing to do.
pub fn reconcile(gateway: &Gateway, journeys: &[Journey], arrivals: &Arrivals) -> Account {
    let mut account = Account { faults: arrivals.faults.clone(), ..Account::default() };
    let quarantine = settled_quarantine(gateway, journeys, &mut account);
    for (number, journey) in journeys.iter().enumerate() {
        let (kind, _) = letters::kind(number);
        let Some(Attempt::Answered(reply)) = journey.last() else { panic!("message {number} has no last reply") };
        *account.acknowledged.entry(kind).or_default() += 1;
        let proper = if kind == Kind::Infected { reply.starts_with("550 ") } else { reply.starts_with("250 ") };
        if !proper {
            account.faults.push(format!("message {number} is {kind:?} and was answered {reply:?}"));
            continue;
        }
        let id = id_of_reply(reply);
        match kind {
            Kind::Clean => clean(gateway, number, journey, &id, arrivals, &mut account),
            Kind::Held => held(number, &id, &quarantine, &mut account),
            // It is refused and never arrives (see `Arrivals`); what is kept of it is a copy that nobody relies on.
            Kind::Infected => {}
        }
        if number % (journeys.len() / 100).max(1) == 0 {
            record(gateway, kind, reply, &id, &mut account);
        }
    }
    held_twice(&quarantine.items, journeys, &mut account);
    account
}

fn clean(
    gateway: &Gateway,
    number: usize,
    journey: &Journey,
    acknowledged: &str,
    arrivals: &Arrivals,
    account: &mut Account,
) {
    let none = Vec::new();
    let copies = arrivals.copies.get(&number).unwrap_or(&none);
    if copies.iter().filter(|id| *id == acknowledged).count() != 1 {
        account.lost.push(format!("message {number}, acknowledged as {acknowledged}, arrived as {copies:?}"));
    }
    let unheard = journey.iter().filter(|attempt| **attempt == Attempt::LostAfterDot).count();
    let others: Vec<&String> = copies.iter().filter(|id| *id != acknowledged).collect();
    if others.len() > unheard {
        account.faults.push(format!("message {number} arrived as {copies:?}, but its attempts were {journey:?}"));
    }
    for id in others {
        let record = gateway.explain(id);
        match record["ending"].as_str() {
            Some("unknown") => *account.duplicates.entry("recorded as unknown").or_default() += 1,
            // Killed between writing the outcome and the client's hearing of it.
            Some("relayed") => *account.duplicates.entry("recorded as relayed, reply not heard").or_default() += 1,
            _ => account.faults.push(format!("a copy of message {number} arrived, but its record says {record}")),
        }
        if record["reverse_path"] != letters::letter(number).reverse_path.as_str() {
            account.faults.push(format!("{id} is message {number}, but its record says {}", record["reverse_path"]));
        }
    }
}

fn held(number: usize, id: &str, quarantine: &Quarantine, account: &mut Account) {
    let (Some(item), Some(file)) = (quarantine.items.get(id), quarantine.files.get(id)) else {
        account.lost.push(format!("message {number}, acknowledged as held, {id}: not in the quarantine"));
        return;
    };
    let letter = letters::letter(number);
    let right = item["state"] == "held"
        && item["acknowledged"] == true
        && item["sha256"] == sha256(&letter.content).as_str()
        && item["reverse_path"] == letter.reverse_path.as_str()
        && kept::is(file, &letter.content);
    if !right {
        account.lost.push(format!("message {number}, acknowledged as held, is in the quarantine as {item}"));
    }
}

/// The record of an acknowledged transaction says what the client heard.
fn record(gateway: &Gateway, kind: Kind, reply: &str, id: &str, account: &mut Account) {
    account.records += 1;
    let ending = match kind {
        Kind::Clean => "relayed",
        Kind::Held => "held",
        Kind::Infected => "refused",
    };
    let record = gateway.explain(id);
    if record["ending"] != ending || !record["reply"].as_str().is_some_and(|said| reply.contains(said)) {
        account.faults.push(format!("the client heard {reply:?}, the record says {record}"));
    }
}

/// A held message whose reply was cut off is sent again and held again: no more often than that.
fn held_twice(items: &HashMap<String, Value>, journeys: &[Journey], account: &mut Account) {
    let mut of_message: HashMap<usize, usize> = HashMap::new();
    for item in items.values() {
        match item["reverse_path"].as_str().and_then(letters::number) {
            Some(number) => *of_message.entry(number).or_default() += 1,
            None => account.faults.push(format!("nobody sent {item}")),
        }
    }
    for (number, copies) in of_message {
        let unheard = journeys[number].iter().filter(|attempt| **attempt == Attempt::LostAfterDot).count();
        if copies > 1 + unheard {
            account.faults.push(format!("message {number}: {copies} items, attempts {:?}", journeys[number]));
        }
        account.held_twice += copies - 1;
    }
}

/// The quarantine, once the hold is empty, every file belongs to an item and as many items are there as have to be.
fn settled_quarantine(gateway: &Gateway, journeys: &[Journey], account: &mut Account) -> Quarantine {
    let held = (0..journeys.len()).filter(|number| letters::kind(*number).0 == Kind::Held).count();
    let (mut items, mut stray) = (HashMap::new(), Vec::new());
    let settled = eventually(Duration::from_secs(20), || {
        let listed = gateway.quarantine();
        items = listed.into_iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item)).collect();
        stray = stray_files(gateway, &items.keys().map(String::as_str).collect());
        stray.is_empty() && items.len() >= held
    });
    if !settled {
        let (count, some) = (stray.len(), stray.iter().take(5).collect::<Vec<_>>());
        let items = items.len();
        account.faults.push(format!("{count} files belong to no item: {some:?}; {items} items, {held} messages held"));
    }
    let files = files_under(&gateway.data().join("quarantine"));
    let files = files.into_iter().map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), file));
    Quarantine { items, files: files.collect() }
}

/// The files of the quarantine that are not an item's whole content, and everything in the hold.
pub fn stray_files(gateway: &Gateway, ids: &HashSet<&str>) -> Vec<PathBuf> {
    let mut stray = files_under(&gateway.data().join("quarantine"));
    stray.retain(|file| !file.file_name().and_then(|name| name.to_str()).is_some_and(|name| ids.contains(name)));
    stray.extend(files_under(&gateway.data().join("hold")));
    stray
}
