//! The functions of the API, mounted on one set of stores and clients.

use axum::Router;
use common::alerts::{Alerts, Webhook, WebhookUrl, WebhookUrls, Webhooks};
use common::client::ClientError;
use common::config::{
    AGENT_HOSTS, ALERT_WEBHOOK_URLS, BACKEND_API_URL, ConfigError, Environment, INTERNAL_API_KEY,
    JWT_ISSUER, OPENCLAW_IMAGE, PROXY_FRONTS, PROXY_TARGET, Reader, SUPPORT_WEBHOOK_URL,
};
use common::control::{ControlSettings, Controls};
use common::http::{Authenticator, ControlsSwitch, InternalKey, SessionSettings, TrustedProxies};
use common::identity::Issuer;
use common::model::ConfiguredImage;
use common::net::AllowedHosts;
use common::platform::Platform;
use common::railway::Overview;
use common::store::{
    AgentStates, Configurations, Connection, History, Incidents, Instances, MaintenanceWindows,
    Memories, Operations, SweepRuns, Tables, Tickets, Tokens,
};
use proxy::{AgentLocation, Agents, Limits as ProxyLimits, TicketServices, Tunnels};
use sweep::{Dependencies, SweepTables};
use version::{Backend, BackendUrl};

use crate::error::StackError;

/// What a function works with, over a connection of its own name.
struct Own {
    authenticator: Authenticator,
    controls: Controls,
    overview: Overview,
    connection: Connection,
}

/// What the functions read from the environment, each variable once.
pub(crate) struct Settings {
    pub(crate) tables: Tables,
    pub(crate) internal_key: InternalKey,
    hosts: AllowedHosts,
    image: Option<ConfiguredImage>,
    backend: Option<BackendUrl>,
    switch: ControlsSwitch,
    controls: ControlSettings,
    sessions: SessionSettings,
    webhook: Option<WebhookUrl>,
    fleet_webhooks: Option<WebhookUrls>,
    location: Option<AgentLocation>,
    trusted_proxies: Option<TrustedProxies>,
    issuer: Option<Issuer>,
    pub(crate) sweep: sweep::Settings,
}

/// The functions, ready to work.
pub(crate) struct Functions {
    /// The routes of each one that has some, by its name.
    pub(crate) routes: Vec<(&'static str, Router)>,
    /// The one that has none.
    pub(crate) sweep: Dependencies,
}

impl Settings {
    pub(crate) fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let (
            Some(tables),
            Some(internal_key),
            Some(hosts),
            Some(image),
            Some(backend),
            Some(switch),
            Some(controls),
            Some(sessions),
            Some(webhook),
            Some(fleet_webhooks),
            Some(sweep),
            Some(location),
            Some(trusted_proxies),
            Some(issuer),
        ) = (
            Tables::read(&mut reader),
            reader.required(INTERNAL_API_KEY),
            reader.required(AGENT_HOSTS),
            reader.optional(OPENCLAW_IMAGE),
            reader.optional(BACKEND_API_URL),
            ControlsSwitch::read(&mut reader),
            ControlSettings::read(&mut reader),
            SessionSettings::read(&mut reader),
            reader.optional(SUPPORT_WEBHOOK_URL),
            reader.optional(ALERT_WEBHOOK_URLS),
            sweep::Settings::read(&mut reader),
            reader.optional(PROXY_TARGET),
            reader.optional(PROXY_FRONTS),
            reader.optional(JWT_ISSUER),
        )
        else {
            return Err(reader.into_error());
        };
        Ok(Self {
            tables,
            internal_key,
            hosts,
            image,
            backend,
            switch,
            controls,
            sessions,
            webhook,
            fleet_webhooks,
            sweep,
            location,
            trusted_proxies,
            issuer,
        })
    }

