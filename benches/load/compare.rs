//! The stages beside one another: in every repetition each runs once, in turn, so that what else the machine does falls on all of them.

use std::{fmt::Write as _, time::Duration};

use crate::{
    gateway::{Clamsmtp, Gateway},
    options::{Options, Stage},
    record::Record,
    run::{self, QUIET, Run, Size, Subject, measure, median},
    scene::{RULES, Scene, with_rules},
    usage,
};

/// So many messages in a run at most.
const MOST: f64 = 40_000.0;

/// What is compared, and the programs that are kept running for it.
struct Cast {
    subjects: Vec<Subject>,
    _gateways: Vec<Gateway>,
    _clamsmtp: Option<Clamsmtp>,
}

/// Runs every size at every number of connections, and writes a table of each.
pub fn compare(scene: &Scene, options: &Options, stages: &[Stage], record: &mut Record) -> Result<(), String> {
    let cast = cast(scene, stages)?;
    if cast.subjects.is_empty() {
        return Err("nothing is left to compare; stages=floor,rules needs no clamd".to_owned());
    }
    for (name, octets) in &options.sizes {
        let mails = scene.mails(*octets, 0);
        for connections in &options.connections {
            let mut sizes = Vec::new();
            for subject in &cast.subjects {
                // At least twice on every connection, or few of them are ever open at once.
                let least = (2 * connections * options.per.min(10)).max(if *octets >= 1 << 20 { 8 } else { 40 });
                let mut size = Size {
                    name: name.clone(),
                    connections: *connections,
                    per: options.per,
                    messages: least,
                    recipients: 1,
                    gap: Duration::from_millis(1),
                };
                let warm = measure(subject, &size, &mails, &scene.sink, 0);
                size.messages = least.max((warm.rate * options.seconds).min(MOST) as usize);
                sizes.push(size);
            }
            let mut runs: Vec<Vec<Run>> = vec![Vec::new(); sizes.len()];
            for repetition in 0..options.repetitions {
                for turn in 0..sizes.len() {
                    let at = (turn + repetition) % sizes.len();
                    usage::wait_for_quiet(QUIET, Duration::from_secs_f64(options.quiet_wait));
                    let run = measure(&cast.subjects[at], &sizes[at], &mails, &scene.sink, repetition);
                    record.run(&run);
                    runs[at].push(run);
                }
            }
            let title = format!(
                "{name}, {connections} connections, {} a connection, {} runs of each",
                options.per, options.repetitions
            );
            record.section(&format!("### {title}\n\n{}", table(&runs)));
        }
    }
    Ok(())
}

fn cast(scene: &Scene, stages: &[Stage]) -> Result<Cast, String> {
    let (mut subjects, mut gateways, mut clamsmtp) = (Vec::new(), Vec::new(), None);
    for stage in stages {
        match (stage, &scene.clamd) {
            (Stage::Floor, _) => subjects.push(scene.floor()),
            (Stage::Clamd, Some(clamd)) => subjects.push(scene.raw(clamd)),
            (Stage::Gateway, Some(clamd)) => {
                for build in scene.builds() {
                    let gateway = scene.gateway(&build, &scene.with_clamd())?;
                    subjects.push(scene.relay(&build.name, gateway.port(), gateway.id(), Some(clamd)));
                    gateways.push(gateway);
                }
                let running = scene.options.running.iter();
                subjects.extend(running.map(|it| Subject {
                    // Where it relays to is not known here.
                    arrives: false,
                    ..scene.relay(&it.name, it.port, it.process, Some(clamd))
                }));
            }
            (Stage::Rules, _) => {
                for build in scene.builds() {
                    let gateway = scene.gateway(&build, &with_rules(RULES))?;
                    let name = format!("{}, {RULES} rules, no scanner", build.name);
                    subjects.push(scene.relay(&name, gateway.port(), gateway.id(), None));
                    gateways.push(gateway);
                }
            }
            (Stage::Clamsmtp, Some(clamd)) if Clamsmtp::is_installed() => {
                let peer = scene.clamsmtp(clamd)?;
                subjects.push(scene.relay("clamsmtp", peer.port(), peer.id(), Some(clamd)));
                clamsmtp = Some(peer);
            }
            (Stage::Clamsmtp, Some(_)) => println!("clamsmtp is not installed: left out (apt-get install clamsmtp)"),
            _ => {}
        }
    }
    Ok(Cast { subjects, _gateways: gateways, _clamsmtp: clamsmtp })
}

fn table(runs: &[Vec<Run>]) -> String {
    let of = |name: &str| runs.iter().find(|runs| runs.first().is_some_and(|run| run.stage == name));
    let (floor, clamd) = (of("floor"), of("clamd"));
    let mut out = String::from(
        "| stage | msg/s (least to most) | to floor | to clamd | p50 ms | p99 ms | lost | own CPU ms | clamd, sink CPU ms | client CPU ms | peak MiB | resting MiB | noise |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|---|\n",
    );
    for runs in runs {
        let (few, is_quiet) = run::quiet(runs);
        let mid = |of: fn(&Run) -> f64| median(few.iter().map(|run| of(run)));
        let cpu = |name: &str| {
            let values: Vec<f64> = few.iter().filter_map(|run| run.cpu_ms.get(name)).copied().collect();
            if values.is_empty() { "–".to_owned() } else { format!("{:.2}", median(values.into_iter())) }
        };
        let rates = || few.iter().map(|run| run.rate);
        let ratio = |base: Option<&Vec<Run>>| base.map_or("–".to_owned(), |base| format!("{:.2}", ratio(runs, base)));
        let lost: u64 = runs.iter().map(|run| run.lost + run.refused + run.missing).sum();
        let memory = |of: fn(&Run) -> f64| {
            let most = few.iter().map(|run| of(run)).fold(0.0, f64::max);
            if most > 0.0 { format!("{most:.0}") } else { "–".to_owned() }
        };
        let _ = writeln!(
            out,
            "| {} | {:.0} ({:.0} to {:.0}) | {} | {} | {:.2} | {:.1} | {lost} | {} | {}, {} | {} | {} | {} | {:.2}{} |",
            runs.first().map_or("", |run| run.stage.as_str()),
            mid(|run| run.rate),
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(0.0, f64::max),
            ratio(floor),
            ratio(clamd),
            mid(|run| run.p50_ms),
            mid(|run| run.p99_ms),
            cpu("own"),
            cpu("clamd"),
            cpu("sink"),
            cpu("load"),
            memory(|run| run.peak_mib),
            memory(|run| run.resting_mib),
            mid(|run| run.noise),
            if is_quiet { "" } else { " noisy" },
        );
    }
    for run in runs.iter().flatten().filter(|run| run.lost + run.refused + run.missing > 0) {
        let fault = run.fault.as_deref().unwrap_or("taken, and not at the sink").trim_end();
        let (lost, refused, missing) = (run.lost, run.refused, run.missing);
        let _ = writeln!(out, "\n{}: {lost} lost, {refused} refused, {missing} missing: {fault:?}", run.stage);
    }
    out
}

/// Rate over rate within the same repetition, in the middle; of quiet repetitions when there are three.
pub fn ratio(runs: &[Run], base: &[Run]) -> f64 {
    let pairs = || runs.iter().zip(base);
    let quiet: Vec<f64> = pairs()
        .filter(|(one, other)| one.noise.max(other.noise) <= QUIET)
        .map(|(one, other)| one.rate / other.rate)
        .collect();
    if quiet.len() >= runs.len().min(3) {
        median(quiet.into_iter())
    } else {
        median(pairs().map(|(one, other)| one.rate / other.rate))
    }
}
