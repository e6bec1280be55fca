//! Resource usage of the simulated services, computed from a service's id and
//! the time alone, so that the same query has the same result.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ids::{ENVIRONMENT_ID, PROJECT_ID};
use super::model::{Project, Service};

/// The series that were asked for, of the services that run.
pub(super) fn series(project: &Project, arguments: &Value) -> Result<Value, String> {
    let is = |name: &str, id: &str| arguments.get(name).and_then(Value::as_str) == Some(id);
    if !is("projectId", PROJECT_ID) || !is("environmentId", ENVIRONMENT_ID) {
        return Err("Project not found".to_owned());
    }
    if arguments.get("groupBy") != Some(&json!(["SERVICE_ID"])) {
        return Err("the simulator groups by service and by nothing else".to_owned());
    }
    let start: Timestamp = arguments
        .get("startDate")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
        .ok_or("startDate must be a time")?;
    let rate = arguments
        .get("sampleRateSeconds")
        .and_then(Value::as_i64)
        .filter(|rate| *rate >= 30)
        .ok_or("sampleRateSeconds must be at least 30")?;
    let wanted = arguments.get("measurements").and_then(Value::as_array);
    let now = project.clock.now();
    let mut all = Vec::new();
    for (service, since) in project.running() {
        for measurement in wanted.into_iter().flatten().filter_map(Value::as_str) {
            let values: Vec<Value> = sample_times(start.max(since), now, rate)
                .filter_map(|ts| {
                    let value = value(measurement, service, ts, rate)?;
                    Some(json!({"ts": ts, "value": value}))
                })
                .collect();
            if !values.is_empty() {
                all.push(json!({
                    "measurement": measurement,
                    "tags": {"serviceId": service.id},
                    "values": values,
                }));
            }
        }
    }
    Ok(Value::Array(all))
}

/// The round times between two instants, in seconds since 1970, with the one
/// that the first instant lies in.
fn sample_times(from: Timestamp, to: Timestamp, rate: i64) -> impl Iterator<Item = i64> {
    let step = usize::try_from(rate).unwrap_or(usize::MAX);
    let first = from.as_second().div_euclid(rate) * rate;
    (first..=to.as_second()).step_by(step)
}

/// One sample; none of what a container without a volume lacks.
fn value(measurement: &str, service: &Service, ts: i64, rate: i64) -> Option<f64> {
    let character = f64::from(service.id.bytes().map(u32::from).sum::<u32>() % 16);
    // A slow wave, so that a graph of it looks like one.
    let wave = f64::from(u32::try_from(ts.div_euclid(rate).rem_euclid(8)).unwrap_or_default());
    match measurement {
        "CPU_USAGE" => Some((15.0 + character + wave) / 10_000.0),
        "MEMORY_USAGE_GB" => Some((128.0 + 4.0 * character + wave) / 1024.0),
        "MEMORY_LIMIT_GB" => Some(2.0),
        "NETWORK_RX_GB" => Some((12.0 + character + wave) / 1e7),
        "NETWORK_TX_GB" => Some((34.0 + character + wave) / 1e7),
        "DISK_USAGE_GB" if service.has_volume => Some(0.5),
        _ => None,
    }
}
