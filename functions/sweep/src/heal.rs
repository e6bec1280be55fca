//! Doing something about agents that fail, behind a sweep: when it is known how
//! the whole fleet is.
//!
//! What is not done here, because an operation or a maintenance window is in the
//! way or the time is short, a later sweep does.

use std::time::Duration;

use common::alerts::of_healing;
use common::control::{ControlError, Controls, Order};
use common::model::{Control, IdempotencyKey, Instance, InstanceId, MaintenanceWindow, UserId};
use common::watch::{
    AgentState, Condition, Decision, End, FleetCount, Healing, Process, Step, Try, Why,
};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::round::Round;
use super::telling::PATIENCE;
use super::{Summary, Sweep};

/// How long healing takes at the most: as long as Railway has for one operation,
/// and a little more.
pub(crate) const HEALING: Duration = Duration::from_secs(15);

/// How many patients are treated at once.
const AT_ONCE: usize = 8;

/// How many of an agent's operations may explain that its process is another one.
const ORDERS: i32 = 10;

/// An agent about which something is to be done.
pub(crate) struct Patient {
    instance: Instance,
    condition: Condition,
    since: Timestamp,
    healing: Healing,
    decision: Decision,
}

/// What became of a patient.
enum Outcome {
    /// Nothing was to be done after all, or somebody else did it.
    Nothing,
    /// It has to wait.
    Postponed,
    Taken(Step),
    /// Railway did not take it.
    Failed,
    /// Nothing more is done; whether people know.
    GivenUp(Why, bool),
    /// People were told, or not, of what an earlier sweep gave up.
    Told(bool),
}

impl Round<'_> {
    /// Notes what a sweep saw of an agent's process, and whether something is to
    /// be done about it behind the round.
    pub(crate) async fn examine(
        &self,
        instance: Instance,
        mut healing: Healing,
        process: &Process,
        state: &AgentState,
        may_act: bool,
    ) {
        let policy = self.sweep.settings.healing();
        if let Some(seen) = healing.observe(process, &policy) {
            let Some(kept) = self.sweep.keep(&instance.id, &seen).await else {
                return;
            };
            healing = kept;
        }
        let decision = healing.decide(state, may_act, self.time, &policy);
        let owed = healing.end.and_then(|end| end.owed);
        let is_due = owed.is_some_and(|by| self.time.duration_since(by) > PATIENCE);
        if decision != Decision::Nothing || is_due {
            self.tally().patients.push(Patient {
                instance,
                condition: state.condition,
                since: state.since,
                healing,
                decision,
            });
        }
    }
}

impl Sweep {
    /// Treats the patients of a round, who are down for longest first, for some
    /// seconds at the most.
    pub(crate) async fn heal(
        &self,
        mut patients: Vec<Patient>,
        count: &FleetCount,
        summary: &mut Summary,
    ) {
        let Some(controls) = self.hands.as_ref().filter(|_| !patients.is_empty()) else {
            return;
        };
        let deadline = Instant::now() + HEALING;
        let all = patients.len();
        let mut treated = 0;
        if let Some(windows) = self.allowed(count).await {
            patients.sort_by_key(|patient| patient.since);
            let mut steps = self.settings.healing_steps;
            patients.retain(|patient| match patient.decision {
                Decision::Take(_) if steps == 0 => false,
                Decision::Take(_) => {
                    steps -= 1;
                    true
                }
                _ => true,
            });
            let sweep = summary.sweep;
            let mut outcomes = stream::iter(patients)
                .map(|patient| self.treat(controls, patient, &windows, sweep))
                .buffer_unordered(AT_ONCE);
            while let Ok(Some(outcome)) = timeout_at(deadline, outcomes.next()).await {
                if !matches!(outcome, Outcome::Postponed) {
                    treated += 1;
                }
                outcome.count(summary);
            }
        }
        summary.healing_postponed = u32::try_from(all - treated).unwrap_or(u32::MAX);
    }

