//! Which headers pass. Pure.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use common::http::{Caller, InternalKey};
use common::identity::Issuer;
use common::model::InstanceId;
use cookie::Cookie;

use crate::target::PREFIX;

/// They are about one connection and not about the message (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// What a client may not say to an agent: where it comes from, which agents
/// would believe; another path than the one that was looked at; and what is
/// between the client and this server.
const NOT_FROM_CLIENTS: [&str; 12] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "host",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// What an agent may not say to a browser: it would hold for the whole origin,
/// and so for this API and all other agents.
const NOT_FROM_AGENTS: [&str; 5] = [
    "alt-svc",
    "clear-site-data",
    "public-key-pins",
    "service-worker-allowed",
    "strict-transport-security",
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How this proxy names itself in `Via` (RFC 9110, 7.6.3).
const NAME: &str = "openclaw-maintenance";
const VIA: &str = "1.1 openclaw-maintenance";

/// What opens doors of the platform, and is no agent's business.
#[derive(Clone, Copy)]
pub(crate) struct Secrets<'s> {
    /// What its services present.
    pub(crate) key: &'s InternalKey,
    /// Whose tokens its users present.
    pub(crate) issuer: Option<&'s Issuer>,
}

/// The headers that an agent gets.
pub(crate) fn to_agent(headers: &HeaderMap, caller: &Caller, secrets: Secrets<'_>) -> HeaderMap {
    let named = named_in_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len() + 3);
    for (name, value) in headers {
        let refused = is_hop_by_hop(name, &named)
            || NOT_FROM_CLIENTS.contains(&name.as_str())
            || name.as_str().starts_with("x-forwarded-")
            || name == header::COOKIE
            || carries(value, secrets);
        if !refused {
            passed.append(name, value.clone());
        }
    }
    if let Some(cookies) = foreign_cookies(headers) {
        passed.insert(header::COOKIE, cookies);
    }
    // OpenClaw takes whoever comes without these for a local client, and pairs
    // the device: so they are there even when nothing is known.
    let address = caller.address.map(|address| address.to_string());
    let address = address.and_then(|address| HeaderValue::try_from(address).ok());
    let unknown = HeaderValue::from_static("unknown");
    passed.insert(FORWARDED_FOR, address.unwrap_or(unknown));
    passed.insert(FORWARDED_PROTO, HeaderValue::from_static(caller.scheme));
    if let Some(host) = &caller.host {
        passed.insert(FORWARDED_HOST, host.clone());
    }
    passed.append(header::VIA, HeaderValue::from_static(VIA));
    passed
}

/// Whether a request has come through this proxy already: an agent's address
/// leads back to it.
pub(crate) fn is_in_circle(headers: &HeaderMap) -> bool {
    let name = |hop: &str| hop.split_whitespace().nth(1) == Some(NAME);
    tokens(headers, header::VIA).any(name)
}

/// The headers that a client gets.
pub(crate) fn to_client(headers: &HeaderMap, agent: &InstanceId) -> HeaderMap {
    let named = named_in_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if is_hop_by_hop(name, &named) || NOT_FROM_AGENTS.contains(&name.as_str()) {
            continue;
        }
        if name != header::SET_COOKIE {
            passed.append(name, value.clone());
        } else if let Some(value) = confined_cookie(value, agent) {
            passed.append(name, value);
        }
    }
    passed
}

/// Whether the comma-separated values of a header have this token.
pub(crate) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn named_in_connection(headers: &HeaderMap) -> Vec<&str> {
    tokens(headers, header::CONNECTION).collect()
}

fn is_hop_by_hop(name: &HeaderName, named: &[&str]) -> bool {
    let is_named = || {
        named
            .iter()
            .any(|it| it.eq_ignore_ascii_case(name.as_str()))
    };
    // How long a body is, is about the message, whatever `Connection` says.
    HOP_BY_HOP.contains(&name.as_str()) || (name != header::CONTENT_LENGTH && is_named())
}

/// The shortest key that there can be. Tokens are longer.
const SHORTEST_KEY: usize = 16;

/// Whether a value is the platform's key or a user's token of the platform, with
/// or without a scheme before it.
fn carries(value: &HeaderValue, secrets: Secrets<'_>) -> bool {
    // Most values are ruled out here, and each comparison costs a digest.
    if value.len() < SHORTEST_KEY {
        return false;
    }
    let value = String::from_utf8_lossy(value.as_bytes());
    let mut words = value
        .split([' ', '\t', ',', ';'])
        .filter(|word| word.len() >= SHORTEST_KEY);
    words
        .any(|word| secrets.key.is(word) || secrets.issuer.is_some_and(|issuer| issuer.is_of(word)))
}

