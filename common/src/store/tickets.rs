//! Tickets: how a browser, which cannot send a bearer key with a WebSocket,
//! shows that its user may open one.

use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Connection, StoreError};
use crate::model::InstanceId;
use crate::random::{self, RandomError};

pub(super) const KEY: &str = "ticketHash";
pub(super) const EXPIRES_AT: &str = "expiresAt";

/// How long a ticket is valid: a page asks for one right before it connects.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// 256 random bits in hexadecimal, valid for one connection to one agent.
#[derive(Clone)]
pub struct Ticket(String);

/// The text is not a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits")]
pub struct InvalidTicket;

impl Ticket {
    pub(super) fn new() -> Result<Self, RandomError> {
        Ok(Self(hexadecimal(&random::bytes()?)))
    }

    /// The ticket itself, for its user and never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its hash, which is all that the table has of it: whoever reads the table
    /// cannot connect.
    pub(super) fn key(&self) -> AttributeValue {
        AttributeValue::S(hexadecimal(&Sha256::digest(self.0.as_bytes())))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

impl FromStr for Ticket {
    type Err = InvalidTicket;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(digit))
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidTicket)
    }
}

/// The table of tickets.
#[derive(Clone, Debug)]
pub struct Tickets {
    connection: Connection,
    table: String,
}

/// Why no ticket was issued.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Tickets {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// Issues a ticket for an agent, and returns it with its expiry.
    ///
    /// # Errors
    /// When DynamoDB fails, or there is no randomness.
    pub async fn issue(
        &self,
        instance: &InstanceId,
        now: Timestamp,
    ) -> Result<(Ticket, Timestamp), NotIssued> {
        let ticket = Ticket::new()?;
        let expires_at = now + LIFETIME;
        self.connection
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, ticket.key())
            .item("instanceId", AttributeValue::S(instance.to_string()))
            .item(EXPIRES_AT, seconds(expires_at))
            .send()
            .await
            .map_err(StoreError::failed("PutItem"))?;
        Ok((ticket, expires_at))
    }

    /// Redeems a ticket, and returns whether it was valid for this agent: of
    /// any number of concurrent callers, one gets `true`. A ticket for another
    /// agent, or an expired one, is left to expire.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn redeem(
        &self,
        ticket: &Ticket,
        instance: &InstanceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let answer = self
            .connection
            .client
            .delete_item()
            .table_name(&self.table)
            .key(KEY, ticket.key())
            .condition_expression("instanceId = :instance AND expiresAt > :now")
            .expression_attribute_values(":instance", AttributeValue::S(instance.to_string()))
            .expression_attribute_values(":now", seconds(now))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(StoreError::failed("DeleteItem")(error)),
        }
    }
}

/// Seconds since 1970, as DynamoDB's time-to-live requires.
pub(super) fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_second().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_differ_and_show_nothing() {
        let (one, other) = (Ticket::new().unwrap(), Ticket::new().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(one.key(), other.key());
        assert_ne!(one.key(), AttributeValue::S(one.reveal().to_owned()));
        assert_eq!(format!("{one:?}"), "Ticket(…)");
    }

    #[test]
    fn other_texts_are_no_tickets() {
        let good = "0123456789abcdef".repeat(4);
        assert!(good.parse::<Ticket>().is_ok());
        for text in [
            "",
            &good[1..],
            &good.to_uppercase(),
            &format!("{}g", &good[1..]),
        ] {
            assert!(text.parse::<Ticket>().is_err(), "{text:?}");
        }
    }
}
