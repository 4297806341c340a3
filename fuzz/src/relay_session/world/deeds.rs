//! What the world does to the session: deeds of the script, and answers to what was asked.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use portaria::{
    policy::verdict::{ScanVerdict, ScannerReport},
    relay::event::{HoldFault, Input, NextHopFailure, NextHopReady, Verified},
    smtp::{client::ForwardAttributes, extension::Capabilities, stated_limits::StatedLimits},
};

use super::{
    super::{
        house,
        next_hop::NextHop,
        script::{Deed, Verdict},
    },
    Asked, World,
};
use crate::command::everything;

impl World {
    /// Does it, if it can be done now.
    pub fn act(&mut self, deed: Deed, next: impl FnOnce() -> Option<u8>) {
        self.note(deed);
        match deed {
            Deed::Say(octets) => self.outbox.extend(octets),
            Deed::SayNext => self.outbox.extend(next()),
            Deed::Write(most) => self.write(most),
            Deed::Leave => self.leave(),
            Deed::Break => self.break_off(),
            Deed::Secure => self.secure(),
            Deed::Pass(seconds) => self.pass(seconds),
            Deed::Open(true) => self.open_as_left(),
            Deed::Open(false) => self.open(Capabilities::default(), true),
            Deed::OpenNarrow => self.open(narrow(), false),
            Deed::NoRoom => self.faults.no_room = true,
            Deed::Busy => self.fail(NextHopFailure::Busy),
            Deed::Unreachable => self.fail(NextHopFailure::Unreachable("no route".into())),
            Deed::NoTls => self.fail(NextHopFailure::Tls("no certificate".into())),
            Deed::Answer => self.answer(),
            Deed::HoldFull => self.faults.full = true,
            Deed::HoldUnreadable => self.faults.unreadable = true,
            Deed::NotKept => self.faults.not_kept = true,
            Deed::NotJournaled => self.faults.not_journaled = true,
            Deed::ReadLittle => self.faults.little ^= true,
            Deed::Scan(verdict) => self.scan(verdict),
            Deed::Drain => self.drained(),
            Deed::Hear(most) => self.hear(most),
            Deed::NextHopGone => {
                if let Some(next_hop) = &mut self.next_hop {
                    next_hop.go();
                    self.feed(Input::NextHopGone("it closed the connection".into()));
                    assert!(self.next_hop.as_ref().is_none_or(|next_hop| !next_hop.is_gone()), "it is kept for dead");
                }
            }
            Deed::Mood(mood) => self.moods.next.push_back(mood),
            Deed::Unasked => self.interject(),
            Deed::EarlyNo => self.refuse_early(),
            Deed::Wanted => self.want(),
            Deed::NoDescriptor => self.fail(NextHopFailure::Local("Too many open files".into())),
            Deed::Clock(beside) => self.beside = beside,
            Deed::DiskLow(low) => self.feed(Input::DiskLow(low)),
            Deed::Stop if self.stopping => {}
            Deed::Stop => {
                self.stopping = true;
                self.feed(Input::Drain);
            }
            Deed::Policy => self.change_policy(),
            Deed::Settle(client) => self.settle(client),
        }
    }

    /// The client has these octets to say.
    pub fn say(&mut self, octets: &[u8]) {
        self.outbox.extend(octets);
    }

    /// Good things, one by one, until none is left to be done.
    pub fn settle(&mut self, client: bool) {
        for _ in 0..10_000 {
            if self.wait.finished && self.asked.is_empty() {
                return;
            }
            let said = self.next_hop.as_ref().is_some_and(NextHop::has_replies) && self.wait.read_next_hop;
            match () {
                () if !self.asked.is_empty() => self.answer(),
                () if self.securing => self.secure(),
                () if self.opening => self.open_as_left(),
                () if self.next_hop.as_ref().is_some_and(|next_hop| next_hop.writing) => self.drained(),
                () if said => self.hear(usize::MAX),
                () if self.scanning => self.scan(Verdict::Clean),
                () if client && self.client_open && self.wait.read_client > 0 && !self.outbox.is_empty() => {
                    self.write(usize::MAX);
                }
                () => return,
            }
        }
        panic!("it never comes to rest");
    }

    fn change_policy(&mut self) {
        let strict = self.dialogue.policy.version == house::POLICY.version;
        let other = if strict { &house::WITHOUT_RULES } else { &house::POLICY };
        self.dialogue.policy = Arc::clone(other);
        self.feed(Input::Policy(Arc::clone(other)));
    }

    fn secure(&mut self) {
        if std::mem::take(&mut self.securing) {
            self.secured = true;
            self.feed(Input::TlsEstablished("TLSv1.3 x".into()));
        }
    }

