//! Which pages may write with a cookie.

use common::config::{ALLOWED_ORIGINS, AUTH_SECRET};
use http::Method;
use serde_json::json;
use tests::login::{Signer, auth_js_cookie};
use tests::{Caller, World};

use crate::support::logins::{HEALTH, Login, SECRET, V5, claims, with_cookie};

const RESTART: &str = "/api/instance/demo-running/restart";

#[tokio::test]
async fn a_write_with_a_cookie_comes_from_the_api_or_from_an_allowed_page() {
    let world = World::with(AUTH_SECRET, SECRET)
        .with(ALLOWED_ORIGINS, "https://app.example")
        .start()
        .await;
    let own = world.stack.api.clone();
    let sealed = auth_js_cookie(SECRET, V5, &claims(&world, "owner-running"));
    let refused = "Origin is neither this API's own nor an allowed one: cookies may not write \
                   from there";
    for caller in [
        world.owner_of("demo-running"),
        with_cookie(&world, V5, &sealed),
    ] {
        for (origin, allowed) in [
            ("https://app.example", true),
            (own.as_str(), true),
            ("https://evil.example", false),
            ("http://app.example", false),
            ("https://app.example.evil.example", false),
            ("null", false),
        ] {
            let caller = caller.clone().with("origin", origin);
            // Nobody is locked out of reading.
            assert_eq!(caller.get("/api/instance/demo-running").await.status, 200);
            let answer = caller.send(Method::POST, RESTART, "").await;
            let maintained = caller
                .send(Method::POST, HEALTH, r#"{"action": "no"}"#)
                .await;
            if allowed {
                assert_ne!(answer.status, 403, "{origin}: {}", answer.body);
                assert_eq!(maintained.status, 400);
            } else {
                answer.is(403, json!({"success": false, "error": refused}));
                maintained.is(403, json!({"error": refused}));
            }
        }
    }
}

#[tokio::test]
async fn without_an_origin_only_this_api_and_the_address_bar_may_write() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let body = r#"{"action": "no"}"#;
    for (site, status) in [
        ("same-origin", 400),
        ("none", 400),
        ("same-site", 403),
        ("cross-site", 403),
    ] {
        let caller = owner.clone().with("sec-fetch-site", site);
        let answer = caller.send(Method::POST, HEALTH, body).await;
        assert_eq!(answer.status, status, "{site}: {}", answer.body);
    }
    assert_eq!(owner.send(Method::POST, HEALTH, body).await.status, 400);
}

#[tokio::test]
async fn a_token_writes_from_anywhere_and_nobody_is_told_of_origins() {
    let signer = Signer::ed("ed");
    let login = Login::start(&[&signer]).await;
    let token = signer.token(&login.claims("owner-running"));
    let body = r#"{"action": "no"}"#;
    let evil = |caller: Caller| caller.with("origin", "https://evil.example");
    let answer = evil(login.caller(&token))
        .send(Method::POST, HEALTH, body)
        .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let nobody = evil(login.world.anonymous())
        .send(Method::POST, HEALTH, body)
        .await;
    nobody.is(401, json!({"error": "Unauthorized"}));
}
