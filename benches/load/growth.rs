//! What the cost of a message grows with, and how: a table and a plot of each.
//!
//! Own CPU for each message (the record in the database included), no scanner, 4 KB: of each value so many runs, in turn.

use std::{fmt::Write as _, rc::Rc, time::Duration};

use crate::{
    fill,
    gateway::{Gateway, Setup},
    mail::Mail,
    plot::Plot,
    record::Record,
    run::{QUIET, Run, Size, Subject, measure, median, quiet},
    scene::{Scene, with_rules},
    shape::shape,
    special::picture,
    usage,
};

/// Something that there may be more of.
struct Dimension {
    name: &'static str,
    /// Above the plot, and below its axis.
    title: &'static str,
    across: &'static str,
    values: &'static [usize],
    /// What it should be, and why.
    reason: &'static str,
}

const DIMENSIONS: [Dimension; 6] = [
    Dimension {
        name: "rules",
        title: "Own CPU a message by number of subject rules",
        across: "rules (logarithmic)",
        values: &[10, 100, 1_000, 10_000],
        reason: "one automaton finds the words of all rules in one pass over the subject; only rules whose words were found are tried",
    },
    Dimension {
        name: "blocked",
        title: "Own CPU a message by number of blocked mailboxes",
        across: "blocked mailboxes (logarithmic)",
        values: &[0, 100, 1_000, 10_000, 100_000],
        reason: "a mailbox is looked up in a table by its key",
    },
    Dimension {
        name: "recipients",
        title: "Own CPU a message by number of recipients",
        across: "recipients",
        values: &[1, 10, 50, 100, 250, 500],
        reason: "each is a command of its own from the client, another to the next hop, and a row of the record: linear, and nothing beyond that",
    },
    Dimension {
        name: "fields",
        title: "Own CPU a message by number of header fields",
        across: "header fields",
        values: &[10, 100, 300, 600, 900],
        reason: "octets are read once; a field more is 32 octets more here",
    },
    Dimension {
        name: "connections",
        title: "Own CPU a message by number of connections",
        across: "connections at once (logarithmic)",
        values: &[1, 10, 20, 50, 100, 200, 500],
        reason: "a session knows nothing of the others; many at once share their wake-ups and the batches of the journal",
    },
    Dimension {
        name: "records",
        title: "Own CPU a message by number of records stored",
        across: "records in the database (logarithmic)",
        values: &[0, 10_000, 100_000, 1_000_000],
        reason: "a record is written once, into trees whose depth grows with the logarithm",
    },
];

/// One value of a dimension, ready to be measured.
struct Case {
    value: usize,
    subject: Subject,
    size: Size,
    mails: Rc<[Mail]>,
}

/// Measures those that were asked for.
pub fn growth(scene: &Scene, record: &mut Record) -> Result<(), String> {
    record.section("### growth: own CPU a message, 4 KB, no scanner, the record committed\n");
    let wanted = &scene.options.growth;
    let asked = |dimension: &&Dimension| wanted.is_empty() || wanted.iter().any(|name| name == dimension.name);
    for dimension in DIMENSIONS.iter().filter(asked) {
        let (cases, gateways) = prepare(scene, dimension)?;
        let runs = run(scene, dimension, cases, record);
        drop(gateways);
        tell(dimension, &runs, record)?;
    }
    Ok(())
}

