//! The promises (`docs/promises.md`), looked at from outside: what was said to whom, beside what was done.

use std::collections::BTreeSet;

use portaria::{
    policy::{application::State, verdict::ScanVerdict},
    record::{Ending, Fate, Item, ItemState, Record},
};

use super::{
    dialogue::Said,
    house::{APPLICATION_LISTENER, Expected, MESSAGE_SIZE, application_of, expected},
    next_hop::Message,
    world::{Deeds, World},
};
use crate::splits::find;

/// Our dot went out (promises 2, 3, 5).
pub fn check_dot(message: &Message, said: &Said, deeds: &Deeds, hold: &[u8], antivirus: bool) {
    assert!(matches!(deeds.intent, Some((_, true))), "no intent stands in the journal");
    assert!(deeds.item.as_ref().is_none_or(|(_, _, state)| *state == ItemState::Pending));
    let worst = if antivirus { deeds.worst.clone() } else { Some(ScanVerdict::NotScanned) };
    let worst = worst.expect("a verdict before the dot");
    let (trace, content) = trace_and_content(hold);
    let Expected::Deliver { relay, hold } = expected(&said.policy, content, &worst, &said.recipients) else {
        panic!("a dot for what is not relayed: {worst:?}");
    };
    let recipients: BTreeSet<String> = message.recipients.iter().cloned().collect();
    assert_eq!(recipients, relay, "the recipients of the dot");
    assert_eq!(deeds.item.is_some(), !hold.is_empty(), "the others are held first");
    let rest = message.content.strip_prefix(trace).expect("our trace field in front");
    let tag = rest.strip_suffix(ended(content).as_slice()).expect("the client's content behind it");
    assert!(tag.is_empty() || is_one_field(tag, b"X-Portaria: "), "{}", tag.escape_ascii());
}

/// Content flows before the verdict: only if the rules have spoken, and keep it from nobody (`docs/walkthrough.md`).
pub fn check_cut_through(said: &Said, hold: &[u8]) {
    let (_, content) = trace_and_content(hold);
    assert!(content.starts_with(b"\r\n") || find(content, b"\r\n\r\n").is_some(), "the header section is not complete");
    match expected(&said.policy, content, &ScanVerdict::Clean, &said.recipients) {
        Expected::Deliver { hold, .. } if hold.is_empty() => {}
        other => panic!("flows on too early: {other:?}"),
    }
}

/// An item is to be kept.
pub fn check_item(item: &Item, said: &Said, worst: Option<&ScanVerdict>, hold: &[u8]) {
    let (trace, content) = trace_and_content(hold);
    assert_eq!((item.trace_length, item.size), (trace.len() as u64, content.len() as u64));
    let recipients: BTreeSet<String> = item.recipients.iter().cloned().collect();
    match expected(&said.policy, content, worst.expect("a verdict"), &said.recipients) {
        Expected::Deliver { relay, hold } => {
            assert_eq!(recipients, hold, "the recipients of the item");
            assert!(item.acknowledged);
            assert_eq!(item.state == ItemState::Pending, !relay.is_empty());
        }
        Expected::Refuse => assert!(!item.acknowledged, "held and refused"),
        Expected::Defer => panic!("held and deferred"),
    }
}

/// The client heard what became of its message (promises 1, 5).
pub fn check_reply(said: &Said, record: &Record, deeds: &Deeds) {
    let (code, text) = said.last.as_ref().expect("a reply");
    let shown = format!("{text}; {record:?}");
    assert!(text.contains(&format!("({}", record.id)), "the id is missing: {shown}");
    let heard = record.reply.as_deref().unwrap_or_default();
    assert_eq!(heard.split(' ').next(), text.split([' ', '-']).next(), "the record says otherwise: {shown}");
    let told: Vec<&Message> = deeds.messages.iter().filter(|message| message.told).collect();
    let content = said.content.as_ref().expect("mail data");
    if *code / 100 == 2 {
        for recipient in &said.recipients {
            let relayed = told.iter().any(|message| taken(message) && message.recipients.contains(recipient));
            let held = kept(deeds).is_some_and(|item| item.recipients.contains(recipient));
            assert!(relayed || held, "{recipient} heard 250 and got nothing: {shown}");
        }
        assert!(!content.bare_newline && content.content.len() as u64 <= MESSAGE_SIZE, "{shown}");
    } else {
        assert!(!told.iter().any(|message| taken(message)), "worse than what the next hop said: {shown}");
        assert!(kept(deeds).is_none_or(|item| !item.acknowledged), "held and not acknowledged: {shown}");
    }
    let class = match record.ending {
        Ending::Relayed | Ending::Held | Ending::RelayedAndHeld => 2,
        Ending::Refused => 5,
        Ending::Deferred | Ending::Unknown => 4,
        Ending::Abandoned | Ending::ClientGone => panic!("answered all the same: {shown}"),
    };
    assert_eq!(*code / 100, class, "{shown}");
    assert!(!content.bare_newline || text.starts_with("550 5.6.11"), "{shown}");
}

/// The session is over (promises 3, 4, 5).
pub fn check_end(world: &World) {
    let (said, sealed) = (&world.dialogue.transactions, &world.sealed);
    assert_eq!(said.len(), sealed.len(), "one record for each transaction: {sealed:?}");
    let ids: BTreeSet<&str> = sealed.iter().map(|(record, _)| record.id.as_str()).collect();
    assert_eq!(ids.len(), sealed.len());
    for (said, (record, deeds)) in said.iter().zip(sealed) {
        check_transaction(said, record, deeds);
    }
}

