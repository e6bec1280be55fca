//! A whole stack of its own for one test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::config::Environment;
use common::railway::Limits;
use common::store::{SessionKey, Sessions};
use jiff::SignedDuration;
use local::railway::Simulator;
use local::{Data, EmbeddedDynamoDb, LocalEnvironment, Options, Stack, StackError};
use reqwest::Client;
use serde_json::json;

use crate::{Caller, FaultyDynamoDb, ManualClock, Records, START, environment};

/// A running stack with everything in memory, and the ways into it.
pub struct World {
    /// The stack itself.
    pub stack: Stack,
    /// The time of the stack.
    pub clock: ManualClock,
    /// What is in DynamoDB.
    pub records: Records,
    http: Client,
    proxy: Option<FaultyDynamoDb>,
    _embedded: Option<EmbeddedDynamoDb>,
}

/// Limits that a slow answer exceeds within a test's patience.
pub const HASTY: Limits = Limits {
    connect: Duration::from_millis(500),
    attempt: Duration::from_millis(500),
    total: Duration::from_secs(2),
    backoff: Duration::from_millis(5),
    settle: Duration::from_millis(20),
    poll: Duration::from_millis(20),
    page: 3,
};

/// The first pause between two checks of a deployment, of which a simulated one needs
/// fractions of a second.
const POLL: Duration = Duration::from_millis(50);

/// A world with variables of its own.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    environment: BTreeMap<&'static str, String>,
    ticking: bool,
    limits: Option<Limits>,
    watched: bool,
    stage: Option<Duration>,
    guarded: bool,
}

impl Builder {
    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.insert(name, value.into());
        self
    }

    /// Lets the clock tick from the system's time on: for tests that wait for
    /// outcomes, which are compared with the real age of simulated processes.
    #[must_use]
    pub fn ticking(mut self) -> Self {
        self.ticking = true;
        self
    }

    /// Has the API give Railway fractions of a second to answer.
    #[must_use]
    pub fn hasty(mut self) -> Self {
        self.limits = Some(HASTY);
        self
    }

    /// Has the API wait for Railway as long as in production.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.limits = Some(Limits::default());
        self
    }

    /// Puts a proxy in front of DynamoDB: [`World::dynamodb`].
    #[must_use]
    pub fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// Keeps web pages out, as `cargo run -p local` does.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// How long each stage of a deployment takes.
    #[must_use]
    pub fn stage(mut self, stage: Duration) -> Self {
        self.stage = Some(stage);
        self
    }

    /// Starts the stack.
    pub async fn start(self) -> World {
        self.try_start().await.expect("the stack starts")
    }

    /// Starts the stack, or tells why it does not.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn try_start(self) -> Result<World, StackError> {
        let other = environment::other_dynamodb();
        let variables = OwnTables::new(LocalEnvironment(self.environment), other.is_some());
        let (mut embedded, mut proxy) = (None, None);
        let mut data = other.map_or(Data::Memory, Data::Server);
        if self.watched || environment::recorded_calls().is_some() {
            let upstream = match data {
                Data::Server(url) => url,
                Data::Memory | Data::File(_) => {
                    let started = EmbeddedDynamoDb::in_memory(EmbeddedDynamoDb::TEST_KEY).await?;
                    embedded.insert(started).url.clone()
                }
            };
            let started = FaultyDynamoDb::start(&upstream).await;
            data = Data::Server(proxy.insert(started).url().to_owned());
        }
        let clock = if self.ticking {
            ManualClock::ticking()
        } else {
            ManualClock::at(START)
        };
        let options = Options {
            port: 0,
            data,
            clock: Arc::new(clock.clone()),
            stage: self.stage.unwrap_or(Duration::from_millis(50)),
            limits: self.limits.unwrap_or(Limits {
                poll: POLL,
                ..Limits::default()
            }),
            sweep: None,
            guarded: self.guarded,
        };
        let stack = Stack::start(options, &variables).await?;
        let http = common::client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("an HTTP client");
        Ok(World {
            records: Records::open(&stack.dynamodb, stack.tables.clone()),
            stack,
            clock,
            http,
            proxy,
            _embedded: embedded,
        })
    }
}

