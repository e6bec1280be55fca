//! `bench sweep`: everything about sweeping a fleet, as sections of BENCHMARKS.md.

use std::time::Duration;

use clap::Args;

use crate::agents::Speak;
use crate::bill::{Bill, Capacity, Need};
use crate::failed::Failed;
use crate::figures::{load, median};
use crate::process::{Agents, Database};
use crate::rivals::{Blackbox, Probed, wrk};
use crate::sweeping::Swept;
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
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// The largest fleet of the curve
    #[arg(long, default_value_t = 100_000)]
    largest: usize,
}

/// The requests of one of our probes.
const PATHS: f64 = 3.0;
/// How many of a hundred agents hang.
const HANGING: usize = 5;
/// The limit of a probe, in seconds.
const LIMIT: f64 = 5.0;
/// How many sweeps a process has made when it is compared: from the third one on, each
/// has as much to write as any other.
const SETTLED: usize = 3;
/// How long `wrk` has its turn.
const WRK: Duration = Duration::from_secs(3);
/// How many agents are swept for an hour.
const FOR_AN_HOUR: usize = 1000;
/// How many sweeps that is.
const SWEEPS_OF_AN_HOUR: usize = 60;

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
    let hour = an_hour(options).await?;
    bill(options, &needed, waiting, &hour);
    println!("Load average after: {}", load()?);
    Ok(())
}

async fn throughput(options: &Options, agents: &Agents) -> Result<(), Failed> {
    let blackbox = Tool::find("prometheus-blackbox-exporter").await?;
    let wrk_tool = Tool::find("wrk").await?;
    let mut database = Database::start(agents, options.agents, false).await?;
    // The first one writes a state of every agent.
    well(
        &database.sweep(options.concurrency, 1).await?,
        options.agents,
    )?;
    let (mut ours, mut theirs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let swept = database.sweep(options.concurrency, SETTLED).await?;
        ours.push(well(&swept, options.agents)?);
        let exporter = Blackbox::start(&blackbox).await?;
        theirs.push(exporter.probe(&agents.targets, options.concurrency).await?);
        drop(exporter);
        rates.push(wrk(&wrk_tool, &agents.targets, options.concurrency, WRK).await?);
    }
    let per_second = median(ours.iter().map(Swept::per_second));
    let cpu = median(ours.iter().map(Swept::cpu_micros));
    let theirs_per_second = median(theirs.iter().map(|it: &Probed| it.per_second));
    let theirs_cpu = median(theirs.iter().map(|it| it.cpu_micros));
    let rate = median(rates.into_iter());
    println!("### Throughput\n");
    println!("| | agents/s | requests/s | CPU of the side itself, µs per request |");
    println!("|---|---|---|---|");
    println!(
        "| sweep: three requests to each agent, one process, agents read from DynamoDB | {per_second:.0} | {:.0} | {:.0} |",
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
    println!(
        "| agents | first sweep, s | writes | next sweep, s | writes | CPU of it, µs per agent | peak memory, MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut many = 100;
    while many <= options.largest {
        let mut database = Database::start(agents, many, false).await?;
        let sweeps = database.sweep(options.concurrency, 2).await?;
        let (first, next) = match sweeps.as_slice() {
            [first, next] => (well(&[*first], many)?, well(&[*next], many)?),
            _ => return Err("two sweeps were to be made".into()),
        };
        println!(
            "| {many} | {:.2} | {} | {:.2} | {} | {:.0} | {:.1} |",
            first.seconds,
            first.writes,
            next.seconds,
            next.writes,
            next.cpu_micros(),
            next.peak_mib
        );
        many *= 10;
    }
    println!(
        "\nBeyond {} agents, several records share a socket. The first sweep of a fleet waits for DynamoDB, \
         here the embedded one on the same processors.\n",
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
        let mut database = Database::start(&agents, options.agents, false).await?;
        well(
            &database.sweep(options.concurrency, 1).await?,
            options.agents,
        )?;
        let before = agents.counts().await?;
        let swept = database.sweep(options.concurrency, 1).await?;
        let swept = well(&swept, options.agents)?;
        let counts = agents.counts().await?;
        println!(
            "| {name} | {} | {} | {} | {:.0} | {:.0} | {:.1} |",
            swept.agents,
            counts.handshakes - before.handshakes,
            counts.requests - before.requests,
            swept.per_second(),
            swept.cpu_micros(),
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
    let mut database = Database::start(&servers, agents, false).await?;
    database.sweep(concurrency, 1).await?;
    let swept = database.sweep(concurrency, 1).await?;
    let swept = *swept.last().ok_or("no sweep was made")?;
    let silent = (swept.agents - swept.up) as f64;
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
         {:.1} s that the sweep computed.\n",
        swept.cpu_seconds
    );
    Ok(waiting)
}

/// Gives what DynamoDB counts for an agent that stays as it is.
async fn an_hour(options: &Options) -> Result<Capacity, Failed> {
    let agents = Agents::start(FOR_AN_HOUR, Speak::Plain, 0).await?;
    let mut database = Database::start(&agents, FOR_AN_HOUR, true).await?;
    well(&database.sweep(options.concurrency, 1).await?, FOR_AN_HOUR)?;
    let first = database.used().await?;
    let sweeps = database
        .sweep(options.concurrency, SWEEPS_OF_AN_HOUR)
        .await?;
    well(&sweeps, FOR_AN_HOUR)?;
    let used = database.used().await?;
    let agents = FOR_AN_HOUR as f64;
    let capacity = Capacity {
        reads_per_sweep: used.reads / agents / SWEEPS_OF_AN_HOUR as f64,
        writes_per_hour: used.writes / agents,
    };
    println!("### An hour of {FOR_AN_HOUR} agents that are well\n");
    println!("| | requests to DynamoDB | read units | write units |\n|---|---|---|---|");
    println!(
        "| the first sweep | {} | {:.1} | {:.1} |",
        first.requests, first.reads, first.writes
    );
    println!(
        "| {SWEEPS_OF_AN_HOUR} more | {} | {:.1} | {:.1} |",
        used.requests, used.reads, used.writes
    );
    println!(
        "\nThat is {:.4} read units for an agent and sweep, and {:.2} write units for an agent and hour, as \
         the embedded DynamoDB counts them.\n",
        capacity.reads_per_sweep, capacity.writes_per_hour
    );
    Ok(capacity)
}

fn bill(options: &Options, swept: &Swept, waiting: f64, capacity: &Capacity) {
    println!("### The bill\n");
    println!(
        "Dollars for an agent and a month at one probe a minute, for {} agents over HTTP/2 under TLS, \
         {:.0} µs of CPU each, and the units of the hour above.\n",
        options.agents,
        swept.cpu_micros()
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
                    capacity: *capacity,
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

/// The last of sweeps of agents that are all well.
fn well(sweeps: &[Swept], agents: usize) -> Result<Swept, Failed> {
    match sweeps.iter().find(|it| it.up != agents) {
        Some(swept) => Err(format!("not every agent is up: {swept:?}").into()),
        None => Ok(*sweeps.last().ok_or("no sweep was made")?),
    }
}
