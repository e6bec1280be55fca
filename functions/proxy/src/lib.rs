//! Forwarding to agents: requests and answers, and WebSockets where the server
//! can hand over its connections.
//!
//! Privilege: the internal key; reads sessions and instance records; writes
//! tickets. On Lambda, responses are buffered; the relay and the local stack serve
//! the same routes, and stream and upgrade connections.

mod agent_request;
mod agents;
mod body;
mod buffered;
mod error;
mod forward;
mod headers;
mod limits;
mod root;
mod state;
mod status_redaction;
mod target;
mod ticket;
mod tunnel;
mod upgrade;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use common::client::ClientError;
use common::config::{
    AGENT_HOSTS, Environment, INSTANCES_TABLE, INTERNAL_API_KEY, JWT_ISSUER, PROXY_FRONTS,
    PROXY_TARGET, Reader, TICKETS_TABLE,
};
use common::http::{InternalKey, SessionSettings, TrustedProxies};
use common::identity::Issuer;
use common::net::AllowedHosts;
use common::platform::Platform;
use common::process::StartError;
use common::store::{Instances, Tickets};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use agents::{AgentLocation, Agents};
use state::{TicketServices, forwarder};

pub use error::ProxyError;
pub use limits::{Limits, ResponseMode, SocketLimits};
pub use state::State;
pub use target::PREFIX;
pub use tunnel::{ConnectionGuard, Tunnels};

/// All paths of an agent in axum's syntax: OpenAPI has none for wildcards.
const AGENT_PATHS: [&str; 4] = [
    "/api/openclaw/proxy/{agentId}",
    "/api/openclaw/proxy/{agentId}/",
    "/api/openclaw/proxy/{agentId}/{*path}",
    // Its POST is the ticket's.
    "/api/openclaw/proxy/{agentId}/ticket",
];

/// The routes with their OpenAPI descriptions. [`router`] serves the same
/// handlers, with wildcards that OpenAPI cannot express.
pub fn routes() -> OpenApiRouter<Arc<State>> {
    let mut routes = OpenApiRouter::default()
        .routes(routes!(root::handler))
        .routes(routes!(ticket::handler))
        .routes(routes!(forward::handler));
    // All methods share one description, but each needs its own operation id.
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

/// The route that the log names for forwarded requests.
pub const ROUTE: &str = AGENT_PATHS[2];

/// Forwards a request without routing it, for a server that has checked that the
/// path begins with [`PREFIX`] and is not the ticket endpoint's.
pub async fn forward(state: &State, request: Request) -> Response {
    forward::forward(state, request).await.into_response()
}

pub fn router(state: State) -> Router {
    let tickets = Router::new().route(AGENT_PATHS[3], axum::routing::post(ticket::handler));
    AGENT_PATHS
        .into_iter()
        .fold(tickets, |all, path| all.route(path, any(forward::handler)))
        .with_state(Arc::new(state))
}

/// The proxy's configuration.
pub struct Settings {
    internal_key: InternalKey,
    issuer: Option<Issuer>,
    hosts: AllowedHosts,
    location: AgentLocation,
    trusted_proxies: TrustedProxies,
    instances: Option<String>,
    ticket_services: Option<(SessionSettings, String)>,
}

impl Settings {
    /// `None` means that the reader has noted a problem. Without `TICKETS_TABLE`
    /// no tickets are issued.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let tickets = reader.optional::<String>(TICKETS_TABLE);
        let location = reader.optional(PROXY_TARGET);
        let needs_records = tickets != Some(None) || location != Some(Some(AgentLocation::Private));
        let instances = if needs_records {
            reader.required(INSTANCES_TABLE).map(Some)
        } else {
            Some(None)
        };
        let (internal_key, issuer, hosts, trusted_proxies, sessions) = (
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
            location: location?.unwrap_or_default(),
            trusted_proxies: trusted_proxies?.unwrap_or_default(),
            instances: instances?,
            ticket_services: sessions?.zip(tickets?),
        })
    }

    /// Builds the clients, once per process.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn build(self, platform: &Platform, limits: Limits) -> Result<State, ClientError> {
        let connection = self.instances.is_some().then(|| platform.dynamodb());
        let instances = connection
            .clone()
            .zip(self.instances)
            .map(|(connection, table)| Instances::new(connection, table));
        let agents = match (self.location, &instances) {
            (AgentLocation::Recorded, Some(instances)) => {
                Agents::recorded(self.hosts.clone(), instances.clone())
            }
            _ => Agents::private(self.hosts.clone()),
        };
        let ticket_services = match (self.ticket_services, connection, instances) {
            (Some((sessions, tickets)), Some(connection), Some(instances)) => {
                Some(TicketServices {
                    authenticator: sessions.open(&connection)?,
                    instances,
                    tickets: Tickets::new(connection, tickets),
                })
            }
            _ => None,
        };
        Ok(State {
            clock: platform.clock.clone(),
            internal_key: self.internal_key,
            issuer: self.issuer,
            agents,
            forwarder: forwarder(self.hosts, &limits),
            limits,
            trusted_proxies: self.trusted_proxies,
            tunnels: Tunnels::new(limits.sockets),
            ticket_services,
        })
    }
}

/// What the endpoints work with, as the environment configures it.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn state(
    environment: &dyn Environment,
    platform: &Platform,
    limits: Limits,
) -> Result<State, StartError> {
    let mut reader = Reader::new(environment);
    match Settings::read(&mut reader) {
        Some(settings) => Ok(settings.build(platform, limits)?),
        None => Err(reader.into_error().into()),
    }
}

/// The routes as the environment configures them, for Lambda.
///
/// # Errors
/// When a variable is missing or malformed.
pub fn from_environment(
    environment: &dyn Environment,
    platform: &Platform,
) -> Result<Router, StartError> {
    state(environment, platform, Limits::of_lambda()).map(router)
}
