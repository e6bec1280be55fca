//! The result of one probe, in the spec's words.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Classification, Endpoint, Observation, Observations, Status, classify};
use crate::model::{ImageVersion, OpenclawVersion, Uptime};

/// What the probe found out about one agent.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// The agent's state.
    pub status: Status,
    /// Why it is not plainly running or healthy.
    pub reason: Option<String>,
    /// Of `/healthz`, `/readyz` and `/api/status`, in this order.
    pub checks: [Check; 3],
    /// Whether `/healthz` responds successfully.
    pub healthy: bool,
    /// Whether `/readyz` responds successfully.
    pub ready: bool,
    /// Time since the agent's start, from the first path that tells it.
    pub uptime: Option<Uptime>,
    /// Whether the agent reports that it has ffmpeg.
    pub ffmpeg_available: bool,
    /// What its ffmpeg calls itself; never without ffmpeg.
    pub ffmpeg_version: Option<String>,
    version: Option<(OpenclawVersion, VersionSource)>,
}

/// The spec's entry of `probeChecks` and `checks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProbeCheck)]
pub struct Check {
    /// The path that was asked.
    pub path: &'static str,
    /// Whether it responded with a 2xx status and with the JSON that belongs
    /// there: OpenClaw's control page answers 200 to any path.
    pub ok: bool,
    /// The HTTP status, or null if the request failed before there was one.
    #[schema(required)]
    pub status: Option<u16>,
    /// Why it is not ok, or null.
    #[schema(required)]
    pub reason: Option<String>,
}

/// Where a reported version comes from. The spec falls back to the platform's
/// default, which says nothing of what really runs; this tells the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionSource {
    /// The agent's `/healthz` says so.
    Healthz,
    /// The agent's `/api/status` says so.
    ApiStatus,
    /// The agent did not say; this is what the platform would start.
    Default,
}

impl ProbeReport {
    /// Sums up three answers.
    pub fn of(observations: &Observations) -> Self {
        let Observations {
            healthz,
            readyz,
            api_status,
        } = observations;
        let Classification { status, reason } = classify(observations);
        let version_of = |observation: &Observation| observation.facts()?.version.clone();
        let uptime_of = |observation: &Observation| observation.facts()?.uptime;
        let ffmpeg = [api_status, healthz]
            .into_iter()
            .filter_map(Observation::facts)
            .find(|facts| facts.ffmpeg_available.is_some());
        let ffmpeg_available = ffmpeg.is_some_and(|facts| facts.ffmpeg_available == Some(true));
        Self {
            status,
            reason,
            checks: [
                Check::of(Endpoint::Healthz, healthz),
                Check::of(Endpoint::Readyz, readyz),
                Check::of(Endpoint::ApiStatus, api_status),
            ],
            healthy: healthz.ok(),
            ready: readyz.ok(),
            // A plain gateway tells its uptime on `/readyz` alone.
            uptime: uptime_of(healthz)
                .or_else(|| uptime_of(api_status))
                .or_else(|| uptime_of(readyz)),
            ffmpeg_available,
            ffmpeg_version: ffmpeg
                .filter(|_| ffmpeg_available)
                .and_then(|facts| facts.ffmpeg_version.clone()),
            version: version_of(healthz)
                .map(|version| (version, VersionSource::Healthz))
                .or_else(|| Some((version_of(api_status)?, VersionSource::ApiStatus))),
        }
    }

    /// The version that the agent reports, else the platform's default.
    pub fn version_or(&self, default: &ImageVersion) -> (ImageVersion, VersionSource) {
        match &self.version {
            Some((version, source)) => (version.clone().into(), *source),
            None => (default.clone(), VersionSource::Default),
        }
    }
}

impl Check {
    fn of(endpoint: Endpoint, observation: &Observation) -> Self {
        Self {
            path: endpoint.path(),
            ok: observation.ok(),
            status: observation.status,
            reason: observation.outcome.as_ref().err().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn good(endpoint: Endpoint, body: Value) -> Observation {
        let body = body.to_string();
        Observation::answered(endpoint, 200, Some("application/json"), body.as_bytes())
    }

    fn report(healthz: Value, readyz: Value, api_status: Value) -> ProbeReport {
        ProbeReport::of(&Observations {
            healthz: good(Endpoint::Healthz, healthz),
            readyz: good(Endpoint::Readyz, readyz),
            api_status: good(Endpoint::ApiStatus, api_status),
        })
    }

    #[test]
    fn the_version_comes_from_healthz_then_api_status_then_the_default() {
        let default = ImageVersion::normalize(Some("2026.9.9"));
        let rows = [
            (
                json!("2026.1.1"),
                json!("2026.2.2"),
                "2026.1.1",
                VersionSource::Healthz,
            ),
            (
                json!(null),
                json!("2026.2.2"),
                "2026.2.2",
                VersionSource::ApiStatus,
            ),
            (
                json!("latest"),
                json!("v2026.2.2"),
                "2026.2.2",
                VersionSource::ApiStatus,
            ),
            (json!(null), json!(null), "2026.9.9", VersionSource::Default),
            (
                json!("latest"),
                json!(""),
                "2026.9.9",
                VersionSource::Default,
            ),
        ];
        for (healthz, api_status, version, source) in rows {
            let report = report(
                json!({"version": healthz}),
                json!({}),
                json!({"version": api_status}),
            );
            let found = report.version_or(&default);
            assert_eq!((found.0.to_string().as_str(), found.1), (version, source));
        }
    }

    #[test]
    fn the_uptime_comes_from_healthz_then_api_status_then_readyz() {
        let rows = [
            (
                json!({"uptime": 1}),
                json!({"uptime": 2}),
                json!({"uptimeMs": 3000}),
                Some("1s"),
            ),
            (
                json!({}),
                json!({"uptime": 2}),
                json!({"uptimeMs": 3000}),
                Some("2s"),
            ),
            (json!({}), json!({}), json!({"uptimeMs": 3000}), Some("3s")),
            (json!({}), json!({}), json!({}), None),
        ];
        for (healthz, api_status, readyz, uptime) in rows {
            let report = report(healthz, readyz, api_status);
            let found = report.uptime.map(|uptime| uptime.to_string());
            assert_eq!(found.as_deref(), uptime);
        }
    }

    #[test]
    fn the_ffmpeg_version_is_never_told_without_ffmpeg() {
        let ffmpeg = |available: Value| json!({"runtime": {"ffmpeg": {"available": available, "version": "6.1"}}});
        let with = report(json!({}), json!({}), ffmpeg(json!(true)));
        assert_eq!(
            (with.ffmpeg_available, with.ffmpeg_version.as_deref()),
            (true, Some("6.1"))
        );
        for without in [json!(false), json!(null)] {
            let report = report(json!({}), json!({}), ffmpeg(without));
            assert_eq!(
                (report.ffmpeg_available, report.ffmpeg_version),
                (false, None)
            );
        }
    }
}