    /// The maintenance windows, unless nobody is to be healed now: while a large
    /// part of the fleet is down, and while nobody can tell.
    async fn allowed(&self, count: &FleetCount) -> Option<Vec<MaintenanceWindow>> {
        if count.is_incident(&self.settings.fleet) {
            return None;
        }
        let (last, windows) = tokio::join!(self.incidents.last(), self.windows.all());
        match (last, windows) {
            (Ok(last), Ok(windows)) => {
                let open = last.is_some_and(|record| record.incident.is_open());
                (!open).then_some(windows)
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "nobody is healed: the fleet cannot be judged");
                None
            }
        }
    }

    async fn treat(
        &self,
        controls: &Controls,
        patient: Patient,
        windows: &[MaintenanceWindow],
        sweep: Timestamp,
    ) -> Outcome {
        let id = &patient.instance.id;
        let now = self.clock.now();
        if windows.iter().any(|it| it.silences(Some(id), now)) {
            return Outcome::Postponed;
        }
        match patient.decision {
            Decision::Take(step) => self.take(controls, patient, step).await,
            Decision::Forget => {
                self.keep(id, &patient.healing.forgotten()).await;
                Outcome::Nothing
            }
            Decision::GiveUp(why) => self.give_up(controls, patient, why, sweep).await,
            Decision::Nothing => match patient.healing.end {
                Some(end) => {
                    let told = self.page(&patient, patient.healing.clone(), end, sweep);
                    told.await.map_or(Outcome::Nothing, Outcome::Told)
                }
                None => Outcome::Nothing,
            },
        }
    }

    /// Takes a step, once: its key is the same for everybody who concludes that it
    /// is due.
    async fn take(&self, controls: &Controls, patient: Patient, step: Step) -> Outcome {
        let Patient {
            instance,
            since,
            mut healing,
            ..
        } = patient;
        let id = instance.id.clone();
        let since = *healing.since.get_or_insert(since);
        let user = UserId::self_healing();
        let key = format!("{step} {} since {since}", healing.tries.len());
        let order = Order {
            instance,
            key: IdempotencyKey::new(&user, &key).ok(),
            user,
        };
        let control = match step {
            Step::Restart => Control::Restart,
            Step::Repair => Control::Repair,
        };
        let pause = self.settings.healing().pause;
        let before = self.clock.now().saturating_sub(pause);
        let before = before.unwrap_or(Timestamp::MIN);
        let failure = match controls.run_if_untouched(control, order, before).await {
            Ok(operation) => {
                tracing::info!(agent = %id, %step, operation = %operation.id, "an agent is healed");
                None
            }
            Err(error @ (ControlError::Busy { .. } | ControlError::Touched(..))) => {
                tracing::info!(agent = %id, %step, %error, "an agent is not healed now");
                return Outcome::Postponed;
            }
            Err(ControlError::Store(error)) => {
                tracing::error!(%error, agent = %id, %step, "an agent is not healed now");
                return Outcome::Postponed;
            }
            Err(error) => {
                tracing::warn!(%error, agent = %id, %step, "an agent is not healed");
                Some(error.to_string())
            }
        };
        let outcome = match failure {
            None => Outcome::Taken(step),
            Some(_) => Outcome::Failed,
        };
        let at = self.clock.now();
        healing.tries.push(Try { step, at, failure });
        // Who was overtaken got the other one's operation by its key.
        self.keep(&id, &healing)
            .await
            .map_or(Outcome::Nothing, |_| outcome)
    }

    async fn give_up(
        &self,
        controls: &Controls,
        patient: Patient,
        why: Why,
        sweep: Timestamp,
    ) -> Outcome {
        let id = &patient.instance.id;
        let mut healing = patient.healing.clone();
        if why == Why::CrashLoop {
            let operations = match controls.operations.list(id, ORDERS, None).await {
                Ok(page) => page.operations,
                Err(error) => {
                    tracing::error!(%error, agent = %id, "crashes cannot be told from orders");
                    return Outcome::Postponed;
                }
            };
            let orders: Vec<_> = operations.iter().map(|it| it.started_at).collect();
            healing = healing.without_ordered(&orders, &self.settings.healing());
            if !healing.is_crash_loop(sweep) {
                self.keep(id, &healing).await;
                return Outcome::Nothing;
            }
        }
        let end = End {
            why,
            at: sweep,
            owed: Some(sweep),
        };
        tracing::warn!(agent = %id, ?why, "an agent is beyond self-healing");
        let told = self.page(&patient, healing, end, sweep).await;
        told.map_or(Outcome::Nothing, |told| Outcome::GivenUp(why, told))
    }

    /// Takes it on to tell people that nothing more is done, and tells them. None
    /// where somebody else does, or there is no need any more.
    async fn page(
        &self,
        patient: &Patient,
        mut healing: Healing,
        end: End,
        sweep: Timestamp,
    ) -> Option<bool> {
        let Instance { id, owner, .. } = &patient.instance;
        let is_needed = end.why == Why::CrashLoop || patient.condition == Condition::Down;
        healing.end = Some(End {
            owed: is_needed.then_some(sweep),
            ..end
        });
        let mut kept = self.keep(id, &healing).await?;
        if !is_needed {
            return None;
        }
        let alert = of_healing(id, owner, &healing, &end);
        if !self.knows(&alert) && !self.send(&alert).await {
            return Some(false);
        }
        kept.end = Some(End { owed: None, ..end });
        self.keep(id, &kept).await;
        Some(true)
    }

    /// Writes what is known of an agent. None where it is not written, because
    /// somebody else was faster or the store failed.
    async fn keep(&self, id: &InstanceId, healing: &Healing) -> Option<Healing> {
        let kept = self.observations.save_healing(id, healing).await;
        kept.unwrap_or_else(|error| {
            tracing::error!(%error, agent = %id, "what self-healing knows is not written");
            None
        })
    }
}

impl Outcome {
    fn count(self, summary: &mut Summary) {
        let mut told = |told| {
            *match told {
                true => &mut summary.alerts_sent,
                false => &mut summary.alerts_failed,
            } += 1;
        };
        match self {
            Self::Nothing | Self::Postponed => {}
            Self::Taken(Step::Restart) => summary.healing_restarts += 1,
            Self::Taken(Step::Repair) => summary.healing_repairs += 1,
            Self::Failed => summary.healing_failed += 1,
            Self::Told(known) => told(known),
            Self::GivenUp(why, known) => {
                told(known);
                match why {
                    Why::Exhausted => summary.healing_given_up += 1,
                    Why::CrashLoop => summary.crash_loops += 1,
                }
            }
        }
    }
}
