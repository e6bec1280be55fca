//! An agent behind the proxy.

use reqwest::{Client, Response, redirect};
use serde_json::Value;
use tests::{EchoAgent, RawSocket, World};

/// A world with an agent `echo` that tells what it was asked.
pub(crate) struct Proxied {
    pub(crate) world: World,
    pub(crate) agent: EchoAgent,
    pub(crate) http: Client,
}

impl Proxied {
    pub(crate) async fn start() -> Self {
        Self::in_world(World::start().await).await
    }

    pub(crate) async fn in_world(world: World) -> Self {
        let agent = EchoAgent::start().await;
        world.deploy("echo", "owner-of-echo", agent.url()).await;
        let http = common::client::builder()
            .redirect(redirect::Policy::none())
            .build();
        Self {
            world,
            agent,
            http: http.unwrap(),
        }
    }

    /// The base URL of an agent behind the proxy.
    pub(crate) fn url(&self, agent: &str) -> String {
        format!("{}/api/openclaw/proxy/{agent}", self.world.stack.api)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.url("echo"));
        self.http.get(url).send().await.unwrap()
    }

    /// Opens a WebSocket with the platform's key, and tells the answer's head.
    pub(crate) async fn open(&self, path: &str) -> (RawSocket, String) {
        let bearer = format!(
            "authorization: Bearer {}\r\n",
            self.world.stack.bearer.reveal()
        );
        self.open_with(path, &bearer).await
    }

    pub(crate) async fn open_with(&self, path: &str, headers: &str) -> (RawSocket, String) {
        let target = format!("/api/openclaw/proxy/echo{path}");
        RawSocket::upgrade(&self.world.stack.api, &target, headers).await
    }

    /// A WebSocket that is open.
    pub(crate) async fn socket(&self, path: &str) -> RawSocket {
        let (socket, head) = self.open(path).await;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        socket
    }
}

/// The values of a header that the agent was sent.
pub(crate) fn sent<'a>(mirror: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mirror["headers"].as_array().unwrap().iter();
    headers
        .filter(|header| header[0] == name)
        .map(|header| header[1].as_str().unwrap())
        .collect()
}
