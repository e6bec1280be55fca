//! Errors of the store.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB rejected the request, or did not respond.
    #[error("{operation} failed: {cause}")]
    Failed {
        /// The operation.
        operation: &'static str,
        /// The SDK's chain of causes.
        cause: String,
    },
    /// A record exists, but breaks a rule of the model.
    #[error("the record {key} of {table} is damaged: {reason}")]
    Corrupt {
        table: String,
        key: String,
        /// The attribute, and the rule that it breaks.
        reason: String,
    },
}

impl StoreError {
    /// The message for callers, who may not see causes, tables and keys.
    pub fn for_strangers(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "Internal server error",
            Self::Corrupt { .. } => {
                "The stored record is damaged. The platform's operator has to mend it."
            }
        }
    }

    /// Keeps the whole chain of causes, which contains no attribute values.
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

    /// A request that could not be built.
    pub(super) fn build(error: BuildError) -> Self {
        Self::Failed {
            operation: "building a request",
            cause: error.to_string(),
        }
    }

    /// The item whose condition failed; any other error is returned as an
    /// error.
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

    /// Ignores a failed condition, for updates that need not happen then.
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

/// Parses an attribute, or says which rule of the model it breaks.
pub(super) fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{name} {error}"))
}
