//! `cargo run -p local`: the whole stack on one machine.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use common::aws::Aws;
use common::clock::SystemClock;
use common::config::{
    FROM_SUFFIX, LOG_LEVEL, ProcessEnvironment, Reader, SECRETS, SWEEP_INTERVAL, warn_of_unknown,
};
use common::railway::Limits;
use common::telemetry::LogLevel;
use local::import::Importer;
use local::{Data, LocalEnvironment, Options, Stack};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// The maintenance plane on this machine: the API on one port, an embedded
/// DynamoDB, and simulated agents.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The port of the API on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The file of the embedded DynamoDB
    #[arg(
        long,
        default_value = ".local/dynamodb.sqlite",
        conflicts_with = "memory"
    )]
    data: PathBuf,
    /// Keep the data of the embedded DynamoDB in memory only
    #[arg(long)]
    memory: bool,
    /// The seconds between two sweeps over all agents; 0 makes none
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    sweep: u32,
    /// Print one line of JSON once everything answers, and nothing else
    #[arg(long)]
    json: bool,
    /// Also write the variables that `cargo lambda watch` needs to this file
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Print the OpenAPI document of the API
    Openapi,
    /// Bring agents into the tables that the environment names
    Import {
        /// Each line is what PUT /api/openclaw/instances/{id} takes, with
        /// `instanceId` and `gatewayToken`
        file: PathBuf,
        /// Where they go
        #[arg(long)]
        to: Target,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// AWS, or where AWS_ENDPOINT_URL_DYNAMODB points
    Dynamodb,
}

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.command {
        Some(Command::Openapi) => print_openapi(),
        Some(Command::Import { file, to }) => import(&file, to).await,
        None => serve(arguments).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if this cannot be written either.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_openapi() -> Result<(), Error> {
    io::stdout().write_all(local::openapi::json()?.as_bytes())?;
    Ok(())
}

async fn import(file: &Path, Target::Dynamodb: Target) -> Result<(), Error> {
    common::telemetry::init_console(LogLevel::default());
    let lines =
        File::open(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let aws = Aws::found().await;
    let importer = Importer::open(&ProcessEnvironment, &aws)?;
    let imported = importer.import(BufReader::new(lines), &SystemClock).await?;
    writeln!(
        io::stdout(),
        "{} new instances, {} known ones, {} gateway tokens",
        imported.created,
        imported.updated,
        imported.tokens
    )?;
    if imported.other_token.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = imported
        .other_token
        .iter()
        .map(ToString::to_string)
        .collect();
    Err(format!(
        "these have another token on record, which was left alone: {}",
        ids.join(", ")
    )
    .into())
}

async fn serve(arguments: Arguments) -> Result<(), Error> {
    let mut reader = Reader::new(&ProcessEnvironment);
    let Some(level) = reader.optional(LOG_LEVEL) else {
        return Err(reader.into_error().into());
    };
    common::telemetry::init_console(level.unwrap_or_default());
    warn_of_unknown(ProcessEnvironment.names(), &local::demo::variables());
    for secret in SECRETS {
        let name = format!("{secret}{FROM_SUFFIX}");
        reader.without_effect(&[(&name, "")], "only functions and the relay read secrets");
    }
    if arguments.sweep > 0 {
        reader.without_effect(&[(SWEEP_INTERVAL, "")], "--sweep tells the interval");
    }
    // Before anything starts, so that no signal is missed.
    let mut terminated = signal(SignalKind::terminate())?;
    let environment = LocalEnvironment(ProcessEnvironment);
    let options = Options {
        port: arguments.port,
        data: if arguments.memory {
            Data::Memory
        } else {
            Data::File(arguments.data)
        },
        clock: Arc::new(SystemClock),
        stage: Duration::from_secs(1),
        limits: Limits::default(),
        sweep: (arguments.sweep > 0).then(|| Duration::from_secs(arguments.sweep.into())),
        guarded: true,
    };
    let stack = Stack::start(options, &environment).await?;
    if let Some(file) = arguments.env_file {
        let variables = environment.lambda_env_file(
            &stack.dynamodb,
            &stack.access_key,
            &stack.simulated_variables,
        );
        write(&file, &variables)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    if arguments.json {
        writeln!(io::stdout(), "{}", ready_line(&stack))?;
    } else {
        writeln!(io::stdout(), "{}", greeting(&stack))?;
    }
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    // Whoever asks twice does not want to wait.
    tokio::select! {
        () = stack.stop() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err("ended at once; some requests were cut off".into())
        }
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}

fn ready_line(stack: &Stack) -> serde_json::Value {
    json!({
        "api": stack.api,
        "dynamodb": stack.dynamodb,
        "accessKey": stack.access_key,
        "bearer": stack.bearer.reveal(),
        "agents": stack.agents,
        "userWithoutAgent": stack.user_without_agent,
        "railway": stack.simulated_variables,
    })
}

/// What a person needs to begin with, on one screen.
fn greeting(stack: &Stack) -> String {
    let api = &stack.api;
    let bearer = stack.bearer.reveal();
    let mut text = format!(
        "\nThe maintenance plane answers at {api}\n\n\
         platform's services   Authorization: Bearer {bearer}\n\n"
    );
    if stack.agents.is_empty() {
        text.push_str("DynamoDB is not on this machine: no demo records were made.\n");
    } else {
        text.push_str(
            "agent                 owner's cookie                      the agent itself\n",
        );
    }
    for agent in &stack.agents {
        let (id, cookie, url) = (&agent.instance_id, &agent.cookie, &agent.url);
        text.push_str(&format!("{id:<20}  {cookie:<34}  {url}\n"));
    }
    if let Some(agent) = stack.agents.first() {
        let (id, cookie) = (&agent.instance_id, &agent.cookie);
        text.push_str(&format!(
            "\nTry:\n\
             curl -H 'Cookie: {cookie}' {api}/api/instance/{id}\n\
             curl -X POST -H 'Cookie: {cookie}' {api}/api/instance/{id}/restart\n\
             curl -H 'Cookie: {cookie}' {api}/api/instance/{id}/operations\n\
             curl -X POST -H 'Cookie: {cookie}' {api}/api/instance/{id}/open\n\
             curl -H 'Authorization: Bearer {bearer}' {api}/api/openclaw/instances\n"
        ));
    }
    text.push_str("\nREADME.md has more. Ctrl-C ends it.\n");
    text
}
