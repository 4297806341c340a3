//! Hundreds of sessions in every state while the rules reload twenty times a second.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use portaria::store::Store;
use tokio_rustls::rustls::version;

use crate::{
    session::{Met, Place, Seen, Session},
    sets::{APPLICATION, MAILBOXES, Set, applications},
    support::{
        gateway::{Gateway, Setup, password_hash},
        port::Port,
        sink::Sink,
        tls::{Certified, Trust},
        waiting::{alone, eventually},
    },
};

/// The size of one run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    sessions: usize,
    lasts: Duration,
    /// Between two reloads.
    every: Duration,
}

const QUICK: Plan = Plan { sessions: 100, lasts: Duration::from_secs(10), every: Duration::from_millis(50) };
const FULL: Plan = Plan { sessions: 500, lasts: Duration::from_secs(60), every: Duration::from_millis(50) };

/// A reply that takes longer was stalled by a reload. The debug build runs beside other tests.
const STALLED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 2 });

/// Every session is asked for what it did; every message for which set judged it: at RCPT, at its end, in its tag, in its record.
#[test]
fn sessions_in_every_state_go_on_while_rules_reload_and_no_message_meets_two_sets() {
    let _alone = alone();
    let plan = if std::env::var("PORTARIA_RELOADS").as_deref() == Ok("full") { FULL } else { QUICK };
    println!("{plan:?}, {} build", if cfg!(debug_assertions) { "debug" } else { "release" });
    let sink = Sink::start();
    let (certified, application) = (Certified::new(), Port::lease());
    let listener = format!(
        "[[listener]]\nrole = \"application\"\naddress = \"127.0.0.1:{}\"\ntls = \"starttls\"\n",
        application.number()
    );
    let setup = Setup::new(sink.port()).next_hop_lines("max_connections = 1000\n").rules_behind_a_link();
    let gateway = setup.starttls(&certified.chain, &certified.key).table(&listener).start();
    let hash = password_hash(APPLICATION.password);
    for set in Set::BOTH {
        let folder = gateway.beside(set.folder());
        set.write(&folder);
        fs::write(folder.join("applications.toml"), applications(&hash)).unwrap();
    }
    let trust = Trust::new(&[&certified], &[&version::TLS13, &version::TLS12]);
    let place = Place { relay: gateway.port(), application: application.number(), trust };
    let versions = versions(&gateway);

    let (alone, _) = run(&gateway, &place, plan, Duration::from_secs(3), None);
    let (with_reloads, turns) = run(&gateway, &place, plan, plan.lasts, Some(plan.every));
    let reloads = reloads(&gateway);
    for (what, seen) in [("without", &alone), ("with", &with_reloads)] {
        let end = seen.iter().map(|seen| seen.longest_end).max().unwrap_or_default();
        println!("{what} reloads: longest reply to a command {:?}, to a whole message {end:?}", longest(seen));
    }
    println!(
        "{reloads} reloads in {:?}, {} sessions, {} connections, {} replies, {} messages",
        plan.lasts,
        plan.sessions,
        with_reloads.iter().map(|seen| seen.connections).sum::<usize>(),
        with_reloads.iter().map(|seen| seen.replies).sum::<usize>(),
        with_reloads.iter().map(|seen| seen.met.len()).sum::<usize>(),
    );
    println!("{turns} times the folder was turned and SIGHUP sent");

    let faults: Vec<&String> = with_reloads.iter().chain(&alone).flat_map(|seen| &seen.faults).collect();
    assert!(faults.is_empty(), "{} sessions broke: {faults:#?}", faults.len());
    let met: Vec<Met> = with_reloads.iter().chain(&alone).flat_map(|seen| seen.met.clone()).collect();
    assert!(met.len() > plan.sessions, "few messages: {}", met.len());
    for set in Set::BOTH {
        assert!(met.iter().any(|met| met.set == set), "no message under {set:?}: nothing was tried");
    }
    let deferred = met.iter().filter(|met| met.deferred).count();
    println!("{deferred} heard 452, because the disk was too slow for what was to be held");
    // How many a machine does of those that are asked for is its own; below this nothing was tried.
    assert!(reloads as u64 >= plan.lasts.as_secs() * 2, "{reloads} reloads");
    one_set_each(&gateway, &sink, &met, &versions);
    assert!(longest(&with_reloads) < STALLED.max(longest(&alone) * 2), "a reload stalls somebody");
    assert_history_is_bounded(&gateway);
    assert!(!gateway.log().contains("panicked"), "the gateway panicked; see its log");
}

/// The version of each set, as the gateway names it. Leaves the second in force.
fn versions(gateway: &Gateway) -> BTreeMap<String, Set> {
    let version = |set: Set| {
        gateway.turn_rules(set.folder());
        let told = gateway.command(&["reload", "--json"]).succeeded().json_lines().remove(0);
        (told["policy"].as_str().unwrap().to_owned(), set)
    };
    let versions: BTreeMap<String, Set> = Set::BOTH.map(version).into();
    assert_eq!(versions.len(), 2);
    versions
}

