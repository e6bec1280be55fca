//! Which agent a request is for, and which of its paths. Pure.

use std::borrow::Cow;

use common::http::ApiError;
use common::model::InstanceId;
use http::Uri;
use percent_encoding::percent_decode_str;

/// The part of the path before the agent's id.
pub const PREFIX: &str = "/api/openclaw/proxy/";

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'u> {
    pub(crate) agent: InstanceId,
    /// The path on the agent, with its leading slash, byte for byte.
    pub(crate) path: &'u str,
    /// Byte for byte, without the question mark.
    pub(crate) query: Option<&'u str>,
    pub(crate) outside: Outside,
}

/// How a client reaches an agent, and so whose origin its pages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Below [`PREFIX`] and the agent's id, on a host that serves all agents.
    Path,
    /// The same, without the slash behind the id: a page's own relative links
    /// would lead elsewhere.
    PathWithoutSlash,
    /// At the root of an origin of its own.
    Origin,
}

impl<'u> Target<'u> {
    /// Takes the path as it was sent, encoded slashes included: parsing it is the
    /// agent's business. But a `.` or `..` among its segments is refused in every
    /// encoding. Honest clients resolve those before they send a request; others
    /// want two programs to disagree about the path.
    ///
    /// # Errors
    /// When the path is not below [`PREFIX`], or the id or a segment is invalid.
    pub(crate) fn of(uri: &'u Uri) -> Result<Self, ApiError> {
        let after_prefix = uri.path().strip_prefix(PREFIX);
        let after_prefix = after_prefix.ok_or(ApiError::NotFound)?;
        let id = after_prefix.split('/').next().unwrap_or_default();
        let agent = id
            .parse()
            .map_err(|error| ApiError::BadRequest(format!("agentId {error}")))?;
        let (path, outside) = match after_prefix.strip_prefix(id).unwrap_or_default() {
            "" => ("/", Outside::PathWithoutSlash),
            path => (path, Outside::Path),
        };
        check_segments(path)?;
        Ok(Self {
            agent,
            path,
            query: uri.query(),
            outside,
        })
    }

    /// The same path on an agent whose origin was asked.
    ///
    /// # Errors
    /// When a segment is invalid, or there is no path (`OPTIONS *`).
    pub(crate) fn at_root(agent: InstanceId, uri: &'u Uri) -> Result<Self, ApiError> {
        let path = uri.path();
        if !path.starts_with('/') {
            return Err(ApiError::NotFound);
        }
        check_segments(path)?;
        Ok(Self {
            agent,
            path,
            query: uri.query(),
            outside: Outside::Origin,
        })
    }

    /// Whether the wrapper might take this path for its `/api/status`, whose
    /// answer carries the gateway token.
    pub(crate) fn may_be_status(&self) -> bool {
        self.may_be("api", "status")
    }

    /// Whether the gateway might take this path for its `/api/v1/admin/rpc`, where
    /// its token does everything, the approval of devices included.
    pub(crate) fn may_be_admin_rpc(&self) -> bool {
        self.may_be("admin", "rpc")
    }

    /// Whether an agent might find `last` behind `before` in this path. Express
    /// ignores case and a trailing slash; prefixes, suffixes and repeated encoding
    /// are covered as well, so that nothing depends on how it routes.
    fn may_be(&self, before: &str, last: &str) -> bool {
        // A cheap check that rules out most paths: the word has to occur, or
        // something that may decode to it.
        let word = |bytes: &[u8]| bytes.eq_ignore_ascii_case(last.as_bytes());
        if !self.path.contains('%') && !self.path.as_bytes().windows(last.len()).any(word) {
            return false;
        }
        let mut path = Cow::Borrowed(self.path);
        for _ in 0..3 {
            path = Cow::Owned(decoded(&path).into_owned());
        }
        let path = path.to_ascii_lowercase();
        let bare = |segment: &str, word: &str| {
            let end = segment.find(|c: char| !c.is_ascii_alphanumeric());
            segment.get(..end.unwrap_or(segment.len())) == Some(word)
        };
        // A segment of dots leads to the one before it, or is nothing.
        let is_name = |segment: &&str| !segment.trim_matches('.').is_empty();
        let segments: Vec<&str> = segments(&path).filter(is_name).collect();
        segments
            .array_windows()
            .any(|[first, second]| bare(first, before) && bare(second, last))
    }

    /// The query without the parameter `ticket`, and that parameter.
    pub(crate) fn without_ticket(&self) -> (Option<String>, Option<&'u str>) {
        let mut ticket = None;
        let kept: Vec<&str> = self
            .query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(|pair| match pair.strip_prefix("ticket=") {
                Some(value) => {
                    ticket = ticket.or(Some(value));
                    false
                }
                None => true,
            })
            .collect();
        ((!kept.is_empty()).then(|| kept.join("&")), ticket)
    }
}

fn check_segments(path: &str) -> Result<(), ApiError> {
    if segments(&decoded(path)).any(|segment| matches!(segment, "." | "..")) {
        return Err(ApiError::BadRequest(
            "The path must have no segments . and ..".to_owned(),
        ));
    }
    Ok(())
}

/// Lossy, since bytes that are not UTF-8 are neither dots nor letters.
fn decoded(path: &str) -> Cow<'_, str> {
    percent_decode_str(path).decode_utf8_lossy()
}

