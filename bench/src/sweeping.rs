//! The whole sweep in a process of its own, as its function makes it: the agents of
//! a table, so many of them at once, and a thread for each processor.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use common::aws::{Aws, Endpoint};
use common::config::{AGENT_HOSTS, HISTORY_TABLE, INSTANCES_TABLE, SWEEP_CONCURRENCY};
use common::platform::Platform;
use common::threads::Threads;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sweep::{Coordinator, Dependencies, Outcome};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::database::TABLES;
use crate::failed::Failed;
use crate::linux;

/// What is swept: a [`Fleet`] is read as one line.
#[derive(Args)]
pub(crate) struct Options {
    /// How many agents are asked at once.
    #[arg(long)]
    concurrency: usize,
    /// How many sweeps are made, a minute apart by their own time.
    #[arg(long)]
    sweeps: usize,
    /// The time of the first one.
    #[arg(long)]
    from: Timestamp,
}

/// Where everything is.
#[derive(Deserialize, Serialize)]
pub(crate) struct Fleet {
    /// DynamoDB.
    pub(crate) database: String,
    /// The certificate to trust, in Base64.
    pub(crate) root: Option<String>,
}

/// What a sweep took: a line of output.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Swept {
    /// How many agents it asked.
    pub(crate) agents: usize,
    /// How many are up.
    pub(crate) up: usize,
    /// How many states and figures it wrote.
    pub(crate) writes: usize,
    /// From the first read to the last answer or write.
    pub(crate) seconds: f64,
    /// On the processor, in that time.
    pub(crate) cpu_seconds: f64,
    /// The most memory that the process ever held.
    pub(crate) peak_mib: f64,
}

impl Swept {
    pub(crate) fn per_second(&self) -> f64 {
        self.agents as f64 / self.seconds
    }

    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.agents as f64
    }
}

/// Sweeps, and prints a line of [`Swept`] for each sweep.
pub(crate) async fn run(options: &Options) -> Result<(), Failed> {
    /// Longer than the largest fleet takes.
    const LIMIT: Duration = Duration::from_secs(900);
    let mut line = String::new();
    BufReader::new(tokio::io::stdin())
        .read_line(&mut line)
        .await?;
    let threads = Threads::start()?;
    let fleet = serde_json::from_str(&line)?;
    let dependencies = dependencies(&fleet, options.concurrency, threads.runtimes())?;
    let interval = dependencies.settings.interval;
    let coordinator = Coordinator::new(dependencies);
    let mut time = options.from;
    for _ in 0..options.sweeps {
        let before = linux::cpu_seconds("self")?;
        let start = Instant::now();
        let outcome = coordinator.run_scheduled(time, start + LIMIT).await?;
        let Outcome::Made(report) = outcome else {
            return Err(format!("the sweep was not made: {outcome:?}").into());
        };
        let summary = report.summary;
        if summary.store_errors > 0 || summary.probed != summary.instances {
            return Err(format!("not every agent was swept: {summary:?}").into());
        }
        let swept = Swept {
            agents: summary.probed as usize,
            up: summary.conditions.up as usize,
            writes: (summary.writes + summary.figures) as usize,
            seconds: start.elapsed().as_secs_f64(),
            cpu_seconds: linux::cpu_seconds("self")? - before,
            peak_mib: linux::peak_mib("self")?,
        };
        println!("{}", serde_json::to_string(&swept)?);
        time += interval;
    }
    Ok(())
}

/// What the function itself is made of, without Railway.
fn dependencies(
    fleet: &Fleet,
    concurrency: usize,
    runtimes: Vec<Handle>,
) -> Result<Dependencies, Failed> {
    let root = fleet.root.as_ref().map(|root| STANDARD.decode(root));
    let platform = Platform {
        agent_roots: root.transpose()?.map(Into::into).into_iter().collect(),
        embedded_metrics: false,
        ..Platform::new(Aws::new(Endpoint::Local(fleet.database.clone())))
    };
    let [instances, history] = TABLES.map(str::to_owned);
    let environment = BTreeMap::from([
        (INSTANCES_TABLE, instances),
        (HISTORY_TABLE, history),
        (AGENT_HOSTS, "127.0.0.1".to_owned()),
        (SWEEP_CONCURRENCY, concurrency.to_string()),
    ]);
    Ok(Dependencies {
        runtimes,
        ..sweep::from_environment(&environment, &platform)?
    })
}
