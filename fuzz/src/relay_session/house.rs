//! The gateway that the sessions run in: its settings, its policy, and, read a second time and simply, what it must decide.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::tz::TimeZone;
use portaria::{
    inspect,
    message::header_section::HeaderLimits,
    policy::{
        Policy, Sources,
        application::{self, password::PasswordHash},
        directory::{Directory, ServedDomain},
        rule::Scope,
        scanning::Mode,
        verdict::ScanVerdict,
        verdict_action::VerdictActions,
    },
    record::ClientFacts,
    relay::settings::{Settings, Timeouts},
    smtp::{auth::Secret, extension::Offer, limits::Limits, mail_data::BareNewlines},
};

/// Octets of a message.
pub const MESSAGE_SIZE: u64 = 3000;
/// Recipients of a transaction.
const RECIPIENTS: usize = 4;

const RULES: &str = r#"
[[rule]]
id = "REJECT"
description = "rejects"
owner = "x"
ticket = "x"
mode = "enforce"
expires = 2099-01-01T00:00:00Z
match = [{ all_words = ["rejeita"] }]
except = { recipient = ["noc@a.example"] }
action = { kind = "reject" }
example = [
  { subject = "rejeita", expect = "match" },
  { subject = "ata", expect = "no match" },
  { subject = "rejeita", recipient = "noc@a.example", expect = "no match" },
]
[[rule]]
id = "HOLD"
description = "holds"
owner = "x"
ticket = "x"
mode = "enforce"
match = [{ all_words = ["retem"] }]
except = { recipient = ["noc@a.example"] }
action = { kind = "quarantine", reply = "Mensagem retida ({rule}, {id})" }
example = [
  { subject = "retem", expect = "match" },
  { subject = "ata", expect = "no match" },
  { subject = "retem", recipient = "noc@a.example", expect = "no match" },
]
[[rule]]
id = "TAG"
description = "tags"
owner = "x"
ticket = "x"
mode = "enforce"
match = [{ all_words = ["marca"] }]
action = { kind = "tag" }
example = [{ subject = "marca", expect = "match" }, { subject = "ata", expect = "no match" }]
"#;

const MAILBOXES: &str = r#"
[[blocked]]
mailbox = "bloqueado"
direction = "both"
reason = "x"
ticket = "x"
by = "x"
"#;

/// On an application listener the client is one that sends, whom it announces first is one on trial, and wherever it connects from a
/// login makes it a third.
const APPLICATIONS: &str = r#"
[[application]]
id = "login"
state = "active"
owner = "x"
requester = "x"
evaluator = "x"
evaluated = 2026-01-01
ticket = "x"
review_by = 2999-01-01
login = "svc"
password_hash = "HASH"
senders = ["app@a.example"]
max_recipients = 3
max_per_hour = 3
[[application]]
id = "app"
state = "active"
owner = "x"
requester = "x"
evaluator = "x"
evaluated = 2026-01-01
ticket = "x"
review_by = 2999-01-01
networks = ["192.0.2.0/28"]
senders = ["app@a.example"]
null_sender = true
reach = "internet"
max_recipients = 3
max_per_hour = 2
[[application]]
id = "trial"
state = "observe"
owner = "x"
requester = "x"
evaluator = "x"
evaluated = 2026-01-01
ticket = "x"
review_by = 2999-01-01
networks = ["198.51.100.0/28"]
senders = ["app@a.example"]
null_sender = true
max_recipients = 3
max_per_hour = 2
"#;

/// The password of the login `svc`, and what the registry has of it: a hash that nothing computes, since the world verifies by
/// comparing.
pub const PASSWORD: &str = "segredo";
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQxMjM$AAAAAAAAAAAAAAAAAAAAAA";

/// How the listener of applications is called.
pub const APPLICATION_LISTENER: &str = "0.0.0.0:2587";

const ORDER: &str = r#"
[contingency]
mode = "deliver"
groups = ["yara"]
reason = "x"
ticket = "x"
by = "x"
"#;

