//! The documents beside this file, with the types that `graphql_client` derives
//! from them. A document that does not fit the schema does not compile.
//!
use std::collections::BTreeMap;

use graphql_client::GraphQLQuery;

use super::status::{DeploymentStatus, InstanceStatus as DeploymentInstanceStatus};

/// The part of Railway's schema that this project uses.
pub const SCHEMA: &str = include_str!("graphql/schema.graphql");

type DateTime = jiff::Timestamp;
type DeploymentMeta = serde_json::Value;
type EnvironmentVariables = BTreeMap<String, String>;

macro_rules! documents {
    ($($name:ident in $file:tt;)*) => {$(
        #[derive(Clone, Copy, Debug, GraphQLQuery)]
        #[graphql(
            schema_path = "src/railway/graphql/schema.graphql",
            query_path = $file,
            extern_enums("DeploymentStatus", "DeploymentInstanceStatus"),
        )]
        pub(super) struct $name;
    )*};
}

documents! {
    Fleet in "src/railway/graphql/fleet.graphql";
    History in "src/railway/graphql/history.graphql";
    Metrics in "src/railway/graphql/metrics.graphql";
    Services in "src/railway/graphql/services.graphql";
    ServiceState in "src/railway/graphql/service_state.graphql";
    DeploymentState in "src/railway/graphql/deployment_state.graphql";
    Start in "src/railway/graphql/start.graphql";
    Stop in "src/railway/graphql/stop.graphql";
    Cancel in "src/railway/graphql/cancel.graphql";
    CancelAndStop in "src/railway/graphql/cancel_and_stop.graphql";
    Restart in "src/railway/graphql/restart.graphql";
    Repair in "src/railway/graphql/repair.graphql";
    UpdateImage in "src/railway/graphql/update_image.graphql";
    FactoryReset in "src/railway/graphql/factory_reset.graphql";
}
