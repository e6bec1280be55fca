//! Operations on an instance, and their outcomes.

pub(crate) mod list;
pub(crate) mod show;

use common::clock::iso8601;
use common::http::ApiError;
use common::model::{Control, Failure, FailureKind, Operation, OperationId, OperationState};
use serde::Serialize;
use utoipa::ToSchema;

/// One operation on an instance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationView {
    operation_id: String,
    instance_id: String,
    control: Control,
    status: OperationStatus,
    /// The user who requested it, or `self-healing`.
    requested_by: String,
    #[schema(format = DateTime)]
    started_at: String,
    /// When its outcome became known.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
    /// The Railway service that it acted on.
    #[schema(required)]
    service_id: Option<String>,
    /// The Railway deployment that it created or acted on.
    #[schema(required)]
    deployment_id: Option<String>,
    /// The image that it pinned.
    #[schema(required)]
    image: Option<String>,
    /// What went wrong.
    #[schema(required)]
    error: Option<String>,
    /// The step that failed.
    #[schema(required)]
    failure: Option<FailureKind>,
}

/// The progress of an operation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OperationStatus {
    /// Its request is being processed.
    Running,
    /// Railway has accepted it; the agent is not ready yet.
    Accepted,
    /// The deployment has settled and the agent is ready.
    Succeeded,
    Failed,
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        let (status, failure) = match operation.state {
            OperationState::Running => (OperationStatus::Running, None),
            OperationState::Accepted => (OperationStatus::Accepted, None),
            OperationState::Succeeded => (OperationStatus::Succeeded, None),
            OperationState::Failed(failure) => (OperationStatus::Failed, Some(failure)),
        };
        let (failure, error) = failure
            .map(|Failure { kind, reason }| (kind, reason))
            .unzip();
        Self {
            operation_id: operation.id.to_string(),
            instance_id: operation.instance.to_string(),
            control: operation.control,
            status,
            requested_by: operation.requested_by.to_string(),
            started_at: iso8601(operation.started_at),
            finished_at: operation.finished_at.map(iso8601),
            service_id: operation.service_id,
            deployment_id: operation.deployment_id,
            image: operation.image.map(|image| image.to_string()),
            error,
            failure,
        }
    }
}

fn operation_id(name: &str, text: &str) -> Result<OperationId, ApiError> {
    text.parse()
        .map_err(|error| ApiError::BadRequest(format!("{name} {error}")))
}
