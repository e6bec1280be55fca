//! Sessions of the logins that exist: encrypted cookies, signed tokens, and
//! which pages may write with a cookie.

use std::sync::{Arc, Mutex};

use common::clock::Clock;
use common::config::{
    ALLOWED_ORIGINS, AUTH_SECRET, JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL, NEXTAUTH_SECRET,
};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::login::{self, Signer, auth_js_cookie, auth_js_jwe, next_auth_cookie, next_auth_jwe};
use tests::{Caller, Reply, ScriptedServer, World};

const HEALTH: &str = "/api/openclaw/maintenance";
const RESTART: &str = "/api/instance/demo-running/restart";
const SECRET: &str = "a secret of the login that is long enough";
const OTHER: &str = "another secret that is long enough";
const V4: &str = "next-auth.session-token";
const V5: &str = "authjs.session-token";
const ISSUER: &str = "https://login.example/";
const AUDIENCE: &str = "maintenance";

async fn is_logged_in(caller: &Caller) -> bool {
    let answer = caller.get(HEALTH).await;
    if answer.status == 401 {
        answer.is(401, json!({"error": "Unauthorized"}));
        return false;
    }
    answer.is(
        200,
        json!({"status": "no_agent", "healthy": false, "ready": false}),
    );
    true
}

/// What a login says of a user for the next hour.
fn claims(world: &World, user: &str) -> Value {
    let now = world.clock.now().as_second();
    json!({"sub": user, "name": "A Person", "iat": now, "exp": now + 3600, "jti": "1"})
}

fn with_cookie(world: &World, name: &str, value: &str) -> Caller {
    world.anonymous().with("cookie", format!("{name}={value}"))
}

/// Cookies of both kinds under all of their names.
fn cookies(secret: &str, claims: &Value) -> Vec<(String, String)> {
    let mut cookies = Vec::new();
    for prefix in ["", "__Secure-"] {
        let (v4, v5) = (format!("{prefix}{V4}"), format!("{prefix}{V5}"));
        cookies.push((v4, next_auth_cookie(secret, claims)));
        let value = auth_js_cookie(secret, &v5, claims);
        cookies.push((v5, value));
    }
    cookies
}

#[tokio::test]
async fn cookies_of_both_logins_are_their_owners_sessions() {
    let world = World::with(NEXTAUTH_SECRET, SECRET).start().await;
    for (name, value) in cookies(SECRET, &claims(&world, "owner-running")) {
        let owner = with_cookie(&world, &name, &value);
        let answer = owner.get("/api/instance/demo-running").await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let stranger = owner.get("/api/instance/demo-legacy/stats").await;
        stranger.is(403, json!({"error": "Forbidden"}));
    }
}

#[tokio::test]
async fn without_a_secret_no_cookie_of_theirs_is_one() {
    let world = World::start().await;
    for secret in ["", SECRET] {
        for (name, value) in cookies(secret, &claims(&world, "user")) {
            let caller = with_cookie(&world, &name, &value);
            assert!(!is_logged_in(&caller).await, "{name}");
        }
    }
}

#[tokio::test]
async fn every_secret_of_both_variables_is_taken_and_no_other() {
    let [one, two, three] = ["1", "2", "3"].map(|digit| digit.repeat(32));
    let world = World::with(NEXTAUTH_SECRET, format!("{one},{two}"))
        .with(AUTH_SECRET, three.clone())
        .start()
        .await;
    for (secret, taken) in [
        (one.as_str(), true),
        (&two, true),
        (&three, true),
        (OTHER, false),
        (&format!("{one},{two}"), false),
        ("", false),
    ] {
        for (name, value) in cookies(secret, &claims(&world, "user")) {
            let caller = with_cookie(&world, &name, &value);
            assert_eq!(is_logged_in(&caller).await, taken, "{name} {secret}");
        }
    }
}

#[tokio::test]
async fn a_cookie_is_good_under_the_name_it_was_made_for() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let claims = claims(&world, "user");
    let secure = format!("__Secure-{V5}");
    let (v4, v5) = (
        next_auth_cookie(SECRET, &claims),
        auth_js_cookie(SECRET, V5, &claims),
    );
    for (name, value, taken) in [
        (V5, &v5, true),
        (&secure, &v5, false),
        (V4, &v5, false),
        (V4, &v4, true),
        // NextAuth makes one key for all names.
        (&format!("__Secure-{V4}"), &v4, true),
        (V5, &v4, false),
        ("agentbot-session", &v4, false),
        ("authjs.csrf-token", &v5, false),
    ] {
        let caller = with_cookie(&world, name, value);
        assert_eq!(is_logged_in(&caller).await, taken, "{name}");
    }
    let bearer = world
        .anonymous()
        .with("authorization", format!("Bearer {v4}"));
    assert!(!is_logged_in(&bearer).await);
}

