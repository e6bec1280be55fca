//! How an agent's gateway is, in the spec's three words.

use common::probe::{ProbeReport, Status};
use serde::Serialize;
use utoipa::ToSchema;

/// The result of a gateway's health check.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct GatewayHealth {
    /// Always `OpenClaw Gateway`.
    #[schema(example = "OpenClaw Gateway")]
    name: &'static str,
    pub(crate) status: GatewayStatus,
    /// `ok`, or what is wrong.
    #[schema(example = "ok")]
    pub(crate) detail: String,
}

/// How a gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GatewayStatus {
    /// It is up, and nothing speaks against it.
    Ok,
    /// The agent answers, and its gateway is not plainly up.
    Degraded,
    /// The gateway does not run, or nothing answers.
    Down,
}

impl GatewayHealth {
    pub(crate) fn of(report: ProbeReport) -> Self {
        let status = match report.status {
            Status::Running | Status::Healthy if report.reason.is_none() => GatewayStatus::Ok,
            Status::Stopped | Status::Unreachable => GatewayStatus::Down,
            Status::Running
            | Status::Healthy
            | Status::Starting
            | Status::Setup
            | Status::Unknown => GatewayStatus::Degraded,
        };
        Self {
            name: "OpenClaw Gateway",
            status,
            detail: match status {
                GatewayStatus::Ok => "ok".to_owned(),
                _ => report
                    .reason
                    .unwrap_or_else(|| "the agent does not say why".to_owned()),
            },
        }
    }
}
