//! Proving to whom an agent listens.

use std::pin::pin;
use std::time::Duration;

use ::http::header::RETRY_AFTER;
use ::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Prober;
use super::connection::{Connection, Question, Target};
use super::failure::Failure;
use super::handshake::{Opened, Reception};
use super::refusal::Refusal;
use crate::client::ReadError;
use crate::model::{AgentUrl, GatewayToken};
use crate::net::check_confidential;

/// How long a proof may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What an agent makes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It did what it does for those who present its token, and for nobody else.
    Accepted,
    /// It says that this is not its token.
    Refused,
    /// It lets nobody in who comes this way, with its token or without; why.
    NotLetIn(String),
    /// It lets everybody in, so that a token proves nothing.
    Unprovable,
    /// It did not tell; why.
    Inconclusive(String),
}

/// What an agent did about somebody who wanted to use a tool.
enum Reaction {
    LetIn,
    /// It takes the token, or its absence, for wrong.
    WrongToken,
    NotLetIn(String),
    Unclear(String),
}

/// An answer that arrived whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Result<Value, ReadError>,
}

impl Prober {
    /// Presents a token to an agent, in a request that changes nothing there.
    /// The same limits hold as for a probe.
    ///
    /// A wrapper that puts its own token into every request lets everybody in.
    /// It shows that token in `/api/status`, which is then compared; else nobody
    /// may have been let in without a token, and with a wrong one. That one
    /// counts as a failed attempt at the agent, and so comes last, where the right
    /// one has just wiped out what was counted before. Where requests prove
    /// nothing, the handshake of the WebSocket is asked, for as long again.
    pub async fn prove(&self, url: &AgentUrl, token: &GatewayToken) -> Proof {
        if let Err(refused) = self.hosts.check(url) {
            return Proof::Inconclusive(refused.to_string());
        }
        if let Err(refused) = check_confidential(url.scheme(), url.host()) {
            return Proof::Inconclusive(format!("the agent's URL {refused}"));
        }
        let by_request = match timeout(LIMIT, self.judge(url, token)).await {
            Err(_) => Proof::Inconclusive(format!("timed out after {} s", LIMIT.as_secs())),
            Ok(Err(failure)) => Proof::Inconclusive(failure.reason()),
            Ok(Ok(proof)) => proof,
        };
        if !matches!(by_request, Proof::Unprovable | Proof::Inconclusive(_)) {
            return by_request;
        }
        // Where a wrapper is in the way of requests.
        match timeout(LIMIT, Box::pin(self.shake_hands(url, token))).await {
            Ok(Ok(Some(proof))) => proof,
            _ => by_request,
        }
    }

    /// Presents the token in the handshake of the gateway's WebSocket; `None` if
    /// that tells nothing either. A wrong one, which counts as a failed attempt,
    /// comes last here too.
    async fn shake_hands(
        &self,
        url: &AgentUrl,
        token: &GatewayToken,
    ) -> Result<Option<Proof>, Failure> {
        let target = Target::of(url)?;
        let of_token = match self.received(&target, token).await? {
            Some(Reception::WrongToken) => return Ok(Some(Proof::Refused)),
            Some(Reception::LockedOut) => {
                return Ok(Some(Proof::NotLetIn("AUTH_RATE_LIMITED".to_owned())));
            }
            None | Some(Reception::Closed) => return Ok(None),
            Some(other) => other,
        };
        let of_wrong = self.received(&target, &token.altered()).await?;
        Ok(match of_wrong {
            Some(Reception::WrongToken | Reception::LockedOut) => Some(Proof::Accepted),
            Some(Reception::Welcome) if of_token == Reception::Welcome => Some(Proof::Unprovable),
            _ => None,
        })
    }

    /// What the gateway makes of a token; `None` if there is no WebSocket to it.
    async fn received(
        &self,
        target: &Target,
        token: &GatewayToken,
    ) -> Result<Option<Reception>, Failure> {
        Ok(match self.connector.greet(target).await? {
            Opened::Challenged(socket) => Some(socket.present(token).await),
            Opened::Refused | Opened::Closed => None,
        })
    }

