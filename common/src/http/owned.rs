//! Loads the instance that a path names, for its owner only.

use std::future::Future;
use std::marker::PhantomData;

use ::http::request::Parts;
use axum::extract::{FromRef, FromRequestParts};
use utoipa::IntoResponses;

use super::{
    ApiError, Authenticator, ErrorBody, InstancePath, NoQuery, Session, SessionRefused,
    note_instance,
};
use crate::clock::SharedClock;
use crate::model::{Instance, InstanceId, UserId};
use crate::store::{AgentStates, Instances, StoreError, Watched};

/// How callers are refused who do not own the instance, as the contract says
/// for the endpoint. Its types also describe the responses for OpenAPI.
pub trait RefusalPolicy {
    /// The error for a caller without a session.
    fn nobody(refused: SessionRefused) -> ApiError;

    /// The error for a user who does not own the instance, whether it exists or
    /// not.
    fn stranger() -> ApiError;
}

/// 401 without a session, 403 for anybody but the owner: most endpoints.
#[derive(Debug, IntoResponses)]
pub enum UnauthorizedThenForbidden {
    /// The id contains characters that are not allowed
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

/// 403 without a session, 404 for anybody but the owner: the contract's `GET
/// /api/instance/{userId}`.
#[derive(Debug, IntoResponses)]
pub enum ForbiddenThenNotFound {
    /// The id contains characters that are not allowed
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

/// 403 for everybody but the owner: the contract's `GET
/// /api/instance/{userId}/token`.
#[derive(Debug, IntoResponses)]
pub enum AlwaysForbidden {
    /// The id contains characters that are not allowed
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
    /// The store that it is loaded from.
    type Store: Send + Sync;

    fn load(
        store: &Self::Store,
        id: &InstanceId,
    ) -> impl Future<Output = Result<Option<Self>, StoreError>> + Send;

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

/// The record of the instance that the path names in its first parameter, if it
/// belongs to the session's user; any other caller is refused as `P` says. The
/// session is checked first, then the path, then the rest of the request as
/// `Q`, so that a malformed request costs no read of the record.
#[derive(Debug)]
pub struct OwnedInstance<P, Q = NoQuery, R = Instance> {
    pub instance: R,
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

/// Loads the record of an instance that belongs to this user.
///
/// # Errors
/// As `P` says when there is none, or it belongs to another user; and when the
/// store fails.
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

/// Loads the agent of a user, for endpoints whose paths name none.
///
/// # Errors
/// 404 when the user has none, and when the store fails.
pub async fn own_agent(instances: &Instances, user: &UserId) -> Result<Instance, ApiError> {
    let instance = instances.of_owner(user).await?;
    let instance = instance.ok_or(ApiError::NoAgent)?;
    note_instance(&instance.id);
    Ok(instance)
}
