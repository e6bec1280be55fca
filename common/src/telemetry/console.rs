//! Formats a line of the log for a person at a terminal: the time of day in UTC,
//! as the API has it, the message, and what of its fields tells something.

use std::fmt;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// An event as a line.
pub(super) struct Line;

/// Fields as ` name=value`, without those that say nothing: a number that is 0,
/// a list without members, what is false or absent.
pub(super) struct Words;

impl<S> FormatEvent<S, Words> for Line
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Words>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut now = String::new();
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        match now.parse::<Timestamp>() {
            Ok(now) => write!(writer, "{} ", now.strftime("%H:%M:%S"))?,
            Err(_) => write!(writer, "{now} ")?,
        }
        let level = *event.metadata().level();
        if level != Level::INFO {
            let colour = match level {
                Level::ERROR => "\u{1b}[31m",
                Level::WARN => "\u{1b}[33m",
                _ => "\u{1b}[2m",
            };
            match writer.has_ansi_escapes() {
                true => write!(writer, "{colour}{level}\u{1b}[0m ")?,
                false => write!(writer, "{level} ")?,
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        let span = event.parent().and_then(|id| context.span(id));
        if let Some(span) = span.or_else(|| context.lookup_current())
            && let Some(words) = span.extensions().get::<FormattedFields<Words>>()
        {
            writer.write_str(words)?;
        }
        writer.write_char('\n')
    }
}

impl<'w> FormatFields<'w> for Words {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            writer,
            written: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.written
    }

    /// Without the blank that the trait would put between them: each field has
    /// its own.
    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Visitor<'w> {
    writer: Writer<'w>,
    written: fmt::Result,
}

impl Visitor<'_> {
    fn word(&mut self, field: &Field, value: &str) {
        // A request's own id is for whoever searches a thousand lines.
        if matches!(value, "" | "0" | "[]" | "None" | "false") || field.name() == "id" {
            return;
        }
        let value = shown(value);
        let writer = &mut self.writer;
        self.written = self.written.and_then(|()| match field.name() {
            "message" => write!(writer, "{value}"),
            name => {
                let name = name.strip_prefix("r#").unwrap_or(name);
                match value.parse::<Timestamp>() {
                    Ok(time) => write!(writer, " {name}={}", time.strftime("%FT%TZ")),
                    Err(_) if value.contains(' ') => write!(writer, " {name}=\"{value}\""),
                    Err(_) => write!(writer, " {name}={value}"),
                }
            }
        });
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.word(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.word(field, &format!("{value:?}"));
    }
}

/// What terminals obey is shown and not sent.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::super::tests::Written;
    use super::super::{LogLevel, console};
    use super::*;

    /// The lines that were logged, without their times.
    fn logged(log: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        let logging = console(LogLevel::default(), false, move || writer.clone());
        with_default(logging, log);
        let line = |line: &str| {
            let (time, rest) = line.split_once(' ').unwrap();
            assert_eq!(time.len(), "17:40:31".len(), "{line}");
            rest.to_owned()
        };
        written.text().lines().map(line).collect()
    }

    #[test]
    fn a_line_is_what_it_says_and_what_tells_something() {
        let at: Timestamp = "2026-04-01T12:00:00.123456789Z".parse().unwrap();
        let found = logged(|| {
            let nothing: Option<&str> = None;
            tracing::info!(
                agent = "demo", from = nothing, to = ?Some("x").map(|_| 7), since = %at,
                degraded = ?Vec::<u8>::new(), failed = 0, whole = false, "an agent changed"
            );
            let late = tracing::field::Empty;
            let span = tracing::info_span!("request", id = "a1", route = "/api/{userId}", late);
            span.record("late", "x");
            span.in_scope(|| tracing::info!(status = 200, took_ms = 5, "answered"));
            tracing::warn!(reason = "it did not answer", "alert");
        });
        let expected = [
            "an agent changed agent=demo to=Some(7) since=2026-04-01T12:00:00Z",
            "answered status=200 took_ms=5 route=/api/{userId} late=x",
            "WARN alert reason=\"it did not answer\"",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let found = logged(|| tracing::info!(reason = "\u{1b}[2J\nforged", "an agent's word"));
        assert_eq!(found, ["an agent's word reason=\\u{1b}[2J\\nforged"]);
    }
}
