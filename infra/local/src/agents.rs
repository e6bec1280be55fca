//! Simulated agents: small HTTP servers that answer as real ones do.
//!
//! Each has a port of its own for as long as it lives, also while it is
//! unreachable: a second socket holds the port without listening, so that a
//! connection is refused and nobody else gets the address.

mod answers;
mod life;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use common::clock::SharedClock;
use common::model::OpenclawVersion;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

use life::{Life, lock};

pub use life::{Behaviour, Trouble};

/// One simulated agent. It ends when it is dropped.
pub struct Agent {
    address: SocketAddr,
    /// Keeps the port while nothing listens.
    _holder: TcpSocket,
    life: Arc<Mutex<Life>>,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Agent {
    /// Starts an agent on a free port of the loopback, whose uptime goes by a clock.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn start(
        behaviour: Behaviour,
        version: OpenclawVersion,
        clock: SharedClock,
    ) -> io::Result<Self> {
        let holder = socket(0)?;
        let agent = Self {
            address: holder.local_addr()?,
            _holder: holder,
            life: Arc::new(Mutex::new(Life {
                behaviour,
                plain: behaviour == Behaviour::Legacy,
                version,
                started: clock.now(),
                clock,
                token: None,
                keeps_token: false,
                trouble: None,
                unanswered: 0,
            })),
            server: Mutex::new(None),
        };
        agent.set(behaviour)?;
        Ok(agent)
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it behaves now.
    pub fn behaviour(&self) -> Behaviour {
        lock(&self.life).behaviour
    }

    /// How many requests it has left without an answer since it hangs.
    pub fn unanswered(&self) -> usize {
        lock(&self.life).unanswered
    }

    /// Changes its behaviour. Open connections are cut, as when a process ends.
    ///
    /// # Errors
    /// When its port cannot be listened on again.
    pub fn set(&self, behaviour: Behaviour) -> io::Result<()> {
        let mut server = lock(&self.server);
        if let Some(server) = server.take() {
            server.abort();
        }
        {
            let mut life = lock(&self.life);
            life.behaviour = behaviour;
            life.unanswered = 0;
            life.started = life.clock.now();
        }
        if behaviour != Behaviour::Unreachable {
            let listener = socket(self.address.port())?.listen(128)?;
            *server = Some(tokio::spawn(answers::serve(listener, self.life.clone())));
        }
        Ok(())
    }

    /// Gives it the gateway token of its variables. One that was told to keep
    /// its own pays no attention.
    pub fn set_token(&self, token: &str) {
        let mut life = lock(&self.life);
        if !life.keeps_token {
            life.token = Some(token.to_owned());
        }
    }

    /// Has it keep the token that it has, whatever its variables say, as an
    /// agent does whose own configuration names one.
    pub fn keep_token(&self) {
        lock(&self.life).keeps_token = true;
    }

    /// Has it be of a newer release, in trouble; or mends it.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        lock(&self.life).trouble = trouble;
    }

    /// Changes the version that it reports.
    pub fn set_version(&self, version: OpenclawVersion) {
        lock(&self.life).version = version;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }
}

fn socket(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}
