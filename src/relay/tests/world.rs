//! A session by itself, and the world around it set by hand.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use crate::relay::{
    Session,
    event::{Input, Moment, NextHopReady, Output, Wait},
    settings::{Settings, Timeouts},
};
use crate::{
    inspect,
    message::header_section::HeaderLimits,
    policy::{
        Policy, Sources,
        directory::{Directory, ServedDomain},
        rule::Scope,
        scanning::Scanning,
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::VerdictActions,
    },
    record::{ClientFacts, attempts::Attempt},
    smtp::{
        extension::{Capabilities, Offer},
        limits::Limits,
        mail_data::BareNewlines,
    },
};

/// A session, a clock that is set by hand, and everything that the session asked of the world since the last look.
pub struct World {
    session: Session,
    pub start: Instant,
    pub elapsed: Duration,
    pub asked: Vec<Output>,
    pub wait: Wait,
    pub hold: Vec<u8>,
    /// Reads of the hold that wait for their answer.
    pub reads: VecDeque<(u64, usize)>,
}

impl World {
    pub fn new() -> Self {
        Self::of(false, |session| session)
    }

    /// Under TLS from the first octet, where clients may log in.
    pub fn logging_in(kind: impl FnOnce(Session) -> Session) -> Self {
        let settings = Settings { scope: Scope::Application, implicit_tls: true, ..settings() };
        Self::listening(settings, Offer { auth: true, ..Offer::new(None, 1 << 20, false) }, kind)
    }

    /// With a session of its own kind.
    pub fn of(starttls: bool, kind: impl FnOnce(Session) -> Session) -> Self {
        Self::listening(settings(), Offer::new(None, 1 << 20, starttls), kind)
    }

    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    fn listening(settings: Settings, offer: Offer, kind: impl FnOnce(Session) -> Session) -> Self {
        let start = Instant::now();
        let now = Moment { monotonic: start, wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let client = ClientFacts {
            listener: "127.0.0.1:25".into(),
            address: "192.0.2.1".parse().unwrap(),
            port: 40_000,
            name: None,
            announced_by: None,
            hello: String::new(),
            tls: None,
        };
        let session = Session::new(Arc::new(settings), offer, Arc::new(policy(now.wall)), client, 1, now);
        let session = kind(session);
        let wait = Wait { read_client: 0, read_next_hop: false, until: start, lends_from: None, finished: false };
        let (hold, reads) = (Vec::new(), VecDeque::new());
        let mut world = Self { session, start, elapsed: Duration::ZERO, asked: Vec::new(), wait, hold, reads };
        world.feed(Input::Accepted);
        world
    }

    /// How the connection is to be counted.
    pub fn attempt(&self) -> Option<Attempt> {
        self.session.attempt().map(|(attempt, _)| attempt)
    }

    pub fn now(&self) -> Moment {
        let wall = UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.elapsed;
        Moment { monotonic: self.start + self.elapsed, wall }
    }

    pub fn feed(&mut self, input: Input) {
        self.session.handle(self.now(), input);
        loop {
            match self.session.poll() {
                Output::Wait(wait) => break self.wait = wait,
                output => {
                    match &output {
                        Output::Hold(octets) => self.hold.extend_from_slice(octets),
                        Output::ReadHold { offset, max } => self.reads.push_back((*offset, *max)),
                        _ => {}
                    }
                    self.asked.push(output);
                }
            }
        }
    }

    pub fn client(&mut self, octets: &str) {
        self.feed(Input::ClientOctets(Bytes::copy_from_slice(octets.as_bytes())));
    }

    /// What we wrote to the next hop is written, and this is what it says.
    pub fn next_hop(&mut self, octets: &str) {
        self.feed(Input::NextHopDrained);
        self.feed(Input::NextHopOctets(Bytes::copy_from_slice(octets.as_bytes())));
    }

    /// The oldest read of the hold is answered.
    pub fn read_hold(&mut self) {
        let (offset, max) = self.reads.pop_front().expect("a read of the hold");
        let octets: Vec<u8> = self.hold.iter().skip(offset as usize).take(max).copied().collect();
        self.feed(Input::HoldOctets(Ok(octets.into())));
    }

    pub fn next_hop_ready(&mut self) {
        let capabilities = Capabilities { pipelining: true, eight_bit_mime: true, ..Capabilities::default() };
        let address = "mbx1.example:25".to_owned();
        self.feed(Input::NextHopReady(NextHopReady {
            capabilities,
            address,
            tls: None,
            reused: false,
            mails: 0,
            owes_reset: false,
        }));
    }

    /// Time passes, and the session is told when it asked to be.
    pub fn pass(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while self.wait.until <= self.start + end {
            let due = self.wait.until.saturating_duration_since(self.start);
            assert!(!self.wait.finished, "the session is over");
            self.elapsed = due.max(self.elapsed);
            self.feed(Input::TimePassed);
            assert!(self.wait.until > self.start + self.elapsed, "a deadline that passed changed nothing");
        }
        self.elapsed = end;
    }

    /// Takes what was asked of the world since the last look.
    pub fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.asked)
    }

    /// What was written to the client since the last look.
    pub fn said(&mut self) -> String {
        text(self.take(), |output| match output {
            Output::ToClient(octets) => Some(octets),
            _ => None,
        })
    }

    /// What was written to the next hop since the last look.
    pub fn written(&mut self) -> String {
        text(self.take(), |output| match output {
            Output::ToNextHop(octets) => Some(octets),
            _ => None,
        })
    }

    /// A transaction with one accepted recipient.
    pub fn envelope(&mut self) {
        self.client("EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@tjpa.jus.br>\r\n");
        self.next_hop_ready();
        self.next_hop("250 ok\r\n250 ok\r\n");
        assert!(self.said().ends_with("250 2.0.0 ok\r\n"));
    }

    /// Mail data up to the question of the scan.
    pub fn content(&mut self, content: &str) {
        self.client("DATA\r\n");
        self.feed(Input::Held(Ok(())));
        self.client(content);
        self.feed(Input::Held(Ok(())));
        self.client(".\r\n");
    }

    /// All but the writing of a small message's content and dot.
    pub fn up_to_dot(&mut self) {
        self.envelope();
        self.content("Subject: x\r\n\r\nx\r\n");
        self.clean();
        self.next_hop("354 go\r\n");
        self.read_hold();
        self.feed(Input::Journaled(Ok(())));
        assert!(self.written().ends_with("\r\n.\r\n"));
    }

    pub fn clean(&mut self) {
        let (group, scanner) = ("clamd".to_owned(), "clamd".to_owned());
        self.feed(Input::Scanned(vec![ScannerReport {
            group,
            scanner,
            verdict: ScanVerdict::Clean,
            took_ms: 1,
            version: None,
            findings: Vec::new(),
            action: None,
        }]));
    }
}