/// Two domains behind two next hops, one of them with another name, a blocked mailbox, a rule of each kind, two applications.
pub static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| policy(RULES, ""));

/// The same without rules, and with the contingency switch for one of two scanner groups: what is in force after the files were changed.
/// For the other group nothing changes: what it says, or that it says nothing, counts as ever.
pub static WITHOUT_RULES: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let expires = jiff::Timestamp::try_from(began() + Duration::from_secs(3600)).expect("a date");
    policy("", &format!("{ORDER}expires = {expires}\n"))
});

fn policy(rules: &str, orders: &str) -> Arc<Policy> {
    let domain = |name: &str, aliases: &[&str], next_hop: &str| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        next_hop: next_hop.into(),
    };
    let domains = vec![domain("a.example", &["alias.example"], "one"), domain("b.example", &[], "two")];
    let directory = Directory::new(domains, ["abuse"]).expect("two domains");
    let rules = [(PathBuf::from("rules.toml"), rules.to_owned())];
    let mailboxes = (Path::new("mailboxes.toml"), MAILBOXES);
    let antivirus = Some((Path::new("antivirus.toml"), orders));
    let groups = groups();
    let sources = Sources {
        directory,
        scanner_groups: &groups,
        mailboxes: Some(mailboxes),
        antivirus,
        applications: Some((Path::new("applications.toml"), &APPLICATIONS.replace("HASH", HASH))),
        application_settings: application::Settings { internet_next_hop: Some("two".into()), contact: "".into() },
        rules: &rules,
    };
    let (policy, faults) = Policy::assemble(sources, began());
    assert!(!faults.has_errors(), "{faults:?}");
    Arc::new(policy)
}

fn groups() -> [String; 2] {
    ["clamd".to_owned(), "yara".to_owned()]
}

/// When all sessions begin.
pub fn began() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// Settings with limits that a short input reaches.
pub fn settings(antivirus: bool, cut_through: bool, application: bool) -> Arc<Settings> {
    Arc::new(Settings {
        hostname: "mx.a.example".to_owned(),
        listener: client(application).listener,
        scope: if application { Scope::Application } else { Scope::Relay },
        implicit_tls: false,
        starttls_required: false,
        bare_newlines: BareNewlines::Refuse,
        limits: Limits { message_size: MESSAGE_SIZE, recipients: RECIPIENTS, errors: 6, transactions: 6 },
        content: inspect::Limits { header: HeaderLimits { size: 1500, fields: 12 }, hops: 3 },
        cut_through_from: if cut_through { 250 } else { 1 << 20 },
        data_floor: 2,
        scanner_groups: if antivirus { groups().into() } else { Vec::new() },
        actions: VerdictActions::default(),
        timeouts: Timeouts {
            command: Duration::from_secs(300),
            data_idle: Duration::from_secs(180),
            connection: Duration::from_secs(10),
            next_hop_reply: Duration::from_secs(45),
            next_hop_end_of_data: Duration::from_secs(300),
            verdict: Duration::from_secs(240),
        },
        timezone: TimeZone::UTC,
        subjects: Default::default(),
    })
}

/// Whether these are the login's own.
pub fn is_right(password: &Secret, hash: &PasswordHash) -> bool {
    password.octets() == PASSWORD.as_bytes() && hash.written() == HASH
}

/// Who a client of the application listener is, at this address, with a login or without.
pub fn application_of(address: IpAddr, logged_in: bool) -> Option<&'static str> {
    match address {
        _ if logged_in => Some("login"),
        IpAddr::V4(address) if address.octets()[..3] == [192, 0, 2] => Some("app"),
        IpAddr::V4(address) if address.octets()[..3] == [198, 51, 100] => Some("trial"),
        _ => None,
    }
}

/// Everything is offered to the client; AUTH, which TLS has to be under, to applications.
pub fn offer(application: bool) -> Offer {
    Offer {
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        starttls: true,
        size: MESSAGE_SIZE,
        recipients: None,
        xclient: true,
        auth: application,
    }
}

