//! What the gateway costs over sockets, beside what it could cost at least: raw scans, the load straight into the mailbox server, clamsmtp.
//!
//! `cargo bench --bench load -- --help` lists what can be asked for. Everything that it needs is made here from a seed (the mail, clamd's
//! signatures, the rules) or is this program once more (the mailbox server); clamd and clamsmtp are Debian's, and left out where they are not
//! installed. All of it lies in a temporary folder, on ports of 127.0.0.1 that the system chooses, and ends with the program.
//!
//! Ratios are what to read: the stages run in turn, and on a shared machine rates move by a quarter from hour to hour. Timings are no test:
//! nothing here fails for being slow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench starts programs, opens sockets and reads the clock")]

mod archive;
mod chance;
mod client;
mod compare;
mod fill;
mod flame;
mod gateway;
mod growth;
mod histogram;
mod mail;
mod options;
mod plot;
mod profile;
mod program;
mod record;
#[path = "../corpus/mod.rs"]
mod rules;
mod run;
mod scan;
mod scanner;
mod scene;
mod shape;
mod sink;
mod special;
mod talk;
mod usage;

use std::process::ExitCode;

use options::{Options, Stage};
use record::Record;
use scene::Scene;

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let result = match words.first().map(String::as_str) {
        Some("sink") => sink::serve().map_err(|fault| format!("the sink: {fault}")),
        _ => Options::read(words.iter().cloned()).and_then(|options| measure(options, &words)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("load: {fault}");
            ExitCode::from(2)
        }
    }
}

fn measure(options: Options, words: &[String]) -> Result<(), String> {
    let mut record = Record::open(&options, words)?;
    let scene = Scene::new(options)?;
    let asked = |stage: &Stage| scene.options.stages.contains(stage);
    let compared: Vec<Stage> = Stage::COMPARED.into_iter().filter(asked).collect();
    if !compared.is_empty() {
        compare::compare(&scene, &scene.options, &compared, &mut record)?;
    }
    let mut faults = Vec::new();
    for stage in scene.options.stages.iter().filter(|stage| !compared.contains(stage)) {
        let measured = match stage {
            Stage::Burst => special::burst(&scene, &mut record),
            Stage::Idle => special::idle(&scene, &mut record),
            Stage::Latency => special::latency(&scene, &mut record),
            Stage::Long => special::long(&scene, &mut record),
            Stage::Profile => profile::profile(&scene, &mut record),
            Stage::Growth => growth::growth(&scene, &mut record),
            _ => Ok(()),
        };
        // Hours of the other stages are not lost with one.
        if let Err(fault) = measured {
            record.section(&format!("### {stage:?}: not measured\n\n```\n{fault}\n```\n"));
            faults.push(fault);
        }
    }
    record.close()?;
    if faults.is_empty() { Ok(()) } else { Err(format!("some stages were not measured: {}", faults.join("; "))) }
}

/// One thread: what this program does is to cost little.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
