//! Who the client is, and whether its MAIL begins a transaction.
//!
//! In: credentials and MAIL, as the dialogue understood them. Out: what is to be verified, a transaction, or a record of why there is
//! none.

use std::{num::NonZeroU32, sync::Arc};

use super::{
    super::{
        event::{Moment, Output, Verified},
        reply,
        transaction::{Around, Sending, Transaction},
    },
    Session, State,
};
use crate::{
    policy::{
        application::{hours::Hours, refusal::Why},
        rate::Rates,
        refusal::Refusal,
        rule::Scope,
    },
    record::{Cause, TransactionId, attempts::Attempt},
    smtp::{auth::Credentials, envelope::MailFrom, received::WithProtocol, reply::Reply},
};

/// Why no transaction begins.
enum Stop {
    /// The disk is under its floor.
    DiskLow,
    /// Policy has something against it.
    Refusal(Refusal),
}

/// Failed logins that one network may have in a minute.
const FAILURES_OF_NETWORK: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// What the sessions of all applications count together.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Messages of each application.
    pub hours: Arc<Hours>,
    /// How many logins may fail of one network in a minute.
    pub failures: Arc<Rates>,
}

impl Default for Shares {
    fn default() -> Self {
        Self { hours: Arc::default(), failures: Arc::new(Rates::new(FAILURES_OF_NETWORK, Vec::new())) }
    }
}

impl Session {
    /// A password was verified, or nobody had time.
    pub(super) fn verified(&mut self, verified: Verified, now: Moment) {
        let (shares, client) = (self.shares.as_ref(), self.client.address);
        let failed = || _ = shares.map(|shares| shares.failures.take(client, now.monotonic));
        let reply = self.login.verified(verified, failed);
        self.answer_login(reply);
    }

    /// The client goes while its password is verified: a guess like any other, or hashes could be had for nothing.
    pub(super) fn login_given_up(&mut self, now: Moment) {
        if !self.login.is_verifying() {
            return;
        }
        self.attempt = self.attempt.and(Some(Attempt::LoginFailed));
        if let Some(shares) = &self.shares {
            shares.failures.take(self.client.address, now.monotonic);
        }
    }

    /// AUTH. A network that fails again and again is not heard for a while: a hash is dear to compute, and a guess must be too.
    pub(super) fn authenticate(&mut self, credentials: Credentials, now: Moment) {
        let client = self.client.address;
        if self.shares.as_ref().is_some_and(|shares| shares.failures.is_spent(client, now.monotonic)) {
            self.attempt = self.attempt.and(Some(Attempt::LoginFailed));
            self.server.answer(reply::login_busy());
            return;
        }
        let Credentials { login, password } = credentials;
        let login = self.policy.applications.login(&login, client).cloned();
        self.outputs.push_back(Output::Verify(self.login.ask(login, password, now.monotonic)));
    }

    pub(super) fn answer_login(&mut self, reply: Option<Reply>) {
        let Some(reply) = reply else { return };
        if !reply.is_positive() {
            self.attempt = self.attempt.and(Some(Attempt::LoginFailed));
        } else if self.attempt == Some(Attempt::LoginFailed) {
            self.attempt = Some(Attempt::NoMail);
        }
        self.server.answer(reply);
    }

    pub(super) fn mail(&mut self, mail: MailFrom, now: Moment) {
        let (sending, decided) = self.may_begin(&mail, now);
        let mut transaction = self.begin(mail, now).with_sending(sending);
        match decided {
            Ok(()) => {
                self.server.answer(reply::sender_ok());
                self.state = State::Ready(Some(Box::new(transaction)));
            }
            Err(Stop::Refusal(refusal)) => {
                let (reply, cause) = transaction.refused_for(&refusal);
                self.server.answer(reply.clone());
                self.refuse(transaction, &reply, cause, now);
            }
            Err(Stop::DiskLow) => {
                let cause = Cause::Gateway { what: "the disk is under its floor".to_owned() };
                self.server.answer(reply::storage_full());
                self.refuse(transaction, &reply::storage_full(), cause, now);
            }
        }
    }

    /// Whether a transaction may begin: room for it, its network's share, the policy.
    fn may_begin(&self, mail: &MailFrom, now: Moment) -> (Option<Sending>, Result<(), Stop>) {
        if self.disk_is_low {
            return (None, Err(Stop::DiskLow));
        }
        let client = self.client.address;
        let share = self.messages.as_ref().is_none_or(|messages| messages.take(client, now.monotonic));
        if !share {
            return (None, Err(Stop::Refusal(Refusal::MessageRate)));
        }
        if self.settings.scope == Scope::Application {
            return self.may_send(mail, now);
        }
        (None, self.policy.mail(mail, client, now.wall).map_err(Stop::Refusal))
    }

    /// The same of an application: which one it is, whether it may, and its place in the hour.
    fn may_send(&self, mail: &MailFrom, now: Moment) -> (Option<Sending>, Result<(), Stop>) {
        let login = self.login.login();
        let application = match self.policy.application(self.client.address, login) {
            Ok(application) => application,
            Err(refusal) => return (None, Err(Stop::Refusal(refusal))),
        };
        let login = login.map(|login| login.name.clone());
        let mut sending = Sending { application, login, place: None };
        let application = &sending.application;
        if let Err(refusal) = self.policy.mail_of(application, mail, now.wall) {
            return (Some(sending), Err(Stop::Refusal(refusal)));
        }
        let Some(shares) = &self.shares else { return (Some(sending), Ok(())) };
        let cap = application.max_per_hour.get();
        sending.place = shares.hours.take(&application.id, cap, now.monotonic);
        let room = sending.place.is_some().then_some(()).ok_or_else(|| application.refuses(Why::Rate));
        (Some(sending), room.map_err(Stop::Refusal))
    }

    fn begin(&mut self, mail: MailFrom, now: Moment) -> Transaction {
        self.attempt = None;
        let milliseconds = now.wall.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let id = TransactionId::of_mail(milliseconds, self.chance.next());
        let with = WithProtocol {
            extended: self.announced.extended.or(self.server.hello().map(|hello| hello.extended)).unwrap_or(false),
            tls: self.server.is_tls(),
            auth: self.server.is_authenticated(),
            utf8: mail.parameters.smtputf8,
        };
        Transaction::new(id, self.policy.clone(), self.client.clone(), mail, with, now)
    }

    /// There is a record of the attempt, and nothing else. The client has heard `reply`.
    pub(super) fn refused_at_mail(&mut self, mail: MailFrom, reply: &Reply, cause: Cause, now: Moment) {
        let transaction = self.begin(mail, now);
        self.refuse(transaction, reply, cause, now);
    }

    fn refuse(&mut self, mut transaction: Transaction, reply: &Reply, cause: Cause, now: Moment) {
        let mut around = Around { now, settings: &self.settings, outputs: &mut self.outputs };
        transaction.refused_at_mail(reply, cause, &mut around);
        self.state = State::Ready(Some(Box::new(transaction)));
    }
}
