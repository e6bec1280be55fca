//! The fields that are kept of an agent's response.

use serde_json::Value;

use crate::model::{OpenclawVersion, Uptime};

/// What is kept of a good answer. A field of another type than expected counts
/// as absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// A concrete release; floating and malformed ones count as absent.
    pub version: Option<OpenclawVersion>,
    /// Time since the agent's start.
    pub uptime: Option<Uptime>,
    /// Whether the agent has ffmpeg.
    pub ffmpeg_available: Option<bool>,
    /// What its ffmpeg calls itself.
    pub ffmpeg_version: Option<String>,
    /// The wrapper's word for the gateway process.
    pub state: Option<String>,
    /// Whether the wrapper's gateway process runs.
    pub running: Option<bool>,
    /// Whether the wrapper has been set up.
    pub configured: Option<bool>,
    /// Whether the wrapper reaches its gateway.
    pub gateway_reachable: Option<bool>,
}

impl Facts {
    pub(super) fn of(body: &Value) -> Self {
        // Wrappers have put ffmpeg at the top and under `runtime`.
        let ffmpeg = |field: &str| {
            [body.get("runtime"), Some(body)]
                .into_iter()
                .find_map(|at| at?.get("ffmpeg")?.get(field))
        };
        Self {
            version: body
                .get("version")
                .and_then(|version| version.as_str()?.parse().ok()),
            uptime: body
                .get("uptime")
                .and_then(Uptime::from_reported)
                .or_else(|| Uptime::from_milliseconds(body.get("uptimeMs")?)),
            ffmpeg_available: ffmpeg("available").and_then(Value::as_bool),
            ffmpeg_version: ffmpeg("version")
                .and_then(Value::as_str)
                .filter(|text| is_short_line(text))
                .map(str::to_owned),
            state: body
                .get("state")
                .and_then(|state| word(state.as_str()?))
                .map(str::to_owned),
            running: body.get("running").and_then(Value::as_bool),
            configured: body.get("configured").and_then(Value::as_bool),
            gateway_reachable: body
                .get("gateway")
                .and_then(|gateway| gateway.get("reachable")?.as_bool()),
        }
    }
}

/// A short word of an agent that may be repeated to a person, or nothing: an
/// agent could put anything there.
pub(super) fn word(text: &str) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+".contains(&byte);
    ((1..=48).contains(&text.len()) && text.bytes().all(allowed)).then_some(text)
}

fn is_short_line(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.contains(char::is_control)
}
