//! Whatever a stranger presents as a session: no panic, and nobody gets in.
//!
//! The input is taken three times: as it is, as the parts of a cookie or token
//! in the right shape, and as changes to a cookie or token that is good.

#![no_main]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::LazyLock;

use common::identity::{COOKIES, EncryptedCookies, Secrets, JwtVerifier, JwtSettings};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tokio::runtime::Runtime;

#[path = "../../tests/src/login.rs"]
mod login;

use login::Signer;

const NOW: i64 = 1_775_000_000;
const SECRET: &str = "a secret of the login that is long enough";
const ISSUER: &str = "https://login.example/";
const AUDIENCE: &str = "maintenance";

struct Target {
    cookies: EncryptedCookies,
    tokens: JwtVerifier,
    runtime: Runtime,
    /// A good cookie for each name.
    good_cookies: [String; 4],
    good_tokens: [String; 3],
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let claims = json!({"sub": "user", "exp": NOW + 60, "iss": ISSUER, "aud": AUDIENCE});
    let signers = [Signer::rsa("rsa"), Signer::ec("ec"), Signer::ed("ed")];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let secrets: Secrets = SECRET.parse().expect("a secret");
    let tokens = JwtVerifier::new(JwtSettings {
        keys: publish(login::jwks(&signers.each_ref()).to_string()),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
    });
    // One for both names of NextAuth, which have one key.
    let next_auth = login::next_auth_cookie(SECRET, &claims);
    let target = Target {
        cookies: EncryptedCookies::new(Some(&secrets)),
        tokens: tokens.expect("an HTTP client"),
        runtime,
        good_cookies: COOKIES.map(|name| match name.ends_with("next-auth.session-token") {
            true => next_auth.clone(),
            false => login::auth_js_cookie(SECRET, name, &claims),
        }),
        good_tokens: signers.each_ref().map(|signer| signer.token(&claims)),
    };
    // Otherwise nothing would be proved by what is refused.
    for (name, value) in COOKIES.iter().zip(&target.good_cookies) {
        assert!(target.opens(name, value), "{name}");
    }
    for token in &target.good_tokens {
        assert!(target.passes(token), "{token}");
    }
    target
});

/// Serves the keys of the login, which are asked for once.
fn publish(keys: String) -> common::identity::JwksUrl {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let _ = stream.read(&mut [0; 4096]);
        let length = keys.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{keys}"
        )
    });
    format!("http://{address}/").parse().expect("a URL")
}

impl Target {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).expect("a time")
    }

    fn opens(&self, name: &str, value: &str) -> bool {
        let found = |wanted: &str| (wanted == name).then_some(value);
        self.cookies.user(found, self.now()).is_some()
    }

    /// The same value in pieces.
    fn opens_split(&self, name: &str, value: &str) -> bool {
        let at = value.char_indices().nth(value.chars().count() / 2);
        let (head, tail) = value.split_at(at.map_or(0, |(at, _)| at));
        let (first, second) = (format!("{name}.0"), format!("{name}.1"));
        let found = |wanted: &str| match wanted {
            _ if wanted == first => Some(head),
            _ if wanted == second => Some(tail),
            _ => None,
        };
        self.cookies.user(found, self.now()).is_some()
    }

    fn passes(&self, token: &str) -> bool {
        let user = self.runtime.block_on(self.tokens.user(token, self.now()));
        user.expect("the keys are there").is_some()
    }

    fn refuses(&self, text: &str) {
        for (name, good) in COOKIES.iter().zip(&self.good_cookies) {
            assert!(text == good || !self.opens(name, text), "{name}={text}");
            assert!(
                text == good || !self.opens_split(name, text),
                "{name}.0={text}"
            );
        }
        let is_good = self.good_tokens.iter().any(|good| good == text);
        assert!(is_good || !self.passes(text), "{text}");
    }
}

/// A good text with parts of it replaced: each change is a place, a length and
/// what is put there.
fn changed(good: &str, changes: &[u8]) -> String {
    let mut text = good.as_bytes().to_vec();
    for change in changes.chunks_exact(4) {
        let &[high, low, remove, insert] = change else {
            continue;
        };
        let at = usize::from(u16::from_be_bytes([high, low])) % (text.len() + 1);
        let end = text.len().min(at + usize::from(remove % 4));
        text.splice(at..end, [insert].into_iter().take(usize::from(remove / 64)));
    }
    String::from_utf8_lossy(&text).into_owned()
}

fuzz_target!(|input: &[u8]| {
    let target = &*TARGET;
    let (choice, rest) = input.split_first().unwrap_or((&0, &[]));
    let goods: Vec<&String> = target
        .good_cookies
        .iter()
        .chain(&target.good_tokens)
        .collect();
    let good = goods[usize::from(*choice) % goods.len()];
    match choice / 64 {
        0 => target.refuses(&String::from_utf8_lossy(rest)),
        // The header of a good one, and any bytes for the other parts.
        1 => {
            let (header, _) = good.split_once('.').unwrap_or_default();
            let parts = rest.split(|byte| *byte == b'.').map(login::encode);
            let text: Vec<String> = std::iter::once(header.to_owned()).chain(parts).collect();
            target.refuses(&text.join("."));
        }
        // Any bytes for a header, and the other parts of a good one.
        2 => {
            let (_, others) = good.split_once('.').unwrap_or_default();
            target.refuses(&format!("{}.{others}", login::encode(rest)));
        }
        _ => target.refuses(&changed(good, rest)),
    }
});
