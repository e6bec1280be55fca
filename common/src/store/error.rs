//! How the store fails.

use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};

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
    /// Keeps the whole chain of causes: the SDK's `Display` shows only its
    /// outermost word. It names no attribute values.
    pub(super) fn failed<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        move |error| Self::Failed {
            operation,
            cause: DisplayErrorContext(&error).to_string(),
        }
    }
}
