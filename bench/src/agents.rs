//! Simulated agents: thousands of ports of the loopback in one process, each
//! answering with as little work as a server can do.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use futures_util::future::pending;
use h2::server::SendResponse;
use hyper::body::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::failed::Failed;

/// Ports below those that the system gives to clients.
const PORTS: std::ops::Range<u16> = 11_000..32_768;

const LIVE: &str = r#"{"ok":true,"status":"live"}"#;
const READY: &str = r#"{"ready":true,"failing":[],"uptimeMs":309347}"#;
const STATUS: &str = r#"{"state":"running","running":true,"configured":true,"uptime":309.3,"terminalSessions":0,"gatewayToken":"simulated","aiProvider":"simulated","version":"2026.4.11","runtime":{"ffmpeg":{"available":true,"version":"ffmpeg version 6.1"}}}"#;

/// What agents speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Speak {
    /// HTTP/1.1 in the clear, keeping connections.
    Plain,
    /// HTTP/1.1 over TLS, keeping connections.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// How agents are simulated.
#[derive(Args)]
pub(crate) struct Options {
    /// How many there are.
    #[arg(long)]
    pub(crate) agents: usize,
    /// What they speak.
    #[arg(long, value_enum)]
    pub(crate) speak: Speak,
    /// How many of a hundred take connections and say nothing.
    #[arg(long, default_value_t = 0)]
    pub(crate) hanging: usize,
}

/// Where agents answer: the first line that the process prints.
#[derive(Deserialize, Serialize)]
pub(crate) struct Targets {
    /// `http` or `https`.
    pub(crate) scheme: String,
    /// Of 127.0.0.1.
    pub(crate) ports: Vec<u16>,
    /// The certificate to trust, in Base64.
    pub(crate) root: Option<String>,
}

/// What has come in so far: printed whenever a line is read.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Counts {
    /// TCP connections.
    pub(crate) connections: u64,
    /// Finished handshakes of TLS.
    pub(crate) handshakes: u64,
    /// Requests that were answered.
    pub(crate) requests: u64,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    handshakes: AtomicU64,
    requests: AtomicU64,
}

/// Serves until its standard input ends.
pub(crate) async fn run(options: &Options) -> Result<(), Failed> {
    let counters = Arc::new(Counters::default());
    let tls = match options.speak {
        Speak::Plain => None,
        Speak::Tls => Some(certified(&[])?),
        Speak::Http2 => Some(certified(&[b"h2".to_vec()])?),
    };
    let (acceptor, root) = tls.unzip();
    let mut ports = Vec::with_capacity(options.agents);
    let mut free = PORTS;
    while ports.len() < options.agents {
        let port = free.next().ok_or("not enough free ports")?;
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => continue,
            // Too many open files, for example: see `ulimit -n`.
            Err(error) => return Err(error.into()),
        };
        // Spread over all of them, as hanging agents are.
        let hanging = ports.len() * options.hanging % 100 < options.hanging;
        ports.push(port);
        let agent = Agent {
            speak: options.speak,
            acceptor: acceptor.clone(),
            hanging,
            counters: counters.clone(),
        };
        tokio::spawn(agent.listen(listener));
    }
    let scheme = if root.is_some() { "https" } else { "http" }.to_owned();
    println!(
        "{}",
        serde_json::to_string(&Targets {
            scheme,
            ports,
            root
        })?
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let counts = Counts {
            connections: counters.connections.load(Ordering::Relaxed),
            handshakes: counters.handshakes.load(Ordering::Relaxed),
            requests: counters.requests.load(Ordering::Relaxed),
        };
        println!("{}", serde_json::to_string(&counts)?);
    }
    Ok(())
}

#[derive(Clone)]
struct Agent {
    speak: Speak,
    acceptor: Option<TlsAcceptor>,
    hanging: bool,
    counters: Arc<Counters>,
}

impl Agent {
    async fn listen(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            self.counters.connections.fetch_add(1, Ordering::Relaxed);
            let agent = self.clone();
            // Whoever asks may hang up at any time.
            tokio::spawn(async move { agent.serve(stream).await.unwrap_or_default() });
        }
    }

    async fn serve(self, mut stream: TcpStream) -> Result<(), Failed> {
        let Some(acceptor) = &self.acceptor else {
            return self.answer(&mut stream).await;
        };
        stream.set_nodelay(true)?;
        let mut stream = acceptor.accept(stream).await?;
        self.counters.handshakes.fetch_add(1, Ordering::Relaxed);
        if self.speak == Speak::Tls {
            return self.answer(&mut stream).await;
        }
        let mut connection = h2::server::handshake(stream).await?;
        while let Some(request) = connection.accept().await {
            let (request, respond) = request?;
            if self.hanging {
                pending().await
            }
            self.counters.requests.fetch_add(1, Ordering::Relaxed);
            say(respond, body_of(request.uri().path()))?;
        }
        Ok(())
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
    ) -> Result<(), Failed> {
        let mut head = Vec::with_capacity(512);
        loop {
            head.clear();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await? == 0 {
                    return Ok(());
                }
            }
            if self.hanging {
                while stream.read_buf(&mut head).await? > 0 {}
                return Ok(());
            }
            self.counters.requests.fetch_add(1, Ordering::Relaxed);
            let text = String::from_utf8_lossy(&head);
            let body = body_of(text.split(' ').nth(1).unwrap_or_default());
            let close = text.contains("onnection: close");
            let kept = if close { "connection: close\r\n" } else { "" };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{kept}content-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await?;
            if close {
                stream.shutdown().await?;
                return Ok(());
            }
        }
    }
}

fn body_of(path: &str) -> &'static str {
    match path {
        "/healthz" => LIVE,
        "/readyz" => READY,
        _ => STATUS,
    }
}

fn say(mut respond: SendResponse<Bytes>, body: &'static str) -> Result<(), Failed> {
    let head = http::Response::builder().header("content-type", "application/json");
    let mut stream = respond.send_response(head.body(())?, false)?;
    stream.send_data(Bytes::from_static(body.as_bytes()), true)?;
    Ok(())
}

/// A certificate for the loopback, and the one to trust, in Base64.
fn certified(protocols: &[Vec<u8>]) -> Result<(TlsAcceptor, String), Failed> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    let chain = vec![params.signed_by(&key, &authority)?.der().clone()];
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der())?)?;
    config.alpn_protocols = protocols.to_vec();
    let root = STANDARD.encode(authority.der());
    Ok((TlsAcceptor::from(Arc::new(config)), root))
}
