//! Simulated sessions by plan: in each transaction one fault is to strike at one step (`plan`), besides what strikes by chance,
//! and the promises are looked at after every output by the world of `relay_session`. Everything comes from the seed.
//!
//! In: a seed. Out: what happened ([`Outcome`]), counted by [`tally::Tally`]; a panic when a promise is broken.
//!
//! | what | file |
//! |---|---|
//! | every fault and the steps at which it can strike | `plan` |
//! | what the client says | `client` |
//! | counts, and how they are printed | `tally` |

mod client;
pub mod plan;
pub mod tally;

use std::{num::NonZeroU32, sync::Arc};

use client::{Client, Shape};
use plan::{CHANCES, Cell, SECURING};
use portaria::{
    policy::rate::Rates,
    record::{Ending, Record},
    relay::{Session, Shares},
};

use crate::{
    choices::Choices,
    relay_session::{
        house, promises,
        script::{Deed, Mood, TEN_YEARS, Verdict},
        world::{Fault, Step, World},
    },
};

/// No session needs so many deeds.
const DEEDS: usize = 50_000;

/// What happened in a session.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How each transaction ended.
    pub endings: Vec<Ending>,
    /// Transactions whose mail data came whole.
    pub whole: usize,
    /// Every fault that struck.
    pub struck: Vec<Cell>,
    /// Passwords that were verified, and those that were right.
    pub logins: (usize, usize),
    /// Messages of applications that were relayed or held: by their network, by their login.
    pub of_applications: (usize, usize),
}

/// Plays the session of a seed. `listener` hears the conversation.
///
/// # Panics
/// When a promise is broken.
pub fn play(seed: u64, listener: Option<fn(&str)>) -> Outcome {
    let mut choices = Choices::seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (antivirus, cut_through, at_once) = (!choices.once_in(5), !choices.once_in(3), choices.once_in(4));
    let application = choices.once_in(6);
    let starttls = choices.once_in(if application { 2 } else { 6 });
    let chance = u128::from(choices.any()) << 64 | u128::from(choices.any());
    let now = World::moment();
    let settings = house::settings(antivirus, cut_through, application);
    // One session in sixteen is of a network that has little: its MAIL is soon answered 450.
    let messages = (seed % 16 == 5).then(|| Arc::new(Rates::new(NonZeroU32::MIN.saturating_add(2), Vec::new())));
    let (offer, client) = (house::offer(application), house::client(application));
    let session = Session::new(settings, offer, house::POLICY.clone(), client, chance, now).with_message_rate(messages);
    let session = if application { session.with_shares(Shares::default()) } else { session };
    let mut world = World::new(session, now, antivirus, at_once).of_applications(application);
    world.listener = listener;
    if let Some(listener) = listener {
        listener(&format!(
            "# seed {seed}: antivirus={antivirus} cut_through={cut_through} disk_at_once={at_once} application={application}"
        ));
    }
    let client = Client::new(&mut choices, starttls, application);
    let mut driver = Driver { world, choices, client, cell: None, verdict: Verdict::Clean, hesitates: false };
    driver.replan();
    if starttls && driver.choices.once_in(2) {
        driver.cell = Some(*driver.choices.one_of(&SECURING));
    }
    driver.run();
    promises::check_end(&driver.world);
    driver.outcome()
}

fn by_login(record: &Record) -> bool {
    record.application.as_ref().is_some_and(|application| application.login.is_some())
}

struct Driver {
    world: World,
    choices: Choices,
    client: Client,
    /// What is to go wrong, if it did not already.
    cell: Option<Cell>,
    verdict: Verdict,
    /// Before it says mail data, the client is slow: its next-hop connection is given back (decision 1).
    hesitates: bool,
}

impl Driver {
    fn run(&mut self) {
        for _ in 0..DEEDS {
            if self.world.finished() {
                return;
            }
            if !self.strike() {
                self.go_on();
            }
        }
        panic!("it never ends: {:?}", self.world.wait);
    }

    fn act(&mut self, deed: Deed) {
        self.world.act(deed, || None);
    }

