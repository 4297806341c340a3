//! The real relay session between a client that has said everything already and a next hop that says yes to everything and
//! records its wire.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use jiff::tz::TimeZone;
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
        event::{Input, Moment, NextHopReady, Output, Wait},
        settings::{Settings, Timeouts},
    },
    smtp::{
        extension::{Capabilities, Offer},
        limits::Limits,
        mail_data::BareNewlines,
    },
};

use super::reader::find;

static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let domain = ServedDomain { name: "b.example".into(), aliases: Vec::new(), next_hop: "mailbox".into() };
    let directory = Directory::new(vec![domain], []).unwrap();
    let (policy, faults) = Policy::assemble(Sources { directory, ..Sources::default() }, wall());
    assert!(faults.0.is_empty());
    Arc::new(policy)
});

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_262_400)
}

/// How the listener is set.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub bare: BareNewlines,
    /// Content flows on to the next hop from its first octet.
    pub cut_through: bool,
}

/// What was seen from outside.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The wire of each connection to the next hop.
    pub wires: Vec<Vec<u8>>,
    /// What the client heard.
    pub replies: Vec<u8>,
    /// Size of each relayed message as its record tells it.
    pub sizes: Vec<u64>,
}

/// A next hop's connection: how far it is with its wire, and what it will answer.
#[derive(Debug, Default)]
struct Connection {
    wire: Vec<u8>,
    read: usize,
    in_data: bool,
}

impl Connection {
    /// Its answers to what came.
    fn answers(&mut self) -> Vec<u8> {
        let mut answers = Vec::new();
        loop {
            // The CRLF in front of the mail data is that of DATA.
            let (from, end): (usize, &[u8]) =
                if self.in_data { (self.read - 2, b"\r\n.\r\n") } else { (self.read, b"\r\n") };
            let Some(at) = find(&self.wire[from..], end) else { return answers };
            let to_data = !self.in_data && self.wire[self.read..].starts_with(b"DATA\r\n");
            self.read = from + at + end.len();
            self.in_data = to_data;
            answers.extend_from_slice(if to_data { b"354 go\r\n" } else { b"250 2.0.0 yes\r\n" });
        }
    }
}

struct Gateway {
    session: Session,
    now: Moment,
    wait: Wait,
    answers: VecDeque<Input>,
    connection: Option<Connection>,
    hold: Vec<u8>,
    closed: bool,
    seen: Seen,
}

/// Plays the client's octets, in these pieces, to their end.
pub fn relayed(pieces: &[&[u8]], way: Way) -> Seen {
    #[expect(clippy::disallowed_methods, reason = "an instant can be had in no other way; no time passes here")]
    let now = Moment { monotonic: Instant::now(), wall: wall() };
    let offer = Offer { eight_bit_mime: true, size: 1 << 20, ..Offer::default() };
    let client = ClientFacts {
        listener: "0.0.0.0:25".into(),
        address: [192, 0, 2, 1].into(),
        port: 40000,
        name: None,
        announced_by: None,
        hello: String::new(),
        tls: None,
    };
    let mut gateway = Gateway {
        session: Session::new(Arc::new(settings(way)), offer, POLICY.clone(), client, 7, now),
        now,
        wait: Wait { read_client: 0, read_next_hop: false, until: now.monotonic, lends_from: None, finished: false },
        answers: VecDeque::from([Input::Accepted]),
        connection: None,
        hold: Vec::new(),
        closed: false,
        seen: Seen::default(),
    };
    gateway.settle();
    for piece in pieces {
        gateway.client_says(piece);
    }
    if !gateway.wait.finished {
        gateway.feed(Input::ClientGone);
        gateway.settle();
    }
    assert!(gateway.wait.finished, "the session ends: {:?}", gateway.seen);
    gateway.end_connection();
    gateway.seen
}

impl Gateway {
    fn client_says(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() && !self.closed && !self.wait.finished {
            let (now, later) = octets.split_at(octets.len().min(self.wait.read_client));
            assert!(!now.is_empty(), "at rest, and the client is not read");
            octets = later;
            self.feed(Input::ClientOctets(Bytes::copy_from_slice(now)));
            self.settle();
        }
    }

