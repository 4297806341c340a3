//! One play of a script: inputs are fed as the door would feed them, expectations are compared line by line.

use std::{collections::VecDeque, sync::Arc};

use super::{
    expected::{facts_fit, fits, shown},
    ready::Ready,
    script::{Act, AnswerPlan, Channel, HoldPlan, Script, Step},
    split::Split,
    world::{World, masked, must, wall},
};
use bytes::Bytes;
use portaria::{
    policy::{
        Policy,
        verdict::{ScanVerdict, ScannerReport},
    },
    record::{ClientFacts, Record},
    relay::{
        Session, Shares,
        event::{Input, NextHopReady, Output, Wait},
        settings::{READ, READ_WHILE_DECIDING},
    },
};

type Played<T> = Result<T, String>;

/// A session and its world, in the middle of a script.
pub struct Play<'s> {
    script: &'s Script,
    split: Split,
    session: Session,
    world: World,
    wait: Wait,
    /// Said by the client or the next hop, and not read by the session yet.
    client: VecDeque<u8>,
    next_hop: VecDeque<u8>,
    client_ends: bool,
    /// Promise 6: what a client says while it waits is read, but not without end.
    read_while_scanning: usize,
    next_hop_ends: bool,
    /// Where in the content the `R.` lines are.
    content_line: usize,
}

impl<'s> Play<'s> {
    pub fn new(script: &'s Script, split: Split) -> Self {
        let settings = script.setup.settings();
        let world = World::new(&settings, script.setup.leave());
        let client = ClientFacts {
            listener: settings.listener.clone(),
            address: [192, 0, 2, 1].into(),
            port: 40000,
            name: None,
            announced_by: None,
            hello: String::new(),
            tls: None,
        };
        let (offer, policy) = (script.setup.offer(), script.setup.policy(false, wall()));
        let session = Session::new(Arc::new(settings), offer, policy, client, 7, world.now)
            .with_message_rate(script.setup.message_rate())
            .with_shares(Shares::default())
            .with_greeting_delay(script.setup.greeting_delay());
        let wait = Wait {
            read_client: 0,
            read_next_hop: false,
            until: world.now.monotonic,
            lends_from: None,
            finished: false,
        };
        Self {
            script,
            split,
            session,
            world,
            wait,
            client: VecDeque::new(),
            next_hop: VecDeque::new(),
            client_ends: false,
            read_while_scanning: 0,
            next_hop_ends: false,
            content_line: 0,
        }
    }

    /// Plays the script. All that was seen, channel by channel; or what went wrong, with the line.
    pub fn run(self) -> Played<Vec<String>> {
        let mut transcript = self.finished()?.transcript;
        transcript.sort_by_key(|(channel, _)| *channel);
        Ok(transcript.into_iter().map(|(channel, text)| shown(channel, &text)).collect())
    }

    /// Plays the script. Every record that was written, with the policy that it names.
    pub fn records(self) -> Played<Vec<(Arc<Policy>, Record)>> {
        let setup = &self.script.setup;
        let policies = [false, true].map(|later| setup.policy(later, wall()));
        let named = |record: Record| {
            let policy = policies.iter().find(|policy| policy.version == record.policy).unwrap();
            (policy.clone(), record)
        };
        Ok(self.finished()?.records.into_iter().map(named).collect())
    }

    fn finished(mut self) -> Played<World> {
        let name = &self.script.name;
        self.feed(Input::Accepted).map_err(|what| format!("{name}: at the beginning: {what}\n"))?;
        for step in &self.script.steps {
            self.step(step).map_err(|what| format!("{name}:{}: {what}\n{}", step.line, self.shown()))?;
        }
        self.end().map_err(|what| format!("{name}: at the end: {what}\n{}", self.shown()))?;
        Ok(self.world)
    }

    /// The conversation so far, for a reader of a failure.
    fn shown(&self) -> String {
        let from = self.world.transcript.len().saturating_sub(12);
        let lines =
            self.world.transcript[from..].iter().map(|(channel, text)| format!("    | {}\n", shown(*channel, text)));
        lines.collect()
    }

