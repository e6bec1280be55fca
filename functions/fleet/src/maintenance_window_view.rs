//! A maintenance window, as the endpoints show it.

use common::clock::iso8601;
use common::model::MaintenanceWindow;
use serde::Serialize;
use utoipa::ToSchema;

/// A period without alerts of one agent, or of all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowView {
    #[schema(example = "move-to-europe")]
    id: String,
    #[schema(format = DateTime)]
    from: String,
    /// Its end. Alerts of agents that are still down are sent then.
    #[schema(format = DateTime)]
    until: String,
    /// The agent that it is for; null means all agents.
    #[schema(required)]
    instance_id: Option<String>,
}

impl From<MaintenanceWindow> for WindowView {
    fn from(window: MaintenanceWindow) -> Self {
        Self {
            id: window.id.to_string(),
            from: iso8601(window.from),
            until: iso8601(window.until),
            instance_id: window.instance.map(|id| id.to_string()),
        }
    }
}
