//! One attempt of a release: one mail transaction in which the gateway is the sender, without I/O (decision 42).
//!
//! In: an envelope, how much content stands in the hold, and what the world did. Out: [`Step`]s for the door, the last of which says
//! what each recipient has. The next hop's side is the same [`Handover`] that hands over what a client sends. What differs: a
//! recipient that is refused does not stop the others, and our dot waits for a row instead of an intent.
//!
//! ```text
//!  naming each recipient ──► content ──► MayDot ──(the row says so)──► our dot ──► what everybody has
//! ```

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    event::{Input, Moment, Output},
    handover::{Handover, Progress, World},
    reply,
    settings::Timeouts,
};
use crate::{
    policy::route::NextHopName,
    record::release::{Heard, RecipientState},
    smtp::{
        client::ForwardedClient,
        envelope::{MailFrom, RcptTo},
        reply::Reply,
    },
};

/// Looked at again when the next hop has no deadline of its own: only while the hold is read.
const IDLE: Duration = Duration::from_secs(60);

/// What is sent, and to whom.
#[derive(Clone, Debug)]
pub struct Letter {
    /// To which next hop.
    pub next_hop: NextHopName,
    /// The reverse-path and the parameters of MAIL; SIZE is the content's, without what stands in front of it.
    pub mail: MailFrom,
    /// The recipients, each with its index in the release.
    pub recipients: Vec<(usize, RcptTo)>,
    /// Who the client was, as far as a next hop that asks for it (XFORWARD) is told: we.
    pub client: ForwardedClient,
    /// The first octets of the hold: our trace fields.
    pub prefix: Bytes,
    /// Octets in the hold, `prefix` included.
    pub length: u64,
}

/// What the door does next.
#[derive(Debug)]
pub enum Step {
    /// About the next hop or the hold; answered as in a session.
    Do(Output),
    /// Everything but the dot is written. Answered by `Journaled`: it stands in the outbox that these recipients (by their index in the
    /// release) may have the message from now on, or it does not, and then nothing is delivered.
    MayDot(Vec<usize>),
    /// Nothing more until something happens, or this moment has come.
    Wait {
        /// Read from the next hop.
        read_next_hop: bool,
        /// Feed `TimePassed` then.
        until: Instant,
    },
    /// It is over: what each recipient has that was asked about.
    Over(Vec<Heard>),
}

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    handover: Handover,
    timeouts: Timeouts,
    letter: Letter,
    /// The next recipient to be named: index into the letter's.
    next: usize,
    /// Those that the next hop accepted: indices into the letter's recipients, in the order in which it did.
    accepted: Vec<usize>,
    heard: Vec<Heard>,
    stage: Stage,
    outputs: VecDeque<Output>,
    steps: VecDeque<Step>,
    now: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Naming,
    Content,
    /// [`Step::MayDot`] is out.
    Asking,
    Dotted,
    Over,
}

impl Attempt {
    /// Begins.
    pub fn new(letter: Letter, timeouts: Timeouts, now: Moment) -> Self {
        let handover = Handover::new(letter.next_hop.clone(), letter.mail.clone(), letter.client.clone());
        let mut attempt = Self {
            handover,
            timeouts,
            letter,
            next: 0,
            accepted: Vec::new(),
            heard: Vec::new(),
            stage: Stage::Naming,
            outputs: VecDeque::new(),
            steps: VecDeque::new(),
            now,
        };
        attempt.name_next();
        attempt.advance();
        attempt
    }

    /// The world did this. What has nothing to do with a next hop is passed over.
    pub fn handle(&mut self, now: Moment, input: Input) {
        self.now = now;
        match input {
            Input::Journaled(written) => self.journaled(written),
            Input::NextHopReady(ready) => self.with(|handover, world| handover.ready(ready, world)),
            Input::NextHopFailed(failure) => self.handover.failed(&failure),
            Input::NextHopOctets(octets) => self.with(|handover, world| handover.octets(&octets, world)),
            Input::NextHopDrained => self.with(Handover::drained),
            Input::NextHopGone(why) => self.with(|handover, world| handover.gone(why, world)),
            Input::HoldOctets(read) => self.with(|handover, world| handover.hold_octets(read, world)),
            Input::TimePassed => self.with(Handover::time_passed),
            _ => {}
        }
        self.advance();
    }

    /// The next step; [`Step::Wait`] again and again while there is none.
    pub fn poll(&mut self) -> Step {
        if let Some(output) = self.outputs.pop_front() {
            return Step::Do(output);
        }
        self.steps.pop_front().unwrap_or_else(|| Step::Wait {
            read_next_hop: self.handover.is_open(),
            until: self.handover.deadline().unwrap_or(self.now.monotonic + IDLE),
        })
    }

