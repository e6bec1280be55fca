//! What the controls of an instance share: who may order one, and the response.

use ::http::request::Parts;
use axum::extract::{FromRef, FromRequestParts};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::{
    Authenticator, ControlsSwitch, InstancePath, LifecycleError, LifecycleErrorBody, NoQuery,
    Session, UnauthorizedThenForbidden, idempotency_key, owned,
};
use crate::clock::SharedClock;
use crate::control::{Controls, Order};
use crate::model::Operation;

/// An order of the instance's owner. The switch is checked first, then the
/// session, then the path.
#[derive(Debug)]
pub struct OwnerOrder(pub Order);

impl<S> FromRequestParts<S> for OwnerOrder
where
    S: Send + Sync,
    ControlsSwitch: FromRef<S>,
    Authenticator: FromRef<S>,
    SharedClock: FromRef<S>,
    Controls: FromRef<S>,
{
    type Rejection = LifecycleError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        ControlsSwitch::from_ref(state).check()?;
        let Session { user } = Session::from_request_parts(parts, state).await?;
        let InstancePath(id) = InstancePath::from_request_parts(parts, state).await?;
        NoQuery::from_request_parts(parts, state).await?;
        let key = idempotency_key(&parts.headers, &user)?;
        let instances = Controls::from_ref(state).instances;
        let instance = owned::<UnauthorizedThenForbidden, _>(&instances, &id, &user).await?;
        Ok(Self(Order {
            instance,
            user,
            key,
        }))
    }
}

/// How an order can be refused, for the OpenAPI description of all controls:
/// the responses of [`LifecycleError`].
#[derive(Debug, IntoResponses)]
pub enum Refusal {
    /// The id or the idempotency key contains characters that are not allowed, or there is a query
    #[response(status = 400)]
    Malformed(LifecycleErrorBody),
    /// No valid session
    #[response(status = 401)]
    Nobody(LifecycleErrorBody),
    /// No such instance, or not the caller's, or a page that may not write with the user's cookie
    #[response(status = 403)]
    Stranger(LifecycleErrorBody),
    /// Another control is running
    #[response(status = 409)]
    Busy(LifecycleErrorBody),
    /// The key was used for another control
    #[response(status = 422)]
    KeyReused(LifecycleErrorBody),
    /// Railway or the store failed
    #[response(status = 500)]
    NotDone(LifecycleErrorBody),
    /// Controls are disabled, the service cannot be located, or a login's keys cannot be fetched
    #[response(status = 503)]
    NotLocated(LifecycleErrorBody),
}

/// The control that Railway has accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Controlled {
    /// Always true.
    success: bool,
    /// What is happening now, in the contract's word for this control.
    #[schema(example = "starting")]
    status: &'static str,
    /// `GET …/operations/{operationId}` shows its outcome.
    operation_id: String,
}

impl Controlled {
    /// The response for an operation, with the contract's word for its control.
    pub fn new(status: &'static str, operation: &Operation) -> Self {
        Self {
            success: true,
            status,
            operation_id: operation.id.to_string(),
        }
    }
}
