//! Parameters of queries, over all operations of the document.

use http::Method;
use serde_json::{Value, json};
use tests::{Caller, World};

use crate::support::controls::ID;

/// Read by everybody, with whatever a page puts behind it to pass a cache.
const TAKES_ANY: [&str; 2] = ["showVersion", "showPublicVersion"];

struct Operation {
    id: String,
    method: Method,
    path: String,
    /// The parameters that the document has.
    parameters: Vec<String>,
    /// Whether it is the platform's.
    internal: bool,
    /// Whether it is an agent's own.
    of_agent: bool,
}

fn operations() -> Vec<Operation> {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
    let document = std::fs::read_to_string(document).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, described)| {
            let parameters = described["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.filter(|it| it["in"] == "query");
            let security = described["security"].to_string();
            Operation {
                id: described["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path
                    .replace("{userId}", ID)
                    .replace("{id}", ID)
                    .replace("{operationId}", "01961d2c-7b00-7000-8000-000000000000"),
                parameters: parameters
                    .map(|it| it["name"].as_str().unwrap().to_owned())
                    .collect(),
                internal: security.contains("internalKey"),
                of_agent: security.contains("gatewayToken"),
            }
        })
    });
    let proxied = |it: &Operation| it.path.contains("/proxy/");
    operations.filter(|it| !proxied(it)).collect()
}

#[tokio::test]
async fn a_parameter_that_no_operation_has_is_refused_with_those_that_it_has() {
    let world = World::start().await;
    let token = world.records.token(ID).await["token"].clone();
    let token = format!("Bearer {}", token.as_str().unwrap());
    let agent: Caller = world.anonymous().with("authorization", token);
    let mut refused = 0;
    for operation in operations() {
        let caller = match &operation {
            it if it.internal => world.platform(),
            it if it.of_agent => agent.clone(),
            _ => world.owner_of(ID),
        };
        let path = format!("{}?Limit=1", operation.path);
        let answer = caller.send(operation.method, &path, "{}").await;
        if TAKES_ANY.contains(&operation.id.as_str()) {
            assert_eq!(answer.status, 200, "{path}");
            continue;
        }
        let rule = match &operation.parameters[..] {
            [] => "this endpoint has none".to_owned(),
            [one] => format!("allowed is {one}"),
            [all @ .., last] => format!("allowed are {} and {last}", all.join(", ")),
        };
        let error = format!("\"Limit\" is no parameter; {rule}");
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert_eq!(answer.body["error"], json!(error), "{path}");
        refused += 1;
    }
    assert!(refused > 20, "only {refused}");
    // Nothing was done.
    assert_eq!(world.records.operations(ID, "op#").await.len(), 0);
}

#[tokio::test]
async fn an_action_by_another_name_is_no_restart() {
    let world = World::start().await;
    let owner = world.owner_of(ID);
    let path = "/api/openclaw/maintenance";
    for (body, error) in [
        (
            r#"{"Action": "factory-reset"}"#,
            r#""Action" is no field; allowed is action"#,
        ),
        (
            r#"{"action": "restart", "force": true}"#,
            r#""force" is no field; allowed is action"#,
        ),
    ] {
        let answer = owner.send(Method::POST, path, body).await;
        answer.is(400, json!({"error": error}));
    }
    assert_eq!(world.records.operations(ID, "op#").await.len(), 0);
}
