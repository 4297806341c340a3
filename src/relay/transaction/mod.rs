//! One mail transaction: from MAIL to its record.
//!
//! | phase | what happens | file |
//! |---|---|---|
//! | [`Phase::Envelope`] | RCPTs are decided by policy and asked at the next hop | `envelope` |
//! | [`Phase::Content`] | content is inspected and held; the rules speak; large content flows on | `content`, `chunks` |
//! | [`Phase::Scanning`] | verdicts become a disposition, the disposition a plan | `conclusion` |
//! | [`Phase::Keeping`] | an item is made durable | `keeping` |
//! | [`Phase::HandingOver`] … [`Phase::Settling`] | intent, our dot, the next hop's answer | `handing_over`, `tag` |
//! | [`Phase::Recording`] | the outcome is journaled, then the client is answered | `ending` |
//! | all | deadlines; the facts for the record | `deadline`, `facts` |
//! | all | what the entry of an application adds | `sending` |
//!
//! In: what the client asked (values) and what the world did. Out: outputs, and [`Effect`]s for the session. It does not know
//! the server session, nor how replies look on the wire.

mod chunks;
mod conclusion;
mod content;
mod deadline;
mod ending;
mod envelope;
mod facts;
mod handing_over;
mod keeping;
mod sending;
mod tag;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Instant, SystemTime},
};

use conclusion::{After, Conclusion};
use content::Incoming;
pub(super) use envelope::Recipient;
pub(super) use sending::Sending;

use super::{
    event::{Moment, Output},
    handover::{Handover, World},
    settings::Settings,
};
use crate::{
    policy::Policy,
    record::{ClientFacts, Ending, Record, TransactionId},
    smtp::{envelope::MailFrom, received::WithProtocol, reply::Reply},
};

/// What the session is to do.
#[derive(Debug)]
pub(super) enum Effect {
    /// Answer the client's command.
    Answer(Reply),
    /// Say this, out of turn, and close.
    Close(Reply),
    /// The transaction is over and recorded.
    Over,
}

/// What a transaction may use of its surroundings.
pub(super) struct Around<'a> {
    pub now: Moment,
    pub settings: &'a Settings,
    pub outputs: &'a mut VecDeque<Output>,
}

impl Around<'_> {
    fn world(&mut self) -> World<'_> {
        World { now: self.now, timeouts: &self.settings.timeouts, outputs: self.outputs }
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

/// One mail transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    id: TransactionId,
    policy: Arc<Policy>,
    mail: MailFrom,
    with: WithProtocol,
    /// The application that it is of, on an application listener.
    sending: Option<Sending>,
    recipients: Vec<Recipient>,
    handover: Option<Handover>,
    phase: Phase,
    effects: VecDeque<Effect>,
    /// The facts gathered so far; completed at the end.
    record: Box<Record>,
    began: Instant,
    /// When the client last ended a line or sent mail data, or we last answered it.
    heard: Instant,
    /// Since when the next hop waits for the client, and the octets of mail data that came since.
    waits: (Instant, u64),
    /// The client is gone: no reply reaches it any more.
    gone: bool,
    /// Why the next hop could not be used, if that was no fault of its own.
    own_fault: Option<String>,
}

/// Where the transaction stands; data lives where it exists.
#[derive(Debug)]
enum Phase {
    /// Between MAIL and the end of the command DATA or BDAT. `asking`: this recipient is being asked at the next hop.
    Envelope { asking: Option<usize> },
    /// Mail data arrives.
    Content(Box<Incoming>),
    /// All content is held, the scanners are asked.
    Scanning {
        received: Received,
        late: Instant,
        /// What was in force then decides.
        at: SystemTime,
    },
    /// The quarantine was asked to make an item durable.
    Keeping { after: After, late: Instant },
    /// The next hop is given the content.
    HandingOver { plan: conclusion::Plan, late: Instant },
    /// The journal was asked to take the intent.
    Intending {
        plan: conclusion::Plan,
        /// The next hop was lost meanwhile.
        failed: Option<Conclusion>,
    },
    /// Our dot is out.
    Dotted { plan: conclusion::Plan },
    /// The item's state follows the next hop's answer.
    Settling { conclusion: Conclusion },
    /// The journal was asked to take the record.
    Recording { reply: Reply },
    /// Nothing more to do.
    Over,
}

