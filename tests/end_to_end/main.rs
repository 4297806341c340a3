//! End to end: the gateway as a program, between real programs: Debian's clamd, Postfix as the sending MTA and as the mailbox server,
//! swaks as a client, and a load program and a capturing sink of our own.
//!
//! The cases know the gateway by what operators and scripts rely on: `portaria.toml`, its commands and their JSON, its replies, its HTTP
//! paths. `tests/run.sh` installs what is needed; a program that is missing is a failure, never a skipped case.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests are the outside world: files, sockets, clocks, threads, child processes"
)]

mod alerts;
mod analyst;
mod antivirus;
mod applications;
mod backups;
mod balancers;
mod blind_scanners;
mod blocking;
mod chunks;
mod contingency;
mod crashes;
mod directory;
mod floods;
mod hiding;
mod identity;
mod life;
mod mailboxes;
mod metrics;
mod next_hop;
mod nodes;
mod poison;
mod privacy;
mod relaying;
mod releases;
mod rules;
mod scanner_faults;
mod scanner_handover;
mod scanner_limits;
mod scanner_restarts;
mod shared;
mod sizes;
mod tls;
mod yara_reload;

mod support;

#[path = "../hiding/mod.rs"]
#[allow(dead_code, reason = "the honest messages are read by tests/hiding.rs")]
mod corpus;
