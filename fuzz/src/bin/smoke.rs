//! A short run of every fuzz target on stable Rust: its seeds, then random changes of them for some seconds.
//!
//! `smoke [--seconds N] [--seed N] [--only TARGET] [--replay HEX]`: N seconds for each target (1), the seed of the changes (1),
//! one target alone, one input alone. A target that fails stops, the others go on; its input is printed. The last line is
//! `N passed, N failed`. Exit code 0: all passed; 1: one failed; 2: usage, or no such target.

#![expect(clippy::disallowed_methods, reason = "a program for people: it reads the seeds and the clock")]

use std::{
    fs,
    panic::catch_unwind,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use portaria_fuzz::{TARGETS, Target, mutator::Mutator};

/// An input that takes longer than this has found something quadratic.
const SLOW: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::read(&arguments) else {
        eprintln!("usage: smoke [--seconds N] [--seed N] [--only TARGET] [--replay HEX]");
        return ExitCode::from(2);
    };
    let targets: Vec<&Target> =
        TARGETS.iter().filter(|target| options.only.as_deref().is_none_or(|only| only == target.name)).collect();
    if targets.is_empty() {
        eprintln!("no such target");
        return ExitCode::from(2);
    }
    let mut failed = 0;
    for target in &targets {
        if let Err(Failure { input, what }) = smoke(target, &options) {
            println!("{}: FAILED ({what}), seed {}", target.name, options.seed);
            println!("again: smoke --only {} --replay {}", target.name, hex(&input));
            failed += 1;
        }
    }
    println!("{} passed, {failed} failed", targets.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

struct Options {
    seconds: u64,
    seed: u64,
    only: Option<String>,
    replay: Option<Vec<u8>>,
}

impl Options {
    fn read(arguments: &[String]) -> Option<Self> {
        let mut options = Self { seconds: 1, seed: 1, only: None, replay: None };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return None };
            match name.as_str() {
                "--seconds" => options.seconds = value.parse().ok()?,
                "--seed" => options.seed = value.parse().ok()?,
                "--only" => options.only = Some(value.clone()),
                "--replay" => options.replay = Some(octets(value)?),
                _ => return None,
            }
        }
        Some(options)
    }
}

struct Failure {
    input: Vec<u8>,
    what: &'static str,
}

/// Runs a target for its seconds.
fn smoke(target: &Target, options: &Options) -> Result<(), Failure> {
    let (seeds, more) = match &options.replay {
        Some(input) => (vec![input.clone()], Duration::ZERO),
        None => (seeds(target.name), Duration::from_secs(options.seconds)),
    };
    let corpus = seeds.len();
    let mut runs = 0_u64;
    for seed in &seeds {
        run(target, seed)?;
        runs += 1;
    }
    let mut mutator = Mutator::new(seeds, include_str!("../../smtp.dict"), options.seed);
    let start = Instant::now();
    while start.elapsed() < more {
        run(target, &mutator.input())?;
        runs += 1;
    }
    println!("{}: {runs} runs, {corpus} seeds", target.name);
    Ok(())
}

fn run(target: &Target, input: &[u8]) -> Result<(), Failure> {
    let start = Instant::now();
    let failed = |what| Failure { input: input.to_vec(), what };
    catch_unwind(|| (target.run)(input)).map_err(|_| failed("panic"))?;
    if start.elapsed() > SLOW { Err(failed("slow")) } else { Ok(()) }
}

/// The seeds of a target, in the order of their names, so that a seed number means the same everywhere.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    hex.as_bytes().chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()).collect()
}
