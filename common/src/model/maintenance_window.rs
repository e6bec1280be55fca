//! Maintenance windows: periods without alerts.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::InstanceId;

/// The name of a maintenance window: 1 to 64 ASCII letters, digits, hyphens and
/// underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowId(String);

impl WindowId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 letters, digits, hyphens or underscores")]
pub struct InvalidWindowId;

impl FromStr for WindowId {
    type Err = InvalidWindowId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The rule of an instance's id.
        let id = text.parse::<InstanceId>().map_err(|_| InvalidWindowId)?;
        Ok(Self(id.to_string()))
    }
}

/// A time in which somebody works on an agent, or on all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Its name.
    pub id: WindowId,
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, which is after its beginning.
    pub until: Timestamp,
    /// The agent; none, and it is for the whole fleet.
    pub instance: Option<InstanceId>,
}

impl MaintenanceWindow {
    /// Whether alerts of an agent, or of the whole fleet, are held back.
    pub fn silences(&self, instance: Option<&InstanceId>, at: Timestamp) -> bool {
        let concerned = self.instance.is_none() || self.instance.as_ref() == instance;
        concerned && (self.from..self.until).contains(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_for_its_agent_or_for_all_and_ends_with_its_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (a, b): (InstanceId, InstanceId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let of_all = MaintenanceWindow {
            id: "w".parse().unwrap(),
            from: at("2026-04-04T03:00:00Z"),
            until: at("2026-04-04T04:00:00Z"),
            instance: None,
        };
        let of_a = MaintenanceWindow {
            instance: Some(a.clone()),
            ..of_all.clone()
        };
        for (window, instance, time, silent) in [
            (&of_all, Some(&a), "2026-04-04T03:00:00Z", true),
            (&of_all, None, "2026-04-04T03:59:59Z", true),
            (&of_all, None, "2026-04-04T04:00:00Z", false),
            (&of_all, Some(&a), "2026-04-04T02:59:59Z", false),
            (&of_a, Some(&a), "2026-04-04T03:30:00Z", true),
            (&of_a, Some(&b), "2026-04-04T03:30:00Z", false),
            (&of_a, None, "2026-04-04T03:30:00Z", false),
        ] {
            assert_eq!(
                window.silences(instance, at(time)),
                silent,
                "{window:?} {instance:?} {time}"
            );
        }
    }
}
