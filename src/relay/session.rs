//! The relay session: the server session and the mail transaction, joined.

pub(super) mod mail;

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use mail::Shares;

use super::{
    chance::Chance,
    event::{Input, Moment, Output, Wait},
    login::LoginState,
    reply,
    settings::{READ, READ_WHILE_DECIDING, Settings},
    transaction::{Around, Effect, Transaction},
};
use crate::{
    policy::{Policy, rate::Rates},
    record::{Cause, ClientFacts, attempts::Attempt},
    smtp::{
        announcement::Announcement,
        extension::Offer,
        reply::Reply,
        server::{self, Event, Farewell, MailFault},
    },
};

/// One client connection, start to end.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    policy: Arc<Policy>,
    /// What every record of this connection says of its client; HELO and TLS are filled in as they are said.
    client: ClientFacts,
    /// What was said of the client in its place.
    announced: Announced,
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
    /// How many transactions the client's network may begin in a minute.
    messages: Option<Arc<Rates>>,
    /// What the sessions of applications count together.
    shares: Option<Shares>,
    /// As whom the client has logged in.
    login: LoginState,
    /// The greeting is delayed until then.
    greets_at: Option<Instant>,
    /// What this connection was, as long as it brought no MAIL.
    attempt: Option<Attempt>,
}

