//! Variables that are set, and only count with another one.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::aws::{Aws, Endpoint};
use common::config::{Environment, Reader};
use common::platform::Platform;
use common::telemetry::{self, LogLevel};
use serde_json::{Value, json};
use tracing_subscriber::util::SubscriberInitExt;

/// Log lines, kept in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that reading an environment logs, without their times.
fn logged(variables: &[(&'static str, &str)], read: impl FnOnce(&dyn Environment)) -> Vec<Value> {
    let lines = Lines::default();
    let writer = lines.clone();
    let logging = telemetry::json(LogLevel::default(), move || writer.clone());
    let values = variables
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let environment: BTreeMap<&str, String> = values.collect();
    {
        let _until_read = logging.set_default();
        read(&environment);
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let parsed = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("timestamp").unwrap();
        line
    });
    parsed.collect()
}

fn warnings(rows: &[(&str, &str)]) -> Vec<Value> {
    let line = |(variable, because): &(&str, &str)| {
        json!({
            "level": "WARN", "message": "a variable has no effect", "variable": variable,
            "because": because,
        })
    };
    rows.iter().map(line).collect()
}

fn sweep(environment: &dyn Environment) {
    let platform = Platform::new(Aws::new(Endpoint::Standard));
    let made = sweep::from_environment(environment, &platform);
    assert!(made.is_ok(), "{:?}", made.err());
}

fn relay(environment: &dyn Environment) {
    let settings = relay::Settings::read(&mut Reader::new(environment));
    assert!(settings.is_some());
}

#[test]
fn a_sweep_names_what_needs_healing_a_queue_or_railway() {
    let tables = [
        ("INSTANCES_TABLE", "instances"),
        ("HISTORY_TABLE", "history"),
    ];
    let set = [
        ("SELF_HEALING_AFTER", "6"),
        ("SELF_HEALING_PAUSE", "301"),
        ("SELF_HEALING_STEPS", "6"),
        ("SWEEP_SEGMENT_ABOVE", "100"),
        ("SWEEP_OUTDATED", "60"),
        ("SWEEP_LISTING_INTERVAL", "61"),
        ("SWEEP_LISTING_MAX_AGE", "601"),
        ("RAILWAY_TOKEN_TYPE", "project"),
        ("RAILWAY_PROJECT_ID", "project"),
    ];
    let found = logged(&[&tables[..], &set].concat(), sweep);
    let expected = [
        ("RAILWAY_TOKEN_TYPE", "RAILWAY_API_KEY is not set"),
        ("RAILWAY_PROJECT_ID", "RAILWAY_API_KEY is not set"),
        ("SELF_HEALING_AFTER", "SELF_HEALING is not on"),
        ("SELF_HEALING_PAUSE", "SELF_HEALING is not on"),
        ("SELF_HEALING_STEPS", "SELF_HEALING is not on"),
        ("SWEEP_SEGMENT_ABOVE", "SWEEP_QUEUE_URL is not set"),
        ("SWEEP_OUTDATED", "SWEEP_QUEUE_URL is not set"),
        ("SWEEP_LISTING_INTERVAL", "RAILWAY_API_KEY is not set"),
        ("SWEEP_LISTING_MAX_AGE", "RAILWAY_API_KEY is not set"),
    ];
    assert_eq!(found, warnings(&expected));

    let needed = [
        ("SELF_HEALING", "on"),
        (
            "SWEEP_QUEUE_URL",
            "https://sqs.us-east-1.amazonaws.com/1/queue",
        ),
        ("RAILWAY_API_KEY", "a-key-of-railway"),
        ("OPERATIONS_TABLE", "operations"),
        ("TOKENS_TABLE", "tokens"),
        ("MEMORIES_TABLE", "memories"),
    ];
    let found = logged(&[&tables[..], &set, &needed].concat(), sweep);
    assert_eq!(found, warnings(&[]));
}

/// What the template sets unless its parameters are given.
#[test]
fn the_defaults_of_settings_are_no_news() {
    let defaults = [
        ("INSTANCES_TABLE", "instances"),
        ("HISTORY_TABLE", "history"),
        ("SELF_HEALING", "off"),
        ("SELF_HEALING_AFTER", "5"),
        ("SELF_HEALING_PAUSE", "300"),
        ("SELF_HEALING_STEPS", "5"),
        ("SWEEP_SEGMENT_ABOVE", "5000"),
        ("SWEEP_OUTDATED", "120"),
        ("SWEEP_LISTING_INTERVAL", "60"),
        ("SWEEP_LISTING_MAX_AGE", "600"),
        ("RAILWAY_TOKEN_TYPE", "account"),
        ("RAILWAY_PROJECT_ID", ""),
    ];
    assert_eq!(logged(&defaults, sweep), warnings(&[]));
    let settings = sweep::Settings::default();
    let numbers = [
        i64::from(settings.self_healing_after),
        settings.self_healing_pause.as_secs(),
        i64::try_from(settings.self_healing_steps).unwrap(),
        i64::from(settings.segment_above),
        settings.outdated.as_secs(),
        settings.listing_interval.as_secs(),
        settings.listing_max_age.as_secs(),
    ];
    let told = defaults[3..10]
        .iter()
        .map(|(_, value)| value.parse().unwrap());
    assert_eq!(numbers.to_vec(), told.collect::<Vec<i64>>());
}

#[test]
fn a_relay_without_tickets_names_what_only_tickets_need() {
    let needed = [
        ("INTERNAL_API_KEY", "0123456789abcdef"),
        ("PROXY_TARGET", "private"),
    ];
    let set = [
        ("INSTANCES_TABLE", "instances"),
        ("SESSIONS_TABLE", "sessions"),
        ("NEXTAUTH_SECRET", "0123456789abcdef0123456789abcdef"),
        ("AUTH_SECRET", "0123456789abcdef0123456789abcdef"),
        ("JWT_JWKS_URL", "https://login.example/keys"),
        // This one counts alone.
        ("JWT_ISSUER", "https://login.example"),
        ("JWT_AUDIENCE", "maintenance"),
        ("ALLOWED_ORIGINS", "https://app.example"),
    ];
    let no_tickets = "TICKETS_TABLE is not set";
    let expected = [
        ("SESSIONS_TABLE", no_tickets),
        ("NEXTAUTH_SECRET", no_tickets),
        ("AUTH_SECRET", no_tickets),
        ("JWT_JWKS_URL", no_tickets),
        ("JWT_AUDIENCE", no_tickets),
        (
            "INSTANCES_TABLE",
            "PROXY_TARGET is private, and TICKETS_TABLE is not set",
        ),
        ("ALLOWED_ORIGINS", no_tickets),
    ];
    let found = logged(&[&needed[..], &set].concat(), relay);
    assert_eq!(found, warnings(&expected));

    let tickets = [("TICKETS_TABLE", "tickets")];
    let found = logged(&[&needed[..], &set, &tickets].concat(), relay);
    assert_eq!(found, warnings(&[]));
}
