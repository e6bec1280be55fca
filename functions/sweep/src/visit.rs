//! One agent's way through a run, called by `run.rs`, from top to bottom: it is
//! observed, the sighting is applied to its record, and whether it needs
//! self-healing is assessed.

use common::model::Instance;
use common::probe::{self, ProbeReport, Status};
use common::store::{StoreError, Stored, Watched};
use common::watch::{
    AgentState, AlertOutbox, Announcement, Condition, Finding, Hosting, Judgement, Process,
    Sighting, Symptom, Trouble, judge,
};
use jiff::Timestamp;
use tokio::time::Instant;

use super::notifier::OverdueAlert;
use super::run::Run;
use super::services::ListingState;

/// How often a sighting is judged again because another run wrote the state first.
const ATTEMPTS: usize = 4;

/// The effect of a sighting.
#[derive(Default)]
struct Applied {
    /// Whether this run has written a transition.
    transition: bool,
    /// The agent's state; `None` if a newer run has written one.
    state: Option<AgentState>,
}

impl Run {
    /// Takes one agent through the run.
    pub(crate) async fn visit(&self, watched: Watched) {
        let Watched {
            instance,
            state,
            outbox,
            remediation,
        } = watched;
        let overdue = OverdueAlert::of(&instance, &outbox, self.scheduled_at);
        let Some((sighting, process)) = self.observe(&instance, state.as_ref()).await else {
            self.tally().overdue.extend(overdue);
            return;
        };
        let applied = self.apply(&instance, state, &outbox, &sighting).await;
        // A new transition has replaced whatever was pending.
        if !matches!(&applied, Ok(it) if it.transition) {
            self.tally().overdue.extend(overdue);
        }
        let applied = match applied {
            Ok(applied) => applied,
            Err(error) => {
                tracing::error!(%error, agent = %instance.id, "a state is not written");
                self.tally().summary.store_errors += 1;
                return;
            }
        };
        if let (Some(remediator), Some(state)) = (&self.runner.remediator, &applied.state) {
            let fails = match &sighting.finding {
                Finding::Failing(_) => true,
                Finding::Draining(_) => !state.drain_may_last(sighting.at),
                _ => false,
            };
            let may_act = fails
                && self.services.state == ListingState::Listed
                && !sighting.is_in_grace(&self.runner.policy);
            let time = self.scheduled_at;
            let assessing =
                remediator.assess(instance, remediation, &process, state, may_act, time);
            let case = Box::pin(assessing).await;
            self.tally().cases.extend(case);
        }
    }

    /// Observes an agent and its process. `None` if the agent must not be
    /// probed and Railway's listing is not available.
    async fn observe(
        &self,
        instance: &Instance,
        state: Option<&AgentState>,
    ) -> Option<(Sighting, Process)> {
        let service = self.services.service_of(instance);
        let mut process = Process {
            began: None,
            crashed: service.and_then(|service| service.crashed_at),
            deployed: service.map(|service| service.deployed_at),
            drained: state.and_then(|state| state.draining_since),
        };
        let (finding, at) = match service.map(|service| service.hosting) {
            Some(Hosting::Sleeping) => {
                self.tally().summary.skipped_sleeping += 1;
                (Finding::Sleeping, self.runner.clock.now())
            }
            Some(Hosting::Stopped) => {
                self.tally().summary.skipped_stopped += 1;
                (Finding::Stopped, self.runner.clock.now())
            }
            Some(Hosting::Deployed | Hosting::Deploying) => {
                self.probe(instance, &mut process).await
            }
            // It may still be asleep, and a probe would wake it.
            None if !self.services.is_known() => match state.map(|state| state.condition) {
                Some(condition @ (Condition::Sleeping | Condition::Stopped)) => {
                    let summary = &mut self.tally().summary;
                    match condition {
                        Condition::Sleeping => summary.skipped_sleeping += 1,
                        _ => summary.skipped_stopped += 1,
                    }
                    summary.conditions.count(condition);
                    return None;
                }
                _ => self.probe(instance, &mut process).await,
            },
            None => self.probe(instance, &mut process).await,
        };
        let sighting = Sighting {
            scheduled_at: self.scheduled_at,
            at,
            finding,
            deployed_at: service.map(|service| service.deployed_at),
            deploying: service.is_some_and(|service| service.hosting == Hosting::Deploying),
        };
        Some((sighting, process))
    }

