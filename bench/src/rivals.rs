//! Other tools that probe over HTTP: Debian's blackbox exporter, and `wrk`.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::agents::Targets;
use crate::failed::Failed;
use crate::linux;
use crate::tools::Tool;

/// The blackbox exporter, which probes an address whenever it is asked to.
pub(crate) struct Blackbox {
    process: Child,
    address: String,
}

/// What the exporter needed for one request to each agent.
#[derive(Clone, Copy)]
pub(crate) struct Probed {
    /// Requests to agents, each with a probe of the exporter around it.
    pub(crate) per_second: f64,
    /// Of the exporter alone, for each of them.
    pub(crate) cpu_micros: f64,
}

impl Blackbox {
    pub(crate) async fn start(tool: &Tool) -> Result<Self, Failed> {
        let configuration = std::env::temp_dir().join(format!("bench-{}.yml", std::process::id()));
        // The address family that it would otherwise ask for in vain.
        let module = "modules:\n  http_2xx:\n    prober: http\n    http:\n      preferred_ip_protocol: ip4\n";
        std::fs::write(&configuration, module)?;
        let port = TcpListener::bind(("127.0.0.1", 0))
            .await?
            .local_addr()?
            .port();
        let address = format!("127.0.0.1:{port}");
        let process = tool
            .command()
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let start = Instant::now();
        while TcpStream::connect(&address).await.is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err("the blackbox exporter does not listen".into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        std::fs::remove_file(&configuration)?;
        Ok(Self { process, address })
    }

    /// Has it ask each agent for `/healthz`, so many at once. It is asked over
    /// kept connections: they are the exporter's and not the agents'.
    pub(crate) async fn probe(
        &self,
        targets: &Targets,
        concurrency: usize,
    ) -> Result<Probed, Failed> {
        let pid = self
            .process
            .id()
            .ok_or("the blackbox exporter has ended")?
            .to_string();
        let next = AtomicUsize::new(0);
        let before = linux::cpu_seconds(&pid)?;
        let start = Instant::now();
        try_join_all((0..concurrency).map(|_| self.ask_in_turn(targets, &next))).await?;
        let probes = targets.ports.len() as f64;
        Ok(Probed {
            per_second: probes / start.elapsed().as_secs_f64(),
            cpu_micros: (linux::cpu_seconds(&pid)? - before) * 1e6 / probes,
        })
    }

    async fn ask_in_turn(&self, targets: &Targets, next: &AtomicUsize) -> Result<(), Failed> {
        let stream = TokioIo::new(TcpStream::connect(&self.address).await?);
        let (mut sender, connection) = http1::handshake(stream).await?;
        let asking = async {
            while let Some(port) = targets.ports.get(next.fetch_add(1, Ordering::Relaxed)) {
                let target = format!("http://127.0.0.1:{port}/healthz");
                let request = Request::get(format!("/probe?module=http_2xx&target={target}"))
                    .header("host", &self.address)
                    .body(Empty::<Bytes>::new())?;
                sender.ready().await?;
                let answer = sender.send_request(request).await?;
                let text = answer.into_body().collect().await?.to_bytes();
                if !String::from_utf8_lossy(&text).contains("\nprobe_success 1\n") {
                    return Err(format!("the blackbox exporter cannot reach {target}").into());
                }
            }
            Ok(())
        };
        tokio::select! {
            done = asking => done,
            ended = connection => Err(format!("the blackbox exporter hung up: {ended:?}").into()),
        }
    }
}

/// How many agents `wrk` asks, each from a thread: one of them alone would have
/// all its connections accepted by one task.
const WRK_AGENTS: usize = 8;

/// Requests per second of `wrk`, each on a new connection.
pub(crate) async fn wrk(
    tool: &Tool,
    targets: &Targets,
    concurrency: usize,
    time: Duration,
) -> Result<f64, Failed> {
    let first = targets.ports.first().ok_or("no agent")?;
    let ports: Vec<String> = targets
        .ports
        .iter()
        .take(WRK_AGENTS)
        .map(|it| format!("'{it}'"))
        .collect();
    let ports = ports.join(",");
    let script = format!(
        "local ports, next = {{{ports}}}, 0\n\
         function setup(thread)\n\
           next = next % #ports + 1\n\
           thread.addr = wrk.lookup('127.0.0.1', ports[next])[1]\n\
         end\n"
    );
    let file = std::env::temp_dir().join(format!("bench-{}.lua", std::process::id()));
    std::fs::write(&file, script)?;
    let told = tool
        .command()
        .args([
            "-c",
            &concurrency.to_string(),
            "-t",
            &WRK_AGENTS.to_string(),
        ])
        .args(["-H", "Connection: close"])
        .arg(format!("-d{}s", time.as_secs()))
        .arg("-s")
        .arg(&file)
        // It tries this address once before the script has a say.
        .arg(format!("http://127.0.0.1:{first}/healthz"))
        .output()
        .await?;
    std::fs::remove_file(&file)?;
    let complaint = String::from_utf8_lossy(&told.stderr).into_owned();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let rate = told
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    match rate.and_then(|rate| rate.trim().parse().ok()) {
        Some(rate) if !told.contains("Non-2xx") => Ok(rate),
        _ => Err(format!("wrk failed: {told} {complaint}").into()),
    }
}