/// What somebody whom we trust said of the client (XCLIENT), beside what stands in [`ClientFacts`].
#[derive(Debug, Default)]
struct Announced {
    /// Being counted for its network.
    asked: Option<Announcement>,
    /// HELO as the client said it there; what is said here in its name says less.
    hello: Option<String>,
    /// The client said EHLO there.
    extended: Option<bool>,
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
            announced: Announced::default(),
            chance: Chance::new(seed),
            server,
            state: State::Ready(None),
            outputs: VecDeque::new(),
            heard: now,
            client_has_ended: false,
            draining: false,
            disk_is_low: false,
            messages: None,
            shares: None,
            login: LoginState::default(),
            greets_at: None,
            attempt: Some(Attempt::NoMail),
        }
    }

    /// The client's network may begin only so many transactions. The table is shared by all sessions, and asked with the time as it is fed.
    pub fn with_message_rate(self, messages: Option<Arc<Rates>>) -> Self {
        Self { messages, ..self }
    }

    /// What this session counts together with the others of its kind. Without it nothing is counted, and nothing is too much.
    pub fn with_shares(self, shares: Shares) -> Self {
        Self { shares: Some(shares), ..self }
    }

    /// 220 is said so long after the connection was accepted; who speaks before it hears 554 and is closed. None: it is said at once, and what
    /// was sent before it came is read as if it had come behind it.
    pub fn with_greeting_delay(mut self, delay: Duration) -> Self {
        if !delay.is_zero() {
            self.server = self.server.with_delayed_greeting();
            self.greets_at = Some(self.heard.monotonic + delay);
        }
        self
    }

    /// How a connection that is over is to be counted, and for whom; none if it has a record, or if it was we who ended it.
    pub fn attempt(&self) -> Option<(Attempt, IpAddr)> {
        self.attempt.map(|attempt| (attempt, self.client.address))
    }

    /// Feeds exactly one input. Then [`poll`](Self::poll) until it says [`Output::Wait`].
    pub fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Accepted => {}
            Input::ClientOctets(octets) => self.client_octets(octets, now),
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
            Input::NextHopWanted => self.with(now, Transaction::next_hop_wanted),
            Input::Held(result) => self.with(now, |it, around| it.held(result, around)),
            Input::HoldOctets(result) => self.with(now, |it, around| it.hold_octets(result, around)),
            Input::Scanned(reports) => self.with(now, |it, around| it.scanned(reports, around)),
            Input::Quarantined(result) => self.with(now, |it, around| it.quarantined(result, around)),
            Input::Journaled(result) => self.with(now, |it, around| it.journaled(result, around)),
            Input::Recounted(counted) => self.recounted(counted),
            Input::Verified(verified) => self.verified(verified, now),
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
            State::Ready(None) | State::Securing => {
                Some(self.greets_at.unwrap_or(self.heard.monotonic + self.settings.timeouts.command))
            }
            _ => None,
        };
        let until = transaction.and_then(|it| it.deadline(&self.settings)).or(self.login.due()).or(own);
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
            lends_from: transaction.and_then(Transaction::lends_from),
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

    fn client_octets(&mut self, octets: Bytes, now: Moment) {
        // A command has its time as a whole (RFC 5321 §4.5.3.2): an octet now and then must not buy more of it. So has a chunk that
        // was refused.
        let ends_a_line = octets.contains(&b'\n') && !self.server.is_swallowing();
        if self.server.is_in_mail_data() || ends_a_line {
            self.heard = now;
            self.with(now, |it, _| it.heard(now));
        }
        self.server.receive_buffer(octets);
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
        if matches!(self.state, State::Securing) {
            self.attempt = self.attempt.and(Some(Attempt::TlsFailed));
        }
        self.login_given_up(now);
        self.with(now, |it, around| it.client_gone(how, around));
        self.effects();
        let transaction = self.take_transaction();
        self.state = State::Closing(transaction);
        self.outputs.push_back(Output::CloseClient { has_said_all: true });
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
        if let Some(at) = self.greets_at {
            if now.monotonic >= at {
                self.greets_at = None;
                self.server.greet();
            }
            return;
        }
        let reply = self.login.time_passed(now.monotonic);
        self.answer_login(reply);
        let idle = matches!(self.state, State::Ready(None) | State::Securing);
        if idle && now.monotonic >= self.heard.monotonic + self.settings.timeouts.command {
            self.close_with(reply::idle());
        }
    }

    fn drain(&mut self, now: Moment) {
        self.draining = true;
        self.attempt = None;
        match self.transaction() {
            Some(transaction) if transaction.is_past_content() => {}
            Some(_) => self.with(now, |it, around| it.stop(around)),
            None => self.close_with(reply::draining()),
        }
    }

    fn close_with(&mut self, reply: Reply) {
        if matches!(self.state, State::Securing) {
            // In the middle of a handshake nothing can be said.
            self.state = State::Closing(None);
            self.outputs.push_back(Output::CloseClient { has_said_all: false });
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
                self.client.hello = self.announced.hello.clone().unwrap_or(hello.name);
            }
            Event::Announced(announcement) => {
                self.outputs.push_back(Output::Recount(announcement.address.unwrap_or(self.client.address)));
                self.announced.asked = Some(announcement);
            }
            Event::Reset => self.with(now, |it, around| it.abandon("RSET", around)),
            Event::StartTls => {
                self.with(now, |it, around| it.abandon("STARTTLS", around));
                self.transmit(now);
                self.outputs.push_back(Output::StartTls);
                self.state = State::Securing;
            }
            Event::Authenticate(credentials) => self.authenticate(credentials, now),
            Event::Mail(mail) => self.mail(mail, now),
            Event::MailRefused { mail, fault, reply } => {
                let cause = match fault {
                    MailFault::Size => Cause::Limit { what: "declared size above the limit".to_owned() },
                    MailFault::Malformed(violation) => Cause::Violation { what: violation.to_string() },
                };
                self.refused_at_mail(mail, &reply, cause, now);
            }
            Event::Rcpt(rcpt) => self.with(now, |it, around| it.rcpt(rcpt, around)),
            Event::Data => self.with(now, Transaction::data),
            Event::Chunk(size) => self.with(now, |it, around| it.chunk(size, around)),
            Event::EndOfChunk => self.with(now, Transaction::end_of_chunk),
            Event::Mixed => self.with(now, |it, around| it.abandon("DATA behind BDAT", around)),
            Event::Content(content) => self.with(now, |it, around| it.content(content, around)),
            Event::EndOfMailData { bare_newline } => {
                self.with(now, |it, around| it.end_of_mail_data(bare_newline, around));
            }
            Event::Close(farewell) => self.close(farewell, now),
        }
    }

    /// The client's connection was counted anew, or there is no room for one more of its network. What is said of an address says
    /// nothing about the next: with ADDR, whatever is not announced is not known any more.
    fn recounted(&mut self, counted: bool) {
        let Some(announced) = self.announced.asked.take() else { return };
        if !counted {
            self.server.answer(reply::too_many_connections());
            return;
        }
        // Announced again: by the same one who connected, and not by the client before.
        self.client.announced_by = self.client.announced_by.or(Some(self.client.address));
        if let Some(address) = announced.address {
            (self.client.address, self.client.port, self.client.name) = (address, 0, None);
            self.announced = Announced::default();
        }
        self.client.port = announced.port.unwrap_or(self.client.port);
        if let Some(name) = announced.name {
            self.client.name = name;
        }
        if let Some(hello) = announced.hello {
            self.announced.hello = hello;
        }
        self.announced.extended = announced.extended.or(self.announced.extended);
        self.client.hello.clear();
        self.login.forget();
        self.server.answer(self.server.greeting());
    }

    fn close(&mut self, farewell: Farewell, now: Moment) {
        let how = match farewell {
            Farewell::Quit => "QUIT",
            Farewell::TooManyErrors => "too many errors",
            Farewell::Violation => "protocol violation",
            Farewell::EarlyTalk => {
                self.attempt = Some(Attempt::EarlyTalk);
                "spoke before the greeting"
            }
            Farewell::TooManyTransactions => "too many transactions",
            Farewell::Asked => "closed by the gateway",
        };
        self.with(now, |it, around| it.abandon(how, around));
        self.effects();
        self.transmit(now);
        let transaction = self.take_transaction();
        self.state = State::Closing(transaction);
        self.outputs.push_back(Output::CloseClient { has_said_all: farewell == Farewell::Quit });
    }
}
