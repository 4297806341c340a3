//! What the gateway takes, as the kernel and its own metrics say.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::gateway::Gateway;

/// At one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Octets resident in its own memory; those of memfds are not among them.
    pub resident: u64,
    /// Open descriptors of all kinds.
    pub descriptors: usize,
    /// Holds in memfds, and their octets.
    pub memfds: usize,
    pub memfd_octets: u64,
    /// Holds in files without names, and their octets.
    pub files: usize,
    pub file_octets: u64,
    /// Threads: those that write files come and go.
    pub threads: u64,
    /// Sessions, by its own count.
    pub connections: u64,
    /// Octets that its holds take in memory and memfds, by its own count.
    pub hold_memory: u64,
}

impl Usage {
    /// Now.
    pub fn of(gateway: &Gateway) -> Self {
        let mut usage = Self { resident: gateway.resident(), ..Self::default() };
        usage.count_descriptors(gateway.id()).expect("/proc has its descriptors");
        let (_, metrics) = gateway.http("/metrics");
        let metric = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            line.unwrap_or_else(|| panic!("no {name} among the metrics")) as u64
        };
        usage.connections = metric("portaria_connections ");
        usage.hold_memory = metric("portaria_hold_memory_octets ");
        usage.threads = fs::read_dir(format!("/proc/{}/task", gateway.id())).expect("it has threads").count() as u64;
        usage
    }

    fn count_descriptors(&mut self, process: u32) -> io::Result<()> {
        for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
            let path = entry?.path();
            // It may be closed meanwhile.
            let (Ok(name), Ok(metadata)) = (fs::read_link(&path), fs::metadata(&path)) else { continue };
            self.descriptors += 1;
            let octets = metadata.blocks() * 512;
            if name.starts_with("/memfd:portaria-hold (deleted)") {
                self.memfds += 1;
                self.memfd_octets += octets;
            } else if name.parent().is_some_and(|folder| folder.ends_with(Path::new("data/hold"))) {
                self.files += 1;
                self.file_octets += octets;
            }
        }
        Ok(())
    }
}

/// Lets this process, and those that it starts, have so many descriptors.
pub fn allow_descriptors(needed: u64) {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return;
    }
    let maximum = now.maximum.map(|maximum| maximum.max(needed));
    // Above the hard limit only root may go.
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).unwrap_or_else(|fault| {
        panic!("{needed} descriptors are needed and {now:?} are allowed ({fault}): ulimit -n {needed}")
    });
}

/// Octets for people.
pub fn shown(octets: u64) -> String {
    match octets {
        0..10_240 => format!("{octets} B"),
        10_240..10_485_760 => format!("{:.1} KiB", octets as f64 / 1024.0),
        _ => format!("{:.1} MiB", octets as f64 / 1_048_576.0),
    }
}
