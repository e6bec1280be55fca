//! Which web pages may write with a user's cookie. A browser sends cookies with
//! whatever any page requests; `Origin` says which page it was.

use std::str::FromStr;
use std::time::Duration;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;
use url::{Origin, Url};

/// The methods of the API, which `CorsConfiguration` in the template has too,
/// like the headers below: API Gateway answers browsers by itself.
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::PUT, Method::DELETE];

/// What a page may send.
const REQUEST_HEADERS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-request-id"),
];

/// What a page may read, besides what it always may.
const RESPONSE_HEADERS: [HeaderName; 2] =
    [header::RETRY_AFTER, HeaderName::from_static("x-request-id")];

/// How long a browser remembers that it may.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// The origins besides the API's own, each exactly as a browser sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be origins such as https://app.example, without a path, separated by commas")]
pub struct InvalidOrigins;

impl FromStr for AllowedOrigins {
    type Err = InvalidOrigins;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origins = text.split(',').map(|origin| {
            let origin = origin.trim();
            // An origin that no browser sends would never match; `*` is not a
            // pattern here.
            let is_sent =
                web_origin(origin)?.ascii_serialization() == origin && !origin.contains('*');
            is_sent.then(|| origin.to_owned())
        });
        origins
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(InvalidOrigins)
    }
}

/// Why a write with a cookie is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignOrigin {
    /// `Origin` is not an allowed one.
    #[error(
        "Origin is neither this API's own nor an allowed one: cookies may not write from there"
    )]
    NotAllowed,
    /// There is no `Origin`, and the browser says that the request comes from
    /// elsewhere.
    #[error(
        "Sec-Fetch-Site is neither same-origin nor none: cookies may not write from another origin"
    )]
    NotSameOrigin,
}

impl AllowedOrigins {
    /// Whether it is one of them.
    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }

    /// The layer that lets pages of these origins read answers and send what
    /// browsers ask about first. `None` where there are none: pages of this API
    /// need no permission.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins: Vec<HeaderValue> = self.0.iter().filter_map(|it| it.parse().ok()).collect();
        let is_some = !origins.is_empty();
        is_some.then(|| {
            CorsLayer::new()
                .allow_origin(origins)
                .allow_credentials(true)
                .allow_methods(METHODS)
                .allow_headers(REQUEST_HEADERS)
                .expose_headers(RESPONSE_HEADERS)
                .max_age(PREFLIGHT)
        })
    }

    /// Refuses a write that another page sends with the user's cookie. A
    /// request without `Origin` was not sent by a page: browsers send it with
    /// every write.
    pub(super) fn check(&self, request: &Parts) -> Result<(), ForeignOrigin> {
        if request.method.is_safe() {
            return Ok(());
        }
        let mut origins = request.headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            let mut sites = request.headers.get_all("sec-fetch-site").iter();
            return match sites.all(|site| site == "same-origin" || site == "none") {
                true => Ok(()),
                false => Err(ForeignOrigin::NotSameOrigin),
            };
        };
        let is_allowed = |origin: &str| self.contains(origin) || is_own(origin, request);
        match (origin.to_str(), origins.next()) {
            (Ok(origin), None) if is_allowed(origin) => Ok(()),
            _ => Err(ForeignOrigin::NotAllowed),
        }
    }
}

/// Whether the page comes from the host of the request.
fn is_own(origin: &str, request: &Parts) -> bool {
    let own = || {
        let origin = web_origin(origin)?;
        let host = match request.uri.authority() {
            Some(authority) => authority.as_str(),
            None => only_header(&request.headers, header::HOST)?,
        };
        let scheme = match &origin {
            Origin::Tuple(scheme, ..) => scheme.as_str(),
            Origin::Opaque(_) => return None,
        };
        // API Gateway tells how it was asked: a page that came over an open
        // connection, where anybody may have written it, is not this API's.
        let is_as_asked = match request.headers.get("x-forwarded-proto") {
            Some(asked) => asked == scheme,
            None => true,
        };
        let is_same = web_origin(&format!("{scheme}://{host}"))? == origin;
        Some(is_as_asked && is_same)
    };
    own().unwrap_or(false)
}

