//! Logs.
//!
//! `error`: somebody has to act (a damaged record, a failing store). `warn`:
//! the answer is worse than it should be, but nobody has to act yet. `info`:
//! one line per request. Cookies, keys, tokens and bodies are never logged at
//! any level.
//!
//! Dependencies make no such promise: at their lower levels, HTTP clients and
//! SDKs write headers and bodies. Whatever `LOG_LEVEL` says, only their
//! warnings and errors are logged.

mod console;
mod lines;

use std::fs::File;
use std::io::{self, IsTerminal, stderr};
use std::os::fd::AsFd;
use std::str::FromStr;

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

use lines::{Line, Members};

/// The crates of this project.
pub const OURS: [&str; 12] = [
    "common",
    "compatibility",
    "fleet",
    "instance",
    "lifecycle",
    "local",
    "maintenance",
    "proxy",
    "relay",
    "sweep",
    "token",
    "version",
];

/// The level up to which dependencies are logged.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// The level up to which this project's crates are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

impl Default for LogLevel {
    fn default() -> Self {
        Self(LevelFilter::INFO)
    }
}

/// Not a level, or one at which this build logs nothing: release builds leave
/// out what is below `info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", match STATIC_MAX_LEVEL {
    LevelFilter::TRACE => "must be error, warn, info, debug or trace",
    _ => "must be error, warn or info: this release build logs nothing below",
})]
pub struct InvalidLogLevel;

impl FromStr for LogLevel {
    type Err = InvalidLogLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = match text {
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err(InvalidLogLevel),
        };
        match level <= STATIC_MAX_LEVEL {
            true => Ok(Self(level)),
            false => Err(InvalidLogLevel),
        }
    }
}

/// Starts logging JSON lines to stdout, which CloudWatch parses. Each line is
/// one write, so that threads do not wait for each other, and none is lost when
/// the process ends.
pub fn init_json(level: LogLevel) {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(stdout) => json(level, File::from(stdout)).init(),
        Err(_) => json(level, io::stdout).init(),
    }
}

/// A subscriber that logs JSON lines to a given writer.
pub fn json<W>(level: LogLevel, writer: W) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer()
        .fmt_fields(Members)
        .event_format(Line)
        .with_writer(writer);
    registry().with(lines.with_filter(filter(level)))
}

/// Starts logging human-readable lines to stderr.
pub fn init_console(level: LogLevel) {
    console(level, stderr().is_terminal(), stderr).init();
}

/// A subscriber that logs lines for people to a given writer.
fn console<W>(
    level: LogLevel,
    colours: bool,
    writer: W,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer()
        .fmt_fields(console::Words)
        .event_format(console::Line)
        .with_writer(writer)
        .with_ansi(colours);
    registry().with(lines.with_filter(filter(level)))
}

fn filter(LogLevel(ours): LogLevel) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    let logged = move |it: &Metadata<'_>| {
        let name = it.target().split("::").next().unwrap_or_default();
        let limit = if OURS.contains(&name) {
            ours
        } else {
            OTHERS.min(ours)
        };
        *it.level() <= limit
    };
    filter_fn(logged).with_max_level_hint(ours)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::{LogLevel, json as logging};

    /// The lines of JSON that were logged, without their times.
    pub(crate) fn logged(log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        with_default(logging(LogLevel::default(), move || writer.clone()), log);
        let text = written.text();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let at = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            line
        };
        text.lines().map(line).collect()
    }

    /// Where lines are written to.
    #[derive(Clone, Default)]
    pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(super) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
