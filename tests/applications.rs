//! Clauses 8.1.4 to 8.1.8 of the norm, cell by cell: application × sender × header From × reach × recipient.
//!
//! In: a registry that is generated, with an entry for each state, reach and way to be known. Each cell is one connection to the real
//! session, with a next hop that takes everything: what the client hears, and whether the message goes out, must be what the norm
//! says. The norm is read a second time here, in [`norm`], by somebody who knows nothing of how the gateway decides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads the clock once"
)]

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portaria::{
    inspect,
    language::Language,
    message::header_section::HeaderLimits,
    policy::{
        Policy, Sources, application,
        directory::{Directory, ServedDomain},
        rule::Scope,
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::VerdictActions,
    },
    record::{ClientFacts, Record},
    relay::{
        Session,
        event::{Input, Moment, NextHopReady, Output, Verified},
        settings::{Settings, Timeouts},
    },
    smtp::{
        extension::{Capabilities, Offer},
        limits::Limits,
        mail_data::BareNewlines,
    },
};

// ── the cells ──

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Pending,
    Observe,
    Active,
    Suspended,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    Internal,
    Internet,
    /// To `oab.example` only.
    InternetListed,
}

/// How the client is known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    ByNetwork,
    ByLogin,
    /// It has the password, and comes from elsewhere than its entry says.
    LoginFromElsewhere,
    /// Nobody knows it.
    NotAtAll,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: usize,
    state: State,
    reach: Reach,
    null_sender: bool,
    known: Known,
}

/// What stands in MAIL, how the norm calls it, and what the client writes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sender {
    ItsOwn,
    AnotherBox,
    Outside,
    Nobody,
}

const SENDERS: [(Sender, &str); 6] = [
    (Sender::ItsOwn, "app@tjpa.jus.br"),
    (Sender::ItsOwn, "APP+lote@TJEPA.jus.br"),
    (Sender::AnotherBox, "presidente@tjpa.jus.br"),
    (Sender::AnotherBox, "app@outra.example"),
    (Sender::Outside, "app@example.org"),
    (Sender::Nobody, ""),
];

