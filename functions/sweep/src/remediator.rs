//! Self-healing: restarts and repairs agents that fail, after a run, once the
//! state of the whole fleet is known.
//!
//! A step that has to wait, for an operation, a maintenance window or time, is
//! taken by a later run.

use std::sync::Arc;
use std::time::Duration;

use common::alerts::of_remediation;
use common::clock::SharedClock;
use common::control::{ControlError, Controls, Order};
use common::model::{Control, IdempotencyKey, Instance, InstanceId, MaintenanceWindow, UserId};
use common::store::{AgentStates, Incidents, MaintenanceWindows};
use common::watch::{
    AgentState, Attempt, Condition, Decision, FleetCount, FleetPolicy, GiveUpReason, GivenUp,
    Process, RemediationPolicy, RemediationState, Step,
};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::Summary;
use super::alert_sender::{AlertSender, CLAIM};

/// How long remediation may take: as long as Railway has for one operation, and a
/// little more.
pub(crate) const REMEDIATING: Duration = Duration::from_secs(15);

/// How many agents are remediated at the same time.
const AT_ONCE: usize = 8;

/// How many of an agent's operations are read, to tell crashes from processes that
/// an operation replaced.
const OPERATIONS: i32 = 10;

/// Restarts and repairs agents that fail.
pub(crate) struct Remediator {
    pub(crate) clock: SharedClock,
    pub(crate) agent_states: AgentStates,
    pub(crate) incidents: Incidents,
    pub(crate) maintenance_windows: MaintenanceWindows,
    pub(crate) controls: Controls,
    pub(crate) sender: Arc<AlertSender>,
    pub(crate) policy: RemediationPolicy,
    pub(crate) fleet: FleetPolicy,
    /// How many steps are taken after one run.
    pub(crate) steps: usize,
}

/// An agent that needs a step, or an alert.
pub(crate) struct RemediationCase {
    instance: Instance,
    condition: Condition,
    since: Timestamp,
    remediation: RemediationState,
    decision: Decision,
}

/// The outcome of a case.
enum CaseOutcome {
    /// Nothing was left to do, or another process did it.
    Nothing,
    /// It waits for a later run.
    Postponed,
    Taken(Step),
    /// Railway rejected the step, or failed.
    Failed,
    /// Nothing more is tried; whether the alert was delivered.
    GivenUp(GiveUpReason, bool),
    /// An earlier run gave up; whether its alert was delivered now.
    Notified(bool),
}

impl Remediator {
    /// Records what a run learned about an agent's process, and decides whether
    /// the agent is a case for after the run.
    pub(crate) async fn assess(
        &self,
        instance: Instance,
        mut remediation: RemediationState,
        process: &Process,
        state: &AgentState,
        may_act: bool,
        scheduled_at: Timestamp,
    ) -> Option<RemediationCase> {
        if let Some(seen) = remediation.observe(process, &self.policy) {
            remediation = self.save(&instance.id, &seen).await?;
        }
        let decision = remediation.decide(state, may_act, scheduled_at, &self.policy);
        let pending = remediation.given_up.and_then(|end| end.pending);
        let is_overdue = pending.is_some_and(|by| scheduled_at.duration_since(by) > CLAIM);
        (decision != Decision::Nothing || is_overdue).then_some(RemediationCase {
            instance,
            condition: state.condition,
            since: state.since,
            remediation,
            decision,
        })
    }

    /// Handles the cases of a run, longest down first, within [`REMEDIATING`].
    pub(crate) async fn remediate(
        &self,
        mut cases: Vec<RemediationCase>,
        fleet: &FleetCount,
        summary: &mut Summary,
    ) {
        if cases.is_empty() {
            return;
        }
        let deadline = Instant::now() + REMEDIATING;
        let all = cases.len();
        let mut handled = 0;
        if let Some(windows) = self.unless_incident(fleet).await {
            cases.sort_by_key(|case| case.since);
            let mut steps = self.steps;
            cases.retain(|case| match case.decision {
                Decision::Take(_) if steps == 0 => false,
                Decision::Take(_) => {
                    steps -= 1;
                    true
                }
                _ => true,
            });
            let scheduled_at = summary.scheduled_at;
            let mut outcomes = stream::iter(cases)
                .map(|case| self.handle(case, &windows, scheduled_at))
                .buffer_unordered(AT_ONCE);
            while let Ok(Some(outcome)) = timeout_at(deadline, outcomes.next()).await {
                if !matches!(outcome, CaseOutcome::Postponed) {
                    handled += 1;
                }
                outcome.count(summary);
            }
        }
        summary.healing_postponed = u32::try_from(all - handled).unwrap_or(u32::MAX);
    }

