//! The client: settings, retries and time limits.

use std::fmt;
use std::sync::Arc;

use backon::{ExponentialBuilder, Retryable};
use graphql_client::{GraphQLQuery, QueryBody};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::error::{RailwayError, ResolveError};
use super::settings::{Limits, RailwaySettings};
use super::transport::{Answer, Credentials, Transport};
use crate::client::ClientError;
use crate::clock::SharedClock;
use crate::config::{RAILWAY_API_KEY, RAILWAY_ENVIRONMENT_ID, RAILWAY_PROJECT_ID};

/// Railway, as one environment of one project. Made once per process.
#[derive(Clone)]
pub struct Railway {
    pub(super) transport: Transport,
    pub(super) limits: Limits,
    pub(super) access: Result<Arc<Access>, ResolveError>,
}

/// Everything that a request needs and that the environment may lack.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) credentials: Credentials,
    pub(super) environment_id: String,
    pub(super) project_id: String,
}

impl Railway {
    /// Builds the client. Missing settings are no error until a service is
    /// resolved.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(
        settings: RailwaySettings,
        limits: Limits,
        clock: SharedClock,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::new(&settings.url, &limits, clock)?,
            limits,
            access: Access::of(settings).map(Arc::new),
        })
    }

    /// Whether the environment has all that a request needs.
    pub fn is_configured(&self) -> bool {
        self.access.is_ok()
    }

    /// The time limits of this client.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// When a method that begins now has to end.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.limits.total
    }

    /// Sends a query, and retries it within the time limit. If Railway asks for
    /// a longer wait, its refusal is returned at once.
    pub(super) async fn read<Q: GraphQLQuery>(
        &self,
        access: &Access,
        variables: Q::Variables,
        deadline: Instant,
    ) -> Result<Answer<Q::ResponseData>, RailwayError> {
        self.send_while::<Q>(
            access,
            &Q::build_query(variables),
            deadline,
            RailwayError::may_pass,
        )
        .await
    }

    /// Sends a request, and retries the failures that `repeat` names.
    pub(super) async fn send_while<Q: GraphQLQuery>(
        &self,
        access: &Access,
        body: &QueryBody<Q::Variables>,
        deadline: Instant,
        repeat: fn(&RailwayError) -> bool,
    ) -> Result<Answer<Q::ResponseData>, RailwayError> {
        let document = serde_json::to_vec(body)
            .map_err(|_| RailwayError::Unreachable("the request could not be made".to_owned()))?;
        self.send_document(access, body.operation_name, &document, deadline, repeat)
            .await?
            .typed()
    }

    async fn send_document(
        &self,
        access: &Access,
        operation: &str,
        document: &[u8],
        deadline: Instant,
        repeat: fn(&RailwayError) -> bool,
    ) -> Result<Answer<Box<RawValue>>, RailwayError> {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.limits.backoff)
            .with_max_times(4)
            .with_jitter();
        let send = async || {
            let begun = Instant::now();
            let document = document.to_vec();
            let sent = self.transport.send(&access.credentials, document, deadline);
            let answered = sent.await;
            let took_ms = begun.elapsed().as_millis() as u64;
            // Railway's own words may repeat what it was sent.
            let failed = answered.is_err();
            tracing::debug!(operation, took_ms, failed, "asked Railway");
            answered
        };
        send.retry(backoff)
            .when(repeat)
            .adjust(|error, delay| {
                let delay = delay?.max(error.retry_after().unwrap_or_default());
                (Instant::now() + delay < deadline).then_some(delay)
            })
            .notify(|error, delay| {
                tracing::warn!(operation, %error, ?delay, "railway: again");
            })
            .await
    }
}

impl fmt::Debug for Railway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Railway")
            .field("access", &self.access)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Access {
    fn of(settings: RailwaySettings) -> Result<Self, ResolveError> {
        let missing = ResolveError::NotConfigured;
        Ok(Self {
            credentials: Credentials {
                key: settings.key.ok_or(missing(RAILWAY_API_KEY))?,
                token_type: settings.token_type,
            },
            environment_id: settings
                .environment_id
                .ok_or(missing(RAILWAY_ENVIRONMENT_ID))?,
            project_id: settings.project_id.ok_or(missing(RAILWAY_PROJECT_ID))?,
        })
    }
}

/// A moment of this process, to be found in Railway's own time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Instant);

impl Moment {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// The same moment by the clock that Railway's answers carry, so that this
    /// machine's clock may be wrong. It errs to the early side: the answer took
    /// a while to get here, its date is cut to the second, and Railway's own
    /// machines may differ by as much.
    pub(super) fn by_answer_of(self, date: Timestamp) -> Timestamp {
        const DISAGREEMENT: std::time::Duration = std::time::Duration::from_secs(1);
        date.checked_sub(self.0.elapsed() + DISAGREEMENT)
            .unwrap_or(Timestamp::MIN)
    }
}
