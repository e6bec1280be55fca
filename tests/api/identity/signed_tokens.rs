//! Tokens that a login signs, and its keys.

use common::clock::Clock;
use serde_json::json;
use tests::Reply;
use tests::login::{self, Signer};

use crate::support::logins::{AUDIENCE, HEALTH, ISSUER, Login, is_logged_in};

fn signers() -> [Signer; 3] {
    [Signer::rsa("rsa"), Signer::ec("ec"), Signer::ed("ed")]
}

#[tokio::test]
async fn tokens_of_three_algorithms_are_their_owners_sessions() {
    let signers = signers();
    let login = Login::start(&signers.each_ref()).await;
    for signer in &signers {
        let claims = login.claims("owner-running");
        let owner = login.caller(&signer.token(&claims));
        let answer = owner.get("/api/instance/demo-running").await;
        assert_eq!(answer.status, 200, "{}: {}", signer.algorithm, answer.body);
        let stranger = owner.get("/api/instance/demo-legacy/stats").await;
        stranger.is(403, json!({"error": "Forbidden"}));
        // Each is the only one of its algorithm.
        let unnamed = signer.sign(&json!({"alg": signer.algorithm}), &claims);
        let answer = login
            .caller(&unnamed)
            .get("/api/instance/demo-running")
            .await;
        assert_eq!(answer.status, 200, "{}: {}", signer.algorithm, answer.body);
    }
    assert_eq!(login.asked(), 1, "keys are kept");
}

#[tokio::test]
async fn ed25519_has_two_names_in_tokens_and_keys() {
    let [old, mut new] = ["old", "new"].map(Signer::ed);
    new.algorithm = "Ed25519";
    let login = Login::start(&[&old, &new]).await;
    let claims = login.claims("owner-running");
    for signer in [&old, &new] {
        // A key is the same by either name.
        for name in ["EdDSA", "Ed25519"] {
            let token = signer.sign(&json!({"alg": name, "kid": signer.id}), &claims);
            let answer = login.caller(&token).get("/api/instance/demo-running").await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        }
        let other = if signer.id == "old" { "new" } else { "old" };
        let forged = signer.sign(&json!({"alg": "Ed25519", "kid": other}), &claims);
        let answer = login
            .caller(&forged)
            .get("/api/instance/demo-running")
            .await;
        answer.is(403, json!({"error": "Forbidden"}));
    }
}

#[tokio::test]
async fn a_token_is_for_this_audience_from_this_issuer_and_now() {
    let signer = Signer::ed("ed");
    let login = Login::start(&[&signer]).await;
    let now = login.world.clock.now().as_second();
    for (claim, value, taken) in [
        ("aud", json!(["other", AUDIENCE]), true),
        ("aud", json!(["other"]), false),
        ("aud", json!([]), false),
        ("aud", json!("Maintenance"), false),
        ("aud", json!(null), false),
        ("iss", json!("https://login.example"), false),
        ("iss", json!([ISSUER]), false),
        ("iss", json!("https://login.example/x"), false),
        ("iss", json!(null), false),
        ("exp", json!(now - 59), true),
        ("exp", json!(now - 60), false),
        ("exp", json!(null), false),
        ("exp", json!("9999999999"), false),
        ("nbf", json!(now + 60), true),
        ("nbf", json!(now + 61), false),
        ("iat", json!(now + 61), false),
        ("sub", json!(null), false),
        ("sub", json!("two words"), false),
    ] {
        let mut claims = login.claims("user");
        claims[claim] = value;
        let found = login.takes(&signer.token(&claims)).await;
        assert_eq!(found, taken, "{claims}");
    }
}

