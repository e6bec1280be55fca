//! Records what the functions request of DynamoDB while all tests run:
//! `.ci/run` compares it with their policies.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use http::{HeaderMap, header};
use serde_json::Value;

use crate::environment;

/// Where lines such as `instance dynamodb:GetItem sessions` go, each once for a
/// process. Several processes may share a file.
struct Recorder {
    file: File,
    seen: BTreeSet<String>,
}

static RECORDER: LazyLock<Option<Mutex<Recorder>>> = LazyLock::new(|| {
    let path = environment::recorded_calls()?;
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    let seen = BTreeSet::new();
    Some(Mutex::new(Recorder { file, seen }))
});

/// Notes what a request does, if it names the function that sent it.
pub(crate) fn record(headers: &HeaderMap, operation: &str, body: &[u8]) {
    let (Some(recorder), Some(function)) = (&*RECORDER, function(headers)) else {
        return;
    };
    let body = serde_json::from_slice(body).expect("requests are JSON");
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    for (action, resource) in actions(operation, &body) {
        let line = format!("{function} dynamodb:{action} {resource}\n");
        if !recorder.seen.contains(&line) {
            // With one write, so that lines of two processes do not mix.
            let written = recorder.file.write_all(line.as_bytes());
            written.expect("the file takes another line");
            recorder.seen.insert(line);
        }
    }
}

/// The name of the connection, as `common::store::Connection::named` tells it.
fn function(headers: &HeaderMap) -> Option<&str> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    agent.split(' ').find_map(|word| word.strip_prefix("app/"))
}

/// What IAM would have to allow: actions, each with a table or one of its
/// indexes. A transaction needs the actions of its parts.
fn actions(operation: &str, body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let parts = |items: &Value| -> Vec<(String, String)> {
        let items = items.as_array().into_iter().flatten();
        let parts = items.filter_map(Value::as_object).flatten();
        parts
            .map(|(kind, part)| {
                let action = match kind.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    kind => format!("{kind}Item"),
                };
                (action, text(&part["TableName"]))
            })
            .collect()
    };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => parts(&body["TransactItems"]),
        "BatchWriteItem" | "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let tables = tables.map(|(table, _)| (operation.to_owned(), table.clone()));
            tables.collect()
        }
        _ => {
            let table = text(&body["TableName"]);
            let resource = match body["IndexName"].as_str() {
                Some(index) => format!("{table}/index/{index}"),
                None => table,
            };
            vec![(operation.to_owned(), resource)]
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(operation: &str, body: Value) -> Vec<String> {
        let actions = actions(operation, &body).into_iter();
        let mut lines: Vec<_> = actions.map(|(a, r)| format!("{a} {r}")).collect();
        lines.sort();
        lines
    }

    #[test]
    fn a_request_needs_its_action_on_its_table_or_index() {
        let table = json!({"TableName": "agents"});
        assert_eq!(of("GetItem", table.clone()), ["GetItem agents"]);
        let index = json!({"TableName": "agents", "IndexName": "by-owner"});
        assert_eq!(of("Query", index), ["Query agents/index/by-owner"]);
        let batch = json!({"RequestItems": {"agents": [], "tokens": []}});
        assert_eq!(
            of("BatchWriteItem", batch),
            ["BatchWriteItem agents", "BatchWriteItem tokens"]
        );
        assert_eq!(of("ListTables", json!({})), ["ListTables ?"]);
    }

    #[test]
    fn a_transaction_needs_the_actions_of_its_parts() {
        let items = json!({"TransactItems": [
            {"Put": {"TableName": "a"}},
            {"Update": {"TableName": "b"}},
            {"Delete": {"TableName": "c"}},
            {"ConditionCheck": {"TableName": "d"}},
        ]});
        assert_eq!(
            of("TransactWriteItems", items),
            [
                "ConditionCheckItem d",
                "DeleteItem c",
                "PutItem a",
                "UpdateItem b"
            ]
        );
        let gets = json!({"TransactItems": [{"Get": {"TableName": "a"}}]});
        assert_eq!(of("TransactGetItems", gets), ["GetItem a"]);
    }

    #[test]
    fn a_function_is_known_by_its_connection() {
        let mut headers = HeaderMap::new();
        assert_eq!(function(&headers), None);
        let agent = "aws-sdk-rust/1.3 os/linux lang/rust/1.95.0 app/instance m/E";
        headers.insert(header::USER_AGENT, agent.parse().unwrap());
        assert_eq!(function(&headers), Some("instance"));
    }
}
