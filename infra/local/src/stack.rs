//! Starting and ending the stack.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use common::aws::{Aws, Endpoint};
use common::background::Background;
use common::clock::SharedClock;
use common::config::{
    AGENT_ORIGIN, Environment, Overlay, RAILWAY_API_KEY, RAILWAY_API_URL, RAILWAY_ENVIRONMENT_ID,
    RAILWAY_PROJECT_ID, RAILWAY_TOKEN_TYPE,
};
use common::http::{AllowedOrigins, InternalKey, PeerAddress, allowed_origins};
use common::platform::Platform;
use common::process::StartError;
use common::railway::Limits;
use common::random;
use common::store::{Connection, Instances, Sessions, Tables, Tokens, create_missing_tables};
use proxy::Tunnels;
use sweep::Coordinator;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::agents::Agent;
use crate::demo::{Demo, DemoAgent, DemoUser};
use crate::dynamodb::EmbeddedDynamoDb;
use crate::error::StackError;
use crate::functions::{Functions, only_reads};
use crate::guard;
use crate::railway::{self, Simulator, SimulatorError};
use crate::server::Server;
use crate::sweeper::Sweeper;
use crate::template;
use crate::under_way::UnderWay;

/// The AWS SDK's own variable for another DynamoDB.
const DYNAMODB_URL: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Variables for those that an environment does not set.
struct Defaults<'e> {
    variables: &'e BTreeMap<&'static str, String>,
    environment: &'e dyn Environment,
}

impl Environment for Defaults<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let set = self.environment.get(name);
        set.or_else(|| self.variables.get(name).cloned())
    }
}

/// How a stack is started.
pub struct Options {
    /// The port of the API; 0 takes a free one.
    pub port: u16,
    /// Where the data are, unless `AWS_ENDPOINT_URL_DYNAMODB` says it.
    pub data: Data,
    /// The time, for the API.
    pub clock: SharedClock,
    /// How long the simulated Railway takes for each stage of a deployment.
    pub stage: Duration,
    /// How long the API waits for Railway.
    pub limits: Limits,
    /// The time between two sweeps; `None` if only the owner of the stack
    /// starts them.
    pub sweep: Option<Duration>,
    /// Whether web pages are kept out, as where a developer's browser is: of the
    /// API by the hosts and origins of their requests, of DynamoDB by an access
    /// key that is made up.
    pub guarded: bool,
}

/// Where the data are.
#[derive(Clone, Debug)]
pub enum Data {
    /// In an embedded DynamoDB that keeps them in this file.
    File(PathBuf),
    /// In an embedded DynamoDB that keeps them to its end.
    Memory,
    /// In the DynamoDB at this URL, which takes any credentials.
    Server(String),
}

/// URL, access key, and what has to be ended.
type Opened = (String, String, Option<EmbeddedDynamoDb>);

impl Data {
    /// The URL of the DynamoDB and the access key that it wants, and the embedded
    /// one if it is there for this.
    async fn open(&self, guarded: bool) -> Result<Opened, StackError> {
        let test_key = EmbeddedDynamoDb::TEST_KEY.to_owned();
        let key = match guarded {
            true => random::unique_id().simple().to_string(),
            false => test_key.clone(),
        };
        let embedded = match self {
            Self::Server(url) => return Ok((url.clone(), test_key, None)),
            Self::File(file) => EmbeddedDynamoDb::in_file(file, &key).await?,
            Self::Memory => EmbeddedDynamoDb::in_memory(&key).await?,
        };
        Ok((embedded.url.clone(), key, Some(embedded)))
    }
}

