//! Errors of Railway.

use std::time::Duration;

use super::settings::TokenType;

/// Why a request to Railway failed.
///
/// Messages contain neither the key nor the values of variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RailwayError {
    /// The key does not allow this. Railway has one message for all such cases.
    #[error(
        "Railway refused the key: RAILWAY_API_KEY may be wrong, or RAILWAY_TOKEN_TYPE, \
         which is {0}, may not fit it"
    )]
    NotAuthorized(TokenType),
    /// Too many requests; this one had no effect.
    #[error("Railway's rate limit is reached")]
    RateLimited {
        /// How long Railway asks to wait.
        retry_after: Option<Duration>,
    },
    /// Railway understood and answered with errors.
    #[error("Railway refused: {0}")]
    Refused(String),
    /// No connection, so that the request had no effect.
    #[error("Railway cannot be reached: {0}")]
    Unreachable(String),
    /// The request was sent, but the response was lost: only the state shows
    /// whether it had an effect.
    #[error("Railway gave no answer: {0}")]
    NoAnswer(String),
}

impl RailwayError {
    /// Whether the same query may succeed later.
    pub(super) fn may_pass(&self) -> bool {
        self.had_no_effect() || matches!(self, Self::NoAnswer(_))
    }

    /// Whether the request certainly had no effect, so that it may be sent
    /// again.
    pub(super) fn had_no_effect(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unreachable(_))
    }

    /// How long Railway asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Removes secrets from Railway's message: its errors quote the request.
    pub(super) fn without<'s>(self, secrets: impl IntoIterator<Item = &'s str>) -> Self {
        /// Shorter values are no secrets, and would tear words apart.
        const SHORTEST: usize = 6;
        match self {
            Self::Refused(text) => Self::Refused(
                secrets
                    .into_iter()
                    .filter(|secret| secret.len() >= SHORTEST)
                    .fold(text, |text, secret| text.replace(secret, "…")),
            ),
            other => other,
        }
    }
}

/// Why the service of an agent could not be located: the contract's 503.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A variable is not set; the sentence is the contract's.
    #[error("{0} not configured")]
    NotConfigured(&'static str),
    /// There is no name to look for.
    #[error("No managed service reference found")]
    NoReference,
    /// No service has one of these names.
    #[error("Managed Railway service not found for {}", .0.join(", "))]
    NotFound(Vec<String>),
    /// The services could not be listed.
    #[error(transparent)]
    Railway(#[from] RailwayError),
}

impl ResolveError {
    /// How long Railway asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Railway(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// Why the service was located and the operation failed: the contract's 500.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct OperationError(#[from] pub RailwayError);

impl OperationError {
    /// How long Railway asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after()
    }
}
