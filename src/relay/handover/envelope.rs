//! MAIL and RCPT at the next hop: asked for the first time while the client waits, and asked again on every further connection.

use super::{Asked, Goal, Handover, Link, Progress, Stage, World};
use crate::{
    relay::reply,
    smtp::{client::Question, envelope::RcptTo, extension::TRACE_FIELDS, reply::Reply},
};

impl Handover {
    /// MAIL and every RCPT that the goal needs, on a connection without transaction.
    pub(super) fn ask_envelope(&mut self, world: &mut World<'_>) {
        if self.is_used_up() {
            return self.use_another(world);
        }
        if let Some((told, extension)) = self.lost_extension() {
            self.close(world);
            return self.fail(told, format!("the next hop does not offer {extension}"));
        }
        if self.takes_no_more() {
            return self.enough();
        }
        let Link::Open(open) = &mut self.link else { return };
        let (repeated, new): (Vec<usize>, Option<&RcptTo>) = match &self.goal {
            Goal::Nothing => return,
            Goal::Ask(rcpt) => ((0..self.accepted.len()).collect(), Some(rcpt)),
            Goal::Deliver(delivery) => (delivery.recipients.clone(), None),
        };
        if new.is_some() {
            self.repeated = self.repeated.saturating_add(repeated.len());
        }
        // What the next hop gets is larger than what the client declared.
        let size = self.mail.parameters.size.map(|size| size.saturating_add(TRACE_FIELDS));
        // In one group with MAIL under PIPELINING (RFC 2920 §3.1 allows it anywhere in one): nobody waits for its reply.
        if std::mem::take(&mut open.owes_reset) {
            open.dialogue.reset();
        }
        // Before each MAIL: the next hop forgets them with the transaction.
        for line in self.forwarded.lines(open.dialogue.capabilities().forward) {
            open.dialogue.forward(line);
        }
        open.dialogue.mail(&self.mail, size);
        open.mails = open.mails.saturating_add(1);
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
    pub(super) fn use_envelope(&mut self, world: &mut World<'_>) {
        if self.takes_no_more() {
            return self.enough();
        }
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

    pub(super) fn await_reply(&mut self, world: &mut World<'_>) {
        self.deadline = Some(world.now.monotonic + world.timeouts.next_hop_reply);
        self.transmit(world);
    }

    pub(super) fn answered(&mut self, question: Question, answer: Reply, world: &mut World<'_>) {
        // Each reply has its time (RFC 5321 §4.5.3.2), the next one too: an envelope repeated for a hundred recipients is a hundred
        // replies, and a next hop that takes a second for each would never be asked to the end.
        self.deadline = self.deadline.map(|_| world.now.monotonic + world.timeouts.next_hop_reply);
        match question {
            // It closes the connection, whatever we asked.
            Question::Forward if answer.code() == 421 => {
                self.lost(format!("XFORWARD was answered {}", answer.summary()), world);
            }
            // What is not in its log is in ours: no reason to keep a message from anybody.
            Question::Forward => {}
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
                    // Said in front of MAIL, which is on its way.
                    if open.stage == Stage::Envelope {
                        return;
                    }
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
                self.read_on(world);
            }
            Question::Data => {
                self.close(world);
                self.fail(reply::pass_final(&answer), format!("DATA was answered {}", answer.summary()));
            }
            Question::EndOfMailData if !self.is_dotted() => self.answered_before_dot(&answer, world),
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
    pub(super) fn mail_refused(&mut self, world: &mut World<'_>) -> bool {
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

    pub(super) fn rcpt_answered(&mut self, nth: usize, answer: &Reply, world: &mut World<'_>) {
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
}
