//! Stages that stand by themselves: many at once, many that say nothing, one alone, and a million.

use std::{
    fmt::Write as _,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpSocket;

use crate::{
    compare::compare,
    options::{Options, Stage},
    plot::Plot,
    record::Record,
    run::{Size, measure, median},
    runtime,
    scene::{Scene, with_rules},
    talk::{Talk, expected},
    usage::Memory,
};

const MIB: f64 = 1_048_576.0;

/// A hundred connections (or as many as `conns` says at most) opened in one moment, a message on each.
pub fn burst(scene: &Scene, record: &mut Record) -> Result<(), String> {
    let connections = scene.options.connections.iter().copied().max().unwrap_or(100).max(100);
    let mails = scene.mails(4 << 10, 0);
    let mut out = format!(
        "### burst: {connections} connections of 4 KB opened at once, a message on each, {} times\n\n\
         | stage | lost | p50 ms | p99 ms | longest ms | own CPU ms | peak MiB | MiB above resting |\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
        scene.options.repetitions
    );
    let setups = [("with clamd", scene.with_clamd()), ("1,000 rules, no scanner", with_rules(1_000))];
    for build in scene.builds() {
        for (name, setup) in &setups {
            let gateway = scene.gateway(&build, setup)?;
            let clamd = scene.clamd.as_ref().filter(|_| setup.scanner.is_some());
            let subject = scene.relay(&format!("{}, {name}", build.name), gateway.port(), gateway.id(), clamd);
            let size = |connections, messages| Size {
                name: "4k".to_owned(),
                connections,
                per: 1,
                messages,
                recipients: 1,
                gap: Duration::ZERO,
            };
            // What a first message makes once is no burst's cost.
            measure(&subject, &size(4, 200), &mails, &scene.sink, 0);
            let resting = Memory::of(gateway.id()).now as f64 / MIB;
            let mut runs = Vec::new();
            for repetition in 0..scene.options.repetitions {
                let run = measure(&subject, &size(connections, connections), &mails, &scene.sink, repetition);
                record.run(&run);
                runs.push(run);
            }
            let most = |of: fn(&crate::run::Run) -> f64| runs.iter().map(of).fold(0.0, f64::max);
            let _ = writeln!(
                out,
                "| {} | {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} |",
                subject.name,
                runs.iter().map(|run| run.lost + run.refused + run.missing).sum::<u64>(),
                median(runs.iter().map(|run| run.p50_ms)),
                most(|run| run.p99_ms),
                most(|run| run.longest_ms),
                median(runs.iter().filter_map(|run| run.cpu_ms.get("own").copied())),
                most(|run| run.peak_mib),
                most(|run| run.peak_mib) - resting,
            );
        }
    }
    record.section(&(out + "\np50 and CPU in the middle of the bursts, the rest the worst of them.\n"));
    Ok(())
}

/// Connections that are silent after EHLO: the octets that each costs. `tests/crowd` has those that have sent before, and those that dribble.
pub fn idle(scene: &Scene, record: &mut Record) -> Result<(), String> {
    let count = scene.options.idle;
    allow_descriptors(count as u64 + 500)?;
    let mut setup = with_rules(200);
    let descriptors = count + 2_000;
    let _ = write!(setup.more, "[limits]\nconnections = {descriptors}\n[timeouts]\ncommand = \"30 min\"\n");
    let gateway = scene.gateway(&scene.build()?, &setup)?;
    let mails = scene.mails(4 << 10, 0);
    let subject = scene.relay("idle", gateway.port(), gateway.id(), None);
    let size =
        Size { name: "4k".to_owned(), connections: 20, per: 10, messages: 1_000, recipients: 1, gap: Duration::ZERO };
    measure(&subject, &size, &mails, &scene.sink, 0);
    let before = Memory::of(gateway.id()).now;
    let began = Instant::now();
    let (after, took) = runtime().block_on(async {
        let mut all = Vec::new();
        for nth in 0..count {
            all.push(silent(gateway.port()).await.map_err(|fault| format!("idle connection {nth}: {fault}"))?);
        }
        let took = began.elapsed();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = Memory::of(gateway.id()).now;
        drop(all);
        Ok::<_, String>((after, took))
    })?;
    let each = after.saturating_sub(before) / count as u64;
    record.line(&format!("{{\"stage\":\"idle\",\"connections\":{count},\"octets_each\":{each}}}"));
    record.section(&format!(
        "### idle: {count} connections, silent after EHLO\n\n{each} octets of resident memory each ({:.1} MiB before, {:.1} MiB with them); \
         one after the other they were in within {:.1} s.\n",
        before as f64 / MIB,
        after as f64 / MIB,
        took.as_secs_f64(),
    ));
    Ok(())
}

async fn silent(port: u16) -> std::io::Result<Talk> {
    let socket = TcpSocket::new_v4()?;
    let mut talk = Talk::new(socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?);
    expected(&talk.reply().await?, "2", "the connection")?;
    expected(&talk.ask(b"EHLO load.example\r\n").await?, "2", "EHLO")?;
    Ok(talk)
}

fn allow_descriptors(needed: u64) -> Result<(), String> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = now.maximum.map(|maximum| maximum.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(|_| {
        format!("{needed} descriptors are needed: `ulimit -n {needed}` first, or idle=NUMBER for fewer connections")
    })
}

/// One connection, 4 KB: what is added to the floor and to the raw scan.
pub fn latency(scene: &Scene, record: &mut Record) -> Result<(), String> {
    record.section(
        "### latency: one connection; what is added is p50 less that of the floor (no scanner) or of the raw scan\n",
    );
    let options = Options {
        sizes: vec![("4k".to_owned(), 4 << 10)],
        connections: vec![1],
        stages: vec![Stage::Floor, Stage::Clamd, Stage::Gateway, Stage::Rules],
        ..scene.options.clone()
    };
    compare(scene, &options, &options.stages, record)
}

/// A great many messages; whether memory stays.
pub fn long(scene: &Scene, record: &mut Record) -> Result<(), String> {
    const STEP: usize = 10_000;
    /// Messages that it takes until everything has its size.
    const BEGINNING: usize = 50_000;
    /// By how much it may be more than then.
    const FLAT: f64 = 1.05;
    let gateway = scene.gateway(&scene.build()?, &with_rules(200))?;
    let subject = scene.relay("long", gateway.port(), gateway.id(), None);
    let mails = scene.mails(4 << 10, 0);
    let step = STEP.min(scene.options.messages / 10).max(1);
    let size =
        Size { name: "4k".to_owned(), connections: 20, per: 50, messages: step, recipients: 1, gap: Duration::ZERO };
    let (mut points, mut costs, mut lost, began) = (Vec::new(), Vec::new(), 0, Instant::now());
    for nth in 1..=scene.options.messages / step {
        let run = measure(&subject, &size, &mails, &scene.sink, nth);
        record.run(&run);
        lost += run.lost + run.refused + run.missing;
        points.push(((nth * step) as f64, run.resting_mib));
        costs.push(run.cpu_ms.get("own").copied().unwrap_or_default());
    }
    let beginning = BEGINNING.min(scene.options.messages / 4) as f64;
    let start = points.iter().find(|(messages, _)| *messages >= beginning).map_or(0.0, |(_, memory)| *memory);
    let most = points.iter().filter(|(messages, _)| *messages >= beginning).map(|point| point.1).fold(0.0, f64::max);
    let picture = picture(
        record,
        "long",
        &Plot {
            title: format!("Resident memory over {} messages", scene.options.messages),
            across: "messages".to_owned(),
            up: "MiB".to_owned(),
            is_logarithmic: false,
            lines: vec![("resident".to_owned(), points.clone())],
        },
    )?;
    record.section(&format!(
        "### long: {} messages of 4 KB, 20 connections of 50 messages, 200 rules, no scanner\n\n{picture}\
         Resident behind the first {beginning:.0}: {start:.1} MiB; the most after that: {most:.1} MiB, {:.3} of it: **{}**. {lost} lost. Own CPU a message: {:.2} ms in the first tenth, \
         {:.2} ms in the last. {:.0} s in all.\n",
        scene.options.messages,
        most / start,
        if most <= start * FLAT { "flat within 5 %" } else { "not flat" },
        median(costs.iter().take(costs.len().div_ceil(10)).copied()),
        median(costs.iter().rev().take(costs.len().div_ceil(10)).copied()),
        began.elapsed().as_secs_f64(),
    ));
    Ok(())
}

/// Writes a plot beside the record; the line that shows it there.
pub fn picture(record: &Record, name: &str, plot: &Plot) -> Result<String, String> {
    let Some((path, file)) = record.beside(name) else { return Ok(String::new()) };
    std::fs::write(&path, plot.svg()).map_err(|fault| format!("{}: {fault}", path.display()))?;
    Ok(format!("![{}]({file})\n\n", plot.title))
}
