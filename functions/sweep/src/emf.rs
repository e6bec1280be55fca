//! A run's metrics for CloudWatch: one line of JSON in the embedded metric
//! format, which CloudWatch turns into metrics when it ingests the log.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::Summary;

const NAMESPACE: &str = "OpenclawMaintenance";

/// Writes the line to stdout, as the log is.
pub(crate) fn to_stdout(summary: &Summary) {
    if let Err(error) = writeln!(io::stdout(), "{}", line(summary)) {
        tracing::error!(%error, "the metrics are not written");
    }
}

/// Summed over a minute, the counts of segments add up to those of the fleet.
/// What was not measured is left out.
fn line(summary: &Summary) -> Value {
    let conditions = &summary.conditions;
    let count = |number: u32| ("Count", Some(u64::from(number)));
    let millis = |number: Option<u32>| ("Milliseconds", number.map(u64::from));
    let figures = [
        ("AgentsUp", count(conditions.up)),
        ("AgentsStarting", count(conditions.starting)),
        ("AgentsDown", count(conditions.down)),
        ("AgentsSetup", count(conditions.setup)),
        ("AgentsStopped", count(conditions.stopped)),
        ("AgentsSleeping", count(conditions.sleeping)),
        ("AgentsDegraded", count(summary.degraded)),
        ("AgentsNotReached", count(summary.not_reached)),
        ("DamagedRecords", count(summary.unreadable)),
        ("Probes", count(summary.probed)),
        ("Transitions", count(summary.transitions)),
        ("StoreErrors", count(summary.store_errors)),
        ("AlertsSent", count(summary.alerts_sent)),
        ("AlertsFailed", count(summary.alerts_failed)),
        ("HealingRestarts", count(summary.healing_restarts)),
        ("HealingRepairs", count(summary.healing_repairs)),
        ("HealingFailed", count(summary.healing_failed)),
        ("HealingGivenUp", count(summary.healing_given_up)),
        ("CrashLoops", count(summary.crash_loops)),
        ("ProbeLatencyP50", millis(summary.p50_ms)),
        ("ProbeLatencyP95", millis(summary.p95_ms)),
        ("ProbeLatencyP99", millis(summary.p99_ms)),
        ("SweepDuration", ("Milliseconds", Some(summary.duration_ms))),
    ];
    let mut line = Map::new();
    let mut metrics = Vec::with_capacity(figures.len());
    for (name, (unit, value)) in figures {
        if let Some(value) = value {
            metrics.push(json!({"Name": name, "Unit": unit}));
            line.insert(name.to_owned(), value.into());
        }
    }
    let directive = json!({
        "Timestamp": summary.scheduled_at.as_millisecond(),
        "CloudWatchMetrics": [
            {"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics},
        ],
    });
    line.insert("_aws".to_owned(), directive);
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ListingState;

    #[test]
    fn a_line_has_every_figure_that_it_declares_and_no_other() {
        let sweep = "2026-04-04T03:10:00Z".parse().unwrap();
        let mut summary = Summary::new(sweep, 0, 1, ListingState::Listed);
        summary.conditions.down = 3;
        summary.p50_ms = Some(12);
        let line = line(&summary);
        assert_eq!(line["_aws"]["Timestamp"], 1_775_272_200_000_u64);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "OpenclawMaintenance");
        assert_eq!(directive["Dimensions"], json!([[]]));
        let declared = directive["Metrics"].as_array().unwrap();
        let mut names: Vec<_> = declared
            .iter()
            .map(|it| it["Name"].as_str().unwrap())
            .collect();
        names.push("_aws");
        names.sort_unstable();
        let mut there: Vec<_> = line.as_object().unwrap().keys().collect();
        there.sort_unstable();
        assert_eq!(there, names);
        assert_eq!(
            (&line["AgentsDown"], &line["ProbeLatencyP50"]),
            (&json!(3), &json!(12))
        );
        // No probe, no latency.
        assert_eq!(line.get("ProbeLatencyP99"), None);
        assert!(!line.to_string().contains('\n'));
    }
}
