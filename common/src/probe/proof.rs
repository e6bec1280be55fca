//! Proving to whom an agent listens.

use std::pin::pin;
use std::time::Duration;

use ::http::StatusCode;
use ::http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Prober;
use super::connection::{Connection, Question, Target};
use super::failure::Failure;
use crate::model::{AgentUrl, GatewayToken};

/// How long a proof may take.
const LIMIT: Duration = Duration::from_secs(5);

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
        match timeout(LIMIT, self.present(url, token)).await {
            Err(_) => Proof::Inconclusive(format!("timed out after {} s", LIMIT.as_secs())),
            Ok(Err(failure)) => Proof::Inconclusive(failure.reason()),
            Ok(Ok(proof)) => proof,
        }
    }

    async fn present(&self, url: &AgentUrl, token: &GatewayToken) -> Result<Proof, Failure> {
        let tool = json!({"tool": "sessions_list", "args": {}});
        let question = Question::post("/tools/invoke", token, &tool);
        let target = Target::of(url)?;
        let Connection { mut sender, driver } = self.connector.open(&target).await?;
        let asking = async move {
            let response = sender.ask(&target, &question).await?;
            match response.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(Proof::Refused),
                StatusCode::OK => {}
                status => return Ok(Proof::Inconclusive(format!("HTTP {}", status.as_u16()))),
            }
            // OpenClaw's control page answers 200 to much, whoever asks.
            let content_type = response.headers().get(CONTENT_TYPE);
            let is_json = content_type
                .and_then(|it| it.to_str().ok())
                .is_some_and(|it| it.starts_with("application/json"));
            if !is_json {
                let what = "HTTP 200 with something that is not JSON";
                return Ok(Proof::Inconclusive(what.to_owned()));
            }
            Ok(match response.into_body().read().await {
                Err(error) => Proof::Inconclusive(format!("the answer {error}")),
                Ok(body) => match serde_json::from_slice(&body) {
                    Ok(Value::Object(body)) if body.get("ok") != Some(&Value::Bool(false)) => {
                        Proof::Accepted
                    }
                    _ => Proof::Inconclusive("HTTP 200 without a result".to_owned()),
                },
            })
        };
        driver.run(pin!(asking)).await
    }
}
