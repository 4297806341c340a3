//! The addresses of one mail transaction (RFC 5321 §3.3).

use super::{
    parameter::{MailParameters, RcptParameters},
    path::{ForwardPath, ReversePath},
};

/// MAIL as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom {
    /// The reverse-path.
    pub path: ReversePath,
    /// Its parameters.
    pub parameters: MailParameters,
}

/// RCPT as understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptTo {
    /// The forward-path.
    pub path: ForwardPath,
    /// Its parameters.
    pub parameters: RcptParameters,
}
