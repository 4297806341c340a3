//! What conversations cannot show: answers of the world that come late, out of turn, or after their question was taken back.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use super::{
    Session,
    event::{Input, Moment, NextHopFailure, NextHopReady, Output, Wait},
    settings::{Settings, Timeouts},
};
use crate::{
    inspect,
    message::header_section::HeaderLimits,
    policy::{
        Policy,
        directory::{Directory, ServedDomain},
        rule::Scope,
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::VerdictActions,
    },
    record::{ClientFacts, Fate},
    smtp::{
        extension::{Capabilities, Offer},
        limits::Limits,
    },
};

/// A session, a clock that is set by hand, and everything that the session asked of the world since the last look.
struct World {
    session: Session,
    start: Instant,
    elapsed: Duration,
    asked: Vec<Output>,
    wait: Wait,
    hold: Vec<u8>,
    /// Reads of the hold that wait for their answer.
    reads: VecDeque<(u64, usize)>,
}

impl World {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the virtual clock has to begin somewhere")]
        let start = Instant::now();
        let now = Moment { monotonic: start, wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let client = ClientFacts {
            listener: "127.0.0.1:25".into(),
            address: "192.0.2.1".parse().unwrap(),
            port: 40_000,
            hello: String::new(),
            tls: None,
        };
        let offer = Offer::new(None, 1 << 20, false);
        let session = Session::new(Arc::new(settings()), offer, Arc::new(policy(now.wall)), client, 1, now);
        let wait = Wait { read_client: 0, read_next_hop: false, until: start, finished: false };
        let (hold, reads) = (Vec::new(), VecDeque::new());
        let mut world = Self { session, start, elapsed: Duration::ZERO, asked: Vec::new(), wait, hold, reads };
        world.feed(Input::Accepted);
        world
    }

    fn now(&self) -> Moment {
        let wall = UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.elapsed;
        Moment { monotonic: self.start + self.elapsed, wall }
    }

    fn feed(&mut self, input: Input) {
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

    fn client(&mut self, octets: &str) {
        self.feed(Input::ClientOctets(Bytes::copy_from_slice(octets.as_bytes())));
    }

    /// What we wrote to the next hop is written, and this is what it says.
    fn next_hop(&mut self, octets: &str) {
        self.feed(Input::NextHopDrained);
        self.feed(Input::NextHopOctets(Bytes::copy_from_slice(octets.as_bytes())));
    }

    /// The oldest read of the hold is answered.
    fn read_hold(&mut self) {
        let (offset, max) = self.reads.pop_front().expect("a read of the hold");
        let octets: Vec<u8> = self.hold.iter().skip(offset as usize).take(max).copied().collect();
        self.feed(Input::HoldOctets(Ok(octets.into())));
    }

    fn next_hop_ready(&mut self) {
        let capabilities = Capabilities { pipelining: true, eight_bit_mime: true, ..Capabilities::default() };
        let address = "mbx1.example:25".to_owned();
        self.feed(Input::NextHopReady(NextHopReady { capabilities, address, tls: None, reused: false }));
    }

    /// Time passes, and the session is told when it asked to be.
    fn pass(&mut self, time: Duration) {
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
    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.asked)
    }

    /// What was written to the client since the last look.
    fn said_to_client(&mut self) -> String {
        text(self.take(), |output| match output {
            Output::ToClient(octets) => Some(octets),
            _ => None,
        })
    }

    /// What was written to the next hop since the last look.
    fn said_to_next_hop(&mut self) -> String {
        text(self.take(), |output| match output {
            Output::ToNextHop(octets) => Some(octets),
            _ => None,
        })
    }

    /// A transaction with one accepted recipient.
    fn envelope(&mut self) {
        self.client("EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@tjpa.jus.br>\r\n");
        self.next_hop_ready();
        self.next_hop("250 ok\r\n250 ok\r\n");
        assert!(self.said_to_client().ends_with("250 2.0.0 ok\r\n"));
    }

    /// Mail data up to the question of the scan.
    fn content(&mut self, content: &str) {
        self.client("DATA\r\n");
        self.feed(Input::Held(Ok(())));
        self.client(content);
        self.feed(Input::Held(Ok(())));
        self.client(".\r\n");
    }

    fn clean(&mut self) {
        let (group, scanner) = ("clamd".to_owned(), "clamd".to_owned());
        self.feed(Input::Scanned(vec![ScannerReport { group, scanner, verdict: ScanVerdict::Clean, took_ms: 1 }]));
    }
}

fn text(outputs: Vec<Output>, of: impl Fn(Output) -> Option<Bytes>) -> String {
    let octets: Vec<u8> = outputs.into_iter().filter_map(of).flatten().collect();
    String::from_utf8(octets).unwrap()
}