    fn step(&mut self, step: &Step) -> Played<()> {
        self.settle()?;
        match &step.act {
            Act::Expect(Channel::Content, text) => self.expect_content(text),
            Act::Expect(channel, text) => self.expect(*channel, text),
            Act::ExpectFlow(0) => must(self.world.flowed().is_empty(), "content flowed already"),
            Act::ExpectFlow(least) => {
                let flowed = self.world.flowed().len();
                if flowed >= *least { Ok(()) } else { Err(format!("{flowed} octets of content flowed")) }
            }
            input => {
                self.nothing_is_left()?;
                self.input(input)?;
                self.settle()
            }
        }
    }

    fn input(&mut self, act: &Act) -> Played<()> {
        match act {
            Act::Client(octets) => self.client.extend(octets),
            Act::ClientGone if self.world.securing => return self.feed(Input::ClientGone),
            Act::ClientGone => self.client_ends = true,
            Act::ClientResets => return self.feed(Input::ClientGone),
            Act::Secured => {
                must(std::mem::take(&mut self.world.securing), "no handshake runs")?;
                return self.feed(Input::TlsEstablished("TLSv1.3 TLS_AES_256_GCM_SHA384".into()));
            }
            Act::NextHop(octets) => return self.next_hop_says(octets),
            Act::Ready(ready) => return self.ready(ready),
            Act::Fails(failure) => {
                self.world.opening.take().ok_or("no connection is asked for")?;
                return self.feed(Input::NextHopFailed(failure.clone()));
            }
            Act::Wanted => return self.wanted(),
            Act::NextHopGone => self.next_hop_ends = true,
            Act::Stalls(stalls) => self.world.stalled = *stalls,
            Act::Scanned(verdicts) => return self.scanned(verdicts),
            Act::Quarantine(AnswerPlan::Done) | Act::Journal(AnswerPlan::Done) | Act::Hold(HoldPlan::Done) => {
                let answer = self.world.waiting.pop_front().ok_or("nothing waits for an answer")?;
                return self.feed(answer);
            }
            Act::Hold(plan) => self.world.hold_plan = Some(*plan),
            Act::Quarantine(plan) => self.world.quarantine_plan = Some(*plan),
            Act::Journal(plan) => self.world.journal_plan = Some(*plan),
            Act::VerifiersBusy => self.world.verifiers_busy = true,
            Act::NetworkFull => self.world.counted_plan = Some(AnswerPlan::Fails),
            Act::Time(passes) => return self.time(*passes),
            Act::Drain => return self.feed(Input::Drain),
            Act::DiskLow(low) => return self.feed(Input::DiskLow(*low)),
            Act::LaterPolicy => return self.feed(Input::Policy(self.script.setup.policy(true, wall()))),
            Act::Expect(..) | Act::ExpectFlow(_) => {}
        }
        Ok(())
    }

    /// As the door does it: it says so only when the session would give the connection back.
    fn wanted(&mut self) -> Played<()> {
        let from = self.wait.lends_from.ok_or("the connection is in use, or there is none")?;
        must(from <= self.world.now.monotonic, "the client still has its time")?;
        self.feed(Input::NextHopWanted)?;
        must(self.world.connection.is_none(), "a connection that is wanted is given back")
    }

    fn ready(&mut self, ready: &Ready) -> Played<()> {
        let asked = self.world.opening.take().ok_or("no connection is asked for")?;
        must(!ready.fresh || asked.fresh, "a fresh connection is asked for")?;
        match ready.avoids.as_deref() {
            Some("nobody") => must(asked.avoid.is_empty(), "no address is avoided")?,
            Some(is) => must(asked.avoid.iter().any(|avoid| avoid == is), "it avoids that address")?,
            None => {}
        }
        must(*asked.name.0 == *ready.to, &format!("a connection to {} is asked for", asked.name))?;
        self.world.connection = Some(super::next_hop::Connection::after(ready.mails));
        self.world.last_content.clear();
        self.content_line = 0;
        self.feed(Input::NextHopReady(NextHopReady {
            capabilities: ready.capabilities(),
            address: ready.address.clone().unwrap_or_else(|| "192.0.2.25:25".to_owned()),
            tls: None,
            reused: ready.reused,
            mails: ready.mails,
            owes_reset: ready.owes_reset,
        }))
    }

