//! AlertOutbox people what a sweep found, before its process is frozen.
//!
//! What they are owed is on record: whatever is not told here, because nobody
//! took it or the time was short, a later sweep tells.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::alerts::{Alert, Plan, Situation, of_incident, plan};
use common::model::{Instance, InstanceId, MaintenanceWindow, UserId};
use common::store::IncidentRecord;
use common::watch::{
    AlertOutbox, Announcement, Condition, FleetCount, FleetNews, Incident, PendingAlert,
    judge_fleet,
};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::{Summary, Sweep};

/// How long telling takes at the most.
pub(crate) const TELLING: Duration = Duration::from_secs(8);

/// How many alerts are sent at once.
const AT_ONCE: usize = 8;

/// How long whoever took it on has to tell something: longer than an invocation
/// lasts.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// For how long a process knows what it told.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// A transition that another sweep owes people.
pub(crate) struct OverdueAlert {
    instance: InstanceId,
    owner: UserId,
    pending: PendingAlert,
}

impl OverdueAlert {
    /// What is owed of an agent, if whoever took it on had time enough.
    pub(crate) fn due(instance: &Instance, outbox: &AlertOutbox, sweep: Timestamp) -> Option<Self> {
        let pending = outbox.pending?;
        (sweep.duration_since(pending.claimed_by) > PATIENCE).then(|| Self {
            instance: instance.id.clone(),
            owner: instance.owner.clone(),
            pending,
        })
    }
}

/// What there is to tell behind a round.
pub(crate) struct Findings {
    /// What this sweep found.
    pub(crate) news: Vec<Announcement>,
    /// What earlier ones owe.
    pub(crate) debts: Vec<OverdueAlert>,
    /// How the fleet is.
    pub(crate) count: FleetCount,
}

/// The keys of what this process told.
#[derive(Default)]
pub(crate) struct SentKeys(Mutex<HashMap<String, Timestamp>>);

impl SentKeys {
    fn keys(&self, now: Timestamp) -> HashSet<String> {
        let mut told = self.lock();
        told.retain(|_, at| now.duration_since(*at) < REMEMBERED);
        told.keys().cloned().collect()
    }

