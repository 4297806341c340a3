//! The relay session: the server session and the mail transaction, joined.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    chance::Chance,
    event::{Input, Moment, Output, Wait},
    reply,
    settings::{READ, READ_WHILE_DECIDING, Settings},
    transaction::{Around, Effect, Transaction},
};
use crate::{
    policy::Policy,
    record::{ClientFacts, TransactionId},
    smtp::{
        envelope::MailFrom,
        extension::Offer,
        received::WithProtocol,
        server::{self, Event, Farewell},
    },
};

/// One client connection, start to end.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    policy: Arc<Policy>,
    /// What every record of this connection says of its client; HELO and TLS are filled in as they are said.
    client: ClientFacts,
    chance: Chance,
    server: server::Session,
    state: State,
    outputs: VecDeque<Output>,
    /// When the client last ended a line or sent mail data, or we last answered it.
    heard: Moment,
    /// Its stream ended politely: only answers are left to be given.
    client_has_ended: bool,
    draining: bool,
    disk_is_low: bool,
}

#[derive(Debug)]
enum State {
    /// Commands, and the transaction if there is one. In a box: most clients of a crowd have none.
    Ready(Option<Box<Transaction>>),
    /// The handshake runs.
    Securing,
    /// The last reply is said; the transaction's end may still be awaited.
    Closing(Option<Box<Transaction>>),
}

impl Session {
    /// For a connection just accepted. `seed` is 128 bits of chance, from which all ids of the connection come.
    pub fn new(
        settings: Arc<Settings>,
        offer: Offer,
        policy: Arc<Policy>,
        client: ClientFacts,
        seed: u128,
        now: Moment,
    ) -> Self {
        let server = server::Session::new(
            &settings.hostname,
            offer,
            settings.limits.clone(),
            settings.implicit_tls,
            settings.starttls_required,
        )
        .with_bare_newlines(settings.bare_newlines);
        Self {
            settings,
            policy,
            client,
            chance: Chance::new(seed),
            server,
            state: State::Ready(None),
            outputs: VecDeque::new(),
            heard: now,
            client_has_ended: false,
            draining: false,
            disk_is_low: false,
        }
    }

