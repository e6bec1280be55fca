//! Forwarding to agents: requests and answers, and WebSockets where the server
//! can hand over its connections.
//!
//! Privilege: the internal key; reads sessions and instance records; writes
//! tickets and the sessions of agents' pages. On Lambda, responses are buffered; the
//! relay and the local stack serve the same routes, and stream and upgrade
//! connections.

mod agent_request;
mod agents;
mod answer;
mod body;
mod buffered;
mod device_approval;
mod error;
mod forward;
mod headers;
mod limits;
mod method;
mod origin;
mod page;
mod page_session;
mod root;
mod state;
mod status;
mod target;
mod ticket;
mod tunnel;
mod upgrade;

use std::sync::Arc;

use axum::Router;
use axum::extract::{self, Request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use common::client::ClientError;
use common::config::{
    AGENT_HOSTS, AGENT_ORIGIN, AUTH_SECRET, Environment, INSTANCES_TABLE, INTERNAL_API_KEY,
    JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL, NEXTAUTH_SECRET, PROXY_FRONTS, PROXY_TARGET, Reader,
    SESSIONS_TABLE, TICKETS_TABLE,
};
use common::http::{ApiError, InternalKey, SessionSettings, TrustedProxies};
use common::identity::Issuer;
use common::model::{AgentOrigin, HostOwner};
use common::net::AllowedHosts;
use common::platform::Platform;
use common::process::StartError;
use common::store::{AgentPages, Instances, Tickets};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use agents::{AgentLocation, Agents};
use page_session::PageSessions;
use state::{TicketServices, forwarder, unpooled};

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

/// The route that the log names for requests at agents' own origins.
const ORIGIN_ROUTE: &str = "AGENT_ORIGIN/{*path}";

/// Whose host a request is for, if it is one of agents' hosts. Whoever serves other
/// routes has to ask first, and answer such a request with [`answer_at_origin`].
pub fn agent_host(state: &State, request: &Request) -> Option<HostOwner> {
    origin::owner(state, request)
}

/// Answers a request for one of agents' hosts.
pub async fn answer_at_origin(state: &State, owner: HostOwner, request: Request) -> Response {
    let answer = |request| origin::answer(state, owner, request);
    common::http::traced(request, ORIGIN_ROUTE, answer).await
}

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

/// Puts agents' hosts before all routes of an API.
pub fn by_host(state: Arc<State>, routes: Router) -> Router {
    if state.page_sessions.is_none() {
        return routes;
    }
    let serve = async move |request: Request| match agent_host(&state, &request) {
        Some(owner) => answer_at_origin(&state, owner, request).await,
        None => match routes.clone().oneshot(request).await {
            Ok(answer) => answer,
        },
    };
    Router::new().fallback(serve)
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
    origin: Option<AgentOrigin>,
}

impl Settings {
    /// `None` means that the reader has noted a problem. Without `TICKETS_TABLE`
    /// no tickets are issued.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let origin = reader.optional::<AgentOrigin>(AGENT_ORIGIN);
        let tickets = match origin {
            // Its sessions are there.
            Some(Some(_)) => reader.required::<String>(TICKETS_TABLE).map(Some),
            _ => reader.optional::<String>(TICKETS_TABLE),
        };
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
        if tickets == Some(None) {
            let settings = [
                SESSIONS_TABLE,
                NEXTAUTH_SECRET,
                AUTH_SECRET,
                JWT_JWKS_URL,
                JWT_AUDIENCE,
            ];
            let settings = settings.map(|name| (name, ""));
            reader.without_effect(&settings, "TICKETS_TABLE is not set");
        }
        if instances == Some(None) {
            let because = "PROXY_TARGET is private, and TICKETS_TABLE is not set";
            reader.without_effect(&[(INSTANCES_TABLE, "")], because);
        }
        Some(Self {
            internal_key: internal_key?,
            issuer: issuer?,
            hosts: hosts?.unwrap_or_default(),
            location: location?.unwrap_or_default(),
            trusted_proxies: trusted_proxies?.unwrap_or_default(),
            instances: instances?,
            ticket_services: sessions?.zip(tickets?),
            origin: origin?,
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
        let (ticket_services, page_sessions) = match (self.ticket_services, connection, instances) {
            (Some((sessions, table)), Some(connection), Some(instances)) => {
                let pages = AgentPages::new(connection.clone(), table.clone());
                let page_sessions = self
                    .origin
                    .map(|origin| PageSessions::new(origin, pages, instances.clone()));
                let ticket_services = TicketServices {
                    authenticator: sessions.open(&connection)?,
                    instances,
                    tickets: Tickets::new(connection, table),
                };
                (Some(ticket_services), page_sessions)
            }
            _ => (None, None),
        };
        Ok(State {
            clock: platform.clock.clone(),
            internal_key: self.internal_key,
            issuer: self.issuer,
            agents,
            unpooled: unpooled(self.hosts.clone(), &limits),
            forwarder: forwarder(self.hosts, &limits),
            limits,
            trusted_proxies: self.trusted_proxies,
            tunnels: Tunnels::new(limits.sockets),
            ticket_services,
            page_sessions,
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
    let state = state(environment, platform, Limits::of_lambda())?;
    let routes = router(state.clone());
    if state.page_sessions.is_none() {
        return Ok(routes);
    }
    let by_host =
        async |extract::State(state): extract::State<Arc<State>>, request: Request, next: Next| {
            match agent_host(&state, &request) {
                Some(owner) => origin::answer(&state, owner, request).await,
                None => next.run(request).await,
            }
        };
    // Routes, since what is added around them has no say in what is none.
    let other = any(async || ApiError::NotFound);
    let routes = routes.route("/", other.clone()).route("/{*path}", other);
    Ok(routes.layer(from_fn_with_state(Arc::new(state), by_host)))
}
