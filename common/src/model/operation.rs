//! Operations on agents.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Image, InstanceId, UserId};

/// An action on an agent, requested by its owner or by self-healing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Deploy the service.
    Start,
    /// Stop its deployment.
    Stop,
    /// Restart its process.
    Restart,
    /// Write its variables anew and deploy.
    Repair,
    /// Delete what the agent remembers, and restart.
    ResetMemory,
    /// Deploy the platform's current image.
    Update,
    /// Write its variables anew and deploy the platform's current image.
    FactoryReset,
    /// Give it another gateway token, and deploy.
    RotateToken,
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Repair => "repair",
            Self::ResetMemory => "reset-memory",
            Self::Update => "update",
            Self::FactoryReset => "factory-reset",
            Self::RotateToken => "rotate-token",
        })
    }
}

/// Names an operation. Ids sort by the time they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(Uuid);

impl OperationId {
    /// A new id of this instant.
    pub fn new(now: Timestamp) -> Self {
        let seconds = now.as_second().unsigned_abs();
        let nanos = now.subsec_nanosecond().unsigned_abs();
        let instant = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        Self(Uuid::new_v7(instant))
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of an operation, such as 01961d2c-7b00-7000-8000-000000000000")]
pub struct InvalidOperationId;

impl FromStr for OperationId {
    type Err = InvalidOperationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Only the one spelling that we write: an id is also a key.
        Uuid::try_parse(text)
            .ok()
            .map(Self)
            .filter(|id| id.to_string() == text)
            .ok_or(InvalidOperationId)
    }
}

/// One control, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// The agent that it was done to.
    pub instance: InstanceId,
    pub control: Control,
    /// Who wanted it: a user, or self-healing.
    pub requested_by: UserId,
    /// When it began.
    pub started_at: Timestamp,
    /// When its outcome became known.
    pub finished_at: Option<Timestamp>,
    /// How far it got.
    pub state: OperationState,
    /// The Railway service it was done to, once that was located.
    pub service_id: Option<String>,
    /// The Railway deployment that it created or acted on.
    pub deployment_id: Option<String>,
    /// The image that it pinned.
    pub image: Option<Image>,
}

/// The progress of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// Its request is being processed.
    Running,
    /// Railway has accepted it; the agent is not ready yet.
    Accepted,
    /// The deployment has settled and the agent is ready.
    Succeeded,
    Failed(Failure),
}

/// How an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// At which step.
    pub kind: FailureKind,
    /// What went wrong, and what is allowed.
    pub reason: String,
}

/// The step at which an operation failed. The first two were returned to the
/// caller as errors; the third was found out after a successful answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The agent's service could not be located; nothing was done.
    NotLocated,
    /// It was located, and the control failed.
    NotDone,
    /// Railway took it, and the agent did not come to the state it asked for.
    NotSettled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_are_read_back() {
        let at = |seconds| OperationId::new(Timestamp::from_second(seconds).unwrap());
        let (earlier, later) = (at(1_775_272_200), at(1_775_272_201));
        assert!(earlier.to_string() < later.to_string());
        assert_eq!(earlier.to_string().parse(), Ok(earlier));
    }

    #[test]
    fn other_spellings_of_an_id_are_refused() {
        let id = "01961d2c-7b00-7000-8000-00000000000a";
        assert!(id.parse::<OperationId>().is_ok());
        for text in [
            "",
            "x",
            &id.to_uppercase(),
            &id.replace('-', ""),
            &format!("{{{id}}}"),
        ] {
            assert_eq!(
                text.parse::<OperationId>(),
                Err(InvalidOperationId),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_control_is_written_as_it_is_shown() {
        for control in [
            Control::Start,
            Control::Stop,
            Control::Restart,
            Control::Repair,
            Control::ResetMemory,
            Control::Update,
            Control::FactoryReset,
            Control::RotateToken,
        ] {
            let written = serde_json::to_value(control).unwrap();
            assert_eq!(written, control.to_string());
        }
    }
}
