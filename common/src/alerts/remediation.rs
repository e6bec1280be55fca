//! The alert about an agent that self-healing has given up.

use super::{Alert, Severity};
use crate::clock::iso8601;
use crate::model::{InstanceId, UserId};
use crate::watch::{Attempt, GiveUpReason, GivenUp, RemediationState};

/// The alert lists what was tried. Its key is the agent and the sweep that gave
/// up.
pub fn of_remediation(
    instance: &InstanceId,
    owner: &UserId,
    remediation: &RemediationState,
    end: &GivenUp,
) -> Alert {
    let (title, mut text) = match end.reason {
        GiveUpReason::Exhausted => (
            "Agent beyond self-healing",
            format!("{} It is still down.", tried(&remediation.attempts)),
        ),
        GiveUpReason::CrashLoop => {
            let times: Vec<_> = remediation.crashes.iter().copied().map(iso8601).collect();
            let times = times.join(", ");
            let crashes = format!("Its process ended by itself at {times}.");
            let tried = if remediation.attempts.is_empty() {
                String::new()
            } else {
                format!(" {}", tried(&remediation.attempts))
            };
            ("Agent in a crash loop", crashes + &tried)
        }
    };
    text.push_str(&format!(" Nothing more is tried. Owner: {owner}."));
    Alert {
        severity: Severity::Critical,
        title: title.to_owned(),
        text,
        instance: Some(instance.clone()),
        time: end.at,
        dedup_key: format!("{instance}@{}:healing", end.at),
    }
}

fn tried(attempts: &[Attempt]) -> String {
    let one = |it: &Attempt| {
        let failure = it.failure.as_ref();
        let failure = failure.map(|failure| format!(", which failed: {failure}"));
        let failure = failure.unwrap_or_default();
        format!("{} at {}{failure}", it.step, iso8601(it.at))
    };
    let all: Vec<_> = attempts.iter().map(one).collect();
    format!("Tried: {}.", all.join("; "))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::watch::Step;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-04-04T03:10:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minute)
    }

    #[test]
    fn an_alert_says_what_was_tried() {
        let restart = Attempt {
            step: Step::Restart,
            at: at(5),
            failure: Some("Railway is down".to_owned()),
        };
        let repair = Attempt {
            step: Step::Repair,
            at: at(10),
            failure: None,
        };
        let both = "Tried: restart at 2026-04-04T03:15:00.000Z, which failed: Railway is down; \
                    repair at 2026-04-04T03:20:00.000Z.";
        let crashes = "Its process ended by itself at 2026-04-04T03:13:00.000Z, \
                       2026-04-04T03:15:00.000Z.";
        let rest = "Nothing more is tried. Owner: owner.";
        for (reason, attempts, title, text) in [
            (
                GiveUpReason::Exhausted,
                vec![restart.clone(), repair.clone()],
                "Agent beyond self-healing",
                format!("{both} It is still down. {rest}"),
            ),
            (
                GiveUpReason::CrashLoop,
                vec![],
                "Agent in a crash loop",
                format!("{crashes} {rest}"),
            ),
            (
                GiveUpReason::CrashLoop,
                vec![restart, repair],
                "Agent in a crash loop",
                format!("{crashes} {both} {rest}"),
            ),
        ] {
            let end = GivenUp {
                reason,
                at: at(15),
                pending: None,
            };
            let remediation = RemediationState {
                crashes: vec![at(3), at(5)],
                attempts,
                ..RemediationState::default()
            };
            let (instance, owner) = ("abc123".parse().unwrap(), "owner".parse().unwrap());
            let alert = of_remediation(&instance, &owner, &remediation, &end);
            let expected = Alert {
                severity: Severity::Critical,
                title: title.to_owned(),
                text,
                instance: Some(instance),
                time: at(15),
                dedup_key: "abc123@2026-04-04T03:25:00Z:healing".to_owned(),
            };
            assert_eq!(alert, expected);
        }
    }
}
