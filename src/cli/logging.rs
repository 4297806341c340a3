//! Logs: to the standard error, one line an event, as text or JSON.

mod lines;
mod plain;

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, fmt::writer::BoxMakeWriter};

use self::{
    lines::{Ending, Lines},
    plain::Plain,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

/// Starts logging. `PORTARIA_LOG` chooses levels (`info`, `portaria=debug`); colours only on a terminal. What is given back waits for the last
/// lines; none, if each is written by whoever says it, because there is no thread for them.
pub(super) fn start(format: Format, default_level: &str) -> Option<Ending> {
    let filter = EnvFilter::try_from_env("PORTARIA_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let (writer, ending) = match Lines::begin(std::io::stderr()) {
        Ok((lines, ending)) => (BoxMakeWriter::new(move || lines.clone()), Some(ending)),
        Err(_) => (BoxMakeWriter::new(std::io::stderr), None),
    };
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    // A second start (only tests do that) keeps the first.
    let _ = match format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).event_format(Plain(text())).try_init(),
        Format::Json => builder.with_target(false).json().flatten_event(true).try_init(),
    };
    ending
}

/// Lines of text as the library writes them.
fn text() -> fmt::format::Format {
    fmt::format().with_target(false)
}
