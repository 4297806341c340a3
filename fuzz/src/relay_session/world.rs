//! What one session is in: a client, next hops, a hold, scanners, a quarantine, a journal. It does what the session asks, as the
//! script has it (`deeds`), and looks at each thing that is asked.

mod deeds;
mod trace;
mod view;

pub use view::{Fault, Step};

use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use portaria::{
    policy::verdict::ScanVerdict,
    record::{Item, ItemState, Record, TransactionId},
    relay::{
        Session,
        event::{Input, Leftover, Moment, Output, Verification, Wait},
        login::FAILURE_DELAY,
    },
};

use super::{
    dialogue::{Dialogue, Heard},
    house,
    next_hop::{Message, Moods, NextHop},
};
use crate::splits::find;

/// What was done within one transaction.
#[derive(Debug, Default)]
pub struct Deeds {
    /// The record of the intent, and whether it stands in the journal.
    pub intent: Option<(TransactionId, bool)>,
    /// Final dots that went out.
    pub dots: usize,
    /// The worst that the scanners said.
    pub worst: Option<ScanVerdict>,
    /// What the next hop was given.
    pub messages: Vec<Message>,
    /// The client went before our dot and before the record, and not with a QUIT: it sends again.
    pub left: bool,
    /// The next hop refused the content before its end.
    pub refused: bool,
    /// RCPTs that it was told.
    pub asked: BTreeSet<String>,
    /// The item, its content, its state as last asked for; none: it could not be kept.
    pub item: Option<(Item, Vec<u8>, ItemState)>,
}

/// What was asked and must be answered.
#[derive(Debug)]
enum Asked {
    Recount(IpAddr),
    /// Whether the password is right.
    Verify(bool),
    Held(Bytes),
    Read(u64, usize),
    Keep(Box<Item>),
    Settle(ItemState),
    Intent(TransactionId),
    Record,
}

/// The next time, something fails.
#[derive(Debug, Default)]
struct Faults {
    full: bool,
    unreadable: bool,
    not_kept: bool,
    not_journaled: bool,
    little: bool,
    no_room: bool,
}

/// All of it.
pub struct World {
    session: Session,
    now: Moment,
    /// How far the clock on the wall is off, in seconds.
    beside: i64,
    began: Instant,
    antivirus: bool,
    /// The hold, the quarantine and the journal answer before anything else happens, as they do at the door.
    at_once: bool,
    pub dialogue: Dialogue,
    outbox: VecDeque<u8>,
    client_open: bool,
    /// We wrote to the client just now: so it may turn out that it is gone.
    wrote: bool,
    closed: bool,
    securing: bool,
    secured: bool,
    opening: bool,
    next_hop: Option<NextHop>,
    /// A connection was given back with nothing on it.
    given_back: bool,
    pub moods: Moods,
    scanning: bool,
    hold: Option<Vec<u8>>,
    asked: VecDeque<Asked>,
    faults: Faults,
    stopping: bool,
    pub wait: Wait,
    /// When the client or we last said something to each other.
    spoken: Instant,
    /// Since when the next hop waits for the client: we said 354, or something was said to it or by it.
    waits: Instant,
    /// Nothing but time passes.
    passing: bool,
    /// Somebody else wants the connection.
    wanted: bool,
    /// What struck, and where everything stood then.
    pub struck: Vec<(Step, Fault)>,
    /// On a listener of applications.
    application: bool,
    /// A password was wrong, and the client does not know it yet.
    refusing: bool,
    /// Passwords that were verified, and those that were right.
    pub logins: (usize, usize),
    /// Who hears what is said and done, line by line.
    pub listener: Option<fn(&str)>,
    current: Deeds,
    /// Whom the client is counted as.
    client: IpAddr,
    /// Each record with what was done before it.
    pub sealed: Vec<(Record, Deeds)>,
}

