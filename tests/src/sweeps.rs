//! Sweeps that a test starts itself.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::railway::{Railway, RailwaySettings, TokenType};
use common::store::Connection;
use jiff::{SignedDuration, Timestamp};
use local::agents::{Agent, Behaviour};
use serde_json::Value;
use sweep::{Coordinator, Dependencies, Outcome, Report, Settings, SweepError};
use tokio::time::Instant;

use crate::{FaultyDynamoDb, HASTY, World, skip_limit};

/// Longer than any sweep of a test.
const LIMIT: Duration = Duration::from_secs(60);

/// The longest limit of a probe.
const PROBE: Duration = Duration::from_secs(5);

impl World {
    /// A world, and a process that sweeps over a DynamoDB which fails at will.
    pub async fn swept_over_faults() -> (Self, FaultyDynamoDb, Coordinator) {
        let world = Self::start().await;
        world.wake_the_hanging();
        let dynamodb = FaultyDynamoDb::start(&world.stack.dynamodb).await;
        let connection = dynamodb.connect().await;
        let sweep = Coordinator::new(world.sweeper(&connection, true, Settings::default()));
        (world, dynamodb, sweep)
    }

    /// Has no agent of the demo hang, which would make each sweep last as long
    /// as the limit of a probe.
    pub fn wake_the_hanging(&self) {
        let agent = self.stack.simulated("demo-hanging");
        let agent = agent.expect("an agent of the demo");
        agent.set(Behaviour::Running).expect("its port is free");
    }

    /// Lets a minute pass, sweeps, and tells what came of it.
    pub async fn sweep(&self) -> Report {
        self.sweep_with(&self.stack.sweep).await
    }

    /// The same with another process than the stack's. Agents that hang are not
    /// waited for.
    pub async fn sweep_with(&self, sweep: &Coordinator) -> Report {
        self.clock.advance(SignedDuration::from_secs(60));
        let hanging = self.hanging();
        let stuck = || {
            let stuck = |(agent, before): &(&Agent, usize)| agent.unanswered() >= before + 3;
            !hanging.is_empty() && hanging.iter().all(stuck)
        };
        let sweep = self.try_sweep(sweep, self.clock.now());
        made(skip_limit(PROBE, stuck, sweep).await)
    }

    /// The agents of the demo that hang, and how many requests each holds.
    fn hanging(&self) -> Vec<(&Agent, usize)> {
        let agents = self.stack.agents.iter();
        agents
            .filter_map(|agent| self.stack.simulated(&agent.instance_id))
            .filter(|agent| agent.behaviour() == Behaviour::Hanging)
            .map(|agent| (agent, agent.unanswered()))
            .collect()
    }

    /// Sweeps now, for a time at which it was scheduled.
    ///
    /// # Errors
    /// As the sweep says.
    pub async fn try_sweep(
        &self,
        sweep: &Coordinator,
        scheduled: Timestamp,
    ) -> Result<Outcome, SweepError> {
        sweep.run_scheduled(scheduled, Instant::now() + LIMIT).await
    }

    /// What another process that sweeps is made of: as the stack's, but over any
    /// connection to the same DynamoDB, with other settings or without Railway.
    pub fn sweeper(
        &self,
        connection: &Connection,
        railway: bool,
        settings: Settings,
    ) -> Dependencies {
        let railway = if railway {
            self.railway().settings(TokenType::Account)
        } else {
            RailwaySettings::default()
        };
        let clock = Arc::new(self.clock.clone());
        Dependencies {
            connection: connection.named("sweep"),
            railway: Railway::new(railway, HASTY, clock).expect("a client"),
            settings,
            ..self.stack.sweep_dependencies.clone()
        }
    }

    /// The condition on record of an instance, null if there is none.
    pub async fn condition(&self, instance_id: &str) -> Value {
        let record = self.records.instance(instance_id).await;
        let condition = record.pointer("/observed/condition");
        condition.cloned().unwrap_or_default()
    }

    /// The history of an instance of the demo.
    pub async fn history(&self, instance_id: &str) -> Value {
        let path = format!("/api/instance/{instance_id}/history");
        let answer = self.owner_of(instance_id).get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}

/// The report of a sweep that was made.
pub fn made(outcome: Result<Outcome, SweepError>) -> Report {
    match outcome {
        Ok(Outcome::Made(report)) => report,
        other => panic!("the sweep was not made: {other:?}"),
    }
}
