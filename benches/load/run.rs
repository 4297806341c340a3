//! One measured run: a load, and what each process took while it lasted.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    client::{self, Load, Way},
    mail::Mail,
    program::Sink,
    usage::{self, Memory},
};

/// A run is quiet when the rest of the machine takes less than so many cores.
pub const QUIET: f64 = 0.4;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As the tables show it.
    pub name: String,
    /// Where the load goes.
    pub way: Way,
    /// The process that it is about, if it is neither the sink nor clamd alone.
    pub own: Option<u32>,
    /// The others that take part, with their names.
    pub others: Vec<(&'static str, u32)>,
    /// Messages that are taken must arrive at the sink.
    pub arrives: bool,
}

/// The size of a run.
#[derive(Clone, Debug)]
pub struct Size {
    /// `4k`, as on the command line.
    pub name: String,
    /// Connections at once.
    pub connections: usize,
    /// Messages on one.
    pub per: usize,
    /// In all.
    pub messages: usize,
    /// Of each message.
    pub recipients: usize,
    /// Between the first connections.
    pub gap: Duration,
}

/// What came out: a line of the `.jsonl` file.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub stage: String,
    pub size: String,
    pub connections: usize,
    pub per: usize,
    pub repetition: usize,
    pub taken: u64,
    pub refused: u64,
    pub lost: u64,
    /// Taken, and never seen by the sink.
    pub missing: u64,
    pub seconds: f64,
    /// Messages answered in a second.
    pub rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
    /// CPU for each message, by process; `own` is the one that is measured, `load` this program.
    pub cpu_ms: BTreeMap<String, f64>,
    /// Of the process that is measured: the most while it ran, and behind it.
    pub peak_mib: f64,
    pub resting_mib: f64,
    /// Cores that the rest of the machine took meanwhile.
    pub noise: f64,
    /// The first refusal or loss.
    pub fault: Option<String>,
}

/// Runs it. The own process is given time to write what it still has to: the record of a message belongs to its cost.
pub fn measure(subject: &Subject, size: &Size, mails: &Rc<[Mail]>, sink: &Sink, repetition: usize) -> Run {
    let processes: Vec<(&str, u32)> =
        subject.own.iter().map(|own| ("own", *own)).chain(subject.others.iter().copied()).collect();
    if let Some(own) = subject.own {
        usage::forget_peak(own);
    }
    let (arrived, machine, load, began) = (sink.count(), usage::machine(), usage::own_cpu(), Instant::now());
    let before: Vec<f64> = processes.iter().map(|(_, process)| usage::cpu(*process)).collect();
    let outcome = client::send(Load {
        way: subject.way.clone(),
        connections: size.connections,
        per_connection: size.per,
        messages: size.messages,
        gap: size.gap,
        patience: Duration::from_secs(30),
        recipients: size.recipients,
        mails: Rc::clone(mails),
    });
    let load = usage::own_cpu() - load;
    let peak = subject.own.map(Memory::of).unwrap_or_default();
    if let Some(own) = subject.own {
        usage::wait_until_idle(own, Duration::from_secs(20));
    }
    let used: Vec<f64> =
        processes.iter().zip(&before).map(|((_, process), before)| usage::cpu(*process) - before).collect();
    let rest = usage::machine() - machine - used.iter().sum::<f64>() - load;
    let answered = (outcome.taken + outcome.refused).max(1) as f64;
    let mut cpu_ms = BTreeMap::from([("load".to_owned(), load * 1000.0 / answered)]);
    cpu_ms.extend(processes.iter().zip(&used).map(|((name, _), used)| ((*name).to_owned(), used * 1000.0 / answered)));
    let arrived = sink.count() - arrived;
    Run {
        stage: subject.name.clone(),
        size: size.name.clone(),
        connections: size.connections,
        per: size.per,
        repetition,
        taken: outcome.taken,
        refused: outcome.refused,
        lost: outcome.lost,
        missing: if subject.arrives { outcome.taken.saturating_sub(arrived) } else { 0 },
        seconds: outcome.took.as_secs_f64(),
        rate: answered / outcome.took.as_secs_f64(),
        p50_ms: outcome.latency.quantile(0.5),
        p99_ms: outcome.latency.quantile(0.99),
        longest_ms: outcome.latency.longest(),
        cpu_ms,
        peak_mib: peak.peak as f64 / 1_048_576.0,
        resting_mib: subject.own.map(Memory::of).unwrap_or_default().now as f64 / 1_048_576.0,
        noise: (rest / began.elapsed().as_secs_f64()).max(0.0),
        fault: outcome.fault,
    }
}

/// Of several runs what one says in the middle; 0 of none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len() / 2, sorted.len() % 2) {
        (0, 0) => 0.0,
        (half, 0) => f64::midpoint(sorted[half - 1], sorted[half]),
        (half, _) => sorted[half],
    }
}

/// The quiet ones when there are three (or all), else all and false.
pub fn quiet(runs: &[Run]) -> (Vec<&Run>, bool) {
    let quiet: Vec<&Run> = runs.iter().filter(|run| run.noise <= QUIET).collect();
    if quiet.len() >= runs.len().min(3) { (quiet, true) } else { (runs.iter().collect(), false) }
}
