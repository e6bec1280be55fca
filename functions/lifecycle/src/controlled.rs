//! What the six controls have in common: who may give an order, and how it is
//! answered.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use common::control::Order;
use common::http::{
    ApiError, ControlsSwitch, InstancePath, LifecycleError, Session, idempotency_key,
};
use common::model::Operation;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// An order of the instance's owner. The switch is looked at first, then the
/// session, then the path.
pub(crate) struct OwnerOrder(pub(crate) Order);

impl FromRequestParts<State> for OwnerOrder {
    type Rejection = LifecycleError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        ControlsSwitch::from_ref(state).check()?;
        let Session { user } = Session::from_request_parts(parts, state).await?;
        let InstancePath(id) = InstancePath::from_request_parts(parts, state).await?;
        let key = idempotency_key(&parts.headers, &user)?;
        let instance = state
            .controls
            .instances
            .get(&id)
            .await?
            .filter(|instance| instance.owner == user)
            .ok_or(ApiError::Forbidden)?;
        Ok(Self(Order {
            instance,
            user,
            key,
        }))
    }
}

/// Railway has taken the order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Controlled {
    /// Always true.
    success: bool,
    /// What is happening now, in the spec's word for this control.
    #[schema(example = "starting")]
    status: &'static str,
    /// Where to ask what became of it: `GET …/operations/{operationId}`.
    operation_id: String,
}

impl Controlled {
    pub(crate) fn new(status: &'static str, operation: &Operation) -> Self {
        Self {
            success: true,
            status,
            operation_id: operation.id.to_string(),
        }
    }
}