/// Clauses 8.1.4 to 8.1.8 and 9.1: what leaves a listener of applications is of an active one, and says so; nothing of one on trial is kept.
fn check_application(said: &Said, record: &Record, deeds: &Deeds) {
    if record.client.listener != APPLICATION_LISTENER {
        return assert!(record.application.is_none(), "{record:?}");
    }
    if deeds.dots == 0 && kept(deeds).is_none() {
        return;
    }
    let application = record.application.as_ref().expect("an application");
    assert_eq!(application.state, State::Active, "{record:?}");
    let expected = application_of(record.client.address, said.logged_in);
    assert_eq!(expected, Some(&*application.id), "{record:?}");
    assert_eq!(application.login.is_some(), said.logged_in, "{record:?}");
    // Only one of the two has a reach beyond the domains here; and none sends without a sender unless it may.
    let beyond = said.recipients.iter().any(|recipient| recipient.ends_with("@elsewhere.example"));
    assert!(!said.logged_in || !beyond && !record.reverse_path.is_empty(), "{record:?}");
    assert!(matches!(record.reverse_path.as_str(), "" | "app@a.example"), "{record:?}");
    let content = said.content.as_ref().map(|content| content.content.clone()).unwrap_or_default();
    let text = String::from_utf8_lossy(&content).into_owned();
    let section = text.split("\r\n\r\n").next().unwrap_or_default();
    let froms: Vec<&str> = section.split("\r\n").filter(|line| line.starts_with("From: ")).collect();
    assert_eq!(froms, ["From: \"x\" <App@alias.example>"], "{record:?}");
}

fn check_transaction(said: &Said, record: &Record, deeds: &Deeds) {
    for path in &deeds.asked {
        // A RCPT that the client hears nothing of any more may have been asked.
        let recorded = |address: &str| address == path || address == "postmaster" && path == "postmaster@a.example";
        let known = said.named.contains(path) || record.recipients.iter().any(|it| recorded(&it.address));
        assert!(known, "nobody named {path}: {record:?}");
        // Where a chunk ends within a line of the table, the rest of the line is a command, and the dialogue names it.
        let is_command = said.named.contains(path);
        assert!(is_command || !path.contains("smuggled"), "content was read as a command: {path}");
    }
    assert_eq!(record.policy, said.policy.version, "judged by other rules than those at MAIL (promise 10)");
    if let Some((id, _)) = &deeds.intent {
        assert_eq!(*id, record.id, "an intent of another transaction");
    }
    if let (Ending::Abandoned | Ending::ClientGone, dots) = (record.ending, deeds.dots) {
        assert_eq!(dots, 0, "abandoned and delivered: {record:?}");
        assert!(kept(deeds).is_none(), "abandoned and held: {record:?}");
    }
    check_application(said, record, deeds);
    assert!(!deeds.left || kept(deeds).is_none(), "held for a client that is gone and sends again: {record:?}");
    let took = deeds.messages.iter().any(|message| message.told && taken(message));
    for recipient in &record.recipients {
        assert!(recipient.fate != Fate::Relayed || took, "relayed to nobody: {record:?}");
        assert!(recipient.fate != Fate::Held || kept(deeds).is_some(), "held nowhere: {record:?}");
    }
    if took {
        assert!(matches!(record.ending, Ending::Relayed | Ending::RelayedAndHeld), "{record:?}");
    }
    assert_eq!(record.quarantined, kept(deeds).is_some(), "{record:?} {:?}", deeds.item);
    // The client's content, and nothing else, went on.
    let content = said.content.as_ref().map(|content| ended(&content.content));
    for message in &deeds.messages {
        let content = content.as_deref().expect("mail data");
        let trace = message.content.strip_suffix(content).expect("exactly the client's content");
        assert!(trace.starts_with(b"Received: from ") && trace.ends_with(b"\r\n"), "{}", trace.escape_ascii());
    }
    if let (Some((_, stored, _)), Some(said)) = (&deeds.item, &said.content) {
        assert!(stored.ends_with(&said.content), "another content was kept");
    }
}

/// The item, if it is one that somebody will look at.
fn kept(deeds: &Deeds) -> Option<&Item> {
    deeds.item.as_ref().filter(|(_, _, state)| *state == ItemState::Held).map(|(item, ..)| item)
}

fn taken(message: &Message) -> bool {
    message.code == Some(250)
}

/// Content as it stands on the wire: its last line ends.
fn ended(content: &[u8]) -> Vec<u8> {
    let end: &[u8] = if content.is_empty() || content.ends_with(b"\r\n") { b"" } else { b"\r\n" };
    [content, end].concat()
}

/// Our `Received:` field, and what the client sent.
fn trace_and_content(hold: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    while let Some(line) = find(&hold[end..], b"\r\n") {
        end += line + 2;
        if hold.get(end) != Some(&b'\t') {
            break;
        }
    }
    assert!(is_one_field(&hold[..end], b"Received: from "), "{}", hold.escape_ascii());
    hold.split_at(end)
}

/// Lines of which all but the first are continuations.
fn is_one_field(octets: &[u8], name: &[u8]) -> bool {
    let lines: Vec<&[u8]> = octets.split_inclusive(|&octet| octet == b'\n').collect();
    octets.starts_with(name)
        && lines.iter().all(|line| line.ends_with(b"\r\n"))
        && lines.iter().skip(1).all(|line| line.starts_with(b"\t"))
}
