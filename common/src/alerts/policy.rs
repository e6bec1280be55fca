//! Which alerts are sent about transitions and incidents, and what they say.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{Alert, Severity};
use crate::clock::iso8601;
use crate::model::MaintenanceWindow;
use crate::watch::{Announcement, Condition, Incident};

/// What decides about an alert besides its transition.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'s> {
    /// The last incident of the fleet, open or closed.
    pub incident: Option<&'s Incident>,
    pub windows: &'s [MaintenanceWindow],
    /// The deduplication keys of alerts that were sent already.
    pub sent_keys: &'s HashSet<String>,
    pub now: Timestamp,
}

/// What is done about the alert of a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    Send(Alert),
    AlreadySent,
    /// The incident's own alert covers it.
    InIncident,
    /// It is sent when the maintenance window or the incident is over, unless
    /// the agent has recovered by then.
    Postponed,
    /// A recovery in a maintenance window is not announced.
    Suppressed,
}

/// Decides about each announcement, all of which need an alert.
pub fn plan(announcements: &[Announcement], situation: &Situation<'_>) -> Vec<Plan> {
    let plan = |announcement| plan_one(announcement, situation);
    announcements.iter().map(plan).collect()
}

fn plan_one(announcement: &Announcement, situation: &Situation<'_>) -> Plan {
    let Announcement {
        instance,
        transition,
        ..
    } = announcement;
    let alert = of_agent(announcement);
    if situation.sent_keys.contains(&alert.dedup_key) {
        return Plan::AlreadySent;
    }
    let over = transition.is_recovery();
    let incident = situation.incident;
    if transition.is_degradation() {
        // No part of the incident, and perhaps a consequence of it.
        if incident.is_some_and(Incident::is_open) {
            return Plan::Postponed;
        }
    } else if !over && incident.is_some_and(|it| it.covers(transition.scheduled_at)) {
        return Plan::InIncident;
    }
    let mut windows = situation.windows.iter();
    match windows.any(|window| window.silences(Some(instance), situation.now)) {
        true if over => Plan::Suppressed,
        true => Plan::Postponed,
        false => Plan::Send(alert),
    }
}

/// The alert of a transition. Its key is the agent and the sweep that found the
/// transition: an agent has one transition per sweep at most.
fn of_agent(announcement: &Announcement) -> Alert {
    let Announcement {
        instance,
        owner,
        transition,
    } = announcement;
    let since = iso8601(transition.since);
    let (severity, title, what) = match (transition.to, transition.from) {
        (Condition::Down, Some(Condition::Up)) => (Severity::Critical, "Agent down", "Down"),
        (Condition::Down, _) => (Severity::Critical, "Agent did not come up", "Down"),
        (Condition::Setup, _) => (
            Severity::Warning,
            "Agent without configuration",
            "It was up, and waits to be configured",
        ),
        (_, Some(Condition::Up)) if transition.is_recovery() => (
            Severity::Info,
            "Agent no longer degraded",
            "All of it works",
        ),
        (_, Some(Condition::Up)) => (Severity::Warning, "Agent degraded", "Degraded"),
        _ if transition.is_recovery() => (Severity::Info, "Agent up again", "Up"),
        _ => (Severity::Warning, "Agent up, and degraded", "Up"),
    };
    let mut text = format!("{what} since {since}. Owner: {owner}.");
    if let Some(trouble) = &transition.trouble {
        text = format!("{}. {text}", trouble.reason);
    }
    for (what, causes) in [
        ("What does not work", &transition.degraded),
        ("Before that", &transition.degraded_from),
    ] {
        if transition.to == Condition::Up && !causes.is_empty() {
            text.push_str(&format!(" {what}: {}.", causes.join(", ")));
        }
    }
    if let (Some(Condition::Down), Some(before)) = (transition.from, transition.from_since) {
        text.push_str(&format!(" It was down since {}.", iso8601(before)));
    }
    Alert {
        severity,
        title: title.to_owned(),
        text,
        instance: Some(instance.clone()),
        time: transition.scheduled_at,
        dedup_key: format!("{instance}@{}", transition.scheduled_at),
    }
}

