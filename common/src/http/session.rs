//! The session of a logged-in user.

use axum::response::{IntoResponse, Response};

use super::ApiError;
use super::origin::ForeignOrigin;
use crate::identity::KeysUnavailable;
use crate::model::UserId;
use crate::store::StoreError;

/// The names of the opaque session cookie, the preferred one first.
pub const COOKIES: [&str; 2] = ["__Secure-agentbot.session-token", "agentbot-session"];

/// A caller with a valid session. As an extractor it refuses unauthenticated
/// callers with 401; a handler that answers them with another status takes
/// `Result<Session, SessionRefused>`. The
/// [`Authenticator`](super::Authenticator) finds sessions.
#[derive(Clone, Debug)]
pub struct Session {
    pub user: UserId,
}

/// Why there is no session.
#[derive(Debug)]
pub enum SessionRefused {
    /// No cookie and no token, or none that is valid.
    NoSession,
    /// There is a cookie, but the page may not use it.
    ForeignOrigin(ForeignOrigin),
    /// The store failed.
    Store(StoreError),
    /// There are no keys to verify a token with.
    Keys(KeysUnavailable),
}

impl SessionRefused {
    /// For the endpoints where the contract answers 403 to unauthenticated
    /// callers.
    pub fn as_forbidden(self) -> ApiError {
        match self {
            Self::NoSession => ApiError::Forbidden,
            refused => refused.into(),
        }
    }
}

impl From<SessionRefused> for ApiError {
    fn from(refused: SessionRefused) -> Self {
        match refused {
            SessionRefused::NoSession => Self::Unauthorized,
            SessionRefused::ForeignOrigin(origin) => Self::ForeignOrigin(origin),
            SessionRefused::Store(error) => error.into(),
            SessionRefused::Keys(error) => Self::KeysUnavailable(error),
        }
    }
}

impl From<ForeignOrigin> for SessionRefused {
    fn from(origin: ForeignOrigin) -> Self {
        Self::ForeignOrigin(origin)
    }
}

impl From<StoreError> for SessionRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<KeysUnavailable> for SessionRefused {
    fn from(error: KeysUnavailable) -> Self {
        Self::Keys(error)
    }
}

impl IntoResponse for SessionRefused {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
