//! One patient of a sweep.

use common::alerts::of_healing;
use common::control::{ControlError, Controls, Order};
use common::model::{Control, IdempotencyKey, Instance, InstanceId, MaintenanceWindow, UserId};
use common::watch::{Condition, Decision, End, Healing, Step, Try, Why};
use jiff::Timestamp;

use super::remediation_case::Patient;
use super::{Summary, Sweep};

/// How many of an agent's operations may explain that its process is another one.
const ORDERS: i32 = 10;

/// What became of a patient.
pub(crate) enum Outcome {
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

impl Sweep {
    /// Does what was decided about a patient, unless a maintenance window spares it.
    pub(crate) async fn treat(
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
    pub(crate) async fn keep(&self, id: &InstanceId, healing: &Healing) -> Option<Healing> {
        let kept = self.observations.save_healing(id, healing).await;
        kept.unwrap_or_else(|error| {
            tracing::error!(%error, agent = %id, "what self-healing knows is not written");
            None
        })
    }
}

impl Outcome {
    pub(crate) fn count(self, summary: &mut Summary) {
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
