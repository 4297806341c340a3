//! The crowd comes in, stays, and leaves; what it costs is printed and bounded.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    dribble::{self, Dribbler, Dribblers},
    ordinary,
    plan::{self, Plan},
    support::{
        gateway::{Gateway, Setup},
        sink::Sink,
        waiting::{alone, eventually},
    },
    talk::{NOT_GREETED, Silent, Talk},
    usage::{Usage, allow_descriptors, shown},
};

/// Sockets, holds, next hops, and what else a process has open.
const SPARE: u64 = 500;

/// One run.
struct Case {
    plan: Plan,
    gateway: Gateway,
    sink: Sink,
    runtime: Runtime,
    samples: usize,
    /// Octets resident at most.
    peak: u64,
    /// Bounds that did not hold: all are looked at before the case fails, so that one run tells all.
    faults: Vec<String>,
}

#[test]
fn a_crowd_of_idle_and_slow_clients_costs_bounded_memory_and_nobody_elses_time() {
    let _alone = alone();
    let plan = Plan::chosen();
    println!("{plan:?}, {} build", if cfg!(debug_assertions) { "debug" } else { "release" });
    allow_descriptors(plan.clients() as u64 + plan.dribbling as u64 + SPARE);
    let sink = Sink::start();
    let memory = plan.memory_total >> 20;
    let tables = format!(
        "[limits]\nconnections = 12000\n[timeouts]\ncommand = \"30 min\"\n[hold]\nmemory_total = \"{memory} MiB\"\n\
         memory_per_message = \"{} MiB\"",
        memory.min(8)
    );
    let gateway = Setup::new(sink.port()).table(&tables).soft_descriptors(256).start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut case = Case { plan, gateway, sink, runtime, samples: 0, peak: 0, faults: Vec::new() };
    case.run();
    assert!(case.faults.is_empty(), "{:#?}", case.faults);
    assert!(!case.gateway.log().contains("panicked"), "the gateway panicked; see its log");
}

impl Case {
    fn run(&mut self) {
        // What a first message makes once (connections, tables, caches) is no session's cost.
        let (_, alone) = ordinary::beside(self.gateway.port(), || thread::sleep(Duration::from_secs(2)));
        println!("ordinary mail alone: {}", alone.line());
        let before = self.settled(0);
        tell("before", before);

        let crowd = self.come_in();
        println!("connections made again because nobody greeted them: {}", NOT_GREETED.load(Ordering::Relaxed));
        self.given_back("the idle");
        self.dribble(crowd.len());
        drop(crowd);

        let after = self.settled(0);
        tell("after all have left", after);
        let kept = after.resident.saturating_sub(before.resident);
        self.bound("kept after all have left", kept, plan::left_over(self.plan));
        self.bound("memory of holds after all have left", after.hold_memory, 0);
        // The connections to the next hop that are kept for the next message come and go.
        self.bound("descriptors kept", after.descriptors.saturating_sub(before.descriptors) as u64, 20);

        self.plan.in_envelope = 0;
        drop(self.come_in());
        let again = self.settled(0);
        tell("after the idle came once more and left", again);
        let kept = again.resident.saturating_sub(self.peak.max(after.resident));
        self.bound("more than ever before, when they have left again", kept, plan::left_over_again(self.plan));
    }

