//! The prober in a process of its own: one thread, as on Lambda, and so many
//! agents at once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use common::model::AgentUrl;
use common::probe::{Prober, Status};
use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::Instant;

use crate::Failed;
use crate::agents::Targets;
use crate::process;

/// What is asked of the agents, whose [`Targets`] are read as one line.
#[derive(Args)]
pub(crate) struct Options {
    /// How many agents; beyond those that there are, some are asked again.
    #[arg(long)]
    agents: usize,
    /// How many at once.
    #[arg(long)]
    concurrency: usize,
}

/// What it took.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Swept {
    pub(crate) agents: usize,
    /// How many are plainly up.
    pub(crate) running: usize,
    pub(crate) unreachable: usize,
    /// From the first request to the last answer.
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
}

/// Probes, and prints a line of [`Swept`].
pub(crate) async fn run(options: &Options) -> Result<(), Failed> {
    let mut line = String::new();
    BufReader::new(tokio::io::stdin())
        .read_line(&mut line)
        .await?;
    let targets: Targets = serde_json::from_str(&line)?;
    let root = targets.root.map(|root| STANDARD.decode(root)).transpose()?;
    let roots = root.map(Into::into).into_iter().collect();
    let prober = &Prober::trusting("127.0.0.1".parse()?, roots)?;
    let scheme = &targets.scheme;
    let urls = targets.ports.iter().cycle().take(options.agents);
    let urls = urls.map(|port| format!("{scheme}://127.0.0.1:{port}").parse::<AgentUrl>());
    let (mut running, mut unreachable) = (0, 0);
    let before = process::cpu_seconds("self")?;
    let start = Instant::now();
    let mut reports = stream::iter(urls)
        .map(async |url| Ok::<_, Failed>(prober.probe(&url?).await.status))
        .buffer_unordered(options.concurrency);
    while let Some(status) = reports.next().await {
        match status? {
            Status::Running => running += 1,
            Status::Unreachable => unreachable += 1,
            _ => {}
        }
    }
    let swept = Swept {
        agents: options.agents,
        running,
        unreachable,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: process::cpu_seconds("self")? - before,
        peak_mib: process::peak_mib("self")?,
    };
    println!("{}", serde_json::to_string(&swept)?);
    Ok(())
}