impl World {
    pub fn new(session: Session, now: Moment, antivirus: bool, at_once: bool) -> Self {
        let wait =
            Wait { read_client: 0, read_next_hop: false, until: now.monotonic, lends_from: None, finished: false };
        let mut world = Self {
            session,
            now,
            beside: 0,
            began: now.monotonic,
            antivirus,
            at_once,
            dialogue: Dialogue::new(house::POLICY.clone()),
            outbox: VecDeque::new(),
            client_open: true,
            wrote: false,
            closed: false,
            securing: false,
            secured: false,
            opening: false,
            next_hop: None,
            given_back: false,
            moods: Moods::default(),
            scanning: false,
            hold: None,
            asked: VecDeque::new(),
            faults: Faults::default(),
            stopping: false,
            wait,
            spoken: now.monotonic,
            waits: now.monotonic,
            passing: false,
            wanted: false,
            struck: Vec::new(),
            application: false,
            refusing: false,
            logins: (0, 0),
            listener: None,
            current: Deeds::default(),
            client: house::client(false).address,
            sealed: Vec::new(),
        };
        world.feed(Input::Accepted);
        world
    }

    /// The same on a listener of applications.
    pub fn of_applications(mut self, application: bool) -> Self {
        self.application = application;
        self
    }

    fn feed(&mut self, input: Input) {
        self.wrote = false;
        self.passing = matches!(input, Input::TimePassed);
        self.wanted = matches!(input, Input::NextHopWanted);
        let beside = Duration::from_secs(self.beside.unsigned_abs());
        let right = house::began() + (self.now.monotonic - self.began);
        self.now.wall = if self.beside < 0 { right - beside } else { right + beside };
        self.trace_input(&input);
        self.session.handle(self.now, input);
        self.wait = loop {
            match self.session.poll() {
                Output::Wait(wait) => break wait,
                output => self.perform(output),
            }
        };
        let again = self.session.poll();
        assert!(matches!(again, Output::Wait(wait) if wait == self.wait), "{again:?} behind {:?}", self.wait);
        if self.at_once && !self.asked.is_empty() {
            return self.answer();
        }
        self.check_wait();
    }

    /// The session waits for something that can happen.
    fn check_wait(&self) {
        let next_hop = self.next_hop.as_ref().is_some_and(|next_hop| next_hop.writing || next_hop.is_awaited());
        let asked = !self.asked.is_empty() || self.opening || self.scanning || self.securing || next_hop;
        if self.wait.finished {
            let rest = (self.opening, self.scanning, self.next_hop.is_some(), self.securing);
            assert_eq!(rest, (false, false, false, false), "over with something outstanding");
            assert!(self.closed, "over and not closed");
            assert!(self.hold.is_none() || !self.asked.is_empty(), "over and the hold not forgotten");
        } else {
            let reads = self.wait.read_client > 0 && self.client_open && !self.closed;
            // A failed login is told late, and who talks on meanwhile is heard up to a bound.
            let delays = self.refusing && self.wait.until <= self.now.monotonic + FAILURE_DELAY;
            assert!(asked || reads || delays, "nothing is outstanding, and the client is not read: {:?}", self.wait);
        }
    }

