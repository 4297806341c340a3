//! What a session is told when it begins: everything that does not change while it lives.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    inspect,
    policy::{rule::Scope, verdict_action::VerdictActions},
    record::subject::Subjects,
    smtp::{limits::Limits, mail_data::BareNewlines},
};

/// How sessions of one listener behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name: 220, EHLO, `Received:`.
    pub hostname: String,
    /// The listener's address, for the record.
    pub listener: String,
    /// Which rules look at it.
    pub scope: Scope,
    /// TLS from the first octet.
    pub implicit_tls: bool,
    /// No MAIL before STARTTLS.
    pub starttls_required: bool,
    /// Whether bare CR and LF in mail data are refused or mended (decision 4).
    pub bare_newlines: BareNewlines,
    /// Limits of the dialogue.
    pub limits: Limits,
    /// Limits of the content.
    pub content: inspect::Limits,
    /// Content beyond this flows to the next hop while it arrives, octets.
    pub cut_through_from: u64,
    /// Octets a second that a client must keep up, averaged over [`FLOOR_WINDOW`].
    pub data_floor: u64,
    /// The groups of all scanners; without any every record says *not scanned*.
    pub scanner_groups: Vec<String>,
    /// What scanner verdicts lead to.
    pub actions: VerdictActions,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Local time in `Received:`.
    pub timezone: TimeZone,
    /// What of a message's subjects its record keeps.
    pub subjects: Subjects,
}

/// The deadlines of a session.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Waiting for a command (RFC 5321 §4.5.3.2.7 asks for 5 min).
    pub command: Duration,
    /// Between two pieces of mail data (§4.5.3.2.5 asks for 3 min).
    pub data_idle: Duration,
    /// Waiting for a connection to the next hop to become free or be made.
    pub connection: Duration,
    /// Waiting for the next hop's reply to MAIL, RCPT, DATA.
    pub next_hop_reply: Duration,
    /// Waiting for its reply to the end of mail data.
    pub next_hop_end_of_data: Duration,
    /// From the end of mail data to our dot: later, and the client may be gone (decision 11).
    pub verdict: Duration,
}

/// A next-hop connection waits so long for the client (decision 1) …
pub const PATIENCE: Duration = Duration::from_secs(5);
/// … and longer only while so many octets of mail data come in that time (16 KiB a second): connections are few, and twenty clients
/// at the data floor would hold all of them for hours. Who is slower costs one more envelope at the end.
pub const PATIENCE_OCTETS: u64 = 80 * 1024;
/// When others wait for a connection, a client that does nothing keeps one for so long after the last answer (decision 30): more
/// than a round trip, so that nobody loses his between RCPT and DATA for being far away …
pub const GRACE: Duration = Duration::from_millis(200);
/// … and so long while its content flows: then only closing gives it back, and all of the content is said again.
pub const GRACE_FLOWING: Duration = Duration::from_secs(1);
/// RCPTs that one transaction may say again because its connection was given back while the client named recipients; twice the
/// usual `recipients`. Beyond that, recipients are asked to come in a transaction of their own: a client that names one each time
/// its connection is gone would make us say a thousand RCPTs a thousand times.
pub const REPEATED_RECIPIENTS: usize = 2000;
/// The data floor is averaged over this.
pub const FLOOR_WINDOW: Duration = Duration::from_secs(60);
/// Refused content is swallowed so long at most …
pub const SWALLOW_TIME: Duration = Duration::from_secs(600);
/// … and up to this many times the message size limit.
pub use crate::smtp::limits::SWALLOW_FACTOR;
/// Connections that one transaction may wear out before its client is told to come later.
pub const ATTEMPTS: u32 = 3;
/// Octets that are read from the hold at a time.
pub const CHUNK: usize = 128 * 1024;
/// Octets that are read from the client at a time. As many as go on at a time, so that a piece goes to the next hop as it came.
pub const READ: usize = CHUNK;
/// Octets that are read, and not parsed, from a client that awaits its reply: enough for QUIT or the next MAIL.
pub const READ_WHILE_DECIDING: usize = 4096;