/// Whether every address that a header section names is the application's own.
const HEADERS: [(bool, &str); 12] = [
    (true, "From: app@tjpa.jus.br"),
    (true, "From: \"Aplicação\" <App@tjepa.jus.br>\r\nSender: app@tjpa.jus.br"),
    (true, "from : app@tjpa.jus.br,\r\n\tapp+x@tjpa.jus.br"),
    (false, "From: presidente@tjpa.jus.br"),
    (false, "From: app@tjpa.jus.br, presidente@tjpa.jus.br"),
    (false, "From: app@tjpa.jus.br\r\nSender: presidente@tjpa.jus.br"),
    (false, "From: app@tjpa.jus.br\r\nFrom: app@tjpa.jus.br"),
    (false, "From: app@tjpa.jus.br <presidente@tjpa.jus.br>"),
    (false, "From: \"app@tjpa.jus.br\" <x@example.org>"),
    (false, "From: Tribunal:app@tjpa.jus.br;"),
    (false, "From:"),
    (false, "Subject: x"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Recipient {
    Internal,
    Blocked,
    /// At `oab.example`.
    Listed,
    /// Anywhere else, also where it only looks like ours.
    Elsewhere,
    /// What no application may write, wherever it leads.
    Trick,
}

const RECIPIENTS: [(Recipient, &str); 12] = [
    (Recipient::Internal, "juiz@tjpa.jus.br"),
    (Recipient::Internal, "Juiz+x@tjepa.jus.br"),
    (Recipient::Internal, "postmaster"),
    (Recipient::Blocked, "fulano@tjpa.jus.br"),
    (Recipient::Listed, "a@OAB.example"),
    (Recipient::Elsewhere, "a@example.org"),
    (Recipient::Elsewhere, "a@sub.oab.example"),
    (Recipient::Elsewhere, "a@sub.tjpa.jus.br"),
    (Recipient::Trick, "a@[192.0.2.1]"),
    (Recipient::Trick, "a%example.org@tjpa.jus.br"),
    (Recipient::Trick, "a!b@oab.example"),
    (Recipient::Trick, "@x.example:a@oab.example"),
];

// ── the norm, read once more ──

/// What the client hears, step by step, and the next hop that has the message in the end.
#[derive(Clone, Debug, PartialEq)]
struct Decision {
    heard: Vec<&'static str>,
    goes_to: Option<&'static str>,
}

fn norm(entry: Entry, sender: Sender, own_header: bool, recipient: Recipient) -> Decision {
    let stop = |heard: &[&'static str]| Decision { heard: heard.to_vec(), goes_to: None };
    // 8.1.8: only what was evaluated sends; 8.1.4 AC3: who is not registered is refused at once.
    if matches!(entry.known, Known::NotAtAll | Known::LoginFromElsewhere) {
        return stop(&["550 5.7.1"]);
    }
    if entry.state == State::Pending {
        return stop(&["450 4.7.1"]);
    }
    if entry.state == State::Suspended {
        return stop(&["550 5.7.1"]);
    }
    // 9.1: whatever it does on trial, it hears 450 and nothing leaves.
    let trial = entry.state == State::Observe;
    let no = |code: &'static str| if trial { "450 4.7.1" } else { code };
    // 8.1.7: an address of its own box, and the empty one only where the entry says so.
    let may_be_it = sender == Sender::ItsOwn || (sender == Sender::Nobody && entry.null_sender);
    if !may_be_it {
        return stop(&[no("550 5.7.1")]);
    }
    // 8.1.4 and 8.1.5: internal users; others where the scope says so. 9.2.31: nobody sends to a blocked box.
    let goes_to = match (recipient, entry.reach) {
        (Recipient::Internal, _) => "mailbox",
        (Recipient::Blocked, _) => return stop(&["250 2.1.0", no("550 5.2.1")]),
        (Recipient::Listed, Reach::Internet | Reach::InternetListed) => "internet",
        (Recipient::Elsewhere, Reach::Internet) => "internet",
        _ => return stop(&["250 2.1.0", no("550 5.7.1")]),
    };
    // 8.1.7: the header too.
    let end = if own_header { no("250 2.0.0") } else { no("550 5.7.1") };
    let goes_to = (end == "250 2.0.0").then_some(goes_to);
    Decision { heard: vec!["250 2.1.0", "250 2.1.5", "354", end], goes_to }
}

// ── the registry, generated ──

fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for state in [State::Pending, State::Observe, State::Active, State::Suspended] {
        for reach in [Reach::Internal, Reach::Internet, Reach::InternetListed] {
            for null_sender in [false, true] {
                for known in [Known::ByNetwork, Known::ByLogin, Known::LoginFromElsewhere, Known::NotAtAll] {
                    entries.push(Entry { number: entries.len(), state, reach, null_sender, known });
                }
            }
        }
    }
    entries
}

impl Entry {
    fn id(self) -> String {
        format!("app-{}", self.number)
    }

    fn written(self) -> String {
        let Self { number, null_sender, .. } = self;
        let state = format!("{:?}", self.state).to_lowercase();
        let reach = match self.reach {
            Reach::Internal => "reach = 'internal'",
            Reach::Internet => "reach = 'internet'",
            Reach::InternetListed => "reach = 'internet'\ninternet_domains = ['oab.example']",
        };
        let login = match self.known {
            Known::ByLogin | Known::LoginFromElsewhere => format!(
                "login = 'svc-{number}'\npassword_hash = '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQxMjM$AAAAAAAAAAAAAAAAAAAAAA'\n"
            ),
            Known::ByNetwork | Known::NotAtAll => String::new(),
        };
        format!(
            "[[application]]\nid = 'app-{number}'\nstate = '{state}'\nowner = 'o'\nrequester = 'r'\nevaluator = 'e'\n\
             evaluated = 2026-08-03\nticket = 't'\nreview_by = 2999-01-01\nsenders = ['app@tjpa.jus.br']\n\
             networks = ['10.0.{number}.0/28']\n{login}null_sender = {null_sender}\n{reach}\n\
             max_recipients = 1\nmax_per_hour = 1\n"
        )
    }

    fn address(self) -> IpAddr {
        match self.known {
            Known::ByNetwork | Known::ByLogin => [10, 0, self.number as u8, 5],
            // Just outside.
            Known::LoginFromElsewhere | Known::NotAtAll => [10, 0, self.number as u8, 16],
        }
        .into()
    }
}

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_262_400)
}

fn policy() -> Arc<Policy> {
    let domain = |name: &str, aliases: &[&str], next_hop: &str| ServedDomain {
        name: name.to_owned(),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        next_hop: next_hop.into(),
    };
    let domains = vec![domain("tjepa.jus.br", &["tjpa.jus.br"], "mailbox"), domain("outra.example", &[], "other")];
    let directory = Directory::new(domains, []).unwrap();
    let blocked =
        "[[blocked]]\nmailbox = 'fulano'\ndirection = 'receive'\nreason = 'r'\nticket = 't'\nby = 'b'\n".to_owned();
    let registry: String = entries().into_iter().map(Entry::written).collect();
    let sources = Sources {
        directory,
        mailboxes: Some((Path::new("m.toml"), &blocked)),
        applications: Some((Path::new("a.toml"), &registry)),
        application_settings: application::Settings { internet_next_hop: Some("internet".into()), contact: "".into() },
        ..Sources::default()
    };
    let (policy, faults) = Policy::assemble(sources, wall());
    assert!(faults.0.is_empty(), "{}", faults.render(Language::En));
    Arc::new(policy)
}