    /// What is to go wrong in the transaction that begins. Sometimes nothing.
    fn replan(&mut self) {
        self.cell = (!self.choices.once_in(8)).then(|| *self.choices.one_of(&CHANCES));
        let reopens = matches!(self.cell, Some(Cell::At(Step::HandingOver, _))) && self.choices.once_in(2);
        self.hesitates = reopens || self.choices.once_in(20);
        self.verdict = client::verdict(&mut self.choices);
        self.world.moods.planned = match self.cell {
            Some(Cell::Answer(verb, mood)) => Some((verb, mood)),
            _ => None,
        };
    }

    /// What is planned strikes, if everything stands as planned; at the first moment of the step or later. One time in three, it
    /// may strike again: a connection that is lost may be lost until no attempt is left.
    fn strike(&mut self) -> bool {
        let Some(Cell::At(step, fault)) = self.cell else { return false };
        // Another connection is asked for while mail data arrives, or is scanned, only when one is lost that it flowed on.
        let loses = self.cell.is_some_and(Cell::wants_another_connection) && step != Step::HandingOver;
        if loses && self.world.step() == Step::Flowing && self.choices.once_in(3) {
            self.act(Deed::NextHopGone);
            return true;
        }
        if self.world.step() != step || !self.world.can(fault) || self.choices.once_in(3) {
            return false;
        }
        if !self.choices.once_in(3) {
            self.cell = None;
        }
        let verdict = match fault {
            Fault::Infected => Some(Verdict::Infected),
            Fault::Unavailable => Some(Verdict::Unavailable),
            Fault::NotFullyScanned => Some(Verdict::Limits),
            Fault::Encrypted => Some(Verdict::Encrypted),
            Fault::NobodyScanned => Some(Verdict::Nobody),
            _ => None,
        };
        let deeds = match fault {
            Fault::ClientGone => vec![Deed::Leave],
            Fault::ClientBroke => vec![Deed::Break],
            Fault::Deadline => vec![Deed::Pass(None)],
            Fault::Minute => vec![Deed::Pass(Some(61))],
            Fault::Stop => vec![Deed::Stop],
            Fault::Policy => vec![Deed::Policy],
            Fault::DiskLow => vec![Deed::DiskLow(true)],
            Fault::Busy => vec![Deed::Busy],
            Fault::Unreachable => vec![Deed::Unreachable],
            Fault::NoTls => vec![Deed::NoTls],
            Fault::NextHopGone => vec![Deed::NextHopGone],
            Fault::PartialReply => vec![Deed::Hear(1 + self.choices.below(12)), Deed::NextHopGone],
            Fault::Unasked => vec![Deed::Unasked],
            Fault::EarlyNo => vec![Deed::EarlyNo],
            Fault::Wanted => vec![Deed::Pass(Some(1)), Deed::Wanted],
            Fault::NoDescriptor => vec![Deed::NoDescriptor],
            Fault::Clock => vec![self.clock()],
            Fault::HoldFull => vec![Deed::HoldFull, Deed::Answer],
            Fault::HoldUnreadable => vec![Deed::HoldUnreadable, Deed::Answer],
            Fault::NotKept => vec![Deed::NotKept, Deed::Answer],
            Fault::NotJournaled => vec![Deed::NotJournaled, Deed::Answer],
            _ => verdict.map(Deed::Scan).into_iter().collect(),
        };
        for deed in deeds {
            self.act(deed);
        }
        true
    }

    /// One thing that is good, in any order; seldom something that is not.
    fn go_on(&mut self) {
        if self.choices.once_in(150) {
            let noise = self.noise();
            return self.act(noise);
        }
        let mut good = self.world.good(self.verdict);
        // Content that flows waits for its client only when all that came of it is written.
        if self.cell == Some(Cell::At(Step::Flowing, Fault::Wanted)) && good.len() > 1 {
            good.retain(|deed| !matches!(deed, Deed::Write(_)));
        }
        if good.is_empty() {
            return self.client_turn();
        }
        let deed = match *self.choices.one_of(&good) {
            Deed::Write(_) if self.choices.once_in(2) => Deed::Write(1 + self.choices.below(400)),
            Deed::Hear(_) if self.choices.once_in(4) => Deed::Hear(1 + self.choices.below(20)),
            Deed::Open(_) if self.choices.once_in(5) => Deed::Open(false),
            Deed::Open(_) if self.choices.once_in(12) => Deed::OpenNarrow,
            deed => deed,
        };
        self.act(deed);
    }

