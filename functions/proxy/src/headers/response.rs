//! Headers of responses, from agents to clients.

use common::model::InstanceId;
use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};

use super::{is_hop_by_hop, is_platforms, named_in_connection};
use crate::target::PREFIX;

/// Headers that an agent may not set: they would apply to the whole origin, and so
/// to this API and all other agents.
const NOT_FROM_AGENTS: [&str; 5] = [
    "alt-svc",
    "clear-site-data",
    "public-key-pins",
    "service-worker-allowed",
    "strict-transport-security",
];

/// The headers of a response as a client gets them.
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

/// A cookie that an agent sets, confined to its own paths. None for one that the
/// platform would take for its own.
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
    use crate::headers::testing::{listed, map};

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
