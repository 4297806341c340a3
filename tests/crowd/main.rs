//! A crowd: ten thousand clients that say nothing, a thousand that dribble a large message, and ordinary mail beside them.
//!
//! The gateway must stand it in bounded memory (promise 6), without a next-hop connection for those who are slow (decision 1), and
//! without making the others wait. The case knows the gateway by its port, its metrics and what the kernel says of its process; it needs
//! no other program and no root. `PORTARIA_CROWD=full` makes it the large one; `RECORD.md` beside this file has what it measured.
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

mod case;
mod dribble;
mod ordinary;
mod plan;
mod talk;
mod usage;

#[path = "../crash/support.rs"]
mod support;
