//! Gateway tokens that are missing or malformed.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{StoreError, Tokens, tokens};
use crate::model::{GatewayToken, InstanceId};

const TOKEN: &str = "token";

/// How a record of a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It holds a token.
    Good,
    /// There is none.
    Missing,
    /// It holds something that is no token.
    Malformed,
}

/// A state, and the value that it was told by.
struct Seen(TokenState, Option<AttributeValue>);

impl Tokens {
    /// How the agent's token is, without telling it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn state(&self, instance: &InstanceId) -> Result<TokenState, StoreError> {
        self.look(instance).await.map(|Seen(state, _)| state)
    }

    /// Stores this token where there is none, or none that is one, and tells
    /// how it was before. However many do this at once, one of them finds
    /// something to mend, and all others find its token good.
    ///
    /// # Errors
    /// When DynamoDB fails: never a reason to make a new token.
    pub async fn mend(
        &self,
        instance: &InstanceId,
        new: &GatewayToken,
    ) -> Result<TokenState, StoreError> {
        let Seen(state, found) = self.look(instance).await?;
        if state == TokenState::Good {
            return Ok(state);
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
        // Exactly what was found is replaced, and no token of somebody faster.
        let answer = match found {
            None => request.condition_expression("attribute_not_exists(#token)"),
            Some(found) => request
                .condition_expression("#token = :found")
                .expression_attribute_values(":found", found),
        }
        .send()
        .await;
        match answer {
            Ok(_) => Ok(state),
            Err(error) => {
                StoreError::refused_item(error)?;
                self.state(instance).await
            }
        }
    }

    async fn look(&self, instance: &InstanceId) -> Result<Seen, StoreError> {
        let key = [(tokens::KEY, instance.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let found = item.and_then(|mut item| item.remove(TOKEN));
        let state = match &found {
            None => TokenState::Missing,
            Some(AttributeValue::S(text)) if text.parse::<GatewayToken>().is_ok() => {
                TokenState::Good
            }
            Some(_) => TokenState::Malformed,
        };
        Ok(Seen(state, found))
    }
}
