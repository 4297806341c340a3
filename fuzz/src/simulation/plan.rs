//! What is to go wrong where: every fault at every step at which it can strike, and every mood of a next hop at every command.

use std::{fmt::Debug, sync::LazyLock};

use crate::relay_session::{
    next_hop::Verb,
    script::Mood,
    world::{Fault, Step},
};

/// A fault at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// At this step.
    At(Step, Fault),
    /// The next hop answers this command so.
    Answer(Verb, Mood),
}

/// All steps, in the order of a transaction.
pub const STEPS: [Step; 13] = [
    Step::Idle,
    Step::Securing,
    Step::Envelope,
    Step::Asking,
    Step::Content,
    Step::Flowing,
    Step::Scanning,
    Step::Keeping,
    Step::HandingOver,
    Step::Intending,
    Step::Dotted,
    Step::Settling,
    Step::Recording,
];

/// All commands that a next hop hears.
pub const VERBS: [Verb; 6] = [Verb::Forward, Verb::Mail, Verb::Rcpt, Verb::Data, Verb::Dot, Verb::Reset];

/// All ways to answer otherwise than as asked.
pub const MOODS: [Mood; 7] =
    [Mood::Later, Mood::No, Mood::Closing, Mood::Wordy, Mood::Confused, Mood::Mad, Mood::Stuttering];

/// Steps at which there may be a connection to the next hop.
const CONNECTED: &[Step] = &[
    Step::Envelope,
    Step::Asking,
    Step::Content,
    Step::Flowing,
    Step::Scanning,
    Step::Keeping,
    Step::HandingOver,
    Step::Intending,
    Step::Dotted,
];
/// … and nothing it owes us, so that what it says is known for a thing that nobody asked for.
const OWED_NOTHING: &[Step] =
    &[Step::Envelope, Step::Content, Step::Flowing, Step::Scanning, Step::Keeping, Step::HandingOver, Step::Intending];
/// Steps at which one may be wanted: cut-through asks for another one while mail data arrives.
const OPENING: &[Step] = &[Step::Asking, Step::Content, Step::Scanning, Step::HandingOver];
/// Steps at which it may owe a reply.
const OWING: &[Step] = &[Step::Asking, Step::Flowing, Step::Scanning, Step::HandingOver, Step::Dotted];

/// Every fault, and the steps at which it can strike.
pub const FAULTS: [(Fault, &[Step]); 26] = [
    (Fault::ClientGone, &STEPS),
    (Fault::ClientBroke, &STEPS),
    (Fault::Deadline, &STEPS),
    (Fault::Minute, &STEPS),
    (Fault::Stop, &STEPS),
    (Fault::Policy, &STEPS),
    (Fault::DiskLow, &STEPS),
    (Fault::Busy, OPENING),
    (Fault::Unreachable, OPENING),
    (Fault::NoTls, OPENING),
    (Fault::NextHopGone, CONNECTED),
    (Fault::PartialReply, OWING),
    (Fault::Unasked, OWED_NOTHING),
    (Fault::EarlyNo, &[Step::Flowing, Step::Scanning, Step::HandingOver, Step::Intending]),
    (Fault::Wanted, &[Step::Envelope, Step::Content, Step::Flowing]),
    (Fault::NoDescriptor, OPENING),
    (Fault::Clock, &STEPS),
    (Fault::HoldFull, &[Step::Content, Step::Flowing]),
    (Fault::HoldUnreadable, &[Step::Flowing, Step::Scanning, Step::HandingOver]),
    (Fault::NotKept, &[Step::Keeping, Step::Settling]),
    (Fault::NotJournaled, &[Step::Intending, Step::Recording]),
    (Fault::Infected, &[Step::Scanning]),
    (Fault::Unavailable, &[Step::Scanning]),
    (Fault::NotFullyScanned, &[Step::Scanning]),
    (Fault::Encrypted, &[Step::Scanning]),
    (Fault::NobodyScanned, &[Step::Scanning]),
];

/// All that can go wrong.
pub static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
    let faults = FAULTS.iter().flat_map(|&(fault, steps)| steps.iter().map(move |&step| Cell::At(step, fault)));
    let answers = VERBS.iter().flat_map(|&verb| MOODS.iter().map(move |&mood| Cell::Answer(verb, mood)));
    faults.chain(answers).collect()
});

/// The same, those more than once that seldom come about when they are planned.
pub static CHANCES: LazyLock<Vec<Cell>> =
    LazyLock::new(|| CELLS.iter().flat_map(|&cell| std::iter::repeat_n(cell, weight(cell))).collect());

/// What can go wrong in the handshake, before any transaction.
pub static SECURING: LazyLock<Vec<Cell>> =
    LazyLock::new(|| CELLS.iter().filter(|cell| matches!(cell, Cell::At(Step::Securing, _))).copied().collect());

fn weight(cell: Cell) -> usize {
    match cell {
        Cell::At(Step::HandingOver, _) => 1,
        _ if cell.wants_another_connection() => 8,
        Cell::At(Step::Scanning | Step::Flowing, Fault::HoldUnreadable) => 4,
        Cell::At(Step::Scanning, Fault::PartialReply) => 4,
        Cell::At(Step::Flowing, _) => 3,
        _ => 1,
    }
}

impl Cell {
    /// A connection is to be asked for behind DATA: only if the first one was given back or lost.
    pub fn wants_another_connection(self) -> bool {
        let fault = matches!(self, Self::At(_, Fault::Busy | Fault::Unreachable | Fault::NoTls | Fault::NoDescriptor));
        fault && !matches!(self, Self::At(Step::Asking, _))
    }
}

/// A name for a table: `NextHopGone` is `next hop gone`.
pub fn name(thing: impl Debug) -> String {
    let mut name = String::new();
    for c in format!("{thing:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push(' ');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
