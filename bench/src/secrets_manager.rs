//! A simulated Secrets Manager that has any secret.

use axum::Router;
use axum::routing::post;
use axum::{Json, body::Bytes};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::failed::Failed;

/// Starts one on a free port, where it stays until the benchmark ends, and tells
/// its URL.
pub(crate) async fn start() -> Result<String, Failed> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/", post(answer));
    tokio::spawn(async {
        if let Err(error) = axum::serve(listener, app).await {
            eprintln!("the Secrets Manager ended: {error}");
        }
    });
    Ok(url)
}

async fn answer(request: Bytes) -> Json<Value> {
    let request: Value = serde_json::from_slice(&request).unwrap_or_default();
    let names = request.get("SecretIdList").and_then(Value::as_array);
    let values = names.into_iter().flatten().map(|name| {
        json!({"ARN": name, "Name": name, "SecretString": "00000000-0000-4000-8000-000000000000"})
    });
    Json(json!({"SecretValues": values.collect::<Vec<_>>(), "Errors": []}))
}
