//! A refusal has two faces, made in one place: what the client is told, and what the operator is told.

use super::directory::MailboxKey;
use crate::{
    language::Text,
    smtp::reply::{Enhanced, Reply},
    text,
};

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
    /// The directory lists the addresses of its domain, and this is none of them (`550 5.1.1`).
    UnknownMailbox {
        /// The address, as written.
        address: String,
    },
    /// A list that takes mail of internal senders only, and this is none (`550 5.7.1`).
    OutsiderToList {
        /// The list's address, folded.
        list: String,
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
    /// One of our domains as sender, from outside the networks that it sends from (`550 5.7.1`).
    SenderFromOutside {
        /// The address, as written.
        address: String,
    },
    /// Its network has had its messages of this minute (`450 4.7.1`).
    MessageRate,
}

impl Refusal {
    /// What the client is told: neutral, ASCII, nothing of the configuration. A tricked and a foreign address get the same
    /// words, so that a prober learns nothing of what is looked for.
    pub fn reply(&self) -> Reply {
        match self {
            Self::NotOurs { .. } | Self::RelayTrick { .. } => {
                Reply::new(550, Some(Enhanced(5, 7, 1)), "Relaying denied")
            }
            Self::UnknownMailbox { .. } => Reply::new(550, Some(Enhanced(5, 1, 1)), "No such mailbox here"),
            Self::OutsiderToList { .. } => {
                Reply::new(550, Some(Enhanced(5, 7, 1)), "Sender not allowed to write to this address")
            }
            Self::BlockedToReceive { .. } => {
                Reply::new(550, Some(Enhanced(5, 2, 1)), "Mailbox disabled, not accepting messages")
            }
            Self::BlockedToSend { .. } | Self::SenderFromOutside { .. } => {
                Reply::new(550, Some(Enhanced(5, 7, 1)), "Sender not allowed")
            }
            Self::MessageRate => {
                Reply::new(450, Some(Enhanced(4, 7, 1)), "Too many messages from your network, try again later")
            }
        }
    }

    /// What the operator is told.
    pub fn reason(&self) -> Text {
        match self {
            Self::NotOurs { address } => {
                text!("{address} is in no domain that is served here", "{address} não é de um domínio atendido aqui")
            }
            Self::RelayTrick { address } => text!(
                "{address} carries a source route, %, ! or a second @: relaying by the back door",
                "{address} traz rota de origem, %, ! ou um segundo @: retransmissão pela porta dos fundos"
            ),
            Self::UnknownMailbox { address } => {
                text!("{address} is not in the directory", "{address} não está no diretório")
            }
            Self::OutsiderToList { list } => text!(
                "the list {list} takes mail of internal senders only (internal_senders_only)",
                "a lista {list} só aceita remetentes internos (internal_senders_only)"
            ),
            Self::BlockedToReceive { mailbox, ticket } => text!(
                "the mailbox {mailbox} is blocked to receive ({ticket})",
                "a caixa {mailbox} está bloqueada para receber ({ticket})"
            ),
            Self::BlockedToSend { mailbox, ticket } => text!(
                "the mailbox {mailbox} is blocked to send ({ticket})",
                "a caixa {mailbox} está bloqueada para enviar ({ticket})"
            ),
            Self::SenderFromOutside { address } => text!(
                "{address} sends from outside the networks of its domain (senders_from)",
                "{address} envia de fora das redes do seu domínio (senders_from)"
            ),
            Self::MessageRate => text!(
                "the client's network has had its messages of this minute (messages_per_minute_per_network)",
                "a rede do cliente já usou suas mensagens deste minuto (messages_per_minute_per_network)"
            ),
        }
    }

    /// The recipient's mailbox, where the refusal knows it: records name it whatever address was used.
    pub fn mailbox(&self) -> Option<MailboxKey> {
        match self {
            Self::BlockedToReceive { mailbox, .. } | Self::OutsiderToList { list: mailbox } => {
                Some(MailboxKey(mailbox.clone()))
            }
            _ => None,
        }
    }

    /// A stable name for metrics and records: `not_ours`, `relay_trick`, `unknown_mailbox`, `outsider_to_list`,
    /// `blocked_to_receive`, `blocked_to_send`, `sender_from_outside`, `message_rate`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotOurs { .. } => "not_ours",
            Self::RelayTrick { .. } => "relay_trick",
            Self::UnknownMailbox { .. } => "unknown_mailbox",
            Self::OutsiderToList { .. } => "outsider_to_list",
            Self::BlockedToReceive { .. } => "blocked_to_receive",
            Self::BlockedToSend { .. } => "blocked_to_send",
            Self::SenderFromOutside { .. } => "sender_from_outside",
            Self::MessageRate => "message_rate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_learns_neither_ticket_nor_mailbox() {
        let (mailbox, ticket) = ("fulano.tal@tjpa.jus.br".to_owned(), "REQ 2026/119004".to_owned());
        let address = mailbox.clone();
        let rows = [
            (Refusal::NotOurs { address: address.clone() }, "550 5.7.1 Relaying denied"),
            (Refusal::UnknownMailbox { address: address.clone() }, "550 5.1.1 No such mailbox here"),
            (
                Refusal::OutsiderToList { list: address.clone() },
                "550 5.7.1 Sender not allowed to write to this address",
            ),
            (Refusal::RelayTrick { address }, "550 5.7.1 Relaying denied"),
            (
                Refusal::BlockedToReceive { mailbox: mailbox.clone(), ticket: ticket.clone() },
                "550 5.2.1 Mailbox disabled, not accepting messages",
            ),
            (Refusal::SenderFromOutside { address: mailbox.clone() }, "550 5.7.1 Sender not allowed"),
            (Refusal::BlockedToSend { mailbox, ticket }, "550 5.7.1 Sender not allowed"),
        ];
        for (refusal, expected) in rows {
            assert_eq!(refusal.reply().summary(), expected);
            let told = refusal.reason();
            assert!(told.en.contains("fulano.tal") && told.pt.contains("fulano.tal"), "the operator learns it: {told}");
        }
    }
}
