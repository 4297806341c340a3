//! The numbers of a run, for people.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    letters::Kind,
    mta::{Attempt, Journey},
    reconcile::{Account, Arrivals},
};

/// What is printed at the end.
pub fn table(account: &Account, journeys: &[Journey], arrivals: &Arrivals, restarts: &[Duration]) -> String {
    let of = |kind| account.acknowledged.get(&kind).copied().unwrap_or(0);
    let mut rows = vec![
        ("messages".to_owned(), journeys.len().to_string()),
        ("acknowledged as relayed, 250".to_owned(), of(Kind::Clean).to_string()),
        ("acknowledged as held, 250".to_owned(), of(Kind::Held).to_string()),
        ("refused as infected, 550".to_owned(), of(Kind::Infected).to_string()),
        ("octets at the mailbox server".to_owned(), arrivals.octets.to_string()),
    ];
    for (how, count) in attempts(journeys) {
        rows.push((format!("attempts: {how}"), count.to_string()));
    }
    rows.push(("ACKNOWLEDGED AND LOST".to_owned(), account.lost.len().to_string()));
    rows.push((
        "second copies at the mailbox server".to_owned(),
        account.duplicates.values().sum::<usize>().to_string(),
    ));
    for (what, count) in &account.duplicates {
        rows.push((format!("  of these {what}"), count.to_string()));
    }
    rows.push(("second copies in the quarantine".to_owned(), account.held_twice.to_string()));
    rows.push(("records compared with the reply heard".to_owned(), account.records.to_string()));
    rows.push(("other faults".to_owned(), account.faults.len().to_string()));
    let mut sorted = restarts.to_vec();
    sorted.sort_unstable();
    let [.., worst] = sorted.as_slice() else { panic!("no restart") };
    rows.push(("kills".to_owned(), restarts.len().to_string()));
    rows.push(("start until it listens, median".to_owned(), format!("{} ms", sorted[sorted.len() / 2].as_millis())));
    rows.push(("start until it listens, worst".to_owned(), format!("{} ms", worst.as_millis())));
    rows.iter().map(|(name, value)| format!("  {name:<62}{value:>14}\n")).collect()
}

/// Attempts by how they ended; replies by their first two words.
fn attempts(journeys: &[Journey]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for attempt in journeys.iter().flatten() {
        let how = match attempt {
            Attempt::Answered(reply) => {
                format!("answered {}", reply.split(' ').take(2).collect::<Vec<_>>().join(" "))
            }
            Attempt::LostBeforeDot => "connection lost before the client's dot".to_owned(),
            Attempt::LostAfterDot => "connection lost between the client's dot and the reply".to_owned(),
        };
        *counted.entry(how).or_default() += 1;
    }
    counted
}
