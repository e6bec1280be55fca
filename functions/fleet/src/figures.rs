//! The metrics, with their names.

use common::model::InstanceId;
use common::store::Watched;
use common::watch::{AgentState, Condition, GiveUpReason, StreakOf};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// The metrics of the fleet.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// By their ids.
    pub(crate) agents: Vec<AgentFigures>,
    /// Whether each agent has series of its own.
    pub(crate) with_agents: bool,
    /// How many records are damaged.
    pub(crate) damaged: u32,
    /// The newest sweep that has begun.
    pub(crate) sweep: Option<Timestamp>,
    /// Whether an incident is open.
    pub(crate) incident: bool,
}

/// The metrics of one agent.
#[derive(Debug)]
pub(crate) struct AgentFigures {
    pub(crate) id: InstanceId,
    /// `None` until a sweep has seen it.
    state: Option<AgentState>,
    steps: usize,
    given_up: Option<GiveUpReason>,
}

impl From<Watched> for AgentFigures {
    fn from(watched: Watched) -> Self {
        let Watched {
            instance,
            state,
            remediation,
            ..
        } = watched;
        Self {
            id: instance.id,
            state,
            steps: remediation.attempts.len(),
            given_up: remediation.given_up.map(|end| end.reason),
        }
    }
}

impl AgentFigures {
    fn labels(&self) -> [(&'static str, String); 1] {
        [("agent", self.id.to_string())]
    }

    /// Whether it is up; `None` if it is not meant to be.
    fn is_up(&self) -> Option<bool> {
        match self.state.as_ref()?.condition {
            Condition::Up => Some(true),
            Condition::Down | Condition::Starting => Some(false),
            Condition::Setup | Condition::Stopped | Condition::Sleeping => None,
        }
    }

    /// Consecutive failures below the threshold for down; `None` if they are
    /// not counted.
    fn failures(&self) -> Option<u32> {
        let state = self.state.as_ref()?;
        match state.condition {
            Condition::Up | Condition::Starting => Some(
                state
                    .streak
                    .filter(|streak| streak.of == StreakOf::Failures)
                    .map_or(0, |streak| streak.count),
            ),
            _ => None,
        }
    }
}

/// The conditions, and `unseen` for agents that have none.
const CONDITIONS: [(Option<Condition>, &str); 7] = [
    (Some(Condition::Up), "up"),
    (Some(Condition::Starting), "starting"),
    (Some(Condition::Down), "down"),
    (Some(Condition::Setup), "setup"),
    (Some(Condition::Stopped), "stopped"),
    (Some(Condition::Sleeping), "sleeping"),
    (None, "unseen"),
];

fn word(condition: Option<Condition>) -> &'static str {
    let mut all = CONDITIONS.into_iter();
    all.find(|it| it.0 == condition).map_or("", |it| it.1)
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        let conditions = CONDITIONS.map(|(condition, word)| {
            let agents = self.agents.iter();
            let of = |it: &&AgentFigures| it.state.as_ref().map(|it| it.condition) == condition;
            ([("condition", word)], agents.filter(of).count() as f64)
        });
        family(
            encoder,
            "agents",
            "Agents in each condition",
            None,
            conditions,
        )?;
        one(
            encoder,
            "damaged_records",
            "Records of instances that cannot be read",
            None,
            self.damaged.into(),
        )?;
        one(
            encoder,
            "incident_open",
            "Whether a large part of the fleet is down",
            None,
            self.incident.into(),
        )?;
        if let Some(sweep) = self.sweep {
            one(
                encoder,
                "last_sweep_timestamp",
                "The time of the newest sweep that has begun",
                Some(Unit::Seconds),
                seconds(sweep),
            )?;
        }
        match self.with_agents {
            true => self.encode_agents(encoder),
            false => Ok(()),
        }
    }
}

impl Figures {
    fn encode_agents(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let agents = || self.agents.iter();
        let states = || agents().filter_map(|it| Some((it, it.state.as_ref()?)));
        family(
            encoder,
            "agent_up",
            "Whether an agent is up that should be",
            None,
            agents().filter_map(|it| Some((it.labels(), it.is_up()?.into()))),
        )?;
        family(
            encoder,
            "agent_condition",
            "The condition that an agent is in",
            None,
            agents().map(|it| {
                let [agent] = it.labels();
                let condition = word(it.state.as_ref().map(|it| it.condition)).to_owned();
                ([agent, ("condition", condition)], 1.0)
            }),
        )?;
        family(
            encoder,
            "agent_condition_since_timestamp",
            "Since when an agent is in its condition",
            Some(Unit::Seconds),
            states().map(|(it, state)| (it.labels(), seconds(state.since))),
        )?;
        family(
            encoder,
            "agent_last_observation_timestamp",
            "When the sighting was that a sweep last wrote down, at least once in a heartbeat",
            Some(Unit::Seconds),
            states().map(|(it, state)| (it.labels(), seconds(state.seen_at))),
        )?;
        family(
            encoder,
            "agent_consecutive_failures",
            "Failures in a row that have not made an agent down yet",
            None,
            agents().filter_map(|it| Some((it.labels(), it.failures()?.into()))),
        )?;
        family(
            encoder,
            "agent_degraded",
            "What does not work of an agent that is up",
            None,
            states().flat_map(|(it, state)| {
                state.degraded.causes.iter().map(|cause| {
                    let [agent] = it.labels();
                    ([agent, ("cause", cause.clone())], 1.0)
                })
            }),
        )?;
        family(
            encoder,
            "agent_healing_steps",
            "Steps of self-healing since an agent was last well for long",
            None,
            agents()
                .filter(|it| it.steps > 0)
                .map(|it| (it.labels(), it.steps as f64)),
        )?;
        family(
            encoder,
            "agent_healing_given_up",
            "Why self-healing does nothing more about an agent",
            None,
            agents().filter_map(|it| {
                let why = match it.given_up? {
                    GiveUpReason::Exhausted => "exhausted",
                    GiveUpReason::CrashLoop => "crash-loop",
                };
                let [agent] = it.labels();
                Some(([agent, ("why", why.to_owned())], 1.0))
            }),
        )
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn one(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    value: f64,
) -> Result<(), std::fmt::Error> {
    let metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

/// A metric with one value for each set of labels.
fn family<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    values: impl IntoIterator<Item = (L, f64)>,
) -> Result<(), std::fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}
