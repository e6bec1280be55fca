//! The proxy as Lambda has it: with whole bodies, and without WebSockets.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use common::aws::{Aws, Endpoint};
use common::http::AllowedOrigins;
use common::platform::Platform;
use http::{Request, Response};
use serde_json::Value;
use tests::{Reply, ScriptedServer, World};
use tower::ServiceExt;

use crate::support::Proxied;

async fn function(world: &World) -> Router {
    let environment = BTreeMap::from([
        ("INTERNAL_API_KEY", world.stack.bearer.reveal().to_owned()),
        ("INSTANCES_TABLE", world.stack.tables.instances.clone()),
        ("AGENT_HOSTS", "127.0.0.1".to_owned()),
    ]);
    let aws = Aws::new(Endpoint::Local(world.stack.dynamodb.clone()));
    let routes = proxy::from_environment(&environment, &Platform::new(aws)).unwrap();
    common::http::app(routes, &AllowedOrigins::default())
}

async fn ask(function: &Router, path: &str, body: Vec<u8>) -> Response<Body> {
    let target = format!("/api/openclaw/proxy/echo{path}");
    let request = Request::post(target).body(Body::from(body)).unwrap();
    function.clone().oneshot(request).await.unwrap()
}

async fn text(answer: Response<Body>) -> String {
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn what_is_too_large_for_an_event_is_refused_with_its_limit() {
    let proxied = Proxied::start().await;
    let function = function(&proxied.world).await;
    let answer = ask(&function, "/upload", vec![0; 4_500_001]).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(
        text(answer).await,
        "{\"error\":\"The body must be at most 4500000 bytes\"}"
    );
    assert_eq!(proxied.agent.connections(), 0);
    let answer = ask(&function, "/upload", vec![0; 4_500_000]).await;
    assert_eq!(text(answer).await, "{\"got\":4500000}");
    let answer = ask(&function, "/bytes/4500000", Vec::new()).await;
    assert_eq!(answer.status(), 200);
    let answer = ask(&function, "/bytes/4500001", Vec::new()).await;
    assert_eq!(answer.status(), 502);
    assert!(text(answer).await.contains("larger than 4500000 bytes"));
}

#[tokio::test]
async fn an_answer_survives_lambdas_runtime_byte_for_byte() {
    use lambda_http::IntoResponse;

    let proxied = Proxied::start().await;
    for (content_type, body) in [
        ("text/html; charset=utf-8", "ä".as_bytes()),
        ("text/plain; charset=iso-8859-1", &[0xe4, b'x'][..]),
        ("text/css", b"\xef\xbb\xbfa{}"),
        ("application/json", &[b'"', 0xff, b'"']),
        ("image/png", &[0x89, b'P', 0, 0xff]),
    ] {
        let agent = ScriptedServer::always(Reply::http(200, content_type, body)).await;
        let world = &proxied.world;
        let item =
            serde_json::json!({"instanceId": "echo", "ownerId": "o", "openclawUrl": agent.url()});
        world.records.put_instance(&item).await;
        // A new one each time: addresses are kept for some seconds.
        let answer = ask(&function(world).await, "/x", Vec::new()).await;
        assert_eq!(answer.headers()["content-type"], content_type);
        let sent = answer.into_response().await;
        assert_eq!(sent.body().as_ref(), body, "{content_type}");
    }
}

#[tokio::test]
async fn a_websocket_is_told_where_it_can_go() {
    let proxied = Proxied::start().await;
    let function = function(&proxied.world).await;
    for (key, status) in [
        ("", 401),
        ("Bearer wrong", 403),
        (
            &format!("Bearer {}", proxied.world.stack.bearer.reveal()),
            501,
        ),
    ] {
        let request = Request::get("/api/openclaw/proxy/echo/x")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("authorization", key)
            .body(Body::empty());
        let answer = function.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{key}");
        let body: Value = serde_json::from_str(&text(answer).await).unwrap();
        assert!(body["error"].is_string());
    }
    assert_eq!(proxied.agent.connections(), 0);
}
