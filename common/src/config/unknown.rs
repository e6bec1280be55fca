//! Variables that nobody reads, though their names tell that somebody should.

use super::{FROM_SUFFIX, SECRETS, VARIABLES};

/// How names begin that others choose too: OpenClaw and Railway in their containers, the
/// front end's frameworks, and shells.
const OF_OTHERS: [&str; 8] = [
    "AUTH_",
    "ENABLE_",
    "LOG_",
    "NEXTAUTH_",
    "NEXT_",
    "OPENCLAW_",
    "RAILWAY_",
    "SSL_",
];

/// How many letters of a mistyped name are wrong at most.
const TYPO: usize = 2;

/// Logs each of these names that nobody reads, if it begins as ours do or is nearly one of
/// ours, with the known name that is nearest. Values are not told. `more` are known too.
pub fn warn_of_unknown(names: impl IntoIterator<Item = String>, more: &[String]) {
    for variable in names {
        if let Some(nearest) = mistaken_for(&variable, more) {
            tracing::warn!(
                variable,
                nearest,
                "a variable is unknown, and has no effect"
            );
        }
    }
}

/// The known name that is nearest to an unknown one of ours.
fn mistaken_for(name: &str, more: &[String]) -> Option<String> {
    let of_secrets = SECRETS.iter().map(|known| format!("{known}{FROM_SUFFIX}"));
    let known = VARIABLES.iter().map(ToString::to_string);
    let known = known.chain(of_secrets).chain(more.iter().cloned());
    let (distance, nearest) = known
        .map(|known| (strsim::osa_distance(&known, name), known))
        .min()?;
    if distance == 0 {
        return None;
    }
    // What is no secret cannot be read from one.
    let stem = name.strip_suffix(FROM_SUFFIX);
    if let Some(stem) = stem.filter(|stem| VARIABLES.contains(stem)) {
        return Some(stem.to_owned());
    }
    let begins_as_ours = beginning(name).is_some_and(|start| {
        let mut ours = VARIABLES.iter().filter_map(|known| beginning(known));
        !OF_OTHERS.contains(&start) && ours.any(|known| known == start)
    });
    // A short name is near to anything.
    let is_typo = distance <= TYPO && name.contains('_');
    (begins_as_ours || is_typo).then_some(nearest)
}

/// The first word of a name that has several.
fn beginning(name: &str) -> Option<&str> {
    let first = name.split_inclusive('_').next();
    first.filter(|first| first.ends_with('_'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::tests::logged;

    fn warnings(names: &[&str]) -> Vec<Value> {
        let names = names.iter().map(ToString::to_string);
        logged(|| warn_of_unknown(names, &["AGENT_URL_RUNNING".to_owned()]))
    }

    #[test]
    fn an_unknown_name_is_logged_with_the_nearest_known_one() {
        for (name, nearest) in [
            ("SWEEP_INTERVALL", "SWEEP_INTERVAL"),
            ("SWEEP_FAILURE", "SWEEP_FAILURES"),
            ("ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_URLS"),
            ("AGENT_HOST", "AGENT_HOSTS"),
            ("AGENT_URL_RUNING", "AGENT_URL_RUNNING"),
            ("RELAY_MAX_CONNECTION", "RELAY_MAX_CONNECTIONS"),
            // Also where the beginning is wrong, or one that others choose too.
            ("INSTANCE_TABLE", "INSTANCES_TABLE"),
            ("RAILWAY_PROJET_ID", "RAILWAY_PROJECT_ID"),
            ("RAILWAY_API_KEY_FORM", "RAILWAY_API_KEY_FROM"),
            ("AUTH_SECRETS", "AUTH_SECRET"),
            // These are no secrets.
            ("JWT_ISSUER_FROM", "JWT_ISSUER"),
            ("RAILWAY_PROJECT_ID_FROM", "RAILWAY_PROJECT_ID"),
        ] {
            let expected = json!({
                "level": "WARN", "message": "a variable is unknown, and has no effect",
                "variable": name, "nearest": nearest,
            });
            assert_eq!(warnings(&[name]), [expected], "{name}");
        }
    }

    #[test]
    fn known_names_and_those_that_others_choose_are_not_logged() {
        const OTHERS: &str = "PATH HOME PORTS TZ LANG _HANDLER LAMBDA_TASK_ROOT \
            AWS_LAMBDA_FUNCTION_NAME AWS_REGION AWS_XRAY_DAEMON_ADDRESS ALL_PROXY SSH_AGENT_PID \
            CARGO_HOME LOG_GROUP SSL_CERT NIX_SSL_CERT_FILE OPENCLAW_GATEWAY_TOKEN \
            OPENCLAW_STATE_DIR NEXTAUTH_URL AUTH_TRUST_HOST NEXT_PUBLIC_API_URL \
            RAILWAY_ENVIRONMENT RAILWAY_ENVIRONMENT_NAME RAILWAY_PROJECT_NAME \
            RAILWAY_PUBLIC_DOMAIN RAILWAY_PRIVATE_DOMAIN RAILWAY_SERVICE_ID RAILWAY_SERVICE_NAME \
            RAILWAY_REPLICA_ID RAILWAY_DEPLOYMENT_ID RAILWAY_SNAPSHOT_ID RAILWAY_TOKEN \
            RAILWAY_API_TOKEN RAILWAY_TCP_PROXY_PORT RAILWAY_VOLUME_NAME RAILWAY_GIT_BRANCH \
            AGENT_URL_RUNNING RAILWAY_API_KEY_FROM";
        let others: Vec<&str> = OTHERS.split_whitespace().collect();
        assert_eq!(warnings(&others), Vec::<Value>::new());
        assert_eq!(warnings(VARIABLES), Vec::<Value>::new());
    }
}
