//! The request to the agent, as plain requests and WebSockets send it.

use axum::body::Body;
use common::client::{ForwardError, was_closed_while_kept};
use common::http::{ApiError, Caller};
use common::model::AgentUrl;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::body::{self, BodyError};
use crate::error::ProxyError;
use crate::headers::{self, Secrets};
use crate::limits::Deadline;
use crate::status;
use crate::target::Target;

/// What a client asks an agent.
pub(crate) struct AgentRequest<'r> {
    pub(crate) state: &'r crate::State,
    /// The head of the client's request; its URI is not used.
    pub(crate) parts: &'r Parts,
    /// Where the agent is.
    pub(crate) url: &'r AgentUrl,
    pub(crate) target: &'r Target<'r>,
    /// What passes of the target's query.
    pub(crate) query: Option<&'r str>,
    pub(crate) opens_websocket: bool,
}

impl AgentRequest<'_> {
    /// Sends the request, and waits for the head of the response. What has no body
    /// and changes nothing is sent again, once, if it was sent on a kept connection
    /// that turned out to be closed.
    pub(crate) async fn send(
        &self,
        body: Body,
        deadline: Deadline,
    ) -> Result<http::Response<Incoming>, ProxyError> {
        let changes_nothing = matches!(self.parts.method, Method::GET | Method::HEAD);
        let is_repeatable = changes_nothing && body.is_end_stream();
        let request = self.with(body)?;
        let since = Instant::now();
        let mut answered = deadline.hold(self.state.forwarder.request(request)).await?;
        if let Err(error) = &answered
            && is_repeatable
            && was_closed_while_kept(error, since)
        {
            let again = self.state.unpooled.request(self.with(Body::empty())?);
            answered = Box::pin(deadline.hold(again)).await?;
        }
        answered.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &ForwardError) -> ProxyError {
        match body::body_error(error) {
            Some(BodyError::TooLong) => ApiError::BodyTooLarge(self.state.limits.max_body).into(),
            Some(BodyError::Stalled) => ProxyError::BodyTooSlow,
            Some(BodyError::BrokeOff) => {
                ApiError::BadRequest("The body could not be read".to_owned()).into()
            }
            None => {
                let agent = &self.target.agent;
                tracing::info!(%agent, cause = %ErrorChain(error), "an agent is unreachable");
                ProxyError::AgentUnreachable
            }
        }
    }

    /// The request as the agent gets it.
    fn with(&self, body: Body) -> Result<http::Request<Body>, ProxyError> {
        let Self {
            state,
            parts,
            url,
            target,
            ..
        } = self;
        if headers::is_loop(&parts.headers) {
            return Err(ProxyError::Loop);
        }
        if target.may_be_admin_rpc() {
            return Err(ProxyError::AdminRpc);
        }
        let path_and_query = match self.query {
            Some(query) => format!("{}?{query}", target.path),
            None => target.path.to_owned(),
        };
        let uri = Uri::builder()
            .scheme(url.scheme())
            .authority(url.authority())
            .path_and_query(path_and_query)
            .build()
            .map_err(|_| ApiError::BadRequest("The path is malformed".to_owned()))?;
        let secrets = Secrets {
            key: &state.internal_key,
            issuer: state.issuer.as_ref(),
        };
        let mut headers = headers::to_agent(&parts.headers, &self.caller(), secrets, target);
        // Railway's edge routes by the agent's own host name.
        if let Ok(host) = HeaderValue::from_str(url.authority()) {
            headers.insert(header::HOST, host);
        }
        if target.may_be_status() {
            status::request_readable(&mut headers);
        }
        if self.opens_websocket {
            set_upgrade_headers(&mut headers);
        } else if body.size_hint().exact().is_none() {
            // Without it hyper drops the body of methods that seldom have one.
            let chunked = HeaderValue::from_static("chunked");
            headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        let mut request = http::Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// The headers of the agent's response as the client gets them.
    pub(crate) fn headers_to_client(&self, headers: &HeaderMap) -> HeaderMap {
        let mut passed = headers::to_client(headers, self.target);
        if let Some(location) = passed.get(header::LOCATION) {
            let host = self.caller().host;
            let outer = headers::outer_location(location, self.target, self.url, host.as_ref());
            passed.extend(outer.map(|outer| (header::LOCATION, outer)));
        }
        passed
    }

    fn caller(&self) -> Caller {
        Caller::of(self.parts, self.state.trusted_proxies)
    }
}

pub(crate) fn set_upgrade_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// An error with all its causes, on one line.
struct ErrorChain<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
