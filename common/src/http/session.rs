//! Who is asking: sessions of the platform's web front end.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{header, request::Parts};
use axum::response::{IntoResponse, Response};
use cookie::Cookie;

use super::ApiError;
use crate::clock::SharedClock;
use crate::model::UserId;
use crate::store::{SessionKey, Sessions, StoreError};

/// The names of the session cookie, the preferred one first.
pub const COOKIES: [&str; 2] = ["__Secure-agentbot.session-token", "agentbot-session"];

/// A caller with a valid session. As an extractor it refuses nobodies with 401;
/// a handler that owes them another status takes
/// `Result<Session, SessionRefused>`.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user who is logged in.
    pub user: UserId,
}

/// Why there is no session.
#[derive(Debug)]
pub enum SessionRefused {
    /// No cookie, or none that is valid now.
    NoSession,
    /// The store could not tell.
    Store(StoreError),
}

impl SessionRefused {
    /// For the endpoints where the spec answers 403 to nobodies.
    pub fn as_forbidden(self) -> ApiError {
        match self {
            Self::NoSession => ApiError::Forbidden,
            Self::Store(error) => error.into(),
        }
    }
}

impl From<SessionRefused> for ApiError {
    fn from(refused: SessionRefused) -> Self {
        match refused {
            SessionRefused::NoSession => Self::Unauthorized,
            SessionRefused::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for SessionRefused {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}

impl<S> FromRequestParts<S> for Session
where
    S: Send + Sync,
    Sessions: FromRef<S>,
    SharedClock: FromRef<S>,
{
    type Rejection = SessionRefused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let sessions = Sessions::from_ref(state);
        let now = SharedClock::from_ref(state).now();
        for key in session_keys(parts) {
            let user = sessions.user(&key, now).await;
            if let Some(user) = user.map_err(SessionRefused::Store)? {
                return Ok(Self { user });
            }
        }
        Err(SessionRefused::NoSession)
    }
}

/// At most one key for each name, so that a request cannot cost more lookups.
fn session_keys(parts: &Parts) -> Vec<SessionKey> {
    let cookies: Vec<Cookie<'_>> = parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(Cookie::split_parse)
        .flatten()
        .collect();
    COOKIES
        .iter()
        .filter_map(|name| {
            let cookie = cookies.iter().find(|cookie| cookie.name() == *name)?;
            SessionKey::of_cookie(cookie.value())
        })
        .collect()
}