#[tokio::test]
async fn a_cookie_ends_a_minute_after_its_time_and_begins_a_minute_before() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let made = cookies(SECRET, &claims(&world, "user"));
    let all = async |expected: bool| {
        for (name, value) in &made {
            let caller = with_cookie(&world, name, value);
            assert_eq!(is_logged_in(&caller).await, expected, "{name}");
        }
    };
    let seconds = SignedDuration::from_secs;
    all(true).await;
    world.clock.advance(seconds(-60));
    all(true).await;
    world.clock.advance(seconds(-1));
    all(false).await;
    world.clock.advance(seconds(61 + 3600 + 59));
    all(true).await;
    world.clock.advance(seconds(1));
    all(false).await;
}

#[tokio::test]
async fn a_cookie_without_an_end_or_a_user_is_no_session() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let now = world.clock.now().as_second();
    for claims in [
        json!({"sub": "user"}),
        json!({"exp": now + 60}),
        json!({"sub": 7, "exp": now + 60}),
        json!({"sub": "", "exp": now + 60}),
        json!({"sub": "two words", "exp": now + 60}),
        json!({"sub": "u".repeat(129), "exp": now + 60}),
        json!({"sub": "user", "exp": (now + 60).to_string()}),
        json!({"sub": "user", "exp": now + 60, "nbf": now + 61}),
        // What NextAuth seals with the same key during a login.
        json!({"state": "abc", "exp": now + 900}),
        json!(["user", now + 60]),
        json!("user"),
    ] {
        for (name, value) in cookies(SECRET, &claims) {
            let caller = with_cookie(&world, &name, &value);
            assert!(!is_logged_in(&caller).await, "{name} {claims}");
        }
    }
}

#[tokio::test]
async fn headers_that_ask_for_something_else_are_refused() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let content = claims(&world, "user").to_string();
    let content = content.as_bytes();
    for (header, v4, v5) in [
        (json!({"alg": "dir", "enc": "A256GCM"}), true, false),
        (json!({"alg": "dir", "enc": "A256CBC-HS512"}), false, true),
        (
            json!({"alg": "dir", "enc": "A256CBC-HS512", "kid": "other"}),
            false,
            false,
        ),
        (json!({"alg": "A256KW", "enc": "A256GCM"}), false, false),
        (json!({"alg": "none", "enc": "A256GCM"}), false, false),
        (json!({"alg": "dir", "enc": "A128GCM"}), false, false),
        (
            json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}),
            false,
            false,
        ),
        (
            json!({"alg": "dir", "enc": "A256CBC-HS512", "crit": ["exp"]}),
            false,
            false,
        ),
        (json!({"alg": "dir"}), false, false),
        (json!(["dir", "A256GCM"]), false, false),
        (json!(null), false, false),
    ] {
        let caller = with_cookie(&world, V4, &next_auth_jwe(SECRET, &header, content));
        assert_eq!(is_logged_in(&caller).await, v4, "NextAuth {header}");
        let caller = with_cookie(&world, V5, &auth_js_jwe(SECRET, V5, &header, content));
        assert_eq!(is_logged_in(&caller).await, v5, "Auth.js {header}");
    }
}

#[tokio::test]
async fn a_split_cookie_is_joined_in_the_order_of_its_pieces() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let mut large = claims(&world, "user");
    large["picture"] = json!("p".repeat(5000));
    for (name, value) in cookies(SECRET, &large) {
        let (first, rest) = value.split_at(3900);
        let (second, third) = rest.split_at(rest.len() / 2);
        let logged_in =
            async |cookie: String| is_logged_in(&world.anonymous().with("cookie", cookie)).await;
        assert!(
            logged_in(format!(
                "{name}.0={first}; {name}.1={second}; {name}.2={third}"
            ))
            .await
        );
        assert!(
            logged_in(format!(
                "{name}.2={third}; {name}.0={first}; {name}.1={second}"
            ))
            .await
        );
        assert!(
            logged_in(format!(
                "{name}=old; {name}.0={first}; {name}.1={second}{third}"
            ))
            .await,
            "an old whole one does not hide the pieces"
        );
        assert!(logged_in(format!("{name}={value}; {name}.0=old")).await);
        assert!(!logged_in(format!("{name}.0={first}; {name}.2={third}")).await);
        assert!(!logged_in(format!("{name}.1={first}; {name}.2={second}{third}")).await);
        assert!(
            !logged_in(format!(
                "{name}.0={second}; {name}.1={first}; {name}.2={third}"
            ))
            .await
        );
    }
}

