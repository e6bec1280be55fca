//! The queue over which a sweep distributes its segments. No other module names
//! the SQS SDK.

use std::fmt;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::aws::{self, Aws};

/// SQS's limit on the messages of one batch.
const BATCH: usize = 10;

/// A queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// Some messages were not accepted.
#[derive(Debug, thiserror::Error)]
#[error("SQS did not take {missing} of {all} messages: {cause}")]
pub struct QueueError {
    pub missing: usize,
    pub all: usize,
    /// The cause of the first failure.
    pub cause: String,
}

impl Queue {
    /// The queue at a URL. The first message opens the connection.
    pub fn open(aws: &Aws, url: String) -> Self {
        Self {
            client: Client::new(aws.config()),
            url,
        }
    }

    /// Sends messages, ten at once.
    ///
    /// # Errors
    /// When some were not accepted; all others were.
    pub async fn send(&self, messages: &[String]) -> Result<(), QueueError> {
        let mut missing = 0;
        let mut cause = None;
        for batch in messages.chunks(BATCH) {
            if let Err((failed, why)) = self.send_batch(batch).await {
                missing += failed;
                cause.get_or_insert(why);
            }
        }
        match cause {
            None => Ok(()),
            Some(cause) => Err(QueueError {
                missing,
                all: messages.len(),
                cause,
            }),
        }
    }

    /// How many of a batch failed, and why the first one did.
    async fn send_batch(&self, batch: &[String]) -> Result<(), (usize, String)> {
        let whole = |cause: String| (batch.len(), cause);
        let entries = batch.iter().enumerate().map(|(number, message)| {
            SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(message)
                .build()
        });
        let entries: Vec<_> = entries
            .collect::<Result<_, _>>()
            .map_err(|error| whole(error.to_string()))?;
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| whole(aws::chain(&error)))?;
        match answer.failed() {
            [] => Ok(()),
            [first, ..] => Err((
                answer.failed().len(),
                format!("{}: {}", first.code(), first.message().unwrap_or_default()),
            )),
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
