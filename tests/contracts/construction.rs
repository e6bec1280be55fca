//! Each function is made in one place, by one way: its own crate makes its state,
//! of its variables and a `Platform`.

use crate::files;
use crate::names::names;

/// What only `common` and the functions put together. Whoever runs a function
/// calls its `from_environment`.
const PARTS: [&str; 8] = [
    "Alerts",
    "Authenticator",
    "ControlFunction",
    "ControlFunctionSettings",
    "ControlSettings",
    "Overview",
    "SessionSettings",
    "Webhook",
];

/// What a function gets from its `Platform`.
const MADE_BY_PLATFORM: [&str; 5] = [
    "Connection::open",
    "Prober::new",
    "Prober::trusting",
    "Queue::open",
    "Railway::new",
];

const PLATFORM: &str = "common/src/platform.rs";

#[test]
fn nobody_but_a_function_itself_makes_its_state() {
    let mut read = 0;
    let mut found = Vec::new();
    for folder in ["bench/src", "common/src", "functions", "infra", "tests"] {
        for path in files::below(folder, ".rs") {
            read += 1;
            found.extend(violations(&path, &files::read(&path)));
        }
    }
    assert!(read > 200, "only {read} files were read");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn planted_constructions_are_found() {
    let planted = [
        (
            "infra/local/src/functions.rs",
            "use common::http::Authenticator;",
        ),
        (
            "tests/src/world.rs",
            "common::control::ControlSettings::read(&mut reader)",
        ),
        (
            "bench/src/sweeping.rs",
            "use common::railway::{Overview, Railway};",
        ),
        (
            "functions/fleet/src/lib.rs",
            "let connection = Connection::open(&aws);",
        ),
        (
            "common/src/control/settings.rs",
            "Railway::new(settings, limits, clock)",
        ),
        (
            "functions/fleet/src/lib.rs",
            "pub struct State {\n    pub clock: SharedClock,\n}\n",
        ),
    ];
    for (path, text) in planted {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
    let allowed = [
        (
            "functions/token/src/lib.rs",
            "use common::alerts::{Alerts, Webhook};",
        ),
        (
            "infra/local/src/functions.rs",
            "fleet::from_environment(environment, platform)",
        ),
        (PLATFORM, "Connection::open(&self.aws)"),
        (
            "tests/railway/world.rs",
            "Railway::new(settings, limits(), clock)",
        ),
        (
            "functions/fleet/src/lib.rs",
            "pub struct State {\n    clock: SharedClock,\n}\n",
        ),
    ];
    for (path, text) in allowed {
        assert_eq!(
            violations(path, text),
            Vec::<String>::new(),
            "{path}: {text}"
        );
    }
}

/// Every part that a file puts together, and is not to.
fn violations(path: &str, text: &str) -> Vec<String> {
    let is_made_here = path.starts_with("common/") || path.starts_with("functions/");
    let forbidden: &[&str] = match is_made_here {
        true if path == PLATFORM => &[],
        true => &MADE_BY_PLATFORM,
        false => &PARTS,
    };
    let names = names(text);
    let uses = |part: &str| {
        let part = format!("::{part}::");
        names
            .iter()
            .any(|name| format!("::{name}::").contains(&part))
    };
    let mut found: Vec<String> = forbidden
        .iter()
        .filter(|part| uses(part))
        .map(|part| format!("{path} names {part}: a function is made by its own crate alone"))
        .collect();
    if path.starts_with("functions/") && has_open_state(text) {
        found.push(format!(
            "{path}: who can see a state's fields can make a second one"
        ));
    }
    found
}

/// Whether a `State` has a field that other crates see.
fn has_open_state(text: &str) -> bool {
    let state = text.split_once("pub struct State {");
    let fields = state.and_then(|(_, rest)| rest.split_once("\n}"));
    fields.is_some_and(|(fields, _)| fields.lines().any(|line| line.trim().starts_with("pub ")))
}