    fn perform(&mut self, output: Output) {
        self.trace_output(&output);
        match output {
            Output::ToClient(octets) => self.said_to_client(&octets),
            Output::Recount(client) => {
                let twice = self.asked.iter().any(|asked| matches!(asked, Asked::Recount(_)));
                assert!(!twice && self.next_hop.is_none() && !self.opening, "announced within a transaction");
                self.asked.push_back(Asked::Recount(client));
            }
            Output::Verify(Verification { password, hash }) => {
                assert!(self.application, "nobody logs in on a relay listener");
                assert!(self.secured, "a password in clear");
                // What ended it, an EHLO, may not be answered yet: its record is made.
                let within = self.dialogue.is_open() && self.sealed.len() < self.dialogue.transactions.len();
                assert!(!within && self.asked.is_empty(), "a login within a transaction");
                self.logins.0 += 1;
                self.asked.push_back(Asked::Verify(house::is_right(&password, &hash)));
            }
            Output::StartTls => {
                assert!(self.next_hop.is_none() && self.current.dots == 0);
                self.securing = true;
            }
            // In the middle of a handshake too.
            Output::CloseClient { .. } => (self.closed, self.securing) = (true, false),
            Output::OpenNextHop(request) => {
                assert!(!self.opening && self.next_hop.is_none(), "a second connection");
                assert_eq!(self.current.dots, 0, "another address after our dot (promise 2)");
                assert!(!self.current.refused, "another address after a refusal of the content (decision 30)");
                assert!(request.until > self.now.monotonic);
                self.opening = true;
            }
            Output::CancelNextHop => assert!(std::mem::take(&mut self.opening), "nothing to cancel"),
            Output::ToNextHop(octets) => self.said_to_next_hop(&octets),
            Output::ReleaseNextHop { mails, left } => {
                // Decision 1: for a client that lets it wait, which it cannot do before it is answered. Mail data that is not
                // fast enough, and commands that it hears nothing of, are no excuse; nothing here is fast enough.
                let since = self.now.monotonic - self.waits;
                assert!(!self.passing || since >= Duration::from_secs(5), "given back after {since:?}");
                assert!(!self.wanted || since >= Duration::from_millis(200), "given away after {since:?}");
                let next_hop = self.next_hop.take().expect("a connection to give back");
                assert_eq!(mails, next_hop.mails, "counted as said");
                assert!(next_hop.is_clean(), "given back in the middle: {next_hop:?}");
                assert!(left == Leftover::Envelope || next_hop.has_nothing_open(), "left open: {next_hop:?}");
                self.given_back = left == Leftover::Nothing;
                self.retire(next_hop);
            }
            Output::DropNextHop => {
                let next_hop = self.next_hop.take();
                self.retire(next_hop.expect("a connection to drop"));
            }
            Output::Hold(octets) => {
                assert!(!octets.is_empty());
                self.asked.push_back(Asked::Held(octets));
            }
            Output::ReadHold { offset, max } => {
                let length = self.hold.as_ref().expect("a hold to read").len() as u64;
                assert!(max > 0 && offset + max as u64 <= length, "{max} at {offset} of {length}");
                assert!(!self.asked.iter().any(|asked| matches!(asked, Asked::Read(..))), "read twice at once");
                self.asked.push_back(Asked::Read(offset, max));
            }
            Output::Scan { .. } => {
                assert!(self.antivirus && !self.scanning && self.hold.is_some());
                self.scanning = true;
            }
            Output::CancelScan => assert!(std::mem::take(&mut self.scanning), "nothing to cancel"),
            Output::Quarantine(item) => {
                self.check_item(&item);
                self.asked.push_back(Asked::Keep(item));
            }
            Output::SettleItem(id, state) => {
                let item = self.current.item.as_mut().expect("an item to settle");
                assert_eq!(item.0.id, id);
                item.2 = state;
                self.asked.push_back(Asked::Settle(state));
            }
            Output::Intent(intent) => {
                assert_eq!(self.current.dots, 0);
                self.asked.push_back(Asked::Intent(intent.record.id.clone()));
            }
            Output::Record { record, acknowledge } => self.record(*record, acknowledge),
            Output::Forget => {
                self.hold = None;
                // What it was still to take is answered all the same, and kept nowhere.
                for asked in &mut self.asked {
                    if let Asked::Held(octets) = asked {
                        octets.clear();
                    }
                }
            }
            Output::Wait(_) => {}
        }
    }

