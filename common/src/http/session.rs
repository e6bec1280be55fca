//! Who is asking: a user who is logged in.

use axum::response::{IntoResponse, Response};

use super::ApiError;
use super::origin::ForeignOrigin;
use crate::identity::KeysUnavailable;
use crate::model::UserId;
use crate::store::StoreError;

/// The names of the opaque session cookie, the preferred one first.
pub const COOKIES: [&str; 2] = ["__Secure-agentbot.session-token", "agentbot-session"];

/// A caller with a valid session. As an extractor it refuses nobodies with 401;
/// a handler that owes them another status takes
/// `Result<Session, SessionRefused>`. How sessions are found is the
/// [`Authenticator`](super::Authenticator)'s business.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user who is logged in.
    pub user: UserId,
}

/// Why there is no session.
#[derive(Debug)]
pub enum SessionRefused {
    /// No cookie and no token, or none that is valid now.
    NoSession,
    /// There is a cookie, and a page that may not use it.
    ForeignOrigin(ForeignOrigin),
    /// The store could not tell.
    Store(StoreError),
    /// There are no keys to tell a good token from a bad one.
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
