//! The deployments of the last days: how often an agent got a new container,
//! and how the one before ended.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::client::Railway;
use super::documents::{History as HistoryQuery, history};
use super::error::ResolveError;
use super::{DeploymentState, DeploymentStatus, FleetService};

/// How far back deployments count.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The most pages that are read. A longer history is marked as incomplete.
const MAX_PAGES: usize = 4;

/// The deployments of all services in the last seven days.
#[derive(Clone, Debug, Default)]
pub struct History {
    by_service: HashMap<String, Vec<Past>>,
    since: Timestamp,
    complete: bool,
}

#[derive(Clone, Copy, Debug)]
struct Past {
    state: DeploymentState,
    created_at: Timestamp,
    /// When its status changed last; none where it was stopped, at which the
    /// status stays as it was.
    changed_at: Option<Timestamp>,
}

/// Restarts and last exit of an agent, from its deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// How often the agent's container was replaced in the last seven days.
    pub restarts: usize,
    /// The container that ended last, of those made in this time.
    pub last_exit: Option<LastExit>,
}

/// How a container ended. Railway reports no exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastExit {
    /// `None` if Railway does not report it.
    pub at: Option<Timestamp>,
    /// Whether its process crashed.
    pub crashed: bool,
}

impl History {
    /// The restarts and last exit of the agent in this service; `None` if the
    /// environment has more deployments than were read.
    pub fn of(&self, service: &FleetService) -> Option<Lifecycle> {
        if !self.complete {
            return None;
        }
        let past = self.by_service.get(&service.id).map_or(&[][..], |it| it);
        // What failed or changed nothing never had a container.
        let containers = past.iter().filter(|it| {
            !matches!(
                it.state,
                DeploymentState::Failed
                    | DeploymentState::Skipped
                    | DeploymentState::AwaitingApproval
                    | DeploymentState::Starting
                    | DeploymentState::Unknown
            )
        });
        let recent = containers.filter(|it| it.created_at >= self.since).count();
        // The first container replaced none.
        let first = usize::from(service.created_at >= self.since);
        let latest = service.latest.as_ref().map(|it| Past {
            state: it.state,
            created_at: it.created_at,
            changed_at: (!it.stopped_silently).then(|| it.since()),
        });
        let last_exit = past
            .iter()
            .copied()
            // It may have been made before all that is listed here.
            .chain(latest)
            .filter(|it| {
                matches!(
                    it.state,
                    DeploymentState::Crashed | DeploymentState::Stopped
                )
            })
            .max_by_key(|it| it.created_at)
            .map(|it| LastExit {
                at: it.changed_at,
                crashed: it.state == DeploymentState::Crashed,
            });
        let restarts = recent.saturating_sub(first);
        Some(Lifecycle {
            restarts,
            last_exit,
        })
    }
}

impl Railway {
    /// Lists the deployments of all services in the last seven days, the newest
    /// first, as far as a few pages reach.
    ///
    /// # Errors
    /// When a variable is not set, or a page fails.
    pub async fn history(&self, now: Timestamp) -> Result<History, ResolveError> {
        let access = self.access.clone()?;
        let deadline = self.deadline();
        let mut found = History {
            since: now - WINDOW,
            ..History::default()
        };
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let variables = history::Variables {
                project_id: access.project_id.clone(),
                environment_id: access.environment_id.clone(),
                first: i64::from(self.limits.page),
                after,
            };
            let answer = self
                .read::<HistoryQuery>(&access, variables, deadline)
                .await?;
            let page = answer.data.deployments;
            let mut reached_back = false;
            for deployment in page.edges.into_iter().map(|edge| edge.node) {
                reached_back |= deployment.created_at < found.since;
                let Some(service) = deployment.service_id else {
                    continue;
                };
                let (status, stopped) = (deployment.status, deployment.deployment_stopped);
                let created_at = deployment.created_at;
                let changed_at = deployment.status_updated_at.unwrap_or(created_at);
                let silently = stopped && status == DeploymentStatus::Success;
                let past = Past {
                    state: DeploymentState::of(status, stopped, &[]),
                    created_at,
                    changed_at: (!silently).then_some(changed_at),
                };
                found.by_service.entry(service).or_default().push(past);
            }
            after = page.page_info.end_cursor;
            if reached_back || !page.page_info.has_next_page || after.is_none() {
                found.complete = true;
                break;
            }
        }
        Ok(found)
    }
}
