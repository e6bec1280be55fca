//! The approval of a browser as a device of the agent, so that its owner need not do
//! it on the agent's host.
//!
//! From 2026.6 on, a gateway asks for it when a control page connects for the first time
//! with the right token, and refuses until then. The device is approved over the
//! gateway's own RPC, with the token that the page itself presented: so nobody gets by
//! it what they could not do themselves. And only here, where the page's session shows
//! that the browser is the owner's: a device that asks in another way stays refused.

use std::io::Cursor;
use std::time::Duration;

use axum::body::Body;
use common::client::Forwarder;
use common::model::{AgentUrl, InstanceId};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::tunnel::Witness;

/// The most of either direction that is looked at, in bytes: a gateway's own limit before
/// it knows who connects.
const MAX_SEEN: usize = 64 * 1024;

/// For one request to the gateway.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest list of devices that is read, in bytes.
const MAX_LIST: usize = 1024 * 1024;

/// Sees how a page connects, and has its device approved if that is all that is missing.
pub(crate) struct DeviceApproval {
    gateway: Gateway,
    from_page: Messages,
    from_agent: Messages,
    page: Option<Page>,
}

/// A page that has asked to be connected.
#[derive(Clone)]
struct Page {
    device: String,
    token: String,
}

impl DeviceApproval {
    pub(crate) fn new(state: &crate::State, url: AgentUrl, agent: &InstanceId) -> Self {
        Self {
            gateway: Gateway {
                forwarder: state.forwarder.clone(),
                url,
                agent: agent.clone(),
            },
            from_page: Messages::default(),
            from_agent: Messages::default(),
            page: None,
        }
    }
}

impl Witness for DeviceApproval {
    fn to_agent(&mut self, bytes: &[u8]) -> bool {
        if self.page.is_some() {
            return true;
        }
        match self.from_page.next(bytes) {
            Ok(None) => true,
            Ok(Some(message)) => {
                self.page = page(&message);
                self.page.is_some()
            }
            Err(Unreadable) => false,
        }
    }

    fn to_client(&mut self, bytes: &[u8]) -> bool {
        let mut bytes = bytes;
        loop {
            match self.from_agent.next(bytes) {
                Ok(None) => return true,
                Ok(Some(message)) => match is_refused(&message) {
                    None => bytes = &[],
                    Some(refused) => {
                        if let (true, Some(page)) = (refused, self.page.take()) {
                            tokio::spawn(self.gateway.clone().approve(page));
                        }
                        return false;
                    }
                },
                Err(Unreadable) => return false,
            }
        }
    }
}

/// What a page's first message says of its device. None if it is no operator's with
/// the gateway token.
fn page(message: &[u8]) -> Option<Page> {
    #[derive(Deserialize)]
    struct Connect {
        method: String,
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        role: String,
        auth: Auth,
        device: Device,
    }
    #[derive(Deserialize)]
    struct Auth {
        token: String,
    }
    #[derive(Deserialize)]
    struct Device {
        id: String,
    }
    let Connect { method, params } = serde_json::from_slice(message).ok()?;
    (method == "connect" && params.role == "operator").then_some(Page {
        device: params.device.id,
        token: params.auth.token,
    })
}

/// Whether an agent's message refuses a device that is not approved. None if it answers
/// nothing.
fn is_refused(message: &[u8]) -> Option<bool> {
    let message: Value = serde_json::from_slice(message).ok()?;
    let code = message.pointer("/error/details/code");
    (message.get("type")? == "res").then(|| code.is_some_and(|it| it == "PAIRING_REQUIRED"))
}

/// What was seen cannot be understood, or is too much.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable;

/// The texts in the frames of one direction.
#[derive(Default)]
struct Messages(Vec<u8>);

