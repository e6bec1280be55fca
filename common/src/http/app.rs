//! What every function does around its routes.

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use lambda_http::RequestExt;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::ApiError;
use crate::aws::{Aws, Endpoint};
use crate::config::{Above, Environment, ProcessEnvironment};
use crate::{secrets, telemetry};

/// The longest body that a request may have, in bytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts around the routes what all functions share: JSON for unknown paths and
/// methods, a bound on bodies, an `x-request-id` on every answer and a log line
/// for every request.
pub fn app(routes: Router) -> Router {
    routes
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(trace))
}

/// Why a function could not start.
pub type StartError = Box<dyn Error + Send + Sync>;

/// The whole life of a function: makes its routes, then answers Lambda's events
/// until the runtime ends the process. What prevents the start is logged.
pub async fn serve<F>(routes: F) -> ExitCode
where
    F: AsyncFnOnce(&dyn Environment, &Aws) -> Result<Router, StartError>,
{
    telemetry::init_json();
    let ended = match start(routes).await {
        Ok(routes) => lambda_http::run(app(routes)).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ended");
            ExitCode::FAILURE
        }
    }
}

async fn start<F>(routes: F) -> Result<Router, StartError>
where
    F: AsyncFnOnce(&dyn Environment, &Aws) -> Result<Router, StartError>,
{
    let aws = Aws::new(Endpoint::Standard);
    let secrets = secrets::read(&ProcessEnvironment, &aws).await?;
    let environment = Above {
        variables: &secrets,
        environment: &ProcessEnvironment,
    };
    routes(&environment, &aws).await
}

async fn trace(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = request.method().as_str(),
        // The route and not the path: a path may hold anything.
        route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or("none", MatchedPath::as_str),
    );
    async {
        let start = Instant::now();
        let mut response = next.run(request).await;
        response.headers_mut().insert(REQUEST_ID, id);
        tracing::info!(
            status = response.status().as_u16(),
            took_ms = start.elapsed().as_millis() as u64,
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}

/// The caller's own id where it is a sane one, else Lambda's, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=64).contains(&id.len()) && id.as_bytes().iter().all(allowed)
    };
    if let Some(id) = request.headers().get(REQUEST_ID).filter(sane) {
        return id.clone();
    }
    let of_lambda = request
        .lambda_context_ref()
        .and_then(|context| HeaderValue::from_str(&context.request_id).ok());
    of_lambda.unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let id = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        // A UUID is always a header value; without one there is no answer worth
        // failing for.
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"))
    })
}