    /// Probes an agent, and records the latency.
    async fn probe(&self, instance: &Instance, process: &mut Process) -> (Finding, Timestamp) {
        let begun = Instant::now();
        let report = self.runner.prober.probe(&instance.url()).await;
        let took = begun.elapsed();
        let at = self.runner.clock.now();
        let uptime = report.uptime.map(|uptime| uptime.duration());
        process.began = uptime.and_then(|uptime| at.checked_sub(uptime).ok());
        let finding = finding_of(report);
        let well = !matches!(finding, Finding::Failing(_));
        self.runner
            .latencies
            .record(&instance.id, self.scheduled_at, at, well.then_some(took));
        let mut tally = self.tally();
        tally.summary.probed += 1;
        tally.latency.record(took);
        (finding, at)
    }

    /// Judges a sighting by the state on record, and writes what has changed.
    /// If another run wrote in between, the sighting is judged again by what it
    /// wrote.
    async fn apply(
        &self,
        instance: &Instance,
        mut state: Option<AgentState>,
        outbox: &AlertOutbox,
        sighting: &Sighting,
    ) -> Result<Applied, StoreError> {
        let policy = &self.runner.policy;
        for _ in 0..ATTEMPTS {
            let Some(judgement) = judge(&instance.id, state.as_ref(), sighting, policy) else {
                self.tally().summary.refused_as_older += 1;
                if let Some(state) = &state {
                    self.tally().count(state, self.down_since);
                }
                return Ok(Applied::default());
            };
            if !judgement.write {
                self.tally().count(&judgement.next, self.down_since);
                return Ok(Applied {
                    transition: false,
                    state: Some(judgement.next),
                });
            }
            let transition = judgement.transition.as_ref();
            let alert = transition.is_some_and(|transition| transition.needs_alert(outbox));
            let read = state.as_ref().map(|state| state.scheduled_at);
            let agent_states = &self.runner.agent_states;
            let saving = agent_states.save(&instance.id, read, &judgement, alert);
            match Box::pin(saving).await? {
                Stored::Written => return Ok(self.count_write(instance, judgement, alert)),
                Stored::Overtaken(other) => state = other,
                Stored::Gone => {
                    self.tally().summary.gone += 1;
                    return Ok(Applied::default());
                }
            }
        }
        // Others were faster every time, so the record is newer than this sighting.
        self.tally().summary.refused_as_older += 1;
        Ok(Applied::default())
    }

    /// Counts a state that was written, and hands its transition on.
    fn count_write(&self, instance: &Instance, judgement: Judgement, alert: bool) -> Applied {
        if judgement.transition.is_some() {
            self.runner.latencies.hasten(&instance.id);
        }
        let mut tally = self.tally();
        tally.count(&judgement.next, self.down_since);
        tally.summary.writes += 1;
        let state = Some(judgement.next);
        let Some(transition) = judgement.transition else {
            return Applied {
                transition: false,
                state,
            };
        };
        tally.summary.transitions += 1;
        tracing::info!(
            instance = %instance.id,
            from = transition.from.map(tracing::field::debug),
            to = ?transition.to,
            since = %transition.since,
            reason = transition.trouble.as_ref().map(|trouble| trouble.reason.as_str()),
            degraded = ?transition.degraded,
            "an agent changed"
        );
        let announcement = Announcement {
            instance: instance.id.clone(),
            owner: instance.owner.clone(),
            transition,
        };
        if alert {
            tally.announcements.push(announcement.clone());
        }
        tally.transitions.push(announcement);
        Applied {
            transition: true,
            state,
        }
    }
}

/// What a probe's report means for the agent's condition. What the process does
/// counts before the status: an agent that is starting by its status may be up,
/// or ending.
fn finding_of(report: ProbeReport) -> Finding {
    let degraded = report.degraded_names();
    if !degraded.is_empty() {
        return Finding::Degraded(degraded);
    }
    let is_draining = report.process == probe::Process::Draining;
    let symptom = match report.status {
        Status::Running | Status::Healthy if !is_draining => return Finding::Well,
        Status::Setup => return Finding::Setup,
        Status::Running | Status::Healthy | Status::Starting => Symptom::NotReady,
        Status::Stopped => Symptom::ProcessStopped,
        Status::Unknown => Symptom::Inconclusive,
        Status::Unreachable => Symptom::Unreachable,
    };
    let trouble = Trouble {
        symptom,
        reason: report.reason.unwrap_or_default(),
    };
    match is_draining {
        true => Finding::Draining(trouble),
        false => Finding::Failing(trouble),
    }
}
