//! The tables: their names, and how they are created without the template.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::{Connection, StoreError};
use crate::config::{
    CONFIGURATIONS_TABLE, HISTORY_TABLE, INSTANCES_TABLE, MEMORIES_TABLE, OPERATIONS_TABLE, Reader,
    SESSIONS_TABLE, TICKETS_TABLE, TOKENS_TABLE,
};

/// The names of all tables.
#[derive(Clone, Debug)]
pub struct Tables {
    pub instances: String,
    pub sessions: String,
    /// Operations, leases and idempotency keys.
    pub operations: String,
    pub tokens: String,
    pub memories: String,
    pub configurations: String,
    /// Agents' history, and what sweeps share.
    pub history: String,
    pub tickets: String,
}

impl Tables {
    /// Reads all names from the environment, for a process that serves
    /// everything. `None` means that a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let instances = reader.required(INSTANCES_TABLE);
        let sessions = reader.required(SESSIONS_TABLE);
        let operations = reader.required(OPERATIONS_TABLE);
        let tokens = reader.required(TOKENS_TABLE);
        let memories = reader.required(MEMORIES_TABLE);
        let configurations = reader.required(CONFIGURATIONS_TABLE);
        let history = reader.required(HISTORY_TABLE);
        let tickets = reader.required(TICKETS_TABLE);
        Some(Self {
            instances: instances?,
            sessions: sessions?,
            operations: operations?,
            tokens: tokens?,
            memories: memories?,
            configurations: configurations?,
            history: history?,
            tickets: tickets?,
        })
    }
}

/// A table whose keys are all strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// The partition key.
    pub key: String,
    /// The sort key.
    pub sort_key: Option<String>,
    /// Its secondary indexes.
    pub indexes: Vec<Index>,
    /// The time-to-live attribute.
    pub expiry: Option<String>,
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The partition key.
    pub key: String,
    /// The projected attributes, beside the keys.
    pub attributes: Vec<String>,
}

/// Creates the tables that do not exist yet, on a local DynamoDB server. On AWS
/// the template creates them.
///
/// # Errors
/// When DynamoDB rejects a request or does not respond.
pub async fn create_missing_tables(
    connection: &Connection,
    tables: &[Definition],
) -> Result<(), StoreError> {
    for table in tables {
        let created = create(connection, table).await?;
        if let (true, Some(attribute)) = (created, &table.expiry) {
            expire(connection, &table.name, attribute).await?;
        }
    }
    Ok(())
}

/// Whether the table was created now.
async fn create(connection: &Connection, table: &Definition) -> Result<bool, StoreError> {
    let mut request = connection
        .client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(text_attribute(&table.key)?)
        .key_schema(key(&table.key, KeyType::Hash)?);
    if let Some(sort_key) = &table.sort_key {
        request = request
            .attribute_definitions(text_attribute(sort_key)?)
            .key_schema(key(sort_key, KeyType::Range)?);
    }
    for index in &table.indexes {
        let projection = Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(index.attributes.clone()))
            .build();
        let secondary = GlobalSecondaryIndex::builder()
            .index_name(&index.name)
            .key_schema(key(&index.key, KeyType::Hash)?)
            .projection(projection)
            .build()
            .map_err(StoreError::build)?;
        request = request
            .attribute_definitions(text_attribute(&index.key)?)
            .global_secondary_indexes(secondary);
    }
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_in_use_exception()) =>
        {
            Ok(false)
        }
        Err(error) => Err(StoreError::failed("CreateTable")(error)),
    }
}

async fn expire(connection: &Connection, table: &str, attribute: &str) -> Result<(), StoreError> {
    let expiry = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()
        .map_err(StoreError::build)?;
    connection
        .client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(StoreError::failed("UpdateTimeToLive"))?;
    Ok(())
}

fn text_attribute(name: &str) -> Result<AttributeDefinition, StoreError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(StoreError::build)
}

fn key(name: &str, key_type: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(key_type)
        .build()
        .map_err(StoreError::build)
}
