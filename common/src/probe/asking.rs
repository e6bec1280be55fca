//! How the paths of an agent share a connection.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::HeaderValue;
use ::http::header::{CONTENT_TYPE, LOCATION};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Connection, Connector, Question, Sender, Target};
use super::failure::Failure;
use super::handshake::Opened;
use super::{Endpoint, Observation, Observations, SignOfLife, Startup};
use crate::model::AgentUrl;

/// How long a path waits for its turn on the connection before it gets one of
/// its own. A path that hangs delays the others by this much, and by no more.
const PATIENCE: Duration = Duration::from_millis(300);

/// One probe of one agent.
struct Asking<'a> {
    connector: &'a Connector,
    target: Target,
    start: Instant,
}

/// The connection that the paths share.
enum Shared {
    /// One path at a time; nothing once it cannot be used again.
    InTurn(Mutex<Option<Sender>>),
    /// All at once.
    AtOnce(Sender),
}

/// The right to send one request over the shared connection.
struct Turn<'a> {
    sender: Sender,
    /// Where others wait for the sender.
    slot: Option<MutexGuard<'a, Option<Sender>>>,
}

/// An answer that arrived whole.
struct Answer {
    status: u16,
    content_type: Option<HeaderValue>,
    location: Option<HeaderValue>,
    body: Vec<u8>,
}

/// Asks the three paths: over one connection, as long as the agent keeps it and
/// answers promptly, else over one for each; then `/startupz`, if that can tell
/// more. All ends with the longest limit.
pub(super) async fn observe(connector: &Connector, url: &AgentUrl) -> Observations {
    let start = Instant::now();
    let target = match Target::of(url) {
        Ok(target) => target,
        Err(failure) => return Observations::all(|_| Observation::failed(failure.reason())),
    };
    let asking = Asking {
        connector,
        target,
        start,
    };
    let limit = start + Endpoint::LONGEST_LIMIT;
    match timeout_at(limit, connector.open(&asking.target)).await {
        Err(_) => Observations::all(timed_out),
        Ok(Err(failure)) => Observations::all(|_| Observation::failed(failure.reason())),
        Ok(Ok(Connection { sender, driver })) => {
            let shared = match sender {
                Sender::Http1(_) => Shared::InTurn(Mutex::new(Some(sender))),
                Sender::Http2(_) => Shared::AtOnce(sender),
            };
            driver.run(pin!(asking.all(shared))).await
        }
    }
}

