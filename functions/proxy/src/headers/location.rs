//! Where an agent sends its clients.

use common::model::AgentUrl;
use http::HeaderValue;
use url::Url;

use crate::target::{Outside, PREFIX, Target};

/// A `Location` as the client needs it, if it has to be another one: an agent knows
/// itself at the root of its own address, and of the one that the client asked.
pub(crate) fn outer_location(
    location: &HeaderValue,
    target: &Target<'_>,
    agent: &AgentUrl,
    asked_host: Option<&HeaderValue>,
) -> Option<HeaderValue> {
    let text = std::str::from_utf8(location.as_bytes()).ok()?;
    let is_absolute = Url::parse(text).is_ok();
    let is_rooted = text.starts_with(['/', '\\']);
    let is_own_root = target.outside == Outside::Origin && !is_absolute && !text.starts_with("//");
    if !(is_absolute || is_rooted) || is_own_root {
        return None;
    }
    let base = agent.join("/");
    let url = base.join(text).ok()?;
    let is_asked = || {
        let asked = asked_host.and_then(|host| host.to_str().ok());
        asked.is_some_and(|asked| asked.eq_ignore_ascii_case(url.authority()))
    };
    let is_http = matches!(url.scheme(), "http" | "https");
    let is_agents = url.host() == base.host()
        && (url.port().is_none() || url.port_or_known_default() == base.port_or_known_default());
    if !is_http || !(is_agents || is_asked()) {
        return None;
    }
    // What begins with two slashes would be another host.
    let path = url.path().trim_start_matches(['/', '\\']);
    let prefix = match target.outside {
        Outside::Origin => "/".to_owned(),
        Outside::Path | Outside::PathWithoutSlash => format!("{PREFIX}{}/", target.agent),
    };
    let inner = format!("/{path}");
    let is_outer_already = is_asked() && inner.starts_with(&prefix);
    let mut outer = match is_outer_already {
        true => inner,
        false => format!("{prefix}{path}"),
    };
    for (mark, part) in [('?', url.query()), ('#', url.fragment())] {
        if let Some(part) = part {
            outer.push(mark);
            outer.push_str(part);
        }
    }
    HeaderValue::try_from(outer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer(uri: &str, agent: &str, location: &str) -> String {
        let (uri, agent) = (uri.parse().unwrap(), agent.parse().unwrap());
        let target = match Target::of(&uri) {
            Ok(target) => target,
            Err(_) => Target::at_root("a1".parse().unwrap(), &uri).unwrap(),
        };
        let given = HeaderValue::from_bytes(location.as_bytes()).unwrap();
        let host = HeaderValue::from_static("api.example:8080");
        let outer = outer_location(&given, &target, &agent, Some(&host)).unwrap_or(given);
        outer.to_str().unwrap().to_owned()
    }

    const INNER: &str = "http://agentbot-agent-a1.railway.internal:18789";

    #[test]
    fn below_the_path_an_agents_root_is_behind_its_id() {
        for (location, expected) in [
            ("/", "/api/openclaw/proxy/a1/"),
            ("/setup?a=%20#b", "/api/openclaw/proxy/a1/setup?a=%20#b"),
            ("/../x", "/api/openclaw/proxy/a1/x"),
            ("/a//b", "/api/openclaw/proxy/a1/a//b"),
            (
                "http://agentbot-agent-a1.railway.internal:18789/setup",
                "/api/openclaw/proxy/a1/setup",
            ),
            (
                "https://agentbot-agent-a1.railway.internal/x",
                "/api/openclaw/proxy/a1/x",
            ),
            (
                "//AGENTBOT-agent-a1.railway.internal:18789/x",
                "/api/openclaw/proxy/a1/x",
            ),
            (
                "http://agentbot-agent-a1.railway.internal:18789//evil.example/",
                "/api/openclaw/proxy/a1/evil.example/",
            ),
            (
                "https://api.example:8080/setup",
                "/api/openclaw/proxy/a1/setup",
            ),
            (
                "https://api.example:8080/api/openclaw/proxy/a1/x",
                "/api/openclaw/proxy/a1/x",
            ),
            // Others' addresses, and those that are relative, stay.
            ("setup", "setup"),
            ("./x", "./x"),
            ("?a=b", "?a=b"),
            ("", ""),
            (
                "https://login.example/authorize?x=/",
                "https://login.example/authorize?x=/",
            ),
            ("//login.example/x", "//login.example/x"),
            (
                "http://127.0.0.1:1455/callback",
                "http://127.0.0.1:1455/callback",
            ),
            (
                "http://agentbot-agent-a1.railway.internal:81/",
                "http://agentbot-agent-a1.railway.internal:81/",
            ),
            (
                "mailto:a@agentbot-agent-a1.railway.internal",
                "mailto:a@agentbot-agent-a1.railway.internal",
            ),
        ] {
            assert_eq!(
                outer("/api/openclaw/proxy/a1/x", INNER, location),
                expected,
                "{location}"
            );
        }
    }

    #[test]
    fn at_its_origin_an_agents_root_is_the_root() {
        for (location, expected) in [
            ("/setup?a#b", "/setup?a#b"),
            ("setup", "setup"),
            (
                "http://agentbot-agent-a1.railway.internal:18789/setup?a",
                "/setup?a",
            ),
            (
                "http://agentbot-agent-a1.railway.internal:18789//evil.example/",
                "/evil.example/",
            ),
            (
                "http://agentbot-agent-a1.railway.internal:18789/\\evil.example/",
                "/evil.example/",
            ),
            ("//agentbot-agent-a1.railway.internal:18789/x", "/x"),
            ("https://login.example/", "https://login.example/"),
        ] {
            assert_eq!(outer("/x", INNER, location), expected, "{location}");
        }
    }
}
