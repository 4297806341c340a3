//! The next hop's side of one mail transaction: lease a connection, ask the envelope, hand the content over, repeat it
//! elsewhere if the connection is lost before our dot, never after.
//!
//! In: what the transaction wants ([`Handover::ask`], [`Handover::deliver`], [`Handover::dot`]) and what the world did.
//! Out: outputs for the door, and [`Progress`] for the transaction. It does not know verdicts, rules or the client.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;

use super::{
    event::{Moment, NextHopFailure, NextHopReady, OpenNextHop, Output},
    reply,
    settings::{ATTEMPTS, CHUNK, Timeouts},
};
use crate::{
    policy::route::NextHopName,
    record::NextHopFacts,
    smtp::{
        client::{self, Question},
        envelope::{MailFrom, RcptTo},
        extension::TRACE_FIELDS,
        reply::Reply,
    },
};

/// What the transaction learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The answer to [`Handover::ask`], as the client is to hear it, and whether the next hop gave it.
    Asked(Reply, bool),
    /// The whole content is written: [`Handover::dot`] may follow.
    AwaitsDot,
    /// The next hop's answer to the end of mail data, as it gave it.
    Answered(Reply),
    /// It did not answer to our dot: it may have the message.
    Lost(String),
    /// Before our dot: it cannot be handed over now. What the client is to hear, and why.
    Failed(Reply, String),
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
    /// Our dot is out: from here on nothing is ever repeated.
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
    pub(super) fn new(name: NextHopName, mail: MailFrom) -> Self {
        let facts = NextHopFacts { name: name.0.to_string(), ..NextHopFacts::default() };
        Self {
            name,
            mail,
            accepted: Vec::new(),
            goal: Goal::Nothing,
            link: Link::Closed,
            deadline: None,
            attempts_left: ATTEMPTS,
            avoid: Vec::new(),
            facts,
            reading: Reading::No,
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

    /// Whether content flows or flowed.
    pub(super) fn is_delivering(&self) -> bool {
        matches!(self.goal, Goal::Deliver(_))
    }

    /// Asks for one more recipient. Answered by [`Progress::Asked`].
    pub(super) fn ask(&mut self, rcpt: RcptTo, world: &mut World<'_>) {
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

    /// The hold has so much now; `complete`: and will not grow.
    pub(super) fn available(&mut self, length: u64, complete: bool, world: &mut World<'_>) {
        if let Goal::Deliver(delivery) = &mut self.goal {
            delivery.available = length;
            delivery.complete = complete;
            self.flow(world);
        }
    }

    /// Content read from the hold, as asked for.
    pub(super) fn hold_octets(&mut self, octets: Bytes, world: &mut World<'_>) {
        let wanted = std::mem::take(&mut self.reading) == Reading::Wanted;
        let Goal::Deliver(delivery) = &mut self.goal else { return };
        if !wanted {
            return self.flow(world);
        }
        if octets.is_empty() {
            self.close(world);
            self.fail(reply::local_fault(), "the hold ended before its end".into());
            return;
        }
        if let Link::Open(open) = &mut self.link
            && open.stage == Stage::Content
        {
            delivery.offset = delivery.offset.saturating_add(octets.len() as u64);
            open.dialogue.content(octets);
        }
        self.flow(world);
    }

    /// The final dot. Only after [`Progress::AwaitsDot`], and only when the intent stands in the journal. Were the connection lost
    /// in between and another one under way, a dot on that one would end the message in the middle.
    pub(super) fn dot(&mut self, world: &mut World<'_>) {
        let whole = self.is_whole();
        if let (Goal::Deliver(delivery), Link::Open(open), true) = (&mut self.goal, &mut self.link, whole) {
            delivery.dotted = true;
            open.dialogue.end_of_mail_data();
            self.deadline = Some(world.now.monotonic + world.timeouts.next_hop_end_of_data);
            self.transmit(world);
        } else {
            self.progress.push_back(Progress::Failed(reply::next_hop_unavailable(), "the connection was lost".into()));
        }
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

    // ── what the world did ──

    pub(super) fn ready(&mut self, ready: NextHopReady, world: &mut World<'_>) {
        if !matches!(self.link, Link::Opening) {
            return;
        }
        self.facts.attempts = self.facts.attempts.saturating_add(1);
        self.facts.address = Some(ready.address.clone());
        self.facts.tls = ready.tls;
        self.deadline = None;
        self.link = Link::Open(Box::new(Open {
            dialogue: client::Transaction::new(ready.capabilities),
            address: ready.address,
            reused: ready.reused,
            asked: Vec::new(),
            mail_refused: None,
            stage: Stage::Fresh,
            writing: false,
        }));
        self.go_on(world);
    }

    pub(super) fn failed(&mut self, failure: &NextHopFailure) {
        if !matches!(self.link, Link::Opening) {
            return;
        }
        self.link = Link::Closed;
        let told = match failure {
            NextHopFailure::Busy => reply::next_hop_busy(),
            NextHopFailure::Unreachable(_) => reply::next_hop_unavailable(),
            NextHopFailure::Tls(_) => reply::next_hop_tls(),
        };
        // The pool tried every address already: once more would only be slower.
        self.deadline = None;
        self.fail(told, failure.to_string());
    }

    pub(super) fn octets(&mut self, octets: &[u8], world: &mut World<'_>) {
        let Link::Open(open) = &mut self.link else { return };
        open.dialogue.receive(octets);
        while let Link::Open(open) = &mut self.link {
            match open.dialogue.poll_answer() {
                None => break,
                Some(Ok((question, answer))) => self.answered(question, answer, world),
                Some(Err(fault)) => self.lost(fault.to_string(), world),
            }
        }
        self.transmit(world);
    }

    pub(super) fn gone(&mut self, why: String, world: &mut World<'_>) {
        if matches!(self.link, Link::Open(_)) {
            self.lost(why, world);
        }
    }

    pub(super) fn drained(&mut self, world: &mut World<'_>) {
        if let Link::Open(open) = &mut self.link {
            open.writing = false;
            if open.stage == Stage::Content && !self.is_dotted() {
                self.deadline = None;
            }
            self.flow(world);
        }
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

    // ── the way to the goal ──

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

    fn open(&mut self, world: &mut World<'_>) {
        let until = world.now.monotonic + world.timeouts.connection;
        // The pool answers by then; a moment later we stop waiting for a pool that does not.
        self.deadline = Some(until + std::time::Duration::from_secs(1));
        self.link = Link::Opening;
        world.outputs.push_back(Output::OpenNextHop(OpenNextHop {
            name: self.name.clone(),
            fresh: self.attempts_left < ATTEMPTS,
            avoid: self.avoid.clone(),
            until,
        }));
    }

    /// MAIL and every RCPT that the goal needs, on a connection without transaction.
    fn ask_envelope(&mut self, world: &mut World<'_>) {
        let Link::Open(open) = &mut self.link else { return };
        if self.mail.parameters.smtputf8 && !open.dialogue.capabilities().smtputf8 {
            self.close(world);
            self.fail(reply::smtputf8_lost(), "the next hop does not offer SMTPUTF8".into());
            return;
        }
        let (repeated, new): (Vec<usize>, Option<&RcptTo>) = match &self.goal {
            Goal::Nothing => return,
            Goal::Ask(rcpt) => ((0..self.accepted.len()).collect(), Some(rcpt)),
            Goal::Deliver(delivery) => (delivery.recipients.clone(), None),
        };
        // What the next hop gets is larger than what the client declared.
        let size = self.mail.parameters.size.map(|size| size.saturating_add(TRACE_FIELDS));
        open.dialogue.mail(&self.mail, size);
        open.asked.clear();
        for index in repeated {
            if let Some(rcpt) = self.accepted.get(index) {
                open.dialogue.rcpt(rcpt);
                open.asked.push(Asked::Accepted(index));
            }
        }
        if let Some(rcpt) = new {
            open.dialogue.rcpt(rcpt);
            open.asked.push(Asked::New);
        }
        open.stage = Stage::Envelope;
        self.await_reply(world);
    }

    /// On a connection where MAIL stands: one more RCPT, or DATA, or RSET when it stands for others than those wanted.
    fn use_envelope(&mut self, world: &mut World<'_>) {
        let Link::Open(open) = &mut self.link else { return };
        match &self.goal {
            Goal::Nothing => return,
            Goal::Ask(rcpt) => {
                open.dialogue.rcpt(rcpt);
                open.asked.push(Asked::New);
                open.stage = Stage::Envelope;
            }
            Goal::Deliver(delivery) if open.accepted().eq(delivery.recipients.iter().copied()) => {
                open.dialogue.data();
                open.stage = Stage::Data;
            }
            Goal::Deliver(_) => {
                open.dialogue.reset();
                open.stage = Stage::Resetting;
            }
        }
        self.await_reply(world);
    }

    fn await_reply(&mut self, world: &mut World<'_>) {
        self.deadline = Some(world.now.monotonic + world.timeouts.next_hop_reply);
        self.transmit(world);
    }

    fn answered(&mut self, question: Question, answer: Reply, world: &mut World<'_>) {
        match question {
            Question::Mail if answer.is_positive() => {}
            Question::Mail => {
                if let Link::Open(open) = &mut self.link {
                    open.mail_refused = Some(answer);
                }
                self.mail_refused(world);
            }
            Question::Rcpt(nth) => {
                if !self.mail_refused(world) {
                    self.rcpt_answered(nth, &answer, world);
                }
            }
            Question::Reset if answer.is_positive() => {
                if let Link::Open(open) = &mut self.link {
                    open.stage = Stage::Fresh;
                    open.asked.clear();
                }
                self.go_on(world);
            }
            Question::Reset => self.lost(format!("RSET was answered {}", answer.summary()), world),
            Question::Data if answer.code() == 354 => {
                if let Link::Open(open) = &mut self.link {
                    open.stage = Stage::Content;
                    if let Goal::Deliver(delivery) = &mut self.goal {
                        delivery.offset = delivery.skip;
                        self.facts.cut_through |= !delivery.complete;
                        open.dialogue.content(delivery.prefix.clone());
                    }
                }
                self.deadline = None;
                self.flow(world);
            }
            Question::Data => {
                self.close(world);
                self.fail(reply::pass_final(&answer), format!("DATA was answered {}", answer.summary()));
            }
            Question::EndOfMailData => {
                self.deadline = None;
                self.facts.reply = Some(answer.summary());
                self.goal = Goal::Nothing;
                if let Link::Open(open) = &mut self.link {
                    open.stage = Stage::Fresh;
                    open.asked.clear();
                }
                self.close_unless_usable(&answer, world);
                self.progress.push_back(Progress::Answered(answer));
            }
        }
    }

    /// Whether MAIL was refused; if so, and once nothing is outstanding any more, the connection is given back and the goal
    /// has failed. Closing at once would cost a connection for every sender that the next hop does not like.
    fn mail_refused(&mut self, world: &mut World<'_>) -> bool {
        let Link::Open(open) = &mut self.link else { return false };
        let Some(answer) = open.mail_refused.clone() else { return false };
        if open.dialogue.outstanding() == 0 {
            self.close(world);
            if self.accepted.is_empty() && matches!(self.goal, Goal::Ask(_)) {
                self.goal = Goal::Nothing;
                self.progress.push_back(Progress::Asked(reply::pass_mail(&answer), true));
            } else {
                self.fail(reply::envelope_changed(), format!("MAIL was answered {}", answer.summary()));
            }
        }
        true
    }

    fn rcpt_answered(&mut self, nth: usize, answer: &Reply, world: &mut World<'_>) {
        let Link::Open(open) = &mut self.link else { return };
        match open.asked.get(nth).copied() {
            Some(Asked::New) => {
                let Goal::Ask(rcpt) = std::mem::replace(&mut self.goal, Goal::Nothing) else { return };
                let place = if answer.is_positive() {
                    self.accepted.push(rcpt);
                    Asked::Accepted(self.accepted.len().saturating_sub(1))
                } else {
                    Asked::Refused
                };
                if let Some(asked) = open.asked.get_mut(nth) {
                    *asked = place;
                }
                open.stage = Stage::Standing;
                self.deadline = None;
                self.progress.push_back(Progress::Asked(reply::pass_rcpt(answer), true));
                self.close_unless_usable(answer, world);
            }
            Some(Asked::Accepted(_)) if answer.is_positive() => {
                if open.dialogue.outstanding() == 0 {
                    open.stage = Stage::Standing;
                    self.go_on(world);
                }
            }
            _ => {
                // Somebody was told 250 for this recipient, and now it is refused: the whole transaction must come again.
                let why = format!("a repeated RCPT was answered {}", answer.summary());
                self.close(world);
                self.fail(reply::envelope_changed(), why);
            }
        }
    }

    /// Moves content as far as it goes without waiting: asks for the next piece when the last one is written.
    fn flow(&mut self, world: &mut World<'_>) {
        self.transmit(world);
        let (Goal::Deliver(delivery), Link::Open(open)) = (&mut self.goal, &self.link) else { return };
        if open.stage != Stage::Content || open.writing || self.reading != Reading::No || delivery.dotted {
            return;
        }
        let left = delivery.available.saturating_sub(delivery.offset);
        if left > 0 {
            self.reading = Reading::Wanted;
            let max = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            world.outputs.push_back(Output::ReadHold { offset: delivery.offset, max });
        } else if delivery.complete {
            self.progress.push_back(Progress::AwaitsDot);
        }
    }

    /// Whether all of the content is written on the connection that is open now: it may be another than a moment ago.
    fn is_whole(&self) -> bool {
        let (Goal::Deliver(delivery), Link::Open(open)) = (&self.goal, &self.link) else { return false };
        open.stage == Stage::Content && !open.writing && delivery.complete && delivery.offset >= delivery.available
    }

    fn transmit(&mut self, world: &mut World<'_>) {
        let Link::Open(open) = &mut self.link else { return };
        while let Some(octets) = open.dialogue.poll_transmit() {
            world.outputs.push_back(Output::ToNextHop(octets));
            open.writing = true;
            // A next hop that takes no more octets is as silent as one that does not answer.
            if open.stage == Stage::Content && self.deadline.is_none() {
                self.deadline = Some(world.now.monotonic + world.timeouts.next_hop_end_of_data);
            }
        }
    }

    // ── the connection's end ──

    /// The connection broke, or its octets make no sense.
    fn lost(&mut self, why: String, world: &mut World<'_>) {
        let (address, reused) = match &self.link {
            Link::Open(open) => (Some(open.address.clone()), open.reused && open.stage == Stage::Envelope),
            _ => (None, false),
        };
        if self.is_dotted() {
            self.goal = Goal::Nothing;
            self.drop_link(world);
            self.progress.push_back(Progress::Lost(why));
            return;
        }
        self.drop_link(world);
        // An idle connection that the server closed meanwhile says nothing about the server.
        if let Some(address) = address.filter(|_| !reused) {
            self.avoid.push(address);
        }
        self.again(why, world);
    }

    fn is_dotted(&self) -> bool {
        matches!(&self.goal, Goal::Deliver(delivery) if delivery.dotted)
    }

    /// The same on another connection, while there are attempts left.
    fn again(&mut self, why: String, world: &mut World<'_>) {
        self.attempts_left = self.attempts_left.saturating_sub(1);
        self.facts.fault = Some(why.clone());
        if self.attempts_left == 0 {
            self.fail(reply::next_hop_unavailable(), why);
            return;
        }
        match &mut self.goal {
            Goal::Nothing => return,
            Goal::Ask(_) => {}
            Goal::Deliver(delivery) => delivery.offset = delivery.skip,
        }
        self.open(world);
    }

    /// The goal cannot be reached.
    fn fail(&mut self, told: Reply, why: String) {
        self.facts.fault = Some(why.clone());
        match std::mem::replace(&mut self.goal, Goal::Nothing) {
            Goal::Nothing => {}
            Goal::Ask(_) => self.progress.push_back(Progress::Asked(told, false)),
            Goal::Deliver(_) => self.progress.push_back(Progress::Failed(told, why)),
        }
    }

    fn close_unless_usable(&mut self, answer: &Reply, world: &mut World<'_>) {
        if answer.code() == 421 {
            self.drop_link(world);
        }
    }

    /// Gives the connection back if it can still be reset, closes it otherwise: between 354 and the dot only closing abandons
    /// the content.
    fn close(&mut self, world: &mut World<'_>) {
        let usable = matches!(&self.link, Link::Open(open) if open.dialogue.is_at_rest() && !open.writing);
        if usable {
            self.link = Link::Closed;
            self.deadline = None;
            world.outputs.push_back(Output::ReleaseNextHop);
        } else {
            self.drop_link(world);
        }
    }

    fn drop_link(&mut self, world: &mut World<'_>) {
        self.deadline = None;
        if self.reading == Reading::Wanted {
            self.reading = Reading::Stale;
        }
        match std::mem::replace(&mut self.link, Link::Closed) {
            Link::Closed => {}
            Link::Opening => world.outputs.push_back(Output::CancelNextHop),
            Link::Open(_) => world.outputs.push_back(Output::DropNextHop),
        }
    }
}
