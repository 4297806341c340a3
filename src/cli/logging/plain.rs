//! Log lines without colours: the same octets that `tracing_subscriber` writes, for a third of the instructions.
//!
//! In: an event. Out: its line. Each message has one. The library puts a style around each name and each sign, also where the style is none:
//! four writes with arguments for what is one text. What is rare (within a span, an error with its sources, the message itself, whose escape
//! sequences are made harmless) is left to the library.

use std::{
    fmt::{self, Debug},
    time::SystemTime,
};

use jiff::Timestamp;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::VisitOutput as _,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultVisitor, Format, Writer},
    },
    registry::LookupSpan,
};

use crate::door::gateway::now;

/// Lines like those of the format that it has, which is [`super::text`].
pub(super) struct Plain(pub(super) Format);

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if to.has_ansi_escapes() || context.event_scope().is_some() {
            return self.0.format_event(context, to, event);
        }
        put_time(&mut to, now().wall)?;
        to.write_str(level(*event.metadata().level()))?;
        let mut fields = Fields { to: to.by_ref(), is_empty: true, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        to.write_char('\n')
    }
}

fn put_time(to: &mut Writer<'_>, now: SystemTime) -> fmt::Result {
    match Timestamp::try_from(now) {
        Ok(now) => write!(to, "{now:.6}"),
        Err(_) => to.write_str("<unknown time>"),
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::TRACE => " TRACE ",
        Level::DEBUG => " DEBUG ",
        Level::INFO => "  INFO ",
        Level::WARN => "  WARN ",
        Level::ERROR => " ERROR ",
    }
}

/// The fields of an event, each behind a space but the first.
struct Fields<'w> {
    to: Writer<'w>,
    is_empty: bool,
    result: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, name: &str, value: &dyn Debug) -> fmt::Result {
        if !self.is_empty {
            self.to.write_char(' ')?;
        }
        self.to.write_str(name)?;
        self.to.write_char('=')?;
        write!(self.to, "{value:?}")
    }

    fn as_usual(&mut self, record: impl FnOnce(&mut DefaultVisitor<'_>)) -> fmt::Result {
        let mut visitor = DefaultVisitor::new(self.to.by_ref(), self.is_empty);
        record(&mut visitor);
        visitor.finish()
    }
}

impl Visit for Fields<'_> {
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        if self.result.is_ok() {
            self.result = self.as_usual(|visitor| visitor.record_error(field, value));
            self.is_empty = false;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.result.is_ok() {
            self.result = match field.name() {
                "message" => self.as_usual(|visitor| visitor.record_debug(field, value)),
                // A name that is a word of Rust.
                name => self.put(name.strip_prefix("r#").unwrap_or(name), value),
            };
            self.is_empty = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
        time::{Duration, UNIX_EPOCH},
    };

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::cli::logging::text;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer \u{1b}[2J")]
    struct Outer(#[source] io::Error);

    fn events() {
        let outer = Outer(io::Error::other("inner"));
        let error: &(dyn std::error::Error + 'static) = &outer;
        let none: Option<&str> = None;
        tracing::info!(id = %"0123", none, some = Some("a b"), from = ?"\u{1b}[31m\n\"é", size = 7_u64, to = ?["a", "b"], r#type = true, "transaction");
        tracing::warn!("only a message \u{1b}[31m\u{7}\u{85}é");
        tracing::error!(error, "with what it comes from");
        tracing::error!(error, other = 1.5, short = -3_i8);
        tracing::debug!(text = "a \"text\"");
        tracing::trace!(shown = %"first", behind = 1);
        tracing::info!({ at = ?(1, "x") }, "a message {} and more", "\u{9b}made");
        tracing::info_span!("around", id = 5).in_scope(|| tracing::info!(inside = 1, "of a span"));
    }

    /// Without their times, whose lengths are one.
    fn lines(with_ansi: bool, is_plain: bool) -> Vec<String> {
        let (lines, time) = (Lines::default(), "2026-11-22T23:10:39.123456Z".len());
        let builder = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(lines.clone());
        if is_plain {
            tracing::subscriber::with_default(
                builder.with_ansi(with_ansi).event_format(Plain(text())).finish(),
                events,
            );
        } else {
            tracing::subscriber::with_default(builder.with_ansi(with_ansi).event_format(text()).finish(), events);
        }
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let behind = |line: &str| if with_ansi { line.get(time + 8..) } else { line.get(time..) }.unwrap().to_owned();
        written.lines().map(behind).collect()
    }

    #[test]
    fn a_line_is_the_librarys() {
        for with_ansi in [false, true] {
            let usual = lines(with_ansi, false);
            assert_eq!(usual.len(), 8, "{usual:?}");
            assert_eq!(lines(with_ansi, true), usual);
        }
        assert_eq!(lines(false, true)[1], "  WARN only a message \\x1b[31m\\x07\\u{85}é");
    }

    #[test]
    fn a_time_has_six_digits_behind_its_point() {
        let rows = [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1_795_258_800, 1_999, "2026-11-21T11:00:00.000001Z"),
            (1_795_258_799, 999_999_999, "2026-11-21T10:59:59.999999Z"),
            (1_709_164_800, 500_000_000, "2024-02-29T00:00:00.500000Z"),
        ];
        for (seconds, nanoseconds, expected) in rows {
            let mut written = String::new();
            put_time(&mut Writer::new(&mut written), UNIX_EPOCH + Duration::new(seconds, nanoseconds)).unwrap();
            assert_eq!(written, expected);
        }
    }
}
