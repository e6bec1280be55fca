//! Proving to whom an agent listens.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::Prober;
use super::prober::cause;
use crate::client;
use crate::model::{AgentUrl, GatewayToken};

/// How long a proof may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

/// What an agent makes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It did what it does for those who present its token.
    Accepted,
    /// It says that this is not its token.
    Refused,
    /// It said neither; why.
    Inconclusive(String),
}

impl Prober {
    /// Presents a token to an agent, in a request that changes nothing there.
    /// The same limits hold as for a probe.
    pub async fn prove(&self, url: &AgentUrl, token: &GatewayToken) -> Proof {
        if let Err(refused) = self.hosts.check(url) {
            return Proof::Inconclusive(refused.to_string());
        }
        let deadline = Instant::now() + LIMIT;
        let late = || Proof::Inconclusive(format!("timed out after {} s", LIMIT.as_secs()));
        let request = self
            .http
            .post(url.join("/tools/invoke"))
            .header(ACCEPT, "application/json")
            .bearer_auth(token.reveal())
            .json(&json!({"tool": "sessions_list", "args": {}}))
            .send();
        let response = match timeout_at(deadline, request).await {
            Err(_) => return late(),
            Ok(Err(error)) => return Proof::Inconclusive(cause(&error)),
            Ok(Ok(response)) => response,
        };
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Proof::Refused,
            StatusCode::OK => {}
            status => return Proof::Inconclusive(format!("HTTP {}", status.as_u16())),
        }
        // OpenClaw's control page answers 200 to much, whoever asks.
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_json = content_type
            .and_then(|it| it.to_str().ok())
            .is_some_and(|it| it.starts_with("application/json"));
        if !is_json {
            return Proof::Inconclusive("HTTP 200 with something that is not JSON".to_owned());
        }
        match timeout_at(deadline, client::read_bounded(response)).await {
            Err(_) => late(),
            Ok(Err(error)) => Proof::Inconclusive(format!("the answer {error}")),
            Ok(Ok(body)) => match serde_json::from_slice(&body) {
                Ok(Value::Object(body)) if body.get("ok") != Some(&Value::Bool(false)) => {
                    Proof::Accepted
                }
                _ => Proof::Inconclusive("HTTP 200 without a result".to_owned()),
            },
        }
    }
}