    /// The idle come, one kind after the other, all of a kind at once. What one of them costs is bounded.
    fn come_in(&mut self) -> Vec<Talk> {
        let kinds = [
            (Silent::AfterHello, self.plan.silent),
            (Silent::AfterMessage, self.plan.sent_before),
            (Silent::InEnvelope, self.plan.in_envelope),
        ];
        let mut crowd = Vec::new();
        for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            let before = self.settled(crowd.len());
            let begun = Instant::now();
            let (port, until) = (self.gateway.port(), begun + self.plan.limit);
            let tasks: JoinSet<_> =
                self.runtime.block_on(async { (0..count).map(|_| Silent::begin(kind, port, until.into())).collect() });
            crowd.extend(
                self.runtime.block_on(tasks.join_all()).into_iter().map(|talk| talk.expect("a client comes in")),
            );
            let took = begun.elapsed();
            self.sink.state().messages.clear();
            let after = self.settled(crowd.len());
            let grown = after.resident.saturating_sub(before.resident);
            let (each, most) =
                (grown / count as u64, if kind == Silent::AfterHello { plan::SILENT } else { plan::IDLE });
            println!("{kind:?}: {count} came in within {:.1} s; each {}", took.as_secs_f64(), shown(each));
            tell("  then", after);
            self.bound(&format!("{count} sessions, {kind:?}"), grown, count as u64 * most + plan::ONCE);
        }
        crowd
    }

    /// The dribblers come, dribble on for a while, and some go on to the end. Ordinary mail is sent beside them.
    fn dribble(&mut self, idle: usize) {
        let Plan { dribbling, dribble, finish, limit, .. } = self.plan;
        let before = self.settled(idle);
        let port = self.gateway.port();
        let begun = Instant::now();
        let mut dribblers = self.runtime.block_on(async { Dribblers::begin(dribbling, port, (begun + limit).into()) });
        let (_, storm) = ordinary::beside(port, || {
            while dribblers.begun() < dribbling && dribblers.are_well() && begun.elapsed() < limit {
                self.sample("while they come in", before);
            }
        });
        let (took, told) = (begun.elapsed().as_secs_f64(), dribblers.told_to_wait());
        println!("{} dribblers came in within {took:.1} s, and were told 4xx {told} times", dribblers.begun());
        println!("ordinary mail while they come in: {}", storm.line());
        self.given_back("the dribblers");

        dribblers.pace(dribble::SLOW);
        let begun = Instant::now();
        let (_, beside) = ordinary::beside(port, || {
            while begun.elapsed() < dribble {
                self.sample("while they dribble", before);
            }
        });
        println!("ordinary mail beside the dribblers: {}", beside.line());
        self.bound("ordinary mail not taken", beside.counts().1 as u64, 0);
        self.bound(
            "ms for 99 of 100 ordinary messages",
            beside.at(0.99).as_millis() as u64,
            plan::ANSWERED.as_millis() as u64,
        );

        let mut all = self.runtime.block_on(dribblers.stop());
        let last = all.split_off(all.len() - finish);
        drop(all);
        let (begun, numbers) = (Instant::now(), last.iter().map(Dribbler::number).collect::<Vec<_>>());
        self.sink.state().messages.clear();
        let ends = self
            .runtime
            .block_on(async { last.into_iter().map(Dribbler::finish).collect::<JoinSet<_>>().join_all().await });
        assert!(ends.iter().all(Result::is_ok), "a dribbler that goes on is answered 250: {ends:?}");
        let arrived = std::mem::take(&mut self.sink.state().messages);
        for number in numbers {
            let content = dribble::content(number);
            let count = arrived.iter().filter(|mail| mail.content.ends_with(&content)).count();
            assert_eq!(count, 1, "dribbler {number}: once, octet for octet, behind our trace field");
        }
        println!("{finish} of them went on to the end within {:.1} s, octet-identical", begun.elapsed().as_secs_f64());
    }

    /// What it takes at this moment, which is bounded at every moment.
    fn sample(&mut self, when: &str, before: Usage) {
        let now = Usage::of(&self.gateway);
        if self.samples.is_multiple_of(5) {
            tell(when, now);
        }
        self.samples += 1;
        self.peak = self.peak.max(now.resident);
        let bound = (self.plan.dribbling + ordinary::CONNECTIONS) as u64 * plan::DRIBBLING + plan::ONCE;
        self.bound("resident, beside what the idle take", now.resident.saturating_sub(before.resident), bound);
        self.bound("memory of all holds", now.hold_memory, self.plan.memory_total);
        self.bound("memory of all memfds", now.memfd_octets, self.plan.memory_total + now.memfds as u64 * 4096);
        self.sink.state().messages.clear();
        thread::sleep(Duration::from_secs(2));
    }

    /// What it takes once it has so many sessions and nothing more to do.
    fn settled(&self, sessions: usize) -> Usage {
        let mut usage = Usage::of(&self.gateway);
        let reached = eventually(Duration::from_secs(30), || {
            usage = Usage::of(&self.gateway);
            usage.connections == sessions as u64
        });
        assert!(reached, "{sessions} sessions were to be there: {usage:?}");
        thread::sleep(Duration::from_secs(1));
        Usage::of(&self.gateway)
    }

    /// Whoever is silent or slow gives its next-hop connection back (decision 1).
    fn given_back(&mut self, who: &str) {
        let begun = Instant::now();
        let given_back = eventually(Duration::from_secs(15), || self.next_hop_in_use() == 0);
        println!("{who} hold no next-hop connection after {:.1} s more", begun.elapsed().as_secs_f64());
        self.bound(&format!("next-hop connections that {who} still hold"), u64::from(!given_back), 0);
    }

    /// Connections to the next hop that sessions hold now.
    fn next_hop_in_use(&self) -> u64 {
        let status = self.gateway.command(&["status", "--json"]).succeeded().json_lines();
        status[0]["next_hops"][0]["in_use"].as_u64().unwrap_or_else(|| panic!("no in_use in {status:?}"))
    }

    fn bound(&mut self, what: &str, value: u64, most: u64) {
        if value > most {
            self.faults.push(format!("{what}: {value} and not {most} at most"));
        }
    }
}

fn tell(when: &str, usage: Usage) {
    println!(
        "{when}: {} sessions, resident {}, holds {} by its own count, {} memfds of {}, {} files of {}, {} descriptors, {} threads",
        usage.connections,
        shown(usage.resident),
        shown(usage.hold_memory),
        usage.memfds,
        shown(usage.memfd_octets),
        usage.files,
        shown(usage.file_octets),
        usage.descriptors,
        usage.threads
    );
}
