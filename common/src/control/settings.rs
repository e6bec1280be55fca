//! The configuration of controls.

use super::{AgentVariables, Controls};
use crate::client::ClientError;
use crate::config::{
    AGENT_HOSTS, AGENT_VARIABLES, INSTANCES_TABLE, MEMORIES_TABLE, OPENCLAW_IMAGE,
    OPERATIONS_TABLE, Reader, TOKENS_TABLE,
};
use crate::model::{ConfiguredImage, PinnedImage};
use crate::net::AllowedHosts;
use crate::platform::Platform;
use crate::railway::RailwaySettings;
use crate::store::{Connection, Instances, Memories, Operations, Tokens};

/// The variables of every function that controls agents.
pub struct ControlSettings {
    instances: String,
    operations: String,
    tokens: String,
    memories: String,
    railway: RailwaySettings,
    hosts: AllowedHosts,
    image: PinnedImage,
    variables: AgentVariables,
}

impl ControlSettings {
    /// `None` means that the reader has noted a problem.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // All are read before the first `?`, so that every problem is noted.
        let instances = reader.required(INSTANCES_TABLE);
        let operations = reader.required(OPERATIONS_TABLE);
        let tokens = reader.required(TOKENS_TABLE);
        let memories = reader.required(MEMORIES_TABLE);
        let railway = RailwaySettings::read(reader);
        let hosts = reader.optional(AGENT_HOSTS);
        let image = reader.optional::<ConfiguredImage>(OPENCLAW_IMAGE);
        let variables = reader.optional(AGENT_VARIABLES);
        Some(Self {
            instances: instances?,
            operations: operations?,
            tokens: tokens?,
            memories: memories?,
            railway: railway?,
            hosts: hosts?.unwrap_or_default(),
            image: image?.unwrap_or_default().into_pinned(),
            variables: variables?.unwrap_or_default(),
        })
    }

    /// Builds the clients and stores, once per process.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn build(
        self,
        connection: &Connection,
        platform: &Platform,
    ) -> Result<Controls, ClientError> {
        Ok(Controls {
            instances: Instances::new(connection.clone(), self.instances),
            operations: Operations::new(connection.clone(), self.operations),
            tokens: Tokens::new(connection.clone(), self.tokens),
            memories: Memories::new(connection.clone(), self.memories),
            railway: platform.railway(self.railway)?,
            prober: platform.prober(self.hosts)?,
            image: self.image,
            variables: self.variables,
            clock: platform.clock.clone(),
        })
    }
}
