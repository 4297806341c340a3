//! What decoding costs, without sockets and files: every decoder, the matcher, the inspection, and a whole session.
//!
//! Three measures, and none ever fails for being slow or large:
//!
//! - time, by criterion: `cargo bench --manifest-path benches/decoders/Cargo.toml --target-dir target` (behind `--` a part of a name runs
//!   only what has it). Octets a second; mail-parser reads the same header section beside ours.
//! - instructions: the same command with `-- --counts`, or `tests/run.sh counts`. Other work on the machine does not change them; they are printed
//!   beside `benches/counts.toml`, and `--counts --write` writes that file. How: `counts`.
//! - memory of long lists: `-- --memory`. How: `memory`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench ends by panicking and talks on stdout"
)]

mod cases;
#[path = "../../corpus/mod.rs"]
mod corpus;
mod counts;
mod mail;
mod memory;
mod session;

use criterion::{Criterion, Throughput};

fn main() {
    if std::env::args().any(|argument| argument == "--counts") {
        return counts::compare();
    }
    if std::env::args().any(|argument| argument == "--once") {
        return counts::once();
    }
    if let Some(memory) = std::env::args().find(|argument| argument.starts_with("--memory")) {
        return memory::measure(memory.strip_prefix("--memory="));
    }
    let mut criterion = Criterion::default().configure_from_args();
    for mut case in cases::all() {
        let mut group = criterion.benchmark_group("decoders");
        group.throughput(Throughput::Bytes(case.octets));
        group.bench_function(&case.name, |bencher| bencher.iter(&mut case.run));
        group.finish();
    }
    criterion.final_summary();
}
