//! What a path names, for its owner alone.

use std::future::Future;
use std::marker::PhantomData;

use ::http::request::Parts;
use axum::extract::{FromRef, FromRequestParts};
use utoipa::IntoResponses;

use super::{ApiError, Authenticator, ErrorBody, InstancePath, Session, SessionRefused};
use crate::clock::SharedClock;
use crate::model::{Instance, InstanceId, UserId};
use crate::store::{AgentStates, Instances, StoreError, Watched};

/// How those are refused who do not own the instance: a row of the contract's
/// table of callers. Its types also describe the row for OpenAPI.
pub trait RefusalPolicy {
    /// To somebody without a session.
    fn nobody(refused: SessionRefused) -> ApiError;

    /// To a user who does not own the instance, whether there is one or not.
    fn stranger() -> ApiError;
}

/// What most endpoints answer.
#[derive(Debug, IntoResponses)]
pub enum UnauthorizedThenForbidden {
    /// The id has other characters than an id has
    #[response(status = 400)]
    Malformed(ErrorBody),
    /// No valid session
    #[response(status = 401)]
    Nobody(ErrorBody),
    /// No such instance, or not the caller's
    #[response(status = 403)]
    Stranger(ErrorBody),
    /// The store failed
    #[response(status = 500)]
    Failed(ErrorBody),
    /// The keys of the login that signed the token cannot be fetched
    #[response(status = 503)]
    NoKeys(ErrorBody),
}

impl RefusalPolicy for UnauthorizedThenForbidden {
    fn nobody(refused: SessionRefused) -> ApiError {
        refused.into()
    }

    fn stranger() -> ApiError {
        ApiError::Forbidden
    }
}

/// What the contract wants at `GET /api/instance/{userId}`.
#[derive(Debug, IntoResponses)]
pub enum ForbiddenThenNotFound {
    /// The id has other characters than an id has
    #[response(status = 400)]
    Malformed(ErrorBody),
    /// No valid session
    #[response(status = 403)]
    Nobody(ErrorBody),
    /// No such instance, or not the caller's
    #[response(status = 404)]
    Stranger(ErrorBody),
    /// The store failed
    #[response(status = 500)]
    Failed(ErrorBody),
    /// The keys of the login that signed the token cannot be fetched
    #[response(status = 503)]
    NoKeys(ErrorBody),
}

impl RefusalPolicy for ForbiddenThenNotFound {
    fn nobody(refused: SessionRefused) -> ApiError {
        refused.as_forbidden()
    }

    fn stranger() -> ApiError {
        ApiError::NoInstance
    }
}

/// What the contract wants at `GET /api/instance/{userId}/token`.
#[derive(Debug, IntoResponses)]
pub enum AlwaysForbidden {
    /// The id has other characters than an id has
    #[response(status = 400)]
    Malformed(ErrorBody),
    /// No valid session, no such instance, or not the caller's
    #[response(status = 403)]
    NobodyOrStranger(ErrorBody),
    /// The store failed
    #[response(status = 500)]
    Failed(ErrorBody),
    /// The keys of the login that signed the token cannot be fetched
    #[response(status = 503)]
    NoKeys(ErrorBody),
}

impl RefusalPolicy for AlwaysForbidden {
    fn nobody(refused: SessionRefused) -> ApiError {
        refused.as_forbidden()
    }

    fn stranger() -> ApiError {
        ApiError::Forbidden
    }
}

/// A record with an owner.
pub trait OwnedRecord: Sized + Send {
    /// Where it is kept.
    type Store: Send + Sync;

    /// Reads the record of an instance.
    fn load(
        store: &Self::Store,
        id: &InstanceId,
    ) -> impl Future<Output = Result<Option<Self>, StoreError>> + Send;

    /// Whose it is.
    fn owner(&self) -> &UserId;
}

impl OwnedRecord for Instance {
    type Store = Instances;

    async fn load(store: &Instances, id: &InstanceId) -> Result<Option<Self>, StoreError> {
        store.get(id).await
    }

    fn owner(&self) -> &UserId {
        &self.owner
    }
}

impl OwnedRecord for Watched {
    type Store = AgentStates;

    async fn load(store: &AgentStates, id: &InstanceId) -> Result<Option<Self>, StoreError> {
        store.get(id).await
    }

    fn owner(&self) -> &UserId {
        &self.instance.owner
    }
}

/// The record of the instance that the path names in its first parameter, which
/// belongs to the session's user; anybody else is refused as `P` says. The
/// session is looked at first, then the path, then whatever else the endpoint
/// is asked, as `Q`: a request that is malformed costs no read of the record.
#[derive(Debug)]
pub struct OwnedInstance<P, Q = (), R = Instance> {
    /// The record.
    pub instance: R,
    /// What else the request asks.
    pub query: Q,
    policy: PhantomData<fn() -> P>,
}

impl<S, P, Q, R> FromRequestParts<S> for OwnedInstance<P, Q, R>
where
    S: Send + Sync,
    P: RefusalPolicy,
    Q: FromRequestParts<S, Rejection: Into<ApiError>> + Send,
    R: OwnedRecord,
    R::Store: FromRef<S>,
    Authenticator: FromRef<S>,
    SharedClock: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let session = Session::from_request_parts(parts, state).await;
        let Session { user } = session.map_err(P::nobody)?;
        let InstancePath(id) = InstancePath::from_request_parts(parts, state).await?;
        let query = Q::from_request_parts(parts, state).await;
        let query = query.map_err(Into::into)?;
        Ok(Self {
            instance: owned::<P, R>(&R::Store::from_ref(state), &id, &user).await?,
            query,
            policy: PhantomData,
        })
    }
}

/// The record of an instance that belongs to this user.
///
/// # Errors
/// When there is none, or it is somebody else's, as `P` says; or when the store
/// fails.
pub async fn owned<P: RefusalPolicy, R: OwnedRecord>(
    store: &R::Store,
    id: &InstanceId,
    user: &UserId,
) -> Result<R, ApiError> {
    let record = R::load(store, id).await?;
    record
        .filter(|record| record.owner() == user)
        .ok_or_else(P::stranger)
}
