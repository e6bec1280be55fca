//! WebSockets that are open: two connections, and the frames between them.
//!
//! Frames pass through this server without being taken apart (see [`frames`]),
//! so that a message of any length costs no memory and fragments, masks and
//! close codes are the peers' own. What this server adds are pings to a peer
//! that is silent, and a close frame when it has to end.

mod frames;
mod half;

use std::any::Any;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::limits::SocketLimits;
use frames::{Frames, Peer, Violation};
use half::{Half, Pulse};

/// Anything that a server wants to live as long as a connection, such as a
/// place among those that it serves at once. It is put into a request's
/// extensions, and outlives the request where that becomes a WebSocket.
#[derive(Clone)]
pub struct Held(pub Arc<dyn Any + Send + Sync>);

/// All WebSockets of a process.
#[derive(Clone)]
pub struct Tunnels(Arc<Shared>);

struct Shared {
    limits: SocketLimits,
    tasks: TaskTracker,
    draining: CancellationToken,
    opened: AtomicU64,
    to_agents: AtomicU64,
    to_clients: AtomicU64,
}

impl Tunnels {
    /// None yet.
    pub fn new(limits: SocketLimits) -> Self {
        Self(Arc::new(Shared {
            limits,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            opened: AtomicU64::new(0),
            to_agents: AtomicU64::new(0),
            to_clients: AtomicU64::new(0),
        }))
    }

    /// How many are open now.
    pub fn open_now(&self) -> usize {
        self.0.tasks.len()
    }

    /// How many were opened so far.
    pub fn opened(&self) -> u64 {
        self.0.opened.load(Ordering::Relaxed)
    }

    /// How many bytes were passed to agents so far.
    pub fn to_agents(&self) -> u64 {
        self.0.to_agents.load(Ordering::Relaxed)
    }

    /// How many bytes were passed to clients so far.
    pub fn to_clients(&self) -> u64 {
        self.0.to_clients.load(Ordering::Relaxed)
    }

    /// Whether no new ones are taken.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Takes no new ones, tells the peers of all that the server restarts, and
    /// waits until they have ended. They take no longer than their limits say.
    pub async fn drain(&self) {
        self.0.draining.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Connects two connections as soon as both are upgraded.
    pub(crate) fn open(
        &self,
        client: OnUpgrade,
        agent: OnUpgrade,
        extended: bool,
        held: Option<Held>,
    ) {
        let shared = self.0.clone();
        shared.opened.fetch_add(1, Ordering::Relaxed);
        let task = async move {
            let _held = held;
            // A client that went away before it was answered is nobody's loss.
            if let Ok((client, agent)) = tokio::try_join!(client, agent) {
                Tunnel::new(client, agent, extended, &shared)
                    .run(&shared)
                    .await;
            }
        };
        self.0.tasks.spawn(task);
    }
}

struct Tunnel<C, A> {
    client: C,
    agent: A,
    /// From the client to the agent.
    up: Half,
    /// From the agent to the client.
    down: Half,
}

impl Tunnel<TokioIo<Upgraded>, TokioIo<Upgraded>> {
    fn new(client: Upgraded, agent: Upgraded, extended: bool, shared: &Shared) -> Self {
        let half = |peer| Half::new(Frames::new(peer, extended, shared.limits.message));
        Self {
            client: TokioIo::new(client),
            agent: TokioIo::new(agent),
            up: half(Peer::Client),
            down: half(Peer::Agent),
        }
    }
}

impl<C, A> Tunnel<C, A>
where
    C: AsyncRead + AsyncWrite + Unpin,
    A: AsyncRead + AsyncWrite + Unpin,
{
    /// Runs until both peers have ended, or one is gone.
    async fn run(mut self, shared: &Shared) {
        let SocketLimits { ping, linger, .. } = shared.limits;
        let mut looks = interval_at(Instant::now() + ping, ping);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut client, mut agent) = (Patience::default(), Patience::default());
        let mut end_at = None;
        let mut drained = false;
        loop {
            tokio::select! {
                over = poll_fn(|context| self.poll(end_at.is_some(), shared, context)) => {
                    if over {
                        return;
                    }
                }
                () = deadline(end_at) => return,
                () = shared.draining.cancelled(), if !drained => {
                    drained = true;
                    self.restart();
                }
                _ = looks.tick() => {
                    let to_agent_blocked = self.up.pulse.blocked;
                    let to_client_blocked = self.down.pulse.blocked;
                    let client = client.look(&self.up.pulse, to_agent_blocked, &self.down.pulse);
                    let agent = agent.look(&self.down.pulse, to_client_blocked, &self.up.pulse);
                    for (sign, half, peer) in [
                        (client, &mut self.down, Peer::Client),
                        (agent, &mut self.up, Peer::Agent),
                    ] {
                        match sign {
                            Sign::Alive => {}
                            Sign::Silent => half.say(&frames::ping(peer)),
                            Sign::Gone => return,
                        }
                    }
                    self.up.pulse.forget();
                    self.down.pulse.forget();
                }
            }
            if drained || self.up.has_ended() || self.down.has_ended() || self.is_told() {
                end_at.get_or_insert_with(|| Instant::now() + linger);
            }
        }
    }

