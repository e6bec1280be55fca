//! Headers of responses, from agents to clients.

use common::model::InstanceId;
use cookie::Cookie;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{CONFINED_PREFIX, HOST_PREFIX, is_hop_by_hop, is_platforms, named_in_connection};
use crate::target::{Outside, PREFIX, Target};

/// What passes of an agent's answer below the contract's path: what programs need to
/// understand it. The rest might apply to the whole origin, and so to this API and
/// all other agents.
const FROM_AGENTS: [&str; 21] = [
    "accept-ranges",
    "allow",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "location",
    "mcp-session-id",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "vary",
    "www-authenticate",
];

/// What a browser makes of an answer below the contract's path: a page with an
/// origin of its own that nobody else has, so that it has no storage and no cookies,
/// and this API takes it for a stranger's.
const SANDBOX: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts";

/// The headers of a response as a client gets them.
pub(crate) fn to_client(headers: &HeaderMap, target: &Target<'_>) -> HeaderMap {
    match target.outside {
        Outside::Path | Outside::PathWithoutSlash => below_the_path(headers, &target.agent),
        Outside::Origin => at_its_origin(headers),
    }
}

/// Headers that an agent may not set at its own origin: they would concern its
/// neighbours' or let them in, or lead browsers past this proxy.
const NOT_AT_ITS_ORIGIN: [&str; 4] = [
    "alt-svc",
    "clear-site-data",
    "public-key-pins",
    "strict-transport-security",
];

/// What is added there: other origins get nothing of the answer, not even by showing
/// it in a frame.
const AT_ITS_ORIGIN: [(HeaderName, &str); 3] = [
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin-allow-popups",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("origin-agent-cluster"), "?1"),
];

fn at_its_origin(headers: &HeaderMap) -> HeaderMap {
    let named = named_in_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let refused = is_hop_by_hop(name, &named)
            || NOT_AT_ITS_ORIGIN.contains(&name.as_str())
            || name.as_str().starts_with("access-control-");
        if refused {
            continue;
        }
        if name == header::SET_COOKIE {
            passed.extend(own_cookie(value).map(|value| (name.clone(), value)));
        } else if name == header::CACHE_CONTROL {
            passed.append(name, private(value));
        } else {
            passed.append(name, value.clone());
        }
    }
    for (name, value) in AT_ITS_ORIGIN {
        passed.insert(name, HeaderValue::from_static(value));
    }
    // One policy more: a browser keeps to all of them.
    passed.append(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("frame-ancestors 'self'"),
    );
    passed
}

/// A cookie that an agent sets for its own host alone.
fn own_cookie(value: &HeaderValue) -> Option<HeaderValue> {
    let mut cookie = Cookie::parse(value.to_str().ok()?).ok()?;
    if is_platforms(cookie.name()) {
        return None;
    }
    cookie.unset_domain();
    HeaderValue::try_from(cookie.to_string()).ok()
}

/// What a cache that serves several visitors may keep is nothing: who has no session
/// gets no answer either.
fn private(value: &HeaderValue) -> HeaderValue {
    let text = value.to_str().unwrap_or_default();
    let shared = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        ["public", "private", "s-maxage", ""]
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it))
    };
    let kept = text.split(',').filter(|directive| !shared(directive));
    let kept: Vec<&str> = std::iter::once("private")
        .chain(kept.map(str::trim))
        .collect();
    HeaderValue::try_from(kept.join(", ")).unwrap_or(HeaderValue::from_static("no-store"))
}

fn below_the_path(headers: &HeaderMap, agent: &InstanceId) -> HeaderMap {
    let named = named_in_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len() + 3);
    for (name, value) in headers {
        if is_hop_by_hop(name, &named) {
            continue;
        }
        if name == header::SET_COOKIE {
            passed.extend(confined_cookie(value, agent).map(|value| (name.clone(), value)));
        } else if FROM_AGENTS.contains(&name.as_str()) {
            passed.append(name, value.clone());
        }
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        passed.insert(name, HeaderValue::from_static(value));
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
    // Browsers refuse that name with a path, and keep the other one as strictly.
    if let Some(name) = cookie.name().strip_prefix(HOST_PREFIX) {
        let name = format!("{CONFINED_PREFIX}{name}");
        cookie.set_name(name);
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

    const SET: [&str; 3] = [
        "cache-control: no-store",
        "content-security-policy: sandbox allow-downloads allow-forms allow-modals \
         allow-popups allow-scripts",
        "x-content-type-options: nosniff",
    ];

    /// What a client receives below the contract's path, without what it always does.
    fn received(headers: &[(&str, &str)]) -> Vec<String> {
        let uri = "/api/openclaw/proxy/a1/".parse().unwrap();
        let passed = to_client(&map(headers), &Target::of(&uri).unwrap());
        let mut lines = listed(&passed);
        for always in SET {
            assert!(lines.contains(&always.to_owned()), "{always} in {lines:?}");
        }
        lines.retain(|line| !SET.contains(&line.as_str()));
        lines
    }

    #[test]
    fn a_client_gets_what_is_on_the_list_and_nothing_else() {
        let found = received(&[
            ("connection", "keep-alive, x-own"),
            ("x-own", "1"),
            ("transfer-encoding", "chunked"),
            ("strict-transport-security", "max-age=31536000"),
            ("service-worker-allowed", "/"),
            ("clear-site-data", "\"*\""),
            ("alt-svc", "h3=\":443\""),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("cache-control", "public, max-age=31536000"),
            (
                "content-security-policy",
                "sandbox allow-same-origin allow-scripts",
            ),
            ("link", "</x>; rel=preload"),
            ("refresh", "0; url=/"),
            ("report-to", "{}"),
            ("set-login", "logged-in"),
            ("sourcemap", "/x"),
            ("x-made-up", "1"),
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
            (
                "__Host-id=1; Path=/; Secure",
                Some("__Secure-Host-id=1; Secure; Path=/api/openclaw/proxy/a1/"),
            ),
            ("__Host-agentbot-session=1; Path=/; Secure", None),
            (
                "__Secure-id=1; Secure",
                Some("__Secure-id=1; Secure; Path=/api/openclaw/proxy/a1/"),
            ),
        ] {
            let expected: Vec<_> = expected
                .map(|it| format!("set-cookie: {it}"))
                .into_iter()
                .collect();
            assert_eq!(received(&[("set-cookie", cookie)]), expected, "{cookie}");
        }
    }
}
