//! Agents' pages at their own origins, for the tests of these.

use http::{HeaderName, Method};
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};
use tests::{EchoAgent, RawSocket, World};

pub(crate) const COOKIE: &str = "__Host-agentbot-page";
pub(crate) const BAD_LINK: &str = "This link has been used or has expired";
pub(crate) const OPEN: &str = "/.well-known/openclaw-maintenance/open";

/// A world with an agent, which has an origin of its own.
pub(crate) struct Opened {
    pub(crate) world: World,
    pub(crate) agent: EchoAgent,
    http: Client,
}

impl Opened {
    pub(crate) async fn start() -> Self {
        let world = World::start().await;
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

    /// The origin of the host with this label.
    pub(crate) fn origin(&self, label: &str) -> String {
        let (_, port) = self.world.stack.api.rsplit_once(':').unwrap();
        format!("http://{label}.agents.localhost:{port}")
    }

    /// A fresh link of an owner's agent: its path and its query.
    pub(crate) async fn link(&self, agent: &str, owner: &str) -> String {
        let owner = self.world.log_in(owner).await;
        let mut answer = owner.post(&format!("/api/instance/{agent}/open")).await;
        let url = answer.take("url").as_str().unwrap().to_owned();
        let url = url.split('#').next().unwrap();
        url[url.find("/.well").unwrap()..].to_owned()
    }

    /// The cookie of a page that was opened.
    pub(crate) async fn open(&self, agent: &str, owner: &str) -> String {
        let link = self.link(agent, owner).await;
        let answer = self.get(agent, &link, &[]).await;
        assert_eq!(answer.status(), 303);
        cookie_of(&answer)
    }

    /// The page of `echo`, opened.
    pub(crate) async fn opened(&self) -> String {
        self.open("echo", "owner-of-echo").await
    }

    pub(crate) async fn get(&self, label: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send(Method::GET, label, path, headers).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        label: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let url = format!("{}{path}", self.world.stack.api);
        let host = self.origin(label);
        let mut request = self.http.request(method, url);
        request = request.header("host", host.trim_start_matches("http://"));
        for (name, value) in headers {
            request = request.header(name.parse::<HeaderName>().unwrap(), *value);
        }
        request.send().await.unwrap()
    }

    /// Asks for a WebSocket at the origin of `echo`.
    pub(crate) async fn socket(&self, path: &str, headers: &str) -> (RawSocket, String) {
        let origin = self.origin("echo");
        let host = origin.trim_start_matches("http://");
        RawSocket::upgrade_at(&self.world.stack.api, host, path, headers).await
    }
}

/// The cookie that an answer sets, as a browser sends it back.
pub(crate) fn cookie_of(answer: &Response) -> String {
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// Asserts that an answer is a page of this program's own which says this.
pub(crate) async fn is_page(answer: Response, status: u16, sentence: &str) {
    assert_eq!(answer.status(), status);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    assert!(!answer.headers().contains_key("set-cookie"));
    let page = answer.text().await.unwrap();
    assert!(page.contains(&format!("<h1>{sentence}</h1>")), "{page}");
}

/// Asserts that an answer is the same for a program.
pub(crate) async fn is_refused(answer: Response, status: u16, sentence: &str) {
    assert_eq!(answer.status(), status);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({"error": sentence}));
}
