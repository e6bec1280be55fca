//! What the project measures of itself, beside others in the same run.

#![expect(
    clippy::print_stdout,
    reason = "what it measures is for who started it"
)]

mod cold_start;
mod emulator;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Whatever stops a benchmark.
type Failed = Box<dyn Error + Send + Sync>;

/// Measures the project beside others.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Functions: from the start of a process to its first answer
    ColdStart(cold_start::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::ColdStart(options) => cold_start::run(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
