//! The connection: leased, lost, sought elsewhere before our dot and never after, given back or closed.

use super::{Goal, Handover, Link, Open, Progress, Reading, Stage, World};
use crate::{
    relay::{
        event::{Leftover, NextHopFailure, NextHopReady, OpenNextHop, Output},
        reply,
        settings::ATTEMPTS,
    },
    smtp::{client, reply::Reply},
};

impl Handover {
    pub(super) fn open(&mut self, world: &mut World<'_>) {
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

    pub(in crate::relay) fn ready(&mut self, ready: NextHopReady, world: &mut World<'_>) {
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
            mails: ready.mails,
            owes_reset: ready.owes_reset,
            asked: Vec::new(),
            mail_refused: None,
            stage: Stage::Fresh,
            writing: false,
        }));
        self.go_on(world);
    }

    pub(in crate::relay) fn failed(&mut self, failure: &NextHopFailure) {
        if !matches!(self.link, Link::Opening) {
            return;
        }
        self.link = Link::Closed;
        let told = match failure {
            NextHopFailure::Busy => reply::next_hop_busy(),
            NextHopFailure::Unreachable(_) => reply::next_hop_unavailable(),
            NextHopFailure::Local(_) => reply::local_fault(),
            NextHopFailure::Tls(_) => reply::next_hop_tls(),
        };
        // The pool tried every address already: once more would only be slower.
        self.deadline = None;
        match failure {
            NextHopFailure::Local(_) => self.fail_here(told, failure.to_string()),
            _ => self.fail(told, failure.to_string()),
        }
    }

    pub(in crate::relay) fn gone(&mut self, why: String, world: &mut World<'_>) {
        if matches!(self.link, Link::Open(_)) {
            self.lost(why, world);
        }
    }

    /// The connection broke, or its octets make no sense.
    pub(super) fn lost(&mut self, why: String, world: &mut World<'_>) {
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
        // Whoever said that the dot may go out knows of one: it is not said again somewhere else.
        if self.has_said_dot() {
            return self.fail(reply::next_hop_unavailable(), why);
        }
        // An idle connection that the server closed meanwhile says nothing about the server.
        if let Some(address) = address.filter(|_| !reused) {
            self.avoid.push(address);
        }
        self.again(why, world);
    }

    /// The same on another connection, while there are attempts left.
    pub(super) fn again(&mut self, why: String, world: &mut World<'_>) {
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

    pub(super) fn close_unless_usable(&mut self, answer: &Reply, world: &mut World<'_>) {
        if answer.code() == 421 {
            self.drop_link(world);
        }
    }

    /// Gives the connection back if it can still be reset, closes it otherwise: between 354 and the dot only closing abandons
    /// the content.
    pub(super) fn close(&mut self, world: &mut World<'_>) {
        match &self.link {
            Link::Open(open) if open.dialogue.is_at_rest() && !open.writing => {
                let left = if open.stage == Stage::Fresh { Leftover::Nothing } else { Leftover::Envelope };
                let mails = open.mails;
                self.link = Link::Closed;
                self.deadline = None;
                world.outputs.push_back(Output::ReleaseNextHop { mails, left });
            }
            _ => self.drop_link(world),
        }
    }

    pub(super) fn drop_link(&mut self, world: &mut World<'_>) {
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
