//! One mail transaction after the other on a connection that is ready for MAIL (RFC 5321 §3.3, RFC 2920).
//!
//! In: what the owner asks, as values, and the next hop's octets. Out: octets for the next hop, and for each question one
//! reply. What a reply means for the message, and how long to wait for it, is the owner's business.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::command;
use crate::smtp::{
    envelope::{MailFrom, RcptTo},
    extension::Capabilities,
    mail_data::MailDataEncoder,
    reply::{Reply, ReplyDecoder, ReplyFault},
};

/// Commands in flight at once under PIPELINING. Their replies must fit the socket buffers while we write and do not read
/// (RFC 2920 §3.1 warns of the deadlock): 100 replies of at most 512 octets are 50 KiB.
const IN_FLIGHT: usize = 100;

/// What a reply of the next hop answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// XFORWARD.
    Forward,
    /// MAIL.
    Mail,
    /// The n-th RCPT of this transaction, from 0, in the order asked.
    Rcpt(usize),
    /// DATA.
    Data,
    /// The end of mail data.
    EndOfMailData,
    /// RSET.
    Reset,
}

/// What is wrong with what the next hop sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogueFault {
    /// A reply that answers nothing: none was due, it comes while content flows, before our end of mail data, or it is of a class
    /// that the question cannot have (3xx other than 354 to DATA, 2xx to DATA). A 421 out of turn comes this way too.
    #[error("the next hop sent a reply that answers nothing: {}", .0.summary())]
    Unsolicited(Reply),
    /// Not a reply at all.
    #[error(transparent)]
    NotAReply(#[from] ReplyFault),
}

/// One mail transaction on a connection that is ready for MAIL. Commands are sent together under PIPELINING (DATA last in its
/// group, RFC 2920 §3.1), one by one otherwise.
///
/// After a [`DialogueFault`] nothing is sent and nothing is read any more: above all no final dot.
#[derive(Debug)]
pub struct Transaction {
    capabilities: Capabilities,
    decoder: ReplyDecoder,
    /// Octets were left over when no reply was due: the next reply is unsolicited even if a question is asked meanwhile, and
    /// until it is whole nothing goes out (a 421 cut in two by the network must stop the final dot as well as a whole one).
    too_early: bool,
    /// Asked, not sent.
    waiting: VecDeque<(Question, Bytes)>,
    /// Sent, not answered.
    sent: VecDeque<Question>,
    /// Answered, not polled.
    answers: VecDeque<Result<(Question, Reply), DialogueFault>>,
    recipients: usize,
    mail_data: Option<MailDataEncoder>,
    /// Encoded content that is to be written before anything in `waiting`.
    content: VecDeque<Bytes>,
    faulty: bool,
}

