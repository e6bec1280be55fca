//! The health of an agent's gateway, as one of the contract's three values.

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
    /// `ok`, or a description of the problem.
    #[schema(example = "ok")]
    pub(crate) detail: String,
}

/// The health of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GatewayStatus {
    /// It is up, and no probe found a problem.
    Ok,
    /// The agent answers, but its gateway is not fully up.
    Degraded,
    /// The gateway does not run, or the agent does not answer.
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
