//! Where everything stands, seen from outside, what can be done now, and what struck. In: nothing but the world. It does not
//! know who chooses the deeds.

use super::{
    super::{
        next_hop::NextHop,
        script::{Deed, Verdict},
    },
    Asked, World,
};

/// How far the session has come, as the world around it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// No transaction.
    Idle,
    /// The handshake runs.
    Securing,
    /// A transaction, between commands.
    Envelope,
    /// The next hop is asked for a recipient.
    Asking,
    /// Mail data arrives.
    Content,
    /// Mail data arrives, and flows on to the next hop.
    Flowing,
    /// The scanners are asked.
    Scanning,
    /// The quarantine is asked to keep an item.
    Keeping,
    /// The next hop is given the content that is complete.
    HandingOver,
    /// The journal is asked to take the intent.
    Intending,
    /// Our dot is out, its reply is not in.
    Dotted,
    /// The quarantine is asked to settle an item.
    Settling,
    /// The journal is asked to take the record.
    Recording,
}

/// What goes wrong, but for the replies of next hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The client's stream ends.
    ClientGone,
    /// The client's connection breaks.
    ClientBroke,
    /// Everybody is silent until the deadline passes: a stalled client, next hop or scanner.
    Deadline,
    /// A minute passes.
    Minute,
    /// The gateway is to stop.
    Stop,
    /// Other rules are in force.
    Policy,
    /// The disk is low.
    DiskLow,
    /// No connection to the next hop comes free.
    Busy,
    /// The next hop cannot be reached.
    Unreachable,
    /// TLS with it fails.
    NoTls,
    /// It closes the connection.
    NextHopGone,
    /// It closes it within a reply.
    PartialReply,
    /// It says something that nobody asked for.
    Unasked,
    /// It refuses the content before its end.
    EarlyNo,
    /// Somebody else wants the connection.
    Wanted,
    /// There is no descriptor for one.
    NoDescriptor,
    /// The clock is set.
    Clock,
    /// The hold takes nothing.
    HoldFull,
    /// The hold gives nothing.
    HoldUnreadable,
    /// The quarantine keeps or settles nothing.
    NotKept,
    /// The journal takes nothing.
    NotJournaled,
    /// The scanners say so.
    Infected,
    /// The scanners say so.
    Unavailable,
    /// The scanners say so.
    NotFullyScanned,
    /// The scanners say so.
    Encrypted,
    /// No scanner answers.
    NobodyScanned,
}

impl World {
    /// Where everything stands.
    pub fn step(&self) -> Step {
        let asked = |what: fn(&Asked) -> bool| self.asked.iter().any(what);
        let next_hop = |what: fn(&NextHop) -> bool| self.next_hop.as_ref().is_some_and(what);
        let holding = asked(|asked| matches!(asked, Asked::Held(_)));
        match () {
            () if self.securing => Step::Securing,
            () if asked(|asked| matches!(asked, Asked::Keep(_))) => Step::Keeping,
            () if asked(|asked| matches!(asked, Asked::Settle(_))) => Step::Settling,
            () if asked(|asked| matches!(asked, Asked::Intent(_))) => Step::Intending,
            () if asked(|asked| matches!(asked, Asked::Record)) => Step::Recording,
            () if self.scanning => Step::Scanning,
            () if self.current.dots > 0 => Step::Dotted,
            () if self.dialogue.has_all_data() && !holding => Step::HandingOver,
            () if self.dialogue.in_content() && next_hop(NextHop::in_data) => Step::Flowing,
            () if self.dialogue.in_content() => Step::Content,
            () if self.dialogue.is_open() && (self.opening || next_hop(NextHop::is_awaited)) => Step::Asking,
            () if self.dialogue.is_open() => Step::Envelope,
            () => Step::Idle,
        }
    }

    /// What everybody could do that is good: answers, and what the client still has to write.
    pub fn good(&self, verdict: Verdict) -> Vec<Deed> {
        let next_hop = |what: fn(&NextHop) -> bool| self.next_hop.as_ref().is_some_and(what);
        let writes = self.client_open && !self.securing && self.wait.read_client > 0 && !self.outbox.is_empty();
        let deeds = [
            (!self.asked.is_empty(), Deed::Answer),
            (self.securing, Deed::Secure),
            (self.opening, Deed::Open(true)),
            (next_hop(|next_hop| next_hop.writing), Deed::Drain),
            (next_hop(NextHop::has_replies) && self.wait.read_next_hop, Deed::Hear(usize::MAX)),
            (self.scanning, Deed::Scan(verdict)),
            (writes, Deed::Write(usize::MAX)),
        ];
        deeds.into_iter().filter_map(|(can, deed)| can.then_some(deed)).collect()
    }