/// A running stack.
pub struct Stack {
    /// The base URL of the API.
    pub api: String,
    /// The base URL of DynamoDB.
    pub dynamodb: String,
    /// The access key that the embedded one wants.
    pub access_key: String,
    /// The bearer key of the platform's own services.
    pub bearer: InternalKey,
    /// The demo's agents; none if DynamoDB is not on this machine.
    pub agents: Vec<DemoAgent>,
    /// A user without an agent, likewise.
    pub user_without_agent: Option<DemoUser>,
    /// The connection that the stores use.
    pub connection: Connection,
    /// The names of the tables.
    pub tables: Tables,
    /// The simulated Railway, unless `RAILWAY_API_KEY` is set.
    pub railway: Option<Simulator>,
    /// The variables that point to the simulated Railway.
    pub simulated_variables: BTreeMap<&'static str, String>,
    /// The routes of each function, by its name in the template in lower case.
    pub functions: Vec<(&'static str, Router)>,
    /// The sweep, which has no routes.
    pub sweep: Arc<Coordinator>,
    /// What the sweep is made of, for another process that sweeps.
    pub sweep_dependencies: sweep::Dependencies,
    sweeper: Option<Sweeper>,
    /// The WebSockets that are open.
    pub tunnels: Tunnels,
    simulated: Vec<Arc<Agent>>,
    background: Background,
    under_way: UnderWay,
    api_server: Server,
    embedded: Option<EmbeddedDynamoDb>,
}

impl Stack {
    /// Starts everything and returns once it answers.
    ///
    /// # Errors
    /// When the port is taken, a variable is malformed, or DynamoDB fails.
    pub async fn start(
        options: Options,
        environment: &dyn Environment,
    ) -> Result<Self, StackError> {
        // Bound first: of two stacks on one port the second must touch nothing.
        let listener = listen(options.port).await?;
        let address = listener.local_addr().map_err(StackError::Listen)?;
        let api = format!("http://{address}");
        let railway = match environment.get(RAILWAY_API_KEY) {
            Some(_) => None,
            None => Some(simulated_railway(&options).await?),
        };
        let simulated_variables = railway.as_ref().map(variables_of).unwrap_or_default();
        let environment = &Overlay {
            variables: &simulated_variables,
            environment,
        };
        let origins = BTreeMap::from([(
            AGENT_ORIGIN,
            // Browsers find names below localhost by themselves.
            format!("http://{{agentId}}.agents.localhost:{}", address.port()),
        )]);
        let origins = &Defaults {
            variables: &origins,
            environment,
        };
        let (aws, dynamodb, access_key, embedded) = match environment.get(DYNAMODB_URL) {
            Some(url) => {
                let key = EmbeddedDynamoDb::TEST_KEY.to_owned();
                (Aws::found().await, url, key, None)
            }
            None => {
                let (url, access_key, embedded) = options.data.open(options.guarded).await?;
                let aws = Aws::new(Endpoint::Keyed {
                    url: url.clone(),
                    access_key: access_key.clone(),
                });
                (aws, url, access_key, embedded)
            }
        };
        let platform = Platform {
            clock: options.clock.clone(),
            railway_limits: options.limits,
            embedded_metrics: false,
            ..Platform::new(aws)
        };
        let Functions {
            tables,
            internal_key: bearer,
            routes: mut functions,
            reading,
            proxy,
            sweep: mut sweep_dependencies,
        } = Functions::build(environment, origins, &platform)?;
        // Nobody reads a queue here.
        sweep_dependencies.queue = None;
        if let Some(interval) = options.sweep {
            sweep_dependencies.settings.every(interval);
        }
        let sweep = Arc::new(Coordinator::new(sweep_dependencies.clone()));
        let connection = platform.dynamodb();
        let sessions = Sessions::new(connection.clone(), tables.sessions.clone());
        let instances = Instances::new(connection.clone(), tables.instances.clone());
        let demo = if is_on_this_machine(&dynamodb) {
            create_missing_tables(&connection, &template::tables(environment)?).await?;
            let mut demo = Demo::start(environment, &options.clock)?;
            let tokens = Tokens::new(connection.clone(), tables.tokens.clone());
            let now = options.clock.now();
            demo.seed(&instances, &sessions, &tokens, now).await?;
            if let Some(railway) = &railway {
                demo.deploy(railway);
            }
            demo
        } else {
            Demo::default()
        };

        let under_way = UnderWay::default();
        let allowed = allowed_origins(environment).map_err(StartError::from)?;
        let app = by_function(merged(&functions, &allowed), merged(&reading, &allowed));
        functions.extend(reading);
        let own = middleware::from_fn_with_state(Arc::new(allowed), guard::own_requests);
        let app = match options.guarded {
            true => app.layer(own),
            false => app,
        };
        let app = app.layer(middleware::from_fn(guard::end_line));
        let tunnels = proxy.tunnels();
        // Agents' hosts have guards of their own.
        let app = proxy::by_host(Arc::new(proxy), app)
            .layer(middleware::from_fn(name_peer))
            .layer(middleware::from_fn_with_state(
                under_way.clone(),
                UnderWay::note,
            ))
            .into_make_service_with_connect_info::<SocketAddr>();
        let api_server = Server::spawn(async move |ending| {
            axum::serve(listener, app)
                .with_graceful_shutdown(ending)
                .await
                .map_err(|error| error.to_string())
        });
        Ok(Self {
            api,
            dynamodb,
            access_key,
            bearer,
            agents: demo.agents,
            user_without_agent: demo.user_without_agent,
            connection,
            tables,
            railway,
            simulated_variables,
            functions,
            sweeper: options
                .sweep
                .map(|interval| Sweeper::start(sweep.clone(), interval)),
            sweep,
            sweep_dependencies,
            simulated: demo.simulated,
            background: platform.background,
            tunnels,
            under_way,
            api_server,
            embedded,
        })
    }

