//! Formats a line of the log as one JSON object, like tracing-subscriber's own
//! format, with the event's fields beside the current span's.
//!
//! That one keeps a span's fields as text and parses them again for each line,
//! which was a third of the relay's work for a request.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// An event as an object.
pub(super) struct Line;

/// Fields as members of an object, each with a comma before it.
pub(super) struct Members;

impl<S> FormatEvent<S, Members> for Line
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(event.metadata().level().as_str())?;
        writer.write_char('"')?;
        context.format_fields(writer.by_ref(), event)?;
        let span = event.parent().and_then(|id| context.span(id));
        if let Some(span) = span.or_else(|| context.lookup_current()) {
            writer.write_str(",\"span\":{\"name\":")?;
            text(&mut writer, span.name())?;
            if let Some(members) = span.extensions().get::<FormattedFields<Members>>() {
                writer.write_str(members)?;
            }
            writer.write_char('}')?;
        }
        writer.write_str("}\n")
    }
}

impl<'w> FormatFields<'w> for Members {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            writer,
            written: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.written
    }
}

struct Visitor<'w> {
    writer: Writer<'w>,
    written: fmt::Result,
}

impl Visitor<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        let writer = &mut self.writer;
        self.written = self
            .written
            .and_then(|()| writer.write_str(",\""))
            .and_then(|()| writer.write_str(name))
            .and_then(|()| writer.write_str("\":"))
            .and_then(|()| value(writer));
    }
}

impl Visit for Visitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Not every number is one in JSON.
        self.member(field, |writer| {
            write!(writer, "{}", serde_json::Value::from(value))
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| text(writer, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |writer| text(writer, &format!("{value:?}")));
    }
}

/// A text as JSON has it. Most need no escape.
fn text(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text
        .bytes()
        .any(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
    {
        return write!(writer, "{}", serde_json::Value::from(text));
    }
    writer.write_char('"')?;
    writer.write_str(text)?;
    writer.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::json;

    use super::super::tests::logged;

    #[test]
    fn a_line_has_the_events_fields_and_those_of_its_span() {
        let found = logged(|| {
            let outer = tracing::info_span!("outer", lost = true);
            let _outer = outer.enter();
            let span = tracing::info_span!("request", id = "a", late = tracing::field::Empty);
            span.record("late", 7);
            span.in_scope(|| tracing::info!(status = 200, r#type = "x", "answered"));
            tracing::warn!(parent: &span, "said of it");
        });
        let span = json!({"name": "request", "id": "a", "late": 7});
        let answered = json!({"level": "INFO", "message": "answered", "status": 200, "type": "x", "span": span});
        let said = json!({"level": "WARN", "message": "said of it", "span": span});
        assert_eq!(found, [answered, said]);
    }

    #[test]
    fn values_of_every_kind_are_json() {
        let hostile = "\"}\n\\ \u{1} ä \u{2028}";
        let found = logged(|| {
            let error = io::Error::other(hostile);
            tracing::error!(
                text = hostile, shown = %hostile, debugged = ?Some(hostile), no = false, less = -1,
                half = 0.5, none = f64::NAN, error = &error as &dyn std::error::Error, "{hostile}"
            );
        });
        let expected = json!({
            "level": "ERROR", "message": hostile, "text": hostile, "shown": hostile,
            "debugged": format!("{:?}", Some(hostile)), "no": false, "less": -1, "half": 0.5,
            "none": null, "error": hostile,
        });
        assert_eq!(found, [expected]);
    }

    #[test]
    fn without_a_span_a_line_has_none() {
        let found = logged(|| tracing::info!("alone"));
        assert_eq!(found, [json!({"level": "INFO", "message": "alone"})]);
    }
}