/// Content that came whole.
#[derive(Debug)]
struct Received {
    /// Octets of the hold, trace fields included.
    held: u64,
    /// Our `Received:` field, which stands first in the hold.
    trace: bytes::Bytes,
    judgement: crate::policy::rule::Judgement,
    /// Why it is ambiguous (decision 8), if it is.
    ambiguous: Option<String>,
}

impl Transaction {
    /// MAIL was accepted by policy; the caller answers the client.
    pub(super) fn new(
        id: TransactionId,
        policy: Arc<Policy>,
        client: ClientFacts,
        mail: MailFrom,
        with: WithProtocol,
        now: Moment,
    ) -> Self {
        let record = Box::new(facts::begin(&id, &policy, client, &mail, now));
        Self {
            id,
            policy,
            mail,
            with,
            sending: None,
            recipients: Vec::new(),
            handover: None,
            phase: Phase::Envelope { asking: None },
            effects: VecDeque::new(),
            record,
            began: now.monotonic,
            heard: now.monotonic,
            waits: (now.monotonic, 0),
            gone: false,
            own_fault: None,
        }
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether the session may parse on: not while content waits to be taken by the hold.
    pub(super) fn takes_events(&self) -> bool {
        match &self.phase {
            Phase::Content(incoming) => !incoming.is_holding(),
            _ => true,
        }
    }

    /// Whether the client is owed an answer that only time, the next hop or a scanner can bring.
    pub(super) fn is_deciding(&self) -> bool {
        !matches!(self.phase, Phase::Envelope { asking: None } | Phase::Content(_) | Phase::Over)
    }

    /// Whether the end of mail data was reached: such a transaction is finished even when the gateway stops.
    pub(super) fn is_past_content(&self) -> bool {
        !matches!(self.phase, Phase::Envelope { .. } | Phase::Content(_))
    }

    /// Whether our dot may have gone out: from here on the client's going changes nothing.
    fn is_past_dot(&self) -> bool {
        matches!(self.phase, Phase::Dotted { .. } | Phase::Settling { .. } | Phase::Recording { .. } | Phase::Over)
    }

    /// Whether octets of the next hop are welcome.
    pub(super) fn reads_next_hop(&self) -> bool {
        self.handover.as_ref().is_some_and(Handover::is_open)
    }

    /// The client's time begins anew.
    pub(super) fn heard(&mut self, now: Moment) {
        self.heard = now.monotonic;
    }

    /// RSET, HELO, QUIT, a violation: the client (or the session) ends it before its end of mail data.
    pub(super) fn abandon(&mut self, how: &str, around: &mut Around<'_>) {
        let (ending, cause) = self.refused_envelope().unwrap_or_else(|| facts::by_client(Ending::Abandoned, how));
        self.end_without_reply(ending, cause, around);
    }

    /// The gateway stops before the end of mail data: `421 4.3.2`, and it was not the client who ended it.
    pub(super) fn stop(&mut self, around: &mut Around<'_>) {
        let cause = crate::record::Cause::Gateway { what: "the gateway stops".to_owned() };
        self.end_and_close(super::reply::draining(), Ending::Deferred, cause, around);
    }

    /// The client is gone. Before our dot that ends the transaction, and nothing of it is delivered.
    pub(super) fn client_gone(&mut self, how: &str, around: &mut Around<'_>) {
        self.gone = true;
        match &self.phase {
            _ if self.is_past_dot() => {}
            // The item is being made durable, and the answer is on its way: then it is withdrawn.
            Phase::Keeping { .. } => {}
            _ => {
                let (ending, cause) = facts::by_client(Ending::ClientGone, how);
                self.end_without_reply(ending, cause, around);
            }
        }
    }
}

impl Transaction {
    /// MAIL was refused with `reply`: there is a record of the attempt, and nothing else.
    pub(super) fn refused_at_mail(&mut self, reply: &Reply, cause: crate::record::Cause, around: &mut Around<'_>) {
        self.settle_place(Ending::Refused);
        self.record.ending = if reply.is_permanent() { Ending::Refused } else { Ending::Deferred };
        self.record.cause = cause;
        self.record.reply = Some(reply.summary());
        self.phase = Phase::Over;
        around.put(Output::Record { record: self.last_record(around.now), acknowledge: false });
        self.effects.push_back(Effect::Over);
    }
}
