//! WebSockets that are open: two connections, and the frames between them.
//!
//! Frames pass through this server without being taken apart (see [`frames`]),
//! so that a message of any length costs no memory and fragments, masks and
//! close codes are the peers' own. What this server adds are pings to a peer
//! that is silent, and a close frame when it has to end.

mod direction;
mod frames;
mod witness;

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
use direction::{Activity, Direction};
use frames::{Frames, Peer, Violation};
use witness::Witnessed;

pub(crate) use witness::Witness;

/// Anything that has to live as long as a client's connection, such as its permit
/// of a connection limit. A server puts it into a request's extensions; it
/// outlives the request when that becomes a WebSocket.
#[derive(Clone)]
pub struct ConnectionGuard(pub Arc<dyn Any + Send + Sync>);

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

    /// How many WebSockets are open now.
    pub fn open_now(&self) -> usize {
        self.0.tasks.len()
    }

    /// How many WebSockets were opened so far.
    pub fn opened(&self) -> u64 {
        self.0.opened.load(Ordering::Relaxed)
    }

    /// Bytes passed to agents so far.
    pub fn to_agents(&self) -> u64 {
        self.0.to_agents.load(Ordering::Relaxed)
    }

    /// Bytes passed to clients so far.
    pub fn to_clients(&self) -> u64 {
        self.0.to_clients.load(Ordering::Relaxed)
    }

    /// Whether new WebSockets are refused, because the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Refuses new WebSockets, closes the open ones with "service restart" and
    /// waits until they have ended: `SocketLimits::linger` at the most.
    pub async fn drain(&self) {
        self.0.draining.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Joins the two connections as soon as both are upgraded. A witness sees the
    /// bytes that go to the agent and come from it, until it has seen enough.
    pub(crate) fn open(
        &self,
        client: OnUpgrade,
        agent: OnUpgrade,
        extended: bool,
        guard: Option<ConnectionGuard>,
        witness: Option<Box<dyn Witness>>,
    ) {
        let shared = self.0.clone();
        shared.opened.fetch_add(1, Ordering::Relaxed);
        let task = async move {
            let _guard = guard;
            // A client that left before it was answered needs nothing more.
            if let Ok((client, agent)) = tokio::try_join!(client, agent) {
                Tunnel::new(client, agent, witness, extended, &shared)
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
    to_agent: Direction,
    to_client: Direction,
}

impl Tunnel<TokioIo<Upgraded>, Witnessed<TokioIo<Upgraded>>> {
    fn new(
        client: Upgraded,
        agent: Upgraded,
        witness: Option<Box<dyn Witness>>,
        extended: bool,
        shared: &Shared,
    ) -> Self {
        let direction =
            |peer| Direction::new(Frames::new(peer, extended, shared.limits.max_message));
        Self {
            client: TokioIo::new(client),
            agent: Witnessed::new(TokioIo::new(agent), witness),
            to_agent: direction(Peer::Client),
            to_client: direction(Peer::Agent),
        }
    }
}

impl<C, A> Tunnel<C, A>
where
    C: AsyncRead + AsyncWrite + Unpin,
    A: AsyncRead + AsyncWrite + Unpin,
{
    /// Runs until both peers have closed, or one is gone.
    async fn run(mut self, shared: &Shared) {
        let SocketLimits {
            ping_interval: period,
            linger,
            ..
        } = shared.limits;
        let mut checks = interval_at(Instant::now() + period, period);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut client, mut agent) = (Liveness::default(), Liveness::default());
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
                _ = checks.tick() => {
                    let client = client.check(&self.to_agent.activity, &self.to_client.activity);
                    let agent = agent.check(&self.to_client.activity, &self.to_agent.activity);
                    if !self.keep_alive(client, agent) {
                        return;
                    }
                }
            }
            if drained
                || self.to_agent.has_ended()
                || self.to_client.has_ended()
                || self.is_closing()
            {
                end_at.get_or_insert_with(|| Instant::now() + linger);
            }
        }
    }

    /// Pings peers that are silent. False when one is gone.
    fn keep_alive(&mut self, client: PeerState, agent: PeerState) -> bool {
        for (state, direction, peer) in [
            (client, &mut self.to_client, Peer::Client),
            (agent, &mut self.to_agent, Peer::Agent),
        ] {
            match state {
                PeerState::Alive => {}
                PeerState::Silent => direction.send(&frames::ping(peer)),
                PeerState::Gone => return false,
            }
        }
        self.to_agent.activity.reset();
        self.to_client.activity.reset();
        true
    }

    /// Ready with true when both directions are finished, and with false when
    /// closing begins.
    fn poll(&mut self, ending: bool, shared: &Shared, context: &mut Context<'_>) -> Poll<bool> {
        // Once both close frames have passed, this server ends the connections.
        let agent_done = self.to_client.has_ended() && self.to_agent.has_sent_close();
        let client_done = self.to_agent.has_ended() && self.to_client.has_sent_close();
        let (client, agent) = (&mut self.client, &mut self.agent);
        let to_agent = self
            .to_agent
            .poll(client, agent, agent_done, &shared.to_agents, context);
        if let Poll::Ready(Err(violation)) = to_agent {
            self.refuse(Peer::Client, violation);
            return Poll::Ready(false);
        }
        let to_client =
            self.to_client
                .poll(agent, client, client_done, &shared.to_clients, context);
        if let Poll::Ready(Err(violation)) = to_client {
            self.refuse(Peer::Agent, violation);
            return Poll::Ready(false);
        }
        if self.to_agent.is_finished() && self.to_client.is_finished() {
            return Poll::Ready(true);
        }
        let begins = self.to_agent.has_ended() || self.to_client.has_ended();
        let settled = (agent_done, client_done)
            == (
                self.to_client.has_ended() && self.to_agent.has_sent_close(),
                self.to_agent.has_ended() && self.to_client.has_sent_close(),
            );
        if (begins && !ending) || !settled {
            return Poll::Ready(false);
        }
        Poll::Pending
    }

    /// Closes a WebSocket whose peer broke the protocol or a limit.
    fn refuse(&mut self, offender: Peer, violation: Violation) {
        let (code, reason) = match violation {
            Violation::Protocol => (CloseCode::Protocol, "broken frame"),
            Violation::TooLong => (CloseCode::Size, "message too long"),
        };
        match offender {
            Peer::Client => {
                self.to_agent.discard_input();
                self.to_client
                    .close(&frames::close(Peer::Client, code, reason));
                self.to_agent.close(&frames::close(
                    Peer::Agent,
                    CloseCode::Away,
                    "client broke off",
                ));
            }
            Peer::Agent => {
                self.to_client.discard_input();
                self.to_agent
                    .close(&frames::close(Peer::Agent, code, reason));
                // 1014: the server behind this one answered badly.
                let bad_gateway = CloseCode::from(1014);
                self.to_client
                    .close(&frames::close(Peer::Client, bad_gateway, reason));
            }
        }
    }

    fn restart(&mut self) {
        let restart = frames::close(Peer::Client, CloseCode::Restart, "service restart");
        self.to_client.close(&restart);
        self.to_agent
            .close(&frames::close(Peer::Agent, CloseCode::Away, "going away"));
    }

    fn is_closing(&self) -> bool {
        self.to_agent.has_sent_close() || self.to_client.has_sent_close()
    }
}

async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// At how many checks in a row a peer sent nothing, or accepted nothing.
#[derive(Default)]
struct Liveness {
    silent: u32,
    stuck: u32,
}

enum PeerState {
    Alive,
    Silent,
    Gone,
}

impl Liveness {
    const MISSED_CHECKS: u32 = 3;

    /// `from` is the direction in which the peer sends, `to` the one in which it
    /// receives. While `from` is blocked, nothing is read from the peer, so its
    /// silence means nothing.
    fn check(&mut self, from: &Activity, to: &Activity) -> PeerState {
        self.silent = if from.received || from.blocked {
            0
        } else {
            self.silent + 1
        };
        self.stuck = if to.blocked && !to.delivered {
            self.stuck + 1
        } else {
            0
        };
        if self.silent >= Self::MISSED_CHECKS || self.stuck >= Self::MISSED_CHECKS {
            PeerState::Gone
        } else if self.silent > 0 {
            PeerState::Silent
        } else {
            PeerState::Alive
        }
    }
}

impl Activity {
    fn reset(&mut self) {
        self.received = false;
        self.delivered = false;
    }
}
