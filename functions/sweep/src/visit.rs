//! One agent in a sweep.

use common::model::Instance;
use common::store::{StoreError, Stored, Watched};
use common::watch::{
    AgentState, AlertOutbox, Announcement, Condition, Finding, Hosting, Judgement, Process,
    Sighting, judge,
};
use tokio::time::Instant;

use super::ListingState;
use super::finding::found;
use super::notifier::OverdueAlert;
use super::run::Round;

/// How often a state is judged anew that others overtake.
const ATTEMPTS: usize = 4;

/// What a sighting came to.
#[derive(Default)]
struct Concluded {
    /// Whether this sweep has written a change of the condition.
    transition: bool,
    /// How the agent is; none where another sweep knows better.
    state: Option<AgentState>,
}

impl Round {
    /// Looks at an agent and writes what that means.
    pub(crate) async fn visit(&self, watched: Watched) {
        let Watched {
            instance,
            state,
            outbox,
            remediation,
        } = watched;
        let debt = OverdueAlert::due(&instance, &outbox, self.time);
        let Some((sighting, process)) = self.look(&instance, state.as_ref()).await else {
            self.tally().debts.extend(debt);
            return;
        };
        let concluded = self.conclude(&instance, state, &outbox, &sighting).await;
        if !matches!(&concluded, Ok(it) if it.transition) {
            self.tally().debts.extend(debt);
        }
        let concluded = match concluded {
            Ok(concluded) => concluded,
            Err(error) => {
                tracing::error!(%error, agent = %instance.id, "a state is not written");
                self.tally().summary.store_errors += 1;
                return;
            }
        };
        let policy = &self.sweep.settings.policy;
        if let (Some(_), Some(state)) = (&self.sweep.controls, &concluded.state) {
            let may_act = matches!(sighting.finding, Finding::Failing(_))
                && self.services.state == ListingState::Listed
                && !sighting.is_in_grace(policy);
            Box::pin(self.assess(instance, remediation, &process, state, may_act)).await;
        }
    }

    /// What is to be seen of an agent and of its process; none where it must not be
    /// asked and nobody else can tell.
    async fn look(
        &self,
        instance: &Instance,
        state: Option<&AgentState>,
    ) -> Option<(Sighting, Process)> {
        let service = self.services.service_of(instance);
        let mut process = Process {
            began: None,
            crashed: service.and_then(|service| service.crashed_at),
            deployed: service.map(|service| service.deployed_at),
        };
        let (finding, at) = match service.map(|service| service.hosting) {
            Some(Hosting::Sleeping) => {
                self.tally().summary.skipped_sleeping += 1;
                (Finding::Sleeping, self.sweep.clock.now())
            }
            Some(Hosting::Stopped) => {
                self.tally().summary.skipped_stopped += 1;
                (Finding::Stopped, self.sweep.clock.now())
            }
            Some(Hosting::Deployed | Hosting::Deploying) => self.ask(instance, &mut process).await,
            // Nobody knows whether it still sleeps, and asking would wake it.
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
                _ => self.ask(instance, &mut process).await,
            },
            None => self.ask(instance, &mut process).await,
        };
        let sighting = Sighting {
            scheduled_at: self.time,
            at,
            finding,
            deployed_at: service.map(|service| service.deployed_at),
            deploying: service.is_some_and(|service| service.hosting == Hosting::Deploying),
        };
        Some((sighting, process))
    }

    async fn ask(&self, instance: &Instance, process: &mut Process) -> (Finding, jiff::Timestamp) {
        let begun = Instant::now();
        let report = self.sweep.prober.probe(&instance.url()).await;
        let took = begun.elapsed();
        let at = self.sweep.clock.now();
        let uptime = report.uptime.map(|uptime| uptime.duration());
        process.began = uptime.and_then(|uptime| at.checked_sub(uptime).ok());
        let found = found(report);
        let well = !matches!(found, Finding::Failing(_));
        self.sweep
            .samples
            .record(&instance.id, self.time, at, well.then_some(took));
        let mut tally = self.tally();
        tally.summary.probed += 1;
        tally.latency.record(took);
        (found, at)
    }

    /// Writes what a sighting means, judged by what is on record then.
    async fn conclude(
        &self,
        instance: &Instance,
        mut state: Option<AgentState>,
        outbox: &AlertOutbox,
        sighting: &Sighting,
    ) -> Result<Concluded, StoreError> {
        let policy = &self.sweep.settings.policy;
        for _ in 0..ATTEMPTS {
            let Some(judgement) = judge(&instance.id, state.as_ref(), sighting, policy) else {
                self.tally().summary.refused_as_older += 1;
                if let Some(state) = &state {
                    self.count(state);
                }
                return Ok(Concluded::default());
            };
            if !judgement.write {
                self.count(&judgement.next);
                return Ok(Concluded {
                    transition: false,
                    state: Some(judgement.next),
                });
            }
            let news = judgement.transition.as_ref();
            let news = news.is_some_and(|transition| transition.needs_alert(outbox));
            let read = state.as_ref().map(|state| state.scheduled_at);
            let agent_states = &self.sweep.agent_states;
            let saving = agent_states.save(&instance.id, read, &judgement, news);
            match Box::pin(saving).await? {
                Stored::Written => return Ok(self.written(instance, judgement, news)),
                Stored::Overtaken(found) => state = found,
                Stored::Gone => {
                    self.tally().summary.gone += 1;
                    return Ok(Concluded::default());
                }
            }
        }
        // Others were faster again and again, so that there is a newer state.
        self.tally().summary.refused_as_older += 1;
        Ok(Concluded::default())
    }

    fn written(&self, instance: &Instance, judgement: Judgement, news: bool) -> Concluded {
        self.count(&judgement.next);
        if judgement.transition.is_some() {
            self.sweep.samples.hasten(&instance.id);
        }
        let mut tally = self.tally();
        tally.summary.writes += 1;
        let state = Some(judgement.next);
        let Some(transition) = judgement.transition else {
            return Concluded {
                transition: false,
                state,
            };
        };
        tally.summary.transitions += 1;
        tracing::info!(
            agent = %instance.id,
            from = ?transition.from,
            to = ?transition.to,
            since = %transition.since,
            reason = transition.trouble.as_ref().map(|trouble| trouble.reason.as_str()),
            "an agent changed"
        );
        let announcement = Announcement {
            instance: instance.id.clone(),
            owner: instance.owner.clone(),
            transition,
        };
        if news {
            tally.news.push(announcement.clone());
        }
        tally.transitions.push(announcement);
        Concluded {
            transition: true,
            state,
        }
    }
}
