//! Headers of requests, from clients to agents.

use std::net::{IpAddr, Ipv4Addr};

use common::http::{Caller, InternalKey};
use common::identity::Issuer;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    CONFINED_PREFIX, HOST_PREFIX, is_hop_by_hop, is_platforms, named_in_connection, tokens,
};
use crate::target::{Outside, Target};

/// Headers that a client may not set: agents would believe what they say about the
/// client's address, or take another path than the one that was checked; or they
/// concern only the client and this server.
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

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The address of a client that has none which can be told: nobody's, and reserved
/// for examples (RFC 5737).
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// This proxy's name in `Via` (RFC 9110, 7.6.3).
const NAME: &str = "openclaw-maintenance";
const VIA: &str = "1.1 openclaw-maintenance";

/// The platform's credentials, which must reach no agent.
#[derive(Clone, Copy)]
pub(crate) struct Secrets<'s> {
    pub(crate) key: &'s InternalKey,
    /// The issuer of its users' tokens.
    pub(crate) issuer: Option<&'s Issuer>,
}

/// The headers of a request as an agent gets them.
pub(crate) fn to_agent(
    headers: &HeaderMap,
    caller: &Caller,
    secrets: Secrets<'_>,
    target: &Target<'_>,
) -> HeaderMap {
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
    let is_confined = target.outside != Outside::Origin;
    if let Some(cookies) = foreign_cookies(headers, is_confined) {
        passed.insert(header::COOKIE, cookies);
    }
    // OpenClaw takes a request without these for one of a local client, and pairs
    // the device: so they are set even when nothing is known.
    let address = client_address(caller).to_string();
    if let Ok(address) = HeaderValue::try_from(address) {
        passed.insert(FORWARDED_FOR, address);
    }
    passed.insert(FORWARDED_PROTO, HeaderValue::from_static(caller.scheme));
    if let Some(host) = &caller.host {
        passed.insert(FORWARDED_HOST, host.clone());
    }
    passed.append(header::VIA, HeaderValue::from_static(VIA));
    passed
}

/// The client's address, as an agent is told it. From 2026.8 on OpenClaw refuses
/// whoever has none, or one that is the agent's own machine.
fn client_address(caller: &Caller) -> IpAddr {
    let own = |address: &IpAddr| address.is_loopback() || address.is_unspecified();
    let address = caller.address.map(|address| address.to_canonical());
    address.filter(|it| !own(it)).unwrap_or(NOBODY)
}

/// Whether a request has come through this proxy before: the agent's address leads
/// back to it.
pub(crate) fn is_loop(headers: &HeaderMap) -> bool {
    let name = |hop: &str| hop.split_whitespace().nth(1) == Some(NAME);
    tokens(headers, header::VIA).any(name)
}

/// The minimum length of a key, in bytes. Tokens are longer.
const SHORTEST_KEY: usize = 16;

/// Whether a value contains the platform's key or a user's token of the platform,
/// with or without an authentication scheme.
fn carries(value: &HeaderValue, secrets: Secrets<'_>) -> bool {
    // Rules out most values cheaply: each comparison below computes a digest.
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

/// All cookies that are not the platform's, as one header, with the names that the
/// agent gave them.
fn foreign_cookies(headers: &HeaderMap, is_confined: bool) -> Option<HeaderValue> {
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
                match cookie.strip_prefix(CONFINED_PREFIX.as_bytes()) {
                    Some(rest) if is_confined => {
                        kept.extend_from_slice(HOST_PREFIX.as_bytes());
                        kept.extend_from_slice(rest);
                    }
                    _ => kept.extend_from_slice(cookie),
                }
            }
        }
    }
    // Parts of valid header values make a valid one.
    (!kept.is_empty()).then(|| HeaderValue::from_bytes(&kept).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::testing::{listed, map};

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
        let uri = "/api/openclaw/proxy/a1/".parse().unwrap();
        let target = Target::of(&uri).unwrap();
        listed(&to_agent(&map(headers), &caller, secrets, &target))
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
    fn an_agent_is_told_an_address_that_it_takes_whoever_asks() {
        for (address, told) in [
            (Some("203.0.113.7"), "203.0.113.7"),
            (Some("10.0.0.9"), "10.0.0.9"),
            (Some("2001:db8::7"), "2001:db8::7"),
            (Some("::ffff:203.0.113.7"), "203.0.113.7"),
            (Some("127.0.0.1"), "198.51.100.1"),
            (Some("127.8.9.10"), "198.51.100.1"),
            (Some("::1"), "198.51.100.1"),
            (Some("::ffff:127.0.0.1"), "198.51.100.1"),
            (Some("0.0.0.0"), "198.51.100.1"),
            (None, "198.51.100.1"),
        ] {
            let caller = Caller {
                address: address.map(|it| it.parse().unwrap()),
                scheme: "https",
                host: None,
            };
            assert_eq!(client_address(&caller).to_string(), told, "{address:?}");
        }
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
            assert_eq!(is_loop(&map(&[("via", via)])), been, "{via}");
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

    #[test]
    fn an_agent_gets_its_cookies_by_the_names_that_it_gave_them() {
        let found = sent(&[("cookie", "__Secure-Host-id=1; __Secure-b=2; __Host-c=3")]);
        assert_eq!(found[0], "cookie: __Host-id=1; __Secure-b=2; __Host-c=3");
    }
}