impl World {
    /// A world as `cargo run -p local` starts it.
    pub async fn start() -> Self {
        Builder::default().start().await
    }

    /// A world with a variable of its own, which still has to be started.
    pub fn with(name: &'static str, value: impl Into<String>) -> Builder {
        Builder::default().with(name, value)
    }

    /// A world whose clock ticks, which still has to be started.
    pub fn ticking() -> Builder {
        Builder::default().ticking()
    }

    /// The simulated Railway.
    pub fn railway(&self) -> &Simulator {
        let railway = self.stack.railway.as_ref();
        railway.expect("no RAILWAY_API_KEY is set")
    }

    /// The proxy in front of DynamoDB, in a world that is [`Builder::watched`].
    pub fn dynamodb(&self) -> &FaultyDynamoDb {
        self.proxy.as_ref().expect("this world is watched")
    }

    /// Nobody in particular.
    pub fn anonymous(&self) -> Caller {
        Caller::new(self.http.clone(), self.stack.api.clone())
    }

    /// The owner of an instance of the demo, logged in.
    pub fn owner_of(&self, instance_id: &str) -> Caller {
        let agents = &self.stack.agents;
        let agent = agents.iter().find(|agent| agent.instance_id == instance_id);
        let agent = agent.expect("an instance of the demo");
        self.anonymous().with("cookie", &agent.cookie)
    }

    /// A user who is logged in and owns nothing.
    pub fn stranger(&self) -> Caller {
        let user = self.stack.user_without_agent.as_ref();
        let user = user.expect("the demo has a user without an agent");
        self.anonymous().with("cookie", &user.cookie)
    }

    /// The platform's own services.
    pub fn platform(&self) -> Caller {
        let bearer = format!("Bearer {}", self.stack.bearer.reveal());
        self.anonymous().with("authorization", bearer)
    }

    /// A user with a session of thirty days.
    pub async fn log_in(&self, user: &str) -> Caller {
        let value = format!("session-of-{user}");
        self.store_session(&value, user).await;
        self.anonymous()
            .with("cookie", format!("agentbot-session={value}"))
    }

    /// Stores a session of thirty days with a cookie's value.
    pub async fn store_session(&self, cookie_value: &str, user: &str) {
        use common::clock::Clock;

        let key = SessionKey::of_cookie(cookie_value).expect("a cookie's value");
        let user = user.parse().expect("a user id");
        let expires_at = self.clock.now() + SignedDuration::from_hours(30 * 24);
        let sessions = Sessions::new(
            self.stack.connection.clone(),
            self.stack.tables.sessions.clone(),
        );
        let stored = sessions.put(&key, &user, expires_at).await;
        stored.expect("DynamoDB stores the session");
    }

    /// Registers an instance at a URL, and logs its owner in.
    pub async fn deploy(&self, instance_id: &str, owner: &str, url: &str) -> Caller {
        let path = format!("/api/openclaw/instances/{instance_id}");
        let body = json!({"ownerId": owner, "openclawUrl": url});
        let answer = self.platform().put(&path, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        self.log_in(owner).await
    }
}

/// An environment in which the tables have names that no other world has.
struct OwnTables<E> {
    environment: E,
    /// What is put behind each name; nothing where no other world is there.
    suffix: String,
}

impl<E> OwnTables<E> {
    fn new(environment: E, shared: bool) -> Self {
        static WORLDS: AtomicUsize = AtomicUsize::new(0);
        let number = || WORLDS.fetch_add(1, Ordering::Relaxed);
        let suffix = || format!("-{}-{}", std::process::id(), number());
        Self {
            environment,
            suffix: if shared { suffix() } else { String::new() },
        }
    }
}

impl<E: Environment> Environment for OwnTables<E> {
    fn get(&self, name: &str) -> Option<String> {
        let value = self.environment.get(name)?;
        let is_table = name.ends_with("_TABLE") && !value.is_empty();
        Some(if is_table {
            value + &self.suffix
        } else {
            value
        })
    }
}
