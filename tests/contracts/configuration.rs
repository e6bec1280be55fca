//! Every variable is described in `docs/configuration.md`, and nothing else is.

use std::collections::BTreeSet;

use common::config::{FROM_SUFFIX, SECRETS};

use crate::files;

/// What the AWS SDK reads by itself.
const OF_THE_SDK: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// What `infra/local/src/demo.rs` reads for each agent of the demo.
const OF_THE_DEMO: &str = "AGENT_URL_";

/// The variables that `common/src/config.rs` has a name for, with those that name
/// a secret.
fn defined(code: &str) -> BTreeSet<String> {
    let constants = code.lines().filter_map(|line| {
        let (_, value) = line
            .trim_start()
            .strip_prefix("pub const ")?
            .split_once(": &str = \"")?;
        Some(value.strip_suffix("\";")?.to_owned())
    });
    let of_secrets = SECRETS.iter().map(|name| format!("{name}{FROM_SUFFIX}"));
    let variables = constants.filter(|name| name != FROM_SUFFIX);
    variables.chain(of_secrets).collect()
}

/// The variables in the first column of a page's tables.
fn described(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

/// What is missing on the page, and what is unknown there.
fn differences(defined: &BTreeSet<String>, described: &BTreeSet<String>) -> Vec<String> {
    let missing = defined.difference(described);
    let missing = missing.map(|name| format!("{name} has no row"));
    let unknown = described.difference(defined);
    let unknown = unknown
        .filter(|name| !OF_THE_SDK.contains(&name.as_str()) && !name.starts_with(OF_THE_DEMO))
        .map(|name| format!("{name} is no variable"));
    missing.chain(unknown).collect()
}

#[test]
fn every_variable_has_a_row_and_every_row_is_a_variable() {
    let defined = defined(&files::read("common/src/config.rs"));
    assert!(defined.len() > 50, "only {} were found", defined.len());
    let described = described(&files::read("docs/configuration.md"));
    let found = differences(&defined, &described);
    assert!(found.is_empty(), "docs/configuration.md: {found:#?}");
}

#[test]
fn planted_violations_are_found() {
    let mut defined = defined("pub const ONE: &str = \"ONE\";\npub const TWO: &str = \"SECOND\";");
    defined.retain(|name| !name.ends_with(FROM_SUFFIX));
    let page = "| variable | meaning |\n|---|---|\n| `ONE`, `AWS_REGION` | `SECOND` |\n\
                | `GONE`, `AGENT_URL_A`, … | x |";
    let found = differences(&defined, &described(page));
    assert_eq!(found, ["SECOND has no row", "GONE is no variable"]);
}
