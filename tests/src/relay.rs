//! A relay in front of a world's agents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::aws::{Aws, Endpoint};
use common::config::Reader;
use common::platform::Platform;
use relay::{Relay, Settings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::World;

/// A relay on a free port of the loopback.
#[derive(Debug)]
pub struct RunningRelay {
    /// Its base URL.
    pub url: String,
    ending: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RunningRelay {
    /// Starts a relay over the world's records.
    pub async fn start(world: &World, change: impl FnOnce(&mut Settings)) -> Self {
        let tables = &world.stack.tables;
        let environment = BTreeMap::from([
            ("INTERNAL_API_KEY", world.stack.bearer.reveal().to_owned()),
            ("INSTANCES_TABLE", tables.instances.clone()),
            ("SESSIONS_TABLE", tables.sessions.clone()),
            ("TICKETS_TABLE", tables.tickets.clone()),
            ("AGENT_HOSTS", "127.0.0.1".to_owned()),
            (
                "AGENT_ORIGIN",
                "http://{agentId}.agents.localhost".to_owned(),
            ),
        ]);
        let settings = Settings::read(&mut Reader::new(&environment));
        let mut settings = settings.expect("good settings");
        change(&mut settings);
        let aws = Aws::new(Endpoint::Local(world.stack.dynamodb.clone()));
        let platform = Platform {
            clock: Arc::new(world.clock.clone()),
            ..Platform::new(aws)
        };
        let relay = Relay::new(settings, &platform).expect("a relay");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (ending, ended) = oneshot::channel();
        let task = tokio::spawn(relay.serve(listener, async {
            // An error means that nobody is left to say it, which is an end too.
            let _ = ended.await;
        }));
        Self {
            url: format!("http://{address}"),
            ending,
            task,
        }
    }

    /// Asks it to end, as SIGTERM does.
    pub fn end(self) -> JoinHandle<()> {
        let _ = self.ending.send(());
        self.task
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn ended(task: JoinHandle<()>) {
        let ended = timeout(Duration::from_secs(20), task).await;
        ended.expect("it ends in time").expect("it ends well");
    }
}
