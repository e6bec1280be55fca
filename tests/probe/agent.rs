//! An agent over HTTP/1.1 that counts its connections, and whose connections
//! live on between requests.

use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// What an agent does about a request.
pub(crate) enum Then {
    /// Says this, and waits for the next request.
    Say(String),
    /// Says this, and closes the connection.
    End(String),
    /// Says nothing, and keeps the connection.
    Hang,
    /// Says nothing, and resets the connection.
    Reset,
}

/// Which path was asked on which connection.
type Asked = Arc<Mutex<Vec<(usize, String)>>>;

pub(crate) struct Agent {
    /// Its base URL.
    pub(crate) url: String,
    asked: Asked,
    connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

/// An answer with status 200 and the right length.
pub(crate) fn ok(body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
    )
}

/// A good answer to a path.
pub(crate) fn good(path: &str) -> &'static str {
    match path {
        "/healthz" => r#"{"ok":true}"#,
        "/readyz" => r#"{"ready":true}"#,
        _ => r#"{"state":"running","running":true}"#,
    }
}

impl Agent {
    /// An agent that does to a path, on the connection of a number, what the
    /// script says.
    pub(crate) async fn plain(
        script: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
    ) -> Self {
        Self::serve(None, script).await
    }

    /// The same over TLS.
    pub(crate) async fn tls(
        config: ServerConfig,
        script: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), script).await
    }

    async fn serve(
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (asked, connections) = (Asked::default(), Arc::new(Mutex::new(0)));
        let (log, count, script) = (asked.clone(), connections.clone(), Arc::new(script));
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count
                };
                let (log, tls, script) = (log.clone(), tls.clone(), script.clone());
                open.spawn(async move {
                    let script = move |path: &str| {
                        log.lock().unwrap().push((number, path.to_owned()));
                        script(number, path)
                    };
                    // Whoever asks may hang up at any time.
                    let _ = match tls {
                        None => talk_plainly(stream, script).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => talk(stream, script).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self {
            url,
            asked,
            connections,
            task,
        }
    }

    /// Which path was asked on which connection, in order.
    pub(crate) fn asked(&self) -> Vec<(usize, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// How many connections it accepted.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk_plainly(stream: TcpStream, script: impl Fn(&str) -> Then) -> std::io::Result<()> {
    // Dropped, it is reset.
    stream.set_zero_linger()?;
    talk(stream, script).await
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: impl Fn(&str) -> Then,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        match script(head.split(' ').nth(1).unwrap_or_default()) {
            Then::Say(text) => stream.write_all(text.as_bytes()).await?,
            Then::End(text) => {
                stream.write_all(text.as_bytes()).await?;
                stream.shutdown().await?;
                // A reset would throw away what is not read yet.
                while stream.read(&mut [0; 64]).await? > 0 {}
                return Ok(());
            }
            Then::Hang => std::future::pending().await,
            Then::Reset => return Ok(()),
        }
    }
}
