//! Gateway tokens, in a table of their own, which only the functions that need
//! tokens may read.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::{Connection, StoreError, corrupt, parse};
use crate::model::{GatewayToken, InstanceId};

pub(super) const KEY: &str = "instanceId";
pub(super) const TOKEN: &str = "token";

/// The table of gateway tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) connection: Connection,
    pub(super) table: String,
}

#[derive(Deserialize)]
struct TokenRecord {
    /// Missing while the first token is still pending.
    token: Option<String>,
}

impl Tokens {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// The agent's token.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged: never a reason to
    /// generate a new token.
    pub async fn get(&self, instance: &InstanceId) -> Result<Option<GatewayToken>, StoreError> {
        let key = [(KEY, instance.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let Some(item) = item else {
            return Ok(None);
        };
        // The cause is left out: it could contain a part of the token.
        let damaged = |_| corrupt(&self.table, instance.as_str(), "token".to_owned());
        let record: TokenRecord = serde_dynamo::from_item(item).map_err(damaged)?;
        record
            .token
            .map(|token| parse(TOKEN, &token))
            .transpose()
            .map_err(|reason| corrupt(&self.table, instance.as_str(), reason))
    }

    /// Stores this token unless the agent has one, and returns the one that is
    /// stored then. Concurrent callers all get the same token.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn get_or_store(
        &self,
        instance: &InstanceId,
        new: GatewayToken,
    ) -> Result<GatewayToken, StoreError> {
        let answer = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(instance.to_string()))
            .condition_expression("attribute_not_exists(#token)")
            .update_expression("SET #token = :new")
            .expression_attribute_names("#token", TOKEN)
            .expression_attribute_values(":new", AttributeValue::S(new.reveal().to_owned()))
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(new);
        };
        StoreError::refused_item(error)?;
        let stored = self.get(instance).await?;
        stored.ok_or_else(|| {
            corrupt(
                &self.table,
                instance.as_str(),
                "the token was deleted while it was read".to_owned(),
            )
        })
    }
}
