//! The pages that an agent's origin shows in the agent's place.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use common::http::ErrorBody;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::error::ProxyError;

/// Why an agent's page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// No agent has this host.
    #[error("There is no agent at this address")]
    NoAgent,
    /// The browser presents no session of this page.
    #[error("This page is not open in this browser")]
    NotOpen,
    /// The link is none of this agent's, or was used, or is too old.
    #[error("This link has been used or has expired")]
    BadLink,
    /// Another site's page wants something with the visitor's cookie.
    #[error("Another page may not use this one")]
    OtherOrigin,
    #[error("A link is opened with GET")]
    NotGet,
    /// What went wrong on the way to the agent.
    #[error(transparent)]
    Failed(ProxyError),
}

impl<E: Into<ProxyError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

const AGAIN: &str = "Open the agent again where you manage it. A link works once, for a minute, and \
     the page stays open for an hour.";

const FOR_PROGRAMS: &str = "POST /api/instance/{userId}/open answers with a link that opens it; programs use \
     /api/openclaw/proxy/{agentId}/";

impl Refused {
    /// What the visitor can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::NoAgent => "Check the address, or open the agent where you manage it.",
            Self::NotOpen | Self::BadLink => AGAIN,
            Self::OtherOrigin => "Open the agent where you manage it, and not from another page.",
            Self::NotGet => "",
            Self::Failed(_) => "Reload the page in a moment.",
        }
    }

    /// The answer, which is a page where a browser shows it, and JSON otherwise.
    pub(crate) fn answer(self, is_shown: bool) -> Response {
        let status = match self {
            Self::NoAgent => StatusCode::NOT_FOUND,
            Self::NotOpen => StatusCode::UNAUTHORIZED,
            Self::BadLink | Self::OtherOrigin => StatusCode::FORBIDDEN,
            Self::NotGet => StatusCode::METHOD_NOT_ALLOWED,
            Self::Failed(error) if !is_shown => return no_store(error.into_response()),
            Self::Failed(ref error) => error.status(),
        };
        let allow = matches!(self, Self::NotGet).then_some(HeaderValue::from_static("GET"));
        let sentence = self.to_string();
        let advice = self.advice();
        if !is_shown {
            let advice = match self {
                Self::NotOpen => FOR_PROGRAMS,
                _ => advice,
            };
            let body = Json(ErrorBody {
                error: format!("{sentence}. {advice}").trim_end().to_owned(),
            });
            return no_store((status, body).into_response());
        }
        // The sentences are this program's own, and have nothing of the request.
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{sentence}</title>\n\
             <style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; \
             padding: 0 1rem; color-scheme: light dark }}</style>\n\
             <h1>{sentence}</h1>\n<p>{advice}</p>\n</html>\n"
        );
        let mut answer = no_store(Response::new(Body::from(page)));
        *answer.status_mut() = status;
        answer
            .headers_mut()
            .extend(allow.map(|allow| (header::ALLOW, allow)));
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

fn no_store(mut answer: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    answer
}

/// Whether a person will see the answer: it is no script's and no program's.
pub(crate) fn is_shown(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-dest") {
        Some(destination) => destination == "document" || destination == "iframe",
        None => headers
            .get_all(header::ACCEPT)
            .iter()
            .any(|accepted| String::from_utf8_lossy(accepted.as_bytes()).contains("text/html")),
    }
}