    async fn judge(&self, url: &AgentUrl, token: &GatewayToken) -> Result<Proof, Failure> {
        let target = Target::of(url)?;
        if let Some(shown) = self.shown_token(&target).await? {
            return Ok(if shown == *token {
                Proof::Accepted
            } else {
                Proof::Refused
            });
        }
        match self.present(&target, None).await? {
            Reaction::LetIn => return Ok(Proof::Unprovable),
            Reaction::WrongToken => {}
            other => return Ok(other.into_proof()),
        }
        match self.present(&target, Some(token)).await? {
            Reaction::LetIn => {}
            other => return Ok(other.into_proof()),
        }
        let wrong = token.altered();
        Ok(match self.present(&target, Some(&wrong)).await? {
            Reaction::LetIn => Proof::Unprovable,
            Reaction::WrongToken | Reaction::NotLetIn(_) => Proof::Accepted,
            Reaction::Unclear(why) => Proof::Inconclusive(why),
        })
    }

    /// The token that a wrapper shows in `/api/status`. It is compared, and
    /// dropped.
    async fn shown_token(&self, target: &Target) -> Result<Option<GatewayToken>, Failure> {
        let answer = self.ask(target, &Question::get("/api/status")).await?;
        let shown = || {
            answer
                .body
                .ok()?
                .get("gatewayToken")?
                .as_str()?
                .parse()
                .ok()
        };
        Ok((answer.status == StatusCode::OK).then(shown).flatten())
    }

    async fn present(
        &self,
        target: &Target,
        token: Option<&GatewayToken>,
    ) -> Result<Reaction, Failure> {
        let tool = json!({"tool": "sessions_list", "args": {}});
        let question = Question::post("/tools/invoke", token, &tool);
        Ok(Reaction::of(self.ask(target, &question).await?))
    }

    /// Asks over a connection of its own: an agent may close one with a refusal.
    async fn ask(&self, target: &Target, question: &Question) -> Result<Answer, Failure> {
        let Connection { mut sender, driver } = self.connector.open(target).await?;
        let asking = async move {
            let response = sender.ask(target, question).await?;
            let (head, body) = response.into_parts();
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body
                    .read()
                    .await
                    .map(|body| serde_json::from_slice(&body).unwrap_or_default()),
            })
        };
        driver.run(pin!(asking)).await
    }
}

impl Reaction {
    fn of(answer: Answer) -> Self {
        let refusal = answer.body.as_ref().ok().and_then(Refusal::of);
        match (answer.status, refusal) {
            (StatusCode::UNAUTHORIZED, _) | (StatusCode::FORBIDDEN, Some(Refusal::Token)) => {
                Self::WrongToken
            }
            (StatusCode::FORBIDDEN, Some(Refusal::ProxyAttribution)) => Self::NotLetIn(
                "HTTP 403: proxy_attribution_required; see gateway.trustedProxies".to_owned(),
            ),
            (StatusCode::FORBIDDEN, None) => Self::NotLetIn("HTTP 403".to_owned()),
            (StatusCode::TOO_MANY_REQUESTS, _) => Self::NotLetIn(locked_out(&answer.headers)),
            (StatusCode::OK, _) => match answer.body {
                Err(error) => Self::Unclear(format!("the answer {error}")),
                // OpenClaw's control page answers 200 to much, whoever asks.
                Ok(Value::Object(body)) if body.get("ok") != Some(&Value::Bool(false)) => {
                    Self::LetIn
                }
                Ok(_) => Self::Unclear("HTTP 200 without a result".to_owned()),
            },
            (status, _) => Self::Unclear(format!("HTTP {}", status.as_u16())),
        }
    }

    /// What it means where the token in question was presented, or nothing that
    /// could be wrong about it.
    fn into_proof(self) -> Proof {
        match self {
            Self::LetIn => Proof::Accepted,
            Self::WrongToken => Proof::Refused,
            Self::NotLetIn(why) => Proof::NotLetIn(why),
            Self::Unclear(why) => Proof::Inconclusive(why),
        }
    }
}

/// That too many attempts have failed, and how long it lasts.
fn locked_out(headers: &HeaderMap) -> String {
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|it| it.to_str().ok()?.parse::<u32>().ok());
    match seconds {
        Some(seconds) => format!("HTTP 429: locked out for {seconds} s"),
        None => "HTTP 429: locked out".to_owned(),
    }
}
