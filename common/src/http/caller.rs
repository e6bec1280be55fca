//! Where a request came from: what an agent is told in `X-Forwarded-*`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{Extensions, HeaderMap, HeaderValue, header, request::Parts};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

/// The other end of the connection that a request came over. Servers put it
/// into a request's extensions; Lambda's events name it themselves.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// How many reverse proxies of the platform's own stand in front. Each appends
/// the address that it was asked from to `X-Forwarded-For`; what is left of
/// theirs was written by the client, and may be anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fronts(usize);

/// The text is no number of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of reverse proxies, 0 to 8")]
pub struct InvalidFronts;

impl FromStr for Fronts {
    type Err = InvalidFronts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(count) if count <= 8 => Ok(Self(count)),
            _ => Err(InvalidFronts),
        }
    }
}

/// Who asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's address; none where the server does not tell.
    pub address: Option<IpAddr>,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The host that the client asked.
    pub host: Option<HeaderValue>,
}

impl Caller {
    /// Believes what the platform's own proxies say and nothing else.
    pub fn of(request: &Parts, fronts: Fronts) -> Self {
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
        let address = (0..fronts.0).fold(peer, |nearest, hops| {
            // An entry that is missing or no address: the nearest known one is
            // as far as can be seen.
            let entry = told.len().checked_sub(hops + 1).and_then(|at| told.get(at));
            entry.copied().flatten().or(nearest)
        });
        let last_front = || match request.headers.get("x-forwarded-proto")?.as_bytes() {
            b"https" => Some("https"),
            _ => None,
        };
        let scheme = if by_gateway {
            // It listens on nothing else.
            Some("https")
        } else {
            (fronts.0 > 0).then(last_front).flatten()
        };
        Self {
            address,
            scheme: scheme.unwrap_or("http"),
            host: request.headers.get(header::HOST).cloned(),
        }
    }
}

/// All entries of `X-Forwarded-For`; none for what is no address.
fn addresses(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = headers.get_all("x-forwarded-for").iter();
    values
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(|entry| {
            let entry = entry.trim();
            let address = entry.parse().ok();
            address.or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))
        })
        .collect()
}

/// The client's address in an event of API Gateway. None outside of Lambda; the
/// address is none where it cannot be read.
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
    use axum::http::Request;

    use super::*;

    fn of(fronts: &str, headers: &[(&str, &str)]) -> (Option<String>, &'static str) {
        let mut request = Request::builder().extension(PeerAddress("10.0.0.9:1".parse().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let caller = Caller::of(&parts, fronts.parse().unwrap());
        (caller.address.map(|it| it.to_string()), caller.scheme)
    }

    #[test]
    fn without_fronts_nothing_that_a_client_says_is_believed() {
        let lie = ("x-forwarded-for", "127.0.0.1");
        let proto = ("x-forwarded-proto", "https");
        assert_eq!(
            of("0", &[lie, proto]),
            (Some("10.0.0.9".to_owned()), "http")
        );
        assert_eq!(of("0", &[]), (Some("10.0.0.9".to_owned()), "http"));
    }

    #[test]
    fn each_front_is_believed_once() {
        let list = ("x-forwarded-for", "127.0.0.1, 192.0.2.1 ,203.0.113.7");
        let more = ("x-forwarded-for", "198.51.100.3:4711");
        let address = |fronts, headers: &[_]| of(fronts, headers).0.unwrap();
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
    fn a_number_of_fronts_is_small() {
        for text in ["", "-1", "9", "one", "1.0"] {
            assert_eq!(text.parse::<Fronts>(), Err(InvalidFronts), "{text:?}");
        }
    }
}