/// The value of a header that is there exactly once, and is text.
pub fn only_header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The origin of an http or https URL that has nothing behind its host.
fn web_origin(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && bare).then(|| url.origin())
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;

    fn check(allowed: &str, method: &str, headers: &[(&str, &str)]) -> Result<(), ForeignOrigin> {
        let mut request = Request::builder().method(method).uri("/api");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let allowed = match allowed {
            "" => AllowedOrigins::default(),
            allowed => allowed.parse().unwrap(),
        };
        allowed.check(&parts)
    }

    #[test]
    fn a_write_comes_from_the_api_itself_or_from_an_allowed_page() {
        let host = ("host", "api.example");
        for (origin, allowed) in [
            ("https://api.example", true),
            ("https://api.example:443", true),
            ("http://api.example", true),
            ("https://app.example", true),
            ("https://other.example:8443", true),
            ("https://app.example:444", false),
            ("http://app.example", false),
            ("https://api.example:8080", false),
            ("https://api.example.evil.example", false),
            ("https://evil.example", false),
            ("https://xapp.example", false),
            ("https://api.example@evil.example", false),
            ("https://evil.example/api.example", false),
            ("file://api.example", false),
            ("null", false),
            ("", false),
            ("api.example", false),
        ] {
            let list = "https://app.example, https://other.example:8443";
            let found = check(list, "POST", &[host, ("origin", origin)]);
            assert_eq!(found.is_ok(), allowed, "{origin}");
        }
    }

    #[test]
    fn the_own_origin_has_the_port_and_the_scheme_that_were_asked() {
        let local = ("host", "127.0.0.1:8080");
        let secure = ("x-forwarded-proto", "https");
        assert!(check("", "PUT", &[local, ("origin", "http://127.0.0.1:8080")]).is_ok());
        assert!(check("", "PUT", &[local, ("origin", "http://127.0.0.1:8081")]).is_err());
        assert!(check("", "PUT", &[local, ("origin", "http://127.0.0.1")]).is_err());
        let api = ("host", "api.example");
        assert!(check("", "PUT", &[api, secure, ("origin", "https://api.example")]).is_ok());
        assert!(check("", "PUT", &[api, secure, ("origin", "http://api.example")]).is_err());
    }

    #[test]
    fn hosts_and_origins_that_are_unclear_are_refused() {
        let (host, origin) = (("host", "api.example"), ("origin", "https://api.example"));
        for headers in [
            &[origin][..],
            &[host, host, origin],
            &[("host", "x@api.example"), origin],
            &[("host", "api.example/"), ("origin", "https://x.example")],
            &[host, origin, origin],
            &[host, origin, ("origin", "https://evil.example")],
        ] {
            assert!(check("", "POST", headers).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn reads_and_programs_are_not_asked() {
        let foreign = ("origin", "https://evil.example");
        let cross = ("sec-fetch-site", "cross-site");
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(check("", method, &[foreign, cross]), Ok(()), "{method}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "ODD"] {
            assert_eq!(check("", method, &[]), Ok(()), "{method}");
            for site in ["same-origin", "none"] {
                let found = check("", method, &[("sec-fetch-site", site)]);
                assert_eq!(found, Ok(()), "{method} {site}");
            }
            for site in ["cross-site", "same-site", "", "Same-Origin", "other"] {
                let found = check("", method, &[("sec-fetch-site", site)]);
                assert_eq!(found, Err(ForeignOrigin::NotSameOrigin), "{method} {site}");
            }
            let found = check("", method, &[foreign]);
            assert_eq!(found, Err(ForeignOrigin::NotAllowed), "{method}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_no_origin_to_allow() {
        for text in [
            "",
            "*",
            "null",
            "app.example",
            "https://app.example/",
            "https://App.example",
            "https://app.example:443",
            "https://app.example/path",
            "https://*.example",
            "ftp://app.example",
            "https://app.example,",
        ] {
            assert_eq!(
                text.parse::<AllowedOrigins>(),
                Err(InvalidOrigins),
                "{text:?}"
            );
        }
    }
}
