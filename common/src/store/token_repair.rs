//! Repair of gateway tokens that are missing or malformed.

use aws_sdk_dynamodb::types::AttributeValue;

use super::tokens::{self, TOKEN};
use super::{StoreError, Tokens, corrupt};
use crate::model::{GatewayToken, InstanceId};

/// The state of the record of a gateway token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    Valid(GatewayToken),
    Missing,
    /// The record holds something that is not a token.
    Malformed,
}

/// The outcome of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairedToken {
    pub before: TokenState,
    pub token: GatewayToken,
}

/// A state, and the attribute value that it was read from.
struct StoredToken(TokenState, Option<AttributeValue>);

impl Tokens {
    /// The state of the agent's token. A malformed one is not an error here.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn state(&self, instance: &InstanceId) -> Result<TokenState, StoreError> {
        self.read_state(instance)
            .await
            .map(|StoredToken(state, _)| state)
    }

    /// Stores this token unless there is a valid one, and returns the one that is
    /// stored then. It is a conditional write: of any number of concurrent callers
    /// one succeeds, and all get the same token.
    ///
    /// # Errors
    /// When DynamoDB fails: never a reason to generate another token.
    pub async fn repair(
        &self,
        instance: &InstanceId,
        new: GatewayToken,
    ) -> Result<RepairedToken, StoreError> {
        let StoredToken(before, found) = self.read_state(instance).await?;
        if let TokenState::Valid(token) = &before {
            let token = token.clone();
            return Ok(RepairedToken { before, token });
        }
        let request = self
            .connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(tokens::KEY, AttributeValue::S(instance.to_string()))
            .update_expression("SET #token = :new")
            .expression_attribute_names("#token", TOKEN)
            .expression_attribute_values(":new", AttributeValue::S(new.reveal().to_owned()));
        // Replaces exactly what was read, and no token that another caller has
        // stored since.
        let answer = match found {
            None => request.condition_expression("attribute_not_exists(#token)"),
            Some(found) => request
                .condition_expression("#token = :found")
                .expression_attribute_values(":found", found),
        }
        .send()
        .await;
        let Err(error) = answer else {
            return Ok(RepairedToken { before, token: new });
        };
        StoreError::refused_item(error)?;
        match self.state(instance).await? {
            TokenState::Valid(token) => Ok(RepairedToken {
                before: TokenState::Valid(token.clone()),
                token,
            }),
            _ => Err(corrupt(
                &self.table,
                instance.as_str(),
                "the token was deleted while it was repaired".to_owned(),
            )),
        }
    }

    async fn read_state(&self, instance: &InstanceId) -> Result<StoredToken, StoreError> {
        let key = [(tokens::KEY, instance.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let found = item.and_then(|mut item| item.remove(TOKEN));
        let state = match &found {
            None => TokenState::Missing,
            Some(AttributeValue::S(text)) => text
                .parse()
                .map_or(TokenState::Malformed, TokenState::Valid),
            Some(_) => TokenState::Malformed,
        };
        Ok(StoredToken(state, found))
    }
}
