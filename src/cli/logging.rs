//! Logs: to the standard error, one line an event, as text or JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

/// Starts logging. `PORTARIA_LOG` chooses levels (`info`, `portaria=debug`); colours only on a terminal.
pub(super) fn start(format: Format, default_level: &str) {
    let filter = EnvFilter::try_from_env("PORTARIA_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start (only tests do that) keeps the first.
    let _ = match format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}