fn settings() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        hostname: "mx.tjpa.jus.br".into(),
        listener: "127.0.0.1:25".into(),
        scope: Scope::Relay,
        implicit_tls: false,
        starttls_required: false,
        limits: Limits { message_size: 1 << 20, recipients: 100, errors: 20, transactions: 1000 },
        content: inspect::Limits { header: HeaderLimits { size: 256 << 10, fields: 1000 }, hops: 50 },
        cut_through_from: 256 << 10,
        data_floor: 500,
        antivirus: true,
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
    }
}

fn policy(now: SystemTime) -> Policy {
    let domain = ServedDomain { name: "tjpa.jus.br".into(), aliases: Vec::new(), next_hop: "mailbox".into() };
    let other = ServedDomain { name: "other.jus.br".into(), aliases: Vec::new(), next_hop: "other".into() };
    let directory = Directory::new(vec![domain, other], []).unwrap();
    let rules = [("subjects/a.toml".into(), RULE.to_owned())];
    let (policy, faults) = Policy::assemble(directory, None, &rules, now);
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

/// A command's time begins with our last reply: what the next hop and the scanners took is not the client's.
#[test]
fn a_slow_answer_does_not_cost_the_client_its_time() {
    let mut world = World::new();
    world.client("EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@tjpa.jus.br>\r\n");
    world.next_hop_ready();
    world.take();
    // A next hop that makes strangers wait, as many do; the client waits, and the connection is not idle.
    world.pass(Duration::from_secs(30));
    world.next_hop("250 ok\r\n250 ok\r\n");
    world.pass(Duration::from_secs(1));
    let asked = world.take();
    assert!(!asked.iter().any(|output| matches!(output, Output::ReleaseNextHop)), "the envelope stands: {asked:?}");

    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    world.feed(Input::Journaled(Ok(())));
    world.take();
    world.pass(Duration::from_secs(290));
    world.next_hop("250 taken\r\n");
    world.feed(Input::Journaled(Ok(())));
    world.pass(Duration::from_secs(30));
    let said = world.said_to_client();
    assert!(said.starts_with("250 2.0.0 taken") && !said.contains("421"), "{said}");
}

/// An octet now and then is a client that holds a connection and says nothing (slowloris).
#[test]
fn a_command_has_its_time_as_a_whole() {
    let mut world = World::new();
    world.client("EHLO client.example\r\n");
    for octet in ["N", "O", "O", "P", " "] {
        world.pass(Duration::from_secs(59));
        world.client(octet);
    }
    assert!(!world.said_to_client().contains("421"));
    world.pass(Duration::from_secs(10));
    assert!(world.said_to_client().contains("421 4.4.2"), "five minutes for one command are over");
}

/// What was read for a connection that is lost belongs nowhere on the next one.
#[test]
fn a_read_for_a_lost_connection_is_not_content_of_the_next() {
    let mut world = World::new();
    world.envelope();
    let content = format!(
        "Subject: x\r\n\r\n{}",
        "0123456789abcdef0123456789abcdef0123456789abcdef012345678901\r\n".repeat(4000)
    );
    world.content(&content);
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    world.take();
    // The second piece is being read: the connection breaks, and the next one is ready before the piece is there.
    world.feed(Input::NextHopGone("reset".into()));
    world.next_hop_ready();
    world.next_hop("250 ok\r\n250 ok\r\n");
    world.next_hop("354 go\r\n");
    while world.asked.iter().all(|output| !matches!(output, Output::Intent(_))) {
        if world.reads.is_empty() {
            world.feed(Input::NextHopDrained);
        } else {
            world.read_hold();
        }
    }
    let wire = world.said_to_next_hop();
    let (_, data) = wire.split_once("DATA\r\n").unwrap();
    assert!(data.starts_with("Received: ") && data.ends_with(&content), "{} octets", data.len());
    assert_eq!(data.len(), world.hold.len());
}

/// Between the intent and our dot the connection may break: the dot belongs to content that is whole.
#[test]
fn the_dot_never_goes_out_on_a_connection_that_has_not_all_of_it() {
    for replies in [&[][..], &["250 ok\r\n250 ok\r\n"][..], &["250 ok\r\n250 ok\r\n", "354 go\r\n"][..]] {
        let mut world = World::new();
        world.envelope();
        world.content("Subject: x\r\n\r\nx\r\n");
        world.clean();
        world.next_hop("354 go\r\n");
        world.feed(Input::NextHopDrained);
        world.read_hold();
        world.feed(Input::NextHopDrained);
        assert!(world.take().iter().any(|output| matches!(output, Output::Intent(_))));
        world.feed(Input::NextHopGone("reset".into()));
        world.next_hop_ready();
        for reply in replies {
            world.next_hop(reply);
        }
        world.feed(Input::Journaled(Ok(())));
        world.feed(Input::Journaled(Ok(())));
        let asked = world.take();
        let said = |output: &Output| match output {
            Output::ToNextHop(octets) => octets.ends_with(b"\r\n.\r\n"),
            _ => false,
        };
        assert!(!asked.iter().any(said), "{asked:?}");
        let told = |output: &Output| matches!(output, Output::ToClient(octets) if octets.starts_with(b"451 4.4.1"));
        assert!(asked.iter().any(told), "{asked:?}");
    }
}

/// The journal's answer to the intent is not its answer to the record.
#[test]
fn every_answer_of_the_journal_belongs_to_its_own_question() {
    let mut world = World::new();
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    // The connection is lost, and another cannot be had, before the intent stands.
    world.feed(Input::NextHopGone("reset".into()));
    world.feed(Input::NextHopFailed(NextHopFailure::Busy));
    world.take();
    world.feed(Input::Journaled(Ok(())));
    let asked = world.take();
    assert!(asked.iter().any(|output| matches!(output, Output::Record { .. })), "{asked:?}");
    assert!(!asked.iter().any(|output| matches!(output, Output::ToClient(_))), "{asked:?}");
    world.feed(Input::Journaled(Ok(())));
    assert!(world.said_to_client().starts_with("451 4.3.2"));
}

/// Who ends its stream behind QUIT may still listen; who ends it otherwise, or breaks off, will send again.
#[test]
fn only_a_client_that_said_quit_and_may_listen_is_answered() {
    for (behind, input, polite) in [
        ("QUIT\r\n", Input::ClientGone, true),
        ("", Input::ClientGone, false),
        ("NOOP\r\n", Input::ClientGone, false),
        ("QUIT\r\n", Input::ClientBroke, false),
        ("", Input::ClientBroke, false),
    ] {
        let why = format!("{behind:?} {input:?}");
        let mut world = World::new();
        world.envelope();
        world.content("Subject: x\r\n\r\nx\r\n");
        world.client(behind);
        world.feed(input);
        if !polite {
            let asked = world.take();
            assert!(asked.iter().any(|output| matches!(output, Output::CancelScan)), "{why}: {asked:?}");
            assert!(world.wait.finished, "{why}");
            continue;
        }
        assert!(world.wait.read_client == 0 && !world.wait.finished);
        world.clean();
        world.next_hop("354 go\r\n");
        world.feed(Input::NextHopDrained);
        world.read_hold();
        world.feed(Input::NextHopDrained);
        world.feed(Input::Journaled(Ok(())));
        world.next_hop("250 taken\r\n");
        world.feed(Input::Journaled(Ok(())));
        let said = world.said_to_client();
        assert!(said.contains("250 2.0.0 taken") && said.ends_with("221 2.0.0 Bye\r\n"), "{said}");
        assert!(world.wait.finished);
    }
}

/// Nothing can be done about a slow disk but wait for it: a deadline that does nothing would be told again and again.
#[test]
fn a_slow_quarantine_is_waited_for_in_peace() {
    let mut world = World::new();
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    let verdict = ScanVerdict::Infected { signature: "Eicar".into() };
    let (group, scanner) = ("clamd".to_owned(), "clamd".to_owned());
    world.feed(Input::Scanned(vec![ScannerReport { group, scanner, verdict, took_ms: 1 }]));
    world.pass(Duration::from_secs(500));
    world.feed(Input::Quarantined(Ok(())));
    world.feed(Input::Journaled(Ok(())));
    assert!(world.said_to_client().contains("550 5.7.1 Malware found"));
}

/// The item of a mixed outcome is withdrawn when the next hop does not answer: nobody holds it, and the client will send again.
#[test]
fn what_was_withdrawn_is_not_recorded_as_held() {
    let mut world = World::new();
    world.envelope();
    world.client("RCPT TO:<c@tjpa.jus.br>\r\n");
    world.next_hop("250 ok\r\n");
    world.content("Subject: boleto\r\n\r\nx\r\n");
    world.clean();
    world.feed(Input::Quarantined(Ok(())));
    world.next_hop("250 reset\r\n");
    world.next_hop("250 ok\r\n250 ok\r\n");
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    world.feed(Input::Journaled(Ok(())));
    world.take();
    world.feed(Input::NextHopGone("reset".into()));
    world.feed(Input::Quarantined(Ok(())));
    let record = world.take().into_iter().find_map(|output| match output {
        Output::Record { record, .. } => Some(record),
        _ => None,
    });
    let fates: Vec<Fate> = record.unwrap().recipients.iter().map(|recipient| recipient.fate).collect();
    assert_eq!(fates, [Fate::Deferred, Fate::Unknown]);
}
