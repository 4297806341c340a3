//! Rules that change while mail flows: no session feels it, no message is judged by two sets, nothing half-written is ever in force, and
//! what was in force can be put back.
//!
//! The cases know the gateway by its port, its rules folder, its commands and signals. They need no other program and no root.
//! `PORTARIA_RELOADS=full` makes the run under load a long one; `RECORD.md` beside this file has what it measured.
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

mod half_written;
mod rollback;
mod session;
mod sets;
mod under_load;
mod watch;

#[path = "../crash/support.rs"]
mod support;