    fn with(&mut self, act: impl FnOnce(&mut Handover, &mut World<'_>)) {
        let mut world = World { now: self.now, timeouts: &self.timeouts, outputs: &mut self.outputs };
        act(&mut self.handover, &mut world);
    }

    fn advance(&mut self) {
        while self.stage != Stage::Over
            && let Some(progress) = self.handover.poll_progress()
        {
            match progress {
                Progress::Asked(reply, answered) => self.named(&reply, answered),
                Progress::AwaitsDot => self.awaits_dot(),
                Progress::Answered(answer) => self.answered(&answer),
                Progress::Lost(why) => {
                    self.all_accepted(RecipientState::Unknown, &format!("no answer to our dot: {why}"));
                }
                Progress::Failed(told, why) => self.all_accepted(not_taken(&told), &why),
                Progress::OwnFault(_) => {}
            }
        }
    }

    fn name_next(&mut self) {
        match self.letter.recipients.get(self.next) {
            Some((_, rcpt)) => {
                let rcpt = rcpt.clone();
                self.with(|handover, world| handover.ask(rcpt, world));
            }
            None => self.give_content(),
        }
    }

    /// The answer to RCPT, or whatever stood in its way.
    fn named(&mut self, answer: &Reply, answered: bool) {
        let asked = self.next;
        self.next = self.next.saturating_add(1);
        if answer.is_positive() {
            self.accepted.push(asked);
            return self.name_next();
        }
        // Where nobody answered, what a client would hear says less than what happened.
        let fault = self.handover.facts().fault.clone().filter(|_| !answered);
        self.hear(asked, not_taken(answer), &fault.unwrap_or_else(|| answer.summary()));
        if self.handover.is_standing() && answered {
            return self.name_next();
        }
        // No connection, or MAIL refused, or as many recipients as it takes at a time: to the others it would say the same.
        if self.accepted.is_empty() && answered {
            for rest in self.next..self.letter.recipients.len() {
                self.hear(rest, not_taken(answer), &answer.summary());
            }
        }
        self.give_content();
    }

    fn give_content(&mut self) {
        if self.accepted.is_empty() {
            return self.over();
        }
        self.stage = Stage::Content;
        let (recipients, length) = ((0..self.accepted.len()).collect(), self.letter.length);
        let prefix = self.letter.prefix.clone();
        let skip = prefix.len() as u64;
        self.with(|handover, world| {
            handover.deliver(recipients, prefix, skip, world);
            handover.available(length, true, world);
        });
    }

    /// All of it is written, perhaps for the second time, on another connection: the row is asked each time.
    fn awaits_dot(&mut self) {
        if self.stage == Stage::Content {
            self.stage = Stage::Asking;
            self.steps.push_back(Step::MayDot(self.accepted_indices()));
        }
    }

    fn journaled(&mut self, written: Result<(), String>) {
        if self.stage != Stage::Asking {
            return;
        }
        match written {
            Ok(()) => {
                self.stage = Stage::Dotted;
                self.with(Handover::dot);
            }
            Err(why) => self.all_accepted(RecipientState::Open, &why),
        }
    }

    fn answered(&mut self, answer: &Reply) {
        let told = reply::pass_final(answer);
        let state = if told.is_positive() { RecipientState::Delivered } else { not_taken(&told) };
        self.all_accepted(state, &answer.summary());
    }

    /// What became of all that the next hop accepted; the end.
    fn all_accepted(&mut self, state: RecipientState, said: &str) {
        for accepted in std::mem::take(&mut self.accepted) {
            self.hear(accepted, state, said);
        }
        self.over();
    }

    fn over(&mut self) {
        self.with(Handover::finish);
        self.stage = Stage::Over;
        let heard = std::mem::take(&mut self.heard);
        self.steps.push_back(Step::Over(heard));
    }

    fn hear(&mut self, nth: usize, state: RecipientState, said: &str) {
        if let Some((recipient, _)) = self.letter.recipients.get(nth) {
            self.heard.push(Heard { recipient: *recipient, state, said: said.to_owned() });
        }
    }

    fn accepted_indices(&self) -> Vec<usize> {
        self.accepted.iter().filter_map(|nth| Some(self.letter.recipients.get(*nth)?.0)).collect()
    }
}

/// What a refusal leaves of a recipient.
fn not_taken(answer: &Reply) -> RecipientState {
    if answer.is_permanent() { RecipientState::Refused } else { RecipientState::Open }
}

#[cfg(test)]
mod tests;
