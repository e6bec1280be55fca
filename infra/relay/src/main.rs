//! The relay: the proxy as a server of its own.

use std::error::Error;
use std::net::{Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use common::config::Reader;
use common::process;
use common::threads::Threads;
use mimalloc::MiMalloc;
use relay::{Relay, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A request takes some fifty pieces of memory, and gives them back on the same
/// thread.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

// It only accepts connections: others serve them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the relay ended");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Before anything starts, so that no signal is missed.
    let mut terminated = signal(SignalKind::terminate())?;
    let threads = Threads::start()?;
    let (port, relay) = process::start(|environment, platform| {
        let mut reader = Reader::new(environment);
        let Some(settings) = Settings::read(&mut reader) else {
            return Err(reader.into_error().into());
        };
        Ok((
            settings.port,
            Relay::on_runtimes(threads.runtimes(), settings, platform)?,
        ))
    })
    .await?;
    // All addresses of both kinds: Railway's private network has IPv6 only.
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "the relay answers");
    relay
        .serve(listener, async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        })
        .await;
    tracing::info!("the relay has ended");
    Ok(())
}
