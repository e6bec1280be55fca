//! Callers of the API, and the responses that they get.

use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Somebody who calls the API with the headers of a role.
#[derive(Clone, Debug)]
pub struct Caller {
    http: Client,
    base: String,
    headers: HeaderMap,
}

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, which is always JSON; null where there is none, and a text where it
    /// is Prometheus'.
    pub body: Value,
}

impl Caller {
    pub(crate) fn new(http: Client, base: String) -> Self {
        Self {
            http,
            base,
            headers: HeaderMap::new(),
        }
    }

    /// The same caller with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    /// Sends a POST without a body.
    pub async fn post(&self, path: &str) -> Answer {
        self.send(Method::POST, path, "").await
    }

    /// Sends a PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body.to_string()).await
    }

    /// Sends a request with any body.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let response = self
            .http
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone())
            .body(body)
            .send()
            .await
            .expect("the API answers");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.expect("the answer arrives whole");
        Answer::new(status, headers, &body)
    }

    /// Sends a GET whose target goes over the wire letter by letter: clients
    /// clean dots and odd characters out of a path before they send it.
    pub async fn get_literally(&self, target: &str) -> Answer {
        let address = self.base.trim_start_matches("http://");
        let mut request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\n").into_bytes();
        for (name, value) in &self.headers {
            request.extend_from_slice(name.as_str().as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"connection: close\r\n\r\n");
        let mut stream = TcpStream::connect(address).await.expect("the API listens");
        stream.write_all(&request).await.expect("the API reads");
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .await
            .expect("the API answers");
        parse(&answer)
    }
}

/// Takes an answer apart that has a `Content-Length`.
fn parse(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .expect("a status line");
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().expect("a header name"),
                value.parse().expect("a header value"),
            )
        })
        .collect();
    Answer::new(status, headers, body.as_bytes())
}

impl Answer {
    fn new(status: u16, headers: HeaderMap, body: &[u8]) -> Self {
        let kind = headers.get("content-type").map(HeaderValue::as_bytes);
        let is_metrics = kind.is_some_and(|kind| kind.starts_with(b"text/plain; version=0.0.4"));
        let body = if body.is_empty() {
            Value::Null
        } else if is_metrics {
            String::from_utf8_lossy(body).into()
        } else {
            serde_json::from_slice(body).unwrap_or_else(|_| {
                panic!(
                    "HTTP {status} with a body that is not JSON: {}",
                    String::from_utf8_lossy(body)
                )
            })
        };
        let answer = Self {
            status,
            headers,
            body,
        };
        assert!(
            answer
                .header("x-request-id")
                .is_some_and(|id| !id.is_empty()),
            "every answer carries an x-request-id: {answer:?}"
        );
        answer
    }

    /// Asserts the status and the whole body.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write a json! literal"
    )]
    pub fn is(&self, status: u16, body: Value) {
        assert_eq!((self.status, &self.body), (status, &body));
    }

    /// A header's value as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Takes a field out of the body, to be judged apart from the rest.
    pub fn take(&mut self, field: &str) -> Value {
        self.body
            .as_object_mut()
            .and_then(|body| body.remove(field))
            .unwrap_or_else(|| panic!("no field {field} in {}", self.body))
    }
}