#[tokio::test]
async fn cookies_are_looked_at_up_to_a_bound() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let mut large = claims(&world, "user");
    large["picture"] = json!("p".repeat(16_000));
    for (name, value) in cookies(SECRET, &large) {
        assert!(value.len() > 16 * 1024);
        assert!(!is_logged_in(&with_cookie(&world, &name, &value)).await);
        let (one, two) = value.split_at(value.len() / 2);
        let split = format!("{name}.0={one}; {name}.1={two}");
        assert!(!is_logged_in(&world.anonymous().with("cookie", split)).await);
    }
    for (name, value) in cookies(SECRET, &claims(&world, "user")) {
        let pieces = |count: usize| {
            let (head, tail) = value.split_at(count - 1);
            let heads = head
                .char_indices()
                .map(|(i, c)| format!("{name}.{i}={c}; "));
            format!("{}{name}.{}={tail}", heads.collect::<String>(), count - 1)
        };
        assert!(is_logged_in(&world.anonymous().with("cookie", pieces(8))).await);
        assert!(!is_logged_in(&world.anonymous().with("cookie", pieces(9))).await);
    }
}

#[tokio::test]
async fn of_two_cookies_of_one_name_the_first_counts_and_any_valid_name_is_enough() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let made = cookies(SECRET, &claims(&world, "user"));
    let (name, value) = &made[0];
    let logged_in =
        async |cookie: String| is_logged_in(&world.anonymous().with("cookie", cookie)).await;
    assert!(logged_in(format!("{name}={value}; {name}=other")).await);
    assert!(!logged_in(format!("{name}=other; {name}={value}")).await);
    for (name, value) in &made {
        let others = "agentbot-session=gone; __Secure-authjs.session-token.0=gone";
        assert!(
            logged_in(format!("{others}; {name}={value}")).await,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_opaque_cookie_comes_before_the_others() {
    let world = World::with(AUTH_SECRET, SECRET).start().await;
    let value = auth_js_cookie(SECRET, V5, &claims(&world, "owner-running"));
    let both = format!("{V5}={value}; agentbot-session=demo-stopped");
    let answer = world.anonymous().with("cookie", both).get(HEALTH).await;
    assert_eq!(answer.body["instanceId"], "demo-stopped");
}

#[tokio::test]
async fn short_secrets_and_half_a_login_stop_the_start() {
    for (builder, problem) in [
        (
            World::with(NEXTAUTH_SECRET, "short"),
            "NEXTAUTH_SECRET must be secrets of at least 32 bytes each, separated by commas",
        ),
        (
            World::with(AUTH_SECRET, format!("{SECRET},short")),
            "AUTH_SECRET must be secrets of at least 32 bytes each, separated by commas",
        ),
        (
            World::with(JWT_ISSUER, ISSUER).with(JWT_AUDIENCE, AUDIENCE),
            "JWT_JWKS_URL is not set",
        ),
        (
            World::with(ALLOWED_ORIGINS, "*"),
            "ALLOWED_ORIGINS must be origins such as https://app.example, without a path, \
             separated by commas",
        ),
    ] {
        let error = builder.try_start().await.err().expect("it does not start");
        assert_eq!(error.to_string(), format!("bad configuration: {problem}"));
    }
}

/// A login that publishes what a test puts there.
struct Login {
    keys: Arc<Mutex<Reply>>,
    server: ScriptedServer,
    world: World,
}

impl Login {
    async fn start(keys: &[&Signer]) -> Self {
        let keys = Arc::new(Mutex::new(Reply::json(&login::jwks(keys))));
        let published = keys.clone();
        let server = ScriptedServer::start(move |_| published.lock().unwrap().clone()).await;
        let world = World::with(JWT_JWKS_URL, format!("{}/keys?secret=1", server.url()))
            .with(JWT_ISSUER, ISSUER)
            .with(JWT_AUDIENCE, AUDIENCE)
            .start()
            .await;
        Self {
            keys,
            server,
            world,
        }
    }

    fn publish(&self, reply: Reply) {
        *self.keys.lock().unwrap() = reply;
    }

    fn claims(&self, user: &str) -> Value {
        let mut claims = claims(&self.world, user);
        claims["iss"] = json!(ISSUER);
        claims["aud"] = json!(AUDIENCE);
        claims
    }

    fn caller(&self, token: &str) -> Caller {
        let bearer = format!("Bearer {token}");
        self.world.anonymous().with("authorization", bearer)
    }

    async fn takes(&self, token: &str) -> bool {
        is_logged_in(&self.caller(token)).await
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }

    fn wait(&self, seconds: i64) {
        self.world.clock.advance(SignedDuration::from_secs(seconds));
    }
}

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
async fn without_an_origin_only_another_site_is_refused() {
    let world = World::start().await;
    let owner = world.owner_of("demo-running");
    let body = r#"{"action": "no"}"#;
    for (site, status) in [("same-origin", 400), ("none", 400), ("cross-site", 403)] {
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