fn settings() -> Arc<Settings> {
    let second = Duration::from_secs(1);
    Arc::new(Settings {
        hostname: "mx.tjpa.jus.br".into(),
        listener: "0.0.0.0:2587".into(),
        scope: Scope::Application,
        implicit_tls: true,
        starttls_required: false,
        bare_newlines: BareNewlines::Refuse,
        limits: Limits { message_size: 1 << 20, recipients: 100, errors: 20, transactions: 100 },
        content: inspect::Limits { header: HeaderLimits { size: 1 << 16, fields: 100 }, hops: 50 },
        cut_through_from: 1 << 20,
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
    })
}

// ── one connection ──

/// The world as an application would like it: every next hop takes everything, every scanner says clean.
struct World {
    session: Session,
    now: Moment,
    answers: VecDeque<Input>,
    heard: String,
    hold: Vec<u8>,
    asked_for: Option<String>,
    /// The next hop that heard our dot.
    dotted: Option<String>,
    in_data: bool,
    to_next_hop: Vec<u8>,
    records: Vec<Record>,
    until: Instant,
}

impl World {
    fn feed(&mut self, input: Input) {
        self.answers.push_back(input);
        while let Some(input) = self.answers.pop_front() {
            self.session.handle(self.now, input);
            loop {
                match self.session.poll() {
                    Output::Wait(wait) => break self.until = wait.until,
                    output => self.perform(output),
                }
            }
        }
    }

    fn perform(&mut self, output: Output) {
        let mut answer = |input| self.answers.push_back(input);
        match output {
            Output::ToClient(octets) => self.heard.push_str(std::str::from_utf8(&octets).unwrap()),
            Output::OpenNextHop(request) => {
                self.asked_for = Some(request.name.to_string());
                answer(Input::NextHopReady(NextHopReady {
                    capabilities: Capabilities { eight_bit_mime: true, ..Capabilities::default() },
                    address: "192.0.2.25:25".into(),
                    tls: None,
                    reused: false,
                    mails: 0,
                    owes_reset: false,
                }));
            }
            Output::ToNextHop(octets) => {
                self.to_next_hop.extend_from_slice(&octets);
                answer(Input::NextHopDrained);
                self.next_hop_answers();
            }
            Output::Hold(octets) => {
                self.hold.extend_from_slice(&octets);
                answer(Input::Held(Ok(())));
            }
            Output::ReadHold { offset, max } => {
                let rest = &self.hold[offset as usize..];
                answer(Input::HoldOctets(Ok(rest[..rest.len().min(max)].to_vec().into())));
            }
            Output::Forget => self.hold.clear(),
            Output::Scan { .. } => answer(Input::Scanned(vec![ScannerReport {
                group: "g".into(),
                scanner: "s".into(),
                verdict: ScanVerdict::Clean,
                took_ms: 1,
                version: None,
                findings: Vec::new(),
                action: None,
            }])),
            // Whether a password is right is argon2's business; here it always is.
            Output::Verify(_) => answer(Input::Verified(Verified::Right)),
            Output::Intent(_) => answer(Input::Journaled(Ok(()))),
            Output::Record { record, acknowledge } => {
                self.records.push(*record);
                if acknowledge {
                    answer(Input::Journaled(Ok(())));
                }
            }
            Output::ReleaseNextHop { .. }
            | Output::DropNextHop
            | Output::CancelNextHop
            | Output::CloseClient { .. } => {}
            other => panic!("not expected: {other:?}"),
        }
    }

    fn next_hop_answers(&mut self) {
        loop {
            let end: &[u8] = if self.in_data { b"\r\n.\r\n" } else { b"\r\n" };
            let Some(at) = self.to_next_hop.windows(end.len()).position(|octets| octets == end) else { return };
            let said: Vec<u8> = self.to_next_hop.drain(..at + end.len()).collect();
            let reply = match said.as_slice() {
                b"DATA\r\n" => {
                    self.in_data = true;
                    "354 go on\r\n"
                }
                _ if self.in_data => {
                    self.in_data = false;
                    self.dotted = self.asked_for.clone();
                    "250 2.0.0 queued\r\n"
                }
                _ => "250 2.1.5 OK\r\n",
            };
            self.answers.push_back(Input::NextHopOctets(reply.into()));
        }
    }

