//! A short-lived cache of Railway's view of the whole environment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::client::Railway;
use super::error::{RailwayError, ResolveError};
use super::{Fleet, History, Metrics};
use crate::clock::SharedClock;

/// How old the listing and the metrics may be. Railway samples metrics every 30
/// seconds, so that a younger answer would hardly tell more.
const AGE: SignedDuration = SignedDuration::from_secs(10);
/// How old the deployments of the last days may be.
const HISTORY_AGE: SignedDuration = SignedDuration::from_secs(60);
/// How long a failure stands for those after it, unless Railway asks for more.
const FAILURE_AGE: SignedDuration = SignedDuration::from_secs(5);

/// Railway's view of all services, shared by the requests of a process:
/// concurrent readers cause one query.
#[derive(Clone)]
pub struct Overview {
    railway: Railway,
    clock: SharedClock,
    fleet: Recent<Fleet>,
    metrics: Recent<Metrics>,
    history: Recent<History>,
}

impl Overview {
    /// An empty cache.
    pub fn new(railway: Railway, clock: SharedClock) -> Self {
        Self {
            railway,
            clock,
            fleet: Recent::default(),
            metrics: Recent::default(),
            history: Recent::default(),
        }
    }

    /// The services and what runs in them, as of the last ten seconds.
    ///
    /// # Errors
    /// Those of [`Railway::fleet`], a few seconds old at the most.
    pub async fn fleet(&self) -> Result<Arc<Fleet>, ResolveError> {
        let railway = self.railway.clone();
        self.fleet
            .get(AGE, &self.clock, async move |_| railway.fleet().await)
            .await
    }

    /// What the services use, as of the last ten seconds.
    ///
    /// # Errors
    /// Those of [`Railway::metrics`], a few seconds old at the most.
    pub async fn metrics(&self) -> Result<Arc<Metrics>, ResolveError> {
        let railway = self.railway.clone();
        self.metrics
            .get(AGE, &self.clock, async move |now| {
                railway.metrics(now).await
            })
            .await
    }

    /// The deployments of the last days, as of the last minute.
    ///
    /// # Errors
    /// Those of [`Railway::history`], a few seconds old at the most.
    pub async fn history(&self) -> Result<Arc<History>, ResolveError> {
        let railway = self.railway.clone();
        self.history
            .get(HISTORY_AGE, &self.clock, async move |now| {
                railway.history(now).await
            })
            .await
    }
}

/// The last answer to a question.
struct Recent<T>(Arc<Mutex<Option<Kept<T>>>>);

struct Kept<T> {
    answer: Result<Arc<T>, ResolveError>,
    at: Timestamp,
}

impl<T: Send + Sync + 'static> Recent<T> {
    /// The last response if it is recent enough, else a new one. Callers that
    /// arrive during a query wait for the same response.
    ///
    /// A query runs to its end even if nobody waits any more: otherwise a slow
    /// Railway would be queried again and again by callers with short timeouts.
    async fn get<F>(
        &self,
        age: SignedDuration,
        clock: &SharedClock,
        ask: impl FnOnce(Timestamp) -> F + Send + 'static,
    ) -> Result<Arc<T>, ResolveError>
    where
        F: Future<Output = Result<T, ResolveError>> + Send,
    {
        let (kept, clock) = (self.0.clone(), clock.clone());
        let asking = tokio::spawn(async move {
            let mut kept = kept.lock_owned().await;
            if let Some(kept) = kept.as_ref().filter(|it| it.holds(age, clock.now())) {
                return kept.answer.clone();
            }
            let answer = ask(clock.now()).await.map(Arc::new);
            let at = clock.now();
            kept.insert(Kept { answer, at }).answer.clone()
        });
        asking.await.unwrap_or_else(|error| {
            tracing::error!(%error, "railway: a question was given up");
            Err(RailwayError::NoAnswer("the question was given up".to_owned()).into())
        })
    }
}

impl<T> Kept<T> {
    fn holds(&self, age: SignedDuration, now: Timestamp) -> bool {
        let age = match &self.answer {
            Ok(_) => age,
            Err(error) => error
                .retry_after()
                .and_then(|wait| wait.try_into().ok())
                // Nobody knows what an hour brings.
                .map_or(FAILURE_AGE, |wait: SignedDuration| {
                    wait.clamp(FAILURE_AGE, HISTORY_AGE)
                }),
        };
        // A clock that was turned back does not make it more recent.
        now.duration_since(self.at).abs() < age
    }
}

impl<T> Clone for Recent<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
