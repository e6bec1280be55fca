//! Benchmarks of the project, beside other tools in the same run.
//!
//! Every side is a process of its own, runs alone against the same simulated
//! agents, and takes turns with the others; what is printed are medians. The
//! figures of one run belong together: on another machine, or beside other
//! load, only their ratios mean something.

#![expect(
    clippy::print_stdout,
    reason = "what it measures is for who started it"
)]

mod agents;
mod bill;
mod cold_start;
mod database;
mod emulator;
mod failed;
mod figures;
mod linux;
mod process;
mod rivals;
mod secrets_manager;
mod sweep;
mod sweeping;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use crate::failed::Failed;

/// Measures the project beside other tools.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The sweep: throughput, memory, handshakes, hanging agents, and what it costs
    Sweep(sweep::Options),
    /// Functions: from a process' start to its first answer
    ColdStart(cold_start::Options),
    /// One of its processes: agents that answer
    #[command(hide = true)]
    Agents(agents::Options),
    /// One of its processes: DynamoDB with their records
    #[command(hide = true)]
    Database(database::Options),
    /// One of its processes: the sweep
    #[command(hide = true)]
    Sweeps(sweeping::Options),
}

async fn run(what: What) -> Result<(), Failed> {
    match what {
        What::Sweep(options) => sweep::run(&options).await,
        What::ColdStart(options) => cold_start::run(&options).await,
        What::Agents(options) => agents::run(&options).await,
        What::Database(options) => database::run(&options).await,
        What::Sweeps(options) => sweeping::run(&options).await,
    }
}

fn main() -> ExitCode {
    let what = Arguments::parse().what;
    // Agents and DynamoDB answer with all processors. What asks has one thread, but
    // for the sweep, which starts its own.
    let runtime = match what {
        What::Agents(_) | What::Database(_) => Builder::new_multi_thread().enable_all().build(),
        _ => Builder::new_current_thread().enable_all().build(),
    };
    let done = runtime
        .map_err(Failed::from)
        .and_then(|runtime| runtime.block_on(run(what)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
