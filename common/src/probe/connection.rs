//! The connections of a probe. Each belongs to one probe and ends with it: a
//! probe is to prove that the agent accepts connections now.
//!
//! Nothing here is spawned. Whoever uses a connection polls it, so that a probe
//! which is dropped leaves nothing behind, and as many sockets are open as there
//! are requests under way.

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use ::http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use ::http::uri::{PathAndQuery, Uri};
use ::http::{Method, Request, Response, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::failure::Failure;
use crate::client::{self, BODY_LIMIT, ClientError, HEAD_LIMIT, MAX_HEADERS, ReadError};
use crate::model::{AgentUrl, GatewayToken};
use crate::net::{AllowedHosts, GuardedResolver};
use crate::random;
use crate::tls;

/// How much of a body an agent may send over HTTP/2, in bytes: one more than is
/// read, so that a body which is too long shows itself. No more is ever allowed.
const WINDOW: u32 = BODY_LIMIT as u32 + 1;

/// Opens connections to agents, over IPv4 or IPv6, whichever is faster.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    any: HttpsConnector<HttpConnector<GuardedResolver>>,
    /// For what only HTTP/1.1 has.
    http1: HttpsConnector<HttpConnector<GuardedResolver>>,
}

/// What is opened.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Where an agent is asked, as requests write it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    base: Uri,
    host: HeaderValue,
}

/// What an agent is asked.
pub(super) struct Question {
    method: Method,
    path: &'static str,
    authorization: Option<HeaderValue>,
    body: Bytes,
}

/// One connection, in two halves: requests go through the one while the other
/// is polled.
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) driver: Driver,
}

/// Sends requests over a connection.
pub(super) enum Sender {
    /// One after the other.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// Several at once.
    Http2(h2::client::SendRequest<Bytes>),
}

/// The body of an answer.
pub(super) enum Body {
    Http1(Incoming),
    Http2(h2::RecvStream),
}

/// Moves the bytes of a connection.
pub(super) struct Driver(Fuse<BoxFuture<'static, ()>>);

impl Connector {
    /// Trusts these certificates beside those that all clients trust.
    ///
    /// # Errors
    /// When one of them is none.
    pub(super) fn new(
        hosts: AllowedHosts,
        others: Vec<CertificateDer<'static>>,
    ) -> Result<Self, ClientError> {
        let mut roots = tls::roots();
        for other in others {
            Arc::make_mut(&mut roots).add(other)?;
        }
        let mut tls = tls::config(roots);
        // A resumed session would not show whether the certificate still holds,
        // and is of no use to thousands of agents that are asked once a minute.
        tls.resumption = Resumption::disabled();
        let mut tcp = HttpConnector::new_with_resolver(GuardedResolver::new(hosts));
        tcp.enforce_http(false);
        // HTTP/2 begins with several small writes, which must not wait for each other.
        tcp.set_nodelay(true);
        let http1 = HttpsConnector::from((tcp.clone(), tls.clone()));
        // Said here, for hyper-rustls would have every client of the process link HTTP/2.
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let any = HttpsConnector::from((tcp, tls));
        Ok(Self { any, http1 })
    }

    /// Opens a connection of its own and has it upgraded to a WebSocket; `None` if
    /// the answer has another status than 101.
    pub(super) async fn upgrade(&self, target: &Target) -> Result<Option<Upgraded>, Failure> {
        let connected = self.http1.clone().oneshot(target.base.clone()).await;
        let stream = connected.map_err(Failure::Connect)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .max_headers(MAX_HEADERS)
            .handshake(stream)
            .await?;
        let driver = Driver::new(connection.with_upgrades().map(drop));
        let upgrading = async move {
            let response = sender.send_request(target.upgrade_request()).await?;
            match response.status() {
                StatusCode::SWITCHING_PROTOCOLS => Ok(Some(hyper::upgrade::on(response).await?)),
                _ => Ok(None),
            }
        };
        driver.run(pin!(upgrading)).await
    }

    /// Opens a connection: HTTP/2 where the agent chooses it during the
    /// handshake of TLS, else HTTP/1.1.
    pub(super) async fn open(&self, target: &Target) -> Result<Connection, Failure> {
        let connected = self.any.clone().oneshot(target.base.clone()).await;
        let stream = connected.map_err(Failure::Connect)?;
        if chose_http2(&stream) {
            let (sender, driver) = h2::client::Builder::new()
                .enable_push(false)
                .initial_window_size(WINDOW)
                .initial_connection_window_size(3 * WINDOW)
                .max_header_list_size(HEAD_LIMIT as u32)
                .handshake(TokioIo::new(stream))
                .await?;
            Ok(Connection {
                sender: Sender::Http2(sender),
                driver: Driver::new(driver.map(drop)),
            })
        } else {
            let (sender, driver) = http1::Builder::new()
                .max_buf_size(HEAD_LIMIT)
                .max_headers(MAX_HEADERS)
                .handshake(stream)
                .await?;
            Ok(Connection {
                sender: Sender::Http1(sender),
                driver: Driver::new(driver.map(drop)),
            })
        }
    }
}

/// Whether the agent chose HTTP/2. hyper-rustls tells it too, and asks the system
/// for both addresses of the socket along with it.
fn chose_http2(stream: &Stream) -> bool {
    match stream {
        MaybeHttpsStream::Http(_) => false,
        MaybeHttpsStream::Https(tls) => {
            let (_, session) = tls.inner().get_ref();
            session.alpn_protocol() == Some(b"h2")
        }
    }
}

impl Target {
    /// The agent at an address.
    pub(super) fn of(url: &AgentUrl) -> Result<Self, Failure> {
        let base: Uri = url.join("/").as_str().parse()?;
        let authority = base.authority().map_or("", |it| it.as_str());
        // What a URI takes is also good for a header.
        let host = HeaderValue::from_str(authority).unwrap_or(HeaderValue::from_static(""));
        Ok(Self { base, host })
    }

    fn upgrade_request(&self) -> Request<Full<Bytes>> {
        let mut request = self.http1_request(&Question::get("/"));
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let key = BASE64_STANDARD.encode(random::unique_id().as_bytes());
        // Base64 is always good for a header.
        let key = HeaderValue::try_from(key).unwrap_or(HeaderValue::from_static(""));
        headers.insert(SEC_WEBSOCKET_KEY, key);
        request
    }

    /// A question as a request of HTTP/1.1.
    fn http1_request(&self, question: &Question) -> Request<Full<Bytes>> {
        let path = PathAndQuery::from_static(question.path);
        let body = Full::new(question.body.clone());
        self.request(question, path.into(), true, body)
    }

    /// A request says what it wants and who asks, and nothing else: not even a
    /// forwarding header, which would change what `/readyz` tells.
    fn request<B>(&self, question: &Question, uri: Uri, host: bool, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = question.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        if host {
            headers.insert(HOST, self.host.clone());
        }
        if let Some(authorization) = &question.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if !question.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(client::USER_AGENT));
        request
    }
}