/// All sessions for so long; meanwhile the folder is turned and SIGHUP sent every so often. How often it was.
fn run(gateway: &Gateway, place: &Place, plan: Plan, lasts: Duration, every: Option<Duration>) -> (Vec<Seen>, usize) {
    let over = Arc::new(AtomicBool::new(false));
    let turns = AtomicUsize::new(0);
    let until = Instant::now() + lasts;
    let seen = thread::scope(|scope| {
        let sessions: Vec<_> = (0..plan.sessions)
            .map(|number| {
                let session = Session::new(place, number);
                let builder = thread::Builder::new().stack_size(256 * 1024);
                builder.spawn_scoped(scope, move || session.run(until)).unwrap()
            })
            .collect();
        if let Some(every) = every {
            let (over, turns) = (over.clone(), &turns);
            scope.spawn(move || {
                let mut next = Instant::now();
                while !over.load(Ordering::Relaxed) {
                    let nth = turns.fetch_add(1, Ordering::Relaxed);
                    gateway.turn_rules(Set::BOTH[nth % 2].folder());
                    gateway.hang_up();
                    next += every;
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            });
        }
        let seen = sessions.into_iter().map(|session| session.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        seen
    });
    (seen, turns.into_inner())
}

fn longest(seen: &[Seen]) -> Duration {
    seen.iter().map(|seen| seen.longest).max().unwrap_or_default()
}

/// How many sets were put into force.
fn reloads(gateway: &Gateway) -> usize {
    let (_, metrics) = gateway.http("/metrics");
    let count = |result: &str| -> usize {
        let name = format!("portaria_reloads_total{{result=\"{result}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    };
    println!("reloads: {} ok, {} refused because the folder was turned meanwhile", count("ok"), count("fault"));
    count("ok")
}

/// What each message met, from the first RCPT to its record, was one set; and the record names it.
fn one_set_each(gateway: &Gateway, sink: &Sink, met: &[Met], versions: &BTreeMap<String, Set>) {
    let state = sink.state();
    let relayed: BTreeMap<String, String> = state
        .messages
        .iter()
        .filter_map(|message| {
            let text = String::from_utf8_lossy(&message.content).into_owned();
            let (_, id) = text.split_once("\tid=")?;
            Some((id.split('\r').next()?.to_owned(), text.clone()))
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let view = runtime.block_on(Store::open_read_only(&gateway.data())).unwrap();
    let mut judged: BTreeMap<Set, usize> = BTreeMap::new();
    for Met { id, set, word, deferred } in met {
        let mut record = None;
        let there = eventually(Duration::from_secs(20), || {
            let found = runtime.block_on(async { view.record(&view.find(id).await.ok()?).await.ok()? });
            record = found;
            record.is_some()
        });
        assert!(there, "{id} has no record");
        let record = serde_json::to_value(record.unwrap()).unwrap();
        assert_eq!(versions.get(record["policy"].as_str().unwrap()), Some(set), "{id}: {record:#}");
        *judged.entry(*set).or_default() += 1;
        let is_held = *word == set.holds();
        let rule = if is_held { set.holding() } else { set.tagging() };
        assert_eq!(record["rules"][0]["rule"], rule.as_str(), "{id}: {record:#}");
        let ending = match (deferred, is_held) {
            (true, _) => "deferred",
            (false, true) => "held",
            (false, false) => "relayed",
        };
        assert_eq!(record["ending"], ending, "{id}: {record:#}");
        match relayed.get(id) {
            Some(text) => {
                assert!(!is_held && text.contains(&rule), "{id}: {text}");
                let other = if rule.starts_with("ALFA") { "BETA-" } else { "ALFA-" };
                assert!(!text.contains(other), "{id} names both sets: {text}");
            }
            None => assert!(is_held, "{id} was to be relayed: {record:#}"),
        }
    }
    for message in &state.messages {
        let refused = MAILBOXES.iter().filter(|mailbox| !message.recipients.iter().any(|it| it == *mailbox)).count();
        assert_eq!(refused, 1, "one of the two: {:?}", message.recipients);
    }
    println!("judged: {judged:?}; {} relayed, {} held", relayed.len(), met.len() - relayed.len());
}

/// After all that the history is bounded, and each content is in it once.
fn assert_history_is_bounded(gateway: &Gateway) {
    let entries = gateway.command(&["rules", "history", "--json"]).succeeded().json_lines();
    assert!((2..=100).contains(&entries.len()), "{}", entries.len());
    let kept = fs::read_dir(gateway.data().join("rules/objects")).unwrap().count();
    // Two files of each set, and the applications of both.
    assert!(kept <= 5, "{kept}");
}
