//! Gateway tokens that are missing or malformed.

use aws_sdk_dynamodb::types::AttributeValue;

use super::tokens::{self, TOKEN};
use super::{StoreError, Tokens, corrupt};
use crate::model::{GatewayToken, InstanceId};

/// How a record of a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It holds this token.
    Good(GatewayToken),
    /// There is none.
    Missing,
    /// It holds something that is no token.
    Malformed,
}

/// What mending came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// How the record was before.
    pub before: TokenState,
    /// The token that it holds now.
    pub token: GatewayToken,
}

/// A state, and the value that it was told by.
struct Seen(TokenState, Option<AttributeValue>);

impl Tokens {
    /// How the agent's token is. One that is malformed is no error here.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn state(&self, instance: &InstanceId) -> Result<TokenState, StoreError> {
        self.look(instance).await.map(|Seen(state, _)| state)
    }

    /// Stores this token where there is none, or none that is one, and returns
    /// the one that is there then. However many do this at once, one of them
    /// finds something to mend, and all get the same token.
    ///
    /// # Errors
    /// When DynamoDB fails: never a reason to make a new token.
    pub async fn mend(
        &self,
        instance: &InstanceId,
        new: GatewayToken,
    ) -> Result<Mended, StoreError> {
        let Seen(before, found) = self.look(instance).await?;
        if let TokenState::Good(token) = &before {
            let token = token.clone();
            return Ok(Mended { before, token });
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
        let Err(error) = answer else {
            return Ok(Mended { before, token: new });
        };
        StoreError::refused_item(error)?;
        match self.state(instance).await? {
            TokenState::Good(token) => Ok(Mended {
                before: TokenState::Good(token.clone()),
                token,
            }),
            _ => Err(corrupt(
                &self.table,
                instance.as_str(),
                "the token was deleted while it was mended".to_owned(),
            )),
        }
    }

    async fn look(&self, instance: &InstanceId) -> Result<Seen, StoreError> {
        let key = [(tokens::KEY, instance.as_str())];
        let item = self.connection.item(&self.table, &key).await?;
        let found = item.and_then(|mut item| item.remove(TOKEN));
        let state = match &found {
            None => TokenState::Missing,
            Some(AttributeValue::S(text)) => {
                text.parse().map_or(TokenState::Malformed, TokenState::Good)
            }
            Some(_) => TokenState::Malformed,
        };
        Ok(Seen(state, found))
    }
}
