//! `GET /api/openclaw/metrics`.

use common::config::{ALERT_FLEET_MIN, ALERT_FLEET_SHARE, SELF_HEALING};
use local::agents::Behaviour;
use serde_json::{Value, json};
use tests::World;

use crate::sweep::self_healing::{behave, sweeps, world_of};

const METRICS: &str = "/api/openclaw/metrics";

/// The lines of a good answer that are about a metric.
async fn lines_of(world: &World, metric: &str) -> Vec<String> {
    let answer = world.platform().get(METRICS).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let text = answer.body.as_str().unwrap().to_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let of = lines.filter(|line| line.starts_with(&format!("openclaw_{metric}")));
    of.map(|line| line.trim_start_matches("openclaw_").to_owned())
        .collect()
}

#[tokio::test]
async fn the_fleet_is_told_as_the_last_sweep_saw_it() {
    let world = World::start().await;
    world.wake_the_hanging();
    for _ in 0..2 {
        world.sweep().await;
    }
    let broken = json!({"instanceId": "broken", "ownerId": "owner", "openclawUrl": "nowhere"});
    world.records.put_instance(&broken).await;
    world.deploy("unseen", "owner", "http://127.0.0.1:9").await;
    world.railway().clear_log();
    let answer = world.platform().get(METRICS).await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    let of_the_fleet = "\
# HELP openclaw_agents Agents in each condition
# TYPE openclaw_agents gauge
openclaw_agents{condition=\"up\"} 3.0
openclaw_agents{condition=\"starting\"} 3.0
openclaw_agents{condition=\"down\"} 0.0
openclaw_agents{condition=\"setup\"} 1.0
openclaw_agents{condition=\"stopped\"} 0.0
openclaw_agents{condition=\"sleeping\"} 0.0
openclaw_agents{condition=\"unseen\"} 1.0
# HELP openclaw_damaged_records Records of instances that cannot be read
# TYPE openclaw_damaged_records gauge
openclaw_damaged_records 1.0
# HELP openclaw_incident_open Whether a large part of the fleet is down
# TYPE openclaw_incident_open gauge
openclaw_incident_open 0.0
# HELP openclaw_last_sweep_timestamp_seconds The time of the newest sweep that has begun
# TYPE openclaw_last_sweep_timestamp_seconds gauge
# UNIT openclaw_last_sweep_timestamp_seconds seconds
openclaw_last_sweep_timestamp_seconds 1775272320.0
";
    let of_agents = "\
# HELP openclaw_agent_up Whether an agent is up that should be
# TYPE openclaw_agent_up gauge
openclaw_agent_up{agent=\"demo-hanging\"} 1.0
openclaw_agent_up{agent=\"demo-legacy\"} 1.0
openclaw_agent_up{agent=\"demo-running\"} 1.0
openclaw_agent_up{agent=\"demo-starting\"} 0.0
openclaw_agent_up{agent=\"demo-stopped\"} 0.0
openclaw_agent_up{agent=\"demo-unreachable\"} 0.0
# HELP openclaw_agent_condition The condition that an agent is in
# TYPE openclaw_agent_condition gauge
openclaw_agent_condition{agent=\"demo-hanging\",condition=\"up\"} 1.0
openclaw_agent_condition{agent=\"demo-legacy\",condition=\"up\"} 1.0
openclaw_agent_condition{agent=\"demo-running\",condition=\"up\"} 1.0
openclaw_agent_condition{agent=\"demo-setup\",condition=\"setup\"} 1.0
openclaw_agent_condition{agent=\"demo-starting\",condition=\"starting\"} 1.0
openclaw_agent_condition{agent=\"demo-stopped\",condition=\"starting\"} 1.0
openclaw_agent_condition{agent=\"demo-unreachable\",condition=\"starting\"} 1.0
openclaw_agent_condition{agent=\"unseen\",condition=\"unseen\"} 1.0
# HELP openclaw_agent_condition_since_timestamp_seconds Since when an agent is in its condition
# TYPE openclaw_agent_condition_since_timestamp_seconds gauge
# UNIT openclaw_agent_condition_since_timestamp_seconds seconds
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-hanging\"} 1775272260.0
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-legacy\"} 1775272260.0
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-running\"} 1775272260.0
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-setup\"} 1775272260.0
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-starting\"} 1775272260.0
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-stopped\"} 1775272260.0
openclaw_agent_condition_since_timestamp_seconds{agent=\"demo-unreachable\"} 1775272260.0
# HELP openclaw_agent_last_observation_timestamp_seconds When the sighting was that a sweep last \
wrote down, at least once in a heartbeat
# TYPE openclaw_agent_last_observation_timestamp_seconds gauge
# UNIT openclaw_agent_last_observation_timestamp_seconds seconds
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-hanging\"} 1775272260.0
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-legacy\"} 1775272260.0
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-running\"} 1775272260.0
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-setup\"} 1775272260.0
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-starting\"} 1775272320.0
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-stopped\"} 1775272320.0
openclaw_agent_last_observation_timestamp_seconds{agent=\"demo-unreachable\"} 1775272320.0
# HELP openclaw_agent_consecutive_failures Failures in a row that have not made an agent down yet
# TYPE openclaw_agent_consecutive_failures gauge
openclaw_agent_consecutive_failures{agent=\"demo-hanging\"} 0.0
openclaw_agent_consecutive_failures{agent=\"demo-legacy\"} 0.0
openclaw_agent_consecutive_failures{agent=\"demo-running\"} 0.0
openclaw_agent_consecutive_failures{agent=\"demo-starting\"} 2.0
openclaw_agent_consecutive_failures{agent=\"demo-stopped\"} 2.0
openclaw_agent_consecutive_failures{agent=\"demo-unreachable\"} 2.0
# HELP openclaw_agent_degraded What does not work of an agent that is up
# TYPE openclaw_agent_degraded gauge
# HELP openclaw_agent_healing_steps Steps of self-healing since an agent was last well for long
# TYPE openclaw_agent_healing_steps gauge
# HELP openclaw_agent_healing_given_up Why self-healing does nothing more about an agent
# TYPE openclaw_agent_healing_given_up gauge
";
    answer.is(200, format!("{of_the_fleet}{of_agents}").into());
    let path = format!("{METRICS}?agents=false");
    world
        .platform()
        .get(&path)
        .await
        .is(200, of_the_fleet.into());
    assert_eq!(world.railway().operations(), Vec::<String>::new());
}

#[tokio::test]
async fn incidents_and_what_self_healing_did_are_told() {
    let builder = World::with(SELF_HEALING, "on")
        .with(ALERT_FLEET_MIN, "3")
        .with(ALERT_FLEET_SHARE, "40");
    let (world, _people) = world_of(builder).await;
    for _ in 0..3 {
        behave(&world, "demo-legacy", Behaviour::Running);
        world.sweep().await;
    }
    behave(&world, "demo-running", Behaviour::Unreachable);
    sweeps(&world, 5).await;
    assert_eq!(
        lines_of(&world, "agent_healing").await,
        [
            "agent_healing_steps{agent=\"demo-running\"} 1.0",
            "agent_healing_given_up{agent=\"demo-legacy\",why=\"crash-loop\"} 1.0",
        ]
    );
    assert_eq!(lines_of(&world, "incident").await, ["incident_open 0.0"]);
    for id in ["demo-legacy", "demo-setup", "demo-starting", "demo-stopped"] {
        behave(&world, id, Behaviour::Unreachable);
    }
    sweeps(&world, 3).await;
    assert_eq!(lines_of(&world, "incident").await, ["incident_open 1.0"]);
}

#[tokio::test]
async fn before_the_first_sweep_there_are_agents_that_nobody_has_seen() {
    let world = World::start().await;
    assert_eq!(
        lines_of(&world, "agents{condition=\"unseen\"}").await,
        ["agents{condition=\"unseen\"} 7.0"]
    );
    for metric in ["agent_up", "agent_last_observation", "last_sweep"] {
        assert_eq!(lines_of(&world, metric).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_metrics_is_told() {
    let world = World::start().await;
    let unauthorized: Value = json!({"error": "Unauthorized"});
    world.anonymous().get(METRICS).await.is(401, unauthorized);
    let path = format!("{METRICS}?agents=some");
    let error = json!({"error": "agents must be true or false"});
    world.platform().get(&path).await.is(400, error);
}
