//! People who are alerted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tests::{Reply, ScriptedServer};

/// People who take alerts, unless they are told to answer otherwise first.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) server: Arc<ScriptedServer>,
    first: Arc<Mutex<VecDeque<Reply>>>,
}

impl People {
    pub(crate) async fn start() -> Self {
        let first = Arc::new(Mutex::new(VecDeque::new()));
        let script = first.clone();
        let server = ScriptedServer::start(move |_| {
            let first: Option<Reply> = script.lock().unwrap().pop_front();
            first.unwrap_or_else(|| Reply::http(204, "text/plain", ""))
        });
        Self {
            server: Arc::new(server.await),
            first,
        }
    }

    pub(crate) fn answer_first(&self, replies: impl IntoIterator<Item = Reply>) {
        self.first.lock().unwrap().extend(replies);
    }

    pub(crate) fn alerts(&self) -> Vec<Value> {
        let bodies = self.server.bodies();
        let bodies = bodies.iter();
        bodies.map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// Title and agent of each alert, sorted.
    pub(crate) fn told(&self) -> Vec<String> {
        let one = |alert: Value| format!("{}: {}", alert["title"], alert["instanceId"]);
        let mut told: Vec<_> = self.alerts().into_iter().map(one).collect();
        told.sort();
        told
    }
}
