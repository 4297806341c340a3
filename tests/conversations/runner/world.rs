//! The outside world of one session, as values: performs its outputs and has the answers.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use portaria::{
    record::Record,
    relay::event::{HoldFault, Input, Moment, OpenNextHop, Output, Verified},
    relay::settings::{CHUNK, Settings},
};
use serde_json::{Value, json};

use super::{
    chunks::by_chunks,
    next_hop::{Connection, Noticed, content},
    promises::{Leave, Promises},
    script::{AnswerPlan, Channel, HoldPlan},
};

/// When every script begins, for people: 2026-11-21 09:00 in Belém.
pub fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_262_400)
}

/// What came out, in the order in which it came.
#[derive(Debug)]
pub struct Seen {
    pub channel: Channel,
    pub text: String,
    /// A record's or an item's facts.
    pub facts: Value,
}

/// Everything but the session.
#[derive(Debug)]
pub struct World {
    pub now: Moment,
    pub promises: Promises,
    /// Seen and not expected yet, and everything ever seen.
    pub seen: BTreeMap<Channel, VecDeque<Seen>>,
    pub transcript: Vec<(Channel, String)>,
    /// Every record.
    pub records: Vec<Record>,
    /// Answers that came at once, as they do in the door.
    pub answers: VecDeque<Input>,
    pub opening: Option<OpenNextHop>,
    pub connection: Option<Connection>,
    /// The last connection: its content can be looked at when it is gone.
    pub last_content: Vec<u8>,
    /// A scan is awaited; the groups that are not asked.
    pub scanning: Option<Vec<String>>,
    pub stalled: bool,
    pub undrained: bool,
    pub securing: bool,
    pub closed: bool,
    /// What the client said since the last 354.
    pub said_in_data: Option<Vec<u8>>,
    /// All that it ever said.
    pub said: Vec<u8>,
    pub hold_plan: Option<HoldPlan>,
    pub quarantine_plan: Option<AnswerPlan>,
    pub journal_plan: Option<AnswerPlan>,
    pub counted_plan: Option<AnswerPlan>,
    /// Nobody has time for the next password.
    pub verifiers_busy: bool,
    pub waiting: VecDeque<Input>,
    to_client: Vec<u8>,
    hold: Vec<u8>,
    /// Octets of our trace field: the first piece that the hold got.
    trace: usize,
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "an instant can be had in no other way; from here on time is a value"
    )]
    pub fn new(settings: &Settings, leave: Leave) -> Self {
        Self {
            now: Moment { monotonic: Instant::now(), wall: wall() },
            promises: Promises::new(settings.scanner_groups.clone(), settings.actions.clone(), leave),
            seen: BTreeMap::new(),
            transcript: Vec::new(),
            records: Vec::new(),
            answers: VecDeque::new(),
            opening: None,
            connection: None,
            last_content: Vec::new(),
            scanning: None,
            stalled: false,
            undrained: false,
            securing: false,
            closed: false,
            said_in_data: None,
            said: Vec::new(),
            hold_plan: None,
            quarantine_plan: None,
            journal_plan: None,
            counted_plan: None,
            verifiers_busy: false,
            waiting: VecDeque::new(),
            to_client: Vec::new(),
            hold: Vec::new(),
            trace: 0,
        }
    }

    /// Does what an output asks for. An error is a breach of the contract between session and door.
    pub fn perform(&mut self, output: Output) -> Result<(), String> {
        match output {
            Output::ToClient(octets) => self.client_hears(&octets)?,
            Output::Recount(client) => {
                let counted = self.counted_plan.take() != Some(AnswerPlan::Fails);
                self.see(Channel::Client, &format!("! counts as {client}"));
                self.answers.push_back(Input::Recounted(counted));
            }
            Output::Verify(verification) => {
                let is_right = verification.hash.is_of(&verification.password);
                let verified = if is_right { Verified::Right } else { Verified::Wrong };
                let busy = std::mem::take(&mut self.verifiers_busy);
                self.answers.push_back(Input::Verified(if busy { Verified::Busy } else { verified }));
            }
            Output::StartTls => {
                self.securing = true;
                self.see(Channel::Client, "! starts TLS");
            }
            Output::CloseClient { .. } => {
                if !std::mem::replace(&mut self.closed, true) {
                    self.see(Channel::Client, "! closes");
                }
            }
            Output::OpenNextHop(request) => {
                must(self.opening.is_none() && self.connection.is_none(), "OpenNextHop while there is one")?;
                self.promises.opening();
                self.opening = Some(request);
            }
            Output::CancelNextHop => {
                must(self.opening.take().is_some(), "CancelNextHop without OpenNextHop")?;
                self.see(Channel::NextHop, "! cancels");
            }
            Output::ToNextHop(octets) => self.next_hop_hears(&octets)?,
            Output::ReleaseNextHop { mails, .. } => {
                let said = self.connection.as_ref().map(|connection| connection.mails);
                must(said == Some(mails), "MAILs are counted as they were said")?;
                self.leave("! releases")?;
            }
            Output::DropNextHop => self.leave("! drops")?,
            Output::Hold(octets) => self.append(&octets),
            Output::ReadHold { offset, max } => {
                must(max <= CHUNK, "a read of the hold above its piece")?;
                self.read(offset, max);
            }
            Output::Scan { spared, .. } => {
                must(self.scanning.replace(spared).is_none(), "Scan while one is awaited")?;
            }
            Output::CancelScan => {
                must(self.scanning.take().is_some(), "CancelScan without Scan")?;
                self.see(Channel::Scanner, "! cancelled");
            }
            Output::Quarantine(item) => {
                let plan = self.quarantine_plan.take();
                self.promises.kept(&item, plan != Some(AnswerPlan::Fails));
                self.see_facts(Channel::Quarantine, serde_json::to_value(&item).unwrap());
                self.answer(plan, Input::Quarantined);
            }
            Output::SettleItem(_, state) => {
                let plan = self.quarantine_plan.take();
                let state = serde_json::to_value(state).unwrap();
                if state == "withdrawn" {
                    self.promises.withdrawn();
                }
                self.see_facts(Channel::Quarantine, json!({ "settled": state }));
                self.answer(plan, Input::Quarantined);
            }
            Output::Intent(intent) => {
                let plan = self.journal_plan.take();
                self.promises.intent(&intent, plan != Some(AnswerPlan::Fails));
                self.answer(plan, Input::Journaled);
            }
            Output::Record { record, acknowledge } => {
                self.promises.record(&record);
                self.records.push((*record).clone());
                self.see_facts(Channel::Record, serde_json::to_value(&record).unwrap());
                if acknowledge {
                    let plan = self.journal_plan.take();
                    self.answer(plan, Input::Journaled);
                }
            }
            Output::Forget => self.hold.clear(),
            Output::Wait(_) => return Err("Wait is no deed".into()),
        }
        self.promises.fault().map_or(Ok(()), Err)
    }

    /// What is asked for and not answered.
    pub fn outstanding(&self) -> Vec<&'static str> {
        let rows = [
            (self.opening.is_some(), "OpenNextHop"),
            (self.connection.is_some(), "the lease of a connection"),
            (self.scanning.is_some(), "Scan"),
            (!self.answers.is_empty() || !self.waiting.is_empty(), "an answer"),
            (!self.hold.is_empty(), "the hold"),
            (!self.closed, "the client's connection"),
        ];
        rows.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect()
    }

    /// The content that the next hop got, so far or before the dot.
    pub fn flowed(&self) -> &[u8] {
        let open = self.connection.as_ref().map(|connection| &connection.mail_data);
        open.filter(|flowing| !flowing.is_empty()).unwrap_or(&self.last_content)
    }

    fn see(&mut self, channel: Channel, text: &str) {
        self.transcript.push((channel, text.to_owned()));
        self.seen.entry(channel).or_default().push_back(Seen { channel, text: text.to_owned(), facts: Value::Null });
    }

    fn see_facts(&mut self, channel: Channel, facts: Value) {
        let text = masked(&facts.to_string());
        self.transcript.push((channel, text.clone()));
        self.seen.entry(channel).or_default().push_back(Seen { channel, text, facts });
    }

    fn answer(&mut self, plan: Option<AnswerPlan>, answer: impl Fn(Result<(), String>) -> Input) {
        match plan {
            Some(AnswerPlan::Fails) => self.answers.push_back(answer(Err("disk full".into()))),
            Some(AnswerPlan::Waits) => self.waiting.push_back(answer(Ok(()))),
            _ => self.answers.push_back(answer(Ok(()))),
        }
    }

    fn client_hears(&mut self, octets: &[u8]) -> Result<(), String> {
        must(!self.closed, "ToClient after CloseClient")?;
        self.to_client.extend_from_slice(octets);
        while let Some(end) = self.to_client.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.to_client.drain(..end + 2).collect();
            must(line.len() <= 512 && line.iter().all(|octet| octet.is_ascii()), "a reply line that is none")?;
            let line = String::from_utf8(line[..end].to_vec()).unwrap();
            if line.starts_with("354") {
                self.said_in_data = Some(Vec::new());
            }
            self.promises.said(&line);
            self.see(Channel::Client, &masked(&line));
        }
        must(self.to_client.is_empty(), "a reply line without its end")
    }

    fn next_hop_hears(&mut self, octets: &[u8]) -> Result<(), String> {
        let connection = self.connection.as_mut().ok_or("ToNextHop without a connection")?;
        self.undrained = true;
        for noticed in connection.receive(octets) {
            match noticed {
                Noticed::Command(line) => self.see(Channel::NextHop, &masked(&line)),
                Noticed::Dot(sent) => {
                    let by_chunks = by_chunks(&self.said, self.promises.recorded);
                    let by_data = || self.said_in_data.as_deref().and_then(content).unwrap_or_default().0;
                    let said = by_chunks.unwrap_or_else(by_data);
                    self.promises.dot(&sent, &self.hold, self.trace, &said);
                    self.see(Channel::NextHop, ".");
                    self.last_content = sent;
                    return self.promises.fault().map_or(Ok(()), Err);
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self, how: &str) -> Result<(), String> {
        let connection = self.connection.take().ok_or("a connection is given back that was not had")?;
        if !connection.mail_data.is_empty() {
            self.last_content = connection.mail_data;
        }
        (self.stalled, self.undrained) = (false, false);
        self.see(Channel::NextHop, how);
        Ok(())
    }

    fn append(&mut self, octets: &[u8]) {
        if self.hold.is_empty() {
            self.trace = octets.len();
        }
        let held = match self.hold_plan {
            Some(HoldPlan::Full) => Err(HoldFault::Full("no space".into())),
            Some(HoldPlan::Fails) => Err(HoldFault::Failed("input/output error".into())),
            _ => {
                self.hold.extend_from_slice(octets);
                Ok(())
            }
        };
        self.answers.push_back(Input::Held(held));
    }

    fn read(&mut self, offset: u64, max: usize) {
        let rest = self.hold.get(offset as usize..).unwrap_or_default();
        let read = Ok(Bytes::copy_from_slice(&rest[..rest.len().min(max)]));
        match self.hold_plan {
            Some(HoldPlan::Unreadable) => {
                self.answers.push_back(Input::HoldOctets(Err(HoldFault::Failed("input/output error".into()))));
            }
            Some(HoldPlan::Waits) => {
                self.hold_plan = None;
                self.waiting.push_back(Input::HoldOctets(read));
            }
            _ => self.answers.push_back(Input::HoldOctets(read)),
        }
    }
}

/// An error unless it holds.
pub fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("contract broken: {what}")) }
}

/// `text` with `ID` for every run of exactly 32 hex digits (a hash has 64).
pub fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut run = String::new();
    for char in text.chars().map(Some).chain([None]) {
        match char {
            Some(char @ ('0'..='9' | 'a'..='f')) => run.push(char),
            other => {
                masked.push_str(if run.len() == 32 { "ID" } else { &run });
                run.clear();
                masked.extend(other);
            }
        }
    }
    masked
}
