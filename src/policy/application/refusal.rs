//! What an application that may not is told, and what the operator is told.
//!
//! An application that is known hears its own name and whom to ask: its people read these replies in their logs, and clause 8.1.6 asks
//! for an explanation. A client that is not known hears nothing that it could use.

use std::sync::Arc;

use super::Application;
use crate::{
    language::Text,
    message::originator::OriginatorFault,
    smtp::reply::{Enhanced, Reply},
    text,
};

/// Why something of an application is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRefusal {
    /// Which; none: the client is none.
    pub application: Option<Arc<str>>,
    /// Whom to ask; may be empty.
    pub contact: Arc<str>,
    /// Why.
    pub why: Why,
}

/// The reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The client is no registered application (`550 5.7.1`).
    Unknown,
    /// `state = "pending"` (`450 4.7.1`).
    Pending,
    /// `state = "observe"`: it was decided as a whole, and nothing is relayed (`450 4.7.1`).
    Observed,
    /// `state = "suspended"` (`550 5.7.1`).
    Suspended,
    /// Not one of its senders, or the null path without `null_sender` (`550 5.7.1`).
    Sender {
        /// As written; empty for the null path.
        address: String,
    },
    /// Beyond its reach (`550 5.7.1`).
    Reach {
        /// As written.
        address: String,
    },
    /// An address of From or Sender is not one of its senders (`550 5.7.1`).
    From {
        /// As written.
        address: String,
    },
    /// From or Sender cannot be read (`550 5.7.1`).
    Originator(OriginatorFault),
    /// It has had its messages of this hour (`451 4.7.1`).
    Rate,
    /// It has had its recipients of this message (`452 4.5.3`).
    Recipients,
}

impl ApplicationRefusal {
    /// Of a known application.
    pub fn of(application: &Application, why: Why) -> Self {
        Self { application: Some(application.id.clone()), contact: application.contact.clone(), why }
    }

    /// What the client hears.
    pub fn reply(&self) -> Reply {
        let (code, enhanced) = match &self.why {
            Why::Pending | Why::Observed => (450, Enhanced(4, 7, 1)),
            Why::Rate => (451, Enhanced(4, 7, 1)),
            Why::Recipients => (452, Enhanced(4, 5, 3)),
            Why::Unknown
            | Why::Suspended
            | Why::Sender { .. }
            | Why::Reach { .. }
            | Why::From { .. }
            | Why::Originator(_) => (550, Enhanced(5, 7, 1)),
        };
        let id = self.application.as_deref().unwrap_or_default();
        let said = match &self.why {
            Why::Unknown => "Not registered to send mail here".to_owned(),
            Why::Pending => format!("Application {id} awaits evaluation"),
            Why::Observed => format!("Application {id} is on trial, nothing is relayed"),
            Why::Suspended => format!("Application {id} is suspended"),
            Why::Sender { .. } => format!("Sender not registered for application {id}"),
            Why::Reach { .. } => format!("Recipient beyond the reach of application {id}"),
            Why::From { .. } | Why::Originator(_) => {
                format!("From or Sender not registered for application {id}")
            }
            Why::Rate => format!("Application {id} has had its messages of this hour"),
            Why::Recipients => format!("Application {id} has had its recipients of this message"),
        };
        let said = if self.contact.is_empty() { said } else { format!("{said}, ask {}", self.contact) };
        Reply::new(code, Some(enhanced), said)
    }

    /// What the operator is told.
    pub fn reason(&self) -> Text {
        let id = self.application.as_deref().unwrap_or_default();
        match &self.why {
            Why::Unknown => text!(
                "the client is no registered application (applications.toml)",
                "o cliente não é uma aplicação registrada (applications.toml)"
            ),
            Why::Pending => text!("the application {id} is pending", "a aplicação {id} está pendente de avaliação"),
            Why::Observed => {
                text!("the application {id} is on trial", "a aplicação {id} está em observação")
            }
            Why::Suspended => text!("the application {id} is suspended", "a aplicação {id} está suspensa"),
            Why::Sender { address } if address.is_empty() => text!(
                "the application {id} may not send with the null path (null_sender)",
                "a aplicação {id} não pode enviar com remetente vazio (null_sender)"
            ),
            Why::Sender { address } => text!(
                "{address} is none of the senders of the application {id}",
                "{address} não é um dos remetentes da aplicação {id}"
            ),
            Why::Reach { address } => text!(
                "{address} is beyond the reach of the application {id}",
                "{address} está fora do alcance da aplicação {id}"
            ),
            Why::From { address } => text!(
                "the header names {address}, none of the senders of the application {id}",
                "o cabeçalho traz {address}, que não é um dos remetentes da aplicação {id}"
            ),
            Why::Originator(fault) => {
                text!("application {id}: {fault}", "aplicação {id}: {fault}")
            }
            Why::Rate => text!(
                "the application {id} has had its messages of this hour (max_per_hour)",
                "a aplicação {id} já usou suas mensagens desta hora (max_per_hour)"
            ),
            Why::Recipients => text!(
                "the message has all the recipients that the application {id} may name (max_recipients)",
                "a mensagem já tem todos os destinatários que a aplicação {id} pode indicar (max_recipients)"
            ),
        }
    }

    /// A stable name for metrics and records.
    pub fn name(&self) -> &'static str {
        match &self.why {
            Why::Unknown => "application_unknown",
            Why::Pending => "application_pending",
            Why::Observed => "application_observed",
            Why::Suspended => "application_suspended",
            Why::Sender { .. } => "application_sender",
            Why::Reach { .. } => "application_reach",
            Why::From { .. } | Why::Originator(_) => "application_from",
            Why::Rate => "application_rate",
            Why::Recipients => "application_recipients",
        }
    }
}