impl Messages {
    /// The next text, once it is complete. What comes without being one is passed over.
    fn next(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        if self.0.len() + bytes.len() > MAX_SEEN {
            return Err(Unreadable);
        }
        self.0.extend_from_slice(bytes);
        loop {
            let mut cursor = Cursor::new(&self.0);
            let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Unreadable)?;
            let Some((frame, len)) = parsed else {
                return Ok(None);
            };
            let start = usize::try_from(cursor.position()).map_err(|_| Unreadable)?;
            let len = usize::try_from(len).map_err(|_| Unreadable)?;
            let end = start.checked_add(len).ok_or(Unreadable)?;
            let Some(payload) = self.0.get(start..end) else {
                return if end > MAX_SEEN {
                    Err(Unreadable)
                } else {
                    Ok(None)
                };
            };
            let mask = frame.mask.unwrap_or_default().into_iter().cycle();
            let payload: Vec<u8> = payload
                .iter()
                .zip(mask)
                .map(|(byte, mask)| byte ^ mask)
                .collect();
            self.0.drain(..end);
            match frame.opcode {
                OpCode::Data(Data::Text) if frame.is_final => return Ok(Some(payload)),
                OpCode::Control(_) => {}
                OpCode::Data(_) => return Err(Unreadable),
            }
        }
    }
}

/// An agent's gateway, to be told over its RPC.
#[derive(Clone)]
struct Gateway {
    forwarder: Forwarder<Body>,
    url: AgentUrl,
    agent: InstanceId,
}

/// Why a device is not approved.
#[derive(Debug, thiserror::Error)]
enum NotApproved {
    #[error("the gateway's RPC cannot be reached")]
    Unreachable,
    #[error("the gateway's RPC is not there: the plugin admin-http-rpc is off")]
    NoRpc,
    #[error("the gateway's RPC answered {0}")]
    Refused(StatusCode),
    #[error("the gateway's RPC answered with something else")]
    Unreadable,
    #[error("the gateway has no request of this device")]
    NotAsked,
}

impl Gateway {
    async fn approve(self, page: Page) {
        let agent = &self.agent;
        match self.try_approve(&page).await {
            Ok(()) => tracing::info!(%agent, "a browser is approved as a device"),
            Err(error) => tracing::warn!(%agent, %error, "a browser is not approved as a device"),
        }
    }

    async fn try_approve(&self, page: &Page) -> Result<(), NotApproved> {
        let list = self
            .call(&page.token, "device.pair.list", &json!({}))
            .await?;
        let pending = list.pointer("/payload/pending").and_then(Value::as_array);
        let mut pending = pending.into_iter().flatten();
        let request = pending.find(|request| {
            let is = |name: &str, value: &str| request.get(name).is_some_and(|it| it == value);
            is("deviceId", &page.device)
        });
        let id = request.and_then(|request| request.get("requestId")?.as_str());
        let params = json!({"requestId": id.ok_or(NotApproved::NotAsked)?});
        self.call(&page.token, "device.pair.approve", &params)
            .await?;
        Ok(())
    }

    async fn call(&self, token: &str, method: &str, params: &Value) -> Result<Value, NotApproved> {
        let body = json!({"method": method, "params": params});
        // Without forwarding headers: this is no visitor's request, but the platform's.
        let request = Request::post(self.url.join("/api/v1/admin/rpc").as_str())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .map_err(|_| NotApproved::Unreachable)?;
        let answered = async {
            let answer = self.forwarder.request(request).await;
            let answer = answer.map_err(|_| NotApproved::Unreachable)?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Err(NotApproved::NoRpc),
                status => return Err(NotApproved::Refused(status)),
            }
            let body = Limited::new(answer.into_body(), MAX_LIST).collect().await;
            let body = body.map_err(|_| NotApproved::Unreadable)?.to_bytes();
            serde_json::from_slice(&body).map_err(|_| NotApproved::Unreadable)
        };
        let answered = timeout(PATIENCE, answered).await;
        answered.map_err(|_| NotApproved::Unreachable)?
    }
}
