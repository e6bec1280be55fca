//! `bench sweep`: everything about probing a fleet, as sections of BENCHMARKS.md.

use std::time::Duration;

use clap::Args;

use crate::Failed;
use crate::agents::Speak;
use crate::bill::{Bill, Need};
use crate::figures::{load, median};
use crate::probing::Swept;
use crate::process::Agents;
use crate::rivals::{Blackbox, Probed, wrk};
use crate::tools::Tool;

/// How much is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// How many agents there are
    #[arg(long, default_value_t = 10_000)]
    agents: usize,
    /// How many are asked at once
    #[arg(long, default_value_t = 256)]
    concurrency: usize,
    /// How often each side has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Bytes read of an agent in each sweep, for the bill
    #[arg(long, default_value_t = 1024.0)]
    read_bytes: f64,
    /// Writes about an agent in an hour, for the bill
    #[arg(long, default_value_t = 8.0)]
    writes_per_hour: f64,
}

/// The requests of one of our probes.
const PATHS: f64 = 3.0;
/// How many of a hundred agents hang.
const HANGING: usize = 5;
/// The limit of a probe, in seconds.
const LIMIT: f64 = 5.0;
/// How long `wrk` has its turn.
const WRK: Duration = Duration::from_secs(3);

/// Measures, and prints Markdown.
pub(crate) async fn run(options: &Options) -> Result<(), Failed> {
    let Options {
        agents,
        concurrency,
        rounds,
        ..
    } = options;
    println!("{agents} agents, {concurrency} at once, medians of {rounds} rounds.");
    println!("Load average before: {}\n", load()?);
    let plain = Agents::start(*agents, Speak::Plain, 0).await?;
    throughput(options, &plain).await?;
    curve(options, &plain).await?;
    drop(plain);
    let needed = handshakes(options).await?;
    let waiting = hanging(options).await?;
    bill(options, &needed, waiting);
    println!("Load average after: {}", load()?);
    Ok(())
}

async fn throughput(options: &Options, agents: &Agents) -> Result<(), Failed> {
    let blackbox = Tool::find("prometheus-blackbox-exporter").await?;
    let wrk_tool = Tool::find("wrk").await?;
    let (mut ours, mut theirs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        ours.push(sweep(agents, options.agents, options.concurrency).await?);
        let exporter = Blackbox::start(&blackbox).await?;
        theirs.push(exporter.probe(&agents.targets, options.concurrency).await?);
        drop(exporter);
        rates.push(wrk(&wrk_tool, &agents.targets, options.concurrency, WRK).await?);
    }
    let per_second = median(ours.iter().map(Swept::per_second));
    let cpu = median(
        ours.iter()
            .map(|it| it.cpu_seconds * 1e6 / it.agents as f64),
    );
    let theirs_per_second = median(theirs.iter().map(|it: &Probed| it.per_second));
    let theirs_cpu = median(theirs.iter().map(|it| it.cpu_micros));
    let rate = median(rates.into_iter());
    println!("### Throughput\n");
    println!("| | agents/s | requests/s | CPU of the side itself, µs per request |");
    println!("|---|---|---|---|");
    println!(
        "| prober: three requests to each agent, one process, one thread | {per_second:.0} | {:.0} | {:.0} |",
        per_second * PATHS,
        cpu / PATHS
    );
    println!(
        "| blackbox exporter: one request to each agent | {theirs_per_second:.0} | {theirs_per_second:.0} | {theirs_cpu:.0} |"
    );
    println!("| wrk, `Connection: close`: one request for each connection | | {rate:.0} | |\n");
    println!("| ratio | aim | seen |\n|---|---|---|");
    let ratio = |name, aim, seen: f64| println!("| {name} | {aim} | {seen:.2} |");
    ratio(
        "probes per second: our three requests to its one",
        "3",
        per_second / theirs_per_second,
    );
    ratio(
        "requests per second, to the exporter's",
        "",
        per_second * PATHS / theirs_per_second,
    );
    ratio(
        "requests per second, to wrk's",
        "0.7",
        per_second * PATHS / rate,
    );
    println!();
    Ok(())
}

async fn curve(options: &Options, agents: &Agents) -> Result<(), Failed> {
    println!("### Time and memory by the number of agents\n");
    println!("| agents | seconds | CPU, µs per agent | peak memory, MiB |\n|---|---|---|---|");
    for share in [0.01, 0.1, 1.0, 10.0] {
        let many = (options.agents as f64 * share).ceil() as usize;
        let swept = sweep(agents, many, options.concurrency).await?;
        println!(
            "| {many} | {:.3} | {:.0} | {:.1} |",
            swept.seconds,
            swept.cpu_seconds * 1e6 / many as f64,
            swept.peak_mib
        );
    }
    println!(
        "\nThe last row asks each of {} sockets ten times.\n",
        options.agents
    );
    Ok(())
}

