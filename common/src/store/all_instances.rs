//! All records of agents at once, for those who look after the whole fleet.

use super::{Instances, StoreError};
use crate::model::Instance;

/// Every instance, and the records that are none.
#[derive(Clone, Debug, Default)]
pub struct AllInstances {
    /// The instances, by their ids.
    pub instances: Vec<Instance>,
    /// How many records are damaged. Each one is in the log, with the reason.
    pub damaged: usize,
}

impl Instances {
    /// Reads the whole table. A damaged record hides no other one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn all(&self) -> Result<AllInstances, StoreError> {
        let mut pages = self
            .connection
            .client
            .scan()
            .table_name(&self.table)
            .into_paginator()
            .items()
            .send();
        let mut all = AllInstances::default();
        while let Some(item) = pages.next().await {
            match self.decode(item.map_err(StoreError::failed("Scan"))?) {
                Ok(instance) => all.instances.push(instance),
                Err(error) => {
                    tracing::error!(%error, "a record is left out");
                    all.damaged += 1;
                }
            }
        }
        all.instances.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }
}
