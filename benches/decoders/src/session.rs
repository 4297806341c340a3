//! One message through a whole session, and everybody around it answers at once: no sockets, no clock, no scanner.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use portaria::{
    inspect,
    message::header_section::HeaderLimits,
    policy::{
        Policy, Sources,
        directory::{Directory, ServedDomain},
        rule::Scope,
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::VerdictActions,
    },
    record::ClientFacts,
    relay::{
        Session,
        event::{Input, Moment, NextHopReady, Output},
        settings::{READ, Settings, Timeouts},
    },
    smtp::{
        extension::{Capabilities, Offer},
        limits::Limits,
        mail_data::{BareNewlines, MailDataEncoder},
    },
};

const ENVELOPE: &[u8] = b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@tjpa.jus.br>\r\nDATA\r\n";

/// The gateway around the sessions: what all of them share.
pub struct House {
    settings: Arc<Settings>,
    policy: Arc<Policy>,
    start: Instant,
    wire: Bytes,
}

impl House {
    /// With this many rules; every session gets this message, in one transaction on one connection.
    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    pub fn new(rules: usize, message: Vec<u8>) -> Self {
        let domain = ServedDomain { name: "tjpa.jus.br".into(), aliases: Vec::new(), next_hop: "mailbox".into() };
        let directory = Directory::new(vec![domain], []).unwrap();
        let rules = [("subjects/a.toml".into(), crate::corpus::rules(rules))];
        let sources = Sources { directory, rules: &rules, ..Sources::default() };
        let (policy, faults) = Policy::assemble(sources, UNIX_EPOCH + WALL);
        assert!(!faults.has_errors());
        let mut encoder = MailDataEncoder::default();
        let wire = [encoder.encode(message.into()), encoder.end()].concat().into();
        Self { settings: Arc::new(settings()), policy: Arc::new(policy), start: Instant::now(), wire }
    }

    /// Octets of mail data on the wire.
    pub fn octets(&self) -> u64 {
        self.wire.len() as u64
    }

    /// A connection from its first octet to its last.
    pub fn message(&self) {
        let now = Moment { monotonic: self.start, wall: UNIX_EPOCH + WALL };
        let offer = Offer::new(None, 100 << 20, false);
        let session = Session::new(self.settings.clone(), offer, self.policy.clone(), client(), 1, now);
        let mut world = World { session, now, hold: BytesMut::new(), answers: VecDeque::new(), said: Vec::new() };
        world.feed(Input::Accepted);
        world.feed(Input::ClientOctets(Bytes::from_static(ENVELOPE)));
        let mut wire = self.wire.clone();
        while !wire.is_empty() {
            world.feed(Input::ClientOctets(wire.split_to(wire.len().min(READ))));
        }
        world.feed(Input::ClientOctets(Bytes::from_static(b"QUIT\r\n")));
        let said = String::from_utf8_lossy(&world.said);
        assert!(said.contains("\r\n250 2.0.0 taken") && said.contains("\r\n221 "), "{said}");
    }
}

struct World {
    session: Session,
    now: Moment,
    hold: BytesMut,
    answers: VecDeque<Input>,
    said: Vec<u8>,
}

impl World {
    fn feed(&mut self, input: Input) {
        self.answers.push_back(input);
        while let Some(input) = self.answers.pop_front() {
            self.session.handle(self.now, input);
            loop {
                match self.session.poll() {
                    Output::Wait(_) => break,
                    output => self.answer(output),
                }
            }
        }
    }

    fn answer(&mut self, output: Output) {
        let answer = match output {
            Output::ToClient(octets) => return self.said.extend_from_slice(&octets),
            Output::Hold(octets) => {
                self.hold.extend_from_slice(&octets);
                Input::Held(Ok(()))
            }
            Output::ReadHold { offset, max } => {
                let offset = usize::try_from(offset).unwrap();
                let end = self.hold.len().min(offset + max);
                Input::HoldOctets(Ok(Bytes::copy_from_slice(&self.hold[offset..end])))
            }
            Output::OpenNextHop(_) => {
                let capabilities = Capabilities { pipelining: true, eight_bit_mime: true, ..Capabilities::default() };
                let address = "mbx1.example:25".to_owned();
                Input::NextHopReady(NextHopReady {
                    capabilities,
                    address,
                    tls: None,
                    reused: false,
                    mails: 0,
                    owes_reset: false,
                })
            }
            Output::ToNextHop(octets) => {
                self.next_hop(&octets);
                return;
            }
            Output::Scan { .. } => Input::Scanned(vec![ScannerReport {
                group: "clamd".to_owned(),
                scanner: "clamd".to_owned(),
                verdict: ScanVerdict::Clean,
                took_ms: 1,
                version: None,
                findings: Vec::new(),
                action: None,
            }]),
            Output::Intent(_) => Input::Journaled(Ok(())),
            Output::Record { acknowledge: true, .. } => Input::Journaled(Ok(())),
            _ => return,
        };
        self.answers.push_back(answer);
    }

    /// It reads no more of it than it has to.
    fn next_hop(&mut self, octets: &[u8]) {
        self.answers.push_back(Input::NextHopDrained);
        let replies: &'static [u8] = match octets {
            [b'M', b'A', b'I', b'L', ..] => b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n",
            [b'D', b'A', b'T', b'A', ..] => b"354 go on\r\n",
            [.., b'\r', b'\n', b'.', b'\r', b'\n'] | [b'.', b'\r', b'\n'] => b"250 2.0.0 taken\r\n",
            _ => return,
        };
        self.answers.push_back(Input::NextHopOctets(Bytes::from_static(replies)));
    }
}

const WALL: Duration = Duration::from_secs(1_795_000_000);

fn client() -> ClientFacts {
    ClientFacts {
        listener: "127.0.0.1:25".into(),
        address: [192, 0, 2, 1].into(),
        port: 40_000,
        name: None,
        announced_by: None,
        hello: String::new(),
        tls: None,
    }
}

fn settings() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        hostname: "mx.tjpa.jus.br".into(),
        listener: "127.0.0.1:25".into(),
        scope: Scope::Relay,
        implicit_tls: false,
        starttls_required: false,
        bare_newlines: BareNewlines::Refuse,
        limits: Limits { message_size: 100 << 20, recipients: 100, errors: 20, transactions: 1000 },
        content: inspect::Limits { header: HeaderLimits { size: 256 << 10, fields: 1000 }, hops: 50 },
        cut_through_from: 256 << 10,
        data_floor: 500,
        scanner_groups: vec!["clamd".into()],
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
