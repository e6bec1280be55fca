//! The container of an agent, in the words of `docker ps`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::{DeploymentState, FleetService};
use crate::model::human_duration;

/// The state of an agent's container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    Running,
    /// It is starting, and no other container runs.
    Starting,
    /// Its process is being restarted.
    Restarting,
    Stopping,
    /// It was stopped on purpose.
    Stopped,
    /// Railway has put it to sleep; traffic wakes it.
    Sleeping,
    /// Its process crashed.
    Crashed,
    /// It never came up.
    Failed,
    /// It waits for a person's approval.
    AwaitingApproval,
    /// There is a service, but nothing was ever deployed.
    Undeployed,
    /// There is no service.
    Missing,
    /// Railway reports a status that this version does not know.
    Unknown,
}

impl ContainerState {
    /// All states, with their words.
    const ALL: [(Self, &'static str); 12] = [
        (Self::Running, "running"),
        (Self::Starting, "starting"),
        (Self::Restarting, "restarting"),
        (Self::Stopping, "stopping"),
        (Self::Stopped, "stopped"),
        (Self::Sleeping, "sleeping"),
        (Self::Crashed, "crashed"),
        (Self::Failed, "failed"),
        (Self::AwaitingApproval, "awaiting-approval"),
        (Self::Undeployed, "undeployed"),
        (Self::Missing, "missing"),
        (Self::Unknown, "unknown"),
    ];

    /// The state of the container in a service, or of one without a service.
    pub fn of(service: Option<&FleetService>) -> Self {
        let Some(service) = service else {
            return Self::Missing;
        };
        let Some(deployment) = service.current() else {
            return Self::Undeployed;
        };
        match deployment.state {
            DeploymentState::Starting if deployment.is_restarting() => Self::Restarting,
            DeploymentState::Starting => Self::Starting,
            DeploymentState::Running => Self::Running,
            DeploymentState::Stopping => Self::Stopping,
            DeploymentState::Stopped => Self::Stopped,
            DeploymentState::Sleeping => Self::Sleeping,
            DeploymentState::Crashed => Self::Crashed,
            DeploymentState::Failed => Self::Failed,
            DeploymentState::AwaitingApproval => Self::AwaitingApproval,
            DeploymentState::Skipped => Self::Undeployed,
            DeploymentState::Unknown => Self::Unknown,
        }
    }

    /// Whether nothing runs that could use anything.
    pub fn is_down(self) -> bool {
        matches!(
            self,
            Self::Stopped | Self::Sleeping | Self::Crashed | Self::Failed | Self::Undeployed
        )
    }

    /// The state for so long, where that is known, as `docker ps` puts it.
    ///
    /// Docker adds a process's exit code. Railway reports none, so there is
    /// none here, and a crash has a word of its own. Docker has no word for a
    /// missing container, or for one that waits for approval.
    pub fn in_dockers_words(self, age: Option<Duration>) -> String {
        let age = age.map(human_duration);
        let ago = age.as_deref().map(|age| format!("{age} ago"));
        let (word, time) = match self {
            Self::Running => ("Up", age),
            Self::Starting => ("Created", None),
            Self::Restarting => ("Restarting", ago),
            Self::Stopping => ("Removal In Progress", None),
            Self::Stopped => ("Exited", ago),
            Self::Sleeping => ("Paused", ago),
            Self::Crashed => ("Exited (crashed)", ago),
            Self::Failed => ("Dead", None),
            Self::AwaitingApproval => ("Created (awaiting approval)", None),
            Self::Undeployed => ("Not deployed", None),
            Self::Missing => ("Not found", None),
            Self::Unknown => ("Unknown", None),
        };
        time.map_or_else(|| word.to_owned(), |time| format!("{word} {time}"))
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::ALL.iter().find(|(state, _)| state == self);
        f.write_str(known.map_or("unknown", |(_, word)| word))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", ContainerState::ALL.map(|(_, word)| word).join(", "))]
pub struct InvalidContainerState;

impl FromStr for ContainerState {
    type Err = InvalidContainerState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|(_, word)| *word == text);
        known.map(|(state, _)| state).ok_or(InvalidContainerState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_word_and_dockers_words() {
        let rows = [
            ("running", "Up 2 days"),
            ("starting", "Created"),
            ("restarting", "Restarting 2 days ago"),
            ("stopping", "Removal In Progress"),
            ("stopped", "Exited 2 days ago"),
            ("sleeping", "Paused 2 days ago"),
            ("crashed", "Exited (crashed) 2 days ago"),
            ("failed", "Dead"),
            ("awaiting-approval", "Created (awaiting approval)"),
            ("undeployed", "Not deployed"),
            ("missing", "Not found"),
            ("unknown", "Unknown"),
        ];
        assert_eq!(rows.len(), ContainerState::ALL.len());
        for (word, words) in rows {
            let state: ContainerState = word.parse().unwrap();
            assert_eq!(state.to_string(), word);
            assert_eq!(serde_json::to_value(state).unwrap(), word);
            let age = Duration::from_secs(2 * 24 * 60 * 60);
            assert_eq!(state.in_dockers_words(Some(age)), words);
        }
        assert_eq!(ContainerState::Stopped.in_dockers_words(None), "Exited");
    }

    #[test]
    fn another_word_is_refused_with_those_that_there_are() {
        assert_eq!(
            "Up".parse::<ContainerState>().unwrap_err().to_string(),
            "must be one of running, starting, restarting, stopping, stopped, sleeping, crashed, \
             failed, awaiting-approval, undeployed, missing, unknown"
        );
    }
}
