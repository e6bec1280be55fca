//! Sends the alerts of a run, before Lambda freezes the process.
//!
//! An alert is pending on record from the write that makes it due until it is
//! delivered. If it is not delivered here, because no webhook accepted it or
//! the time was short, a later run claims it and sends it again.

use std::sync::Arc;
use std::time::Duration;

use common::alerts::{Alert, Plan, Situation, of_incident, plan};
use common::clock::SharedClock;
use common::model::{Instance, InstanceId, MaintenanceWindow, UserId};
use common::store::{AgentStates, IncidentRecord, Incidents, MaintenanceWindows};
use common::watch::{
    AlertOutbox, Announcement, FleetCount, FleetNews, FleetPolicy, Incident, PendingAlert,
    judge_fleet,
};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::timeout;

use super::Summary;
use super::alert_sender::{AlertSender, CLAIM};

/// How long alerting may take.
pub(crate) const NOTIFYING: Duration = Duration::from_secs(8);

/// How many alerts are sent at the same time.
const AT_ONCE: usize = 8;

/// Sends the alerts of runs.
pub(crate) struct Notifier {
    pub(crate) clock: SharedClock,
    pub(crate) agent_states: AgentStates,
    pub(crate) incidents: Incidents,
    pub(crate) maintenance_windows: MaintenanceWindows,
    pub(crate) sender: Arc<AlertSender>,
    /// When many failures are one incident.
    pub(crate) policy: FleetPolicy,
}

/// A pending alert that the run which claimed it has not delivered in time.
pub(crate) struct OverdueAlert {
    instance: InstanceId,
    owner: UserId,
    pending: PendingAlert,
}

impl OverdueAlert {
    /// The pending alert of an agent, if it is overdue.
    pub(crate) fn of(
        instance: &Instance,
        outbox: &AlertOutbox,
        scheduled_at: Timestamp,
    ) -> Option<Self> {
        let pending = outbox.pending?;
        (scheduled_at.duration_since(pending.claimed_by) > CLAIM).then(|| Self {
            instance: instance.id.clone(),
            owner: instance.owner.clone(),
            pending,
        })
    }
}

/// What the alerts of a run are about.
pub(crate) struct News {
    /// Transitions that it found and that need an alert.
    pub(crate) announcements: Vec<Announcement>,
    /// Alerts that earlier runs have not delivered.
    pub(crate) overdue: Vec<OverdueAlert>,
    pub(crate) fleet: FleetCount,
}

/// The outcome of an alert.
enum Delivery {
    /// No delivery failed: the alert was delivered, suppressed or postponed.
    Done,
    Failed,
}