    /// The maintenance windows; `None` during an incident, or if that cannot be
    /// determined: then no agent is remediated.
    async fn unless_incident(&self, fleet: &FleetCount) -> Option<Vec<MaintenanceWindow>> {
        if fleet.is_incident(&self.fleet) {
            return None;
        }
        let (last, windows) = tokio::join!(self.incidents.last(), self.maintenance_windows.all());
        match (last, windows) {
            (Ok(last), Ok(windows)) => {
                let open = last.is_some_and(|record| record.incident.is_open());
                (!open).then_some(windows)
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "self-healing is skipped: the state of the fleet is unknown");
                None
            }
        }
    }

    /// Carries out the decision about an agent, unless it is in a maintenance
    /// window.
    async fn handle(
        &self,
        case: RemediationCase,
        windows: &[MaintenanceWindow],
        scheduled_at: Timestamp,
    ) -> CaseOutcome {
        let id = &case.instance.id;
        let now = self.clock.now();
        if windows.iter().any(|it| it.silences(Some(id), now)) {
            return CaseOutcome::Postponed;
        }
        match case.decision {
            Decision::Take(step) => self.take_step(case, step).await,
            Decision::Close => {
                self.save(id, &case.remediation.closed()).await;
                CaseOutcome::Nothing
            }
            Decision::GiveUp(reason) => self.give_up(case, reason, scheduled_at).await,
            Decision::Nothing => match case.remediation.given_up {
                Some(end) => {
                    let told = self.page(&case, case.remediation.clone(), end, scheduled_at);
                    told.await
                        .map_or(CaseOutcome::Nothing, CaseOutcome::Notified)
                }
                None => CaseOutcome::Nothing,
            },
        }
    }

    /// Takes a step once: every process that concludes that it is due uses the
    /// same idempotency key.
    async fn take_step(&self, case: RemediationCase, step: Step) -> CaseOutcome {
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
        let before = self.clock.now().saturating_sub(self.policy.pause);
        let before = before.unwrap_or(Timestamp::MIN);
        let ordered = self.controls.run_if_unchanged(control, order, before);
        let failure = match ordered.await {
            Ok(operation) => {
                tracing::info!(agent = %id, %step, operation = %operation.id, "self-healing takes a step");
                None
            }
            Err(error @ (ControlError::Busy { .. } | ControlError::ChangedSince(..))) => {
                tracing::info!(agent = %id, %step, %error, "a step of self-healing is postponed");
                return CaseOutcome::Postponed;
            }
            Err(ControlError::Store(error)) => {
                tracing::error!(%error, agent = %id, %step, "a step of self-healing is postponed");
                return CaseOutcome::Postponed;
            }
            Err(error) => {
                tracing::warn!(%error, agent = %id, %step, "a step of self-healing failed");
                Some(error.to_string())
            }
        };
        let outcome = match failure {
            None => CaseOutcome::Taken(step),
            Some(_) => CaseOutcome::Failed,
        };
        let at = self.clock.now();
        remediation.attempts.push(Attempt { step, at, failure });
        // If another process was faster, the key returned its operation.
        let saved = self.save(&id, &remediation).await;
        saved.map_or(CaseOutcome::Nothing, |_| outcome)
    }

    async fn give_up(
        &self,
        case: RemediationCase,
        reason: GiveUpReason,
        scheduled_at: Timestamp,
    ) -> CaseOutcome {
        let id = &case.instance.id;
        let mut remediation = case.remediation.clone();
        if reason == GiveUpReason::CrashLoop {
            let operations = match self.controls.operations.list(id, OPERATIONS, None).await {
                Ok(page) => page.operations,
                Err(error) => {
                    tracing::error!(%error, agent = %id, "crashes cannot be told from orders");
                    return CaseOutcome::Postponed;
                }
            };
            let orders: Vec<_> = operations.iter().map(|it| it.started_at).collect();
            remediation = remediation.without_ordered(&orders, &self.policy);
            if !remediation.is_crash_loop(scheduled_at) {
                self.save(id, &remediation).await;
                return CaseOutcome::Nothing;
            }
        }
        let end = GivenUp {
            reason,
            at: scheduled_at,
            pending: Some(scheduled_at),
        };
        tracing::warn!(agent = %id, why = ?reason, "an agent is beyond self-healing");
        let told = self.page(&case, remediation, end, scheduled_at).await;
        told.map_or(CaseOutcome::Nothing, |told| {
            CaseOutcome::GivenUp(reason, told)
        })
    }

    /// Claims the alert that nothing more is tried, and delivers it. Returns
    /// whether it was delivered; `None` if another process claimed it, or it is
    /// no longer needed.
    async fn page(
        &self,
        case: &RemediationCase,
        mut remediation: RemediationState,
        end: GivenUp,
        scheduled_at: Timestamp,
    ) -> Option<bool> {
        let Instance { id, owner, .. } = &case.instance;
        let is_needed = end.reason == GiveUpReason::CrashLoop || case.condition == Condition::Down;
        remediation.given_up = Some(GivenUp {
            pending: is_needed.then_some(scheduled_at),
            ..end
        });
        let mut saved = self.save(id, &remediation).await?;
        if !is_needed {
            return None;
        }
        let alert = of_remediation(id, owner, &remediation, &end);
        if !self.sender.send_once(&alert).await {
            return Some(false);
        }
        saved.given_up = Some(GivenUp {
            pending: None,
            ..end
        });
        self.save(id, &saved).await;
        Some(true)
    }

    /// Writes what self-healing knows about an agent. `None` if it is not written,
    /// because another process was faster or the store failed.
    async fn save(
        &self,
        id: &InstanceId,
        remediation: &RemediationState,
    ) -> Option<RemediationState> {
        let saved = self.agent_states.save_remediation(id, remediation).await;
        saved.unwrap_or_else(|error| {
            tracing::error!(%error, agent = %id, "what self-healing knows is not written");
            None
        })
    }
}

impl CaseOutcome {
    fn count(self, summary: &mut Summary) {
        let mut notified = |delivered| {
            *match delivered {
                true => &mut summary.alerts_sent,
                false => &mut summary.alerts_failed,
            } += 1;
        };
        match self {
            Self::Nothing | Self::Postponed => {}
            Self::Taken(Step::Restart) => summary.healing_restarts += 1,
            Self::Taken(Step::Repair) => summary.healing_repairs += 1,
            Self::Failed => summary.healing_failed += 1,
            Self::Notified(delivered) => notified(delivered),
            Self::GivenUp(reason, delivered) => {
                notified(delivered);
                match reason {
                    GiveUpReason::Exhausted => summary.healing_given_up += 1,
                    GiveUpReason::CrashLoop => summary.crash_loops += 1,
                }
            }
        }
    }
}
