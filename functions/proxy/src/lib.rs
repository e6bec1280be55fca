//! Forwarding to agents: requests and answers, and WebSockets where the server
//! can hand over its connections.
//!
//! Privilege: the internal key; reads sessions and instance records; writes
//! tickets. On Lambda it answers with whole bodies; the relay and the local
//! stack serve the same routes, stream, and upgrade connections.

mod agents;
mod body;
mod forward;
mod headers;
mod limits;
mod status;
mod target;
mod ticket;
mod tunnel;
mod upgrade;
mod whole;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use common::client::{self, ClientError, Forwarder};
use common::clock::SharedClock;
use common::config::{
    AGENT_HOSTS, Environment, INSTANCES_TABLE, INTERNAL_API_KEY, JWT_ISSUER, PROXY_FRONTS,
    PROXY_TARGET, Reader, TICKETS_TABLE,
};
use common::http::{Authenticator, Fronts, InternalKey, SessionSettings};
use common::identity::Issuer;
use common::net::{AllowedHosts, GuardedResolver};
use common::platform::Platform;
use common::process::StartError;
use common::store::{Instances, Tickets};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use agents::{Agents, InvalidPlace, Place};
pub use limits::{Answers, Limits, SocketLimits};
pub use target::PREFIX;
pub use tunnel::{Held, Tunnels};

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The time.
    pub clock: SharedClock,
    /// What the platform's services present, and no agent may see.
    pub internal_key: InternalKey,
    /// Whose tokens the platform's users present, and no agent may see either.
    pub issuer: Option<Issuer>,
    /// Where agents are.
    pub agents: Agents,
    /// What asks them.
    pub forwarder: Forwarder<Body>,
    /// How much and how long.
    pub limits: Limits,
    /// The platform's own proxies in front.
    pub fronts: Fronts,
    /// The WebSockets that are open.
    pub tunnels: Tunnels,
    /// Where browsers get tickets, and theirs are taken; none takes none.
    pub office: Option<Office>,
}

impl State {
    /// The same with connections of its own to agents, for another thread.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        Self {
            forwarder: forwarder(self.agents.hosts(), &self.limits),
            ..self.clone()
        }
    }
}

/// What tickets need.
#[derive(Clone)]
pub struct Office {
    /// Who is asking.
    pub authenticator: Authenticator,
    /// Whose agent it is.
    pub instances: Instances,
    /// The tickets.
    pub tickets: Tickets,
}

/// Everything else on the paths of an agent, in axum's words: OpenAPI has none
/// for a path that goes on.
const EVERYTHING: [&str; 3] = [
    "/api/openclaw/proxy/{agentId}/",
    "/api/openclaw/proxy/{agentId}/{*path}",
    // Its POST is the ticket's.
    "/api/openclaw/proxy/{agentId}/ticket",
];

/// The routes with their OpenAPI descriptions. Only the ticket's is served as it
/// is described: see [`router`].
pub fn routes() -> OpenApiRouter<Arc<State>> {
    let mut routes = OpenApiRouter::default()
        .routes(routes!(ticket::handler))
        .routes(routes!(forward::handler));
    // One description stands for all methods, and each needs a name.
    for (path, item) in &mut routes.get_openapi_mut().paths.paths {
        if path.ends_with("/{path}") {
            let operations = [
                (&mut item.get, "Get"),
                (&mut item.head, "Head"),
                (&mut item.post, "Post"),
                (&mut item.put, "Put"),
                (&mut item.patch, "Patch"),
                (&mut item.delete, "Delete"),
                (&mut item.options, "Options"),
            ];
            for (operation, method) in operations {
                if let Some(operation) = operation {
                    operation.operation_id = Some(format!("forward{method}"));
                }
            }
        }
    }
    routes
}

/// The route of all requests that are forwarded, for the log.
pub const ROUTE: &str = EVERYTHING[1];

/// Forwards a request, for a server that knows that its path begins with
/// [`PREFIX`] and that it is not for a ticket. The routes do nothing else.
pub async fn forward(state: &State, request: Request) -> Response {
    forward::forward(state, request).await.into_response()
}

/// The routes, ready to be served.
pub fn router(state: State) -> Router {
    let tickets = Router::new().route(EVERYTHING[2], axum::routing::post(ticket::handler));
    EVERYTHING
        .into_iter()
        .fold(tickets, |all, path| all.route(path, any(forward::handler)))
        .with_state(Arc::new(state))
}

/// What the environment says of the proxy.
pub struct Settings {
    internal_key: InternalKey,
    issuer: Option<Issuer>,
    hosts: AllowedHosts,
    place: Place,
    fronts: Fronts,
    instances: Option<String>,
    office: Option<(SessionSettings, String)>,
}

impl Settings {
    /// Reads the variables. `None` means that a problem was noted. Without a
    /// table of tickets there are none.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let tickets = reader.optional::<String>(TICKETS_TABLE);
        let place = reader.optional(PROXY_TARGET);
        let needs_records = tickets != Some(None) || place != Some(Some(Place::Private));
        let instances = if needs_records {
            reader.required(INSTANCES_TABLE).map(Some)
        } else {
            Some(None)
        };
        let (internal_key, issuer, hosts, fronts, sessions) = (
            reader.required(INTERNAL_API_KEY),
            reader.optional(JWT_ISSUER),
            reader.optional(AGENT_HOSTS),
            reader.optional(PROXY_FRONTS),
            match tickets {
                Some(None) => Some(None),
                _ => SessionSettings::read(reader).map(Some),
            },
        );
        Some(Self {
            internal_key: internal_key?,
            issuer: issuer?,
            hosts: hosts?.unwrap_or_default(),
            place: place?.unwrap_or_default(),
            fronts: fronts?.unwrap_or_default(),
            instances: instances?,
            office: sessions?.zip(tickets?),
        })
    }

    /// Makes the clients, once per process.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn build(self, platform: &Platform, limits: Limits) -> Result<State, ClientError> {
        let connection = self.instances.is_some().then(|| platform.dynamodb());
        let instances = connection
            .clone()
            .zip(self.instances)
            .map(|(connection, table)| Instances::new(connection, table));
        let agents = match (self.place, &instances) {
            (Place::Recorded, Some(instances)) => {
                Agents::recorded(self.hosts.clone(), instances.clone())
            }
            _ => Agents::private(self.hosts.clone()),
        };
        let office = match (self.office, connection, instances) {
            (Some((sessions, tickets)), Some(connection), Some(instances)) => Some(Office {
                authenticator: sessions.open(&connection)?,
                instances,
                tickets: Tickets::new(connection, tickets),
            }),
            _ => None,
        };
        Ok(State {
            clock: platform.clock.clone(),
            internal_key: self.internal_key,
            issuer: self.issuer,
            agents,
            forwarder: forwarder(self.hosts, &limits),
            limits,
            fronts: self.fronts,
            tunnels: Tunnels::new(limits.sockets),
            office,
        })
    }
}

/// The client that asks agents on these hosts.
pub fn forwarder(hosts: AllowedHosts, limits: &Limits) -> Forwarder<Body> {
    client::forwarder(GuardedResolver::new(hosts), limits.connect, limits.keep)
}

/// The routes as the environment configures them, for Lambda.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn from_environment(
    environment: &dyn Environment,
    platform: &Platform,
) -> Result<Router, StartError> {
    let mut reader = Reader::new(environment);
    match Settings::read(&mut reader) {
        Some(settings) => Ok(router(settings.build(platform, Limits::of_lambda())?)),
        None => Err(reader.into_error().into()),
    }
}
