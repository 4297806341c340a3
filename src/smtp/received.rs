//! The trace field that we prepend (RFC 5321 §4.4, RFC 3848), and the loop count.

use std::{net::IpAddr, time::SystemTime};

/// What our `Received:` says.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What the client said in HELO or EHLO; it is escaped here.
    pub hello: &'a str,
    /// The address of the client.
    pub client: IpAddr,
    /// Our name.
    pub hostname: &'a str,
    /// SMTP, ESMTP, ESMTPS, with UTF8 in front under SMTPUTF8 (RFC 3848, RFC 6531 §4.3).
    pub with: WithProtocol,
    /// The id of the transaction.
    pub id: &'a str,
    /// When the mail data began.
    pub at: SystemTime,
    /// Offset of the local time zone from UTC, seconds east.
    pub utc_offset: i32,
}

/// The parts of the with-protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithProtocol {
    /// EHLO was said.
    pub extended: bool,
    /// Under TLS.
    pub tls: bool,
    /// SMTPUTF8 was asked for.
    pub utf8: bool,
}

impl Received<'_> {
    /// The whole field, folded at 78 octets, CRLF at the end. Recipients are not named in it (`for` would reveal blind copies).
    pub fn field(&self) -> String {
        todo!()
    }
}
