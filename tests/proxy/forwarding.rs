//! Requests and answers.

use http::Method;
use serde_json::{Value, json};
use tests::{Reply, ScriptedServer};

use crate::support::{Proxied, sent};

#[tokio::test]
async fn every_method_reaches_the_agent_with_its_path_query_and_body() {
    let proxied = Proxied::start().await;
    let methods = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT",
    ];
    for method in methods {
        let url = format!("{}/a%2Fb//c/?q=%20+&q=&&x", proxied.url("echo"));
        let method: Method = method.parse().unwrap();
        let request = proxied.http.request(method.clone(), url).body("{\"a\": 1}");
        let answer = request.header("content-type", "x/y").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        assert!(answer.headers().contains_key("x-request-id"));
        let mirror: Value = answer.json().await.unwrap();
        assert_eq!(mirror["method"], method.as_str());
        assert_eq!(mirror["target"], "/a%2Fb//c/?q=%20+&q=&&x");
        assert_eq!(mirror["body"], "{\"a\": 1}", "{method}");
        assert_eq!(sent(&mirror, "content-type"), ["x/y"]);
        assert_eq!(
            sent(&mirror, "host"),
            [proxied.agent.url().trim_start_matches("http://")]
        );
    }
}

#[tokio::test]
async fn the_prefix_is_stripped_once() {
    let proxied = Proxied::start().await;
    for path in ["/", "/api/openclaw/proxy/echo/x", "/ticket"] {
        let mirror: Value = proxied.get(path).await.json().await.unwrap();
        assert_eq!(mirror["target"], path);
    }
}

#[tokio::test]
async fn an_agent_is_told_who_asks_and_nothing_of_the_platforms_secrets() {
    let proxied = Proxied::start().await;
    let key = proxied.world.stack.bearer.reveal();
    let answer = proxied
        .http
        .get(format!("{}/x", proxied.url("echo")))
        .header("cookie", "agentbot-session=demo-running; theirs=1")
        .header("x-forwarded-for", "192.0.2.1")
        .header("forwarded", "for=192.0.2.1")
        .header("x-real-ip", "192.0.2.1")
        .header("x-key", key)
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    let mirror: Value = answer.json().await.unwrap();
    assert_eq!(sent(&mirror, "cookie"), ["theirs=1"]);
    // Never the loopback: agents refuse whoever comes from there through a proxy.
    assert_eq!(sent(&mirror, "x-forwarded-for"), ["198.51.100.1"]);
    assert_eq!(sent(&mirror, "x-forwarded-proto"), ["http"]);
    let api = proxied.world.stack.api.trim_start_matches("http://");
    assert_eq!(sent(&mirror, "x-forwarded-host"), [api]);
    for gone in ["forwarded", "x-real-ip", "authorization", "x-key"] {
        assert_eq!(sent(&mirror, gone), Vec::<&str>::new(), "{gone}");
    }
    let own = proxied.http.get(format!("{}/x", proxied.url("echo")));
    let mirror: Value = own
        .bearer_auth("the-agents")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(sent(&mirror, "authorization"), ["Bearer the-agents"]);
}

