//! DynamoDB's protocol, AWS JSON 1.0, in front of the embedded database.
//!
//! The crate's own server takes any credentials, and lets any web page read its
//! answers; this one wants the key that whoever started it has made up.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use common::http::only_header;
use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// DynamoDB's own limit of a body, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

#[derive(Clone)]
struct Served {
    database: Arc<Database>,
    /// The access key that requests have to be signed with. Signatures are not
    /// verified: a page that knew the key could sign.
    access_key: Arc<str>,
}

/// Routes that serve a database to whoever has this access key.
pub(super) fn routes(database: Database, access_key: &str) -> Router {
    let served = Served {
        database: Arc::new(database),
        access_key: access_key.into(),
    };
    Router::new()
        .route("/", post(answer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(served)
}

async fn answer(State(served): State<Served>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.contains_key(ORIGIN) || presented_key(&headers) != Some(&*served.access_key) {
        return refusal(
            "UnrecognizedClientException",
            "The request is not signed with the access key of this stack.",
        );
    }
    let operation = only_header(&headers, TARGET)
        .and_then(|target| target.strip_prefix(TARGET_PREFIX))
        .unwrap_or_default();
    match perform(&served.database, operation, &body) {
        Some(Ok(body)) => respond(StatusCode::OK, body),
        Some(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code());
            respond(status.unwrap_or(StatusCode::BAD_REQUEST), error.to_json())
        }
        None => refusal(
            "UnknownOperationException",
            "The embedded DynamoDB does not know this operation.",
        ),
    }
}

/// The access key in `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/…`.
fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let authorization = only_header(headers, AUTHORIZATION)?;
    let (_, credential) = authorization.split_once("Credential=")?;
    let (key, _) = credential.split_once('/')?;
    Some(key)
}

/// Performs an operation; `None` if there is none of this name.
fn perform(
    database: &Database,
    operation: &str,
    body: &[u8],
) -> Option<Result<String, DynoxideError>> {
    macro_rules! operations {
        ($($name:literal => $method:ident,)+) => {
            match operation {
                $($name => Some(run(body, |request| database.$method(request))),)+
                _ => None,
            }
        };
    }
    operations! {
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "CreateTable" => create_table,
        "DeleteItem" => delete_item,
        "DeleteTable" => delete_table,
        "DescribeTable" => describe_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "ExecuteStatement" => execute_statement,
        "GetItem" => get_item,
        "ListTables" => list_tables,
        "PutItem" => put_item,
        "Query" => query,
        "Scan" => scan,
        "TransactGetItems" => transact_get_items,
        "TransactWriteItems" => transact_write_items,
        "UpdateItem" => update_item,
        "UpdateTable" => update_table,
        "UpdateTimeToLive" => update_time_to_live,
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    perform: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let answer = perform(request)?;
    serde_json::to_string(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn respond(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}

fn refusal(kind: &str, message: &str) -> Response {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": message,
    });
    respond(StatusCode::BAD_REQUEST, body.to_string())
}
