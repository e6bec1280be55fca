//! Configuration: the only module that reads the environment.
//!
//! A function lists the variables that it needs through a [`Reader`], which
//! collects everything that is missing or malformed, so that a bad deployment
//! learns all its mistakes at once. The AWS SDK reads its own standard
//! variables (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB`, credentials).

mod unknown;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

pub use unknown::warn_of_unknown;

/// Names variables, and lists them.
macro_rules! variables {
    ($($(#[$doc:meta])+ pub const $name:ident: &str = $value:literal;)+) => {
        $($(#[$doc])+ pub const $name: &str = $value;)+

        /// All of them.
        const VARIABLES: &[&str] = &[$($name),+];
    };
}

variables! {
    /// The DynamoDB table of instance records.
    pub const INSTANCES_TABLE: &str = "INSTANCES_TABLE";
    /// The DynamoDB table of sessions.
    pub const SESSIONS_TABLE: &str = "SESSIONS_TABLE";
    /// The DynamoDB table of operations.
    pub const OPERATIONS_TABLE: &str = "OPERATIONS_TABLE";
    /// The DynamoDB table of gateway tokens.
    pub const TOKENS_TABLE: &str = "TOKENS_TABLE";
    /// The DynamoDB table of agents' memories.
    pub const MEMORIES_TABLE: &str = "MEMORIES_TABLE";
    /// The DynamoDB table of agents' setups.
    pub const CONFIGURATIONS_TABLE: &str = "CONFIGURATIONS_TABLE";
    /// The DynamoDB table of agents' history.
    pub const HISTORY_TABLE: &str = "HISTORY_TABLE";
    /// The queue for the segments of a sweep; unset, one process does all of it.
    pub const SWEEP_QUEUE_URL: &str = "SWEEP_QUEUE_URL";
    /// The number of instances above which a sweep is divided into segments.
    pub const SWEEP_SEGMENT_ABOVE: &str = "SWEEP_SEGMENT_ABOVE";
    /// How many agents a sweep probes concurrently.
    pub const SWEEP_CONCURRENCY: &str = "SWEEP_CONCURRENCY";
    /// The seconds between two sweeps.
    pub const SWEEP_INTERVAL: &str = "SWEEP_INTERVAL";
    /// The seconds that one invocation may take.
    pub const SWEEP_TIME_LIMIT: &str = "SWEEP_TIME_LIMIT";
    /// The age in seconds after which a scheduled sweep is skipped.
    pub const SWEEP_OUTDATED: &str = "SWEEP_OUTDATED";
    /// How many failures in a row make an agent down.
    pub const SWEEP_FAILURES: &str = "SWEEP_FAILURES";
    /// How many successes in a row bring it up again.
    pub const SWEEP_SUCCESSES: &str = "SWEEP_SUCCESSES";
    /// For how many seconds after a deployment failures do not count.
    pub const SWEEP_GRACE: &str = "SWEEP_GRACE";
    /// The seconds after which an unchanged state is written again.
    pub const SWEEP_HEARTBEAT: &str = "SWEEP_HEARTBEAT";
    /// The seconds between two listings of Railway's services.
    pub const SWEEP_LISTING_INTERVAL: &str = "SWEEP_LISTING_INTERVAL";
    /// The seconds for which a listing is used while there is no newer one.
    pub const SWEEP_LISTING_MAX_AGE: &str = "SWEEP_LISTING_MAX_AGE";
    /// Whether sweeps restart and repair agents that fail: `on` or `off`, the default.
    pub const SELF_HEALING: &str = "SELF_HEALING";
    /// After how many failing sweeps an agent is restarted.
    pub const SELF_HEALING_AFTER: &str = "SELF_HEALING_AFTER";
    /// The seconds that a step has until the next one is taken.
    pub const SELF_HEALING_PAUSE: &str = "SELF_HEALING_PAUSE";
    /// How many steps one process takes in a sweep.
    pub const SELF_HEALING_STEPS: &str = "SELF_HEALING_STEPS";
    /// The DynamoDB table of tickets for WebSockets.
    pub const TICKETS_TABLE: &str = "TICKETS_TABLE";
    /// The bearer key of the platform's own services.
    pub const INTERNAL_API_KEY: &str = "INTERNAL_API_KEY";
    /// The secrets of the platform's NextAuth, comma-separated while they are
    /// rotated; its cookies are not taken when unset.
    pub const NEXTAUTH_SECRET: &str = "NEXTAUTH_SECRET";
    /// The same under the name that Auth.js has for it. Both may be set.
    pub const AUTH_SECRET: &str = "AUTH_SECRET";
    /// Where the keys are that users' bearer tokens are signed with; they are not
    /// taken when unset.
    pub const JWT_JWKS_URL: &str = "JWT_JWKS_URL";
    /// The issuer that users' bearer tokens must have.
    pub const JWT_ISSUER: &str = "JWT_ISSUER";
    /// The audience that users' bearer tokens must have.
    pub const JWT_AUDIENCE: &str = "JWT_AUDIENCE";
    /// The origins, besides the API's own, whose pages may send writing requests
    /// with a user's cookie; comma-separated.
    pub const ALLOWED_ORIGINS: &str = "ALLOWED_ORIGINS";
    /// How much is logged: `error`, `warn`, `info`, `debug` or `trace`; `info` when
    /// unset.
    pub const LOG_LEVEL: &str = "LOG_LEVEL";
    /// The webhook of the platform's support; unset, its alerts are only logged.
    pub const SUPPORT_WEBHOOK_URL: &str = "SUPPORT_WEBHOOK_URL";
    /// The webhooks for alerts of agents that go down or come up, comma-separated;
    /// unset, these are only logged.
    pub const ALERT_WEBHOOK_URLS: &str = "ALERT_WEBHOOK_URLS";
    /// How many agents have to go down at once to be one incident.
    pub const ALERT_FLEET_MIN: &str = "ALERT_FLEET_MIN";
    /// How many in a hundred agents have to go down at once to be one incident.
    pub const ALERT_FLEET_SHARE: &str = "ALERT_FLEET_SHARE";
    /// The switch for everything that changes an agent; on when unset.
    pub const ENABLE_CONTROLS: &str = "ENABLE_OPENCLAW_CONTROLS";
    /// The same switch under the name that the reference's front end has for it.
    /// Controls are off when either is `false`.
    pub const PUBLIC_ENABLE_CONTROLS: &str = "NEXT_PUBLIC_ENABLE_OPENCLAW_CONTROLS";
    /// Variables that every agent has, as a JSON object of texts; none when unset.
    pub const AGENT_VARIABLES: &str = "AGENT_VARIABLES";
    /// The networks that requests reach agents from, comma-separated: agents may
    /// believe what they say of the client. None when unset.
    pub const AGENT_TRUSTED_PROXIES: &str = "AGENT_TRUSTED_PROXIES";
    /// The image of new agents; the managed baseline when unset.
    pub const OPENCLAW_IMAGE: &str = "OPENCLAW_IMAGE";
    /// The hosts that agents may live on; Railway's domains when unset.
    pub const AGENT_HOSTS: &str = "AGENT_HOSTS";
    /// Where the proxy finds an agent: at its `recorded` address, the default, or
    /// in Railway's `private` network.
    pub const PROXY_TARGET: &str = "PROXY_TARGET";
    /// The pattern of the origins that agents' pages have, such as
    /// `https://{agentId}.agents.example`; without it they have none.
    pub const AGENT_ORIGIN: &str = "AGENT_ORIGIN";
    /// How many reverse proxies in front of the proxy append to `X-Forwarded-For`;
    /// none when unset.
    pub const PROXY_FRONTS: &str = "PROXY_FRONTS";
    /// The port that the relay listens on; 8080 when unset.
    pub const PORT: &str = "PORT";
    /// The most connections that the relay serves at once; 10,000 when unset.
    pub const RELAY_MAX_CONNECTIONS: &str = "RELAY_MAX_CONNECTIONS";
    /// The longest body that the relay takes, in bytes; 100 MiB when unset.
    pub const RELAY_MAX_BODY: &str = "RELAY_MAX_BODY";
    /// The longest WebSocket message that the relay passes on, in bytes; 25 MiB
    /// when unset, like OpenClaw's own limit.
    pub const RELAY_MAX_MESSAGE: &str = "RELAY_MAX_MESSAGE";
    /// How long the relay waits for an answer to begin, and for each next part of
    /// one, in seconds; 60 when unset.
    pub const RELAY_PATIENCE: &str = "RELAY_PATIENCE";
    /// After how many seconds of silence the relay pings a WebSocket's peer; it is
    /// gone after three times that. 20 when unset.
    pub const RELAY_PING: &str = "RELAY_PING";
    /// How many seconds the relay takes at most to end after SIGTERM; 25 when unset.
    pub const RELAY_DRAIN: &str = "RELAY_DRAIN";
    /// The base URL of the backend that `GET /api/openclaw-version` asks; unset,
    /// the answer is made in-process.
    pub const BACKEND_API_URL: &str = "BACKEND_API_URL";
    /// The key to Railway's API.
    pub const RAILWAY_API_KEY: &str = "RAILWAY_API_KEY";
    /// Which kind of key it is: `account`, also for a workspace's, or `project`.
    pub const RAILWAY_TOKEN_TYPE: &str = "RAILWAY_TOKEN_TYPE";
    /// Where Railway's API answers; Railway itself when unset.
    pub const RAILWAY_API_URL: &str = "RAILWAY_API_URL";
    /// The Railway environment that the agents run in.
    pub const RAILWAY_ENVIRONMENT_ID: &str = "RAILWAY_ENVIRONMENT_ID";
    /// The Railway project that the agents belong to.
    pub const RAILWAY_PROJECT_ID: &str = "RAILWAY_PROJECT_ID";
    /// A file of root certificates that are trusted in the place of those compiled
    /// in.
    pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
    /// A directory of them.
    pub const SSL_CERT_DIR: &str = "SSL_CERT_DIR";
}

/// The variables that are secrets, and may be read from AWS Secrets Manager.
pub const SECRETS: [&str; 7] = [
    INTERNAL_API_KEY,
    NEXTAUTH_SECRET,
    AUTH_SECRET,
    AGENT_VARIABLES,
    RAILWAY_API_KEY,
    SUPPORT_WEBHOOK_URL,
    ALERT_WEBHOOK_URLS,
];
/// What the name of a variable ends with that names a secret in AWS Secrets
/// Manager.
pub const FROM_SUFFIX: &str = "_FROM";

/// Where variables come from: the process, or a map in tests.
pub trait Environment {
    /// The value of a variable, if it is set and is text.
    fn get(&self, name: &str) -> Option<String>;
}

/// The variables of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl ProcessEnvironment {
    /// The names of all variables that are set, and are text.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn names(self) -> Vec<String> {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.into_string().ok())
            .collect()
    }
}

impl Environment for ProcessEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Environment for BTreeMap<&str, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// Variables that take precedence over those of an environment.
pub struct Overlay<'e> {
    pub variables: &'e BTreeMap<&'static str, String>,
    pub environment: &'e dyn Environment,
}

impl Environment for Overlay<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name).cloned();
        value.or_else(|| self.environment.get(name))
    }
}

