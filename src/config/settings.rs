//! What the program runs on. Every field is one key of `portaria.toml`, checked; combinations that cannot work were refused
//! while reading, so that a `Settings` is always one to run on.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use ipnet::IpNet;
use jiff::{civil::Time, tz::TimeZone};

use crate::{
    antivirus, hold,
    language::Language,
    next_hop,
    policy::{application, directory::Directory, verdict_action::VerdictActions},
    rule_history,
    smtp::{self, mail_data::BareNewlines, path::Mailbox},
    store,
    webhook::Url,
};

/// Everything that `portaria.toml` says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[[listener]]`: at least one, no two on one address.
    pub listeners: Vec<Listener>,
    /// `[tls]`: there whenever a listener speaks TLS.
    pub tls: Option<TlsFiles>,
    /// `[[domain]]` and `[policy] always_reachable`: at least one domain, each with a next hop that exists.
    pub directory: Directory,
    /// `[[next_hop]]`: at least one, names unique.
    pub next_hops: next_hop::Settings,
    /// `[[scanner]]`: at least one; none when antivirus is switched off, and then every record says "not scanned".
    pub antivirus: Option<antivirus::Settings>,
    /// `[antivirus]`: what becomes of a message for each verdict.
    pub verdict_actions: VerdictActions,
    /// `[application]`
    pub applications: application::Settings,
    /// `[hold]`
    pub hold: hold::Settings,
    /// `[hold] cut_through_from`: larger content flows on to the next hop while it arrives, octets.
    pub cut_through_from: u64,
    /// `[limits]`
    pub limits: Limits,
    /// `[timeouts]`
    pub timeouts: Timeouts,
    /// `[quarantine]` and `[tracking]`
    pub retention: Retention,
    /// `data_dir` and `[database]`
    pub store: store::settings::Settings,
    /// `[rules]`
    pub rules: RuleFiles,
    /// `[alert]`
    pub alert: Alert,
    /// `[http] address`: metrics and health.
    pub http: SocketAddr,
    /// `[backup]`; none: nobody wants any to be made by itself.
    pub backup: Option<Backup>,
    /// The file that all of this was read from.
    pub file: PathBuf,
}

impl Settings {
    /// The groups of all scanners, in their order; none when antivirus is switched off.
    pub fn scanner_groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = Vec::new();
        for scanner in self.antivirus.iter().flat_map(|antivirus| &antivirus.scanners) {
            if !groups.contains(&scanner.group) {
                groups.push(scanner.group.clone());
            }
        }
        groups
    }
}

/// `[gateway]`
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Our name in the greeting, EHLO and `Received:`. ASCII.
    pub hostname: String,
    /// Hold, journal, quarantine, database, `control.sock`. Absolute.
    pub data_dir: PathBuf,
    /// `subjects/*.toml`, `mailboxes.toml`, `directory.toml` or `directory.csv`, `classes.toml`, `applications.toml`, `antivirus.toml`,
    /// `yara/*.yar`.
    pub rules_dir: PathBuf,
    /// The language of command line and checker.
    pub language: Language,
    /// In which times are shown to people.
    pub timezone: TimeZone,
}

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Who may speak to it, and what for.
    pub role: Role,
    /// Where it listens; port 0 means one that the system chooses.
    pub address: SocketAddr,
    /// Encryption.
    pub tls: ListenerTls,
    /// Balancers: what connects from here must begin with a PROXY header, which says who the client is. None by default.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Who may say with XCLIENT for whom it speaks. None by default.
    pub xclient_from: Vec<IpNet>,
    /// `bare_newline`: what becomes of a bare CR or LF in mail data (decision 4).
    pub bare_newlines: BareNewlines,
    /// The greeting is said so late, and who speaks before it is turned away; 0: it is said at once. At most a minute.
    pub greeting_delay: Duration,
}

/// What a listener is for. Other roles are planned, and refused until they are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// MTAs that relay through us.
    Relay,
    /// Registered applications, and nobody else (`rules/applications.toml`).
    Application,
}

/// How a listener encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerTls {
    /// Not at all.
    Off,
    /// STARTTLS is offered (RFC 3207).
    StartTls,
    /// STARTTLS is offered, and MAIL before it is refused.
    StartTlsRequired,
    /// TLS from the first octet (RFC 8314).
    Implicit,
}

impl ListenerTls {
    /// As written in `portaria.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::StartTls => "starttls",
            Self::StartTlsRequired => "starttls-required",
            Self::Implicit => "implicit",
        }
    }
}

