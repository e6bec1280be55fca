//! The one place that builds HTTP clients of APIs and reads their responses.
//! Agents are probed over [`probe`](crate::probe)'s own connections.

mod opened;

use std::error::Error;
use std::time::Duration;

use ::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{ClientBuilder, Response};
use url::{Host, Url};

use crate::net::GuardedResolver;
use crate::tls;
use opened::Opening;

pub use opened::was_closed_while_kept;

/// Sent with every outgoing request: Railway's edge rejects requests without a
/// `User-Agent`.
pub const USER_AGENT: &str = concat!("openclaw-maintenance/", env!("CARGO_PKG_VERSION"));

/// A client that sends the `User-Agent` and ignores proxy settings in the
/// environment.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that makes the clients of APIs"
)]
pub fn builder() -> ClientBuilder {
    let mut tls = tls::config(tls::roots());
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .no_proxy()
}

/// A client that passes requests and responses on unchanged: it rewrites no
/// path, follows no redirect, decodes nothing and can upgrade connections.
pub type Forwarder<B> = Client<Opening<HttpsConnector<HttpConnector<GuardedResolver>>>, B>;

/// Why a request could not be forwarded.
pub type ForwardError = hyper_util::client::legacy::Error;

/// The longest head of a message of an agent or for one, in bytes.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// How many headers a head may have: as many as fit, of which each has at least a
/// letter, a colon and a line break.
pub const MAX_HEADERS: usize = HEAD_LIMIT / 4;

/// A client that forwards. It takes at most `connect` to open a connection, and
/// keeps idle ones for `idle`, or none if that is zero: a process that is
/// frozen between requests would find them dead.
pub fn forwarder<B>(resolver: GuardedResolver, connect: Duration, idle: Duration) -> Forwarder<B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::config(tls::roots()))
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let kept = if idle.is_zero() { 0 } else { usize::MAX };
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(kept)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http1_max_buf_size(HEAD_LIMIT)
        .http1_max_headers(MAX_HEADERS)
        .build(Opening(connector))
}

/// Whether requests to a URL are encrypted or stay on this machine. URLs with a
/// user or a password are refused.
pub fn is_confidential(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && local);
    safe && url.username().is_empty() && url.password().is_none()
}

/// The longest response body of an agent that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// An HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client of an API.
    #[error("cannot make an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The TLS configuration of the prober.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is longer than this many bytes.
    #[error("is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
    /// The connection failed.
    #[error("broke off")]
    BrokeOff(#[source] Box<dyn Error + Send + Sync>),
}

/// Reads a body of at most [`BODY_LIMIT`].
///
/// # Errors
/// When the body is too long or breaks off.
pub async fn read_bounded(response: Response) -> Result<Vec<u8>, ReadError> {
    read_up_to(response, BODY_LIMIT).await
}

/// Reads a body, and gives up on one that is too long without reading the rest.
///
/// # Errors
/// When the body is too long or breaks off.
pub async fn read_up_to(mut response: Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broke_off)? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn broke_off(error: reqwest::Error) -> ReadError {
    ReadError::BrokeOff(error.into())
}

/// How long to wait: `Retry-After`, else `X-RateLimit-Reset`, each a number of
/// seconds or a date.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reset = HeaderName::from_static("x-ratelimit-reset");
    [RETRY_AFTER, reset].iter().find_map(|name| {
        let value = headers.get(name)?;
        let text = value.to_str().ok()?.trim();
        let until = match text.parse::<i64>() {
            Ok(seconds) if seconds >= FIRST_EPOCH_SECONDS => Timestamp::from_second(seconds).ok(),
            Ok(seconds) => return u64::try_from(seconds).ok().map(Duration::from_secs),
            Err(_) => http_date(value).or_else(|| text.parse().ok()),
        }?;
        // A time in the past means no wait.
        Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
    })
}

/// Larger numbers are seconds since 1970: no server asks for a wait of thirty
/// years.
const FIRST_EPOCH_SECONDS: i64 = 1_000_000_000;

/// The instant of a header such as `Date`.
pub fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(value.to_str().ok()?)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_wait_is_read_in_every_notation() {
        let now: Timestamp = "2026-04-11T08:00:00Z".parse().unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let rows = [
            ("retry-after", "7", seconds(7)),
            ("retry-after", "0", seconds(0)),
            ("retry-after", "Sat, 11 Apr 2026 08:01:00 GMT", seconds(60)),
            ("retry-after", "Sat, 11 Apr 2026 07:00:00 GMT", seconds(0)),
            ("x-ratelimit-reset", "30", seconds(30)),
            ("x-ratelimit-reset", "1775894500", seconds(100)),
            ("x-ratelimit-reset", "2026-04-11T08:00:05.000Z", seconds(5)),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
            ("x-other", "7", None),
        ];
        for (name, value, wait) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(retry_after(&headers, now), wait, "{name}: {value}");
        }
    }
}