    fn settle(&mut self) {
        while let Some(answer) = self.answers.pop_front() {
            self.feed(answer);
        }
    }

    fn feed(&mut self, input: Input) {
        self.session.handle(self.now, input);
        loop {
            match self.session.poll() {
                Output::Wait(wait) => break self.wait = wait,
                output => self.perform(output),
            }
        }
    }

    fn perform(&mut self, output: Output) {
        let answer = match output {
            Output::ToClient(octets) => return self.seen.replies.extend_from_slice(&octets),
            Output::CloseClient { .. } => return self.closed = true,
            Output::OpenNextHop(_) => {
                self.connection = Some(Connection::default());
                let lines = ["mbx".to_owned(), "PIPELINING".to_owned(), "8BITMIME".to_owned()];
                let capabilities = Capabilities::from_ehlo_lines(&lines);
                Input::NextHopReady(NextHopReady {
                    capabilities,
                    address: "x:25".into(),
                    tls: None,
                    reused: false,
                    mails: 0,
                    owes_reset: false,
                })
            }
            Output::ToNextHop(octets) => {
                let connection = self.connection.as_mut().expect("a connection");
                connection.wire.extend_from_slice(&octets);
                self.answers.push_back(Input::NextHopDrained);
                let answers = connection.answers();
                if answers.is_empty() {
                    return;
                }
                Input::NextHopOctets(answers.into())
            }
            Output::ReleaseNextHop { .. } | Output::DropNextHop => return self.end_connection(),
            Output::Recount(_) => Input::Recounted(true),
            Output::Verify(_) => panic!("nobody logs in here"),
            Output::Hold(octets) => {
                self.hold.extend_from_slice(&octets);
                Input::Held(Ok(()))
            }
            Output::ReadHold { offset, max } => {
                let rest = &self.hold[offset as usize..];
                Input::HoldOctets(Ok(Bytes::copy_from_slice(&rest[..rest.len().min(max)])))
            }
            Output::Scan { .. } => Input::Scanned(vec![ScannerReport {
                group: "g".into(),
                scanner: "s".into(),
                verdict: ScanVerdict::Clean,
                took_ms: 1,
                version: None,
                findings: Vec::new(),
                action: None,
            }]),
            Output::Quarantine(_) | Output::SettleItem(..) => panic!("nothing is kept here"),
            Output::Intent(_) => Input::Journaled(Ok(())),
            Output::Record { record, acknowledge } => {
                if record.ending == portaria::record::Ending::Relayed {
                    self.seen.sizes.extend(record.size);
                }
                if !acknowledge {
                    return;
                }
                Input::Journaled(Ok(()))
            }
            Output::Forget => return self.hold.clear(),
            Output::CancelNextHop | Output::CancelScan | Output::StartTls => panic!("everything is answered at once"),
            Output::Wait(_) => return,
        };
        self.answers.push_back(answer);
    }

    fn end_connection(&mut self) {
        // What the next hop still said, it said to nobody.
        self.answers.retain(|answer| !matches!(answer, Input::NextHopOctets(_) | Input::NextHopDrained));
        self.seen.wires.extend(self.connection.take().map(|connection| connection.wire));
    }
}

fn settings(way: Way) -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        hostname: "mx.b.example".into(),
        listener: "0.0.0.0:25".into(),
        scope: Scope::Relay,
        implicit_tls: false,
        starttls_required: false,
        bare_newlines: way.bare,
        limits: Limits { message_size: 1 << 20, recipients: 100, errors: 20, transactions: 100 },
        content: inspect::Limits { header: HeaderLimits { size: 1 << 16, fields: 100 }, hops: 50 },
        cut_through_from: if way.cut_through { 0 } else { 1 << 20 },
        data_floor: 500,
        scanner_groups: vec!["clamd".to_owned()],
        actions: VerdictActions::default(),
        timeouts: Timeouts {
            command: 300 * second,
            data_idle: 180 * second,
            connection: 10 * second,
            next_hop_reply: 45 * second,
            next_hop_end_of_data: 300 * second,
            verdict: 240 * second,
        },
        timezone: TimeZone::UTC,
        subjects: Default::default(),
    }
}
