//! Which Railway service runs an agent: the contract's two-tier resolution.

use std::fmt;
use std::sync::Arc;

use super::client::{Access, Railway};
use super::documents::{Services, services};
use super::error::ResolveError;
use super::reference::ServiceReference;
use crate::model::Instance;

/// The service of one agent. Only [`Railway::resolve`] makes one, so it proves
/// that the agent was located.
#[derive(Clone)]
pub struct RailwayService {
    id: String,
    discovered: bool,
    access: Arc<Access>,
}

impl RailwayService {
    /// Railway's id of the service.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it was found by name. Storing its id saves the next listing.
    pub fn was_discovered(&self) -> bool {
        self.discovered
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }
}

impl fmt::Debug for RailwayService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RailwayService")
            .field("id", &self.id)
            .field("discovered", &self.discovered)
            .finish_non_exhaustive()
    }
}

impl Railway {
    /// Locates the service of an agent: by the id on record, without a request,
    /// else by name among all services of the environment.
    ///
    /// # Errors
    /// The contract's 503s: a variable that is not set, a service that is not
    /// there, services that cannot be listed.
    pub async fn resolve(&self, instance: &Instance) -> Result<RailwayService, ResolveError> {
        let access = self.access.clone()?;
        let (id, discovered) = match ServiceReference::of(instance) {
            ServiceReference::Id(id) => (id.to_owned(), false),
            ServiceReference::Names(names) => (self.discover(&access, names).await?, true),
        };
        Ok(RailwayService {
            id,
            discovered,
            access,
        })
    }

    /// Pages through the services until the best candidate is found, else to
    /// the end.
    async fn discover(
        &self,
        access: &Access,
        candidates: Vec<String>,
    ) -> Result<String, ResolveError> {
        if candidates.is_empty() {
            return Err(ResolveError::NoReference);
        }
        let deadline = self.deadline();
        let mut best: Option<(usize, String)> = None;
        let mut after = None;
        loop {
            let variables = services::Variables {
                project_id: access.project_id.clone(),
                environment_id: access.environment_id.clone(),
                first: i64::from(self.limits.page),
                after: after.take(),
            };
            let answer = self.read::<Services>(access, variables, deadline).await?;
            let page = answer.data.environment.service_instances;
            for service in page.edges.into_iter().map(|edge| edge.node) {
                let rank = candidates.iter().position(|it| *it == service.service_name);
                if let Some(rank) = rank
                    && best.as_ref().is_none_or(|(found, _)| rank < *found)
                {
                    best = Some((rank, service.service_id));
                }
            }
            after = page.page_info.end_cursor;
            let more = page.page_info.has_next_page && after.is_some();
            match best {
                Some((0, id)) => return Ok(id),
                Some((_, id)) if !more => return Ok(id),
                None if !more => return Err(ResolveError::NotFound(candidates)),
                _ => {}
            }
        }
    }
}