#[tokio::test]
async fn a_front_of_the_platforms_own_is_believed_where_one_is_configured() {
    let world = tests::World::with("PROXY_FRONTS", "1").start().await;
    let proxied = Proxied::in_world(world).await;
    let answer = proxied
        .http
        .get(format!("{}/x", proxied.url("echo")))
        .header("x-forwarded-for", "127.0.0.1, 203.0.113.7")
        .header("x-forwarded-proto", "https")
        .send()
        .await
        .unwrap();
    let mirror: Value = answer.json().await.unwrap();
    assert_eq!(sent(&mirror, "x-forwarded-for"), ["203.0.113.7"]);
    assert_eq!(sent(&mirror, "x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn answers_come_back_as_they_are_and_redirects_are_not_followed() {
    let proxied = Proxied::start().await;
    for status in [200, 204, 304, 401, 404, 500, 502, 503] {
        let answer = proxied.get(&format!("/status/{status}")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.bytes().await.unwrap(), "");
    }
    let before = proxied.agent.connections();
    let answer = proxied.get("/redirect").await;
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:1/elsewhere");
    assert!(proxied.agent.connections() <= before + 1);
    let answer = proxied.get("/bytes/3000000").await;
    assert_eq!(answer.bytes().await.unwrap().len(), 3_000_000);
    let head = proxied
        .http
        .head(format!("{}/bytes/7", proxied.url("echo")));
    let head = head.send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-length"]),
        (200, &"7".parse().unwrap())
    );
}

#[tokio::test]
async fn events_come_as_they_are_sent() {
    let proxied = Proxied::start().await;
    let mut answer = proxied.get("/events").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = String::new();
    while !events.contains("data: 3\n\n") {
        let part = answer
            .chunk()
            .await
            .unwrap()
            .expect("the stream never ends");
        events.push_str(std::str::from_utf8(&part).unwrap());
    }
    assert_eq!(events, "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n");
}

#[tokio::test]
async fn unreachable_and_unknown_agents_are_the_specs_502() {
    let proxied = Proxied::start().await;
    let unreachable = json!({"error": "OpenClaw instance unreachable"});
    let anonymous = proxied.world.anonymous();
    for id in ["demo-unreachable", "nobody-has-it"] {
        let answer = anonymous
            .get(&format!("/api/openclaw/proxy/{id}/healthz"))
            .await;
        answer.is(502, unreachable.clone());
    }
    // A host that is not allowed any more, which no registration would take.
    let item =
        json!({"instanceId": "evil", "ownerId": "o", "openclawUrl": "http://169.254.169.254"});
    proxied.world.records.put_instance(&item).await;
    anonymous
        .get("/api/openclaw/proxy/evil/x")
        .await
        .is(502, unreachable.clone());
    for reply in [
        Reply::raw("SSH-2.0-OpenSSH_9.6\r\n"),
        Reply::raw(""),
        Reply::raw("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    ] {
        let agent = ScriptedServer::always(reply).await;
        let item = json!({"instanceId": "odd", "ownerId": "o", "openclawUrl": agent.url()});
        let odd = Proxied::in_world(tests::World::start().await).await;
        odd.world.records.put_instance(&item).await;
        let answer = odd.world.anonymous().get("/api/openclaw/proxy/odd/x").await;
        answer.is(502, unreachable.clone());
    }
}

#[tokio::test]
async fn an_agent_whose_address_is_the_proxys_own_is_found_out() {
    let proxied = Proxied::start().await;
    let world = &proxied.world;
    world.deploy("self", "owner", &world.stack.api).await;
    let inner = "/api/openclaw/proxy/self/healthz";
    let answer = world
        .anonymous()
        .get(&format!("/api/openclaw/proxy/self{inner}"))
        .await;
    answer.is(
        508,
        json!({"error": "The agent's address leads back to this proxy"}),
    );
}

#[tokio::test]
async fn ids_of_other_characters_and_dot_segments_are_refused() {
    let proxied = Proxied::start().await;
    let before = proxied.agent.connections();
    for target in [
        "/api/openclaw/proxy/ec.ho/x",
        "/api/openclaw/proxy/echo%2Fx/y",
        "/api/openclaw/proxy/ec%68o/x",
    ] {
        let answer = proxied.world.anonymous().get_literally(target).await;
        let rule = "agentId must be 1 to 64 letters, digits, hyphens or underscores";
        answer.is(400, json!({"error": rule}));
    }
    for path in ["/../other/x", "/a/..", "/%2e%2E/x", "/a%2f..%2Fb", "/."] {
        let target = format!("/api/openclaw/proxy/echo{path}");
        let answer = proxied.world.anonymous().get_literally(&target).await;
        answer.is(
            400,
            json!({"error": "The path must have no segments . and .."}),
        );
    }
    assert_eq!(proxied.agent.connections(), before);
}

#[tokio::test]
async fn the_wrappers_token_is_for_those_who_have_it() {
    let proxied = Proxied::start().await;
    let url = |path: &str| format!("{}{path}", proxied.url("demo-running"));
    for path in ["/api/status", "/API//status/", "/api/%73tatus"] {
        let answer = proxied.http.get(url(path)).send().await.unwrap();
        let body = answer.text().await.unwrap();
        assert!(!body.contains("simulated-gateway-token"), "{path}: {body}");
    }
    let strangers: Value = proxied
        .http
        .get(url("/api/status"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(strangers["state"], "running");
    assert_eq!(strangers.get("gatewayToken"), None);
    let ask = |token: &str| {
        proxied
            .http
            .get(url("/api/status"))
            .bearer_auth(token)
            .send()
    };
    let wrong: Value = ask("simulated-gateway-toke")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(wrong.get("gatewayToken"), None);
    let right: Value = ask("simulated-gateway-token")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(right["gatewayToken"], "simulated-gateway-token");
}

#[tokio::test]
async fn a_status_that_cannot_be_read_is_not_passed_on() {
    let unreadable = json!({"error": "The agent's answer cannot be read"});
    let body = "{\"gatewayToken\": \"secret\"}";
    let with = |headers: &str, body: &str| {
        Reply::raw(format!(
            "HTTP/1.1 {headers}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    };
    for reply in [
        with("200 OK\r\ncontent-encoding: gzip", body),
        with("206 Partial Content", "secret"),
        with(
            "200 OK\r\ncontent-type: text/html",
            "<p>gatewayToken: secret",
        ),
    ] {
        let agent = ScriptedServer::always(reply).await;
        let world = tests::World::start().await;
        world.deploy("odd", "owner", agent.url()).await;
        let answer = world
            .anonymous()
            .get("/api/openclaw/proxy/odd/api/status")
            .await;
        answer.is(502, unreadable.clone());
        let [head] = &agent.requests()[..] else {
            panic!("one request")
        };
        assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    }
    let long = with("200 OK", &format!("{body}{}", " ".repeat(70_000)));
    let agent = ScriptedServer::always(long).await;
    let world = tests::World::start().await;
    world.deploy("odd", "owner", agent.url()).await;
    let answer = world
        .anonymous()
        .get("/api/openclaw/proxy/odd/api/status")
        .await;
    let sentence =
        "The agent's answer is larger than 65536 bytes, the most that can be passed on here";
    answer.is(502, json!({"error": sentence}));
}