impl Transaction {
    /// For a connection with these capabilities.
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            decoder: ReplyDecoder::default(),
            too_early: false,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            answers: VecDeque::new(),
            recipients: 0,
            mail_data: None,
            content: VecDeque::new(),
            faulty: false,
        }
    }

    /// Tells of the client: a line of [`ForwardedClient::lines`](super::ForwardedClient::lines), before MAIL.
    pub fn forward(&mut self, line: String) {
        self.ask(Question::Forward, line.into());
    }

    /// Asks MAIL. Parameters that the next hop does not offer (SIZE, BODY, RET, ENVID) are left out; SMTPUTF8 is the caller's
    /// to check first. `size` is the declared size plus our trace fields, or `None`.
    pub fn mail(&mut self, mail: &MailFrom, size: Option<u64>) {
        self.recipients = 0;
        self.ask(Question::Mail, command::mail(mail, size, &self.capabilities).into());
    }

    /// Asks RCPT. NOTIFY and ORCPT go along only under DSN.
    pub fn rcpt(&mut self, rcpt: &RcptTo) {
        let nth = self.recipients;
        self.recipients = self.recipients.saturating_add(1);
        self.ask(Question::Rcpt(nth), command::rcpt(rcpt, &self.capabilities).into());
    }

    /// Asks DATA. Only after the replies to MAIL and to at least one RCPT were polled.
    pub fn data(&mut self) {
        self.ask(Question::Data, Bytes::from_static(b"DATA\r\n"));
    }

    /// Content, after 354; encoded here. At any other time it is dropped: it would be read as commands.
    pub fn content(&mut self, content: Bytes) {
        debug_assert!(self.mail_data.is_some() || self.faulty, "content outside mail data");
        if let Some(encoder) = &mut self.mail_data
            && !self.faulty
        {
            self.content.push_back(encoder.encode(content));
        }
    }

    /// The final dot, after 354.
    pub fn end_of_mail_data(&mut self) {
        debug_assert!(self.mail_data.is_some() || self.faulty, "an end of mail data that never began");
        if let Some(encoder) = self.mail_data.take() {
            // Before a RSET asked while DATA had no reply yet: the other way round it would be content.
            self.waiting.push_front((Question::EndOfMailData, encoder.end()));
        }
    }

    /// Asks RSET; the transaction can begin anew with MAIL once it is answered. Not allowed between 354 and the final dot.
    pub fn reset(&mut self) {
        debug_assert!(self.mail_data.is_none(), "RSET would become content");
        self.ask(Question::Reset, Bytes::from_static(b"RSET\r\n"));
    }

    /// Octets came. What they answer is settled here and not when it is polled, so that a reply that came before its question
    /// is never taken for its answer.
    pub fn receive(&mut self, octets: &[u8]) {
        if self.faulty {
            return;
        }
        self.decoder.receive(octets);
        while let Some(reply) = self.decoder.poll() {
            let answer = reply.map_err(DialogueFault::from).and_then(|reply| self.settle(reply));
            self.faulty = answer.is_err();
            self.answers.push_back(answer);
            if self.faulty {
                return;
            }
        }
        self.too_early |= self.sent.is_empty() && !self.decoder.is_empty();
    }

    /// The next answer. A fault is the last one.
    pub fn poll_answer(&mut self) -> Option<Result<(Question, Reply), DialogueFault>> {
        self.answers.pop_front()
    }

    /// What is to be written now.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        if self.faulty || self.too_early {
            return None;
        }
        if let Some(content) = self.content.pop_front() {
            return Some(content);
        }
        let first = self.poll_line()?;
        if !self.may_send() {
            return Some(first);
        }
        // As large as it can become: a group that is grown by each line is copied as often.
        let others = self.waiting.iter().map(|(_, line)| line.len()).sum::<usize>();
        let mut group = BytesMut::with_capacity(first.len().saturating_add(others));
        group.put_slice(&first);
        while let Some(line) = self.poll_line() {
            group.put_slice(&line);
        }
        Some(group.freeze())
    }

    /// Questions asked and not answered yet: those queued here and those whose answer was not polled are included.
    pub fn outstanding(&self) -> usize {
        self.waiting.len() + self.sent.len() + self.answers.iter().filter(|answer| answer.is_ok()).count()
    }

    /// Whether mail data has begun (354 was answered to DATA) and has not been ended: then only closing abandons it.
    pub fn in_mail_data(&self) -> bool {
        self.mail_data.is_some()
    }

    /// Whether nothing is asked, nothing is left to write and nothing unread: only then may the connection serve another owner.
    pub fn is_at_rest(&self) -> bool {
        let nothing_to_write = self.mail_data.is_none() && self.content.is_empty();
        let nothing_to_read = self.decoder.is_empty() && self.answers.is_empty();
        !self.faulty && nothing_to_write && nothing_to_read && self.outstanding() == 0
    }

    /// Whether it has begun to say something that answers nothing. Until that is whole, nothing goes out.
    pub fn is_interrupted(&self) -> bool {
        self.too_early
    }

    /// What the next hop offered.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The next command, if it may go out now.
    fn poll_line(&mut self) -> Option<Bytes> {
        let (question, line) = self.may_send().then(|| self.waiting.pop_front())??;
        self.sent.push_back(question);
        Some(line)
    }

    fn ask(&mut self, question: Question, line: Bytes) {
        self.waiting.push_back((question, line));
    }

    /// Whether the next command may go out now. Nothing follows DATA or the final dot before their replies, and nothing but the
    /// final dot goes out in mail data: a RSET there would be content.
    fn may_send(&self) -> bool {
        let Some((next, _)) = self.waiting.front() else { return false };
        if self.mail_data.is_some() {
            return false;
        }
        match self.sent.back() {
            None => true,
            Some(Question::Data | Question::EndOfMailData) => false,
            Some(_) => self.capabilities.pipelining && *next != Question::EndOfMailData && self.sent.len() < IN_FLIGHT,
        }
    }

    /// What `reply` answers.
    fn settle(&mut self, reply: Reply) -> Result<(Question, Reply), DialogueFault> {
        let possible = match self.sent.front() {
            None => false,
            Some(Question::Data) => reply.code() == 354 || reply.is_transient() || reply.is_permanent(),
            Some(_) => !reply.is_intermediate(),
        };
        match self.sent.pop_front() {
            Some(question) if possible => {
                if question == Question::Data && reply.code() == 354 {
                    self.mail_data = Some(MailDataEncoder::default());
                }
                Ok((question, reply))
            }
            _ => Err(DialogueFault::Unsolicited(reply)),
        }
    }
}

#[cfg(test)]
mod tests;