/// Who connects, to a listener of applications or to the other one.
pub fn client(application: bool) -> ClientFacts {
    ClientFacts {
        listener: if application { APPLICATION_LISTENER } else { "0.0.0.0:25" }.to_owned(),
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 12345,
        name: None,
        announced_by: None,
        hello: String::new(),
        tls: None,
    }
}

/// What must become of a message (the head of `src/policy/disposition.rs`), recipient by recipient.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nobody gets it.
    Refuse,
    /// Nobody gets it now.
    Defer,
    /// These by the next hop, those by the quarantine.
    Deliver {
        /// To the next hop.
        relay: BTreeSet<String>,
        /// Into the quarantine.
        hold: BTreeSet<String>,
    },
}

/// What the rules of `policy`, which was in force at MAIL, and `worst` make of `content` for `recipients`.
pub fn expected(policy: &Policy, content: &[u8], worst: &ScanVerdict, recipients: &BTreeSet<String>) -> Expected {
    // Strength: 0 relay, 1 tag, 2 quarantine, 3 defer, 4 refuse by the scanners, 5 refuse by a rule.
    let scanners = match worst {
        ScanVerdict::Clean | ScanVerdict::NotScanned => 0,
        ScanVerdict::Outdated { .. }
        | ScanVerdict::Ignored { .. }
        | ScanVerdict::Macro { .. }
        | ScanVerdict::Encrypted { .. } => 1,
        ScanVerdict::Contingency { mode: Mode::Deliver, .. } => 1,
        ScanVerdict::Contingency { mode: Mode::Hold, .. } => 2,
        ScanVerdict::Contingency { mode: Mode::Defer, .. } => 3,
        ScanVerdict::Ambiguous { .. } | ScanVerdict::Poison { .. } | ScanVerdict::NotFullyScanned { .. } => 2,
        ScanVerdict::ScannerError { .. } | ScanVerdict::Unavailable { .. } => 3,
        ScanVerdict::Infected { .. } => 4,
    };
    let subjects = if policy.version == POLICY.version { subjects(content) } else { Vec::new() };
    let says = |word: &str| subjects.iter().any(|subject| subject.contains(word));
    let rule = |recipient: &str| {
        let local = recipient.split('@').next().unwrap_or_default().to_lowercase();
        match local.as_str() {
            "postmaster" | "abuse" => 0,
            _ if says("rejeita") && local != "noc" => 5,
            _ if says("retem") && local != "noc" => 2,
            _ if says("marca") => 1,
            _ => 0,
        }
    };
    // The gateway's own finding (decision 8): quarantine, with and without scanners.
    let own = if says_that_it_is_a_fragment(content) { 2 } else { 0 };
    let wish = |recipient: &String| rule(recipient).max(scanners).max(own);
    if recipients.iter().any(|recipient| wish(recipient) == 3) {
        Expected::Defer
    } else if recipients.iter().all(|recipient| wish(recipient) > 3) {
        Expected::Refuse
    } else {
        let (hold, relay) = recipients.iter().cloned().partition(|recipient| wish(recipient) >= 2);
        Expected::Deliver { relay, hold }
    }
}

/// The Subject fields, in small letters.
fn subjects(content: &[u8]) -> Vec<String> {
    let section = section(content);
    section.split("\r\n").filter_map(|line| line.strip_prefix("subject:").map(str::to_owned)).collect()
}

/// Whether the header section has the one Content-Type field that a script can say.
fn says_that_it_is_a_fragment(content: &[u8]) -> bool {
    section(content).split("\r\n").any(|line| line.starts_with("content-type: message/partial;"))
}

/// The header section in small letters.
fn section(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content).to_lowercase();
    if text.starts_with("\r\n") { String::new() } else { text.split("\r\n\r\n").next().unwrap_or_default().to_owned() }
}
