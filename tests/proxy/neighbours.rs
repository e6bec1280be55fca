//! What the page of one agent can do to that of another, in a browser in which both are
//! open: they are of one site, so that `SameSite` keeps no cookie from a request.

use http::Method;
use tests::{Reply, ScriptedServer};

use crate::pages::{Opened, is_page};

const OTHER: &str = "Another page may not use this one";

#[tokio::test]
async fn a_neighbours_requests_are_refused_with_the_visitors_cookie() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    let (own, other) = (opened.origin("echo"), opened.origin("evil"));
    let cookie = ("cookie", &*cookie);
    let shown = ("accept", "text/html");
    let site = |value| ("sec-fetch-site", value);
    let refused = [
        (Method::POST, vec![("origin", &*other)]),
        (Method::GET, vec![("origin", &*other)]),
        (Method::POST, vec![("origin", "null")]),
        (Method::POST, vec![("origin", &*own), ("origin", &*other)]),
        (Method::GET, vec![site("same-site")]),
        (
            Method::GET,
            vec![site("cross-site"), ("sec-fetch-mode", "no-cors")],
        ),
        // In a frame, and with a form.
        (
            Method::GET,
            vec![
                site("same-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
        ),
        (
            Method::POST,
            vec![
                site("same-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
        ),
    ];
    for (method, headers) in refused {
        let headers = [&[cookie, shown][..], &headers].concat();
        let shown: Vec<_> = headers
            .iter()
            .filter(|(name, _)| *name != "sec-fetch-dest")
            .copied()
            .collect();
        let answer = opened.send(method.clone(), "echo", "/x", &headers).await;
        assert_eq!(answer.status(), 403, "{method} {headers:?}");
        let answer = opened.send(method, "echo", "/x", &shown).await;
        is_page(answer, 403, OTHER).await;
    }
    assert_eq!(opened.agent.connections(), 0);
    let let_in = [
        (Method::POST, vec![("origin", &*own), site("same-origin")]),
        (Method::GET, vec![site("same-origin")]),
        (Method::GET, vec![site("none")]),
        (
            Method::GET,
            vec![
                site("cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
        ),
    ];
    for (method, headers) in let_in {
        let headers = [&[cookie][..], &headers].concat();
        let answer = opened.send(method, "echo", "/x", &headers).await;
        assert_eq!(answer.status(), 200, "{headers:?}");
    }
}

#[tokio::test]
async fn a_neighbour_opens_no_socket_with_the_visitors_cookie() {
    let opened = Opened::start().await;
    let cookie = opened.opened().await;
    for origin in [
        &*opened.origin("evil"),
        "https://evil.example",
        "null",
        "http://echo.agents.localhost",
    ] {
        let headers = format!("cookie: {cookie}\r\norigin: {origin}\r\n");
        let (_, head) = opened.socket("/", &headers).await;
        assert!(head.starts_with("http/1.1 403 "), "{origin}: {head}");
    }
    assert_eq!(opened.agent.connections(), 0);
}

#[tokio::test]
async fn an_agents_answer_is_for_its_own_origin_alone() {
    let opened = Opened::start().await;
    let agent = ScriptedServer::always(Reply::raw(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\
         access-control-allow-origin: http://evil.agents.localhost\r\n\
         access-control-allow-credentials: true\r\nalt-svc: h3=\":443\"\r\n\
         cache-control: public, max-age=60, s-maxage=600, immutable\r\n\
         clear-site-data: \"cookies\"\r\ncontent-security-policy: default-src 'self'\r\n\
         cross-origin-resource-policy: cross-origin\r\nservice-worker-allowed: /\r\n\
         set-cookie: a=1; Domain=agents.localhost; Path=/x; HttpOnly\r\n\
         set-cookie: __Host-own=1; Secure; Path=/\r\n\
         set-cookie: __Host-agentbot-page=0; Secure; Path=/\r\n\
         set-cookie: agentbot-session=stolen\r\n\
         strict-transport-security: max-age=1; includeSubDomains\r\nx-own: 1\r\n\
         connection: close\r\n\r\nhi",
    ))
    .await;
    opened
        .world
        .deploy("raw", "owner-of-raw", agent.url())
        .await;
    let cookie = opened.open("raw", "owner-of-raw").await;
    let answer = opened.get("raw", "/", &[("cookie", &cookie)]).await;
    let mut headers: Vec<String> = answer
        .headers()
        .iter()
        .filter(|(name, _)| *name != "x-request-id" && *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let expected = [
        "cache-control: private, max-age=60, immutable",
        "content-length: 2",
        "content-security-policy: default-src 'self'",
        "content-security-policy: frame-ancestors 'self'",
        "content-type: text/html",
        "cross-origin-opener-policy: same-origin-allow-popups",
        "cross-origin-resource-policy: same-origin",
        "origin-agent-cluster: ?1",
        "service-worker-allowed: /",
        "set-cookie: __Host-own=1; Secure; Path=/",
        "set-cookie: a=1; HttpOnly; Path=/x",
        "x-own: 1",
    ];
    assert_eq!(headers, expected);
}