impl Question {
    /// For what is there.
    pub(super) fn get(path: &'static str) -> Self {
        Self {
            method: Method::GET,
            path,
            authorization: None,
            body: Bytes::new(),
        }
    }

    /// To do something, for somebody who has the agent's token or nothing. The body
    /// is JSON and not called so: wrappers swallow what is, and never pass it on.
    pub(super) fn post(path: &'static str, token: Option<&GatewayToken>, body: &Value) -> Self {
        let authorization = token.and_then(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.reveal())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self {
            method: Method::POST,
            path,
            authorization,
            body: body.to_string().into(),
        }
    }
}

impl Sender {
    /// Another sender over the same connection, where the protocol has that.
    pub(super) fn another(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// Waits until another request may be sent.
    ///
    /// # Errors
    /// When the connection is closed.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        match self {
            Self::Http1(sender) => Ok(sender.ready().await?),
            Self::Http2(sender) => {
                *sender = sender.clone().ready().await?;
                Ok(())
            }
        }
    }

    /// Asks, and waits for the head of the answer. Redirects are not followed.
    pub(super) async fn ask(
        &mut self,
        target: &Target,
        question: &Question,
    ) -> Result<Response<Body>, Failure> {
        match self {
            Self::Http1(sender) => {
                let request = target.http1_request(question);
                Ok(sender.send_request(request).await?.map(Body::Http1))
            }
            Self::Http2(sender) => {
                let path = PathAndQuery::from_static(question.path);
                let body = question.body.clone();
                let mut parts = target.base.clone().into_parts();
                parts.path_and_query = Some(path);
                let uri = Uri::from_parts(parts).unwrap_or_default();
                let request = target.request(question, uri, false, ());
                let (response, mut stream) = sender.send_request(request, body.is_empty())?;
                if !body.is_empty() {
                    stream.send_data(body, true)?;
                }
                Ok(response.await?.map(Body::Http2))
            }
        }
    }
}

impl Body {
    /// Reads it, and gives up on one that is too long without reading the rest.
    /// Compression is not decoded.
    pub(super) async fn read(mut self) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            let chunk = chunk.map_err(ReadError::BrokeOff)?;
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(ReadError::TooLarge(BODY_LIMIT));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn chunk(&mut self) -> Option<Result<Bytes, Box<dyn Error + Send + Sync>>> {
        match self {
            Self::Http1(body) => {
                let frame = body.frame().await?;
                // Trailers say nothing that anybody wants to know.
                let data = frame.map(|it| it.into_data().unwrap_or_default());
                Some(data.map_err(Into::into))
            }
            Self::Http2(body) => Some(body.data().await?.map_err(Into::into)),
        }
    }
}

impl Driver {
    /// What moves the bytes until the connection ends.
    fn new(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(connection.boxed().fuse())
    }

    /// Does something that uses the connection, to its end, and closes the
    /// connection then. It is borrowed, for this future would be twice as large
    /// with it.
    pub(super) async fn run<T>(mut self, mut using: Pin<&mut impl Future<Output = T>>) -> T {
        let done = loop {
            // The connection first: whoever uses it finds what it has just read. Once
            // it has ended, it is pending forever, and whoever uses it is told.
            tokio::select! {
                biased;
                () = &mut self.0 => {}
                done = &mut using => break done,
            }
        };
        // All senders are gone: it says goodbye, if that needs no waiting.
        let _ = self.0.now_or_never();
        done
    }
}
