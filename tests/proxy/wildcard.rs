//! Agents' origins at the function, behind a wildcard domain of API Gateway.

use std::collections::BTreeMap;

use axum::body::Body;
use common::aws::{Aws, Endpoint};
use common::platform::Platform;
use http::{Request, StatusCode};
use tower::ServiceExt;

use crate::pages::{COOKIE, Opened};

#[tokio::test]
async fn the_function_serves_agents_hosts_and_routes_all_others() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    let stack = &opened.world.stack;
    let environment = BTreeMap::from([
        ("INTERNAL_API_KEY", stack.bearer.reveal().to_owned()),
        ("INSTANCES_TABLE", stack.tables.instances.clone()),
        ("SESSIONS_TABLE", stack.tables.sessions.clone()),
        ("TICKETS_TABLE", stack.tables.tickets.clone()),
        ("AGENT_HOSTS", "127.0.0.1".to_owned()),
        (
            "AGENT_ORIGIN",
            "https://{agentId}.agents.localhost".to_owned(),
        ),
    ]);
    let aws = Aws::new(Endpoint::Local(stack.dynamodb.clone()));
    let platform = Platform {
        clock: std::sync::Arc::new(opened.world.clock.clone()),
        ..Platform::new(aws)
    };
    let function = proxy::from_environment(&environment, &platform).unwrap();
    let status = async |host: &str, method: &str, path: &str, cookie: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("host", host).header("cookie", cookie);
        let answer = function
            .clone()
            .oneshot(request.body(Body::empty()).unwrap());
        answer.await.unwrap().status()
    };
    assert!(cookie.starts_with(COOKIE));
    let agents = "echo.agents.localhost";
    for path in ["/", "/x", "/api/openclaw/proxy/echo/x"] {
        assert_eq!(status(agents, "GET", path, &cookie).await, StatusCode::OK);
        assert_eq!(
            status(agents, "GET", path, "").await,
            StatusCode::UNAUTHORIZED
        );
    }
    // No endpoint of its own is there, with whatever session.
    let session = "agentbot-session=session-of-owner-of-echo";
    let ticket = "/api/openclaw/proxy/echo/ticket";
    assert_eq!(
        status(agents, "POST", ticket, session).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        status("agents.localhost", "POST", ticket, session).await,
        StatusCode::NOT_FOUND
    );
    let api = "maintenance.example";
    assert_eq!(
        status(api, "POST", ticket, session).await,
        StatusCode::CREATED
    );
    assert_eq!(
        status(api, "GET", "/api/openclaw/proxy/echo/x", "").await,
        StatusCode::OK
    );
    assert_eq!(status(api, "GET", "/x", "").await, StatusCode::NOT_FOUND);
}
