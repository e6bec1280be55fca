//! `GET /api/openclaw/metrics`: the state of the fleet, for Prometheus.
//!
//! It is what the last sweeps have on record. Neither Railway nor an agent is
//! contacted, so a scrape costs one scan of the table and wakes no agent.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use common::http::{ApiError, Bearer, ErrorBody, OperatorErrors, Parameters, StrictQuery};
use common::store::{AgentStates, Segment, StoreError};
use http::header;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;
use serde::Deserialize;

use crate::figures::{AgentFigures, Figures};

/// How many instances are read at once.
const PAGE: i32 = 1000;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    agents: Option<String>,
}

impl Parameters for Wanted {
    const NAMES: &[&str] = &["agents"];
}

/// Metrics
///
/// The state of the fleet and of each agent, as recorded by the last sweeps, in
/// the text format of Prometheus. All metrics are gauges, with up to seven
/// series for each agent, and one for each cause of its being degraded.
#[utoipa::path(
    get,
    path = "/api/openclaw/metrics",
    operation_id = "showMetrics",
    tag = "fleet",
    security(("internalKey" = [])),
    params(
        ("agents" = Option<bool>, Query, description = "`false` omits the series of single agents"),
    ),
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        OperatorErrors,
        (status = 400, description = "A parameter is invalid", body = ErrorBody),
    )
)]
pub(crate) async fn handler(
    State(state): State<crate::State>,
    _: Bearer,
    StrictQuery(wanted): StrictQuery<Wanted>,
) -> Result<Response, ApiError> {
    let with_agents = match wanted.agents.as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(ApiError::BadRequest("agents must be true or false".into())),
    };
    let (seen, sweep, incident) = tokio::try_join!(
        seen(&state.agent_states),
        state.sweep_runs.newest(),
        state.incidents.last(),
    )?;
    let incident = incident.is_some_and(|record| record.incident.is_open());
    let mut registry = Registry::with_prefix("openclaw");
    registry.register_collector(Box::new(Figures {
        with_agents,
        sweep,
        incident,
        ..seen
    }));
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = encode_registry(&mut text, &registry);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// What is on record of all agents, by their ids.
async fn seen(agent_states: &AgentStates) -> Result<Figures, StoreError> {
    let mut figures = Figures::default();
    let mut after = None;
    loop {
        let page = agent_states.page(Segment::ALL, PAGE, after).await?;
        for watched in page.instances {
            match watched {
                Ok(watched) => figures.agents.push(AgentFigures::from(watched)),
                Err(error) => {
                    tracing::error!(%error, "a record is left out");
                    figures.damaged += 1;
                }
            }
        }
        after = page.next;
        if after.is_none() {
            figures.agents.sort_by(|one, other| one.id.cmp(&other.id));
            return Ok(figures);
        }
    }
}
