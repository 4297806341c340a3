//! Crashes and shortages: `kill -9` at any moment under load, a full disk, a folder that cannot be written, no descriptors left, a
//! clock that is set while mail flows, a database that is damaged, clients that do nothing. What the gateway acknowledged is never lost, and what arrives twice is said to be so.
//!
//! The cases know the gateway by its port, its commands and its folder, as those of `tests/end_to_end` do, and stand on the same
//! support. They need root (for a small disk of their own), Debian's libfaketime, and no program but the gateway.
//! `PORTARIA_CRASH=full` makes the run under load a long one; `RECORD.md` beside this file has what it measured.
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

mod clock;
mod database;
mod descriptors;
mod disk;
mod kept;
mod letters;
mod mta;
mod reconcile;
mod report;
mod silent_clients;
mod small_disk;
mod under_load;

mod support;
