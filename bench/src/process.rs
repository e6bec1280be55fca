//! Processes of the benchmark.

use std::process::Stdio;

use common::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::agents::{Counts, Speak, Targets};
use crate::database::{Place, Used};
use crate::failed::Failed;
use crate::sweeping::{Fleet, Swept};

/// A process of simulated agents. It ends when this is dropped.
pub(crate) struct Agents {
    pub(crate) targets: Targets,
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// This program as one of its other processes.
fn myself(arguments: &[&str]) -> Result<Command, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

impl Agents {
    /// Starts them, and waits until they listen.
    pub(crate) async fn start(agents: usize, speak: Speak, hanging: usize) -> Result<Self, Failed> {
        let speak = match speak {
            Speak::Plain => "plain",
            Speak::Tls => "tls",
            Speak::Http2 => "http2",
        };
        let (agents, hanging) = (agents.to_string(), hanging.to_string());
        let arguments = [
            "agents",
            "--agents",
            &agents,
            "--speak",
            speak,
            "--hanging",
            &hanging,
        ];
        let mut child = myself(&arguments)?.spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let targets = read(&mut output).await?;
        Ok(Self {
            targets,
            _child: child,
            input,
            output,
        })
    }

    /// What has come in so far.
    pub(crate) async fn counts(&mut self) -> Result<Counts, Failed> {
        self.input.write_all(b"\n").await?;
        read(&mut self.output).await
    }
}

/// A process of DynamoDB with records of agents. It ends when this is dropped.
pub(crate) struct Database {
    fleet: Fleet,
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// The time of the next sweep.
    next: Timestamp,
}

impl Database {
    /// Starts one with so many records of these agents.
    pub(crate) async fn start(
        agents: &Agents,
        records: usize,
        counted: bool,
    ) -> Result<Self, Failed> {
        let records = records.to_string();
        let mut arguments = vec!["database", "--agents", &records];
        if counted {
            arguments.push("--counted");
        }
        let mut child = myself(&arguments)?.spawn()?;
        let mut input = child.stdin.take().ok_or("no input")?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        write(&mut input, &agents.targets).await?;
        let Place { url } = read(&mut output).await?;
        Ok(Self {
            fleet: Fleet {
                database: url,
                root: agents.targets.root.clone(),
            },
            _child: child,
            input,
            output,
            next: SystemClock.now(),
        })
    }

    /// What was used up since this was last asked for.
    pub(crate) async fn used(&mut self) -> Result<Used, Failed> {
        self.input.write_all(b"\n").await?;
        read(&mut self.output).await
    }

    /// Has a new process make so many sweeps.
    pub(crate) async fn sweep(
        &mut self,
        concurrency: usize,
        sweeps: usize,
    ) -> Result<Vec<Swept>, Failed> {
        let (many, at_once) = (sweeps.to_string(), concurrency.to_string());
        let from = self.next.to_string();
        let arguments = ["sweeps", "--concurrency", &at_once, "--sweeps", &many];
        let mut child = myself(&arguments)?.args(["--from", &from]).spawn()?;
        let mut input = child.stdin.take().ok_or("no input")?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        write(&mut input, &self.fleet).await?;
        let mut swept = Vec::with_capacity(sweeps);
        for _ in 0..sweeps {
            swept.push(read(&mut output).await?);
            self.next += MINUTE;
        }
        child.wait().await?;
        Ok(swept)
    }
}

/// Between two sweeps.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn write(input: &mut ChildStdin, value: &impl Serialize) -> Result<(), Failed> {
    let line = serde_json::to_string(value)? + "\n";
    Ok(input.write_all(line.as_bytes()).await?)
}

async fn read<T: DeserializeOwned>(
    output: &mut Lines<BufReader<ChildStdout>>,
) -> Result<T, Failed> {
    let line = output.next_line().await?.ok_or("a process ended early")?;
    serde_json::from_str(&line).map_err(|_| line.into())
}