/// A gateway to each value where it is the gateway that differs; else one for all.
fn prepare(scene: &Scene, dimension: &Dimension) -> Result<(Vec<Case>, Vec<Gateway>), String> {
    let build = scene.build()?;
    let (mut cases, mut gateways) = (Vec::new(), Vec::new());
    for value in dimension.values.iter().copied() {
        let own = match dimension.name {
            "rules" => Some(with_rules(value)),
            "blocked" => Some(Setup { blocked: value, ..with_rules(200) }),
            "records" => Some(with_rules(200)),
            _ if gateways.is_empty() => {
                let mut setup = with_rules(200);
                // Those who wait for a next-hop connection measure waiting.
                setup.more.push_str("[limits]\nrecipients = 1000\nheader_fields = 1000\n");
                Some(setup)
            }
            _ => None,
        };
        if let Some(setup) = own {
            let folder = scene.new_folder();
            if dimension.name == "records" && value > 0 {
                println!("{value} records are made");
                std::fs::create_dir_all(folder.join("data"))
                    .map_err(|fault| format!("{}: {fault}", folder.display()))?;
                fill::records(&folder.join("data"), value as u64)?;
            }
            std::fs::create_dir_all(&folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
            gateways.push(Gateway::start(&build, &folder, scene.sink.port(), &setup)?);
        }
        let Some(gateway) = gateways.last() else { continue };
        let of = |name: &str, usual: usize| if dimension.name == name { value } else { usual };
        cases.push(Case {
            value,
            subject: scene.relay(&format!("{}={value}", dimension.name), gateway.port(), gateway.id(), None),
            size: Size {
                name: "4k".to_owned(),
                connections: of("connections", 20),
                per: 10,
                messages: 0,
                recipients: of("recipients", 1),
                gap: Duration::from_micros(200),
            },
            // A message has ten of its own.
            mails: scene.mails(4 << 10, of("fields", 10).saturating_sub(10)),
        });
    }
    Ok((cases, gateways))
}

fn run(scene: &Scene, dimension: &Dimension, mut cases: Vec<Case>, record: &mut Record) -> Vec<(usize, Vec<Run>)> {
    for case in &mut cases {
        case.size.messages = 200.max(2 * case.size.connections);
        let warm = measure(&case.subject, &case.size, &case.mails, &scene.sink, 0);
        case.size.messages = case.size.messages.max((warm.rate * scene.options.seconds) as usize);
    }
    let mut runs: Vec<(usize, Vec<Run>)> = cases.iter().map(|case| (case.value, Vec::new())).collect();
    for repetition in 0..scene.options.repetitions {
        for turn in 0..cases.len() {
            let at = (turn + repetition) % cases.len();
            let case = &cases[at];
            usage::wait_for_quiet(QUIET, Duration::from_secs_f64(scene.options.quiet_wait));
            let run = measure(&case.subject, &case.size, &case.mails, &scene.sink, repetition);
            record.run(&run);
            runs[at].1.push(run);
        }
    }
    let lost: u64 = runs.iter().flat_map(|(_, runs)| runs).map(|run| run.lost + run.refused + run.missing).sum();
    if lost > 0 {
        let fault = runs.iter().flat_map(|(_, runs)| runs).find_map(|run| run.fault.clone()).unwrap_or_default();
        record.section(&format!("{}: {lost} messages were refused or lost: {fault:?}", dimension.name));
    }
    runs
}

fn tell(dimension: &Dimension, runs: &[(usize, Vec<Run>)], record: &mut Record) -> Result<(), String> {
    let cost = |run: &Run| run.cpu_ms.get("own").copied().unwrap_or_default();
    let mut out = format!(
        "#### {}\n\n| {} | own CPU ms (least to most) | p50 ms | msg/s | resting MiB |\n|---:|---:|---:|---:|---:|\n",
        dimension.name, dimension.name
    );
    let (mut points, mut spreads) = (Vec::new(), Vec::new());
    for (value, runs) in runs {
        let (few, is_quiet) = quiet(runs);
        let costs = || few.iter().map(|run| cost(run));
        let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
        points.push((*value as f64, median(costs())));
        spreads.push(most - least);
        // A write to a String cannot fail.
        let _ = writeln!(
            out,
            "| {value} | {:.3} ({least:.3} to {most:.3}){} | {:.2} | {:.0} | {:.0} |",
            median(costs()),
            if is_quiet { "" } else { " noisy" },
            median(few.iter().map(|run| run.p50_ms)),
            median(few.iter().map(|run| run.rate)),
            few.iter().map(|run| run.resting_mib).fold(0.0, f64::max),
        );
    }
    let plot = Plot {
        title: dimension.title.to_owned(),
        across: dimension.across.to_owned(),
        up: "own CPU, ms a message".to_owned(),
        is_logarithmic: dimension.across.contains("logarithmic"),
        lines: vec![("own CPU".to_owned(), points.clone())],
    };
    let picture = picture(record, &format!("growth-{}", dimension.name), &plot)?;
    record.section(&format!(
        "{out}\n{picture}Measured: **{}**. Expected: {}.\n",
        shape(&points, median(spreads.into_iter())),
        dimension.reason
    ));
    Ok(())
}