/// Gives what HTTP/2 needed, which is what Railway's edge speaks.
async fn handshakes(options: &Options) -> Result<Swept, Failed> {
    println!("### TLS\n");
    println!(
        "| agents speak | agents | handshakes | requests | agents/s | CPU, µs per agent | peak memory, MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut last = None;
    for (name, speak) in [("HTTP/1.1", Speak::Tls), ("HTTP/2", Speak::Http2)] {
        let mut agents = Agents::start(options.agents, speak, 0).await?;
        let swept = sweep(&agents, options.agents, options.concurrency).await?;
        let counts = agents.counts().await?;
        println!(
            "| {name} | {} | {} | {} | {:.0} | {:.0} | {:.1} |",
            swept.agents,
            counts.handshakes,
            counts.requests,
            swept.per_second(),
            swept.cpu_seconds * 1e6 / swept.agents as f64,
            swept.peak_mib
        );
        last = Some(swept);
    }
    println!();
    last.ok_or_else(|| "nothing was measured".into())
}

/// Gives how long agents that hang make a sweep wait.
async fn hanging(options: &Options) -> Result<f64, Failed> {
    let Options {
        agents,
        concurrency,
        ..
    } = *options;
    let servers = Agents::start(agents, Speak::Plain, HANGING).await?;
    let swept = servers.sweep(agents, concurrency).await?;
    if swept.running + swept.unreachable != agents {
        return Err(format!("not every agent is running or unreachable: {swept:?}").into());
    }
    let silent = swept.unreachable as f64;
    // Places are taken for the whole limit by agents that hang, and for the time
    // on the processor by all; and the last one to begin may hang.
    let waiting = silent * LIMIT / concurrency as f64 + LIMIT;
    let bound = waiting + swept.cpu_seconds;
    println!("### {HANGING} % of the agents hang\n");
    println!(
        "| agents | of which hang | bound, s | measured, s | peak memory, MiB |\n|---|---|---|---|---|"
    );
    println!(
        "| {agents} | {silent} | {bound:.1} | {:.1} | {:.1} |\n",
        swept.seconds, swept.peak_mib
    );
    println!(
        "The bound is {silent} × {LIMIT} s / {concurrency} + {LIMIT} s for the last one to begin, and the \
         {:.1} s that the prober computed.\n",
        swept.cpu_seconds
    );
    Ok(waiting)
}

fn bill(options: &Options, swept: &Swept, waiting: f64) {
    println!("### The bill\n");
    println!(
        "Dollars for an agent and a month at one probe a minute, for {} agents over HTTP/2 under TLS, \
         {:.0} µs of CPU each; {} bytes read of an agent in each sweep and {} writes an hour (both are \
         assumed, not measured).\n",
        options.agents,
        swept.cpu_seconds * 1e6 / swept.agents as f64,
        options.read_bytes,
        options.writes_per_hour
    );
    println!(
        "| Lambda's memory, MB | agents that hang | a sweep takes, s | Lambda | reads | writes | total |"
    );
    println!("|---|---|---|---|---|---|---|");
    for memory_mb in [128.0, 256.0, 512.0, 1024.0, 1769.0] {
        for (hang, waiting_seconds) in [("none", 0.0), ("5 %", waiting)] {
            let bill = Bill::of(
                &Need {
                    agents: options.agents as f64,
                    cpu_seconds: swept.cpu_seconds,
                    waiting_seconds,
                    read_bytes: options.read_bytes,
                    writes_per_hour: options.writes_per_hour,
                },
                memory_mb,
            );
            println!(
                "| {memory_mb} | {hang} | {:.1} | {:.6} | {:.6} | {:.6} | {:.6} |",
                bill.sweep_seconds,
                bill.lambda,
                bill.reads,
                bill.writes,
                bill.total()
            );
        }
    }
    println!();
}

/// Sweeps agents that are all well.
async fn sweep(agents: &Agents, many: usize, concurrency: usize) -> Result<Swept, Failed> {
    let swept = agents.sweep(many, concurrency).await?;
    if swept.running == many {
        Ok(swept)
    } else {
        Err(format!("not every agent is running: {swept:?}").into())
    }
}