fn text(outputs: Vec<Output>, of: impl Fn(Output) -> Option<Bytes>) -> String {
    let octets: Vec<u8> = outputs.into_iter().filter_map(of).flatten().collect();
    String::from_utf8(octets).unwrap()
}

pub(crate) fn settings() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        hostname: "mx.tjpa.jus.br".into(),
        listener: "127.0.0.1:25".into(),
        scope: Scope::Relay,
        implicit_tls: false,
        starttls_required: false,
        bare_newlines: BareNewlines::Refuse,
        limits: Limits { message_size: 1 << 20, recipients: 100, errors: 20, transactions: 1000 },
        content: inspect::Limits { header: HeaderLimits { size: 256 << 10, fields: 1000 }, hops: 50 },
        cut_through_from: 256 << 10,
        data_floor: 500,
        scanner_groups: vec!["clamd".into(), "yara".into()],
        actions: VerdictActions::default(),
        timeouts: Timeouts {
            command: 300 * second,
            data_idle: 180 * second,
            connection: 10 * second,
            next_hop_reply: 45 * second,
            next_hop_end_of_data: 300 * second,
            verdict: 240 * second,
        },
        timezone: jiff::tz::TimeZone::UTC,
        subjects: Default::default(),
    }
}

/// The same policy, and the switch: yara is not asked, and what is not scanned by order is relayed.
pub(crate) fn with_order(now: SystemTime) -> Policy {
    let order = "[contingency]\nmode = \"deliver\"\ngroups = [\"yara\"]\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n";
    let expires = jiff::Timestamp::try_from(now + Duration::from_secs(3600)).unwrap();
    let order = format!("{order}expires = {expires}\n");
    let (file, groups) = (std::path::Path::new("antivirus.toml"), settings().scanner_groups);
    let (scanning, faults) = Scanning::read(file, &order, &groups, now);
    assert!(faults.0.is_empty());
    Policy { scanning, ..policy(now) }
}

pub(crate) fn policy(now: SystemTime) -> Policy {
    let domain = ServedDomain { name: "tjpa.jus.br".into(), aliases: Vec::new(), next_hop: "mailbox".into() };
    let other = ServedDomain { name: "other.jus.br".into(), aliases: Vec::new(), next_hop: "other".into() };
    let directory = Directory::new(vec![domain, other], []).unwrap();
    let rules = [("subjects/a.toml".into(), RULE.to_owned())];
    let (policy, faults) = Policy::assemble(Sources { directory, rules: &rules, ..Sources::default() }, now);
    assert!(faults.0.is_empty());
    policy
}

/// Holds what is about a boleto, but for c@.
const RULE: &str = r#"
[[rule]]
id = "R-1"
description = "d"
owner = "o"
ticket = "t"
mode = "enforce"
[[rule.match]]
any_words = ["boleto"]
[rule.except]
recipient = ["c@tjpa.jus.br"]
[rule.action]
kind = "quarantine"
[[rule.example]]
subject = "boleto"
expect = "match"
[[rule.example]]
subject = "boleto"
recipient = "c@tjpa.jus.br"
expect = "no match"
[[rule.example]]
subject = "ata"
expect = "no match"
"#;