/// Splits at backslashes too: some servers take them for slashes.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn of(path: &str) -> Result<(String, String), u16> {
        let uri = uri(path);
        let target = Target::of(&uri).map_err(|error| error.status().as_u16())?;
        let query = target.query.map(|query| format!("?{query}"));
        let rest = format!("{}{}", target.path, query.unwrap_or_default());
        Ok((target.agent.to_string(), rest))
    }

    #[test]
    fn the_prefix_is_stripped_once_and_the_rest_stays_byte_for_byte() {
        for rest in [
            "/",
            "/healthz",
            "/a/b/",
            "//double//",
            "/api/openclaw/proxy/other/x",
            "/a%2Fb%2f",
            "/%E2%82%AC/ä",
            "/...",
            "/a..b/.hidden",
            "/?",
            "/x?a=b&a=c&&=%20+%2B&..",
            "/x?/../..",
            "/[x]{y}|z",
            "/a;b=c,d:e@f!$'()*~",
        ] {
            let found = of(&format!("/api/openclaw/proxy/agent_1-A{rest}"));
            assert_eq!(found, Ok(("agent_1-A".to_owned(), rest.to_owned())));
        }
    }

    #[test]
    fn ids_of_other_characters_are_refused_and_not_cleaned() {
        let long = "x".repeat(65);
        for id in [
            "",
            "a.b",
            "a%2Db",
            "a%2F..",
            "a:b",
            "a@evil.example",
            "ä",
            "a%00",
            &long,
        ] {
            assert_eq!(of(&format!("/api/openclaw/proxy/{id}/x")), Err(400), "{id}");
        }
        for path in ["/api/openclaw/other/a/x", "/x", "/"] {
            assert_eq!(of(path), Err(404), "{path}");
        }
    }

    #[test]
    fn dot_segments_are_refused_in_every_spelling() {
        for rest in [
            "/..",
            "/.",
            "/../other/healthz",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/.%2E/b",
            "/a/%2e",
            "/a%2F..%2fb",
            "/a\\..\\b",
            "/a%5c..%5Cb",
        ] {
            assert_eq!(
                of(&format!("/api/openclaw/proxy/a{rest}")),
                Err(400),
                "{rest}"
            );
        }
    }

    #[test]
    fn whatever_might_be_the_wrappers_status_is_recognised() {
        for (path, expected) in [
            ("/api/status", true),
            ("/api/status/", true),
            ("/API/Status", true),
            ("//api//status", true),
            ("/api/%73tatus", true),
            ("/api%2Fstatus", true),
            ("/%61pi%255cstatus", true),
            ("/api/%25%37%33tatus", true),
            ("/api/status;x", true),
            ("/api/status.json", true),
            ("/api/status%00", true),
            ("/base/api/status", true),
            ("/api/statuses", false),
            ("/api/stat", false),
            ("/apistatus", false),
            ("/status", false),
            ("/", false),
        ] {
            let uri = uri(&format!("/api/openclaw/proxy/a{path}"));
            assert_eq!(
                Target::of(&uri).unwrap().may_be_status(),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn whatever_might_be_the_admin_rpc_is_recognised() {
        for (path, expected) in [
            ("/api/v1/admin/rpc", true),
            ("/api/v1/admin/rpc/", true),
            ("/API/V1/Admin/RPC", true),
            ("//api//v1//admin//rpc", true),
            ("/api/v1/admin/%72pc", true),
            ("/api%2Fv1%2Fadmin%2Frpc", true),
            ("/api/v1/%2561dmin/rpc", true),
            ("/api/v1/admin\\rpc", true),
            ("/api/v1/admin/.../rpc", true),
            ("/api/v1/admin;x/rpc;y", true),
            ("/api/v1/admin/rpc%00", true),
            ("/base/api/v1/admin/rpc", true),
            ("/api/v1/admin/rpcs", false),
            ("/api/v1/adminrpc", false),
            ("/rpc", false),
            ("/admin", false),
        ] {
            let uri = uri(&format!("/api/openclaw/proxy/a{path}"));
            let target = Target::of(&uri).unwrap();
            assert_eq!(target.may_be_admin_rpc(), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_ends_with_the_id_is_the_root_without_its_slash() {
        for (rest, path, outside) in [
            ("", "/", Outside::PathWithoutSlash),
            ("?a=/", "/", Outside::PathWithoutSlash),
            ("/", "/", Outside::Path),
            ("/x", "/x", Outside::Path),
        ] {
            let uri = uri(&format!("/api/openclaw/proxy/a{rest}"));
            let target = Target::of(&uri).unwrap();
            assert_eq!((target.path, target.outside), (path, outside), "{rest}");
        }
    }

    #[test]
    fn a_ticket_is_taken_out_of_the_query_and_the_rest_stays() {
        for (query, rest, ticket) in [
            ("", None, None),
            ("?ticket=abc", None, Some("abc")),
            ("?a=%20&ticket=abc&b=&a=", Some("a=%20&b=&a="), Some("abc")),
            ("?ticket=1&ticket=2", None, Some("1")),
            ("?tickets=1&xticket=2", Some("tickets=1&xticket=2"), None),
        ] {
            let uri = uri(&format!("/api/openclaw/proxy/a/{query}"));
            let target = Target::of(&uri).unwrap();
            assert_eq!(target.without_ticket(), (rest.map(str::to_owned), ticket));
        }
    }
}