    /// The functions over one set of stores and clients.
    pub(crate) fn mount(
        self,
        connection: &Connection,
        platform: &Platform,
        tunnels: &Tunnels,
    ) -> Result<Functions, StackError> {
        let clock = platform.clock.clone();
        let shared = self.controls.build(connection, platform)?;
        let tables = self.tables;
        let sessions = self.sessions;
        // Each function has a connection of its own name, so that what it asks
        // DynamoDB for can be told from what the others do. Agents and Railway
        // are reached by the same clients.
        let own = |name| -> Result<Own, ClientError> {
            let connection = connection.named(name);
            Ok(Own {
                authenticator: sessions.clone().open(&connection)?,
                controls: Controls {
                    instances: Instances::new(connection.clone(), tables.instances.clone()),
                    operations: Operations::new(connection.clone(), tables.operations.clone()),
                    tokens: Tokens::new(connection.clone(), tables.tokens.clone()),
                    memories: Memories::new(connection.clone(), tables.memories.clone()),
                    ..shared.clone()
                },
                overview: Overview::new(shared.railway.clone(), clock.clone()),
                connection,
            })
        };
        let image = self.image.unwrap_or_default().into_image();
        let backend = self
            .backend
            .map(|url| Backend::new(url, self.internal_key.clone()))
            .transpose()?;

        let heals = self.sweep.may_heal(self.switch);
        let sweep = Dependencies {
            clock: clock.clone(),
            connection: connection.named("sweep").persistent(),
            tables: SweepTables {
                instances: tables.instances.clone(),
                history: tables.history.clone(),
            },
            prober: shared.prober.clone(),
            railway: shared.railway.clone(),
            queue: None,
            webhooks: Webhooks::new(self.fleet_webhooks.unwrap_or_default(), &clock)?,
            controls: heals
                .then(|| own("sweep"))
                .transpose()?
                .map(|own| own.controls),
            embedded_metrics: false,
            runtimes: Vec::new(),
            settings: self.sweep,
        };

        let of = own("compatibility")?;
        let compatibility = compatibility::router(compatibility::State {
            clock: clock.clone(),
            internal_key: self.internal_key.clone(),
            authenticator: of.authenticator,
            instances: of.controls.instances,
            configurations: Configurations::new(of.connection, tables.configurations.clone()),
            tokens: of.controls.tokens,
        });
        let of = own("fleet")?;
        let history = History::new(of.connection, tables.history.clone());
        let fleet = fleet::router(fleet::State {
            clock: clock.clone(),
            internal_key: self.internal_key.clone(),
            agent_states: AgentStates::new(of.controls.instances.clone(), history.clone()),
            instances: of.controls.instances,
            sweep_runs: SweepRuns::new(history.clone()),
            incidents: Incidents::new(history.clone()),
            maintenance_windows: MaintenanceWindows::new(history),
            hosts: self.hosts.clone(),
            overview: of.overview,
        });
        let of = own("proxy")?;
        // As the relay serves it: with streams and WebSockets.
        let proxy_limits = ProxyLimits::of_server();
        let proxy = proxy::router(proxy::State {
            clock: clock.clone(),
            internal_key: self.internal_key.clone(),
            issuer: self.issuer,
            agents: match self.location.unwrap_or_default() {
                AgentLocation::Recorded => {
                    Agents::recorded(self.hosts.clone(), of.controls.instances.clone())
                }
                AgentLocation::Private => Agents::private(self.hosts.clone()),
            },
            forwarder: proxy::forwarder(self.hosts, &proxy_limits),
            limits: proxy_limits,
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            tunnels: tunnels.clone(),
            ticket_services: Some(TicketServices {
                authenticator: of.authenticator,
                instances: of.controls.instances,
                tickets: Tickets::new(of.connection, tables.tickets.clone()),
            }),
        });
        let of = own("instance")?;
        let history = History::new(of.connection, tables.history.clone());
        let instance = instance::router(instance::State {
            clock: clock.clone(),
            authenticator: of.authenticator,
            agent_states: AgentStates::new(of.controls.instances.clone(), history.clone()),
            instances: of.controls.instances,
            history,
            prober: of.controls.prober,
            overview: of.overview,
            default_image: image.clone(),
        });
        let of = own("lifecycle")?;
        let lifecycle = lifecycle::router(lifecycle::State {
            switch: self.switch,
            clock: clock.clone(),
            authenticator: of.authenticator,
            controls: of.controls,
        });
        let of = own("maintenance")?;
        let maintenance = maintenance::router(maintenance::State {
            switch: self.switch,
            clock: clock.clone(),
            authenticator: of.authenticator,
            controls: of.controls,
        });
        let webhook = self
            .webhook
            .map(|url| Webhook::new(url, clock.clone()))
            .transpose()?;
        let of = own("token")?;
        let token = token::router(token::State {
            switch: self.switch,
            clock: clock.clone(),
            authenticator: of.authenticator,
            controls: of.controls,
            alerts: Alerts::new(webhook, platform.background.clone()),
        });
        let version = version::router(version::State {
            clock,
            image,
            backend,
            internal_key: self.internal_key,
        });
        let routes = vec![
            ("compatibility", compatibility),
            ("fleet", fleet),
            ("instance", instance),
            ("lifecycle", lifecycle),
            ("maintenance", maintenance),
            ("token", token),
            ("proxy", proxy),
            ("version", version),
        ];
        Ok(Functions { routes, sweep })
    }
}
