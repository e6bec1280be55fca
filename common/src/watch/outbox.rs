//! Which transitions of an agent need an alert.

use jiff::Timestamp;

use super::{Condition, Transition};

/// An agent's alerts: the one that is pending, and the last failure that was
/// announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertOutbox {
    /// A transition whose alert may not have been delivered yet.
    pub pending: Option<PendingAlert>,
    /// The sweep that found the failure which was announced last; `None` once
    /// the recovery was.
    pub alerted: Option<Timestamp>,
}

/// An alert that is not delivered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingAlert {
    /// The sweep that found the transition, which identifies it.
    pub transition: Timestamp,
    /// The sweep that claimed the delivery last.
    pub claimed_by: Timestamp,
}

impl Transition {
    /// Whether there is an alert: when an agent goes down or is degraded, when
    /// one that was up waits to be configured, and when it is well again after
    /// a failure that was announced or should have been. Agents that are
    /// stopped on purpose, asleep or starting cause none, and neither does a
    /// degradation that is over in part.
    pub fn needs_alert(&self, outbox: &AlertOutbox) -> bool {
        match self.to {
            Condition::Down => true,
            Condition::Setup => self.from == Some(Condition::Up),
            Condition::Up if !self.is_recovery() => {
                self.has_new_cause() || outbox.pending.is_some()
            }
            Condition::Up => outbox.alerted.is_some() || outbox.pending.is_some(),
            Condition::Starting | Condition::Stopped | Condition::Sleeping => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_news_and_its_end_is_if_anybody_knows_of_it() {
        let sweep: Timestamp = "2026-04-04T03:10:00Z".parse().unwrap();
        let nothing = AlertOutbox::default();
        let alerted = AlertOutbox {
            alerted: Some(sweep),
            ..nothing
        };
        let pending = AlertOutbox {
            pending: Some(PendingAlert {
                transition: sweep,
                claimed_by: sweep,
            }),
            ..nothing
        };
        use Condition::{Down, Setup, Sleeping, Starting, Stopped, Up};
        let transition = |from, to| Transition {
            from,
            from_since: None,
            to,
            since: sweep,
            scheduled_at: sweep,
            trouble: None,
            degraded: Vec::new(),
            degraded_from: Vec::new(),
        };
        for (from, to, outbox, expected) in [
            (Some(Up), Down, nothing, true),
            (Some(Starting), Down, nothing, true),
            (Some(Up), Setup, nothing, true),
            (None, Setup, nothing, false),
            (Some(Starting), Setup, nothing, false),
            (Some(Down), Setup, alerted, false),
            (Some(Down), Up, nothing, false),
            (Some(Down), Up, alerted, true),
            (Some(Down), Up, pending, true),
            // It was down, was deployed again, and came up.
            (Some(Starting), Up, alerted, true),
            (Some(Starting), Up, nothing, false),
            (None, Up, nothing, false),
            (Some(Up), Stopped, nothing, false),
            (Some(Down), Stopped, alerted, false),
            (Some(Up), Sleeping, nothing, false),
            (Some(Down), Starting, alerted, false),
        ] {
            let found = transition(from, to).needs_alert(&outbox);
            assert_eq!(found, expected, "{from:?} {to:?} {outbox:?}");
        }
        for (before, after, outbox, expected) in [
            ("", "telegram", nothing, true),
            ("telegram", "discord telegram", alerted, true),
            ("discord telegram", "telegram", alerted, false),
            // Nobody knows of it yet.
            ("discord telegram", "telegram", pending, true),
            ("telegram", "", alerted, true),
            ("telegram", "", pending, true),
            ("telegram", "", nothing, false),
        ] {
            let causes = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            let changed = Transition {
                degraded: causes(after),
                degraded_from: causes(before),
                ..transition(Some(Up), Up)
            };
            let found = changed.needs_alert(&outbox);
            assert_eq!(found, expected, "{before:?} {after:?} {outbox:?}");
        }
    }
}