#[tokio::test]
async fn a_token_chooses_neither_its_algorithm_nor_its_key() {
    let [rsa, ec, ed] = signers();
    let login = Login::start(&[&rsa, &ec, &ed]).await;
    let claims = login.claims("user");
    let others = [Signer::ec("ec"), Signer::ed("ed")];
    for other in &others {
        assert!(!login.takes(&other.token(&claims)).await);
        let own_key = json!({"alg": other.algorithm, "jwk": other.jwk()});
        assert!(!login.takes(&other.sign(&own_key, &claims)).await);
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "rsa"}),
        json!({"alg": "RS384", "kid": "rsa"}),
        json!({"alg": "PS256", "kid": "rsa"}),
        json!({"alg": "RS256", "kid": "ec"}),
        json!({"alg": "ES256", "kid": "rsa"}),
        json!({"alg": "EdDSA", "kid": "rsa"}),
        json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false}),
        json!({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}),
        json!({"kid": "rsa"}),
    ] {
        assert!(!login.takes(&rsa.sign(&header, &claims)).await, "{header}");
    }
    let token = rsa.token(&claims);
    let (unsigned, _) = token.rsplit_once('.').unwrap();
    for token in [unsigned, &format!("{unsigned}."), &format!("{token}.")] {
        assert!(!login.takes(token).await, "{token}");
    }
    assert!(login.takes(&token).await);
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_a_minute() {
    let (old, new) = (Signer::ed("old"), Signer::ed("new"));
    let login = Login::start(&[&old]).await;
    let [old_token, new_token] = [&old, &new].map(|signer| signer.token(&login.claims("user")));
    assert!(login.takes(&old_token).await);
    login.publish(Reply::json(&login::jwks(&[&old, &new])));
    for _ in 0..3 {
        assert!(!login.takes(&new_token).await);
    }
    assert_eq!(login.asked(), 1);
    login.wait(60);
    assert!(login.takes(&new_token).await);
    assert!(login.takes(&old_token).await);
    assert_eq!(login.asked(), 2);
    for _ in 0..3 {
        assert!(
            !login
                .takes(&Signer::ed("none").token(&login.claims("user")))
                .await
        );
    }
    assert_eq!(login.asked(), 2);
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_refused_after_ten_minutes() {
    let (old, new) = (Signer::ed("old"), Signer::ed("new"));
    let login = Login::start(&[&old]).await;
    let token = old.token(&login.claims("user"));
    assert!(login.takes(&token).await);
    login.publish(Reply::json(&login::jwks(&[&new])));
    login.wait(599);
    assert!(login.takes(&token).await);
    login.wait(1);
    assert!(!login.takes(&token).await);
}

#[tokio::test]
async fn keys_outlive_a_silent_login_for_an_hour() {
    let signer = Signer::ed("ed");
    let login = Login::start(&[&signer]).await;
    let mut claims = login.claims("user");
    claims["exp"] = json!(9_999_999_999_u64);
    let token = signer.token(&claims);
    assert!(login.takes(&token).await);
    login.publish(Reply::http(500, "text/plain", "down"));
    login.wait(3599);
    assert!(login.takes(&token).await);
    login.wait(1);
    let answer = login.caller(&token).get(HEALTH).await;
    assert_eq!(answer.header("retry-after"), Some("5"));
    answer.is(503, json!({"error": "The login's keys cannot be fetched"}));
    login.publish(Reply::json(&login::jwks(&[&signer])));
    login.wait(60);
    assert!(login.takes(&token).await);
}

#[tokio::test]
async fn answers_that_are_no_keys_make_no_session_and_no_refusal() {
    let signer = Signer::ed("ed");
    let login = Login::start(&[]).await;
    let keys = login::jwks(&[&signer]);
    let token = signer.token(&login.claims("user"));
    let mut huge = keys.clone();
    huge["padding"] = json!("x".repeat(64 * 1024));
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: /keys\r\ncontent-length: 0\r\n\r\n";
    for reply in [
        Reply::http(404, "application/json", keys.to_string()),
        Reply::http(200, "text/html", "<html>"),
        Reply::json(&json!([])),
        Reply::json(&json!({"keys": "none"})),
        Reply::json(&huge),
        Reply::raw(redirect),
        Reply::raw(b"garbage"),
    ] {
        login.publish(reply);
        let answer = login.caller(&token).get(HEALTH).await;
        answer.is(503, json!({"error": "The login's keys cannot be fetched"}));
        // Not even a second request was made for it.
        let asked = login.asked();
        assert_eq!(login.caller(&token).get(HEALTH).await.status, 503);
        assert_eq!(login.asked(), asked);
        login.wait(5);
    }
    // Who presents something else is nobody, as ever.
    let opaque = login.caller("local-internal-api-key").get(HEALTH).await;
    opaque.is(401, json!({"error": "Unauthorized"}));
    // A set without keys is one: everybody is refused.
    login.publish(Reply::json(&json!({"keys": []})));
    assert!(!login.takes(&token).await);
}

#[tokio::test]
async fn callers_at_once_ask_for_the_keys_once() {
    let signer = Signer::ed("ed");
    let login = Login::start(&[&signer]).await;
    let caller = login.caller(&signer.token(&login.claims("user")));
    let answers = (0..20).map(|_| is_logged_in(&caller));
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(answers, [true; 20]);
    assert_eq!(login.asked(), 1);
}

#[tokio::test]
async fn a_user_token_is_no_internal_key_and_the_key_is_no_token() {
    let signer = Signer::ed("ed");
    let login = Login::start(&[&signer]).await;
    let token = signer.token(&login.claims("owner-running"));
    let answer = login.caller(&token).get("/api/openclaw/version").await;
    answer.is(401, json!({"error": "Unauthorized"}));
    assert!(!is_logged_in(&login.world.platform()).await);
}
