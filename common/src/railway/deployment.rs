//! Deployments, and what their statuses mean.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::documents::{deployment_state, fleet, service_state};
use super::status::{DeploymentStatus, InstanceStatus};
use crate::model::Image;

/// Identifies a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeploymentId(String);

impl DeploymentId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DeploymentId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One deployment of a service, as Railway describes it at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub id: DeploymentId,
    pub state: DeploymentState,
    pub created_at: Timestamp,
    /// When its status last changed.
    pub status_updated_at: Option<Timestamp>,
    /// The image that it runs, if Railway reports one.
    pub image: Option<Image>,
    /// Whether it was stopped, which leaves its status unchanged.
    pub(super) stopped_silently: bool,
    /// Its instances with their statuses, which change when it restarts.
    pub(super) instances: Vec<(String, InstanceStatus)>,
}

impl Deployment {
    /// When its status last changed, or when it was created if Railway does not
    /// report that.
    pub fn since(&self) -> Timestamp {
        self.status_updated_at.unwrap_or(self.created_at)
    }

    /// For how long it has been in its state. `None` if it was stopped: Railway
    /// does not report when.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        // Railway's clock may be ahead of this one.
        let age = || Duration::try_from(now.duration_since(self.since())).unwrap_or_default();
        (!self.stopped_silently).then(age)
    }

    /// Whether its process is being restarted in the same container.
    pub fn is_restarting(&self) -> bool {
        let mut statuses = self.instances.iter().map(|(_, status)| status);
        self.state == DeploymentState::Starting
            && statuses.any(|status| *status == InstanceStatus::Restarting)
    }
}

/// What a deployment's status means to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentState {
    /// Starting or restarting.
    Starting,
    /// Up.
    Running,
    Stopping,
    /// Stopped on purpose.
    Stopped,
    /// Asleep: traffic wakes it, and the first request may get a 502.
    Sleeping,
    /// Its process ended by itself and is not started again.
    Crashed,
    /// It never came up.
    Failed,
    /// Waits for a person to approve it.
    AwaitingApproval,
    /// It changed nothing: the deployment before it counts.
    Skipped,
    /// A status that this version does not know.
    Unknown,
}

impl DeploymentState {
    /// The state that Railway's three facts mean together.
    ///
    /// `stopped` may already be true while a deployment starts, so it counts
    /// only together with `SUCCESS`.
    pub fn of(status: DeploymentStatus, stopped: bool, instances: &[InstanceStatus]) -> Self {
        let any = |wanted: &[InstanceStatus]| instances.iter().any(|it| wanted.contains(it));
        match status {
            DeploymentStatus::Queued
            | DeploymentStatus::Initializing
            | DeploymentStatus::Building
            | DeploymentStatus::Deploying
            | DeploymentStatus::Waiting => Self::Starting,
            DeploymentStatus::Success if stopped => {
                if any(&[InstanceStatus::Running]) {
                    Self::Stopping
                } else {
                    Self::Stopped
                }
            }
            // A restart leaves the deployment at SUCCESS.
            DeploymentStatus::Success
                if any(InstanceStatus::COMING) && !any(&[InstanceStatus::Running]) =>
            {
                Self::Starting
            }
            DeploymentStatus::Success => Self::Running,
            DeploymentStatus::Sleeping => Self::Sleeping,
            DeploymentStatus::Crashed => Self::Crashed,
            DeploymentStatus::Failed => Self::Failed,
            DeploymentStatus::Removing => Self::Stopping,
            DeploymentStatus::Removed => Self::Stopped,
            DeploymentStatus::NeedsApproval => Self::AwaitingApproval,
            DeploymentStatus::Skipped => Self::Skipped,
            DeploymentStatus::Unknown => Self::Unknown,
        }
    }

    /// Whether it will not change by itself.
    pub fn settled(self) -> bool {
        !matches!(self, Self::Starting | Self::Stopping | Self::Unknown)
    }
}

/// Each document has its own type for the same fragment.
macro_rules! from_fragment {
    ($($module:ident),*) => {$(
        impl From<$module::DeploymentFields> for Deployment {
            fn from(fields: $module::DeploymentFields) -> Self {
                let instances: Vec<_> = fields
                    .instances
                    .into_iter()
                    .map(|instance| (instance.id, instance.status))
                    .collect();
                let statuses: Vec<_> = instances.iter().map(|(_, status)| *status).collect();
                let image = fields
                    .meta
                    .as_ref()
                    .and_then(|meta| meta.get("image")?.as_str()?.parse().ok());
                Self {
                    id: DeploymentId(fields.id),
                    state: DeploymentState::of(
                        fields.status,
                        fields.deployment_stopped,
                        &statuses,
                    ),
                    created_at: fields.created_at,
                    status_updated_at: fields.status_updated_at,
                    stopped_silently: fields.deployment_stopped
                        && fields.status == DeploymentStatus::Success,
                    image,
                    instances,
                }
            }
        }
    )*};
}

