//! Which headers pass, in each direction. Pure.

mod location;
mod request;
mod response;

use common::http::members;
use http::{HeaderMap, HeaderName, header};

pub(crate) use location::outer_location;
pub(crate) use request::{Secrets, is_loop, to_agent};
pub(crate) use response::to_client;

/// Headers about one connection and not about the message (RFC 9110, 7.6.1).
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

/// Whether a header's comma-separated values include this token, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    members(headers, name, b',').flatten()
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
    // A body's length is about the message, whatever `Connection` says.
    HOP_BY_HOP.contains(&name.as_str()) || (name != header::CONTENT_LENGTH && is_named())
}

/// Whether a cookie belongs to one of the platform's logins: the session, in one
/// piece or several, and their others (`next-auth.csrf-token` and the like).
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

/// What browsers keep only of a cookie for all paths of its host.
const HOST_PREFIX: &str = "__Host-";

/// What stands in its place below the contract's path, where a cookie is confined to
/// the agent's own paths.
const CONFINED_PREFIX: &str = "__Secure-Host-";

#[cfg(test)]
pub(crate) mod testing {
    //! Headers as texts, for the tests of both directions.

    use http::{HeaderMap, HeaderName, HeaderValue};

    pub(crate) fn map(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect()
    }

    pub(crate) fn listed(headers: &HeaderMap) -> Vec<String> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect();
        lines.sort();
        lines
    }
}