/// The alert of an incident that was opened or closed. `down` is how many of
/// its agents the sweep that closed it still found down.
pub fn of_incident(incident: &Incident, down: u32) -> Alert {
    let Incident {
        opened,
        since,
        closed,
        went_down,
        expected_up,
        ..
    } = incident;
    let since = iso8601(*since);
    match closed {
        None => Alert {
            severity: Severity::Critical,
            title: "A large part of the fleet is down".to_owned(),
            text: format!(
                "{went_down} of {expected_up} agents that a sweep checked went down since {since}. \
                 Single agents cause no alerts while this incident is open."
            ),
            instance: None,
            time: *opened,
            dedup_key: format!("fleet@{opened}"),
        },
        Some(closed) => Alert {
            severity: Severity::Info,
            title: "The fleet is up again".to_owned(),
            text: format!(
                "The incident that began at {since} is over. Of its agents that the last sweep \
                 checked, {down} are still down."
            ),
            instance: None,
            time: *closed,
            dedup_key: format!("fleet@{opened}:over"),
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::watch::{Symptom, Transition, Trouble};

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-04-04T03:10:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minute)
    }

    fn announcement(from: Condition, to: Condition) -> Announcement {
        let trouble = (to == Condition::Down).then(|| Trouble {
            symptom: Symptom::Unreachable,
            reason: "No probe succeeded".to_owned(),
        });
        Announcement {
            instance: "abc123".parse().unwrap(),
            owner: "owner".parse().unwrap(),
            transition: Transition {
                from: Some(from),
                from_since: Some(at(-60)),
                to,
                since: at(-2),
                scheduled_at: at(0),
                trouble,
                degraded: Vec::new(),
                degraded_from: Vec::new(),
            },
        }
    }

    fn window(instance: Option<&str>) -> MaintenanceWindow {
        MaintenanceWindow {
            id: "window".parse().unwrap(),
            from: at(-5),
            until: at(5),
            instance: instance.map(|id| id.parse().unwrap()),
        }
    }

    fn incident(opened: i64, closed: Option<i64>) -> Incident {
        Incident {
            opened: at(opened),
            since: at(opened - 2),
            extended: at(opened),
            closed: closed.map(at),
            went_down: 60,
            expected_up: 100,
        }
    }

    #[test]
    fn incidents_windows_and_what_is_known_keep_an_alert_back() {
        let none = HashSet::new();
        let sent = HashSet::from(["abc123@2026-04-04T03:10:00Z".to_owned()]);
        let (down, up) = (Condition::Down, Condition::Up);
        type Row<'r> = (
            Condition,
            Option<Incident>,
            Vec<MaintenanceWindow>,
            &'r HashSet<String>,
            Option<Plan>,
        );
        let rows: [Row<'_>; 12] = [
            (down, None, vec![], &none, None),
            (up, None, vec![], &none, None),
            (down, None, vec![], &sent, Some(Plan::AlreadySent)),
            (
                down,
                Some(incident(-3, None)),
                vec![],
                &none,
                Some(Plan::InIncident),
            ),
            (
                down,
                Some(incident(-9, Some(0))),
                vec![],
                &none,
                Some(Plan::InIncident),
            ),
            (down, Some(incident(-9, Some(-1))), vec![], &none, None),
            (up, Some(incident(-3, None)), vec![], &none, None),
            (down, None, vec![window(None)], &none, Some(Plan::Postponed)),
            (
                down,
                None,
                vec![window(Some("abc123"))],
                &none,
                Some(Plan::Postponed),
            ),
            (down, None, vec![window(Some("other"))], &none, None),
            (
                up,
                None,
                vec![window(Some("other")), window(None)],
                &none,
                Some(Plan::Suppressed),
            ),
            (
                down,
                Some(incident(0, None)),
                vec![window(None)],
                &none,
                Some(Plan::InIncident),
            ),
        ];
        for (to, incident, windows, sent_keys, expected) in rows {
            let from = if to == up { down } else { up };
            let announcement = announcement(from, to);
            let situation = Situation {
                incident: incident.as_ref(),
                windows: &windows,
                sent_keys,
                now: at(1),
            };
            let expected = expected.unwrap_or_else(|| Plan::Send(of_agent(&announcement)));
            let found = plan(&[announcement], &situation);
            assert_eq!(found, [expected], "{situation:?}");
        }
    }

    #[test]
    fn an_alert_says_what_changed_since_when_and_why() {
        for (from, to, severity, title, text) in [
            (
                Condition::Up,
                Condition::Down,
                Severity::Critical,
                "Agent down",
                "No probe succeeded. Down since 2026-04-04T03:08:00.000Z. Owner: owner.",
            ),
            (
                Condition::Starting,
                Condition::Down,
                Severity::Critical,
                "Agent did not come up",
                "No probe succeeded. Down since 2026-04-04T03:08:00.000Z. Owner: owner.",
            ),
            (
                Condition::Up,
                Condition::Setup,
                Severity::Warning,
                "Agent without configuration",
                "It was up, and waits to be configured since 2026-04-04T03:08:00.000Z. \
                 Owner: owner.",
            ),
            (
                Condition::Down,
                Condition::Up,
                Severity::Info,
                "Agent up again",
                "Up since 2026-04-04T03:08:00.000Z. Owner: owner. It was down since \
                 2026-04-04T02:10:00.000Z.",
            ),
        ] {
            let alert = of_agent(&announcement(from, to));
            let told = (alert.severity, alert.title.as_str(), alert.text.as_str());
            assert_eq!(told, (severity, title, text));
            assert_eq!(alert.dedup_key, "abc123@2026-04-04T03:10:00Z");
        }
    }

    /// An agent of which something else does not work.
    fn degradation(from: Condition, before: &[&str], after: &[&str]) -> Announcement {
        let causes = |causes: &[&str]| causes.iter().map(|&it| it.to_owned()).collect();
        let mut changed = announcement(from, Condition::Up);
        changed.transition.degraded = causes(after);
        changed.transition.degraded_from = causes(before);
        changed
    }

    #[test]
    fn a_degradation_waits_for_the_end_of_an_incident_or_a_window() {
        let none = HashSet::new();
        let begins = degradation(Condition::Up, &[], &["telegram"]);
        let ends = degradation(Condition::Up, &["telegram"], &[]);
        let rows = [
            (&begins, None, vec![], None),
            (
                &begins,
                Some(incident(-3, None)),
                vec![],
                Some(Plan::Postponed),
            ),
            (&begins, Some(incident(-3, Some(1))), vec![], None),
            (&begins, None, vec![window(None)], Some(Plan::Postponed)),
            (&ends, Some(incident(-3, None)), vec![], None),
            (&ends, None, vec![window(None)], Some(Plan::Suppressed)),
        ];
        for (announcement, incident, windows, expected) in rows {
            let situation = Situation {
                incident: incident.as_ref(),
                windows: &windows,
                sent_keys: &none,
                now: at(1),
            };
            let expected = expected.unwrap_or_else(|| Plan::Send(of_agent(announcement)));
            assert_eq!(
                plan_one(announcement, &situation),
                expected,
                "{situation:?}"
            );
        }
    }

    #[test]
    fn an_alert_names_what_does_not_work() {
        let since = "since 2026-04-04T03:08:00.000Z. Owner: owner.";
        for (announcement, severity, title, text) in [
            (
                degradation(Condition::Up, &["discord"], &["discord", "telegram"]),
                Severity::Warning,
                "Agent degraded",
                format!(
                    "Degraded {since} What does not work: discord, telegram. Before \
                     that: discord."
                ),
            ),
            (
                degradation(Condition::Up, &["telegram"], &[]),
                Severity::Info,
                "Agent no longer degraded",
                format!("All of it works {since} Before that: telegram."),
            ),
            (
                degradation(Condition::Starting, &[], &["telegram"]),
                Severity::Warning,
                "Agent up, and degraded",
                format!("Up {since} What does not work: telegram."),
            ),
        ] {
            let alert = of_agent(&announcement);
            let told = (alert.severity, alert.title.as_str(), alert.text);
            assert_eq!(told, (severity, title, text));
        }
    }
}
