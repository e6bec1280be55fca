//! What `/startupz` says of the process itself. Releases before 2026.8 do not
//! have it, and answer with the control page or a 404.

use serde_json::Value;

use super::Facts;
use crate::model::{OpenclawVersion, Uptime};

/// What a gateway says of its own process.
#[derive(Clone, Debug, PartialEq)]
pub struct Startup {
    /// How far the process is.
    pub phase: Phase,
    /// Its release; through a proxy it is told to nobody without the token.
    pub version: Option<OpenclawVersion>,
    /// Time since its start; told as the version is.
    pub uptime: Option<Uptime>,
}

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is not up yet.
    Starting,
    /// It is up, whatever its channels do.
    Started,
    /// It finishes its work, and ends then.
    Draining,
}

impl Startup {
    /// Reads a response of any status; `None` if it is not that of `/startupz`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let phase = match body.get("status")?.as_str()? {
            "starting" => Phase::Starting,
            "started" => Phase::Started,
            "draining" => Phase::Draining,
            _ => return None,
        };
        let Facts {
            version, uptime, ..
        } = Facts::of(&body);
        Some(Self {
            phase,
            version,
            uptime,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_real_gateways_are_read_and_no_others() {
        let rows = [
            (
                r#"{"ok":true,"status":"started","version":"2026.9.6","uptimeMs":2000}"#,
                Some((Phase::Started, Some("2026.9.6"), Some("2s"))),
            ),
            (
                r#"{"ok":true,"status":"started"}"#,
                Some((Phase::Started, None, None)),
            ),
            (
                r#"{"ok":false,"status":"starting"}"#,
                Some((Phase::Starting, None, None)),
            ),
            (
                r#"{"ok":false,"status":"draining","version":"<b>","uptimeMs":-1}"#,
                Some((Phase::Draining, None, None)),
            ),
            ("<!doctype html>", None),
            ("Not Found", None),
            ("", None),
            (r#"{"ok":true,"status":"live"}"#, None),
            (r#"{"error":{"type":"proxy_attribution_required"}}"#, None),
        ];
        for (body, expected) in rows {
            let found = Startup::read(body.as_bytes()).map(|it| {
                let version = it.version.map(|version| version.to_string());
                (it.phase, version, it.uptime.map(|it| it.to_string()))
            });
            let expected = expected.map(|(phase, version, uptime)| {
                (phase, version.map(str::to_owned), uptime.map(str::to_owned))
            });
            assert_eq!(found, expected, "{body}");
        }
    }
}
