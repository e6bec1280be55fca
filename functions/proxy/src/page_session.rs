//! Sessions of agents' pages: the cookie of an agent's origin, and what it stands for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::model::{AgentOrigin, InstanceId};
use common::store::{AgentPages, Instances, NotIssued, PAGE_SESSION, StoreError, Ticket};
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use tokio::time::Instant;

/// `__Host-`: browsers take it from this host alone, and for it alone. Its name is one
/// of the platform's, so that no agent is sent it or may set it.
const COOKIE: &str = "__Host-agentbot-page";

/// A page asks for dozens of files at once, and the store need not be read for each of
/// them. A session that was closed counts for as long.
const CACHE_TTL: Duration = Duration::from_secs(5);

const CACHE_CAPACITY: usize = 10_000;

/// The origins of agents, and the sessions of their pages. Clones share a cache.
#[derive(Clone)]
pub(crate) struct PageSessions {
    pub(crate) origin: AgentOrigin,
    pages: AgentPages,
    instances: Instances,
    cache: Arc<Mutex<HashMap<CacheKey, Cached>>>,
}

/// The cookie's value, and the label of the host that was sent it.
type CacheKey = (String, String);

struct Cached {
    agent: InstanceId,
    expires_at: Timestamp,
    until: Instant,
}

impl PageSessions {
    pub(crate) fn new(origin: AgentOrigin, pages: AgentPages, instances: Instances) -> Self {
        Self {
            origin,
            pages,
            instances,
            cache: Arc::default(),
        }
    }

    /// Redeems the ticket of a link at the host of this label, and returns the cookie
    /// of the session that begins.
    ///
    /// # Errors
    /// When the store fails, or there is no randomness.
    pub(crate) async fn open(
        &self,
        ticket: &str,
        label: &str,
        now: Timestamp,
    ) -> Result<Option<HeaderValue>, NotIssued> {
        let Ok(link) = ticket.parse::<Ticket>() else {
            return Ok(None);
        };
        let session = self.pages.open(&link, label, now).await?;
        let cookie = session.and_then(|session| {
            let (value, seconds) = (session.reveal(), PAGE_SESSION.as_secs());
            let cookie = format!(
                "{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"
            );
            HeaderValue::try_from(cookie).ok()
        });
        Ok(cookie)
    }

    /// The agent whose page a request's cookie has opened at the host of this label.
    /// None if its user owns the agent no more.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn agent(
        &self,
        headers: &HeaderMap,
        label: &str,
        now: Timestamp,
    ) -> Result<Option<InstanceId>, StoreError> {
        let Some(session) = session(headers) else {
            return Ok(None);
        };
        let key = (session.reveal().to_owned(), label.to_owned());
        let moment = Instant::now();
        if let Some(cached) = self.lock().get(&key)
            && cached.until > moment
            && cached.expires_at > now
        {
            return Ok(Some(cached.agent.clone()));
        }
        let Some((page, expires_at)) = self.pages.find(&session, label, now).await? else {
            return Ok(None);
        };
        let instance = self.instances.get(&page.instance).await?;
        if instance.is_none_or(|instance| instance.owner != page.user) {
            return Ok(None);
        }
        let mut cache = self.lock();
        if cache.len() >= CACHE_CAPACITY {
            cache.retain(|_, cached| cached.until > moment);
        }
        if cache.len() < CACHE_CAPACITY {
            let cached = Cached {
                agent: page.instance.clone(),
                expires_at,
                until: moment + CACHE_TTL,
            };
            cache.insert(key, cached);
        }
        Ok(Some(page.instance))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CacheKey, Cached>> {
        // The map is whole even if another holder panicked.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one cookie of this name that could be a session's.
fn session(headers: &HeaderMap) -> Option<Ticket> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let cookies = cookies.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut found = cookies.filter_map(|cookie| {
        let text = std::str::from_utf8(cookie).ok()?;
        let (name, value) = text.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    match (found.next(), found.next()) {
        (Some(value), None) => value.parse().ok(),
        _ => None,
    }
}
