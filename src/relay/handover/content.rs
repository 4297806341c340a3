//! Content on its way: the prefix, then the hold, piece by piece, and our dot. What is written next waits for what can be written
//! together with it: the prefix for the first piece, the last piece for our dot. A message that fits one piece is one write.

use bytes::Bytes;

use super::{Goal, Handover, Link, Progress, Reading, Stage, World};
use crate::{
    relay::{
        event::{HoldFault, Output},
        reply,
        settings::CHUNK,
    },
    smtp::reply::Reply,
};

impl Handover {
    /// The hold has so much now; `complete`: and will not grow.
    pub(in crate::relay) fn available(&mut self, length: u64, complete: bool, world: &mut World<'_>) {
        if let Goal::Deliver(delivery) = &mut self.goal {
            delivery.available = length;
            delivery.complete = complete;
            self.flow(world);
        }
    }

    /// Content read from the hold, as asked for.
    pub(in crate::relay) fn hold_octets(&mut self, read: Result<Bytes, HoldFault>, world: &mut World<'_>) {
        let wanted = std::mem::take(&mut self.reading) == Reading::Wanted;
        let Goal::Deliver(delivery) = &mut self.goal else { return };
        if !wanted {
            return self.flow(world);
        }
        let octets = match read {
            Ok(octets) if !octets.is_empty() => octets,
            other => {
                let why = other.err().map_or_else(|| "the hold ended before its end".into(), |fault| fault.to_string());
                self.close(world);
                self.fail_here(reply::local_fault(), why);
                return;
            }
        };
        if let Link::Open(open) = &mut self.link
            && open.stage == Stage::Content
        {
            delivery.offset = delivery.offset.saturating_add(octets.len() as u64);
            open.dialogue.content(octets);
        }
        self.flow(world);
    }

    /// The final dot, and with it the last piece. Only after [`Progress::AwaitsDot`], and only when the intent stands in the journal.
    /// Were the connection lost in between and another one under way, a dot on that one would end the message in the middle.
    pub(in crate::relay) fn dot(&mut self, world: &mut World<'_>) {
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

    /// Whether a reply that nobody asked for is about the content that flows: 4xx or 5xx before our dot. A 421 is about the
    /// connection.
    pub(super) fn is_early_answer(&self, reply: &Reply) -> bool {
        let flows = matches!(&self.link, Link::Open(open) if open.stage == Stage::Content) && !self.is_dotted();
        flows && reply.code() != 421 && (reply.is_transient() || reply.is_permanent())
    }

    /// The answer to our dot came while the dot is not written: it answers something else. Taken for the answer, a 2xx would lose the
    /// message.
    pub(super) fn answered_before_dot(&mut self, answer: &Reply, world: &mut World<'_>) {
        if self.is_early_answer(answer) {
            self.answered_early(answer, world);
        } else {
            self.lost(format!("before our dot it said {}", answer.summary()), world);
        }
    }

    /// It did not wait for the end (RFC 5321 says nothing of such servers, and there are some). What it says of the content is
    /// its answer, as to DATA: no other address is asked now. For good is for good: nothing of the content is sent to it again.
    pub(super) fn answered_early(&mut self, answer: &Reply, world: &mut World<'_>) {
        let (told, why) =
            (reply::pass_final(answer), format!("before the end of the content it said {}", answer.summary()));
        // Behind it nothing that is written or read would make sense, and only closing abandons the content.
        self.drop_link(world);
        if answer.is_permanent() {
            self.refused = Some((told.clone(), why.clone()));
        }
        self.fail(told, why);
    }

    pub(in crate::relay) fn drained(&mut self, world: &mut World<'_>) {
        if let Link::Open(open) = &mut self.link {
            open.writing = false;
            if open.stage == Stage::Content && !self.is_dotted() {
                self.deadline = None;
            }
            self.flow(world);
        }
    }

    /// Moves content as far as it goes without waiting.
    pub(super) fn flow(&mut self, world: &mut World<'_>) {
        self.transmit(world);
        self.read_on(world);
    }

    /// Asks for the next piece when the one before it is written; for our dot when there is none.
    pub(super) fn read_on(&mut self, world: &mut World<'_>) {
        let (Goal::Deliver(delivery), Link::Open(open)) = (&mut self.goal, &self.link) else { return };
        if open.stage != Stage::Content || open.writing || self.reading != Reading::No || delivery.dotted {
            return;
        }
        // Half a reply: what it is shows when it is whole. Going on as if we wrote would end in a dot that never went out.
        if open.dialogue.is_interrupted() {
            self.deadline.get_or_insert(world.now.monotonic + world.timeouts.next_hop_reply);
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

    /// Whether all of the content but what waits for our dot is written on the connection that is open now: it may be another than a
    /// moment ago.
    pub(super) fn is_whole(&self) -> bool {
        let (Goal::Deliver(delivery), Link::Open(open)) = (&self.goal, &self.link) else { return false };
        let is_free = open.stage == Stage::Content && !open.writing && !open.dialogue.is_interrupted();
        is_free && delivery.complete && delivery.offset >= delivery.available
    }

    /// Whether something comes that what is to be written now can be written with.
    fn gathers(&self) -> bool {
        let (Goal::Deliver(delivery), Link::Open(open)) = (&self.goal, &self.link) else { return false };
        let has_all = delivery.complete && delivery.offset >= delivery.available;
        open.stage == Stage::Content && !delivery.dotted && (self.reading == Reading::Wanted || has_all)
    }

    pub(super) fn transmit(&mut self, world: &mut World<'_>) {
        if self.gathers() {
            return;
        }
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
}
