//! Simulated mail transactions with faults at every step, the promises looked at after every output.
//!
//! `simulate [--transactions N] [--seed FROM] [--jobs N] [--trace]`: sessions from seed FROM (1) on, until N transactions (20000)
//! have ended, on N threads (2). `--trace` prints the conversation of the session of FROM, and plays no other. A run of at least
//! 20000 transactions fails too if a fault never struck at a step where it can. The last line is `N passed, N failed`, counted in
//! transactions; a broken promise or a fault that never struck is a failure. Exit code 0: none; 1: some; 2: usage.

#![expect(clippy::disallowed_methods, reason = "a program for people: it reads the clock, and starts threads")]

use std::{
    io::{IsTerminal, Write},
    panic,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use portaria_fuzz::simulation::{self, plan::name, tally::Tally};

/// From so many transactions on, everything that can go wrong must have gone wrong.
const ENOUGH: u64 = 20_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::read(&arguments) else {
        eprintln!("usage: simulate [--transactions N] [--seed FROM] [--jobs N] [--trace]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let (passed, failed) = if options.trace { trace(options.seed) } else { run(&options) };
    println!("time: {:.1} s", start.elapsed().as_secs_f64());
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

struct Options {
    transactions: u64,
    seed: u64,
    jobs: usize,
    trace: bool,
}

impl Options {
    fn read(arguments: &[String]) -> Option<Self> {
        let mut options = Self { transactions: ENOUGH, seed: 1, jobs: 2, trace: false };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            match name.as_str() {
                "--transactions" => options.transactions = rest.next()?.parse().ok()?,
                "--seed" => options.seed = rest.next()?.parse().ok()?,
                "--jobs" => options.jobs = rest.next()?.parse().ok().filter(|jobs| (1..=256).contains(jobs))?,
                "--trace" => options.trace = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// One session, line by line. The panic's own message says what was broken. Transactions that passed, and failures.
fn trace(seed: u64) -> (u64, u64) {
    match panic::catch_unwind(|| simulation::play(seed, Some(|line| println!("{line}")))) {
        Ok(outcome) => (outcome.endings.len() as u64, 0),
        Err(_) => (0, 1),
    }
}

fn run(options: &Options) -> (u64, u64) {
    let common = Common {
        next: AtomicU64::new(options.seed),
        done: AtomicU64::new(0),
        broken: AtomicBool::new(false),
        first: Mutex::new(None),
    };
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..options.jobs).map(|_| scope.spawn(|| job(&common, options))).collect();
        watch(&common, options, || jobs.iter().all(|job| job.is_finished()));
        for job in jobs {
            tally.merge(job.join().expect("a job catches what its sessions throw"));
        }
    });
    panic::set_hook(hook);
    report(options, &common, &tally)
}

/// What the jobs share.
struct Common {
    next: AtomicU64,
    done: AtomicU64,
    broken: AtomicBool,
    /// The lowest seed that broke a promise.
    first: Mutex<Option<u64>>,
}

fn job(common: &Common, options: &Options) -> Tally {
    let mut tally = Tally::default();
    while common.done.load(Relaxed) < options.transactions && !common.broken.load(Relaxed) {
        let seed = common.next.fetch_add(1, Relaxed);
        match panic::catch_unwind(|| simulation::play(seed, None)) {
            Ok(outcome) => {
                common.done.fetch_add(outcome.endings.len() as u64, Relaxed);
                tally.add(&outcome);
            }
            Err(_) => {
                common.broken.store(true, Relaxed);
                let mut first = common.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *first = Some(first.map_or(seed, |other| other.min(seed)));
            }
        }
    }
    tally
}

/// How far it is, on a terminal.
fn watch(common: &Common, options: &Options, is_over: impl Fn() -> bool) {
    let shown = std::io::stderr().is_terminal();
    let mut last = Instant::now();
    while !is_over() {
        thread::sleep(Duration::from_millis(20));
        if shown && last.elapsed() > Duration::from_secs(1) {
            last = Instant::now();
            eprint!("\r{} of {} transactions", common.done.load(Relaxed), options.transactions);
            let _ = std::io::stderr().flush();
        }
    }
    if shown {
        eprint!("\r\x1b[K");
    }
}

fn report(options: &Options, common: &Common, tally: &Tally) -> (u64, u64) {
    let last = common.next.load(Relaxed).saturating_sub(1);
    println!("seeds {} to {last}: {} sessions, {} transactions", options.seed, tally.sessions, tally.transactions);
    println!("{tally}");
    println!("faults injected: {}", tally.faults());
    let mut failed = 0;
    if let Some(seed) = *common.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        println!("\na promise is broken by seed {seed}:");
        let _ = panic::catch_unwind(|| simulation::play(seed, Some(|line| println!("{line}"))));
        println!("again: simulate --seed {seed} --transactions 1 --trace");
        failed += 1;
    } else if tally.transactions >= ENOUGH {
        for cell in tally.gaps() {
            println!("never struck: {}", name(cell));
            failed += 1;
        }
        if !tally.applications_did_all() {
            println!("applications did not log in, fail to, and send, by network and by login");
            failed += 1;
        }
    }
    (tally.transactions, failed)
}