    /// The simulated agent of an instance of the demo.
    pub fn simulated(&self, instance_id: &str) -> Option<&Agent> {
        let url = &self
            .agents
            .iter()
            .find(|agent| agent.instance_id == instance_id)?
            .url;
        let found = self.simulated.iter().find(|agent| agent.url() == *url);
        found.map(AsRef::as_ref)
    }

    /// Ends everything, the API first: requests in progress are answered and
    /// what goes on in the background is finished, for a few seconds at most.
    pub async fn stop(self) {
        drop(self.sweeper);
        let requests = self.under_way.targets();
        if !requests.is_empty() {
            tracing::info!("waiting for {}, 6 seconds at most", requests.join(", "));
        }
        tokio::join!(self.api_server.end(), self.tunnels.drain());
        self.background.finish(Duration::from_secs(6)).await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The routes of several functions, with what all of them have around theirs.
fn merged(functions: &[(&'static str, Router)], allowed: &AllowedOrigins) -> Router {
    let routes = functions.iter().map(|(_, routes)| routes.clone());
    common::http::app(routes.fold(Router::new(), Router::merge), allowed)
}

/// Sends each request to the functions that the template sends it to.
fn by_function(all: Router, reading: Router) -> Router {
    let serve = async move |request: Request| {
        let routes = if only_reads(&request) { &reading } else { &all };
        match routes.clone().oneshot(request).await {
            Ok(answer) => answer,
        }
    };
    Router::new().fallback(serve)
}

/// Tells the routes who is at the other end.
async fn name_peer(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> axum::response::Response {
    request.extensions_mut().insert(PeerAddress(peer));
    next.run(request).await
}

async fn simulated_railway(options: &Options) -> Result<Simulator, SimulatorError> {
    let simulator = railway::Options {
        clock: options.clock.clone(),
        stage: options.stage,
        // Railway's limit on its paid plan.
        hourly: 10_000,
    };
    Simulator::start(simulator).await
}

fn variables_of(railway: &Simulator) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (RAILWAY_API_URL, railway.url.clone()),
        (RAILWAY_API_KEY, railway::ACCOUNT_KEY.to_owned()),
        (RAILWAY_TOKEN_TYPE, "account".to_owned()),
        (RAILWAY_PROJECT_ID, railway::PROJECT_ID.to_owned()),
        (RAILWAY_ENVIRONMENT_ID, railway::ENVIRONMENT_ID.to_owned()),
    ])
}

async fn listen(port: u16) -> Result<TcpListener, StackError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => StackError::PortTaken(port),
            _ => StackError::Listen(error),
        })
}

/// Tables are made, and sessions with known cookies stored, nowhere else.
fn is_on_this_machine(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
