//! `kill -9` at random moments, again and again, under a load of clients that behave as MTAs.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    kept,
    letters::HELD_WORD,
    mta::{Mta, Work},
    reconcile::{Arrivals, reconcile},
    report::table,
    support::{
        gateway::{Gateway, Setup},
        generator::Chance,
        rule,
        sink::Sink,
        waiting::alone,
    },
};

#[derive(Clone, Copy, Debug)]
struct Plan {
    kills: usize,
    clients: usize,
    messages: usize,
    limit: Duration,
}

const SHORT: Plan = Plan { kills: 5, clients: 20, messages: 1_500, limit: Duration::from_secs(180) };
const FULL: Plan = Plan { kills: 20, clients: 50, messages: 20_000, limit: Duration::from_secs(2_400) };

/// Chooses the moments. Which message meets which kill still depends on the machine.
const SEED: u64 = 20_261_121;

#[test]
fn killed_again_and_again_under_load_nothing_acknowledged_is_lost() {
    let _alone = alone();
    let plan = if std::env::var("PORTARIA_CRASH").as_deref() == Ok("full") { FULL } else { SHORT };
    let seed = std::env::var("PORTARIA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let sink = Sink::start();
    let mut gateway = Setup::new(sink.port())
        .yara()
        .table(kept::AS_IT_IS)
        .rules("subjects/premio.toml", &rule::word("CRASH-PREMIO", HELD_WORD))
        .start();
    println!("{plan:?}, PORTARIA_SEED={seed}");

    let begun = Instant::now();
    let (work, over) = (Work::of(plan.messages), AtomicBool::new(false));
    let port = gateway.port();
    let (restarts, arrivals) = thread::scope(|scope| {
        let inspector = scope.spawn(|| {
            let mut arrivals = Arrivals::default();
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(50));
                arrivals.take_from(&sink);
            }
            arrivals
        });
        let clients: Vec<_> = (0..plan.clients as u64)
            .map(|client| {
                let work = &work;
                scope.spawn(move || work.share(Mta::new(port, seed ^ client << 32, begun + plan.limit)))
            })
            .collect();
        let restarts = kill_and_restart(plan, seed, &mut gateway, &sink, &work, begun);
        let ends: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        assert!(ends.iter().all(Result::is_ok), "a client gave up; see above");
        (restarts, inspector.join().unwrap())
    });
    println!("all answered after {:.1} s", begun.elapsed().as_secs_f64());

    let (mut arrivals, journeys) = (arrivals, work.journeys());
    gateway.wait_until_ready();
    arrivals.take_from(&sink);
    let account = reconcile(&gateway, &journeys, &arrivals);
    println!("{}", table(&account, &journeys, &arrivals, &restarts));
    assert!(account.lost.is_empty(), "acknowledged and lost: {:#?}", account.lost);
    assert!(account.faults.is_empty(), "{:#?}", account.faults);
    assert!(!gateway.log().contains("panicked"), "the gateway panicked; see its log");
    let cut_off: usize = account.duplicates.values().sum();
    assert!(cut_off > 0, "no reply to a dot was cut off by any kill: the case proves nothing about duplicates");
}

/// Kills the gateway at random moments, spread over the load, and starts it again at once. How long each start took until the port
/// accepted.
///
/// Every third kill comes while the mailbox server has our dots and is silent, so that replies are cut off for certain. Every fifth comes
/// while the gateway is still putting in order what the kill before it left.
fn kill_and_restart(
    plan: Plan,
    seed: u64,
    gateway: &mut Gateway,
    sink: &Sink,
    work: &Work,
    begun: Instant,
) -> Vec<Duration> {
    let mut chance = Chance::new(seed);
    let share = plan.messages / (plan.kills + 1);
    let mut restarts = Vec::new();
    for kill in 0..plan.kills {
        let (silent, at_once) = (kill % 3 == 1, kill % 5 == 4);
        let moment = kill * share + chance.below(share);
        while !at_once && work.answered() < moment {
            assert!(
                begun.elapsed() < plan.limit,
                "kill {}: only {} messages answered in time",
                kill + 1,
                work.answered()
            );
            thread::sleep(Duration::from_millis(1));
        }
        sink.behave(|behaviour| behaviour.dots_wait = silent);
        thread::sleep(Duration::from_millis(if silent { 100 } else { 0 } + chance.next() % 40));
        gateway.kill();
        let (when, so_far) = (begun.elapsed(), work.answered());
        sink.behave(|behaviour| behaviour.dots_wait = false);
        let starting = Instant::now();
        gateway.run();
        restarts.push(starting.elapsed());
        println!(
            "kill {:>2} after {:>6.1} s, {so_far:>5} answered{}{}: listens again after {} ms",
            kill + 1,
            when.as_secs_f64(),
            if silent { ", dots unanswered" } else { "" },
            if at_once { ", right after a start" } else { "" },
            starting.elapsed().as_millis()
        );
    }
    restarts
}
