//! One agent in a sweep.

use common::model::Instance;
use common::store::{StoreError, Stored, Watched};
use common::watch::{
    AgentState, Announcement, Condition, Found, Hosting, Judgement, Sighting, Telling, judge,
};
use tokio::time::Instant;

use super::found::found;
use super::round::Round;
use super::telling::Debt;

/// How often a state is judged anew that others overtake.
const ATTEMPTS: usize = 4;

impl Round<'_> {
    /// Looks at an agent and writes what that means.
    pub(crate) async fn visit(&self, watched: Watched) {
        let Watched {
            instance,
            state,
            telling,
        } = watched;
        let debt = Debt::due(&instance, &telling, self.time);
        let Some(sighting) = self.look(&instance, state.as_ref()).await else {
            self.tally().debts.extend(debt);
            return;
        };
        let concluded = self.conclude(&instance, state, &telling, &sighting).await;
        if !matches!(concluded, Ok(true)) {
            self.tally().debts.extend(debt);
        }
        let transition = match concluded {
            Ok(transition) => transition,
            Err(error) => {
                tracing::error!(%error, agent = %instance.id, "a state is not written");
                self.tally().summary.store_errors += 1;
                return;
            }
        };
        let policy = &self.sweep.settings.policy;
        if transition || self.sweep.samples.is_due(&instance.id, self.time, policy) {
            self.write_figures_of(&instance.id).await;
        }
    }

    /// What is to be seen of an agent; none where it must not be asked and
    /// nobody else can tell.
    async fn look(&self, instance: &Instance, state: Option<&AgentState>) -> Option<Sighting> {
        let service = self.hosted.service_of(instance);
        let (found, at) = match service.map(|service| service.hosting) {
            Some(Hosting::Sleeping) => {
                self.tally().summary.skipped_sleeping += 1;
                (Found::Sleeping, self.sweep.clock.now())
            }
            Some(Hosting::Stopped) => {
                self.tally().summary.skipped_stopped += 1;
                (Found::Stopped, self.sweep.clock.now())
            }
            Some(Hosting::Deployed | Hosting::Deploying) => self.ask(instance).await,
            // Nobody knows whether it still sleeps, and asking would wake it.
            None if !self.hosted.is_known() => match state.map(|state| state.condition) {
                Some(condition @ (Condition::Sleeping | Condition::Stopped)) => {
                    let summary = &mut self.tally().summary;
                    match condition {
                        Condition::Sleeping => summary.skipped_sleeping += 1,
                        _ => summary.skipped_stopped += 1,
                    }
                    summary.conditions.count(condition);
                    return None;
                }
                _ => self.ask(instance).await,
            },
            None => self.ask(instance).await,
        };
        Some(Sighting {
            sweep: self.time,
            at,
            found,
            deployed_at: service.map(|service| service.deployed_at),
            deploying: service.is_some_and(|service| service.hosting == Hosting::Deploying),
        })
    }

    async fn ask(&self, instance: &Instance) -> (Found, jiff::Timestamp) {
        let begun = Instant::now();
        let report = self.sweep.prober.probe(&instance.url()).await;
        let took = begun.elapsed();
        let at = self.sweep.clock.now();
        let found = found(report);
        let well = !matches!(found, Found::Failing(_));
        self.sweep
            .samples
            .record(&instance.id, self.time, at, well.then_some(took));
        let mut tally = self.tally();
        tally.summary.probed += 1;
        tally.latency.record(took);
        (found, at)
    }

    /// Writes what a sighting means, judged by what is on record then. Whether
    /// it is a transition.
    async fn conclude(
        &self,
        instance: &Instance,
        mut state: Option<AgentState>,
        telling: &Telling,
        sighting: &Sighting,
    ) -> Result<bool, StoreError> {
        let policy = &self.sweep.settings.policy;
        for _ in 0..ATTEMPTS {
            let Some(judgement) = judge(&instance.id, state.as_ref(), sighting, policy) else {
                self.tally().summary.refused_as_older += 1;
                if let Some(state) = &state {
                    self.count(state);
                }
                return Ok(false);
            };
            if !judgement.write {
                self.count(&judgement.next);
                return Ok(false);
            }
            let news = judgement.transition.as_ref();
            let news = news.is_some_and(|transition| transition.is_news(telling));
            let read = state.as_ref().map(|state| state.sweep);
            let saved = self
                .sweep
                .observations
                .save(&instance.id, read, &judgement, news)
                .await?;
            match saved {
                Stored::Written => return Ok(self.written(instance, judgement, news)),
                Stored::Overtaken(found) => state = found,
                Stored::Gone => {
                    self.tally().summary.gone += 1;
                    return Ok(false);
                }
            }
        }
        // Others were faster again and again, so that there is a newer state.
        self.tally().summary.refused_as_older += 1;
        Ok(false)
    }

    fn written(&self, instance: &Instance, judgement: Judgement, news: bool) -> bool {
        self.count(&judgement.next);
        let mut tally = self.tally();
        tally.summary.writes += 1;
        let Some(transition) = judgement.transition else {
            return false;
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
        true
    }
}
