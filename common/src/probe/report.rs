//! The result of one probe, in the contract's words.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Classification, Degradation, Endpoint, Observation, Observations, Process, Status, classify,
};
use crate::model::{ImageVersion, Instance, OpenclawVersion, Uptime};

/// The tolerated difference between the clocks of an agent and of this process.
pub(crate) const SKEW: Duration = Duration::from_secs(2);

/// What the probe found out about one agent.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// The agent's state.
    pub status: Status,
    /// Why it is not plainly running or healthy.
    pub reason: Option<String>,
    /// How the gateway's own process is.
    pub process: Process,
    /// What does not work of an agent that counts as up.
    pub degraded: Vec<Degradation>,
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

/// The contract's entry of `probeChecks` and `checks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProbeCheck)]
pub struct Check {
    /// The path that was asked.
    pub path: &'static str,
    /// Whether it responded with a 2xx status and nothing speaks against it: a page
    /// does, as OpenClaw's control page answers 200 to any path, and so does a body
    /// that denies it. `/api/status` also has to be a JSON object.
    pub ok: bool,
    /// The HTTP status, or null if the request failed before there was one.
    #[schema(required)]
    pub status: Option<u16>,
    /// Why it is not ok, or null.
    #[schema(required)]
    pub reason: Option<String>,
}

/// Where a reported version comes from. The contract falls back to the
/// platform's default, which need not be what the agent runs; this tells the
/// two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionSource {
    /// The agent's `/healthz` says so.
    Healthz,
    /// The agent's `/api/status` says so.
    ApiStatus,
    /// The agent's `/startupz` says so, which newer releases have.
    Startupz,
    /// The agent said so when it checked in, after its process began.
    CheckIn,
    /// The agent did not say; this is what the platform would start.
    Default,
}

impl ProbeReport {
    /// Sums up the answers.
    pub fn of(observations: &Observations) -> Self {
        let Observations {
            healthz,
            readyz,
            api_status,
            startup,
            ..
        } = observations;
        let Classification {
            status,
            reason,
            process,
            degraded,
        } = classify(observations);
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
            process,
            degraded,
            checks: [
                Check::of(Endpoint::Healthz, healthz),
                Check::of(Endpoint::Readyz, readyz),
                Check::of(Endpoint::ApiStatus, api_status),
            ],
            healthy: healthz.ok(),
            ready: readyz.ok(),
            // A plain gateway tells its uptime on `/readyz` and `/startupz` alone.
            uptime: uptime_of(healthz)
                .or_else(|| uptime_of(api_status))
                .or_else(|| uptime_of(readyz))
                .or_else(|| startup.as_ref()?.uptime),
            ffmpeg_available,
            ffmpeg_version: ffmpeg
                .filter(|_| ffmpeg_available)
                .and_then(|facts| facts.ffmpeg_version.clone()),
            version: version_of(healthz)
                .map(|version| (version, VersionSource::Healthz))
                .or_else(|| Some((version_of(api_status)?, VersionSource::ApiStatus)))
                .or_else(|| {
                    let version = startup.as_ref()?.version.clone();
                    Some((version?, VersionSource::Startupz))
                }),
        }
    }

    /// The names of what does not work, each once and in their order.
    pub fn degraded_names(&self) -> Vec<String> {
        let names = self.degraded.iter().map(|it| it.name().to_owned());
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The version that the agent tells, else the one that it told as it checked
    /// in, if that still holds, else the platform's default.
    pub fn version_of(
        &self,
        instance: &Instance,
        default: &ImageVersion,
        now: Timestamp,
    ) -> (ImageVersion, VersionSource) {
        if let Some((version, source)) = &self.version {
            return (version.clone().into(), *source);
        }
        let began = self.uptime.and_then(|uptime| {
            // The clocks of an agent and ours may be apart.
            let age = SignedDuration::try_from(uptime.duration() + SKEW).ok()?;
            now.checked_sub(age).ok()
        });
        match instance.checked_in_version(began) {
            Some(version) => (version.clone().into(), VersionSource::CheckIn),
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

    use super::super::Startup;
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
            startup: None,
            gateway: None,
        })
    }

    #[test]
    fn startupz_comes_before_a_check_in_and_that_before_the_default_unless_it_is_outdated() {
        let default = ImageVersion::normalize(Some("2026.4.11"));
        let at = |second| Timestamp::from_second(second).unwrap();
        // The version and the age in `/startupz`, when the agent checked in, and
        // when it was deployed; it is 1000 now.
        let rows = [
            (
                Some("2026.9.6"),
                None,
                Some(900),
                None,
                VersionSource::Startupz,
            ),
            (None, None, Some(900), None, VersionSource::CheckIn),
            (None, None, Some(900), Some(800), VersionSource::CheckIn),
            (None, None, Some(900), Some(950), VersionSource::Default),
            (None, Some(150), Some(900), None, VersionSource::CheckIn),
            (None, Some(50), Some(900), None, VersionSource::Default),
            (
                None,
                Some(101),
                Some(900),
                Some(800),
                VersionSource::CheckIn,
            ),
            (None, None, None, None, VersionSource::Default),
        ];
        for (version, age, checked_in, deployed, source) in rows {
            let age = age.map(|seconds| seconds * 1000);
            let body = json!({"status": "started", "version": version, "uptimeMs": age});
            let absent = Observations::all(|_| Observation::failed("not asked"));
            let report = ProbeReport::of(&Observations {
                startup: Startup::read(body.to_string().as_bytes()),
                ..absent
            });
            let agent = Instance {
                last_seen_at: checked_in.map(at),
                deployed_at: deployed.map(at),
                reported_version: checked_in.map(|_| "2026.8.2".parse().unwrap()),
                ..Instance::bare("a1")
            };
            let found = report.version_of(&agent, &default, at(1000));
            let expected = match source {
                VersionSource::Startupz => "2026.9.6",
                VersionSource::CheckIn => "2026.8.2",
                _ => "2026.4.11",
            };
            assert_eq!((found.0.to_string().as_str(), found.1), (expected, source));
        }
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
            let found = report.version_of(&Instance::bare("a1"), &default, Timestamp::UNIX_EPOCH);
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
