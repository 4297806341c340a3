//! What processes take, as `/proc` says it: CPU of a process and of all that it started, memory, and what the rest of the machine takes.

use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

/// Seconds of a tick of the kernel's accounts.
fn tick() -> f64 {
    1.0 / rustix::param::clock_ticks_per_second() as f64
}

/// Seconds of CPU so far, user and system, of a process and its children, those that have ended included. 0 of one that is gone.
pub fn cpu(process: u32) -> f64 {
    tree(process).iter().filter_map(|process| stat(*process)).map(|stat| stat.cpu).sum()
}

/// Seconds of CPU of this process.
pub fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Octets resident in the memory of a process and its children: now, and at most since [`forget_peak`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// VmRSS.
    pub now: u64,
    /// VmHWM: of several processes their sum, though not all had their most at once.
    pub peak: u64,
}

impl Memory {
    /// Of a process and its children.
    pub fn of(process: u32) -> Self {
        let mut memory = Self::default();
        for process in tree(process) {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                line.split_whitespace().next()?.parse::<u64>().ok()
            };
            memory.now += field("VmRSS:").unwrap_or(0) << 10;
            memory.peak += field("VmHWM:").unwrap_or(0) << 10;
        }
        memory
    }
}

/// The most begins anew. It is our own process or root's to do; elsewhere the most is that since the start.
pub fn forget_peak(process: u32) {
    for process in tree(process) {
        let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
    }
}

/// Seconds of CPU that the machine has spent, on all of its cores.
pub fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6].iter().filter_map(|at| fields.get(*at)).sum::<f64>() * tick()
}

/// Waits until the rest of the machine takes less than so many cores, but not longer than that.
pub fn wait_for_quiet(cores: f64, at_most: Duration) {
    const LOOK: Duration = Duration::from_millis(150);
    let until = Instant::now() + at_most;
    while Instant::now() < until {
        let before = machine();
        std::thread::sleep(LOOK);
        if (machine() - before) / LOOK.as_secs_f64() < cores {
            return;
        }
    }
}

/// Waits until a process has nothing to do any more (the records of the messages before are in its database), at most so long.
pub fn wait_until_idle(process: u32, at_most: Duration) {
    // Longer than the loader gathers.
    const LOOK: Duration = Duration::from_millis(400);
    let until = Instant::now() + at_most;
    let mut quiet = 0;
    while Instant::now() < until && quiet < 2 {
        let before = cpu(process);
        std::thread::sleep(LOOK);
        quiet = if cpu(process) - before < 1.5 * tick() { quiet + 1 } else { 0 };
    }
}

struct Stat {
    parent: u32,
    cpu: f64,
}

fn stat(process: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may have spaces and brackets in it.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let cpu = (ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?) * tick();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, cpu })
}

/// A process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = stat(process) {
            children.entry(stat.parent).or_default().push(process);
        }
    }
    let (mut found, mut next) = (vec![root], 0);
    while let Some(process) = found.get(next) {
        found.extend(children.remove(process).unwrap_or_default());
        next += 1;
    }
    found
}
