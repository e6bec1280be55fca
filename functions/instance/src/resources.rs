//! Figures of an agent that come from Railway, as far as they are available.

use std::time::Duration;

use common::clock::iso8601;
use common::model::{Instance, Usage};
use common::railway::{Lifecycle, Overview, ResolveError};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long Railway may take. The probe beside it takes five seconds at most,
/// and the figures are no reason to wait longer than for the health.
const LIMIT: Duration = Duration::from_secs(2);

/// Railway's figures of an agent's container; `None` for those that are not
/// available.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resources {
    pub(crate) usage: Option<Usage>,
    /// Its restarts and its last exit.
    pub(crate) lifecycle: Option<Lifecycle>,
}

/// How the previous container ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LastExit {
    /// When it ended; Railway does not report this for a container that was
    /// stopped.
    #[schema(required, format = DateTime)]
    at: Option<String>,
    reason: ExitReason,
}

/// Why a container ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExitReason {
    /// Its process crashed.
    Crashed,
    /// It was stopped or replaced.
    Stopped,
}

impl From<common::railway::LastExit> for LastExit {
    fn from(exit: common::railway::LastExit) -> Self {
        Self {
            at: exit.at.map(iso8601),
            reason: if exit.crashed {
                ExitReason::Crashed
            } else {
                ExitReason::Stopped
            },
        }
    }
}

/// Queries Railway for everything concurrently, with a short time limit. If
/// Railway fails, is slow or is not configured, the figures are missing, and
/// `telemetry` says so.
pub(crate) async fn of(overview: &Overview, instance: &Instance) -> Resources {
    let (fleet, metrics, history) = tokio::join!(
        in_time(overview.fleet()),
        in_time(overview.metrics()),
        in_time(overview.history()),
    );
    let fleet = fleet.as_ref();
    let Some(service) = fleet.and_then(|fleet| fleet.service_of(instance)) else {
        return Resources::default();
    };
    Resources {
        usage: metrics.and_then(|metrics| {
            let container = service.current()?;
            metrics.of(&service.id, container.since())
        }),
        lifecycle: history.and_then(|history| history.of(service)),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, ResolveError>>) -> Option<T> {
    match timeout(LIMIT, answer).await {
        Ok(Ok(answer)) => Some(answer),
        // The operator chose to have no Railway.
        Ok(Err(ResolveError::NotConfigured(_))) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "figures are left out");
            None
        }
        Err(_) => {
            tracing::warn!("figures are left out: Railway took too long");
            None
        }
    }
}