/// Everything that is wrong with the environment, in one message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad configuration: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl FromIterator<Self> for ConfigError {
    /// What is wrong with several environments, each problem once.
    fn from_iter<I: IntoIterator<Item = Self>>(errors: I) -> Self {
        let mut all = Vec::new();
        for problem in errors.into_iter().flat_map(|Self(problems)| problems) {
            if !all.contains(&problem) {
                all.push(problem);
            }
        }
        Self(all)
    }
}

/// Reads variables and collects what is wrong with them.
///
/// An empty variable counts as unset: that is how templates and shells spell
/// it.
pub struct Reader<'e> {
    environment: &'e dyn Environment,
    problems: Vec<String>,
}

impl<'e> Reader<'e> {
    pub fn new(environment: &'e dyn Environment) -> Self {
        Self {
            environment,
            problems: Vec::new(),
        }
    }

    /// A variable that must be set. `None` means that a problem was noted.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let value = self.optional(name)?;
        if value.is_none() {
            self.note(format!("{name} is not set"));
        }
        value
    }

    /// A variable that may be unset. `None` means that a problem was noted.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<Option<T>> {
        let text = self.environment.get(name).filter(|text| !text.is_empty());
        // The value may be a secret, so the message states only the rule.
        match text.map(|text| text.parse()).transpose() {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(format!("{name} {error}"));
                None
            }
        }
    }

    /// Logs of each of these variables that it is set and has no effect, and why. One that
    /// has its default, as a template may set it, asks for nothing, and is left out.
    pub fn without_effect(&self, defaults: &[(&str, &str)], because: &str) {
        for (name, default) in defaults {
            let value = self.environment.get(name).unwrap_or_default();
            if !value.is_empty() && value != *default {
                tracing::warn!(variable = name, because, "a variable has no effect");
            }
        }
    }

    /// Once for each problem: two sections may need the same variable.
    fn note(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// # Errors
    /// When a problem was noted.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(self.into_error())
    }

    /// The problems that were noted, of which there is one if a variable was `None`.
    pub fn into_error(self) -> ConfigError {
        ConfigError(self.problems)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Image;
    use crate::telemetry::tests::logged;

    #[test]
    fn a_variable_without_effect_is_logged_unless_it_is_empty_or_has_its_default() {
        let environment = BTreeMap::from([
            (RAILWAY_TOKEN_TYPE, "account".to_owned()),
            (RAILWAY_API_URL, String::new()),
            (RAILWAY_PROJECT_ID, "a-project".to_owned()),
        ]);
        let settings = [
            (RAILWAY_TOKEN_TYPE, "account"),
            (RAILWAY_API_URL, ""),
            (RAILWAY_PROJECT_ID, ""),
            (RAILWAY_ENVIRONMENT_ID, ""),
        ];
        let found = logged(|| {
            Reader::new(&environment).without_effect(&settings, "RAILWAY_API_KEY is not set");
        });
        let expected = json!({
            "level": "WARN", "message": "a variable has no effect",
            "variable": "RAILWAY_PROJECT_ID", "because": "RAILWAY_API_KEY is not set",
        });
        assert_eq!(found, [expected]);
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let environment = BTreeMap::from([
            (OPENCLAW_IMAGE, "not an image".to_owned()),
            (SESSIONS_TABLE, String::new()),
        ]);
        let mut reader = Reader::new(&environment);
        assert_eq!(reader.required::<String>(INSTANCES_TABLE), None);
        assert_eq!(reader.required::<String>(SESSIONS_TABLE), None);
        assert_eq!(reader.required::<String>(SESSIONS_TABLE), None);
        assert_eq!(reader.optional::<Image>(OPENCLAW_IMAGE), None);
        assert_eq!(reader.optional::<String>(BACKEND_API_URL), Some(None));
        assert_eq!(
            reader.into_error().to_string(),
            "bad configuration: INSTANCES_TABLE is not set; SESSIONS_TABLE is not set; \
             OPENCLAW_IMAGE must be an image reference such as \
             ghcr.io/openclaw/openclaw:2026.4.11"
        );
    }
}
