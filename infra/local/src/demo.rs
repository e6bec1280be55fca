//! Demo records: one agent of each behaviour, and an owner's session for each.
//!
//! The cookies are fixed, so that README's lines work as pasted. They are
//! stored only in a DynamoDB on this machine.

use std::sync::Arc;

use common::clock::SharedClock;
use common::config::Environment;
use common::model::{AgentUrl, GatewayToken, InstanceId, OpenclawVersion, PinnedImage, UserId};
use common::store::{Change, Instances, Registration, SessionKey, Sessions, StoreError, Tokens};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::agents::{Agent, Behaviour};
use crate::error::StackError;
use crate::railway;

/// An agent of the demo, as `--json` lists it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoAgent {
    /// The instance's id.
    pub instance_id: String,
    /// Its owner.
    pub owner_id: String,
    /// A whole `Cookie` header of the owner's session.
    pub cookie: String,
    /// Where the agent answers.
    pub url: String,
    /// How it behaves.
    pub state: Behaviour,
    /// Its gateway token; none for a real agent, which has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_token: Option<String>,
}

/// A user of the demo who has no agent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoUser {
    /// The user's id.
    pub owner_id: String,
    /// A whole `Cookie` header of the user's session.
    pub cookie: String,
}

/// Everybody of the demo, or nobody.
#[derive(Default)]
pub(crate) struct Demo {
    pub(crate) agents: Vec<DemoAgent>,
    pub(crate) user_without_agent: Option<DemoUser>,
    /// They end when this is dropped.
    pub(crate) simulated: Vec<Arc<Agent>>,
}

/// The variables that name real agents.
pub fn variables() -> Vec<String> {
    Behaviour::ALL.map(variable).to_vec()
}

/// The variable that names a real agent for a behaviour.
fn variable(behaviour: Behaviour) -> String {
    format!("AGENT_URL_{}", behaviour.name().to_uppercase())
}

impl Demo {
    /// Starts an agent of each behaviour, but those for which
    /// `AGENT_URL_<BEHAVIOUR>` names a real one.
    pub(crate) fn start(
        environment: &dyn Environment,
        clock: &SharedClock,
    ) -> Result<Self, StackError> {
        let mut simulated = Vec::new();
        let mut agents = Vec::new();
        for behaviour in Behaviour::ALL {
            let name = behaviour.name();
            let variable = variable(behaviour);
            let url = match environment.get(&variable) {
                Some(url) => url,
                None => {
                    let agent = Agent::start(behaviour, OpenclawVersion::BASELINE, clock.clone())
                        .map_err(StackError::Listen)?;
                    let url = agent.url();
                    simulated.push(Arc::new(agent));
                    url
                }
            };
            agents.push(DemoAgent {
                instance_id: format!("demo-{name}"),
                owner_id: format!("owner-{name}"),
                cookie: cookie(name),
                url,
                state: behaviour,
                gateway_token: None,
            });
        }
        Ok(Self {
            agents,
            user_without_agent: Some(DemoUser {
                owner_id: "owner-nobody".to_owned(),
                cookie: cookie("nobody"),
            }),
            simulated,
        })
    }

    /// Makes each simulated agent the container of a service, of the name by
    /// which a control finds it.
    pub(crate) fn deploy(&self, railway: &railway::Simulator) {
        let image = PinnedImage::default();
        for agent in &self.simulated {
            let url = agent.url();
            if let Some(demo) = self.agents.iter().find(|demo| demo.url == url) {
                let name = format!("agentbot-agent-{}", demo.instance_id);
                let service = railway.add_service(&name, image.as_str(), Some(agent.clone()));
                if let Some(token) = &demo.gateway_token {
                    agent.set_token(token);
                    railway.edit_variables(&service, |variables| {
                        variables.insert("OPENCLAW_GATEWAY_TOKEN".to_owned(), token.clone());
                    });
                }
            }
        }
    }

    /// Writes the records and sessions, or brings those of an earlier start up
    /// to date: the agents' ports are new each time. A token that was rotated
    /// stays.
    pub(crate) async fn seed(
        &mut self,
        instances: &Instances,
        sessions: &Sessions,
        tokens: &Tokens,
        now: Timestamp,
    ) -> Result<(), StackError> {
        let simulated: Vec<String> = self.simulated.iter().map(|agent| agent.url()).collect();
        for agent in &mut self.agents {
            let id: InstanceId = agent.instance_id.parse().map_err(bad_demo)?;
            let owner: UserId = agent.owner_id.parse().map_err(bad_demo)?;
            let url: AgentUrl = agent.url.parse().map_err(bad_demo)?;
            let registration = Registration {
                openclaw_url: Change::Set(url),
                plan: Change::Set("solo".to_owned()),
                subscription_status: Change::Set("active".to_owned()),
                ..Registration::of_owner(owner.clone())
            };
            instances.register(&id, registration, now).await?;
            log_in(sessions, &agent.cookie, &owner, now).await?;
            if simulated.contains(&agent.url) {
                let token = tokens.get_or_store(&id, demo_token(&id)).await?;
                agent.gateway_token = Some(token.reveal().to_owned());
            }
        }
        if let Some(user) = &self.user_without_agent {
            let owner = user.owner_id.parse().map_err(bad_demo)?;
            log_in(sessions, &user.cookie, &owner, now).await?;
        }
        Ok(())
    }
}

/// Of the instance's own name, again and again.
fn demo_token(id: &InstanceId) -> GatewayToken {
    let mut bytes = [0; 32];
    for (byte, letter) in bytes.iter_mut().zip(id.as_str().bytes().cycle()) {
        *byte = letter;
    }
    GatewayToken::from_random(bytes)
}

fn cookie(name: &str) -> String {
    format!("agentbot-session=demo-{name}")
}

async fn log_in(
    sessions: &Sessions,
    cookie: &str,
    user: &UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let month = SignedDuration::from_hours(30 * 24);
    match cookie
        .split_once('=')
        .and_then(|(_, value)| SessionKey::of_cookie(value))
    {
        Some(key) => sessions.put(&key, user, now + month).await,
        None => Ok(()),
    }
}

fn bad_demo(error: impl std::fmt::Display) -> StackError {
    StackError::Demo(error.to_string())
}
