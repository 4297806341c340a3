//! The flame graph's stage: `perf` looks at the gateway while it works.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    flame::Frame,
    record::Record,
    run::{Size, measure},
    scene::Scene,
};

/// Seconds that are looked at.
const LONG: usize = 10;

/// 4 KB, 20 connections, clamd behind: where the gateway's own time goes.
pub fn profile(scene: &Scene, record: &mut Record) -> Result<(), String> {
    let file = scene.new_folder().with_extension("perf");
    let gateway = scene.gateway(&scene.build()?, &scene.with_clamd())?;
    let subject = scene.relay("profile", gateway.port(), gateway.id(), scene.clamd.as_ref());
    let mails = scene.mails(4 << 10, 0);
    let mut size =
        Size { name: "4k".to_owned(), connections: 20, per: 1, messages: 400, recipients: 1, gap: Duration::ZERO };
    let warm = measure(&subject, &size, &mails, &scene.sink, 0);
    size.messages = (warm.rate * LONG as f64 * 1.3) as usize;
    let id = gateway.id().to_string();
    let perf = Command::new("perf")
        .args(["record", "-q", "-F", "499", "--call-graph", "dwarf,16384", "-p", &id, "-o"])
        .arg(&file)
        .args(["--", "sleep", &LONG.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut perf = perf
        .map_err(|fault| format!("perf does not start ({fault}): apt-get install linux-perf, or leave out profile"))?;
    let run = measure(&subject, &size, &mails, &scene.sink, 0);
    record.run(&run);
    perf.wait().map_err(|fault| format!("perf: {fault}"))?;
    let frames = Frame::read(&script(&file)?);
    if frames.samples() < 100 {
        return Err(format!(
            "perf saw {} stacks: may it look at other processes? /proc/sys/kernel/perf_event_paranoid",
            frames.samples()
        ));
    }
    let mut shown = String::new();
    if let Some((path, name)) = record.beside("flame") {
        let title = "Own CPU of the gateway: 4 KB, 20 connections, clamd behind";
        std::fs::write(&path, frames.svg(title)).map_err(|fault| format!("{}: {fault}", path.display()))?;
        shown = format!("![{title}]({name})\n\n");
    }
    record.section(&format!(
        "### profile: where the gateway's own time goes\n\n{shown}{} samples of {LONG} s, 499 a second of CPU time; by the stacks of `perf record --call-graph dwarf`.\n",
        frames.samples()
    ));
    Ok(())
}

fn script(file: &Path) -> Result<String, String> {
    let output = Command::new("perf").args(["script", "--no-inline", "-F", "comm,ip,sym,dso", "-i"]).arg(file).output();
    let output = output.map_err(|fault| format!("perf script: {fault}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
