//! Properties of everything that reads what strangers present as a session: no
//! panic, and nobody gets in who was not let in.

#![cfg(test)]

use std::sync::LazyLock;

use common::identity::{COOKIES, EncryptedCookies, JwtSettings, JwtVerifier, Secrets};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tests::login::{self, Signer, auth_js_cookie, next_auth_cookie};
use tests::{Reply, ScriptedServer};
use tokio::runtime::Runtime;

const NOW: i64 = 1_775_000_000;
const SECRET: &str = "a secret of the login that is long enough";
const ISSUER: &str = "https://login.example/";
const AUDIENCE: &str = "maintenance";

fn claims() -> Value {
    json!({"sub": "user", "exp": NOW + 60, "iss": ISSUER, "aud": AUDIENCE})
}

fn cookie(secret: &str, name: &str) -> String {
    match name.ends_with("next-auth.session-token") {
        true => next_auth_cookie(secret, &claims()),
        false => auth_js_cookie(secret, name, &claims()),
    }
}

/// Whether one cookie opens a session.
fn opens(name: &str, value: &str) -> bool {
    static COOKIES: LazyLock<EncryptedCookies> = LazyLock::new(|| {
        let secrets: Secrets = SECRET.parse().unwrap();
        EncryptedCookies::new(Some(&secrets))
    });
    let now = Timestamp::from_second(NOW).unwrap();
    let find = |wanted: &str| (wanted == name).then_some(value);
    COOKIES.user(find, now).is_some()
}

/// A login whose keys are fetched once.
struct Login {
    runtime: Runtime,
    signers: [Signer; 3],
    tokens: JwtVerifier,
    _server: ScriptedServer,
}

static LOGIN: LazyLock<Login> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let signers = [Signer::rsa("rsa"), Signer::ec("ec"), Signer::ed("ed")];
    let keys = Reply::json(&login::jwks(&signers.each_ref()));
    let server = runtime.block_on(ScriptedServer::always(keys));
    let tokens = JwtVerifier::new(JwtSettings {
        keys: server.url().parse().unwrap(),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
    });
    Login {
        runtime,
        signers,
        tokens: tokens.unwrap(),
        _server: server,
    }
});

/// Whether a token opens a session.
fn passes(token: &str) -> bool {
    let now = Timestamp::from_second(NOW).unwrap();
    let user = LOGIN.runtime.block_on(LOGIN.tokens.user(token, now));
    user.expect("the keys are there").is_some()
}

/// A text with one thing changed.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, char),
    Insert(Index, char),
    Remove(Index),
    Truncate(Index),
    Append(String),
    Swap(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    // Of the alphabet of tokens mostly, so that the change gets past base64.
    let letter = || prop_oneof![8 => "[A-Za-z0-9_.-]", 1 => any::<char>().prop_map(String::from)];
    let letter = || letter().prop_filter_map("one letter", |text| text.chars().next());
    prop_oneof![
        4 => (any::<Index>(), letter()).prop_map(|(at, with)| Change::Replace(at, with)),
        2 => (any::<Index>(), letter()).prop_map(|(at, with)| Change::Insert(at, with)),
        2 => any::<Index>().prop_map(Change::Remove),
        2 => any::<Index>().prop_map(Change::Truncate),
        1 => "[A-Za-z0-9_.=-]{1,40}".prop_map(Change::Append),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

fn changed(text: &str, change: &Change) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    match change {
        Change::Replace(at, with) => letters[at.index(text.len())] = *with,
        Change::Insert(at, with) => letters.insert(at.index(text.len() + 1), *with),
        Change::Remove(at) => {
            letters.remove(at.index(text.len()));
        }
        Change::Truncate(at) => letters.truncate(at.index(text.len())),
        Change::Append(more) => letters.extend(more.chars()),
        Change::Swap(a, b) => letters.swap(a.index(text.len()), b.index(text.len())),
    }
    letters.into_iter().collect()
}

/// Something in the shape of a token: a good header, and parts of any bytes.
fn shaped(header: &'static str) -> impl Strategy<Value = String> {
    let part = || proptest::collection::vec(any::<u8>(), 0..80);
    let parts = proptest::collection::vec(part(), 1..6);
    parts.prop_map(move |parts| {
        let parts = parts.iter().map(|part| format!(".{}", login::encode(part)));
        format!(
            "{}{}",
            login::encode(header.as_bytes()),
            parts.collect::<String>()
        )
    })
}

fn header() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"dir","enc":"A256CBC-HS512"}"#,
        r#"{"alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":"ES256","kid":"ec"}"#,
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"none"}"#,
        "{}",
    ])
}

#[test]
fn what_a_login_made_is_taken() {
    for name in COOKIES {
        assert!(opens(name, &cookie(SECRET, name)), "{name}");
    }
    for signer in &LOGIN.signers {
        assert!(passes(&signer.token(&claims())), "{}", signer.algorithm);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_changed_cookie_opens_nothing(
        name in prop::sample::select(COOKIES.to_vec()),
        change in change(),
    ) {
        let made = cookie(SECRET, name);
        let changed = changed(&made, &change);
        prop_assert!(changed == made || !opens(name, &changed));
    }

    #[test]
    fn a_cookie_of_another_secret_opens_nothing(
        name in prop::sample::select(COOKIES.to_vec()),
        secret in ".{0,64}",
    ) {
        prop_assert!(secret == SECRET || !opens(name, &cookie(&secret, name)));
    }

    #[test]
    fn a_changed_token_passes_nowhere(
        signer in 1..3_usize,
        change in change(),
    ) {
        let made = LOGIN.signers[signer].token(&claims());
        let changed = changed(&made, &change);
        prop_assert!(changed == made || !passes(&changed));
    }

    #[test]
    fn nothing_that_was_not_made_is_taken(
        name in prop::sample::select(COOKIES.to_vec()),
        text in prop_oneof![".{0,200}", header().prop_flat_map(shaped)],
    ) {
        prop_assert!(!opens(name, &text));
        prop_assert!(!passes(&text));
    }
}

proptest! {
    // Signing with RSA is slow where it is not optimised.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_changed_token_of_rsa_passes_nowhere(change in change()) {
        static MADE: LazyLock<String> = LazyLock::new(|| LOGIN.signers[0].token(&claims()));
        let changed = changed(&MADE, &change);
        prop_assert!(changed == *MADE || !passes(&changed));
    }
}
