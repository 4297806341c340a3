//! `audit::Reader`: any octets are read, each whole line told once; and whatever is done to a trail that was sound is seen.

use std::collections::BTreeMap;

use portaria::{
    audit::{Entry, Flaw, Head, Reader},
    record::audit::{Action, Actor, Event},
};

/// The first octet says how many entries there are, the next three each what is done to them, what is left stands behind them. The same
/// octets are read as a trail of their own.
pub fn audit_log(data: &[u8]) {
    let (steps, _) = read(data, None);
    assert_eq!(steps.len(), data.iter().filter(|&&octet| octet == b'\n').count(), "a whole line is told once");

    let Some((&count, deeds)) = data.split_first() else { return };
    let sound = trail(1 + usize::from(count % 8));
    let head = sound.last().map(Entry::head);
    let lines: Vec<Vec<u8>> = sound.iter().map(|entry| (entry.line() + "\n").into_bytes()).collect();
    let before = lines.concat();
    assert_eq!(flaws(&before, head.clone()), [], "what was written is sound");

    let after = damaged(lines, deeds);
    if after == before {
        return;
    }
    let found = flaws(&after, head.clone());
    assert!(!found.is_empty(), "{}", String::from_utf8_lossy(&after));
    let whole = after.iter().filter(|&&octet| octet == b'\n').count() as u64;
    assert!(found.iter().all(|flaw| (1..=whole + 1).contains(&flaw.line)), "{found:?}");
    // Up to the first flaw every entry is the one that was written.
    let first = found.iter().map(|flaw| flaw.line).min().unwrap_or_default();
    let (steps, _) = read(&after, head);
    for (entry, step) in sound.iter().zip(&steps).take_while(|(_, step)| step.line < first) {
        assert_eq!(step.entry.as_ref(), Some(entry));
    }
}

fn trail(count: usize) -> Vec<Entry> {
    let mut last = Head::none();
    let entries = (0..count).map(|number| {
        let event = Event {
            at: 1_795_258_800_000 + number as i64,
            actor: Actor { account: "root".to_owned(), person: number.is_multiple_of(2).then(|| "maria".to_owned()) },
            action: if number.is_multiple_of(3) { Action::MailboxBlocked } else { Action::MailboxUnblocked },
            object: format!("fulano.{number}\n\u{1b}"),
            detail: BTreeMap::from([("ticket".to_owned(), format!("REQ {number}"))]),
        };
        let entry = Entry::following(&last, &event);
        last = entry.head();
        entry
    });
    entries.collect()
}

/// The lines as the deeds leave them.
fn damaged(mut lines: Vec<Vec<u8>>, deeds: &[u8]) -> Vec<u8> {
    let mut deeds = deeds;
    while let [deed @ 0..=5, one, two, rest @ ..] = deeds {
        deeds = rest;
        if lines.is_empty() {
            break;
        }
        let (one, two) = (usize::from(*one), usize::from(*two));
        let (at, other) = (one % lines.len(), two % lines.len());
        match deed {
            0 => drop(lines.remove(at)),
            1 => lines.swap(at, other),
            2 => lines.insert(at, lines[at].clone()),
            3 => {
                let line = &mut lines[at];
                let place = two * line.len() / 256;
                if let Some(octet) = line.get_mut(place) {
                    *octet ^= 1 << (one % 8);
                }
            }
            4 => lines.truncate(at),
            _ => {
                let line = &mut lines[at];
                line.truncate(two * line.len() / 256);
            }
        }
    }
    let mut after = lines.concat();
    after.extend_from_slice(deeds);
    after
}

fn flaws(octets: &[u8], head: Option<Head>) -> Vec<Flaw> {
    let (steps, mut at_the_end) = read(octets, head);
    let mut flaws: Vec<Flaw> = steps.into_iter().flat_map(|step| step.flaws).collect();
    flaws.append(&mut at_the_end);
    flaws
}

fn read(octets: &[u8], head: Option<Head>) -> (Vec<portaria::audit::Step>, Vec<Flaw>) {
    let mut reader = Reader::of(octets, head);
    let mut steps = Vec::new();
    while let Some(step) = reader.next_step().expect("memory can be read") {
        steps.push(step);
    }
    let torn = octets.rsplit(|&octet| octet == b'\n').next().map_or(0, <[u8]>::len) as u64;
    let ending = reader.finish();
    assert_eq!(ending.torn, torn, "octets behind the last whole line");
    (steps, ending.flaws)
}