impl Notifier {
    /// The last incident. One that cannot be read counts as none: too many alerts
    /// are better than none.
    pub(crate) async fn last_incident(&self) -> Option<IncidentRecord> {
        self.incidents.last().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the last incident cannot be read");
            None
        })
    }

    /// Sends the alerts of a run, within [`NOTIFYING`].
    pub(crate) async fn notify(
        &self,
        news: News,
        last: Option<IncidentRecord>,
        summary: &mut Summary,
    ) {
        let notifying = self.notify_all(news, last, summary);
        if timeout(NOTIFYING, notifying).await.is_err() {
            tracing::warn!("no time was left to send all alerts: a later sweep sends them");
        }
    }

    async fn notify_all(&self, news: News, last: Option<IncidentRecord>, summary: &mut Summary) {
        let scheduled_at = summary.scheduled_at;
        let (record, changed) = self.judge_incident(last, &news.fleet, scheduled_at).await;
        summary.incident = record.as_ref().is_some_and(|it| it.incident.is_open());
        let pending = match &record {
            Some(record) => self.pending_of(record, changed, scheduled_at).await,
            None => None,
        };
        if news.announcements.is_empty() && news.overdue.is_empty() && pending.is_none() {
            return;
        }
        let windows = self
            .maintenance_windows
            .all()
            .await
            .unwrap_or_else(|error| {
                tracing::error!(%error, "maintenance windows cannot be read: alerts are sent");
                Vec::new()
            });
        let incident = record.as_ref().map(|record| &record.incident);
        if let (Some(incident), Some(pending)) = (incident, pending) {
            let alert = of_incident(incident, news.fleet.went_down);
            self.deliver_incident(incident, &alert, pending, &windows, summary)
                .await;
        }
        let mut announcements = news.announcements;
        let mut claims = stream::iter(news.overdue)
            .map(|overdue| self.claim(overdue, scheduled_at))
            .buffer_unordered(AT_ONCE);
        while let Some(announcement) = claims.next().await {
            announcements.extend(announcement);
        }
        let situation = Situation {
            incident,
            windows: &windows,
            sent_keys: &self.sender.sent_keys(),
            now: self.clock.now(),
        };
        let plans = plan(&announcements, &situation);
        let mut deliveries = stream::iter(announcements.into_iter().zip(plans))
            .map(|(announcement, plan)| self.deliver(announcement, plan))
            .buffer_unordered(AT_ONCE);
        while let Some((plan, delivery)) = deliveries.next().await {
            match (plan, delivery) {
                (Plan::Send(_), Delivery::Failed) => summary.alerts_failed += 1,
                (Plan::Send(_), Delivery::Done) => summary.alerts_sent += 1,
                (Plan::InIncident, _) => summary.alerts_in_incident += 1,
                (Plan::Postponed | Plan::Suppressed, _) => summary.alerts_silenced += 1,
                (Plan::AlreadySent, _) => {}
            }
        }
    }

    /// Opens, extends or closes the incident. Returns the incident as it is then,
    /// and whether this process opened or closed it: of all processes that find the
    /// same, one does.
    async fn judge_incident(
        &self,
        last: Option<IncidentRecord>,
        fleet: &FleetCount,
        scheduled_at: Timestamp,
    ) -> (Option<IncidentRecord>, bool) {
        let known = last.as_ref().map(|record| &record.incident);
        let news = judge_fleet(known, fleet, scheduled_at, &self.policy);
        let changed = match (&news, known) {
            (FleetNews::Opens(incident), _) => self.incidents.open(incident).await,
            (FleetNews::Lasts, Some(incident)) => {
                let extended = self.incidents.extend(incident, scheduled_at).await;
                extended.map(|_| false)
            }
            (FleetNews::Ends, Some(incident)) => self.incidents.close(incident, scheduled_at).await,
            _ => return (last, false),
        };
        let changed = changed.unwrap_or_else(|error| {
            tracing::error!(%error, "an incident is not written");
            false
        });
        // The current record, whichever process wrote it.
        (self.last_incident().await, changed)
    }

    /// The run that has claimed the incident's alert, if this process has to
    /// deliver it: because it opened or closed the incident, or because the
    /// alert is overdue.
    async fn pending_of(
        &self,
        record: &IncidentRecord,
        changed: bool,
        scheduled_at: Timestamp,
    ) -> Option<Timestamp> {
        let pending = record.pending?;
        if changed {
            return Some(pending);
        }
        if scheduled_at.duration_since(pending) <= CLAIM {
            return None;
        }
        match self.incidents.claim(pending, scheduled_at).await {
            Ok(claimed) => claimed.then_some(scheduled_at),
            Err(error) => {
                tracing::error!(%error, "the incident's alert cannot be claimed");
                None
            }
        }
    }

    async fn deliver_incident(
        &self,
        incident: &Incident,
        alert: &Alert,
        pending: Timestamp,
        windows: &[MaintenanceWindow],
        summary: &mut Summary,
    ) {
        let now = self.clock.now();
        if windows.iter().any(|window| window.silences(None, now)) {
            summary.alerts_silenced += 1;
            if incident.is_open() {
                // If it is still open when the window is over, the alert is
                // sent then.
                return;
            }
        } else if self.sender.send(alert).await {
            summary.alerts_sent += 1;
        } else {
            summary.alerts_failed += 1;
            return;
        }
        if let Err(error) = self.incidents.mark_delivered(pending).await {
            tracing::error!(%error, "the delivery of the incident's alert is not recorded");
        }
    }

    /// Claims an alert that another run has not delivered.
    async fn claim(&self, overdue: OverdueAlert, scheduled_at: Timestamp) -> Option<Announcement> {
        let OverdueAlert {
            instance,
            owner,
            pending,
        } = overdue;
        let claim = self.agent_states.claim(&instance, pending, scheduled_at);
        match claim.await {
            Ok(transition) => transition.map(|transition| Announcement {
                instance,
                owner,
                transition,
            }),
            Err(error) => {
                tracing::error!(%error, %instance, "a pending alert cannot be claimed");
                None
            }
        }
    }

    /// Carries out the plan for an alert, and records the outcome.
    async fn deliver(&self, announcement: Announcement, plan: Plan) -> (Plan, Delivery) {
        let Announcement {
            instance,
            transition,
            ..
        } = &announcement;
        let (states, found_by) = (&self.agent_states, transition.scheduled_at);
        let mark_known = async || match transition.is_recovery() {
            true => states.mark_over(instance, found_by).await,
            false => states.mark_alerted(instance, found_by).await,
        };
        let written = match &plan {
            Plan::Send(alert) => {
                if !self.sender.send(alert).await {
                    return (plan, Delivery::Failed);
                }
                mark_known().await
            }
            Plan::AlreadySent => mark_known().await,
            Plan::InIncident => states.drop_pending(instance, found_by).await,
            Plan::Suppressed => states.mark_over(instance, found_by).await,
            Plan::Postponed => Ok(()),
        };
        if let Err(error) = written {
            // The alert stays pending, and may be sent again.
            tracing::error!(%error, %instance, "the outcome of an alert is not recorded");
        }
        (plan, Delivery::Done)
    }
}
