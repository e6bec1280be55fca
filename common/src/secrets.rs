//! Secrets from AWS Secrets Manager.
//!
//! A template must not hold secrets, and Lambda shows a function's variables to
//! everybody who may look at it. So `RAILWAY_API_KEY_FROM` may name the secret
//! that `RAILWAY_API_KEY` is read from when the process starts, and likewise
//! for all of [`SECRETS`]. They are read once per process: after a rotation,
//! new processes see the new value.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::SecretValueEntry;

use crate::aws::{self, Aws};
use crate::config::{Environment, FROM_SUFFIX, SECRETS};

/// Why secrets could not be read. Messages never contain their values.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Both the variable and its `_FROM` are set.
    #[error("{0} and {0}{FROM_SUFFIX} are both set: unset one")]
    Ambiguous(&'static str),
    /// The secret does not exist, or has no text.
    #[error("{variable}{FROM_SUFFIX} names the secret {secret}: {problem}")]
    Missing {
        /// The variable that is read from it.
        variable: &'static str,
        /// The secret's name.
        secret: String,
        /// The reason that Secrets Manager gives.
        problem: String,
    },
    /// Secrets Manager did not answer, or refused.
    #[error("cannot read secrets: {0}")]
    Failed(String),
}

/// Reads the secrets that the environment names, with one request for all of
/// them; without any, there is no request.
///
/// # Errors
/// When one of them cannot be read.
pub async fn read(
    environment: &dyn Environment,
    aws: &Aws,
) -> Result<BTreeMap<&'static str, String>, SecretsError> {
    let named = named(environment)?;
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer = Client::new(aws.config())
        .batch_get_secret_value()
        .set_secret_id_list(Some(named.values().cloned().collect()))
        .send()
        .await
        .map_err(|error| SecretsError::Failed(aws::chain(&error)))?;
    named
        .into_iter()
        .map(|(variable, secret)| {
            let found = answer.secret_values().iter().find(|it| is(it, &secret));
            let Some(value) = found.and_then(SecretValueEntry::secret_string) else {
                let error = answer
                    .errors()
                    .iter()
                    .find(|it| it.secret_id() == Some(&secret));
                let problem = error.and_then(|it| it.message());
                return Err(SecretsError::Missing {
                    variable,
                    problem: problem.unwrap_or("it has no text").to_owned(),
                    secret,
                });
            };
            Ok((variable, value.to_owned()))
        })
        .collect()
}

/// The secrets' names, by the variables that are read from them.
fn named(environment: &dyn Environment) -> Result<BTreeMap<&'static str, String>, SecretsError> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let mut named = BTreeMap::new();
    for variable in SECRETS {
        if let Some(secret) = set(&format!("{variable}{FROM_SUFFIX}")) {
            if set(variable).is_some() {
                return Err(SecretsError::Ambiguous(variable));
            }
            named.insert(variable, secret);
        }
    }
    Ok(named)
}

/// Secrets are named by their name or by their ARN.
fn is(entry: &SecretValueEntry, secret: &str) -> bool {
    entry.name() == Some(secret) || entry.arn() == Some(secret)
}