    /// Feeds exactly one input. Then [`poll`](Self::poll) until it says [`Output::Wait`].
    pub fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Accepted => {}
            Input::ClientOctets(octets) => self.client_octets(&octets, now),
            Input::ClientGone => self.client_gone(now),
            Input::ClientBroke => self.client_lost("the connection to the client broke", now),
            Input::TlsEstablished(facts) => self.tls_established(facts, now),
            Input::Policy(policy) => self.policy = policy,
            Input::DiskLow(low) => self.disk_is_low = low,
            Input::NextHopReady(ready) => self.with(now, |it, around| it.next_hop_ready(ready, around)),
            Input::NextHopFailed(failure) => self.with(now, |it, around| it.next_hop_failed(&failure, around)),
            Input::NextHopOctets(octets) => self.with(now, |it, around| it.next_hop_octets(&octets, around)),
            Input::NextHopDrained => self.with(now, |it, around| it.next_hop_drained(around)),
            Input::NextHopGone(why) => self.with(now, |it, around| it.next_hop_gone(why, around)),
            Input::Held(result) => self.with(now, |it, around| it.held(result, around)),
            Input::HoldOctets(result) => self.with(now, |it, around| it.hold_octets(result, around)),
            Input::Scanned(reports) => self.with(now, |it, around| it.scanned(reports, around)),
            Input::Quarantined(result) => self.with(now, |it, around| it.quarantined(result, around)),
            Input::Journaled(result) => self.with(now, |it, around| it.journaled(result, around)),
            Input::TimePassed => self.time_passed(now),
            Input::Drain => self.drain(now),
        }
        self.advance(now);
    }

    /// What is to be done, [`Output::Wait`] last.
    pub fn poll(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Wait(self.wait()))
    }

    fn wait(&self) -> Wait {
        let transaction = self.transaction();
        let own = match &self.state {
            State::Ready(None) | State::Securing => Some(self.heard.monotonic + self.settings.timeouts.command),
            _ => None,
        };
        let until = transaction.and_then(|it| it.deadline(&self.settings)).or(own);
        let deciding = transaction.is_some_and(Transaction::is_deciding) || self.server.awaits_answer();
        let read_client = match &self.state {
            State::Securing | State::Closing(_) => 0,
            State::Ready(_) if self.client_has_ended => 0,
            State::Ready(_) if deciding => READ_WHILE_DECIDING.saturating_sub(self.server.unparsed()),
            State::Ready(transaction) if transaction.as_deref().is_none_or(Transaction::takes_events) => READ,
            State::Ready(_) => 0,
        };
        Wait {
            read_client,
            read_next_hop: transaction.is_some_and(Transaction::reads_next_hop),
            until: until.unwrap_or(self.heard.monotonic + Duration::from_secs(3600)),
            finished: matches!(self.state, State::Closing(None)),
        }
    }

    fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            State::Ready(transaction) | State::Closing(transaction) => transaction.as_deref(),
            State::Securing => None,
        }
    }

    fn with(&mut self, now: Moment, act: impl FnOnce(&mut Transaction, &mut Around<'_>)) {
        if let State::Ready(Some(transaction)) | State::Closing(Some(transaction)) = &mut self.state {
            let mut around = Around { now, settings: &self.settings, outputs: &mut self.outputs };
            act(transaction, &mut around);
        }
    }

    fn client_octets(&mut self, octets: &Bytes, now: Moment) {
        // A command has its time as a whole (RFC 5321 §4.5.3.2): an octet now and then must not buy more of it.
        if self.server.is_in_mail_data() || octets.contains(&b'\n') {
            self.heard = now;
            self.with(now, |it, _| it.heard(now));
        }
        self.server.receive(octets);
    }

    /// An end of stream behind a whole QUIT is a client that has said all; it may well wait for its answers (RFC 9293 §3.6: a
    /// connection is closed in one direction), and would send a message again whose answer it did not hear.
    fn client_gone(&mut self, now: Moment) {
        if self.transaction().is_some_and(Transaction::is_past_content) && self.server.only_quit_is_left() {
            self.client_has_ended = true;
        } else {
            self.client_lost("the client closed the connection", now);
        }
    }

    fn client_lost(&mut self, how: &str, now: Moment) {
        self.with(now, |it, around| it.client_gone(how, around));
        self.effects();
        let transaction = self.take_transaction();
        self.state = State::Closing(transaction);
        self.outputs.push_back(Output::CloseClient);
    }

    fn take_transaction(&mut self) -> Option<Box<Transaction>> {
        match std::mem::replace(&mut self.state, State::Closing(None)) {
            State::Ready(transaction) | State::Closing(transaction) => transaction,
            State::Securing => None,
        }
    }

    fn tls_established(&mut self, facts: String, now: Moment) {
        self.heard = now;
        self.client.tls = Some(facts);
        if matches!(self.state, State::Securing) {
            self.server.tls_established();
            self.state = State::Ready(None);
        }
    }

    fn time_passed(&mut self, now: Moment) {
        self.with(now, Transaction::time_passed);
        let idle = matches!(self.state, State::Ready(None) | State::Securing);
        if idle && now.monotonic >= self.heard.monotonic + self.settings.timeouts.command {
            self.close_with(reply::idle());
        }
    }

    fn drain(&mut self, now: Moment) {
        self.draining = true;
        match self.transaction() {
            Some(transaction) if transaction.is_past_content() => {}
            Some(_) => self.with(now, |it, around| it.stop(around)),
            None => self.close_with(reply::draining()),
        }
    }

    fn close_with(&mut self, reply: crate::smtp::reply::Reply) {
        if matches!(self.state, State::Securing) {
            // In the middle of a handshake nothing can be said.
            self.state = State::Closing(None);
            self.outputs.push_back(Output::CloseClient);
        } else {
            self.server.close_with(reply);
        }
    }

    /// Everything that can be done now: effects of the transaction, then what the client said, one event at a time.
    fn advance(&mut self, now: Moment) {
        self.effects();
        while matches!(&self.state, State::Ready(transaction) if transaction.as_deref().is_none_or(Transaction::takes_events))
        {
            let Some(event) = self.server.poll_event() else { break };
            self.event(event, now);
            self.effects();
        }
        self.transmit(now);
    }

    /// Whatever we say, the client's time for its next command begins anew with it (RFC 5321 §4.5.3.2.7): what we took for an
    /// answer is not its silence.
    fn transmit(&mut self, now: Moment) {
        while let Some(octets) = self.server.poll_transmit() {
            self.outputs.push_back(Output::ToClient(octets));
            self.heard = now;
            self.with(now, |it, _| it.heard(now));
        }
    }

    fn effects(&mut self) {
        while let State::Ready(Some(transaction)) | State::Closing(Some(transaction)) = &mut self.state {
            match transaction.poll_effect() {
                None => break,
                Some(Effect::Answer(reply)) => {
                    if matches!(self.state, State::Ready(_)) {
                        self.server.answer(reply);
                    }
                }
                Some(Effect::Close(reply)) => self.server.close_with(reply),
                Some(Effect::Over) => self.over(),
            }
        }
    }

    fn over(&mut self) {
        match &mut self.state {
            State::Ready(transaction) | State::Closing(transaction) => *transaction = None,
            State::Securing => {}
        }
        if self.draining && matches!(self.state, State::Ready(_)) {
            self.server.close_with(reply::draining());
        }
    }

    fn event(&mut self, event: Event, now: Moment) {
        match event {
            Event::Hello(hello) => {
                self.with(now, |it, around| it.abandon("HELO or EHLO", around));
                self.client.hello = hello.name;
            }
            Event::Reset => self.with(now, |it, around| it.abandon("RSET", around)),
            Event::StartTls => {
                self.with(now, |it, around| it.abandon("STARTTLS", around));
                self.transmit(now);
                self.outputs.push_back(Output::StartTls);
                self.state = State::Securing;
            }
            Event::Mail(mail) => self.mail(mail, now),
            Event::Rcpt(rcpt) => self.with(now, |it, around| it.rcpt(rcpt, around)),
            Event::Data => self.with(now, Transaction::data),
            Event::Content(content) => self.with(now, |it, around| it.content(content, around)),
            Event::EndOfMailData { bare_newline } => {
                self.with(now, |it, around| it.end_of_mail_data(bare_newline, around));
            }
            Event::Close(farewell) => self.close(farewell, now),
        }
    }

    fn mail(&mut self, mail: MailFrom, now: Moment) {
        if self.disk_is_low {
            self.server.answer(reply::storage_full());
            return;
        }
        let milliseconds = now.wall.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let id = TransactionId::new(milliseconds, self.chance.next());
        let with = WithProtocol {
            extended: self.server.hello().is_some_and(|hello| hello.extended),
            tls: self.server.is_tls(),
            utf8: mail.parameters.smtputf8,
        };
        let verdict = self.policy.mail(&mail, now.wall);
        let mut transaction = Transaction::new(id, self.policy.clone(), self.client.clone(), mail, with, now);
        let mut around = Around { now, settings: &self.settings, outputs: &mut self.outputs };
        match verdict {
            Ok(()) => self.server.answer(reply::sender_ok()),
            Err(refusal) => {
                self.server.answer(refusal.reply());
                transaction.refused_at_mail(&refusal, &mut around);
            }
        }
        self.state = State::Ready(Some(Box::new(transaction)));
    }

    fn close(&mut self, farewell: Farewell, now: Moment) {
        let how = match farewell {
            Farewell::Quit => "QUIT",
            Farewell::TooManyErrors => "too many errors",
            Farewell::Violation => "protocol violation",
            Farewell::TooManyTransactions => "too many transactions",
            Farewell::Asked => "closed by the gateway",
        };
        self.with(now, |it, around| it.abandon(how, around));
        self.effects();
        self.transmit(now);
        let transaction = self.take_transaction();
        self.state = State::Closing(transaction);
        self.outputs.push_back(Output::CloseClient);
    }
}