    fn next_hop_says(&mut self, octets: &[u8]) -> Played<()> {
        let connection = self.world.connection.as_mut().ok_or("there is no connection to the next hop")?;
        let positive = connection.say(octets);
        // What it does not have, it does not answer.
        let has_dot = !(self.world.stalled && self.world.undrained);
        if let Some(positive) = positive.filter(|_| has_dot) {
            let recipients = connection.accepted.len();
            self.world.promises.dot_answered(positive, recipients);
        }
        self.next_hop.extend(octets);
        Ok(())
    }

    fn scanned(&mut self, verdicts: &[Option<ScanVerdict>]) -> Played<()> {
        let spared = self.world.scanning.take().ok_or("no scan is awaited")?;
        let mut reports = Vec::new();
        for (nth, verdict) in verdicts.iter().enumerate() {
            let group = format!("group{nth}");
            must(verdict.is_none() == spared.contains(&group), &format!("{group} is asked, or not: {spared:?}"))?;
            reports.extend(verdict.clone().map(|verdict| report(group, verdict)));
        }
        self.world.promises.scanned(&reports);
        self.feed(Input::Scanned(reports))
    }

    /// Time passes as timers see it: at each `until` on the way the session is told.
    fn time(&mut self, passes: std::time::Duration) -> Played<()> {
        let start = self.world.now;
        let end = start.monotonic + passes;
        while self.wait.until <= end && !self.wait.finished {
            let at = self.wait.until.max(self.world.now.monotonic);
            self.world.now.monotonic = at;
            self.world.now.wall = start.wall + (at - start.monotonic);
            self.feed(Input::TimePassed)?;
            self.settle()?;
            must(self.wait.until > at || self.wait.finished, "a deadline that passed is waited for again")?;
        }
        self.world.now.monotonic = end;
        self.world.now.wall = start.wall + passes;
        Ok(())
    }

    /// Feeds one input and drains all outputs.
    fn feed(&mut self, input: Input) -> Played<()> {
        must(!self.wait.finished, "an input after the end")?;
        self.session.handle(self.world.now, input);
        self.wait = loop {
            match self.session.poll() {
                Output::Wait(wait) => break wait,
                output => self.world.perform(output)?,
            }
        };
        match self.session.poll() {
            Output::Wait(again) => must(again == self.wait, "Wait is the last output")?,
            other => return Err(format!("contract broken: {other:?} after Wait")),
        }
        must(self.wait.read_client <= READ, "more is read of the client than a piece")?;
        if self.wait.finished && self.world.answers.is_empty() {
            let outstanding = self.world.outstanding();
            must(outstanding.is_empty(), &format!("finished, and outstanding: {outstanding:?}"))?;
        }
        Ok(())
    }

    /// Feeds all that the world has to say without being told.
    fn settle(&mut self) -> Played<()> {
        while !self.wait.finished {
            if let Some(answer) = self.world.answers.pop_front() {
                self.feed(answer)?;
            } else if self.world.undrained && !self.world.stalled {
                self.world.undrained = false;
                self.feed(Input::NextHopDrained)?;
            } else {
                let client = self.wait.read_client > 0 && !self.world.closed;
                let client = client && (!self.client.is_empty() || self.client_ends);
                let leased = self.world.connection.is_some();
                let next_hop = leased && self.wait.read_next_hop && (!self.next_hop.is_empty() || self.next_hop_ends);
                match (client, next_hop) {
                    (false, false) => break,
                    (true, false) => self.feed_client()?,
                    (false, true) => self.feed_next_hop()?,
                    (true, true) if self.split.first() => self.feed_client()?,
                    (true, true) => self.feed_next_hop()?,
                }
            }
            if self.world.connection.is_none() {
                self.next_hop.clear();
                self.next_hop_ends = false;
            }
        }
        Ok(())
    }

