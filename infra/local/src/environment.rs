//! The variables of the local stack: those of the process, and a default for
//! each that a developer need not set.

use std::collections::BTreeMap;

use common::config::{
    AGENT_HOSTS, CONFIGURATIONS_TABLE, Environment, HISTORY_TABLE, INSTANCES_TABLE,
    INTERNAL_API_KEY, MEMORIES_TABLE, OPERATIONS_TABLE, SESSIONS_TABLE, TICKETS_TABLE,
    TOKENS_TABLE,
};

/// The bearer key where none is set. The API listens on the loopback only.
const DEMO_KEY: &str = "local-internal-api-key";

/// Where agents may live: on Railway as ever, and on this machine.
const HOSTS: &str = "*.up.railway.app,*.railway.internal,localhost,127.0.0.1,::1";

const DEFAULTS: [(&str, &str); 10] = [
    (INSTANCES_TABLE, "instances"),
    (SESSIONS_TABLE, "sessions"),
    (OPERATIONS_TABLE, "operations"),
    (TOKENS_TABLE, "tokens"),
    (MEMORIES_TABLE, "memories"),
    (CONFIGURATIONS_TABLE, "configurations"),
    (HISTORY_TABLE, "history"),
    (TICKETS_TABLE, "tickets"),
    (INTERNAL_API_KEY, DEMO_KEY),
    (AGENT_HOSTS, HOSTS),
];

/// An environment with the local stack's defaults below it.
pub struct LocalEnvironment<E>(pub E);

impl<E: Environment> Environment for LocalEnvironment<E> {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).or_else(|| {
            let (_, value) = DEFAULTS.iter().find(|(default, _)| *default == name)?;
            Some((*value).to_owned())
        })
    }
}

impl<E: Environment> LocalEnvironment<E> {
    /// What a function needs to be served elsewhere against this stack, one
    /// `NAME=value` a line, as `cargo lambda watch --env-file` reads it.
    pub fn lambda_env_file(
        &self,
        dynamodb: &str,
        access_key: &str,
        simulated: &BTreeMap<&'static str, String>,
    ) -> String {
        let of_this_stack = DEFAULTS
            .iter()
            .filter_map(|(name, _)| Some((*name, self.get(name)?)));
        let of_the_sdk = [
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ];
        let variables: BTreeMap<&str, String> = of_the_sdk
            .into_iter()
            // What is set already is inherited, and may be a secret.
            .filter(|(name, _)| self.0.get(name).is_none())
            .map(|(name, value)| (name, value.to_owned()))
            .chain(of_this_stack)
            .chain(simulated.iter().map(|(name, value)| (*name, value.clone())))
            .collect();
        variables
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    }
}