from_fragment!(deployment_state, fleet, service_state);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_status_has_its_meaning() {
        use InstanceStatus as I;
        let rows: [(&str, bool, &[I], DeploymentState); 23] = [
            ("QUEUED", false, &[], DeploymentState::Starting),
            ("QUEUED", true, &[], DeploymentState::Starting),
            ("INITIALIZING", true, &[], DeploymentState::Starting),
            ("BUILDING", true, &[], DeploymentState::Starting),
            ("DEPLOYING", true, &[I::Created], DeploymentState::Starting),
            ("WAITING", true, &[], DeploymentState::Starting),
            ("SUCCESS", false, &[], DeploymentState::Running),
            ("SUCCESS", false, &[I::Running], DeploymentState::Running),
            (
                "SUCCESS",
                false,
                &[I::Running, I::Restarting],
                DeploymentState::Running,
            ),
            (
                "SUCCESS",
                false,
                &[I::Restarting],
                DeploymentState::Starting,
            ),
            ("SUCCESS", true, &[], DeploymentState::Stopped),
            ("SUCCESS", true, &[I::Exited], DeploymentState::Stopped),
            ("SUCCESS", true, &[I::Running], DeploymentState::Stopping),
            ("SLEEPING", false, &[], DeploymentState::Sleeping),
            ("SLEEPING", true, &[], DeploymentState::Sleeping),
            ("CRASHED", true, &[I::Crashed], DeploymentState::Crashed),
            ("FAILED", true, &[], DeploymentState::Failed),
            ("REMOVING", false, &[], DeploymentState::Stopping),
            ("REMOVED", true, &[], DeploymentState::Stopped),
            (
                "NEEDS_APPROVAL",
                false,
                &[],
                DeploymentState::AwaitingApproval,
            ),
            ("SKIPPED", false, &[], DeploymentState::Skipped),
            ("SUPERSEDED", false, &[], DeploymentState::Unknown),
            ("", false, &[I::Unknown], DeploymentState::Unknown),
        ];
        for (word, stopped, instances, state) in rows {
            let status = serde_json::from_value(json!(word)).unwrap();
            assert_eq!(
                DeploymentState::of(status, stopped, instances),
                state,
                "{word} {stopped} {instances:?}"
            );
        }
    }

    #[test]
    fn what_is_on_its_way_has_not_settled() {
        use DeploymentState as S;
        let settled = [
            S::Starting,
            S::Running,
            S::Stopping,
            S::Stopped,
            S::Sleeping,
            S::Crashed,
            S::Failed,
            S::AwaitingApproval,
            S::Skipped,
            S::Unknown,
        ]
        .map(|state| (state, state.settled()));
        assert_eq!(
            settled,
            [
                (S::Starting, false),
                (S::Running, true),
                (S::Stopping, false),
                (S::Stopped, true),
                (S::Sleeping, true),
                (S::Crashed, true),
                (S::Failed, true),
                (S::AwaitingApproval, true),
                (S::Skipped, true),
                (S::Unknown, false),
            ]
        );
    }

    #[test]
    fn words_and_facts_of_the_future_break_nothing() {
        let fields = serde_json::from_value::<service_state::DeploymentFields>(json!({
            "id": "d1",
            "status": "SUPERSEDED",
            "createdAt": "2026-04-11T08:00:00.000Z",
            "statusUpdatedAt": null,
            "deploymentStopped": false,
            "meta": ["not", "an", "object"],
            "instances": [{"id": "i1", "status": "HIBERNATING"}],
            "planet": "Earth",
        }))
        .unwrap();
        assert_eq!(
            Deployment::from(fields),
            Deployment {
                id: DeploymentId("d1".to_owned()),
                state: DeploymentState::Unknown,
                created_at: "2026-04-11T08:00:00Z".parse().unwrap(),
                status_updated_at: None,
                stopped_silently: false,
                image: None,
                instances: vec![("i1".to_owned(), InstanceStatus::Unknown)],
            }
        );
    }
}