    /// Ready with true when all is over, and with false when the end begins.
    fn poll(&mut self, ending: bool, shared: &Shared, context: &mut Context<'_>) -> Poll<bool> {
        // A handshake that is complete in both ways is a reason to hang up.
        let agent_done = self.down.has_ended() && self.up.has_told();
        let client_done = self.up.has_ended() && self.down.has_told();
        let (client, agent) = (&mut self.client, &mut self.agent);
        let up = self
            .up
            .poll(client, agent, agent_done, &shared.to_agents, context);
        if let Poll::Ready(Err(violation)) = up {
            self.refuse(Peer::Client, violation);
            return Poll::Ready(false);
        }
        let down = self
            .down
            .poll(agent, client, client_done, &shared.to_clients, context);
        if let Poll::Ready(Err(violation)) = down {
            self.refuse(Peer::Agent, violation);
            return Poll::Ready(false);
        }
        if self.up.is_over() && self.down.is_over() {
            return Poll::Ready(true);
        }
        let begins = self.up.has_ended() || self.down.has_ended();
        let settled = (agent_done, client_done)
            == (
                self.down.has_ended() && self.up.has_told(),
                self.up.has_ended() && self.down.has_told(),
            );
        if (begins && !ending) || !settled {
            return Poll::Ready(false);
        }
        Poll::Pending
    }

    /// Ends a WebSocket whose peer sent what does not pass.
    fn refuse(&mut self, culprit: Peer, violation: Violation) {
        let (code, reason) = match violation {
            Violation::Protocol => (CloseCode::Protocol, "broken frame"),
            Violation::TooLong => (CloseCode::Size, "message too long"),
        };
        match culprit {
            Peer::Client => {
                self.up.turn_deaf();
                self.down.end(&frames::close(Peer::Client, code, reason));
                self.up.end(&frames::close(
                    Peer::Agent,
                    CloseCode::Away,
                    "client broke off",
                ));
            }
            Peer::Agent => {
                self.down.turn_deaf();
                self.up.end(&frames::close(Peer::Agent, code, reason));
                // 1014: the server behind this one answered badly.
                let bad_gateway = CloseCode::from(1014);
                self.down
                    .end(&frames::close(Peer::Client, bad_gateway, reason));
            }
        }
    }

    fn restart(&mut self) {
        let restart = frames::close(Peer::Client, CloseCode::Restart, "service restart");
        self.down.end(&restart);
        self.up
            .end(&frames::close(Peer::Agent, CloseCode::Away, "going away"));
    }

    fn is_told(&self) -> bool {
        self.up.has_told() || self.down.has_told()
    }
}

async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How often a peer gave no sign of life.
#[derive(Default)]
struct Patience {
    silent: u32,
    stuck: u32,
}

enum Sign {
    Alive,
    Silent,
    Gone,
}

impl Patience {
    const LOOKS: u32 = 3;

    /// `from` is the direction in which the peer sends, and `to` the one in
    /// which it is sent to. While nothing can be passed on from it, nothing is
    /// read from it either, and its silence says nothing.
    fn look(&mut self, from: &Pulse, unread: bool, to: &Pulse) -> Sign {
        self.silent = if from.heard || unread {
            0
        } else {
            self.silent + 1
        };
        self.stuck = if to.blocked && !to.took {
            self.stuck + 1
        } else {
            0
        };
        if self.silent >= Self::LOOKS || self.stuck >= Self::LOOKS {
            Sign::Gone
        } else if self.silent > 0 {
            Sign::Silent
        } else {
            Sign::Alive
        }
    }
}

impl Pulse {
    fn forget(&mut self) {
        self.heard = false;
        self.took = false;
    }
}
