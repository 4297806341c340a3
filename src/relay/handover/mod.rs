//! The next hop's side of one mail transaction: lease a connection, ask the envelope, hand the content over, repeat it
//! elsewhere if the connection is lost before our dot, never after.
//!
//! In: what the transaction wants ([`Handover::ask`], [`Handover::deliver`], [`Handover::dot`]) and what the world did.
//! Out: outputs for the door, and [`Progress`] for the transaction. It does not know verdicts, rules or the client.
//!
//! | what | file |
//! |---|---|
//! | what is wanted, and the next step towards it | here |
//! | MAIL and RCPT, asked and asked again | `envelope` |
//! | content and our dot | `content` |
//! | what the next hop offers on this connection | `offered` |
//! | the connection: leased, lost, given back | `link` |

mod content;
mod envelope;
mod link;
mod offered;

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;

use super::{
    event::{Moment, NextHopFailure, Output},
    reply,
    settings::{ATTEMPTS, REPEATED_RECIPIENTS, Timeouts},
};
use crate::{
    policy::route::NextHopName,
    record::NextHopFacts,
    smtp::{
        client::{self, DialogueFault, ForwardedClient},
        envelope::{MailFrom, RcptTo},
        reply::Reply,
    },
};

/// What the transaction learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The answer to [`Handover::ask`], as the client is to hear it, and whether the next hop gave it.
    Asked(Reply, bool),
    /// The whole content is written, or waits to be written with our dot: [`Handover::dot`] may follow.
    AwaitsDot,
    /// The next hop's answer to the end of mail data, as it gave it.
    Answered(Reply),
    /// It did not answer to our dot: it may have the message.
    Lost(String),
    /// Before our dot: it cannot be handed over now. What the client is to hear, and why.
    Failed(Reply, String),
    /// What failed next is no fault of the next hop's but ours: why.
    OwnFault(String),
}

/// What a call may use of the world.
pub(super) struct World<'a> {
    pub now: Moment,
    pub timeouts: &'a Timeouts,
    pub outputs: &'a mut VecDeque<Output>,
}

/// The next hop's side of one transaction.
#[derive(Debug)]
pub(super) struct Handover {
    name: NextHopName,
    mail: MailFrom,
    forwarded: ForwardedClient,
    /// Recipients that the next hop accepted, in the order asked; it must accept them again when the envelope is repeated.
    accepted: Vec<RcptTo>,
    goal: Goal,
    link: Link,
    /// When the world must have answered.
    deadline: Option<Instant>,
    attempts_left: u32,
    avoid: Vec<String>,
    facts: NextHopFacts,
    reading: Reading,
    /// RCPTs that were said again while recipients were named.
    repeated: usize,
    /// It refused the content for good before its end: what the client is to hear at its own end of mail data, and why.
    refused: Option<(Reply, String)>,
    progress: VecDeque<Progress>,
}

/// Whether a `ReadHold` is out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    No,
    /// For the content that flows.
    Wanted,
    /// For content that does not flow any more: what comes is dropped.
    Stale,
}

/// What is wanted of the next hop.
#[derive(Debug)]
enum Goal {
    Nothing,
    /// Its answer to one more recipient.
    Ask(RcptTo),
    Deliver(Delivery),
}

/// Content on its way: `prefix`, then the hold from `skip` on.
#[derive(Debug)]
struct Delivery {
    /// Indices into `accepted`.
    recipients: Vec<usize>,
    prefix: Bytes,
    skip: u64,
    /// The next octet of the hold to be read.
    offset: u64,
    /// How much of the hold there is.
    available: u64,
    /// Nothing more will be added to the hold.
    complete: bool,
    /// Our dot was said: from here on nothing is ever repeated.
    dotted: bool,
}

#[derive(Debug)]
enum Link {
    Closed,
    Opening,
    Open(Box<Open>),
}