    fn said_to_client(&mut self, octets: &[u8]) {
        // RFC 5321 §4.5.3.2.7: a client has five minutes for its next command, from our reply on.
        let idle =
            find(octets, b"421 4.4.2 Timeout").is_some() && !self.dialogue.in_data() && !self.dialogue.in_chunk();
        let since = self.now.monotonic - self.spoken;
        assert!(!idle || since >= Duration::from_secs(300), "idle after {since:?}");
        self.spoken = self.now.monotonic;
        self.refusing = false;
        assert!(!self.closed || !self.client_open, "said behind the close: {}", octets.escape_ascii());
        self.wrote = self.client_open;
        let sealed = &self.sealed;
        self.dialogue.server(octets, |dialogue, heard| {
            if heard == Heard::Final {
                let at = dialogue.transactions.len() - 1;
                let (record, deeds) = sealed.get(at).expect("the record comes before the reply (promise 5)");
                super::promises::check_reply(&dialogue.transactions[at], record, deeds);
            }
        });
        if self.dialogue.in_data() {
            self.waits = self.now.monotonic;
        }
    }

    fn said_to_next_hop(&mut self, octets: &[u8]) {
        self.waits = self.now.monotonic;
        let next_hop = self.next_hop.as_mut().expect("a connection to write to");
        if next_hop.in_data() && self.antivirus && self.current.worst.is_none() {
            let said = self.dialogue.transactions.last().expect("a transaction");
            super::promises::check_cut_through(said, self.hold.as_deref().expect("a hold"));
        }
        let dotted = next_hop.said(octets, &mut self.moods);
        assert!(next_hop.client.iter().all(|told| *told == self.client.to_string()), "told of {:?}", next_hop.client);
        // Those that were taken elsewhere are repeated here; nobody new is asked for.
        let known = self.dialogue.transactions.last().map_or(0, |said| said.recipients.len());
        assert!(next_hop.too_many().is_none_or(|taken| taken <= known), "beyond its RCPTMAX");
        if dotted {
            self.current.dots += 1;
            assert_eq!(self.current.dots, 1, "a second dot");
            assert!(!self.current.left, "a dot for a client that is gone and sends again");
            let message = next_hop.messages.last().expect("a message");
            let said = self.dialogue.transactions.last().expect("a transaction");
            let hold = self.hold.as_deref().expect("a hold");
            super::promises::check_dot(message, said, &self.current, hold, self.antivirus);
        }
    }

    fn check_item(&self, item: &Item) {
        let said = self.dialogue.transactions.last().expect("a transaction");
        let hold = self.hold.as_deref().expect("a hold to keep");
        super::promises::check_item(item, said, self.worst().as_ref(), hold);
    }

    fn worst(&self) -> Option<ScanVerdict> {
        if self.antivirus { self.current.worst.clone() } else { Some(ScanVerdict::NotScanned) }
    }

    /// A connection is of no more use to this transaction: what it was told is kept.
    fn retire(&mut self, next_hop: NextHop) {
        self.current.asked.extend(next_hop.asked);
        self.current.messages.extend(next_hop.messages);
    }

    fn record(&mut self, record: Record, acknowledge: bool) {
        assert!(record.began <= record.ended, "it ended before it began: {record:?}");
        assert!(self.next_hop.is_none() && !self.opening && !self.scanning, "recorded with something outstanding");
        assert_eq!(record.client.address, self.client, "who was announced, and nobody else");
        assert!(record.client.announced_by.is_none_or(|by| by == house::client(false).address), "by whoever connected");
        let written = format!("{record:?}");
        assert!(!written.contains(house::PASSWORD), "a password in a record: {written}");
        self.sealed.push((record, std::mem::take(&mut self.current)));
        if acknowledge {
            self.asked.push_back(Asked::Record);
        }
    }

    /// Everything is over: the last look.
    pub fn finished(&self) -> bool {
        self.wait.finished && self.asked.is_empty()
    }

    /// For the beginning of all times.
    #[expect(clippy::disallowed_methods, reason = "only differences count, and there is no other way to an Instant")]
    pub fn moment() -> Moment {
        Moment { monotonic: Instant::now(), wall: house::began() }
    }
}
