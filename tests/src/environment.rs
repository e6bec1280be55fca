//! The variables that the tests themselves read, all of them optional.

use std::path::PathBuf;

/// `RECORD_CALLS`: the file in which is noted what each function asks of DynamoDB.
pub fn recorded_calls() -> Option<PathBuf> {
    variable("RECORD_CALLS").map(PathBuf::from)
}

/// `TEST_DYNAMODB`: the URL of another DynamoDB than the embedded one, in which
/// each world gets tables of its own.
pub(crate) fn other_dynamodb() -> Option<String> {
    variable("TEST_DYNAMODB")
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests has no other way to tell them; the product is told by worlds"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
