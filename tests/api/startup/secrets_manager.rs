//! Secrets that a function reads from AWS Secrets Manager when it starts.

use std::collections::BTreeMap;

use common::aws::{Aws, Endpoint};
use common::config::{INTERNAL_API_KEY, RAILWAY_API_KEY};
use common::secrets;
use serde_json::{Value, json};
use tests::{Reply, ScriptedServer};

const INTERNAL_API_KEY_FROM: &str = "INTERNAL_API_KEY_FROM";
const RAILWAY_API_KEY_FROM: &str = "RAILWAY_API_KEY_FROM";

/// A Secrets Manager that answers every request so.
async fn manager(answer: &Value) -> (ScriptedServer, Aws) {
    let reply = Reply::http(200, "application/x-amz-json-1.1", answer.to_string());
    let server = ScriptedServer::always(reply).await;
    let aws = Aws::new(Endpoint::Local(server.url().to_owned()));
    (server, aws)
}

fn variables(variables: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    let owned = variables
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    owned.collect()
}

#[tokio::test]
async fn all_secrets_are_read_with_one_request() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:railway-AbCdEf";
    let (server, aws) = manager(&json!({"SecretValues": [
        {"ARN": arn, "Name": "railway", "SecretString": "the key to Railway"},
        {"ARN": "arn:2", "Name": "maintenance/internal", "SecretString": "the internal key"},
    ]}))
    .await;
    let environment = variables(&[
        (INTERNAL_API_KEY_FROM, "maintenance/internal"),
        (RAILWAY_API_KEY_FROM, arn),
    ]);
    let read = secrets::read(&environment, &aws).await.unwrap();
    assert_eq!(
        read,
        variables(&[
            (INTERNAL_API_KEY, "the internal key"),
            (RAILWAY_API_KEY, "the key to Railway"),
        ])
    );
    let [request] = server.requests().try_into().unwrap();
    assert!(request.contains("x-amz-target: secretsmanager.batchgetsecretvalue\r\n"));
}

#[tokio::test]
async fn nobody_is_asked_where_no_secret_is_named() {
    let (server, aws) = manager(&json!({})).await;
    let environment = variables(&[(INTERNAL_API_KEY, "plain"), (RAILWAY_API_KEY_FROM, "")]);
    let read = secrets::read(&environment, &aws).await.unwrap();
    assert_eq!(read, BTreeMap::new());
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_with_its_variable() {
    let (_server, aws) = manager(&json!({
        "SecretValues": [{"ARN": "arn:1", "Name": "internal", "SecretString": "the internal key"}],
        "Errors": [{
            "SecretId": "railway",
            "ErrorCode": "ResourceNotFoundException",
            "Message": "Secrets Manager can't find the specified secret.",
        }],
    }))
    .await;
    let environment = variables(&[
        (INTERNAL_API_KEY_FROM, "internal"),
        (RAILWAY_API_KEY_FROM, "railway"),
    ]);
    let error = secrets::read(&environment, &aws).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "RAILWAY_API_KEY_FROM names the secret railway: Secrets Manager can't find the specified \
         secret."
    );
}

#[tokio::test]
async fn a_secret_without_text_is_refused() {
    let (_server, aws) = manager(&json!({"SecretValues": [
        {"ARN": "arn:1", "Name": "railway", "SecretBinary": "AAAA"},
    ]}))
    .await;
    let environment = variables(&[(RAILWAY_API_KEY_FROM, "railway")]);
    let error = secrets::read(&environment, &aws).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "RAILWAY_API_KEY_FROM names the secret railway: it has no text"
    );
}

#[tokio::test]
async fn a_secret_is_either_given_or_named() {
    let (server, aws) = manager(&json!({})).await;
    let environment = variables(&[
        (RAILWAY_API_KEY, "the key itself"),
        (RAILWAY_API_KEY_FROM, "railway"),
    ]);
    let error = secrets::read(&environment, &aws).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "RAILWAY_API_KEY and RAILWAY_API_KEY_FROM are both set: unset one"
    );
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_does_not_show_its_secrets() {
    let answer = r#"{"SecretValues": [{"Name": "railway", "SecretString": "the key itself"}"#;
    let reply = Reply::http(200, "application/x-amz-json-1.1", answer);
    let server = ScriptedServer::always(reply).await;
    let aws = Aws::new(Endpoint::Local(server.url().to_owned()));
    let environment = variables(&[(RAILWAY_API_KEY_FROM, "railway")]);
    let error = secrets::read(&environment, &aws).await.unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read secrets: "),
        "{error}"
    );
    let all = format!("{error} {error:?}");
    assert!(!all.contains("the key itself"), "{all}");
}

#[tokio::test]
async fn a_refusal_is_told() {
    let body = json!({"__type": "AccessDeniedException", "Message": "not authorized"});
    let reply = Reply::http(400, "application/x-amz-json-1.1", body.to_string());
    let server = ScriptedServer::always(reply).await;
    let aws = Aws::new(Endpoint::Local(server.url().to_owned()));
    let environment = variables(&[(RAILWAY_API_KEY_FROM, "railway")]);
    let error = secrets::read(&environment, &aws).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read secrets: service error: unhandled error (AccessDeniedException): Error { \
         code: \"AccessDeniedException\", message: \"not authorized\" }"
    );
}