    /// The client has said all it meant to, and is answered; or is to say mail data.
    pub fn awaits_client(&self) -> bool {
        let answered = self.dialogue.is_answered() || self.dialogue.in_data() && !self.dialogue.has_all_data();
        self.client_open && !self.closed && !self.securing && self.outbox.is_empty() && answered
    }

    /// Whether the fault can strike now.
    pub fn can(&self, fault: Fault) -> bool {
        let next_hop = |what: fn(&NextHop) -> bool| self.next_hop.as_ref().is_some_and(what);
        let front = |what: fn(&Asked) -> bool| self.asked.front().is_some_and(what);
        match fault {
            Fault::ClientGone | Fault::ClientBroke => self.client_may_go(),
            Fault::Deadline | Fault::Minute | Fault::Policy | Fault::DiskLow => true,
            Fault::Stop => !self.stopping,
            Fault::Busy | Fault::Unreachable | Fault::NoTls | Fault::NoDescriptor => self.opening,
            Fault::Clock => true,
            Fault::EarlyNo => next_hop(|it| it.in_data() && !it.is_awaited() && !it.is_broken()),
            Fault::Wanted => self.next_hop.is_some() && self.wait.lends_from.is_some(),
            Fault::NextHopGone => next_hop(|next_hop| !next_hop.is_gone()),
            Fault::PartialReply => self.wait.read_next_hop && next_hop(NextHop::has_replies),
            Fault::Unasked => next_hop(|next_hop| !next_hop.is_awaited() && !next_hop.is_gone()),
            Fault::HoldFull => front(|asked| matches!(asked, Asked::Held(_))),
            Fault::HoldUnreadable => front(|asked| matches!(asked, Asked::Read(..))),
            Fault::NotKept => front(|asked| matches!(asked, Asked::Keep(_) | Asked::Settle(_))),
            Fault::NotJournaled => front(|asked| matches!(asked, Asked::Intent(_) | Asked::Record)),
            Fault::Infected | Fault::Unavailable | Fault::NotFullyScanned | Fault::Encrypted | Fault::NobodyScanned => {
                self.scanning
            }
        }
    }

    /// That the client is gone shows only by reading, by writing, or in the handshake.
    pub(super) fn client_may_go(&self) -> bool {
        self.client_open && (self.wait.read_client > 0 || self.wrote || self.securing)
    }

    /// A fault of somebody is about to strike.
    pub(super) fn note(&mut self, deed: Deed) {
        let fault = match deed {
            Deed::Leave => Fault::ClientGone,
            Deed::Break => Fault::ClientBroke,
            Deed::Pass(None) => Fault::Deadline,
            Deed::Pass(Some(60..)) => Fault::Minute,
            Deed::Stop => Fault::Stop,
            Deed::Policy => Fault::Policy,
            Deed::DiskLow(true) => Fault::DiskLow,
            Deed::Busy => Fault::Busy,
            Deed::Unreachable => Fault::Unreachable,
            Deed::NoTls => Fault::NoTls,
            Deed::NextHopGone if self.next_hop.as_ref().is_some_and(NextHop::is_half_heard) => Fault::PartialReply,
            Deed::NextHopGone => Fault::NextHopGone,
            Deed::Unasked => Fault::Unasked,
            Deed::EarlyNo => Fault::EarlyNo,
            Deed::Wanted if self.wait.lends_from.is_none_or(|from| from > self.now.monotonic) => return,
            Deed::Wanted => Fault::Wanted,
            Deed::NoDescriptor => Fault::NoDescriptor,
            Deed::Clock(_) => Fault::Clock,
            Deed::Scan(Verdict::Infected) => Fault::Infected,
            Deed::Scan(Verdict::Unavailable) => Fault::Unavailable,
            Deed::Scan(Verdict::Limits) => Fault::NotFullyScanned,
            Deed::Scan(Verdict::Encrypted) => Fault::Encrypted,
            Deed::Scan(Verdict::Nobody) => Fault::NobodyScanned,
            _ => return,
        };
        // Half of a reply was heard already: of no more use to ask whether one can be heard.
        if fault == Fault::PartialReply || self.can(fault) {
            self.struck.push((self.step(), fault));
        }
    }

    /// An answer of the disk is about to be given: a fault that was laid for it strikes.
    pub(super) fn note_answer(&mut self) {
        let laid = &self.faults;
        let all = [
            (laid.full, Fault::HoldFull),
            (laid.unreadable, Fault::HoldUnreadable),
            (laid.not_kept, Fault::NotKept),
            (laid.not_journaled, Fault::NotJournaled),
        ];
        let strikes = all.into_iter().find(|&(laid, fault)| laid && self.can(fault));
        if let Some((_, fault)) = strikes {
            self.struck.push((self.step(), fault));
        }
    }
}