    fn note(&self, key: &str, now: Timestamp) {
        self.lock().insert(key.to_owned(), now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sweep {
    /// The last incident. One that cannot be read counts as none: rather too many
    /// alerts than none.
    pub(crate) async fn last_incident(&self) -> Option<IncidentRecord> {
        self.incidents.last().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the last incident cannot be read");
            None
        })
    }

    /// Tells what there is to tell, for some seconds at the most.
    pub(crate) async fn tell(
        &self,
        findings: Findings,
        last: Option<IncidentRecord>,
        summary: &mut Summary,
    ) {
        let telling = self.tell_all(findings, last, summary);
        if timeout(TELLING, telling).await.is_err() {
            tracing::warn!("no time was left to tell everything: a later sweep does");
        }
    }

    async fn tell_all(
        &self,
        findings: Findings,
        last: Option<IncidentRecord>,
        summary: &mut Summary,
    ) {
        let sweep = summary.sweep;
        let (record, changed) = self.judge_incident(last, &findings.count, sweep).await;
        summary.incident = record.as_ref().is_some_and(|it| it.incident.is_open());
        let owed = match &record {
            Some(record) => self.owed_of(record, changed, sweep).await,
            None => None,
        };
        if findings.news.is_empty() && findings.debts.is_empty() && owed.is_none() {
            return;
        }
        let windows = self.windows.all().await.unwrap_or_else(|error| {
            tracing::error!(%error, "maintenance windows cannot be read: nobody is spared");
            Vec::new()
        });
        let incident = record.as_ref().map(|record| &record.incident);
        if let (Some(incident), Some(owed)) = (incident, owed) {
            let alert = of_incident(incident, findings.count.fallen);
            self.tell_incident(incident, &alert, owed, &windows, summary)
                .await;
        }
        let mut announcements = findings.news;
        let mut debts = stream::iter(findings.debts)
            .map(|debt| self.claim(debt, sweep))
            .buffer_unordered(AT_ONCE);
        while let Some(announcement) = debts.next().await {
            announcements.extend(announcement);
        }
        let now = self.clock.now();
        let situation = Situation {
            incident,
            windows: &windows,
            sent_keys: &self.told.keys(now),
            now,
        };
        let plans = plan(&announcements, &situation);
        let mut outcomes = stream::iter(announcements.into_iter().zip(plans))
            .map(|(announcement, plan)| self.deliver(announcement, plan))
            .buffer_unordered(AT_ONCE);
        while let Some((plan, outcome)) = outcomes.next().await {
            match (plan, outcome) {
                (Plan::Send(_), Outcome::Failed) => summary.alerts_failed += 1,
                (Plan::Send(_), Outcome::Done) => summary.alerts_sent += 1,
                (Plan::InIncident, _) => summary.alerts_in_incident += 1,
                (Plan::Held | Plan::Silenced, _) => summary.alerts_silenced += 1,
                (Plan::AlreadySent, _) => {}
            }
        }
    }

    /// Opens, extends or closes the incident. How it is then, and whether it was
    /// opened or closed here: of all processes that find the same, by one.
    async fn judge_incident(
        &self,
        last: Option<IncidentRecord>,
        count: &FleetCount,
        sweep: Timestamp,
    ) -> (Option<IncidentRecord>, bool) {
        let known = last.as_ref().map(|record| &record.incident);
        let news = judge_fleet(known, count, sweep, &self.settings.fleet);
        let changed = match (&news, known) {
            (FleetNews::Opens(incident), _) => self.incidents.open(incident).await,
            (FleetNews::Lasts, Some(incident)) => {
                let extended = self.incidents.extend(incident, sweep).await;
                extended.map(|_| false)
            }
            (FleetNews::Ends, Some(incident)) => self.incidents.close(incident, sweep).await,
            _ => return (last, false),
        };
        let changed = changed.unwrap_or_else(|error| {
            tracing::error!(%error, "an incident is not written");
            false
        });
        // Whoever wrote it: this is how it is.
        (self.last_incident().await, changed)
    }

    /// What this process has to tell of the incident: what it changed, or what
    /// another one owes that had time enough.
    async fn owed_of(
        &self,
        record: &IncidentRecord,
        changed: bool,
        sweep: Timestamp,
    ) -> Option<Timestamp> {
        let owed = record.owed?;
        if changed {
            return Some(owed);
        }
        if sweep.duration_since(owed) <= PATIENCE {
            return None;
        }
        match self.incidents.take(owed, sweep).await {
            Ok(taken) => taken.then_some(sweep),
            Err(error) => {
                tracing::error!(%error, "what is owed of the incident cannot be told");
                None
            }
        }
    }

    async fn tell_incident(
        &self,
        incident: &Incident,
        alert: &Alert,
        owed: Timestamp,
        windows: &[MaintenanceWindow],
        summary: &mut Summary,
    ) {
        let now = self.clock.now();
        if windows.iter().any(|window| window.silences(None, now)) {
            summary.alerts_silenced += 1;
            if incident.is_open() {
                // If it still is when the window is over, people are told.
                return;
            }
        } else if self.send(alert).await {
            summary.alerts_sent += 1;
        } else {
            summary.alerts_failed += 1;
            return;
        }
        if let Err(error) = self.incidents.told(owed).await {
            tracing::error!(%error, "what was told of the incident is not written");
        }
    }

    /// Takes on what another sweep owes.
    async fn claim(&self, debt: OverdueAlert, sweep: Timestamp) -> Option<Announcement> {
        let OverdueAlert {
            instance,
            owner,
            pending,
        } = debt;
        match self.agent_states.claim(&instance, pending, sweep).await {
            Ok(transition) => transition.map(|transition| Announcement {
                instance,
                owner,
                transition,
            }),
            Err(error) => {
                tracing::error!(%error, %instance, "what is owed cannot be told");
                None
            }
        }
    }

    async fn deliver(&self, announcement: Announcement, plan: Plan) -> (Plan, Outcome) {
        let Announcement {
            instance,
            transition,
            ..
        } = &announcement;
        let (of, found_by) = (&self.agent_states, transition.scheduled_at);
        let known = async || match transition.to {
            Condition::Up => of.mark_over(instance, found_by).await,
            _ => of.mark_alerted(instance, found_by).await,
        };
        let written = match &plan {
            Plan::Send(alert) => {
                if !self.send(alert).await {
                    return (plan, Outcome::Failed);
                }
                known().await
            }
            Plan::AlreadySent => known().await,
            Plan::InIncident => of.drop_pending(instance, found_by).await,
            Plan::Silenced => of.mark_over(instance, found_by).await,
            Plan::Held => Ok(()),
        };
        if let Err(error) = written {
            // It is owed for longer than it has to be.
            tracing::error!(%error, %instance, "what was told is not written");
        }
        (plan, Outcome::Done)
    }

    /// Whether this process told people of it a moment ago.
    pub(crate) fn knows(&self, alert: &Alert) -> bool {
        let now = self.clock.now();
        self.told.keys(now).contains(&alert.dedup_key)
    }

    /// Whether people know now.
    pub(crate) async fn send(&self, alert: &Alert) -> bool {
        let sent = self.webhooks.send(alert).await.is_ok();
        if sent {
            self.told.note(&alert.dedup_key, self.clock.now());
        }
        sent
    }
}

enum Outcome {
    Done,
    Failed,
}
