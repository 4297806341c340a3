//! A refusal has two faces, made in one place: what the client is told, and what the operator is told.

use crate::{language::Text, smtp::reply::Reply};

/// Why policy refuses a command. The reply is derived by an exhaustive match, so that a new reason cannot be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The domain is not served here (`550 5.7.1`).
    NotOurs {
        /// The address, as written.
        address: String,
    },
    /// A source route, `%`, `!`, a second `@`: relaying by the back door (`550 5.7.1`).
    RelayTrick {
        /// The address, as written.
        address: String,
    },
    /// Blocked to receive (`550 5.2.1`).
    BlockedToReceive {
        /// The mailbox's key.
        mailbox: String,
        /// The entry's ticket, for the record; never told to the client.
        ticket: String,
    },
    /// Blocked to send (`550 5.7.1`).
    BlockedToSend {
        /// The mailbox's key.
        mailbox: String,
        /// The entry's ticket.
        ticket: String,
    },
}

impl Refusal {
    /// What the client is told: neutral, ASCII, nothing of the configuration.
    pub fn reply(&self) -> Reply {
        todo!()
    }
    /// What the operator is told.
    pub fn reason(&self) -> Text {
        todo!()
    }
    /// A stable name for metrics and records: `not_ours`, `relay_trick`, `blocked_to_receive`, `blocked_to_send`.
    pub fn name(&self) -> &'static str {
        todo!()
    }
}
