//! What is counted instead of being recorded one by one, so that a flood cannot fill the disk (decision 29).

use serde::{Deserialize, Serialize};

use super::{Cause, Ending, Fate, Record, TransactionId, UnixMillis};

/// How a connection ended that brought no MAIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// It was served, and left again.
    NoMail,
    /// It spoke before it was greeted.
    EarlyTalk,
    /// Its TLS handshake failed.
    TlsFailed,
    /// Too many connections in all.
    TooManyConnections,
    /// Too many of its network at once.
    TooManyOfNetwork,
    /// Too many of its network in a minute.
    TooFast,
    /// Its last login failed, or it had failed too often to be heard.
    LoginFailed,
    /// A balancer's, that did not begin with a PROXY header.
    NoProxyHeader,
}

impl Attempt {
    /// A stable name for metrics and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoMail => "no_mail",
            Self::EarlyTalk => "early_talk",
            Self::TlsFailed => "tls_failed",
            Self::TooManyConnections => "connections",
            Self::TooManyOfNetwork => "connections_of_network",
            Self::TooFast => "connection_rate",
            Self::LoginFailed => "login_failed",
            Self::NoProxyHeader => "no_proxy_header",
        }
    }
}

/// How often something happened, that has no record of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The beginning of the minute.
    pub minute: UnixMillis,
    /// An IPv4 address, an IPv6 /64, or `other`: those that came when the table was full.
    pub network: String,
    /// The listener's address, as configured.
    pub listener: String,
    /// [`Attempt::name`], or [`refusal`] of a record.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// What was counted since the last time, written together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// An id of its own: what is loaded twice counts once.
    pub id: TransactionId,
    /// The rows, each of another minute, network, listener or reason.
    pub rows: Vec<Count>,
}

/// Why nothing of a transaction was taken: MAIL was refused, or every RCPT, or no RCPT came, or the client gave it up with a command (RSET,
/// QUIT) before the end of its mail data. None: such a transaction always has a record of its own (promise 5).
pub fn refusal(record: &Record) -> Option<&str> {
    let accepted = record.recipients.iter().any(|recipient| recipient.fate != Fate::RefusedAtRcpt);
    let taken = accepted && record.ending != Ending::Abandoned;
    (!taken && !record.quarantined).then_some(match &record.cause {
        Cause::Policy { name, .. } => name,
        Cause::NextHop { .. } => "next_hop",
        Cause::Limit { .. } => "limit",
        Cause::Violation { .. } => "syntax",
        Cause::Gateway { .. } => "gateway",
        Cause::Nothing | Cause::Client { .. } => "abandoned",
        Cause::Rule { .. } | Cause::Scanner { .. } => "content",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn whatever_was_taken_from_anybody_is_no_refusal() {
        let mut record = sample::record(7);
        record.quarantined = false;
        record.cause = Cause::NextHop { what: "550 5.1.1 no such user".to_owned() };
        let fates = [Fate::None, Fate::Relayed, Fate::Held, Fate::Refused, Fate::Deferred, Fate::Unknown];
        let recipient = record.recipients[0].clone();
        for fate in fates {
            record.recipients = vec![recipient.clone(); 3];
            record.recipients[0].fate = Fate::RefusedAtRcpt;
            record.recipients[1].fate = fate;
            record.recipients[2].fate = Fate::RefusedAtRcpt;
            assert_eq!(refusal(&record), None, "{fate:?}");
        }
        record.recipients[1].fate = Fate::None;
        let given_up =
            Record { ending: Ending::Abandoned, cause: Cause::Client { what: "RSET".to_owned() }, ..record.clone() };
        assert_eq!(refusal(&given_up), Some("abandoned"), "RSET behind a RCPT that heard 250");
        let gone = Record { ending: Ending::ClientGone, ..given_up };
        assert_eq!(refusal(&gone), None, "perhaps in the middle of its mail data");
        record.recipients.iter_mut().for_each(|recipient| recipient.fate = Fate::RefusedAtRcpt);
        assert_eq!(refusal(&record), Some("next_hop"));
        record.recipients.clear();
        assert_eq!(refusal(&record), Some("next_hop"), "refused at MAIL");
        record.quarantined = true;
        assert_eq!(refusal(&record), None);
    }
}
