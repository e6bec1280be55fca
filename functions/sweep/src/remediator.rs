//! One patient of a sweep.

use common::alerts::of_remediation;
use common::control::{ControlError, Controls, Order};
use common::model::{Control, IdempotencyKey, Instance, InstanceId, MaintenanceWindow, UserId};
use common::watch::{Attempt, Condition, Decision, GiveUpReason, GivenUp, RemediationState, Step};
use jiff::Timestamp;

use super::remediation_case::RemediationCase;
use super::{Summary, Sweep};

/// How many of an agent's operations may explain that its process is another one.
const ORDERS: i32 = 10;

/// What became of a case.
pub(crate) enum Outcome {
    /// Nothing was to be done after all, or somebody else did it.
    Nothing,
    /// It has to wait.
    Postponed,
    Taken(Step),
    /// Railway did not take it.
    Failed,
    /// Nothing more is done; whether people know.
    GivenUp(GiveUpReason, bool),
    /// People were told, or not, of what an earlier sweep gave up.
    SentKeys(bool),
}

impl Sweep {
    /// Does what was decided about a case, unless a maintenance window spares it.
    pub(crate) async fn remediate(
        &self,
        controls: &Controls,
        case: RemediationCase,
        windows: &[MaintenanceWindow],
        sweep: Timestamp,
    ) -> Outcome {
        let id = &case.instance.id;
        let now = self.clock.now();
        if windows.iter().any(|it| it.silences(Some(id), now)) {
            return Outcome::Postponed;
        }
        match case.decision {
            Decision::Take(step) => self.take(controls, case, step).await,
            Decision::Close => {
                self.keep(id, &case.remediation.closed()).await;
                Outcome::Nothing
            }
            Decision::GiveUp(why) => self.give_up(controls, case, why, sweep).await,
            Decision::Nothing => match case.remediation.given_up {
                Some(end) => {
                    let told = self.page(&case, case.remediation.clone(), end, sweep);
                    told.await.map_or(Outcome::Nothing, Outcome::SentKeys)
                }
                None => Outcome::Nothing,
            },
        }
    }

    /// Takes a step, once: its key is the same for everybody who concludes that it
    /// is due.
    async fn take(&self, controls: &Controls, case: RemediationCase, step: Step) -> Outcome {
        let RemediationCase {
            instance,
            since,
            mut remediation,
            ..
        } = case;
        let id = instance.id.clone();
        let since = *remediation.since.get_or_insert(since);
        let user = UserId::self_healing();
        let key = format!("{step} {} since {since}", remediation.attempts.len());
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
        remediation.attempts.push(Attempt { step, at, failure });
        // Who was overtaken got the other one's operation by its key.
        self.keep(&id, &remediation)
            .await
            .map_or(Outcome::Nothing, |_| outcome)
    }

    async fn give_up(
        &self,
        controls: &Controls,
        case: RemediationCase,
        why: GiveUpReason,
        sweep: Timestamp,
    ) -> Outcome {
        let id = &case.instance.id;
        let mut remediation = case.remediation.clone();
        if why == GiveUpReason::CrashLoop {
            let operations = match controls.operations.list(id, ORDERS, None).await {
                Ok(page) => page.operations,
                Err(error) => {
                    tracing::error!(%error, agent = %id, "crashes cannot be told from orders");
                    return Outcome::Postponed;
                }
            };
            let orders: Vec<_> = operations.iter().map(|it| it.started_at).collect();
            remediation = remediation.without_ordered(&orders, &self.settings.healing());
            if !remediation.is_crash_loop(sweep) {
                self.keep(id, &remediation).await;
                return Outcome::Nothing;
            }
        }
        let end = GivenUp {
            reason: why,
            at: sweep,
            pending: Some(sweep),
        };
        tracing::warn!(agent = %id, ?why, "an agent is beyond self-healing");
        let told = self.page(&case, remediation, end, sweep).await;
        told.map_or(Outcome::Nothing, |told| Outcome::GivenUp(why, told))
    }

    /// Takes it on to tell people that nothing more is done, and tells them. None
    /// where somebody else does, or there is no need any more.
    async fn page(
        &self,
        case: &RemediationCase,
        mut remediation: RemediationState,
        end: GivenUp,
        sweep: Timestamp,
    ) -> Option<bool> {
        let Instance { id, owner, .. } = &case.instance;
        let is_needed = end.reason == GiveUpReason::CrashLoop || case.condition == Condition::Down;
        remediation.given_up = Some(GivenUp {
            pending: is_needed.then_some(sweep),
            ..end
        });
        let mut kept = self.keep(id, &remediation).await?;
        if !is_needed {
            return None;
        }
        let alert = of_remediation(id, owner, &remediation, &end);
        if !self.knows(&alert) && !self.send(&alert).await {
            return Some(false);
        }
        kept.given_up = Some(GivenUp {
            pending: None,
            ..end
        });
        self.keep(id, &kept).await;
        Some(true)
    }

    /// Writes what is known of an agent. None where it is not written, because
    /// somebody else was faster or the store failed.
    pub(crate) async fn keep(
        &self,
        id: &InstanceId,
        remediation: &RemediationState,
    ) -> Option<RemediationState> {
        let kept = self.agent_states.save_remediation(id, remediation).await;
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
            Self::SentKeys(known) => told(known),
            Self::GivenUp(why, known) => {
                told(known);
                match why {
                    GiveUpReason::Exhausted => summary.healing_given_up += 1,
                    GiveUpReason::CrashLoop => summary.crash_loops += 1,
                }
            }
        }
    }
}