    fn says(&mut self, line: &str) -> String {
        self.heard.clear();
        self.feed(Input::ClientOctets(format!("{line}\r\n").into()));
        if self.heard.is_empty() && self.until > self.now.monotonic {
            // A failed login is told late.
            self.now.monotonic = self.until;
            self.feed(Input::TimePassed);
        }
        self.heard.clone()
    }
}

/// What really happens in a cell.
fn play(policy: &Arc<Policy>, entry: Entry, sender: &str, header: &str, recipient: &str) -> (Decision, Vec<Record>) {
    let now = Moment { monotonic: Instant::now(), wall: wall() };
    let client = ClientFacts {
        listener: "0.0.0.0:2587".into(),
        address: entry.address(),
        port: 40_000,
        name: None,
        announced_by: None,
        hello: String::new(),
        tls: Some("TLSv1.3".into()),
    };
    let offer = Offer { auth: true, eight_bit_mime: true, size: 1 << 20, ..Offer::default() };
    let session = Session::new(settings(), offer, policy.clone(), client, 7, now);
    let mut world = World {
        session,
        now,
        answers: VecDeque::new(),
        heard: String::new(),
        hold: Vec::new(),
        asked_for: None,
        dotted: None,
        in_data: false,
        to_next_hop: Vec::new(),
        records: Vec::new(),
        until: now.monotonic,
    };
    world.feed(Input::Accepted);
    world.says("EHLO app.example");
    if matches!(entry.known, Known::ByLogin | Known::LoginFromElsewhere) {
        let message = STANDARD.encode(format!("\0svc-{}\0secret", entry.number));
        let heard = world.says(&format!("AUTH PLAIN {message}"));
        let expected = if entry.known == Known::ByLogin { "235 2.7.0" } else { "535 5.7.8" };
        assert!(heard.starts_with(expected), "{entry:?}: {heard}");
    }
    let mut heard = Vec::new();
    let body = format!("{header}\r\n\r\noi\r\n.");
    for line in [format!("MAIL FROM:<{sender}>"), format!("RCPT TO:<{recipient}>"), "DATA".to_owned(), body] {
        let reply = world.says(&line);
        let code = CODES.iter().find(|code| reply.starts_with(**code)).unwrap_or_else(|| panic!("{line}: {reply}"));
        heard.push(*code);
        if !code.starts_with(['2', '3']) {
            break;
        }
    }
    world.says("QUIT");
    let goes_to =
        world.dotted.map(|hop| ["mailbox", "internet", "other"].into_iter().find(|name| *name == hop).unwrap());
    (Decision { heard, goes_to }, world.records)
}

const CODES: [&str; 7] = ["250 2.1.0", "250 2.1.5", "250 2.0.0", "354", "450 4.7.1", "550 5.7.1", "550 5.2.1"];

#[test]
fn every_cell_is_decided_as_the_norm_says() {
    let policy = policy();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut cells, mut wrong) = (0, Vec::new());
    for entry in entries() {
        for (sender, mail) in SENDERS {
            for (own_header, header) in HEADERS {
                for (recipient, rcpt) in RECIPIENTS {
                    cells += 1;
                    let expected = norm(entry, sender, own_header, recipient);
                    let (decided, records) = play(&policy, entry, mail, header, rcpt);
                    let end = expected.heard.last().unwrap();
                    let key = format!("{end} at step {} to {:?}", expected.heard.len(), expected.goes_to);
                    *counts.entry(key).or_default() += 1;
                    // One record a message, and it names the application wherever there is one.
                    let known = matches!(entry.known, Known::ByNetwork | Known::ByLogin);
                    let named = |record: &Record| record.application.as_ref().map(|facts| facts.id.clone());
                    let recorded = records.len() == 1 && named(&records[0]) == known.then(|| entry.id());
                    if decided != expected || !recorded {
                        wrong.push(format!(
                            "{entry:?} <{mail}> {header:?} <{rcpt}>: {decided:?}, not {expected:?}; {records:?}"
                        ));
                    }
                }
            }
        }
    }
    println!("{cells} cells");
    for (what, count) in &counts {
        println!("{count:6} {what}");
    }
    assert!(wrong.is_empty(), "{} of {cells} cells\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    assert!(cells > 80_000, "{cells}");
    // Every kind of end is there, or the matrix shows nothing.
    assert_eq!(counts.len(), 9, "{counts:?}");
}
