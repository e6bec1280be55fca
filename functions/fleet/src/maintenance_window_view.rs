//! A maintenance window, as the endpoints show it.

use common::clock::iso8601;
use common::model::MaintenanceWindow;
use serde::Serialize;
use utoipa::ToSchema;

/// A time in which nobody is alerted of an agent, or of any.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowView {
    #[schema(example = "move-to-europe")]
    id: String,
    #[schema(format = DateTime)]
    from: String,
    /// Its end. At this time people are told of what is still down.
    #[schema(format = DateTime)]
    until: String,
    /// The agent that it is for; null, and it is for all of them.
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
