//! All instance records at once, for the endpoints about the whole fleet.

use super::{Instances, StoreError};
use crate::model::Instance;

/// All instances, and how many records are damaged.
#[derive(Clone, Debug, Default)]
pub struct AllInstances {
    /// Sorted by id.
    pub instances: Vec<Instance>,
    /// How many records are damaged. Each is logged, with the reason.
    pub damaged: usize,
}

impl Instances {
    /// Reads the whole table. A damaged record is counted and hides no others.
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
