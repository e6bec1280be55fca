//! Every operation refuses those who present nothing, as it documents.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use tests::World;

use crate::files;

/// The refusal that an operation documents; none for a public one.
fn documented_refusal(operation: &Value) -> Option<u16> {
    let security = operation["security"].as_array().expect("a security entry");
    // One empty alternative means that nothing has to be presented.
    if security.iter().any(|scheme| scheme == &json!({})) {
        return None;
    }
    // The contract answers 403 to nobodies at a few places; they document no 401.
    let refusal = [401, 403]
        .into_iter()
        .find(|status| !operation["responses"][status.to_string()].is_null());
    Some(refusal.expect("an operation with a security entry documents its refusal"))
}

#[tokio::test]
async fn every_operation_refuses_nobodies_as_it_documents() {
    let world = World::start().await;
    let document = files::openapi();
    let mut refused = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // An instance that is there, so that nothing else can be the reason.
        let concrete = path
            .replace("{userId}", "demo-running")
            .replace("{id}", "demo-running")
            .replace("{agentId}", "demo-running")
            .replace("{path}", "healthz")
            .replace("{operationId}", "0b54b1f4-5c1d-4c54-9d62-0d1f0f6f3a01");
        assert!(!concrete.contains('{'), "fill in the parameters of {path}");
        for (method, operation) in operations.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = world.anonymous().send(method.clone(), &concrete, "").await;
            match documented_refusal(operation) {
                Some(status) => {
                    assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
                    assert!(answer.body["error"].is_string(), "{method} {path}");
                    refused.insert(status);
                }
                None => assert!(answer.status < 400, "{method} {path} is public: {answer:?}"),
            }
        }
    }
    assert_eq!(refused, BTreeSet::from([401, 403]));
}

#[tokio::test]
async fn a_session_that_is_none_and_a_wrong_key_are_refused_like_nobody() {
    let world = World::start().await;
    let document = files::openapi();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let concrete = path.replace('{', "demo-").replace('}', "");
        for (method, operation) in operations.as_object().unwrap() {
            let Some(status) = documented_refusal(operation) else {
                continue;
            };
            let method: Method = method.to_uppercase().parse().unwrap();
            let caller = world
                .anonymous()
                .with("cookie", "agentbot-session=nobodys")
                .with("authorization", "Bearer not-the-internal-key");
            let answer = caller.send(method.clone(), &concrete, "{}").await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        }
    }
}

#[test]
fn the_documented_refusal_is_401_before_403_and_none_for_public_operations() {
    let operation = |security: Value, statuses: &[u16]| {
        let responses: serde_json::Map<String, Value> = statuses
            .iter()
            .map(|status| (status.to_string(), json!({})))
            .collect();
        documented_refusal(&json!({"security": security, "responses": responses}))
    };
    let session = json!([{"session": []}]);
    assert_eq!(operation(session.clone(), &[200, 401, 403]), Some(401));
    assert_eq!(operation(session, &[200, 403]), Some(403));
    assert_eq!(operation(json!([{}]), &[200]), None);
}
