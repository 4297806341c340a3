//! A clock that is set, by hours and by years, back and forth, while mail flows and between two runs.
//!
//! Debian's libfaketime stands between the gateway and its clock: the wall clock is off by what a file says at each moment, the
//! monotonic one is the system's.

use std::{
    collections::HashSet,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    kept,
    letters::HELD_WORD,
    mta::{Attempt, Journey, Mta, Work},
    reconcile::{Arrivals, reconcile},
    support::{
        client::Client,
        gateway::Setup,
        rule,
        sink::Sink,
        subject::message_about,
        trace::{find_id, id_of_reply, split_first_field},
    },
};

const YEAR: i64 = 31_557_600;
const HOUR: i64 = 3_600;

/// How far the clock is off, one after the other; it ends where it began.
const STEPS: [i64; 12] = [0, HOUR, -HOUR, 10 * YEAR, 0, -10 * YEAR, -10 * YEAR - 1, 10 * YEAR, -HOUR, -1, 1, 0];

const MESSAGES: usize = 400;
const CLIENTS: usize = 8;

/// The clock of one gateway.
struct Clock(PathBuf);

impl Clock {
    /// A gateway that is set up with it starts with the right time.
    fn of(setup: Setup) -> (Self, Setup) {
        let library = library();
        assert!(library.exists(), "{} is missing: apt-get install libfaketime", library.display());
        let clock = Self(setup.write("clock", "+0\n"));
        let file = clock.0.display().to_string();
        let setup = setup
            .environment("LD_PRELOAD", &library.display().to_string())
            .environment("FAKETIME_TIMESTAMP_FILE", &file)
            // The file is read at each look at the clock; times of files and timers stay as they are.
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("DONT_FAKE_MONOTONIC", "1")
            .environment("NO_FAKE_STAT", "1");
        (clock, setup)
    }

    /// Sets it; in one step, so that nobody reads half a file.
    fn set(&self, beside: i64) {
        let next = self.0.with_extension("next");
        fs::write(&next, format!("{beside:+}\n")).unwrap();
        fs::rename(next, &self.0).unwrap();
    }
}

/// Where Debian has it, on a machine of this kind.
fn library() -> PathBuf {
    format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH).into()
}

/// Seconds by which a date is off.
fn off(date: Timestamp) -> i64 {
    date.duration_since(Timestamp::now()).as_secs()
}

/// Whether a clock showed that date within the last minutes.
fn was_shown(date: Timestamp) -> bool {
    let off = off(date);
    STEPS.iter().any(|step| (step - 600..step + 5).contains(&off))
}

fn date_of_our_field(content: &[u8]) -> Timestamp {
    let field = String::from_utf8(split_first_field(content).0.to_vec()).unwrap();
    let date = field.rsplit_once(';').expect("a date").1.trim();
    jiff::fmt::rfc2822::parse(date).unwrap_or_else(|fault| panic!("{field}: {fault}")).timestamp()
}

