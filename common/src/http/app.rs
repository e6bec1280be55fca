//! What all functions have around their routes.

use std::process::ExitCode;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method, header};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use lambda_http::RequestExt;
use lambda_http::lambda_runtime::Runtime;
use lambda_http::lambda_runtime::layers::TracingLayer;
use lambda_http::tower::util::ThenLayer;
use tokio::time::Instant;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use super::{AllowedOrigins, ApiError, event_request};
use crate::config::{ALLOWED_ORIGINS, ConfigError, Environment, Reader};
use crate::model::{InstanceId, UserId};
use crate::platform::Platform;
use crate::process::{StartError, start};
use crate::random;

/// The longest body that a request may have, in bytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps routes in what all functions share: JSON for unknown paths and
/// methods, a limit on bodies, CORS for the pages of `origins`, an
/// `x-request-id` in every response and a log line for every request. What an
/// endpoint does not say of itself is neither stored by a cache nor guessed to
/// be of another type.
pub fn app(routes: Router, origins: &AllowedOrigins) -> Router {
    let no_store = HeaderValue::from_static("no-store");
    let no_sniff = HeaderValue::from_static("nosniff");
    let routes = routes
        .fallback(async |method: Method| match method {
            // There is no path that it could have.
            Method::CONNECT => ApiError::MethodNotAllowed,
            _ => ApiError::NotFound,
        })
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            no_store,
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            no_sniff,
        ));
    let routes = match origins.cors() {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(middleware::from_fn(trace))
}

/// The origins whose pages [`app`] answers, as the environment has them.
///
/// # Errors
/// When the variable is malformed.
pub fn allowed_origins(environment: &dyn Environment) -> Result<AllowedOrigins, ConfigError> {
    let mut reader = Reader::new(environment);
    let origins = reader.optional::<AllowedOrigins>(ALLOWED_ORIGINS);
    origins
        .map(Option::unwrap_or_default)
        .ok_or_else(|| reader.into_error())
}

/// How long a function waits for its background tasks. This is in addition to
/// the request, so the function's timeout has to have room for it.
const AFTER_ANSWER: Duration = Duration::from_secs(12);

/// Runs a function: builds its routes, then serves Lambda's events until the
/// runtime ends the process. An error that prevents the start is logged.
///
/// Background tasks may go on after a response was sent. Lambda freezes the
/// process when it asks for the next event, so that is delayed until the tasks
/// are done.
pub async fn serve<F>(routes: F) -> ExitCode
where
    F: FnOnce(&dyn Environment, &Platform) -> Result<Router, StartError>,
{
    let started = start(|environment, platform| {
        let routes = routes(environment, platform)?;
        let origins = allowed_origins(environment)?;
        Ok((app(routes, &origins), platform.background.clone()))
    });
    let ended = match started.await {
        Ok((routes, background)) => {
            let finish = ThenLayer::new(move |answered| {
                let background = background.clone();
                async move {
                    background.finish(AFTER_ANSWER).await;
                    answered
                }
            });
            let answer = move |event| event_request::answer(routes.clone(), event);
            let runtime = Runtime::new(lambda_http::service_fn(answer));
            runtime.layer(TracingLayer::new()).layer(finish).run().await
        }
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ended");
            ExitCode::FAILURE
        }
    }
}

async fn trace(request: Request, next: Next) -> Response {
    // The route and not the path: a path may contain anything.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    traced(request, route, |request| next.run(request)).await
}

/// Names the instance that the current request is about in its lines of the
/// log.
pub fn note_instance(id: &InstanceId) {
    Span::current().record("instance", id.as_str());
}

/// Names the user who sent the current request, likewise.
pub(super) fn note_user(id: &UserId) {
    Span::current().record("user", id.as_str());
}

/// Handles a request with what every response has: an `x-request-id`, and a log
/// line. For servers that have no router.
pub async fn traced<F>(request: Request, route: &str, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = request.method().as_str(),
        route,
        instance = field::Empty,
        user = field::Empty,
    );
    async {
        let start = Instant::now();
        let mut response = answer(request).await;
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

/// The caller's own id if it is well-formed, else Lambda's, else a new one.
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
        let id = random::unique_id().hyphenated().encode_lower(&mut buffer);
        // A UUID is always a valid header value.
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"))
    })
}