    fn write(&mut self, most: usize) {
        let length = most.min(self.wait.read_client).min(self.outbox.len());
        if self.client_open && !self.securing && length > 0 {
            let octets: Vec<u8> = self.outbox.drain(..length).collect();
            // A command has its time as a whole: an octet now and then buys no more of it. So has a chunk that is refused.
            let ends_a_line = octets.contains(&b'\n') && !self.dialogue.in_refused_chunk();
            let in_chunk = self.dialogue.in_chunk();
            self.dialogue.client(&octets);
            if self.dialogue.in_data() || in_chunk || ends_a_line {
                self.spoken = self.now.monotonic;
            }
            self.feed(Input::ClientOctets(octets.into()));
        }
    }

    /// Noticed only by reading, by writing, or in the handshake.
    pub fn leave(&mut self) {
        if self.client_may_go() {
            self.client_open = false;
            self.securing = false;
            let open = self.sealed.len() < self.dialogue.transactions.len();
            self.current.left = open && self.current.dots == 0 && !self.dialogue.is_quitting();
            self.feed(Input::ClientGone);
        }
    }

    /// As soon as something is read or written, and whatever was said before.
    fn break_off(&mut self) {
        if self.client_may_go() {
            self.client_open = false;
            self.securing = false;
            self.current.left = self.sealed.len() < self.dialogue.transactions.len() && self.current.dots == 0;
            self.feed(Input::ClientBroke);
        }
    }

    /// A next hop that closes for idleness says so first. Behind a reply that is awaited it would pass for another one.
    fn interject(&mut self) {
        if let Some(next_hop) = self.next_hop.as_mut().filter(|next_hop| !next_hop.is_awaited() && !next_hop.is_gone())
        {
            let octets = next_hop.interject();
            self.feed(Input::NextHopOctets(Bytes::from_static(octets)));
        }
    }

    /// It does not wait for the end of the content.
    fn refuse_early(&mut self) {
        let flows = |next_hop: &&mut NextHop| next_hop.in_data() && !next_hop.is_awaited() && !next_hop.is_broken();
        if let Some(next_hop) = self.next_hop.as_mut().filter(flows) {
            let octets = next_hop.refuse_early();
            self.current.refused = true;
            self.feed(Input::NextHopOctets(Bytes::from_static(octets)));
            assert!(self.next_hop.is_none(), "content flows on to one that has refused it");
        }
    }

    /// As the door does it: only when the session would give the connection back.
    fn want(&mut self) {
        if self.next_hop.is_some() && self.wait.lends_from.is_some_and(|from| from <= self.now.monotonic) {
            self.feed(Input::NextHopWanted);
            assert!(self.next_hop.is_none(), "it is called for, and not given back");
        }
    }

    /// Time alone is only told at the deadline; short of it, it passes unnoticed until something else happens.
    pub fn pass(&mut self, seconds: Option<u64>) {
        let left = self.wait.until.saturating_duration_since(self.now.monotonic);
        let passed = seconds.map_or(left, Duration::from_secs).min(left.max(Duration::from_secs(1)));
        self.now.monotonic += passed;
        // One deadline may end in another that is over already, and so on; but not for ever.
        for _ in 0..4 {
            if self.now.monotonic < self.wait.until || self.wait.finished {
                return;
            }
            self.feed(Input::TimePassed);
        }
        // While the disk is asked there is no deadline: the door itself waits for it.
        assert!(!self.asked.is_empty(), "the deadline passed, was told, and stays: {:?}", self.wait);
    }

    /// As the pool does it: what was given back with nothing on it comes again, and was not reset in between.
    fn open_as_left(&mut self) {
        let reused = self.opening && std::mem::take(&mut self.given_back);
        self.open(everything(), reused);
    }

    /// One that was used before owes its RSET, with PIPELINING or without: how it is said is the dialogue's business.
    fn open(&mut self, capabilities: Capabilities, reused: bool) {
        if std::mem::take(&mut self.opening) {
            self.next_hop = Some(NextHop::new(capabilities.clone(), reused));
            let address = "192.0.2.25:25".to_owned();
            self.feed(Input::NextHopReady(NextHopReady {
                capabilities,
                address,
                tls: None,
                reused,
                mails: 0,
                owes_reset: reused,
            }));
        }
    }

    fn fail(&mut self, failure: NextHopFailure) {
        if std::mem::take(&mut self.opening) {
            self.feed(Input::NextHopFailed(failure));
        }
    }

    fn drained(&mut self) {
        if let Some(next_hop) = &mut self.next_hop
            && std::mem::take(&mut next_hop.writing)
        {
            self.feed(Input::NextHopDrained);
        }
    }

