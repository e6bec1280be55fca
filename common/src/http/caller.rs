//! Where a request came from, for the `X-Forwarded-*` headers that an agent
//! gets.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ::http::{Extensions, HeaderMap, HeaderValue, header, request::Parts};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use super::members::members;

/// The remote address of the connection. Servers put it into a request's
/// extensions; Lambda's events carry it themselves.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// The number of the platform's own reverse proxies in front. Each appends its
/// peer's address to `X-Forwarded-For`; the entries before theirs were written by
/// the client, and may be anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of reverse proxies, 0 to 8")]
pub struct InvalidTrustedProxies;

impl FromStr for TrustedProxies {
    type Err = InvalidTrustedProxies;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(count) if count <= 8 => Ok(Self(count)),
            _ => Err(InvalidTrustedProxies),
        }
    }
}

/// The client behind a request, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `None` if neither the server nor Lambda's event names it.
    pub address: Option<IpAddr>,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The `Host` that the client sent.
    pub host: Option<HeaderValue>,
}

impl Caller {
    /// Trusts the entries of the platform's own proxies, and no others.
    pub fn of(request: &Parts, trusted_proxies: TrustedProxies) -> Self {
        let (peer, by_gateway) = match lambda_source(&request.extensions) {
            Some(source) => (source, true),
            None => {
                let peer = request.extensions.get::<PeerAddress>();
                (peer.map(|peer| peer.0.ip().to_canonical()), false)
            }
        };
        let told = addresses(&request.headers);
        // API Gateway has appended its own peer already.
        let told = match (by_gateway, told.split_last()) {
            (true, Some((_, before))) => before,
            _ => &told,
        };
        let address = (0..trusted_proxies.0).fold(peer, |nearest, hops| {
            // If an entry is missing or malformed, the nearest known address
            // counts as the client's.
            let entry = told.len().checked_sub(hops + 1).and_then(|at| told.get(at));
            entry.copied().flatten().or(nearest)
        });
        let last_proxy = || match request.headers.get("x-forwarded-proto")?.as_bytes() {
            b"https" => Some("https"),
            _ => None,
        };
        let scheme = if by_gateway {
            // API Gateway serves only https.
            Some("https")
        } else {
            (trusted_proxies.0 > 0).then(last_proxy).flatten()
        };
        Self {
            address,
            scheme: scheme.unwrap_or("http"),
            host: request.headers.get(header::HOST).cloned(),
        }
    }
}

/// All entries of `X-Forwarded-For`; `None` for malformed ones.
fn addresses(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    members(headers, "x-forwarded-for", b',')
        .map(|entry| {
            let entry = entry?;
            let address = entry.parse().ok();
            address.or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))
        })
        .collect()
}

/// The client's address in an event of API Gateway: `None` outside of Lambda,
/// `Some(None)` if it is malformed.
fn lambda_source(request: &Extensions) -> Option<Option<IpAddr>> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => {
            let source = context.http.source_ip.as_deref();
            Some(source.and_then(|source| source.parse().ok()))
        }
        _ => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;

    fn of(
        trusted_proxies: &str,
        headers: &[(&str, impl AsRef<[u8]>)],
    ) -> (Option<String>, &'static str) {
        let mut request = Request::builder().extension(PeerAddress("10.0.0.9:1".parse().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, value.as_ref());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let caller = Caller::of(&parts, trusted_proxies.parse().unwrap());
        (caller.address.map(|it| it.to_string()), caller.scheme)
    }

    #[test]
    fn without_trusted_proxies_nothing_that_a_client_says_is_trusted() {
        let lie = ("x-forwarded-for", "127.0.0.1");
        let proto = ("x-forwarded-proto", "https");
        assert_eq!(
            of("0", &[lie, proto]),
            (Some("10.0.0.9".to_owned()), "http")
        );
        assert_eq!(of("0", &[proto; 0]), (Some("10.0.0.9".to_owned()), "http"));
    }

    #[test]
    fn each_trusted_proxy_vouches_for_one_entry() {
        let list = ("x-forwarded-for", "127.0.0.1, 192.0.2.1 ,203.0.113.7");
        let more = ("x-forwarded-for", "198.51.100.3:4711");
        let address =
            |trusted_proxies, headers: &[(&str, &str)]| of(trusted_proxies, headers).0.unwrap();
        assert_eq!(address("1", &[list]), "203.0.113.7");
        assert_eq!(address("2", &[list]), "192.0.2.1");
        assert_eq!(address("2", &[list, more]), "203.0.113.7");
        assert_eq!(address("1", &[list, more]), "198.51.100.3");
        assert_eq!(address("8", &[list]), "127.0.0.1");
        assert_eq!(address("1", &[]), "10.0.0.9");
        assert_eq!(address("1", &[("x-forwarded-for", "unknown")]), "10.0.0.9");
        let proto = ("x-forwarded-proto", "https");
        assert_eq!(of("1", &[list, proto]).1, "https");
        assert_eq!(of("1", &[list]).1, "http");
    }

    #[test]
    fn an_entry_that_is_no_text_leaves_the_others_what_they_are() {
        let list = ("x-forwarded-for", b"\xff\xfe, 192.0.2.1, 203.0.113.7");
        assert_eq!(of("1", &[list]).0.unwrap(), "203.0.113.7");
        assert_eq!(of("2", &[list]).0.unwrap(), "192.0.2.1");
    }

    #[test]
    fn a_number_of_trusted_proxies_is_at_most_eight() {
        for text in ["", "-1", "9", "one", "1.0"] {
            assert_eq!(
                text.parse::<TrustedProxies>(),
                Err(InvalidTrustedProxies),
                "{text:?}"
            );
        }
    }
}
