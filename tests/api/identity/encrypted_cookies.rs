//! Encrypted cookies of Auth.js and NextAuth.

use common::clock::Clock;
use common::config::{AUTH_SECRET, NEXTAUTH_SECRET};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::World;
use tests::login::{auth_js_cookie, auth_js_jwe, next_auth_cookie, next_auth_jwe};

use crate::support::logins::{HEALTH, SECRET, V5, claims, is_logged_in, with_cookie};

const OTHER: &str = "another secret that is long enough";
const V4: &str = "next-auth.session-token";

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