    fn hear(&mut self, most: usize) {
        // The door says that everything is written before it reads what answers it.
        if self.next_hop.as_ref().is_some_and(NextHop::answers_dot) {
            self.drained();
        }
        let read = self.wait.read_next_hop;
        if let Some(next_hop) = self.next_hop.as_mut().filter(|_| read) {
            let octets = next_hop.hear(most);
            if !octets.is_empty() {
                self.waits = self.now.monotonic;
                self.feed(Input::NextHopOctets(octets.into()));
            }
        }
    }

    fn scan(&mut self, verdict: Verdict) {
        if !std::mem::take(&mut self.scanning) {
            return;
        }
        let signature = "Eicar-Test-Signature".to_owned();
        let verdict = match verdict {
            Verdict::Clean => Some(ScanVerdict::Clean),
            Verdict::Infected => Some(ScanVerdict::Infected { signature }),
            Verdict::Unavailable => Some(ScanVerdict::Unavailable { text: "refused".to_owned() }),
            Verdict::Limits => Some(ScanVerdict::NotFullyScanned { reason: "MaxScanSize".to_owned() }),
            Verdict::Encrypted => Some(ScanVerdict::Encrypted { signature }),
            Verdict::Nobody => None,
        };
        let worst = verdict.clone().unwrap_or(ScanVerdict::Unavailable { text: String::new() });
        self.current.worst = Some(worst);
        let report = |verdict| ScannerReport {
            group: "clamd".into(),
            scanner: "clamd".into(),
            verdict,
            took_ms: 1,
            version: None,
            findings: Vec::new(),
            action: None,
        };
        let mut reports: Vec<ScannerReport> = verdict.into_iter().map(report).collect();
        // A second group that found nothing changes nothing.
        if !reports.is_empty() {
            reports.push(report(ScanVerdict::Clean));
        }
        self.feed(Input::Scanned(reports));
    }

    /// Answers what was asked first.
    pub(super) fn answer(&mut self) {
        self.note_answer();
        let Some(asked) = self.asked.pop_front() else { return };
        let faults = &mut self.faults;
        let failed = |flag: &mut bool| std::mem::take(flag).then(|| "no space left".to_owned()).map_or(Ok(()), Err);
        let input = match asked {
            Asked::Recount(client) => {
                let room = !std::mem::take(&mut faults.no_room);
                self.client = if room { client } else { self.client };
                Input::Recounted(room)
            }
            Asked::Verify(right) => {
                self.logins.1 += usize::from(right);
                self.refusing = !right;
                Input::Verified(if right { Verified::Right } else { Verified::Wrong })
            }
            Asked::Held(_) if std::mem::take(&mut faults.full) => Input::Held(Err(HoldFault::Full("disk".into()))),
            Asked::Held(octets) if octets.is_empty() => Input::Held(Ok(())),
            Asked::Held(octets) => {
                self.hold.get_or_insert_default().extend_from_slice(&octets);
                Input::Held(Ok(()))
            }
            Asked::Read(..) if std::mem::take(&mut faults.unreadable) => {
                Input::HoldOctets(Err(HoldFault::Failed("disk".into())))
            }
            Asked::Read(offset, max) => {
                let max = if faults.little { max.min(1 + max / 3) } else { max };
                let hold = self.hold.as_deref().unwrap_or_default();
                let from = hold.get(offset as usize..).unwrap_or_default();
                Input::HoldOctets(Ok(Bytes::copy_from_slice(&from[..max.min(from.len())])))
            }
            Asked::Keep(item) => {
                let kept = failed(&mut faults.not_kept);
                if kept.is_ok() {
                    let content = self.hold.clone().expect("a hold");
                    let state = item.state;
                    self.current.item = Some((*item, content, state));
                }
                Input::Quarantined(kept)
            }
            Asked::Settle(state) => {
                let settled = failed(&mut faults.not_kept);
                // One that cannot be settled stays pending, and a human sees it.
                let _ = state;
                Input::Quarantined(settled)
            }
            Asked::Intent(id) => {
                let written = failed(&mut faults.not_journaled);
                self.current.intent = Some((id, written.is_ok()));
                Input::Journaled(written)
            }
            Asked::Record => Input::Journaled(failed(&mut faults.not_journaled)),
        };
        self.feed(input);
    }
}

/// A next hop that takes little at a time, and tells of no client.
fn narrow() -> Capabilities {
    let limits = StatedLimits { recipients: Some(2), transactions: Some(1), domains: Some(1) };
    Capabilities { limits, forward: ForwardAttributes::default(), ..everything() }
}