impl Asking<'_> {
    async fn all(&self, shared: Shared) -> Observations {
        let (healthz, readyz, api_status) = {
            let asked = AtomicBool::new(false);
            let ask = |endpoint| self.shared(&shared, &asked, endpoint);
            tokio::join!(
                ask(Endpoint::Healthz),
                ask(Endpoint::Readyz),
                ask(Endpoint::ApiStatus),
            )
        };
        let mut observations = Observations {
            healthz,
            readyz,
            api_status,
            startup: None,
            gateway: None,
        };
        if observations.leave_startup_open() {
            observations.startup = self.startup(&shared).await;
        }
        if observations.hide_the_gateway() {
            observations.gateway = Some(Box::pin(self.sign_of_life()).await);
        }
        observations
    }

    /// Asks the gateway itself, past a wrapper that answers for it: over a
    /// connection more, within the limit of all.
    async fn sign_of_life(&self) -> SignOfLife {
        let limit = self.start + Endpoint::LONGEST_LIMIT;
        match timeout_at(limit, self.connector.greet(&self.target)).await {
            Ok(Ok(Opened::Challenged(_))) => SignOfLife::Given,
            Ok(Ok(Opened::Refused) | Err(_)) => SignOfLife::Hidden,
            Ok(Ok(Opened::Closed)) | Err(_) => SignOfLife::Missing,
        }
    }

    /// Asks for `/startupz` over the connection that the others have left. It is
    /// not worth a second connection: the report is correct without it.
    async fn startup(&self, shared: &Shared) -> Option<Startup> {
        let mut turn = timeout(PATIENCE, shared.turn()).await.ok()??;
        let answer = self.fetch(&mut turn.sender, Endpoint::Startupz).await;
        Startup::read(&answer.ok()?.ok()?.body)
    }

    /// Asks for a path over the connection that all share, as far as possible.
    ///
    /// The first request tells about the agent however it ends. Another one that
    /// gets no status may owe that to what was before it on the connection, and
    /// is asked again on its own.
    async fn shared(&self, shared: &Shared, asked: &AtomicBool, endpoint: Endpoint) -> Observation {
        let Ok(Some(mut turn)) = timeout(PATIENCE, shared.turn()).await else {
            return Box::pin(self.alone(endpoint)).await;
        };
        let first = !asked.swap(true, Ordering::Relaxed);
        let outcome = self.ask(&mut turn.sender, endpoint).await;
        if outcome.is_ok() {
            turn.pass_on().await;
        }
        match outcome {
            Ok(observation) => observation,
            Err(failure) if first => Observation::failed(failure.reason()),
            Err(_) => Box::pin(self.alone(endpoint)).await,
        }
    }

    /// Asks for a path over a connection of its own.
    async fn alone(&self, endpoint: Endpoint) -> Observation {
        let opening = self.connector.open(&self.target);
        let asked = match timeout_at(self.deadline(endpoint), opening).await {
            Err(_) => return timed_out(endpoint),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(Connection { mut sender, driver })) => {
                driver
                    .run(pin!(async move { self.ask(&mut sender, endpoint).await }))
                    .await
            }
        };
        asked.unwrap_or_else(|failure| Observation::failed(failure.reason()))
    }

    /// Asks for a path, and fails if there is no status and still time.
    async fn ask(&self, sender: &mut Sender, endpoint: Endpoint) -> Result<Observation, Failure> {
        let answer = self.fetch(sender, endpoint).await?;
        Ok(answer.map_or_else(
            |observation| observation,
            |answer| answer.observation_of(endpoint),
        ))
    }

    /// Asks for a path; what befalls an answer that does not arrive whole is an
    /// observation already.
    async fn fetch(
        &self,
        sender: &mut Sender,
        endpoint: Endpoint,
    ) -> Result<Result<Answer, Observation>, Failure> {
        let deadline = self.deadline(endpoint);
        let question = Question::get(endpoint.path());
        let head = sender.ask(&self.target, &question);
        let response = match timeout_at(deadline, head).await {
            Err(_) => return Ok(Err(timed_out(endpoint))),
            Ok(response) => response?,
        };
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let location = response.headers().get(LOCATION).cloned();
        let body = timeout_at(deadline, response.into_body().read()).await;
        Ok(match body {
            Err(_) => Err(Observation::cut_off(status, after_limit(endpoint))),
            Ok(Err(error)) => Err(Observation::cut_off(status, error.to_string())),
            Ok(Ok(body)) => Ok(Answer {
                status,
                content_type,
                location,
                body,
            }),
        })
    }

    /// All limits count from the start of the probe.
    fn deadline(&self, endpoint: Endpoint) -> Instant {
        self.start + endpoint.limit()
    }
}

impl Answer {
    fn observation_of(&self, endpoint: Endpoint) -> Observation {
        let location = self.location.as_ref().and_then(|it| it.to_str().ok());
        if let (300..=399, Some(location)) = (self.status, location) {
            return Observation::redirected(self.status, location);
        }
        // A header that is not text is as odd as an unknown type.
        let content_type = self.content_type.as_ref();
        let content_type = content_type.map(|it| it.to_str().unwrap_or("?"));
        Observation::answered(endpoint, self.status, content_type, &self.body)
    }
}

impl Shared {
    /// Waits until a request may be sent, and gives nothing if none ever may.
    async fn turn(&self) -> Option<Turn<'_>> {
        match self {
            Self::InTurn(slot) => {
                let mut slot = slot.lock().await;
                let sender = slot.take()?;
                let slot = Some(slot);
                Some(Turn { sender, slot })
            }
            Self::AtOnce(sender) => {
                let mut sender = sender.another()?;
                sender.ready().await.ok()?;
                Some(Turn { sender, slot: None })
            }
        }
    }
}

impl Turn<'_> {
    /// Lets the next one have the connection, if the agent keeps it. A turn that
    /// is dropped ends the connection for those who wait.
    async fn pass_on(mut self) {
        if let Some(slot) = &mut self.slot
            && let Ok(Ok(())) = timeout(PATIENCE, self.sender.ready()).await
        {
            **slot = Some(self.sender);
        }
    }
}

fn timed_out(endpoint: Endpoint) -> Observation {
    Observation::failed(after_limit(endpoint))
}

fn after_limit(endpoint: Endpoint) -> String {
    format!("timed out after {} s", endpoint.limit().as_secs())
}
