//! Who gets which status from which operation: the table in `docs/callers.md`
//! is what the API does, and has every operation.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};
use tests::{Caller, World};

use crate::files;

/// The columns of the table, in the order in which they are asked: the owner,
/// who changes something, comes last.
const CALLERS: [&str; 5] = ["nobody", "stranger", "service", "agent", "owner"];

const ID: &str = "demo-running";

/// Method and path, and the status for each caller.
type Table = BTreeMap<String, BTreeMap<String, u16>>;

/// Reads the table that has these columns.
fn table(text: &str) -> Table {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = text.lines();
    let head = lines
        .by_ref()
        .map(cells)
        .find(|cells| cells.first().is_some_and(|it| it == "operation"))
        .expect("a table with the column `operation`");
    let mut callers = head[1..].to_vec();
    callers.sort();
    let mut expected = CALLERS.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(callers, expected, "the columns of the table");
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let row = cells(line);
            assert_eq!(row.len(), head.len(), "{line}");
            let statuses = head.iter().zip(&row).skip(1);
            let statuses = statuses.map(|(caller, status)| {
                let status = status.parse().unwrap_or_else(|_| panic!("{line}"));
                (caller.clone(), status)
            });
            (row[0].trim_matches('`').to_owned(), statuses.collect())
        })
        .collect()
}

fn caller(world: &World, name: &str) -> Caller {
    match name {
        "nobody" => world.anonymous(),
        "stranger" => world.stranger(),
        "owner" => world.owner_of(ID),
        "service" => world.platform(),
        "agent" => {
            let mut agents = world.stack.agents.iter();
            let agent = agents.find(|agent| agent.instance_id == ID);
            let token = agent.and_then(|agent| agent.gateway_token.as_ref());
            let bearer = format!("Bearer {}", token.expect("a token"));
            world.anonymous().with("authorization", bearer)
        }
        _ => panic!("no caller {name}"),
    }
}

/// What the operations with a body take.
fn body(operation: &str) -> Value {
    match operation {
        "registerInstance" => json!({"ownerId": "owner-running"}),
        "maintainAgent" => json!({"action": "restart"}),
        "storeConfiguration" => json!({"configuration": {}}),
        "setMaintenanceWindow" => {
            json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T05:00:00Z"})
        }
        "checkIn" => json!({"instanceId": ID}),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_caller_gets_the_status_of_the_table() {
    let mut table = table(&files::read("docs/callers.md"));
    let mut wrong = Vec::new();
    for (path, operations) in files::openapi()["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = format!("{} {path}", method.to_uppercase());
            let world = World::start().await;
            let mut answered = BTreeMap::new();
            for who in CALLERS {
                let concrete = path
                    .replace("{userId}", ID)
                    .replace("{id}", ID)
                    .replace("{agentId}", ID)
                    .replace("{path}", "healthz")
                    .replace("{operationId}", "01961d2c-7b00-7000-8000-000000000000");
                assert!(!concrete.contains('{'), "fill in the parameters of {path}");
                let body = match body(operation["operationId"].as_str().unwrap()) {
                    Value::Null => String::new(),
                    body => body.to_string(),
                };
                let method: Method = method.to_uppercase().parse().unwrap();
                let answer = caller(&world, who).send(method, &concrete, body).await;
                answered.insert(who.to_owned(), answer.status);
            }
            let documented: BTreeSet<String> = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            for (who, status) in &answered {
                if !documented.contains(&status.to_string()) {
                    wrong.push(format!("{name} answers {status} to {who} undocumented"));
                }
            }
            match table.remove(&name) {
                Some(row) if row == answered => {}
                row => wrong.push(format!(
                    "{name} answers {answered:?}; the table has {row:?}"
                )),
            }
        }
    }
    let unknown = table.keys().map(|name| format!("{name} is no operation"));
    wrong.extend(unknown);
    assert!(wrong.is_empty(), "the table in docs/callers.md: {wrong:#?}");
}

#[test]
fn a_table_is_read_by_its_columns() {
    let text = "text\n\n| operation | owner | nobody | stranger | service | agent |\n\
                |---|---|---|---|---|---|\n| `GET /a` | 200 | 401 | 403 | 404 | 500 |\n\nmore";
    let row = [
        ("owner", 200),
        ("nobody", 401),
        ("stranger", 403),
        ("service", 404),
        ("agent", 500),
    ];
    let row = row.map(|(who, status)| (who.to_owned(), status));
    let expected = Table::from([("GET /a".to_owned(), BTreeMap::from(row))]);
    assert_eq!(table(text), expected);
}