#[test]
fn a_clock_that_is_set_back_and_forth_loses_doubles_and_cuts_off_nothing() {
    let sink = Sink::start();
    let setup = Setup::new(sink.port()).rules("subjects/premio.toml", &rule::word("CRASH-PREMIO", HELD_WORD));
    let (clock, setup) = Clock::of(setup.yara().table(kept::AS_IT_IS));
    let mut gateway = setup.start();
    let until = Instant::now() + Duration::from_secs(180);
    let work = Work::of(MESSAGES);
    let port = gateway.port();
    let mut bystander = None;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let work = &work;
            scope.spawn(move || work.share(Mta::new(port, client as u64, until)));
        }
        for (nth, beside) in STEPS.into_iter().enumerate() {
            while work.answered() < nth * MESSAGES / (STEPS.len() + 1) {
                assert!(Instant::now() < until, "only {} answered in time", work.answered());
                thread::sleep(Duration::from_millis(2));
            }
            clock.set(beside);
            // Between two runs it is set too: ten years forward, and then back to before the first of them.
            if [3, 6].contains(&nth) {
                gateway.kill();
                gateway.run();
                let mut client = Client::connect(port);
                client.envelope("bystander@origin.example", &["maria@tjpa.jus.br"]);
                bystander = Some(client);
            }
        }
    });
    let mut bystander = bystander.unwrap();
    bystander.say("NOOP").expect("250", "no step of the clock is a client's silence");
    let reply = bystander.data(&message_about(b"Ata"));
    assert!(reply.is("250 "), "{}", reply.line());

    gateway.wait_until_ready();
    let journeys = work.journeys();
    let mut dates: Vec<Timestamp> =
        sink.state().messages.iter().map(|message| date_of_our_field(&message.content)).collect();
    dates.sort();
    sink.state().messages.retain(|message| !message.reverse_path.starts_with("bystander"));
    let mut arrivals = Arrivals::default();
    arrivals.take_from(&sink);
    let account = reconcile(&gateway, &journeys, &arrivals);
    assert!(account.lost.is_empty(), "acknowledged and lost: {:#?}", account.lost);
    assert!(account.faults.is_empty(), "{:#?}", account.faults);
    assert!(!gateway.log().contains("panicked"), "the gateway panicked; see its log");

    let wrong: Vec<&Timestamp> = dates.iter().filter(|date| !was_shown(**date)).collect();
    assert!(wrong.is_empty(), "no clock showed these dates: {wrong:?}");
    let years =
        |from: i64, to: i64| dates.iter().filter(|date| (from * YEAR..to * YEAR).contains(&off(**date))).count();
    let (past, future) = (years(-11, -9), years(9, 11));
    println!("{} messages arrived, {past} dated ten years ago, {future} in ten years", dates.len());
    assert!(past > 0 && future > 0, "the clock was not the gateway's: {past}, {future}");
    let ids: Vec<String> = journeys.iter().filter_map(last_id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), MESSAGES, "an id was given twice");
    for id in ids.iter().step_by(7) {
        // By a suffix, as a person asks: with ids of other years between them.
        let record = gateway.explain(&id[20..]);
        let (began, ended) = (record["began"].as_i64().unwrap(), record["ended"].as_i64().unwrap());
        assert!((0..60_000).contains(&(ended - began)), "what it took is not what the clock was set by: {record}");
        assert!(was_shown(Timestamp::from_millisecond(began).unwrap()), "{record}");
    }
}

fn last_id(journey: &Journey) -> Option<String> {
    match journey.last() {
        Some(Attempt::Answered(reply)) => Some(id_of_reply(reply)),
        _ => None,
    }
}

#[test]
fn a_rule_acts_between_its_dates_as_the_clock_shows_them() {
    let sink = Sink::start();
    let date = |years: i64| Timestamp::now() + SignedDuration::from_secs(years * YEAR);
    let dates = format!("mode = \"enforce\"\nstarts = {}\nexpires = {}\n", date(-1), date(1));
    let rule = rule::word("CRASH-DATES", HELD_WORD).replace("mode = \"enforce\"\n", &dates);
    let (clock, setup) = Clock::of(Setup::new(sink.port()).rules("subjects/dates.toml", &rule));
    let mut gateway = setup.start();
    let content = message_about(format!("Seu {HELD_WORD}").as_bytes());
    let mut expected = Vec::new();
    for round in 0..2 {
        for (years, ending) in [(0, "held"), (10, "relayed"), (-10, "relayed"), (0, "held"), (-40, "relayed")] {
            clock.set(years * YEAR);
            let mut client = Client::connect(gateway.port());
            let reply = client.send("dates@origin.example", &["maria@tjpa.jus.br"], &content);
            assert!(reply.is("250 "), "{}", reply.line());
            expected.push((find_id(&reply.line()).unwrap(), years, ending));
        }
        if round == 0 {
            // The rules are read again when the clock shows another century's end, and the journal of all years is replayed.
            gateway.kill();
            gateway.run();
        }
    }
    for (id, years, ending) in expected {
        assert_eq!(gateway.explain(&id)["ending"], ending, "{years} years off");
    }
    clock.set(0);
    assert_eq!(gateway.quarantine().len(), 4);
    gateway.terminate();
    assert!(gateway.wait(Duration::from_secs(20)).is_some_and(|status| status.success()), "it stops in time");
}