#[derive(Debug)]
struct Open {
    dialogue: client::Transaction,
    address: String,
    reused: bool,
    /// How often MAIL was said on it, by others too.
    mails: u32,
    /// RSET was not said since the last transaction of somebody else.
    owes_reset: bool,
    /// Every RCPT of this transaction on this connection, in the order asked.
    asked: Vec<Asked>,
    /// MAIL was refused; the answers to the RCPTs that were pipelined behind it are still awaited.
    mail_refused: Option<Reply>,
    stage: Stage,
    /// `ToNextHop` is out and not drained.
    writing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The one that the client waits for.
    New,
    /// Accepted: index into `accepted`.
    Accepted(usize),
    /// Refused: it keeps its place, because answers are counted by places.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing asked yet.
    Fresh,
    /// RSET asked.
    Resetting,
    /// MAIL and RCPTs asked, answers missing.
    Envelope,
    /// All answered, MAIL and every repeated RCPT with 2xx.
    Standing,
    /// DATA asked.
    Data,
    /// 354 came.
    Content,
}

impl Open {
    /// The recipients that stand on this connection: indices into `accepted`.
    fn accepted(&self) -> impl Iterator<Item = usize> {
        self.asked.iter().filter_map(|asked| match asked {
            Asked::Accepted(index) => Some(*index),
            Asked::New | Asked::Refused => None,
        })
    }
}

impl Handover {
    pub(super) fn new(name: NextHopName, mail: MailFrom, forwarded: ForwardedClient) -> Self {
        let facts = NextHopFacts { name: name.0.to_string(), ..NextHopFacts::default() };
        Self {
            name,
            mail,
            forwarded,
            accepted: Vec::new(),
            goal: Goal::Nothing,
            link: Link::Closed,
            deadline: None,
            attempts_left: ATTEMPTS,
            avoid: Vec::new(),
            facts,
            reading: Reading::No,
            repeated: 0,
            refused: None,
            progress: VecDeque::new(),
        }
    }

    /// Which next hop: one per transaction (decision 2).
    pub(super) fn name(&self) -> &NextHopName {
        &self.name
    }

