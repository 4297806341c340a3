//! What a registered application may: MAIL, RCPT, and what its header section says (clauses 8.1.4, 8.1.5, 8.1.7).
//!
//! In: the application, and what it said. Out: admitted, or why not. Blocks and tricks are the same for everybody; the entry takes the
//! place of `senders_from`, since it says itself who sends as whom from where.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use super::{
    Application, Login, Reach, State,
    refusal::{ApplicationRefusal, Why},
};
use crate::{
    message::originator::OriginatorFault,
    policy::{
        Admitted, Policy,
        directory::{MailboxKey, compared_domain, foreign_key},
        is_trick,
        refusal::Refusal,
    },
    smtp::{
        envelope::{MailFrom, RcptTo},
        path::{ForwardPath, Host, Mailbox, ReversePath},
    },
};

impl Policy {
    /// Which application this client is.
    pub fn application(&self, client: IpAddr, login: Option<&Login>) -> Result<Arc<Application>, Refusal> {
        let contact = self.applications.contact.clone();
        let unknown = || ApplicationRefusal { application: None, contact, why: Why::Unknown };
        self.applications.of(client, login).cloned().ok_or_else(|| Refusal::Application(unknown()))
    }

    /// MAIL of an application: whether it may send at all, and as this sender.
    pub fn mail_of(&self, application: &Application, mail: &MailFrom, now: SystemTime) -> Result<(), Refusal> {
        match application.state {
            State::Pending => return Err(application.refuses(Why::Pending)),
            State::Suspended => return Err(application.refuses(Why::Suspended)),
            State::Observe | State::Active => {}
        }
        let address = || mail.path.to_string();
        let key = match &mail.path {
            ReversePath::Null if application.null_sender => return Ok(()),
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => self.directory.key_of(mailbox),
        };
        let Some(key) = key.filter(|key| application.sends_as(key)) else {
            return Err(application.refuses(Why::Sender { address: address() }));
        };
        match self.blocked.to_send(&key, now) {
            Some(ticket) => Err(Refusal::BlockedToSend { mailbox: key.0, ticket: ticket.to_owned() }),
            None => Ok(()),
        }
    }

    /// RCPT of an application: served mailboxes as for everybody (who is listed, who may write to a list), others if it reaches them.
    /// `accepted`: recipients that this message has already.
    pub fn rcpt_of(
        &self,
        application: &Application,
        rcpt: &RcptTo,
        from: &ReversePath,
        accepted: usize,
        now: SystemTime,
    ) -> Result<Admitted, Refusal> {
        let admitted = match self.rcpt(rcpt, from, now) {
            Err(Refusal::NotOurs { address }) => {
                self.beyond(application, rcpt).ok_or_else(|| application.refuses(Why::Reach { address }))
            }
            decided => decided,
        }?;
        let room = u32::try_from(accepted).is_ok_and(|accepted| accepted < application.max_recipients.get());
        if room { Ok(admitted) } else { Err(application.refuses(Why::Recipients)) }
    }

    /// A recipient on the internet, if the application reaches it. Neither an address literal nor a route is ever reached.
    fn beyond(&self, application: &Application, rcpt: &RcptTo) -> Option<Admitted> {
        let ForwardPath::Mailbox { mailbox, source_route } = &rcpt.path else { return None };
        let (Host::Domain(domain), Reach::Internet { domains }) = (&mailbox.host, &application.reach) else {
            return None;
        };
        let domain = compared_domain(domain.as_str());
        let reaches = domains.is_empty() || domains.iter().any(|reached| *reached == domain);
        if !reaches || is_trick(mailbox) || !source_route.is_empty() {
            return None;
        }
        Some(Admitted {
            mailbox: foreign_key(&mailbox.local_part.unquoted(), &domain),
            path: rcpt.path.clone(),
            next_hop: self.applications.internet_next_hop.clone()?,
            always_reachable: false,
            served: false,
        })
    }

    /// The header section of an application's message: every address of From and Sender is one of its senders.
    pub fn from_of(
        &self,
        application: &Application,
        originators: &Result<Vec<String>, OriginatorFault>,
    ) -> Result<(), Refusal> {
        let addresses = originators.as_ref().map_err(|fault| application.refuses(Why::Originator(*fault)))?;
        let is_its_own = |address: &&String| {
            let key = Mailbox::parse(address).and_then(|mailbox| self.directory.key_of(&mailbox));
            key.is_some_and(|key| application.sends_as(&key))
        };
        match addresses.iter().find(|address| !is_its_own(address)) {
            Some(foreign) => Err(application.refuses(Why::From { address: foreign.clone() })),
            None => Ok(()),
        }
    }
}

impl Application {
    /// Why something of it is not taken.
    pub fn refuses(&self, why: Why) -> Refusal {
        Refusal::Application(ApplicationRefusal::of(self, why))
    }

    fn sends_as(&self, key: &MailboxKey) -> bool {
        self.senders.iter().any(|(sender, _)| sender == key)
    }
}