    /// The clock is set anywhere within ten years of the truth; seldom to before 1970.
    fn clock(&mut self) -> Deed {
        match self.choices.below(12) {
            0 => Deed::Clock(0),
            1 => Deed::Clock(-6 * TEN_YEARS),
            2 => Deed::Clock(3600),
            3 => Deed::Clock(-3600),
            _ => Deed::Clock(i64::try_from(self.choices.any() % (2 * TEN_YEARS as u64)).unwrap_or(0) - TEN_YEARS),
        }
    }

    fn noise(&mut self) -> Deed {
        if self.choices.once_in(6) {
            return self.clock();
        }
        *self.choices.one_of(&[
            Deed::Pass(Some(1)),
            Deed::Pass(Some(6)),
            Deed::Pass(None),
            Deed::NextHopGone,
            Deed::Unasked,
            Deed::EarlyNo,
            Deed::Wanted,
            Deed::ReadLittle,
            Deed::DiskLow(false),
            Deed::DiskLow(true),
            Deed::HoldFull,
            Deed::NotKept,
            Deed::NoRoom,
            Deed::Mood(Mood::Later),
            Deed::Mood(Mood::No),
            Deed::Mood(Mood::Closing),
            Deed::Mood(Mood::Mad),
        ])
    }

    /// Everybody waits for the client.
    fn client_turn(&mut self) {
        if !self.world.awaits_client() {
            return self.act(Deed::Pass(None));
        }
        let in_data = self.world.dialogue.in_data();
        if !in_data && self.client.is_between() {
            self.replan();
            let step = match self.cell {
                Some(cell @ Cell::At(Step::Content | Step::Scanning, _)) if cell.wants_another_connection() => {
                    Some(Step::Flowing)
                }
                Some(Cell::At(_, Fault::HoldUnreadable) | Cell::At(Step::Scanning, Fault::PartialReply)) => {
                    Some(Step::Flowing)
                }
                Some(Cell::At(step, _)) => Some(step),
                Some(Cell::Answer(crate::relay_session::next_hop::Verb::Reset, _)) => Some(Step::Settling),
                _ => None,
            };
            let shape = Shape::reaching(step, &mut self.choices);
            self.client.begin(shape, &mut self.choices);
            // A new transaction on a gateway whose disk has room again.
            if self.choices.once_in(2) {
                self.act(Deed::DiskLow(false));
            }
        }
        if in_data && std::mem::take(&mut self.hesitates) {
            return self.act(Deed::Pass(Some(6)));
        }
        let is_open = self.world.dialogue.is_open();
        match self.client.next(in_data, is_open) {
            Some(octets) => self.world.say(&octets),
            None if self.choices.once_in(4) => self.act(Deed::Pass(None)),
            None if self.choices.once_in(2) => self.act(Deed::Break),
            None => self.act(Deed::Leave),
        }
    }

    fn outcome(&self) -> Outcome {
        let world = &self.world;
        let at = world.struck.iter().map(|&(step, fault)| Cell::At(step, fault));
        let answers = world.moods.shown.iter().map(|&(verb, mood)| Cell::Answer(verb, mood));
        let whole = |said: &&crate::relay_session::dialogue::Said| {
            said.content.as_ref().is_some_and(|content| content.behind.is_some())
        };
        let went = |record: &&Record| {
            matches!(record.ending, Ending::Relayed | Ending::Held | Ending::RelayedAndHeld)
                && record.application.is_some()
        };
        let went: Vec<bool> = world.sealed.iter().map(|(record, _)| record).filter(went).map(by_login).collect();
        let by_logins = went.iter().filter(|by_login| **by_login).count();
        Outcome {
            logins: world.logins,
            of_applications: (went.len() - by_logins, by_logins),
            endings: world.sealed.iter().map(|(record, _)| record.ending).collect(),
            whole: world.dialogue.transactions.iter().filter(whole).count(),
            struck: at.chain(answers).collect(),
        }
    }
}
