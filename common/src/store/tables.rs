//! The tables: their names, and how they are made on a machine without a
//! template.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::{Connection, StoreError, instances, sessions};
use crate::config::{INSTANCES_TABLE, Reader, SESSIONS_TABLE};

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Of instance records.
    pub instances: String,
    /// Of sessions.
    pub sessions: String,
}

impl Tables {
    /// Reads the names from the environment. `None` means that a problem was
    /// noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let instances = reader.required(INSTANCES_TABLE);
        let sessions = reader.required(SESSIONS_TABLE);
        Some(Self {
            instances: instances?,
            sessions: sessions?,
        })
    }
}

/// Makes the tables that are not there yet. Tables on AWS are the template's
/// business; this is for DynamoDB servers on this machine.
///
/// # Errors
/// When DynamoDB refuses or does not answer.
pub async fn create_missing_tables(
    connection: &Connection,
    tables: &Tables,
) -> Result<(), StoreError> {
    create(
        connection,
        &tables.instances,
        instances::KEY,
        Some((instances::OWNER_INDEX, instances::OWNER)),
    )
    .await?;
    if create(connection, &tables.sessions, sessions::KEY, None).await? {
        connection
            .client
            .update_time_to_live()
            .table_name(&tables.sessions)
            .time_to_live_specification(
                TimeToLiveSpecification::builder()
                    .enabled(true)
                    .attribute_name(sessions::EXPIRES_AT)
                    .build()
                    .map_err(build_failed)?,
            )
            .send()
            .await
            .map_err(StoreError::failed("UpdateTimeToLive"))?;
    }
    Ok(())
}

/// Whether the table was made, and not there before.
async fn create(
    connection: &Connection,
    table: &str,
    key: &str,
    index: Option<(&str, &str)>,
) -> Result<bool, StoreError> {
    let mut request = connection
        .client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(string_attribute(key)?)
        .key_schema(hash_key(key)?);
    if let Some((name, attribute)) = index {
        request = request
            .attribute_definitions(string_attribute(attribute)?)
            .global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name(name)
                    .key_schema(hash_key(attribute)?)
                    .projection(
                        Projection::builder()
                            .projection_type(ProjectionType::All)
                            .build(),
                    )
                    .build()
                    .map_err(build_failed)?,
            );
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

fn string_attribute(name: &str) -> Result<AttributeDefinition, StoreError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(build_failed)
}

fn hash_key(name: &str) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(KeyType::Hash)
        .build()
        .map_err(build_failed)
}

fn build_failed(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Failed {
        operation: "building a request",
        cause: error.to_string(),
    }
}