    fn feed_client(&mut self) -> Played<()> {
        if self.client.is_empty() {
            self.client_ends = false;
            return self.feed(Input::ClientGone);
        }
        let most = self.client.len().min(self.wait.read_client);
        let piece: Bytes = self.client.drain(..self.split.piece(most)).collect();
        self.world.said.extend_from_slice(&piece);
        if let Some(said) = &mut self.world.said_in_data {
            said.extend_from_slice(&piece);
        }
        if self.world.scanning.is_some() {
            self.read_while_scanning += piece.len();
            must(self.read_while_scanning <= READ_WHILE_DECIDING, "at most 4 KiB are read while a verdict is awaited")?;
        } else {
            self.read_while_scanning = 0;
        }
        self.feed(Input::ClientOctets(piece))
    }

    fn feed_next_hop(&mut self) -> Played<()> {
        if self.next_hop.is_empty() {
            self.next_hop_ends = false;
            self.feed(Input::NextHopGone("it closed the connection".into()))?;
            return must(self.world.connection.is_none(), "a connection that is gone is given up");
        }
        let most = self.next_hop.len();
        let piece: Bytes = self.next_hop.drain(..self.split.piece(most)).collect();
        self.feed(Input::NextHopOctets(piece))
    }

    fn expect(&mut self, channel: Channel, text: &str) -> Played<()> {
        let expected = shown(channel, text);
        if let Some(code) = text.strip_suffix("-*").filter(|_| channel == Channel::Client) {
            return self.expect_multiline(code);
        }
        let Some(seen) = self.world.seen.entry(channel).or_default().pop_front() else {
            return Err(format!("expected {expected}\n  nothing came"));
        };
        let fits = match channel {
            Channel::Record | Channel::Quarantine => facts_fit(text, &seen.facts),
            Channel::Client if !text.starts_with('!') => {
                fits(&format!("{text}*"), &seen.text).then_some(()).ok_or_else(String::new)
            }
            _ => fits(text, &seen.text).then_some(()).ok_or_else(String::new),
        };
        fits.map_err(|why| format!("expected {expected}\n  came     {}{why}", shown(channel, &seen.text)))
    }

    /// `S: 250-*`: all lines of one reply.
    fn expect_multiline(&mut self, code: &str) -> Played<()> {
        let lines = self.world.seen.entry(Channel::Client).or_default();
        while lines.front().is_some_and(|line| line.text.starts_with(&format!("{code}-"))) {
            lines.pop_front();
        }
        let last = lines.pop_front().filter(|line| line.text.starts_with(&format!("{code} ")));
        last.map(|_| ()).ok_or_else(|| format!("expected a reply {code} of several lines"))
    }

    /// The next line of the content is this one; after `...`, some later line is.
    fn expect_content(&mut self, text: &str) -> Played<()> {
        let content = String::from_utf8_lossy(self.world.flowed()).into_owned();
        let lines: Vec<String> = content.split("\r\n").map(masked).collect();
        if text == "from the top" {
            self.content_line = 0;
            return Ok(());
        }
        let (skips, text) = text.strip_prefix("... ").map_or((false, text), |text| (true, text));
        let rest = lines.get(self.content_line..).unwrap_or_default();
        let found = rest.iter().take(if skips { usize::MAX } else { 1 }).position(|line| fits(text, line));
        let at = found.ok_or_else(|| format!("expected R. {text}\n  came     R. {:?}", rest.first()))?;
        self.content_line += at + 1;
        Ok(())
    }

    fn nothing_is_left(&self) -> Played<()> {
        let left: Vec<String> =
            self.world.seen.values().flatten().map(|seen| shown(seen.channel, &seen.text)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("not expected: {}", left.join("\n  not expected: "))) }
    }

    /// A script that does not end the connection leaves its end to us.
    fn end(&mut self) -> Played<()> {
        self.settle()?;
        self.nothing_is_left()?;
        if !self.wait.finished {
            self.world.answers.clear();
            self.world.stalled = false;
            self.feed(Input::ClientGone)?;
            while let Some(answer) = self.world.answers.pop_front() {
                self.feed(answer)?;
            }
        }
        must(self.wait.finished, &format!("the session does not end: {:?}", self.world.outstanding()))?;
        self.world.promises.finished();
        self.world.promises.fault().map_or(Ok(()), Err)
    }
}

fn report(group: String, verdict: ScanVerdict) -> ScannerReport {
    let scanner = "scanner".to_owned();
    ScannerReport { group, scanner, verdict, took_ms: 1, version: None, findings: Vec::new(), action: None }
}