    /// For the record.
    pub(super) fn facts(&self) -> &NextHopFacts {
        &self.facts
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn poll_progress(&mut self) -> Option<Progress> {
        self.progress.pop_front()
    }

    /// Whether octets of the next hop are welcome.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    /// Whether the envelope stands and content could flow at once.
    pub(super) fn is_standing(&self) -> bool {
        matches!(&self.link, Link::Open(open) if open.stage == Stage::Standing)
    }

    /// Whether the next hop waits for our client, and has nothing to do: the envelope stands, or all content that there is was given
    /// to it.
    pub(super) fn is_waiting(&self) -> bool {
        let Link::Open(open) = &self.link else { return false };
        match open.stage {
            Stage::Standing => true,
            Stage::Content => !open.writing && self.reading == Reading::No,
            Stage::Fresh | Stage::Resetting | Stage::Envelope | Stage::Data => false,
        }
    }

    /// Whether content flows or flowed.
    pub(super) fn is_delivering(&self) -> bool {
        matches!(self.goal, Goal::Deliver(_))
    }

    /// Asks for one more recipient. Answered by [`Progress::Asked`].
    pub(super) fn ask(&mut self, rcpt: RcptTo, world: &mut World<'_>) {
        let repeats = if self.is_open() { 0 } else { self.accepted.len() };
        if self.repeated.saturating_add(repeats) > REPEATED_RECIPIENTS {
            self.progress.push_back(Progress::Asked(reply::other_next_hop(), false));
            return;
        }
        self.goal = Goal::Ask(rcpt);
        self.attempts_left = ATTEMPTS;
        self.go_on(world);
    }

    /// Hands over the content: `prefix`, then the hold from `skip` on, to the accepted recipients at `recipients`. When content
    /// flows already with the same prefix and recipients, it goes on; otherwise it begins anew.
    pub(super) fn deliver(&mut self, recipients: Vec<usize>, prefix: Bytes, skip: u64, world: &mut World<'_>) {
        if let Goal::Deliver(delivery) = &self.goal
            && delivery.prefix == prefix
            && delivery.recipients == recipients
        {
            return;
        }
        if self.is_delivering() {
            self.close(world);
        }
        if let Some((told, why)) = self.refused.clone() {
            self.progress.push_back(Progress::Failed(told, why));
            return;
        }
        self.goal = Goal::Deliver(Delivery {
            recipients,
            prefix,
            skip,
            offset: skip,
            available: skip,
            complete: false,
            dotted: false,
        });
        self.attempts_left = ATTEMPTS;
        self.go_on(world);
    }

    /// The connection is worth more to others while our client is slow: it is given back, the envelope will be repeated.
    pub(super) fn give_back(&mut self, world: &mut World<'_>) {
        if let Goal::Deliver(_) = self.goal {
            self.goal = Goal::Nothing;
        }
        self.close(world);
    }

    /// The transaction is over.
    pub(super) fn finish(&mut self, world: &mut World<'_>) {
        self.goal = Goal::Nothing;
        self.close(world);
    }

    pub(super) fn octets(&mut self, octets: &[u8], world: &mut World<'_>) {
        let Link::Open(open) = &mut self.link else { return };
        open.dialogue.receive(octets);
        while let Link::Open(open) = &mut self.link {
            match open.dialogue.poll_answer() {
                None => break,
                Some(Ok((question, answer))) => self.answered(question, answer, world),
                Some(Err(DialogueFault::Unsolicited(reply))) if self.is_early_answer(&reply) => {
                    self.answered_early(&reply, world);
                }
                Some(Err(fault)) => self.lost(fault.to_string(), world),
            }
        }
        self.transmit(world);
    }

    pub(super) fn time_passed(&mut self, world: &mut World<'_>) {
        if self.deadline.is_none_or(|deadline| world.now.monotonic < deadline) {
            return;
        }
        self.deadline = None;
        match self.link {
            Link::Opening => {
                world.outputs.push_back(Output::CancelNextHop);
                self.link = Link::Closed;
                self.fail(reply::next_hop_busy(), NextHopFailure::Busy.to_string());
            }
            _ => self.lost("no answer in time".into(), world),
        }
    }

    /// The next step towards the goal, from wherever the connection stands.
    fn go_on(&mut self, world: &mut World<'_>) {
        match &mut self.link {
            Link::Opening => {}
            Link::Closed => self.open(world),
            Link::Open(open) => match open.stage {
                Stage::Fresh => self.ask_envelope(world),
                Stage::Standing => self.use_envelope(world),
                Stage::Resetting | Stage::Envelope | Stage::Data | Stage::Content => {}
            },
        }
    }

    /// Whether our dot is out: said, and written to its end. Until then the next hop cannot have the message.
    fn is_dotted(&self) -> bool {
        self.has_said_dot() && !matches!(&self.link, Link::Open(open) if open.writing)
    }

    fn has_said_dot(&self) -> bool {
        matches!(&self.goal, Goal::Deliver(delivery) if delivery.dotted)
    }

    /// The goal cannot be reached, and the next hop has no part in it.
    fn fail_here(&mut self, told: Reply, why: String) {
        self.progress.push_back(Progress::OwnFault(why.clone()));
        self.give_up(told, why);
    }

    /// The goal cannot be reached.
    fn fail(&mut self, told: Reply, why: String) {
        self.facts.fault = Some(why.clone());
        self.give_up(told, why);
    }

    fn give_up(&mut self, told: Reply, why: String) {
        match std::mem::replace(&mut self.goal, Goal::Nothing) {
            Goal::Nothing => {}
            Goal::Ask(_) => self.progress.push_back(Progress::Asked(told, false)),
            Goal::Deliver(_) => self.progress.push_back(Progress::Failed(told, why)),
        }
    }
}
