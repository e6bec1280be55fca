//! How the store fails.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB refused or did not answer.
    #[error("{operation} failed: {cause}")]
    Failed {
        /// What was asked of DynamoDB.
        operation: &'static str,
        /// The SDK's chain of causes.
        cause: String,
    },
    /// A record is there, and it breaks a rule of the model.
    #[error("the record {key} of {table} is damaged: {reason}")]
    Corrupt {
        /// The table it is in.
        table: String,
        /// Its key.
        key: String,
        /// Which attribute is wrong, and how.
        reason: String,
    },
}

impl StoreError {
    /// What somebody is told who may not see causes, tables and keys.
    pub fn for_strangers(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "Internal server error",
            Self::Corrupt { .. } => {
                "The stored record is damaged. The platform's operator has to mend it."
            }
        }
    }

    /// Keeps the whole chain of causes, which names no attribute values.
    pub(super) fn failed<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: std::error::Error + 'static,
        R: Debug + 'static,
    {
        move |error| Self::Failed {
            operation,
            cause: aws::chain(&error),
        }
    }

    /// A request that could not be put together.
    pub(super) fn build(error: BuildError) -> Self {
        Self::Failed {
            operation: "building a request",
            cause: error.to_string(),
        }
    }

    /// The item that made DynamoDB refuse a conditional update, unless the
    /// error is something else.
    pub(super) fn refused_item<R: Debug + 'static>(
        error: SdkError<UpdateItemError, R>,
    ) -> Result<Option<HashMap<String, AttributeValue>>, Self> {
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(refusal.item().cloned())
            }
            _ => Err(Self::failed("UpdateItem")(error)),
        }
    }

    /// For conditional updates that may as well not happen.
    pub(super) fn unless_refused<T, R: Debug + 'static>(
        answer: Result<T, SdkError<UpdateItemError, R>>,
    ) -> Result<(), Self> {
        answer
            .map(drop)
            .or_else(|error| Self::refused_item(error).map(drop))
    }
}

/// A record that breaks a rule.
pub(super) fn corrupt(table: &str, key: &str, reason: String) -> StoreError {
    StoreError::Corrupt {
        table: table.to_owned(),
        key: key.to_owned(),
        reason,
    }
}

/// Reads an attribute, or says which rule of the model it breaks.
pub(super) fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{name} {error}"))
}
