//! The container of an agent, in the words of `docker ps`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::{DeploymentState, FleetService};
use crate::model::human_duration;

/// What an agent's container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// It is up.
    Running,
    /// It is on its way up, and nothing runs beside it.
    Starting,
    /// Its process is about to come back.
    Restarting,
    /// It is on its way down.
    Stopping,
    /// It is down, because somebody wanted it.
    Stopped,
    /// It is asleep, and traffic wakes it.
    Sleeping,
    /// Its process ended by itself.
    Crashed,
    /// It never came up.
    Failed,
    /// It waits for a person's approval.
    AwaitingApproval,
    /// There is a service, and nothing was ever deployed.
    Undeployed,
    /// There is no service.
    Missing,
    /// Railway says something that this version does not know.
    Unknown,
}

impl ContainerState {
    /// All of them, by their words.
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
    /// Docker adds a process's exit code. Railway tells none, so that there is
    /// none here, and a crash is told apart by its name. Docker has no word for
    /// what is not there, and none for waiting.
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