/// All cookies that are not the platform's.
fn foreign_cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut kept = Vec::new();
    for value in headers.get_all(header::COOKIE) {
        for cookie in value.as_bytes().split(|byte| *byte == b';') {
            let cookie = cookie.trim_ascii();
            let name = cookie.split(|byte| *byte == b'=').next();
            let name = String::from_utf8_lossy(name.unwrap_or_default());
            if !cookie.is_empty() && !is_platforms(&name) {
                if !kept.is_empty() {
                    kept.extend_from_slice(b"; ");
                }
                kept.extend_from_slice(cookie);
            }
        }
    }
    // The pieces were a header value, and so is what is left of them.
    (!kept.is_empty()).then(|| HeaderValue::from_bytes(&kept).ok())?
}

/// Whether a cookie is one of the platform's logins: the session, whole or in
/// pieces, and what else they keep (`next-auth.csrf-token` and the like).
fn is_platforms(name: &str) -> bool {
    let name = name.trim();
    let bare = name
        .strip_prefix("__Secure-")
        .or_else(|| name.strip_prefix("__Host-"))
        .unwrap_or(name);
    let session = common::http::COOKIES
        .into_iter()
        .chain(common::identity::COOKIES);
    let is_piece = |session: &str| {
        name.strip_prefix(session)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    session.into_iter().any(is_piece)
        || ["agentbot", "authjs.", "next-auth."]
            .iter()
            .any(|prefix| bare.starts_with(prefix))
}

/// A cookie that an agent sets, for its own paths alone; none that the platform
/// would take for its own.
fn confined_cookie(value: &HeaderValue, agent: &InstanceId) -> Option<HeaderValue> {
    let mut cookie = Cookie::parse(value.to_str().ok()?).ok()?;
    if is_platforms(cookie.name()) {
        return None;
    }
    let below = cookie.path().filter(|path| path.starts_with('/'));
    let path = format!("{PREFIX}{agent}{}", below.unwrap_or("/"));
    cookie.set_path(path);
    cookie.unset_domain();
    HeaderValue::try_from(cookie.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect()
    }

    fn listed(headers: &HeaderMap) -> Vec<String> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect();
        lines.sort();
        lines
    }

    fn sent(headers: &[(&str, &str)]) -> Vec<String> {
        let caller = Caller {
            address: Some("203.0.113.7".parse().unwrap()),
            scheme: "https",
            host: Some(HeaderValue::from_static("api.example")),
        };
        let key = "0123456789abcdef".parse().unwrap();
        let issuer = "https://login.example".parse().unwrap();
        let secrets = Secrets {
            key: &key,
            issuer: Some(&issuer),
        };
        listed(&to_agent(&map(headers), &caller, secrets))
    }

    const FORWARDED: [&str; 4] = [
        "via: 1.1 openclaw-maintenance",
        "x-forwarded-for: 203.0.113.7",
        "x-forwarded-host: api.example",
        "x-forwarded-proto: https",
    ];

    #[test]
    fn an_agent_gets_what_is_meant_for_it() {
        let found = sent(&[
            ("accept", "*/*"),
            ("authorization", "Bearer of-the-agent"),
            ("content-length", "3"),
            ("x-many", "1"),
            ("x-many", "2"),
        ]);
        let mut expected = vec![
            "accept: */*",
            "authorization: Bearer of-the-agent",
            "content-length: 3",
        ];
        expected.extend(FORWARDED);
        expected.extend(["x-many: 1", "x-many: 2"]);
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_about_the_connection_or_the_clients_origin_is_left_out() {
        for (name, value) in [
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("proxy-authorization", "Basic eDp5"),
            ("proxy-connection", "keep-alive"),
            ("trailer", "x"),
            ("expect", "100-continue"),
            ("host", "evil.example"),
            ("forwarded", "for=127.0.0.1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-server", "x"),
            ("x-real-ip", "127.0.0.1"),
            ("true-client-ip", "127.0.0.1"),
            ("x-original-url", "/api/status"),
        ] {
            assert_eq!(sent(&[(name, value)]), FORWARDED, "{name}");
        }
        let found = sent(&[
            ("connection", "X-Own, close"),
            ("connection", "x-forwarded-for, content-length"),
            ("x-own", "1"),
            ("content-length", "3"),
        ]);
        assert_eq!(found[0], "content-length: 3");
        assert_eq!(found[1..], FORWARDED);
    }

    #[test]
    fn a_request_that_has_been_here_is_known_again() {
        for (via, been) in [
            ("1.1 openclaw-maintenance", true),
            ("1.0 edge, 1.1 openclaw-maintenance (x), 1.1 other", true),
            ("1.1 openclaw-maintenance-2", false),
            ("openclaw-maintenance", false),
            ("1.1 edge", false),
        ] {
            assert_eq!(is_in_circle(&map(&[("via", via)])), been, "{via}");
        }
        let found = sent(&[("via", "1.0 edge")]);
        assert_eq!(found[0], "via: 1.0 edge");
        assert_eq!(found[1..], FORWARDED);
    }

    #[test]
    fn the_platforms_key_reaches_no_agent_in_any_header() {
        for (name, value) in [
            ("authorization", "Bearer 0123456789abcdef"),
            ("authorization", "bearer  0123456789abcdef "),
            ("authorization", "Basic 0123456789abcdef"),
            ("x-api-key", "0123456789abcdef"),
            ("x-keys", "a,0123456789abcdef"),
        ] {
            assert_eq!(sent(&[(name, value)]), FORWARDED, "{name}: {value}");
        }
        assert_eq!(
            sent(&[("authorization", "Bearer 0123456789abcde")]).len(),
            5
        );
    }

    #[test]
    fn a_users_token_of_the_platform_reaches_no_agent_and_others_do() {
        // {"iss":"https://login.example"}, and the same of other.example.
        let platforms = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUifQ.c2ln";
        let others = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.c2ln";
        for (name, value) in [
            ("authorization", format!("Bearer {platforms}")),
            ("authorization", format!("bearer   {platforms} ")),
            ("x-token", platforms.to_owned()),
        ] {
            assert_eq!(sent(&[(name, &value)]), FORWARDED, "{name}: {value}");
        }
        let bearer = format!("Bearer {others}");
        let found = sent(&[("authorization", &bearer)]);
        assert_eq!(found[0], format!("authorization: {bearer}"));
    }

    #[test]
    fn the_platforms_cookies_reach_no_agent() {
        for name in [
            "agentbot-session",
            "__Secure-agentbot.session-token",
            "authjs.session-token",
            "__Secure-authjs.session-token.0",
            "next-auth.session-token.12",
            "__Host-next-auth.csrf-token",
            "__Secure-next-auth.callback-url",
        ] {
            let cookie = format!("a=1; {name}=secret;b=\"2\"");
            let found = sent(&[("cookie", &cookie), ("cookie", "c")]);
            assert_eq!(found[0], "cookie: a=1; b=\"2\"; c", "{name}");
            assert_eq!(sent(&[("cookie", &format!(" {name} =secret"))]), FORWARDED);
        }
    }

    fn received(headers: &[(&str, &str)]) -> Vec<String> {
        listed(&to_client(&map(headers), &"a1".parse().unwrap()))
    }

    #[test]
    fn a_client_gets_the_answer_without_what_would_hold_for_the_whole_origin() {
        let found = received(&[
            ("connection", "keep-alive, x-own"),
            ("x-own", "1"),
            ("transfer-encoding", "chunked"),
            ("strict-transport-security", "max-age=31536000"),
            ("service-worker-allowed", "/"),
            ("clear-site-data", "\"*\""),
            ("alt-svc", "h3=\":443\""),
            ("content-type", "text/html"),
            ("location", "http://127.0.0.1/"),
            ("vary", "a"),
            ("vary", "b"),
        ]);
        let expected = [
            "content-type: text/html",
            "location: http://127.0.0.1/",
            "vary: a",
            "vary: b",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_agents_cookies_are_for_its_own_paths_and_never_the_platforms() {
        for (cookie, expected) in [
            ("a=1", Some("a=1; Path=/api/openclaw/proxy/a1/")),
            (
                "a=1; Path=/x; Domain=api.example; HttpOnly",
                Some("a=1; HttpOnly; Path=/api/openclaw/proxy/a1/x"),
            ),
            ("agentbot-session=stolen; Path=/", None),
            ("__Secure-next-auth.session-token.0=x", None),
            ("no cookie", None),
        ] {
            let expected: Vec<_> = expected
                .map(|it| format!("set-cookie: {it}"))
                .into_iter()
                .collect();
            assert_eq!(received(&[("set-cookie", cookie)]), expected, "{cookie}");
        }
    }
}