/// `[tls]`: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then the intermediate ones.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `[limits]`: what one client may ask for. All are above 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of mail data; above: `552 5.3.4`. Offered as SIZE.
    pub message_size: u64,
    /// Octets of the header section, which is kept in memory.
    pub header_size: u64,
    /// Header fields of a message.
    pub header_fields: usize,
    /// Recipients of a transaction; above: `452 4.5.3` (RFC 5321 §4.5.3.1.8 asks for at least 100).
    pub recipients: usize,
    /// Connections of all clients together.
    pub connections: usize,
    /// Connections of one IPv4 address or IPv6 /64.
    pub connections_per_network: usize,
    /// New connections of one IPv4 address or IPv6 /64 in a minute; above: 421. None: as many as it likes.
    pub connections_per_minute_per_network: Option<NonZeroU32>,
    /// Transactions that one IPv4 address or IPv6 /64 begins in a minute; above: `450 4.7.1` to MAIL. None: as many as it likes.
    pub messages_per_minute_per_network: Option<NonZeroU32>,
    /// Networks without a limit of their own: your MTAs.
    pub unlimited_networks: Vec<IpNet>,
    /// Mail transactions of one connection.
    pub transactions_per_connection: u32,
    /// Errors of one connection; above: 421 and close.
    pub errors_per_connection: u32,
    /// `Received:` fields; above: `554 5.4.6`, it is a loop.
    pub hops: usize,
    /// Octets a second of mail data, averaged over 60 s; a slower client holds no next-hop connection.
    pub data_floor: u64,
}

impl Limits {
    /// Those that the server session enforces itself.
    pub fn session(&self) -> smtp::limits::Limits {
        smtp::limits::Limits {
            message_size: self.message_size,
            recipients: self.recipients,
            errors: self.errors_per_connection,
            transactions: self.transactions_per_connection,
        }
    }
}

/// `[timeouts]`: each above 0 and at most a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Awaiting a command (RFC 5321 §4.5.3.2.7 asks for 5 minutes).
    pub command: Duration,
    /// Awaiting more mail data (§4.5.3.2.5).
    pub data_idle: Duration,
    /// TCP connect to a next hop or scanner.
    pub connect: Duration,
    /// Each reply of a next hop but the last.
    pub next_hop_reply: Duration,
    /// Its reply to the end of mail data.
    pub next_hop_end_of_data: Duration,
    /// One scan.
    pub scan: Duration,
    /// From the end of mail data to the disposition; later: 451 and no dot (decision 11).
    pub verdict: Duration,
    /// How long sessions may go on once the gateway is told to stop.
    pub drain: Duration,
}

/// How long things are kept, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `[quarantine]`: held mail.
    pub quarantine: Quarantine,
    /// `[tracking] retention`: records.
    pub tracking: Duration,
    /// `[tracking] request_handling`: what a tracking request may take; clause 10.1.2 counts 30 full days back from its arrival.
    pub request_handling: Duration,
    /// `[tracking] subjects`
    pub subjects: SubjectsKept,
}

/// What records, logs and the quarantine's index have of subjects, from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectsKept {
    /// All of them.
    #[default]
    Plain,
    /// Keyed hashes.
    Hashed,
    /// Nothing.
    Off,
}

/// `[rules]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFiles {
    /// Changed files are put into force by themselves.
    pub watch: bool,
    /// `history` and `history_age`: how many sets that were in force are kept, and for how long.
    pub history: rule_history::Bounds,
}

/// `[quarantine]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// `retention`, or `retention_virus`: malware that was taken.
    pub virus: Duration,
    /// … `retention_rule`: held by a subject rule.
    pub rule: Duration,
    /// … `retention_policy`: encrypted, macros, ambiguous and the like.
    pub policy: Duration,
    /// … `retention_unscannable`: not scanned, or not wholly.
    pub unscannable: Duration,
    /// `retention_copies`: copies of what was refused, and the content of what was released.
    pub copies: Duration,
    /// `max_size`: octets of content beyond which copies go before their time; none: no bound.
    pub max_size: Option<u64>,
    /// `release_for`: the pauses between attempts of a release come to no more.
    pub release_for: Duration,
}

/// `[backup]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where they are put. Absolute; it is there.
    pub folder: PathBuf,
    /// So long behind the last one.
    pub every: Duration,
    /// `at`: at this time of day, if `every` is a day or more.
    pub at: Time,
    /// So many are kept.
    pub keep: usize,
    /// The file of keys that they are encrypted with; none: they are not.
    pub key_file: Option<PathBuf>,
    /// The last good one may be so old before somebody is told.
    pub alert_after: Duration,
}

/// `[alert]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// Is posted each alert.
    pub webhook: Option<Url>,
    /// Are written each alert: ASCII, and in served domains, because that is where we know a next hop.
    pub mail_to: Vec<Mailbox>,
}
