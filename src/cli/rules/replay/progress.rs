//! How far it is, on one line of the standard error, if that is a terminal; and Ctrl-C, which ends it with what is known so far.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{cli::rendering::Style, text};

/// Between two looks: a command that takes a second should not take longer for being watched.
const LOOK: Duration = Duration::from_millis(20);

/// Looks between two lines.
const LINES: u32 = 10;

/// Columns of the bar.
const BAR: u64 = 30;

/// The line.
pub struct Progress<'p> {
    total: u64,
    style: &'p Style,
    is_shown: bool,
    looks: u32,
}

impl<'p> Progress<'p> {
    /// Of so many records.
    pub fn new(total: u64, style: &'p Style) -> Self {
        Self { total, style, is_shown: io::stderr().is_terminal(), looks: 0 }
    }

    /// Shows `done` until it has `ended`. Ctrl-C sets `stop`.
    pub async fn watch(&mut self, done: &AtomicU64, stop: &AtomicBool, ended: impl Fn() -> bool) {
        let mut interrupt = signal(SignalKind::interrupt()).ok();
        while !ended() {
            let interrupted = async {
                match &mut interrupt {
                    Some(interrupt) => interrupt.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupted => stop.store(true, Ordering::Relaxed),
                () = tokio::time::sleep(LOOK) => {}
            }
            self.looks = self.looks.saturating_add(1);
            if self.is_shown && self.looks.is_multiple_of(LINES) {
                eprint!("\r{}", self.line(done.load(Ordering::Relaxed)));
            }
        }
        if self.is_shown && self.looks >= LINES {
            // Back to the beginning, and nothing left of it.
            eprint!("\r\u{1b}[K");
            let _ = io::stderr().flush();
        }
    }

    fn line(&self, done: u64) -> String {
        let total = self.total;
        let filled = done.min(total).saturating_mul(BAR).checked_div(total).unwrap_or(0);
        let bar: String = (0..BAR).map(|at| if at < filled { '█' } else { '·' }).collect();
        let hint = text!("Ctrl-C: what is known so far", "Ctrl-C: o que já se sabe");
        format!("{bar} {done}/{total}  {}", self.style.say(&hint))
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::language::Language;

    #[test]
    fn the_line_says_how_far_it_is() {
        let style = Style { json: false, language: Language::En, time_zone: TimeZone::UTC };
        let line = |total, done| Progress { total, style: &style, is_shown: false, looks: 0 }.line(done);
        assert!(line(10, 5).starts_with(&format!("{}{} 5/10  ", "█".repeat(15), "·".repeat(15))));
        // Records come in while it looks.
        assert!(line(10, 12).starts_with(&format!("{} 12/10  ", "█".repeat(30))));
        assert!(line(0, 0).starts_with(&"·".repeat(30)));
    }
}
